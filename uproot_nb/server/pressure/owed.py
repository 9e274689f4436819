"""Owed: news for a kernel that has stopped reading, sent once it reads again, each once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from uproot_nb.bridge.messages import (
    BridgeMessage,
    Misuse,
    RoomWaiting,
    ScriptError,
    SocketClosed,
    SocketOpened,
)

__all__ = ["Owed"]

_MOST_COUNTED = 10_000
"""Different refusals and errors that are counted; further ones are not reported."""


class Owed:
    """News about sockets, rooms and refusals, which do not grow with the time that they wait.

    owed.take_in(SocketOpened(7, "market", "ann", 0, 0))
    owed.take_in(SocketClosed(7, "market", "ann"))
    owed.hand_out()      # []: the kernel need not know
    """

    def __init__(self) -> None:
        self._sockets: dict[int, SocketOpened | SocketClosed] = {}
        self._rooms: dict[tuple[str, str], RoomWaiting] = {}
        self._counted: dict[Hashable, tuple[Any, int]] = {}

    def take_in(self, message: BridgeMessage) -> bool:
        """Store *message*; return False if it is of a kind that cannot wait here."""
        match message:
            case SocketOpened():
                self._sockets[message.socket] = message
            case SocketClosed():
                self._close(message)
            case RoomWaiting():
                self._rooms[message.session, message.name] = message
            case Misuse():
                self._count((message.session, message.player, message.what), message)
            case ScriptError():
                place = message.page, message.message, message.source, message.line
                self._count((message.session, message.player, *place), message)
            case _:
                return False
        return True

    def hand_out(self) -> list[BridgeMessage]:
        """Return what has waited, once."""
        counted = [_with_count(message, count) for message, count in self._counted.values()]
        found = [*self._sockets.values(), *self._rooms.values(), *counted]
        self._sockets, self._rooms, self._counted = {}, {}, {}
        return found

    def _close(self, message: SocketClosed) -> None:
        if isinstance(self._sockets.get(message.socket), SocketOpened):
            del self._sockets[message.socket]  # opened and closed meanwhile
        else:
            self._sockets[message.socket] = message

    def _count(self, kind: Hashable, message: Misuse | ScriptError) -> None:
        if kind in self._counted or len(self._counted) < _MOST_COUNTED:
            first, count = self._counted.get(kind, (message, 0))
            self._counted[kind] = first, count + message.count


def _with_count(message: Any, count: int) -> BridgeMessage:
    changed: BridgeMessage = msgspec.structs.replace(message, count=count)
    return changed
