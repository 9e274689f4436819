"""ServerLine: a session's connection to the participant server, while there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.messages import BridgeMessage

__all__ = ["Connect", "ServerLine"]

Connect = Callable[
    [Callable[[list[BridgeMessage]], None], Callable[[], None]], Awaitable[tuple[Channel, str]]
]
"""Connects to a participant server: (receive, lost) → (channel, participant root URL)."""


class ServerLine:
    """Sends to the participant server; what is sent while there is no connection is dropped.

    Args:
        connect: connects to a participant server, also after the connection was lost.
        disconnect: releases, at the end, what `connect` has opened.
    """

    def __init__(self, connect: Connect, disconnect: Callable[[], Awaitable[None]]) -> None:
        self._connect, self._disconnect = connect, disconnect
        self._channel: Channel | None = None
        self.url = ""
        """The participant server's root for participants."""

    async def open(
        self, receive: Callable[[list[BridgeMessage]], None], lost: Callable[[], None]
    ) -> None:
        """Connect, also again after the connection was lost."""
        self._channel, self.url = await self._connect(receive, lost)

    def send(self, message: BridgeMessage) -> None:
        """Send a message, if there is a connection."""
        if self._channel is not None:
            self._channel.send(message)

    async def drain(self, number: int) -> None:
        """Wait until the server has read most of what was sent for a socket or request."""
        if self._channel is not None:
            await self._channel.drain(number)

    def forget(self) -> None:
        """Forget the connection, which is lost."""
        self._channel = None

    def drop(self) -> None:
        """Close the connection at once; another may be opened."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    async def hang_up(self) -> None:
        """Disconnect for good once everything is sent."""
        channel, self._channel = self._channel, None
        if channel is not None:
            while channel.unsent and not channel.closed:
                await asyncio.sleep(0.002)
            channel.close()
        await self._disconnect()

    async def end(self, farewell: BridgeMessage) -> None:
        """Disconnect for good after a last message."""
        if self._channel is not None:
            self._channel.send(farewell)
            self._channel.close()
            await asyncio.sleep(0)  # the channel writes at the end of the turn
        await self._disconnect()

    async def cut(self) -> None:
        """Disconnect for good at once."""
        self.drop()
        await self._disconnect()
