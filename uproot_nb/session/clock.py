"""EvenClock: the time for durations and deadlines, independent of changes to the system clock."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["JUMP_SECONDS", "EvenClock"]

JUMP_SECONDS = 1.0
"""How far the system clock may deviate before it counts as having been set."""


class EvenClock:
    """Unix time that runs evenly, even if the system clock is set or the machine sleeps.

        clock = EvenClock(time.time, time.monotonic)
        clock()                # Unix seconds: time.time() at first, and evenly from then on
        clock.follow()         # by how much the system clock was set since

    Time for which the machine sleeps does not count (on Linux and macOS).

    Args:
        wall: the system clock, in Unix seconds.
        steady: a monotonic clock, in seconds.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self.reset()

    def __call__(self) -> float:
        """Return the time, in Unix seconds."""
        return self._offset + self._steady()

    def reset(self) -> None:
        """Set the time to the system clock's."""
        self._offset = self._wall() - self._steady()

    def follow(self) -> float:
        """Return by how many seconds the system clock was set, and adopt its time."""
        ahead = self._wall() - self()
        if abs(ahead) < JUMP_SECONDS:
            return 0.0
        self._offset += ahead
        return ahead
