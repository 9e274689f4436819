"""ShareOfTime: limits repeated work to a share of its thread's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ShareOfTime"]


class ShareOfTime:
    """Makes something rarer the longer it takes, and the more others do the same.

        share = ShareOfTime(0.03)
        if share.is_due():
            with share.spending(among=3):   # one of three such
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
