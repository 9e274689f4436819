"""BookTimer: wakes a market on the run's loop when orders expire or a halt ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uproot_nb.session.world import World

__all__ = ["BookTimer"]


class BookTimer:
    """One timer, for the next moment at which orders leave a book or a halt ends.

        timer = BookTimer(world, act=market.wake, left=seconds_until)
        timer.set(1764000000.0)

    Nothing is timed where a session is only read, or repeated from its recording.

    Args:
        act: called on the loop, under the lock.
        left: returns how many seconds are left until a time of the market.
    """

    def __init__(
        self, world: World, act: Callable[[], None], left: Callable[[float], float]
    ) -> None:
        self._world, self._act, self._left = world, act, left
        self._due: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due: float | None) -> None:
        """Set the time of the market at which it is to be called; None for never."""
        if due != self._due:
            self._due = due
            self.again()

    def again(self) -> None:
        """Set the timer again: a pause has moved it."""
        if self._world.is_served and self._world.lock.gate is None:
            self._world.loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        with self._world.lock:
            if self._due is not None and not self._world.flow.timeouts.stopped:
                left = max(0.0, self._left(self._due))
                self._handle = self._world.loop.call_later(left, self._reached)

    def _reached(self) -> None:
        self._handle = None
        with self._world.lock:
            due = self._due
            if due is None or self._world.closing:
                return
            self._act()
            if self._due == due:
                self._arm()  # too early, or the clocks have stopped
