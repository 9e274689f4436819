"""Socket handlers: upgrade a browser's request to a WebSocket, if it may have one."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.websocket import WebSocketProtocol13

from uproot_nb.server.base_handler import ParticipantHandler, Parts
from uproot_nb.server.connections import Connections
from uproot_nb.server.expected import TRY_AGAIN, Expected, WaitingSocket, room_key
from uproot_nb.server.limits import Limits
from uproot_nb.server.networks import network_of
from uproot_nb.server.polling.links import PolledLinks
from uproot_nb.server.rooms import ClaimedRooms, RoomSocket
from uproot_nb.server.sessions import ServedPlayer, ServedSession, digest
from uproot_nb.server.sockets import WAITING_PAGE, PlayerSocket, PlayerSockets, RefusedSocket
from uproot_nb.server.websocket import WebSocket

__all__ = [
    "JoinSocketHandler", "PlayerSocketHandler", "RoomSocketHandler", "SocketHandler",
    "SocketParts", "StreamTransport",
]  # fmt: skip

_VERSION = "13"
_NUMBER = re.compile(r"(?:-1|[0-9]{1,15})\Z", re.ASCII)


@dataclass(frozen=True)
class SocketParts(Parts):
    """The parts that use whoever opens a socket."""

    limits: Limits
    connections: Connections
    sockets: PlayerSockets
    expected: Expected
    rooms: ClaimedRooms
    polled: PolledLinks


class SocketHandler(ParticipantHandler[SocketParts]):
    """Checks the handshake; a child's `get` chooses the socket."""

    session: ServedSession | None = None
    """The session, where no player is known."""

    async def enter(
        self, player: ServedPlayer | None, find_socket: Callable[[], WebSocket]
    ) -> None:
        """Connect the browser to the socket that *find_socket* returns, or refuse the request."""
        key = self._handshake_key()
        if key is None:
            self.parts.reports.count_refusal("no handshake", player)
            self.show("missing", 404)
            return
        if self.request.headers.get("Sec-WebSocket-Version") != _VERSION:
            self.parts.reports.count_refusal("other WebSocket version", player)
            self.set_header("Upgrade", "websocket")
            self.set_header("Sec-WebSocket-Version", _VERSION)
            self.show("refused", 426)
            return
        if not self.origin_allowed():
            self.refuse_origin(player)
            return
        connection: Any = self.request.connection
        network = network_of(self.address)
        seat = self.parts.connections.upgrade(connection.stream, network, known=player is not None)
        if seat is None:
            self.refuse_for_want_of_seats(network)
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
        if not await _adopt(self.detach(), socket):
            seat.release()

    def _handshake_key(self) -> str | None:
        """Return the handshake's key; None if this is not a WebSocket handshake."""
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

    def origin_allowed(self) -> bool:
        """Return whether the request comes from a page of this site, as its browser reports."""
        origin = self.request.headers.get("Origin")
        if origin is None:
            return True  # not a browser; the token is the secret
        if self.sandboxed:
            return origin == "null"  # the sandbox's own origin, never Jupyter's
        return self.parts.site.allows_origin(origin, self.request.headers.get("Host", ""))

    def refuse_origin(self, player: ServedPlayer | None) -> None:
        """Refuse a request of another site's page."""
        origin = self.request.headers.get("Origin", "")
        self.parts.reports.note_foreign_origin(origin, self.request.host, player, self.session)
        self.show("missing", 404)

    def refuse_for_want_of_seats(self, network: str) -> None:
        """Refuse a connection for which there is no seat."""
        detail = self.parts.connections.describe_shortage(network)
        self.parts.reports.note_shortage("too many connections", detail)
        self.set_header("Retry-After", "5")
        self.show("refused", 503)

    def _socket_for_unknown(self, what: str, key: bytes) -> WebSocket:
        """Return a socket that waits for a kernel that may know *key*, or one that refuses."""
        if not self.parts.expected.is_open:
            self.parts.reports.count_refusal(what)
            return RefusedSocket(self.parts.sockets, 4403, "")
        if not self.parts.expected.has_place:
            return RefusedSocket(self.parts.sockets, 4429, "try again")
        return WaitingSocket(self.parts.expected, key, self.parts.limits)


class PlayerSocketHandler(SocketHandler):
    """Opens the socket of a player's page."""

    route = "p/…/ws"

    async def get(self, token: str) -> None:
        player = self.parts.sessions.player(token)
        await self.enter(player, lambda: self._socket_for(player, token))

    def _socket_for(self, player: ServedPlayer | None, token: str) -> WebSocket:
        """Return the socket for *player*, or one that refuses."""
        page = self.get_query_argument("page", "")
        since = self.get_query_argument("since", "0")
        if player is None:
            return self._socket_for_unknown("unknown token", digest(token))
        if player.session.closed:
            return RefusedSocket(self.parts.sockets, 4404, "session closed", "closed")
        if not _NUMBER.match(page) or not _NUMBER.match(since) or since == "-1":
            self.parts.reports.count_refusal("malformed", player)
            return RefusedSocket(self.parts.sockets, 4400, "malformed")
        if len(self.parts.sockets.of_player(player)) >= self.parts.limits.max_sockets_per_player:
            self.parts.reports.count_refusal("too many sockets", player)
            return RefusedSocket(self.parts.sockets, 4429, "too many sockets")
        if not player.may_connect(time.monotonic()):
            self.parts.reports.count_refusal("too fast", player)
            return RefusedSocket(self.parts.sockets, 4429, "too fast")
        return PlayerSocket(self.parts.sockets, player, int(page), int(since))


class RoomSocketHandler(SocketHandler):
    """Opens the socket of a page that waits until a room opens."""

    route = "room/…/ws"

    async def get(self, name: str) -> None:
        room = self.parts.rooms.get(name)
        self.session = room.session if room is not None else None
        await self.enter(None, lambda: self._socket_for(name))

    def _socket_for(self, name: str) -> WebSocket:
        """Return the socket for a browser that waits, or one that refuses."""
        room = self.parts.rooms.get(name)
        if room is None:
            return self._socket_for_unknown("unknown room", room_key(name))
        if room.session is None:
            return RefusedSocket(self.parts.sockets, 4404, "session closed", "closed")
        waits = self.get_query_argument("page", "") != str(WAITING_PAGE)
        label = self.get_query_argument("label", "")
        return RoomSocket(self.parts.rooms, room, waits=waits, label=label)


class JoinSocketHandler(SocketHandler):
    """Opens the socket of a join link's page, which waits until its session is opened."""

    route = "join/…/…/ws"

    async def get(self, label: str, secret: str) -> None:
        await self.enter(None, lambda: self._socket_for(label, secret))

    def _socket_for(self, label: str, secret: str) -> WebSocket:
        if self.parts.sessions.joined_by(label, secret) is None:
            return self._socket_for_unknown("unknown join link", digest(secret))
        return RefusedSocket(self.parts.sockets, TRY_AGAIN, "try again")


async def _adopt(stream: IOStream, protocol: WebSocket) -> bool:
    """Hand the connection of *stream* over to *protocol*; return False if it is gone."""
    try:
        await stream.write(b"")  # the handshake's answer has left
        if isinstance(stream, SSLIOStream):
            StreamTransport(stream, protocol).start()
            return True
        first = asyncio.ensure_future(stream.read_bytes(65536, partial=True))
        if stream.closed():
            return False
        opened = stream.socket.dup()
        stream.close()
        if first.done() and not first.exception():
            protocol.begin_with(first.result())
    except (StreamClosedError, OSError):  # gone, or the process has no more open files
        stream.close()
        return False
    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, opened)
    return True


class StreamTransport(asyncio.Transport):
    """A Tornado stream as an asyncio transport; for TLS, whose state cannot be handed over."""

    def __init__(self, stream: IOStream, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._stream, self._protocol = stream, protocol
        self._reading = asyncio.Event()
        self._reading.set()
        self._task: asyncio.Task[None] | None = None
        self._unsent = 0

    def start(self) -> None:
        """Begin to read."""
        self._protocol.connection_made(self)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            with contextlib.suppress(StreamClosedError):
                while True:
                    await self._reading.wait()
                    self._protocol.data_received(await self._stream.read_bytes(65536, partial=True))
        finally:
            self._stream.close()
            self._protocol.connection_lost(None)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._stream.socket if name == "socket" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        size = len(data)
        with contextlib.suppress(StreamClosedError):
            written = asyncio.ensure_future(self._stream.write(bytes(data)))
            self._unsent += size
            written.add_done_callback(lambda _: self._sent(size))

    def _sent(self, size: int) -> None:
        self._unsent -= size

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    def is_closing(self) -> bool:
        return self._stream.closed()

    def close(self) -> None:
        if not self._stream.closed():
            asyncio.ensure_future(self._stream.write(b"")).add_done_callback(self._cut)

    def _cut(self, written: asyncio.Future[None]) -> None:
        written.exception()
        self.abort()

    def abort(self) -> None:
        self._reading.set()
        self._stream.close()
