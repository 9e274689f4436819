"""UpdateRate: how often monitors are updated; they take a small share of the loop's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["SHARE", "UPDATE_SECONDS", "UpdateRate"]

UPDATE_SECONDS = 0.2
"""Between two updates of a monitor: at most five a second."""
SHARE = 0.03
"""Of the loop's time, for all monitors of a run together; their updates become rarer instead."""


class UpdateRate:
    """Makes updates rarer the longer they take, and the more monitors there are.

        rate = UpdateRate(0.03)
        if rate.is_due():
            with rate.spending(among=3):   # one of three such
                ...

    Args:
        share: of the thread's time, for all of them together.
        spent: the seconds of a processor that this thread has used.
    """

    def __init__(
        self,
        share: float,
        now: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._share, self._now, self._spent = share, now, spent
        self._next = 0.0

    def is_due(self) -> bool:
        """Return whether enough time has passed since the last time."""
        return self._now() >= self._next

    @contextmanager
    def spending(self, among: int) -> Iterator[None]:
        """Note how long the block takes, of which each of *among* does the same."""
        before = self._spent()
        try:
            yield
        finally:
            self._next = self._now() + (self._spent() - before) * among / self._share
