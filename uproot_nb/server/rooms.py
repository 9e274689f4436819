"""Rooms: doors that many participants share, and the browsers that wait in front of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import msgspec

from uproot_nb.bridge.messages import Message, RoomShared, RoomWaiting
from uproot_nb.server.limits import Limits
from uproot_nb.server.sessions import Session
from uproot_nb.server.sockets import PONG, status_frame
from uproot_nb.server.visitors import Visitor, Visitors
from uproot_nb.server.websocket import WebSocket, text_frame

__all__ = ["Room", "RoomSocket", "Rooms"]

_REPORT_SECONDS = 0.05
_RELOAD = text_frame(b'{"op":"action","action":"reload"}')


class _Ping(msgspec.Struct, tag_field="op", tag="ping"):
    pass


_decode = msgspec.json.Decoder(_Ping).decode


class Room:
    """A room's address: which sessions claim it, and who waits there."""

    __slots__ = ("_visitors", "claims", "name", "sockets")

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.claims: dict[str, tuple[float, Session]] = {}
        self.sockets: list[RoomSocket] = []
        self._visitors = Visitors(limits)

    @property
    def session(self) -> Session | None:
        """The session that has claimed the room last; None if all have ended."""
        claims = reversed(self.claims.values())  # of two at the same time, the one heard last
        return max(claims, key=lambda claim: claim[0], default=(0.0, None))[1]

    @property
    def waiting(self) -> int:
        """How many browsers wait."""
        return sum(socket.waits for socket in self.sockets)

    def visitor(self, address: str) -> Visitor:
        """Return what *address* may still ask; addresses not heard of for long are forgotten."""
        return self._visitors.get(address)

    def say(self, frame: bytes) -> None:
        """Write a whole frame to everybody who waits."""
        for socket in list(self.sockets):
            socket.write(frame)


class Rooms:
    """Every room that a session has claimed since the server started."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._rooms: dict[str, Room] = {}
        self._unreported: set[Room] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def get(self, name: str) -> Room | None:
        """Return the room called *name*."""
        return self._rooms.get(name)

    def sockets(self) -> list[RoomSocket]:
        """Return the connection of everybody who waits anywhere."""
        return [socket for room in self for socket in room.sockets]

    # ---- who serves them ------------------------------------------------------------------

    def open(self, session: Session, name: str, since: float) -> None:
        """Let *session* have the room, unless another has claimed it later than *since*."""
        room = self._rooms.get(name) or self._rooms.setdefault(name, Room(name, self.limits))
        before = room.session
        room.claims.pop(session.key, None)
        room.claims[session.key] = since, session
        self._hand_over(room, before)
        self.note(room)
        self._tell_rivals(room, session)

    def _tell_rivals(self, room: Room, session: Session) -> None:
        """Let both of two living sessions know that they claim the same room."""
        has_it = room.session
        for _, other in room.claims.values():
            if other is not session and other.link is not None:
                _send(other, RoomShared(other.key, room.name, session.name, has_it is not other))
                _send(session, RoomShared(session.key, room.name, other.name, has_it is other))

    def close(self, session: Session, name: str) -> None:
        """Take the room away from *session*; without another it is no more."""
        room = self._rooms.get(name)
        if room is not None and session.key in room.claims:
            self._give_up(room, session)
            if not room.claims:
                del self._rooms[name]

    def leave(self, session: Session) -> None:
        """Take all rooms away from a session that has ended."""
        for room in self:
            if session.key in room.claims:
                self._give_up(room, session)

    def tell_state(self, session: Session) -> None:
        """Tell everybody who waits for *session* its state."""
        for room in self:
            if room.session is session:
                room.say(status_frame(session.state))

    def say(self, session: Session, name: str, frame: bytes) -> None:
        """Write a whole frame to everybody in the room, if it is the session's."""
        room = self._rooms.get(name)
        if room is not None and room.session is session:
            room.say(frame)

    def _give_up(self, room: Room, session: Session) -> None:
        before = room.session
        del room.claims[session.key]
        self._hand_over(room, before)

    def _hand_over(self, room: Room, before: Session | None) -> None:
        """Show everybody who waits the page of the session that has the room now."""
        after = room.session
        if after is before:
            return
        if before is not None:
            _send(before, RoomWaiting(before.key, room.name, 0))
        if after is None:
            room.say(status_frame("closed"))
            for socket in list(room.sockets):
                socket.shut(4404, "session closed")
        elif before is not None:
            room.say(_RELOAD)
        self.note(room)

    # ---- who waits ------------------------------------------------------------------------

    def note(self, room: Room) -> None:
        """Tell the room's session soon how many wait, of many changes at once."""
        self._unreported.add(room)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_REPORT_SECONDS, self._report)

    def _report(self) -> None:
        self._timer = None
        unreported, self._unreported = self._unreported, set()
        for room in unreported:
            session = room.session
            if session is not None:  # a kernel that is away is told when it comes back
                _send(session, RoomWaiting(session.key, room.name, room.waiting))

    def stop(self) -> None:
        """Say goodbye to everybody who waits. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for socket in self.sockets():
            socket.shut(1001, "going away")


class RoomSocket(WebSocket):
    """The connection of a browser that waits in a room.

    The server's own "paused" page connects too; it only wants to hear that the session goes on, so
    it does not count among those who wait.
    """

    __slots__ = ("_bucket", "_rooms", "room", "waits")

    def __init__(self, rooms: Rooms, room: Room, *, waits: bool) -> None:
        super().__init__(rooms.limits.max_frame_bytes, rooms.limits.max_unsent_bytes)
        self._rooms, self._bucket = rooms, rooms.limits.bucket(time.monotonic())
        self.room, self.waits = room, waits

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


def _send(session: Session, message: Message) -> None:
    if session.link is not None:
        session.link.send(message)
