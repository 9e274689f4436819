"""ClaimedRooms: the addresses that many participants share, and the browsers that wait there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice

import msgspec

from uproot_nb.bridge.messages import BridgeMessage, RoomShared, RoomWaiting
from uproot_nb.server.limits import Limits, Visitor, Visitors
from uproot_nb.server.sessions import ServedSession
from uproot_nb.server.sockets import PONG, Ping, status_frame
from uproot_nb.server.websocket import WebSocket, text_frame

__all__ = ["ClaimedRoom", "ClaimedRooms", "RoomSocket"]

MOST_LABELS = 200
"""Labels of those who wait in a room that the kernel is sent."""
LONGEST_LABEL = 128
_REPORT_SECONDS = 0.05
_RELOAD = text_frame(b'{"op":"action","action":"reload"}')

_decode = msgspec.json.Decoder(Ping).decode


class ClaimedRoom:
    """One room's address: which sessions claim it, and which browsers wait there."""

    __slots__ = ("_visitors", "claims", "name", "sockets")

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.claims: dict[str, tuple[float, ServedSession]] = {}
        self.sockets: list[RoomSocket] = []
        self._visitors = Visitors(limits)

    @property
    def session(self) -> ServedSession | None:
        """The session that claimed the room last; None if all have ended."""
        claims = reversed(self.claims.values())  # of two at the same time, the one reported last
        return max(claims, key=lambda claim: claim[0], default=(0.0, None))[1]

    @property
    def waiting(self) -> int:
        """How many browsers wait."""
        return sum(socket.waits for socket in self.sockets)

    def labels(self) -> list[str]:
        """Return the labels with which browsers wait, the first ones, each once."""
        labels = (socket.label for socket in self.sockets if socket.waits and socket.label)
        return list(islice(dict.fromkeys(labels), MOST_LABELS))

    def visitor(self, address: str) -> Visitor:
        """Return what *address* may still ask."""
        return self._visitors.get(address)

    def write(self, frame: bytes) -> None:
        """Write a whole frame to everybody who waits."""
        for socket in list(self.sockets):
            socket.write(frame)


class ClaimedRooms:
    """Every room that a session has claimed since the server started."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._rooms: dict[str, ClaimedRoom] = {}
        self._unreported: set[ClaimedRoom] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[ClaimedRoom]:
        return iter(self._rooms.values())

    def get(self, name: str) -> ClaimedRoom | None:
        """Return the room called *name*."""
        return self._rooms.get(name)

    def sockets(self) -> list[RoomSocket]:
        """Return the connection of everybody who waits anywhere."""
        return [socket for room in self for socket in room.sockets]

    # ---- who serves them ------------------------------------------------------------------

    def open(self, session: ServedSession, name: str, since: float) -> None:
        """Let *session* have the room, unless another has claimed it later than *since*."""
        room = self._rooms.get(name) or self._rooms.setdefault(name, ClaimedRoom(name, self.limits))
        before = room.session
        room.claims.pop(session.key, None)
        room.claims[session.key] = since, session
        self._hand_over(room, before)
        self.note(room)
        self._report_rivals(room, session)

    def _report_rivals(self, room: ClaimedRoom, session: ServedSession) -> None:
        """Report to two living sessions that both claim the room."""
        has_it = room.session
        for _, other in room.claims.values():
            if other is not session and other.link is not None:
                _send(other, RoomShared(other.key, room.name, session.name, has_it is not other))
                _send(session, RoomShared(session.key, room.name, other.name, has_it is other))

    def close(self, session: ServedSession, name: str) -> None:
        """Take the room away from *session*, and remove it if no other session claims it."""
        room = self._rooms.get(name)
        if room is not None and session.key in room.claims:
            self._give_up(room, session)
            if not room.claims:
                del self._rooms[name]

    def leave(self, session: ServedSession) -> None:
        """Take all rooms away from a session that has ended."""
        for room in self:
            if session.key in room.claims:
                self._give_up(room, session)

    def announce_state(self, session: ServedSession) -> None:
        """Send the state of *session* to everybody who waits for it."""
        for room in self:
            if room.session is session:
                room.write(status_frame(session.state))

    def write(self, session: ServedSession, name: str, frame: bytes) -> None:
        """Write a whole frame to everybody in the room, if it is the session's."""
        room = self._rooms.get(name)
        if room is not None and room.session is session:
            room.write(frame)

    def _give_up(self, room: ClaimedRoom, session: ServedSession) -> None:
        before = room.session
        del room.claims[session.key]
        self._hand_over(room, before)

    def _hand_over(self, room: ClaimedRoom, before: ServedSession | None) -> None:
        """Let everybody who waits load the page of the session that has the room now."""
        after = room.session
        if after is before:
            return
        if before is not None:
            _send(before, RoomWaiting(before.key, room.name, 0))
        if after is None:
            room.write(status_frame("closed"))
            for socket in list(room.sockets):
                socket.shut(4404, "session closed")
        elif before is not None:
            room.write(_RELOAD)
        self.note(room)

    # ---- who waits ------------------------------------------------------------------------

    def note(self, room: ClaimedRoom) -> None:
        """Report soon to the room's session how many wait; many changes make one report."""
        self._unreported.add(room)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_REPORT_SECONDS, self._report)

    def _report(self) -> None:
        self._timer = None
        unreported, self._unreported = self._unreported, set()
        for room in unreported:
            session = room.session
            if session is not None:  # an absent kernel gets the number when it comes back
                _send(session, RoomWaiting(session.key, room.name, room.waiting, room.labels()))

    def stop(self) -> None:
        """Say goodbye to everybody who waits. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for socket in self.sockets():
            socket.shut(1001, "going away")


class RoomSocket(WebSocket):
    """The connection of a browser that waits in a room.

    The server's own "paused" page connects too, to learn that the session goes on; it does not
    count as waiting. `label` is what a page says, which a stranger can make up.
    """

    __slots__ = ("_bucket", "_rooms", "label", "room", "waits")

    def __init__(
        self, rooms: ClaimedRooms, room: ClaimedRoom, *, waits: bool, label: str = ""
    ) -> None:
        super().__init__(rooms.limits.max_frame_bytes, rooms.limits.max_unsent_bytes)
        self._rooms, self._bucket = rooms, rooms.limits.bucket(time.monotonic())
        self.room, self.waits, self.label = room, waits, label[:LONGEST_LABEL]

    def on_open(self) -> None:
        self.room.sockets.append(self)
        self._rooms.note(self.room)
        session = self.room.session
        self.write(status_frame("closed" if session is None else session.state))
        if session is None:  # it has ended during the handshake
            self.shut(4404, "session closed")

    def on_closed(self) -> None:
        if self in self.room.sockets:
            self.room.sockets.remove(self)
            self._rooms.note(self.room)

    def admit(self, size: int) -> bool:
        return self._bucket is None or self._bucket.take(time.monotonic())

    def on_text(self, payload: bytes) -> None:
        try:
            _decode(payload)
        except (msgspec.DecodeError, RecursionError):
            self.refuse(4400, "malformed")
            return
        self.write(PONG)


def _send(session: ServedSession, message: BridgeMessage) -> None:
    if session.link is not None:
        session.link.send(message)
