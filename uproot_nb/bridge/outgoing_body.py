"""OutgoingBody: the kernel's end of an answer's body that is sent in parts."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from uproot_nb.bridge.messages import HttpPart

__all__ = ["PART_BYTES", "OutgoingBody", "pieces"]

PART_BYTES = 64 * 1024
"""Longer parts are sent in several messages."""


class OutgoingBody(ABC):
    """Sends an answer's parts as fast as they are taken, and closes what makes them.

    If the reader goes away, it ends where it stands, and closes that just the same.
    """

    def __init__(self, request: int) -> None:
        self._request = request
        self._wanted, self._news = 0, asyncio.Event()
        self._task: asyncio.Task[Any] | None = None
        self._is_stopped = False

    def want(self, count: int) -> None:
        """Note that the reader can take more parts; that it has gone, if *count* is 0."""
        self._wanted += count
        if count:
            self._news.set()
        else:
            self.stop()

    def stop(self) -> None:
        """Make no further part. Idempotent."""
        if not self._is_stopped:
            self._is_stopped = True
            self._news.set()
            if self._task is not None:
                self._task.cancel()

    async def run(self) -> bool:
        """Send every part, and close what makes them; return whether the reader stayed for all."""
        self._task, has_failed = asyncio.current_task(), True
        try:
            await self._send_all()
            has_failed = False
        except asyncio.CancelledError:
            if not self._is_stopped:
                raise
        finally:
            self._task = None  # from here on nothing is cut off
            try:
                await self._close()
            finally:
                self._send(HttpPart(self._request, b"", more=False, failed=has_failed))
        return not self._is_stopped

    @abstractmethod
    async def _send_all(self) -> None:
        """Send the parts, each once it is wanted."""

    @abstractmethod
    async def _close(self) -> None:
        """Close what makes the parts."""

    @abstractmethod
    def _send(self, part: HttpPart) -> None:
        """Send one part."""


def pieces(part: bytes) -> Iterator[bytes]:
    """Yield a part in pieces that one message can hold."""
    for start in range(0, len(part), PART_BYTES):
        yield part[start : start + PART_BYTES]
