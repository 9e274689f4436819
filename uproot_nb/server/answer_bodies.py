"""AnswerBody: the body of an answer that the kernel sends in parts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from uproot_nb.bridge.messages import HttpPart

__all__ = ["AnswerBody", "cut_off", "send_parts"]

WINDOW = 2
"""So many parts are on their way at once."""


class AnswerBody:
    """An answer's body: its kernel sends a part only when the browser has taken one.

        async for part in body.parts():
            ...                          # send it to the browser
        body.failed                      # whether it ends too early

    Args:
        session: the key of the session.
        want: asks the kernel for so many more parts; with 0, to send no more.
    """

    def __init__(self, session: str, want: Callable[[int], None]) -> None:
        self.session, self._want = session, want
        self._arrived: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._is_over = self.failed = False

    def put(self, part: HttpPart) -> None:
        """Take a part of the kernel's."""
        if part.body:
            self._arrived.append(part.body)
        if not part.more:
            self._is_over, self.failed = True, part.failed
        self._news.set()

    def cut(self) -> None:
        """End the body too early: the kernel has gone, or serves the session no more."""
        if not self._is_over:
            self.failed = True
            self.close()

    def close(self) -> None:
        """Take no more: the browser has gone, or wants no body. Idempotent."""
        if not self._is_over:
            self._is_over = True
            self._want(0)
            self._news.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the parts as they come."""
        self._want(WINDOW)
        while True:
            while self._arrived:
                yield self._arrived.popleft()
                if not self._is_over:
                    self._want(1)
            if self._is_over:
                return
            self._news.clear()
            await self._news.wait()


async def send_parts(handler: RequestHandler, body: AnswerBody, patience: float) -> None:
    """Send a browser the parts of *body*, as fast as it reads, after the headers that are set.

    A browser that takes nothing for *patience* seconds is cut off, and so is one whose body fails:
    it notices that something is missing.
    """
    if "X-Accel-Buffering" not in handler._headers:
        handler.set_header("X-Accel-Buffering", "no")  # or nginx collects the parts
    try:
        await _flush(handler, patience)
        async for part in body.parts():
            handler.write(part)
            await _flush(handler, patience)
    except (StreamClosedError, TimeoutError):
        body.close()
        cut_off(handler)
    if body.failed:
        cut_off(handler)


async def _flush(handler: RequestHandler, patience: float) -> None:
    """Wait until the browser has taken what was written."""
    async with asyncio.timeout(patience):
        await handler.flush()


def cut_off(handler: RequestHandler) -> None:
    """Close the connection, so that the browser notices that something is missing."""
    connection: Any = handler.request.connection
    if connection is not None and connection.stream is not None:
        connection.stream.close()
