"""GatewayLink: what a kernel knows of one gateway, and its channel there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from uproot_nb.bridge.messages import (
    BridgeMessage,
    HttpPart,
    HttpReply,
    PartsWanted,
    RoomWaiting,
    SocketClosed,
    SocketOpened,
    StewardClosed,
    StewardOpened,
)
from uproot_nb.bridge.nats.charges import Charges
from uproot_nb.bridge.nats.nats_channel import NatsChannel

__all__ = ["MANY", "GatewayLink"]


class GatewayLink:
    """Notes whose sockets a gateway has, so that it gets what is for these, and nothing else.

    Attributes:
        family: the upper bits of the numbers of its sockets, calls and requests.
    """

    def __init__(self, channel: NatsChannel, family: int) -> None:
        self.channel, self.family = channel, family
        self.admitted = False
        """Whether the gateway has let us in."""
        self.charges = Charges()
        self.audience = 0
        """The number of the last `Audience` that it was sent."""
        self.players: Counter[str] = Counter()
        """How many sockets each player has there."""
        self.rooms: dict[str, RoomWaiting] = {}
        """Who waits there in each room, by its name."""
        self._sockets: dict[int, SocketOpened] = {}
        self._stewards: dict[int, StewardOpened] = {}
        self._streams: set[int] = set()
        self._note: dict[type[BridgeMessage], Callable[[Any], None]] = {
            SocketOpened: self._note_opened,
            SocketClosed: self._note_closed,
            StewardOpened: self._note_steward,
            StewardClosed: self._forget_steward,
            PartsWanted: self._note_wanted,
            RoomWaiting: self._note_waiting,
        }

    @property
    def sockets(self) -> int:
        """How many participants' sockets it has."""
        return len(self._sockets)

    def note(self, message: BridgeMessage) -> None:
        """Note what *message* from the gateway says of its sockets."""
        note = self._note.get(type(message))
        if note is not None:
            note(message)

    def note_sent(self, message: HttpReply | HttpPart) -> None:
        """Note an answer that is sent part by part."""
        if message.more:
            self._streams.add(message.request)
        else:
            self._streams.discard(message.request)

    def concerns(self, players: list[str]) -> bool:
        """Return whether one of *players* may have a socket there."""
        if len(players) >= MANY:
            return bool(self._sockets)
        return not self.players.keys().isdisjoint(players)

    def farewell(self) -> list[BridgeMessage]:
        """Return what a gateway that is gone could not say itself: all have left."""
        wanted = [PartsWanted(request, 0) for request in self._streams]
        stewards = [StewardClosed(s.socket, s.session) for s in self._stewards.values()]
        sockets = [SocketClosed(s.socket, s.session, s.player) for s in self._sockets.values()]
        rooms = [RoomWaiting(room.session, room.name, 0) for room in self.rooms.values()]
        return [*wanted, *stewards, *sockets, *rooms]

    def _note_opened(self, message: SocketOpened) -> None:
        if message.socket not in self._sockets:
            self.players[message.player] += 1
        self._sockets[message.socket] = message

    def _note_closed(self, message: SocketClosed) -> None:
        if self._sockets.pop(message.socket, None) is not None:
            self.players[message.player] -= 1
            if self.players[message.player] <= 0:
                del self.players[message.player]

    def _note_steward(self, message: StewardOpened) -> None:
        self._stewards[message.socket] = message

    def _forget_steward(self, message: StewardClosed) -> None:
        self._stewards.pop(message.socket, None)

    def _note_wanted(self, message: PartsWanted) -> None:
        if not message.count:
            self._streams.discard(message.request)

    def _note_waiting(self, message: RoomWaiting) -> None:
        self.rooms[message.name] = message


MANY = 64
"""Of so many recipients somebody is at every gateway that has sockets."""
