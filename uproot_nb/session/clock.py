"""EvenClock: the time of durations and deadlines; setting the machine's clock moves nothing."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["JUMP_SECONDS", "EvenClock"]

JUMP_SECONDS = 1.0
"""How far the machine's clock may be off before it counts as having been set."""


class EvenClock:
    """Unix time that goes on evenly, also when the machine's clock is set or the machine sleeps.

        clock = EvenClock(time.time, time.monotonic)
        clock()                # Unix seconds, as time.time() said at first, and then evenly
        clock.follow()         # by how much the machine's clock was set since; deadlines move along

    The time for which a machine sleeps does not count (on Linux and macOS).

    Args:
        wall: the machine's clock, in Unix seconds.
        steady: a clock that is never set, in seconds.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self.reset()

    def __call__(self) -> float:
        """Return the time, in Unix seconds."""
        return self._offset + self._steady()

    def reset(self) -> None:
        """Be what the machine's clock says."""
        self._offset = self._wall() - self._steady()

    def follow(self) -> float:
        """Return by how many seconds the machine's clock was set, and go by it from now on."""
        ahead = self._wall() - self()
        if abs(ahead) < JUMP_SECONDS:
            return 0.0
        self._offset += ahead
        return ahead
