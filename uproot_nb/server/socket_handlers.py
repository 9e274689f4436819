"""SocketDoor: upgrades a browser's request to a WebSocket, and seats it."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable
from typing import Any

from tornado.websocket import WebSocketProtocol13

from uproot_nb.server.base_handler import Answer
from uproot_nb.server.expected import TRY_AGAIN, WaitingSocket, room_key
from uproot_nb.server.request_info import address_of
from uproot_nb.server.rooms import RoomSocket
from uproot_nb.server.sessions import Player, Session, digest
from uproot_nb.server.sockets import WAITING_PAGE, ClosedDoor, PlayerSocket
from uproot_nb.server.websocket import WebSocket, adopt

__all__ = ["JoinDoor", "PlayerDoor", "RoomDoor"]

_VERSION = "13"
_NUMBER = re.compile(r"(?:-1|[0-9]{1,15})\Z", re.ASCII)


class _SocketDoor(Answer):
    """Checks the handshake; whose door it is says who is seated."""

    session: Session | None = None
    """Whose door it is, where no player is known."""

    async def enter(self, player: Player | None, find_socket: Callable[[], WebSocket]) -> None:
        """Seat the browser in the socket that *find_socket* gives, if it asks for one properly."""
        key = self._handshake_key()
        if key is None:
            self.server.count_refusal("no handshake", player)
            self.show("missing", 404)
            return
        if self.request.headers.get("Sec-WebSocket-Version") != _VERSION:
            self.server.count_refusal("other WebSocket version", player)
            self.set_header("Upgrade", "websocket")
            self.set_header("Sec-WebSocket-Version", _VERSION)
            self.show("refused", 426)
            return
        if not self._origin_allowed():
            origin = self.request.headers.get("Origin", "")
            self.server.note_foreign_origin(origin, self.request.host, player, self.session)
            self.show("missing", 404)
            return
        address = address_of(self.request, self.server.proxies)
        connection: Any = self.request.connection
        seat = self.server.seat_for(connection.stream, address, player)
        if seat is None:
            self.server.note_shortage(address)
            self.set_header("Retry-After", "5")
            self.show("refused", 503)
            return
        self.set_status(101)
        for header in ("Content-Type", "Cache-Control", "Content-Security-Policy"):
            self.clear_header(header)
        self.set_header("Upgrade", "websocket")
        self.set_header("Connection", "Upgrade")
        self.set_header("Sec-WebSocket-Accept", WebSocketProtocol13.compute_accept_value(key))
        self.finish()
        socket = find_socket()
        socket.release = seat.release
        if not await adopt(self.detach(), socket):
            seat.release()

    def _handshake_key(self) -> str | None:
        """Return the handshake's key; None if this is no WebSocket handshake."""
        headers = self.request.headers
        offered = [part.strip().lower() for part in headers.get("Connection", "").split(",")]
        key = headers.get("Sec-WebSocket-Key", "")
        try:
            long_enough = len(base64.b64decode(key, validate=True)) == 16
        except (binascii.Error, ValueError):
            return None
        if (
            headers.get("Upgrade", "").lower() != "websocket"
            or "upgrade" not in offered
            or self.request.method != "GET"
            or self.request.version != "HTTP/1.1"
            or self.request.body
        ):
            return None
        return key if long_enough else None

    def _origin_allowed(self) -> bool:
        origin = self.request.headers.get("Origin")
        if origin is None:
            return True  # not a browser; the token is the secret
        if self.sandboxed:
            return origin == "null"  # the sandbox's own origin; Jupyter's has no business here
        return self.server.origin_allowed(origin, self.request.headers.get("Host", ""))

    def _door_of_stranger(self, what: str, key: bytes) -> WebSocket:
        """Return where somebody waits whom only a kernel that is still to come may know."""
        server = self.server
        if not server.expected.is_open:
            server.count_refusal(what)
            return ClosedDoor(server, 4403, "")
        if not server.expected.has_place:
            return ClosedDoor(server, 4429, "try again")
        return WaitingSocket(server.expected, key, server.limits)


class PlayerDoor(_SocketDoor):
    """The door to a player's page."""

    route = "p/…/ws"

    async def get(self, token: str) -> None:
        player = self.server.sessions.player(token)
        await self.enter(player, lambda: self._socket_for(player, token))

    def _socket_for(self, player: Player | None, token: str) -> WebSocket:
        """Return the socket for *player*, or one that only says why there is none."""
        page = self.get_query_argument("page", "")
        since = self.get_query_argument("since", "0")
        if player is None:
            return self._door_of_stranger("unknown token", digest(token))
        if player.session.closed:
            return ClosedDoor(self.server, 4404, "session closed", "closed")
        if not _NUMBER.match(page) or not _NUMBER.match(since) or since == "-1":
            self.server.count_refusal("malformed", player)
            return ClosedDoor(self.server, 4400, "malformed")
        if len(player.sockets) >= self.server.limits.max_sockets_per_player:
            self.server.count_refusal("too many sockets", player)
            return ClosedDoor(self.server, 4429, "too many sockets")
        if not player.may_connect(time.monotonic()):
            self.server.count_refusal("too fast", player)
            return ClosedDoor(self.server, 4429, "too fast")
        return PlayerSocket(self.server, player, int(page), int(since))


class RoomDoor(_SocketDoor):
    """The door to where people wait until a room opens."""

    route = "room/…/ws"

    async def get(self, name: str) -> None:
        room = self.server.rooms.get(name)
        self.session = room.session if room is not None else None
        await self.enter(None, lambda: self._socket_for(name))

    def _socket_for(self, name: str) -> WebSocket:
        """Return the socket for somebody who waits, or one that only says why there is none."""
        room = self.server.rooms.get(name)
        if room is None:
            return self._door_of_stranger("unknown room", room_key(name))
        if room.session is None:
            return ClosedDoor(self.server, 4404, "session closed", "closed")
        waits = self.get_query_argument("page", "") != str(WAITING_PAGE)
        return RoomSocket(self.server.rooms, room, waits=waits)


class JoinDoor(_SocketDoor):
    """The door to a join link; there is only something to wait for until its session is opened."""

    route = "join/…/…/ws"

    async def get(self, label: str, secret: str) -> None:
        await self.enter(None, lambda: self._socket_for(label, secret))

    def _socket_for(self, label: str, secret: str) -> WebSocket:
        if self.server.sessions.joined_by(label, secret) is None:
            return self._door_of_stranger("unknown join link", digest(secret))
        return ClosedDoor(self.server, TRY_AGAIN, "try again")
