"""Poll handlers: a browser's requests where WebSockets are blocked.

The first line of a body is a request; the lines below a `send` are the browser's frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from tornado.iostream import StreamClosedError

from uproot_nb.server.connections import Seat
from uproot_nb.server.networks import network_of
from uproot_nb.server.polling.transport import PolledTransport
from uproot_nb.server.sessions import ServedPlayer
from uproot_nb.server.socket_handlers import (
    JoinSocketHandler,
    PlayerSocketHandler,
    RoomSocketHandler,
    SocketHandler,
    SocketParts,
)
from uproot_nb.server.websocket import WebSocket

__all__ = ["JoinPollHandler", "PlayerPollHandler", "PollHandler", "RoomPollHandler"]

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_BLOCKED = {
    "policy": "a page's Content-Security-Policy lets its script connect neither by WebSocket nor "
    "by long polling. Allow it: connect-src 'self'",
    "network": "something between the server and a participant's browser lets neither WebSockets "
    "nor long polling pass; forms still work. Another network or device helps",
}
_HTTP_NAMES = {400: "malformed", 404: "unknown", 405: "malformed", 429: "busy", 503: "busy"}


class _Open(msgspec.Struct, tag_field="op", tag="open"):
    """Connect; `page` and `since` are in the address, as for a WebSocket."""


class _Wait(msgspec.Struct, tag_field="op", tag="wait"):
    """Wait for the frames after answer number `got`, no longer than `hold` seconds."""

    link: _Id
    got: _Count
    hold: float = 3600.0


class _Send(msgspec.Struct, tag_field="op", tag="send"):
    """Take the frames below, of which the first has the number `first`."""

    link: _Id
    first: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class _Leave(msgspec.Struct, tag_field="op", tag="leave"):
    """The page is closed."""

    link: _Id


_decode = msgspec.json.Decoder(_Open | _Wait | _Send | _Leave).decode


class PollHandler(SocketHandler):
    """Answers by JSON, whatever happens: other answers show the page that something is in between.

    A child is also the handler of a socket, and says by its `get` which socket a browser gets.
    """

    _waiting: PolledTransport | None = None

    def initialize(self, parts: SocketParts) -> None:
        super().initialize(parts)
        self._let_sandbox_read()

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Type", "application/json")
        self._let_sandbox_read()

    def _let_sandbox_read(self) -> None:
        """Let scripts of sandboxed pages, which have no origin, read the answers."""
        if self.sandboxed and self.request.headers.get("Origin") == "null":
            self.set_header("Access-Control-Allow-Origin", "null")

    def show(self, kind: str, status: int) -> None:
        """Answer that the request was refused, instead of a page."""
        self.set_status(status)
        self.finish(b'{"refused":"%b"}' % _HTTP_NAMES.get(status, kind).encode())

    async def get(self, *path: str) -> None:
        """Refuse: every request of a page's script is a post, which nothing stores."""
        self.show("refused", 405)

    async def post(self, *path: str) -> None:
        """Open a link, or carry out a request of one."""
        player, body = self.parts.sessions.player(path[0]), self.request.body
        if not self.origin_allowed():
            self.refuse_origin(player)
            return
        head, below, rest = body.partition(b"\n")
        try:
            asked = _decode(head)
        except (msgspec.DecodeError, RecursionError):
            asked = None
        if asked is None or len(body) > self.parts.limits.max_post_bytes:
            self._refuse(player, "malformed", 400)
        elif isinstance(asked, _Open):
            opened = super().get(*path)  # which calls `enter`
            if opened is not None:
                await opened
        else:
            await self._carry_out(player, asked, rest.split(b"\n") if below else [])

    async def enter(
        self, player: ServedPlayer | None, find_socket: Callable[[], WebSocket]
    ) -> None:
        """Open a link to the socket that *find_socket* returns."""
        seat = self._take_seat(known=player is not None)
        if seat is None:
            return
        socket = find_socket()
        socket.release = seat.release
        link, transport = self.parts.polled.open(self.request.path, socket)
        answer = await transport.next_answer(0, 0.0)
        self.finish(b'{"link":"%b",%b' % (link.encode(), answer[1:]))

    async def _carry_out(
        self, player: ServedPlayer | None, asked: _Wait | _Send | _Leave, frames: list[bytes]
    ) -> None:
        link = self.parts.polled.find(self.request.path, asked.link)
        if link is None:
            self._refuse(player, "", 404)
        elif isinstance(asked, _Wait):
            await self._answer(link, asked)
        elif isinstance(asked, _Send):
            self.finish(b'{"taken":%d}' % link.take(asked.first, frames))
        else:
            link.abort()
            self.finish(b"{}")

    def _refuse(self, player: ServedPlayer | None, what: str, status: int) -> None:
        """Refuse a request that no link pays for; it counts as a call of the player."""
        bucket = player.bucket if player is not None else None
        if bucket is not None and not bucket.take(time.monotonic()):
            what, status = "too fast", 429
        if what:
            self.parts.reports.count_refusal(what, player)
        self.show("refused", status)

    async def _answer(self, link: PolledTransport, asked: _Wait) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.parts.polled.answering.add(task)
        try:
            answer = await self._next_answer(link, asked)
            with contextlib.suppress(StreamClosedError):
                await self.finish(answer)
        finally:
            self.parts.polled.answering.discard(task)

    async def _next_answer(self, link: PolledTransport, asked: _Wait) -> bytes:
        seat = self._rest()
        self._waiting = link
        try:
            hold = max(0.0, min(asked.hold, self.parts.limits.poll_hold))
            return await link.next_answer(asked.got, hold)
        finally:
            self._waiting = None
            if seat is not None:
                seat.serve()

    def on_connection_close(self) -> None:
        """Note that nobody waits any more: the browser is gone."""
        super().on_connection_close()
        if self._waiting is not None:
            self._waiting.hang_up()

    # ---- places ---------------------------------------------------------------------------

    def _take_seat(self, known: bool) -> Seat | None:
        """Return a seat for the link; answer and return None if there is none."""
        network = network_of(self.address)
        seat = self.parts.connections.add(network, known=known)
        if seat is None:
            self.refuse_for_want_of_seats(network)
        return seat

    def _rest(self) -> Seat | None:
        """Let a stranger's waiting request make room for others; its browser asks again."""
        connection: Any = self.request.connection
        seat = self.parts.connections.seats.get(connection.stream)
        if seat is not None and seat.is_fresh:
            seat.wait()
            return seat
        return None


class PlayerPollHandler(PollHandler, PlayerSocketHandler):
    """A player's page."""

    route = "p/…/poll"

    async def get(self, *path: str) -> None:
        """Note that a page cannot connect; it asks for this as for an image."""
        player = self.parts.sessions.player(path[0])
        detail = _BLOCKED.get(self.get_query_argument("blocked", ""))
        if player is None or detail is None:
            await PollHandler.get(self, *path)
        elif player.bucket is None or player.bucket.take(time.monotonic()):
            self.parts.reports.count_refusal("no connection", player, detail)
            self.set_status(204)
        else:
            self._refuse(player, "", 429)


class RoomPollHandler(PollHandler, RoomSocketHandler):
    """A page that waits until a room opens."""

    route = "room/…/poll"


class JoinPollHandler(PollHandler, JoinSocketHandler):
    """A join link's page, which waits until its session is opened."""

    route = "join/…/…/poll"
