"""PromptClient: nats-py's client, with fewer turns of the loop between a message and its reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

__all__ = ["PromptClient"]

Listen = Callable[[bytes], None]


class PromptClient(Client):
    """Writes what is published at once, and hands over what comes as soon as it is read.

        client = PromptClient()
        await client.connect(...)
        client.hand_over(await client.subscribe("a", cb=...), print)
        with client.held():
            ...                 # several messages are written together

    nats-py does both in tasks of its own, which takes two turns of the loop more for a message. A
    connection by WebSocket is left to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, Listen] = {}
        self._is_held = False

    def hand_over(self, subscription: Subscription, listen: Listen) -> None:
        """Let *listen* have what comes for a subscription, in place of its callback."""
        self._listeners[subscription._id] = listen

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write what is published meanwhile at the end, all together."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self._write()

    def _write(self) -> None:
        pending = self._pending
        if pending and self.is_connected and isinstance(self._transport, TcpTransport):
            self._pending, self._pending_data_size = [], 0
            self._transport.writelines(pending)  # type: ignore[no-untyped-call]

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        """Write what waits; nats-py itself lets a task do that."""
        if not self.is_connected or not isinstance(self._transport, TcpTransport):
            return await super()._flush_pending(force_flush)
        if not self._is_held:
            self._write()
        written = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        """Take a message that has come; nats-py itself puts it in a queue for a task."""
        listen = self._listeners.get(sid)
        if listen is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            listen(bytes(data))
