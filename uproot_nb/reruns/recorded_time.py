"""RecordedLoop: an event loop with the clock of a recording, which moves only on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uproot_nb.session.steps import StepLock, StepLoop

__all__ = ["CLOSE", "RecordedLoop"]

CLOSE = 5.0
"""Seconds; two clock times that are closer count as equal."""
_RESOLUTION = 1e-6
"""Seconds; the precision of Unix times as floating-point numbers."""


class RecordedLoop(StepLoop):
    """Runs what is due at a recorded time, without waiting for it.

    loop = RecordedLoop(lock, 1764000000.0)
    await loop.advance(1764000060.0)    # whatever was due in that minute has run
    """

    def __init__(self, lock: StepLock, now: float) -> None:
        super().__init__(lock)
        self.now = now
        self._clock_resolution = _RESOLUTION
        self._in_threads: set[asyncio.Future[Any]] = set()

    def time(self) -> float:
        """Return the recorded time, in Unix seconds."""
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function in a thread; `settle` waits for it."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads.add(future)
        future.add_done_callback(self._in_threads.discard)
        return future

    async def advance(self, until: float) -> None:
        """Let time pass; each timer goes off at its own time."""
        await self.settle()
        while (due := self._next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            await self.settle()
        self.now = max(self.now, until)
        await self.settle()

    async def settle(self) -> None:
        """Return when nothing is left to do at this moment."""
        while True:
            await asyncio.sleep(0)
            if self._in_threads:
                await asyncio.wait(self._in_threads)
                continue
            due = self._next_due()
            if not self._ready and (due is None or due > self.now):  # type: ignore[attr-defined]
                return

    def _next_due(self) -> float | None:
        timers = self._scheduled  # type: ignore[attr-defined]
        return min((timer.when() for timer in timers if not timer.cancelled()), default=None)
