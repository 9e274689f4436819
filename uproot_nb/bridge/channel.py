"""Channel: one end of the connection between the participant server and a kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from uproot_nb.bridge.messages import BridgeMessage

__all__ = [
    "Accept", "Channel", "Gone", "MOST_UNSENT_BYTES", "MemoryChannel", "Receive", "memory_pair",
]  # fmt: skip

MOST_UNSENT_BYTES = 64 * 1024 * 1024
"""If the other side leaves more unread, besides one long message, the channel is gone."""

Receive = Callable[[list[BridgeMessage]], None]
"""Takes all messages of one read, in order."""

Gone = Callable[[], None]
"""Called exactly once, when the other side has closed or died."""

Accept = Callable[["Channel", str], tuple[Receive, Gone]]
"""Takes a new channel and its kernel's id; returns who receives from it."""


class Channel(Protocol):
    """One end of a connection. Use it in its event loop's thread only.

    channel.send(Push("market", 7, ["ann"], b'{"op":"event","seq":7}'))
    """

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""

    @property
    def unsent(self) -> int:
        """Bytes that the other side has not read yet (messages, for a channel in memory)."""

    def send(self, message: BridgeMessage) -> None:
        """Send *message* after those before; never waits, and does nothing if closed."""

    async def drain(self, number: int = 0) -> None:
        """Wait until the other side has read most of what was sent, or the channel is closed.

        Call it between the parts of a large amount of data, so that memory stays bounded. Where
        there are several other sides, it is the one with the socket or request *number*.
        """

    def close(self) -> None:
        """Deliver what was sent, then close. Idempotent."""


class MemoryChannel:
    """A channel whose other end is in the same event loop; nothing is encoded."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._other: MemoryChannel | None = None
        self._receive: Receive = _ignore
        self._gone: Gone = _forget
        self._waiting: list[BridgeMessage] = []
        self._other_closed = False
        self._scheduled = False
        self.closed = False

    @property
    def unsent(self) -> int:
        return len(self._other._waiting) if self._other else 0

    def send(self, message: BridgeMessage) -> None:
        if self.closed or self._other is None:
            return
        self._other._waiting.append(message)
        self._other._schedule()

    async def drain(self, number: int = 0) -> None:
        await asyncio.sleep(0)  # the other end receives everything once in each turn of the loop

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._waiting.clear()
        if self._other is not None:
            self._other._other_closed = True
            self._other._schedule()
            self._other = None

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self.closed:
            return
        messages, self._waiting = self._waiting, []
        if messages:
            self._receive(messages)
        if self._other_closed and not self.closed and not self._waiting:
            self.closed = True
            self._other = None
            self._gone()


def memory_pair(
    receive: Receive, gone: Gone, accepted: Accept, kernel: str = ""
) -> tuple[MemoryChannel, MemoryChannel]:
    """Return the kernel's and the server's end of a channel within one event loop.

    *receive* and *gone* are for the kernel's end; *accepted* takes the server's end, as it does for
    a stream.
    """
    near, far = MemoryChannel(), MemoryChannel()
    near._other, far._other = far, near
    near._receive, near._gone = receive, gone
    far._receive, far._gone = accepted(far, kernel)
    return near, far


def _ignore(messages: list[BridgeMessage]) -> None:
    return


def _forget() -> None:
    return
