"""Pause: whether a run is paused, and the requests that wait until it goes on."""

from __future__ import annotations

import asyncio

__all__ = ["Pause"]

HOLDING_SECONDS = 20.0
"""How long a request waits in a pause; less than the participant server waits for a form."""


class Pause:
    """Whether the run is paused.

        if await pause.over():
            ...            # the run goes on

    `begin` and `end` may be called from any thread, under the run's lock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()
        self.lasts = False

    @property
    def state(self) -> str:
        """The run's state as participants see it: "running" or "paused"."""
        return "paused" if self.lasts else "running"

    def begin(self) -> None:
        """Pause."""
        self.lasts = True

    def end(self) -> None:
        """Go on."""
        self.lasts = False
        self._loop.call_soon_threadsafe(self._release)

    async def over(self) -> bool:
        """Wait for the end of the pause; return False if it lasts too long."""
        end = self._loop.time() + HOLDING_SECONDS
        while self.lasts:
            waiting: asyncio.Future[None] = self._loop.create_future()
            self._waiting.add(waiting)
            try:
                async with asyncio.timeout_at(end):
                    await waiting
            except TimeoutError:
                return False
            finally:
                self._waiting.discard(waiting)
        return True

    def _release(self) -> None:
        for waiting in list(self._waiting):
            if not waiting.done():
                waiting.set_result(None)
