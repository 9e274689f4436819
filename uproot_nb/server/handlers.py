"""Handlers: what each address of the participant server answers."""

from __future__ import annotations

import base64
import binascii
import re
import time
import traceback
from http.client import responses
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.log import access_log, app_log
from tornado.web import HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketProtocol13

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.server.notices import choose_language, notice
from uproot_nb.server.redaction import redact
from uproot_nb.server.sessions import Player, Session
from uproot_nb.server.sockets import ClosedDoor, PlayerSocket
from uproot_nb.server.websocket import adopt

if TYPE_CHECKING:  # the server makes its handlers; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["SANDBOX", "NotFound", "routes"]

SANDBOX = "sandbox allow-scripts allow-forms allow-modals"
"""The policy for pages on Jupyter's own origin: they get an origin of their own instead."""

_STATIC = Path(__file__).parent.parent / "static"
_YEAR = 365 * 24 * 3600
# What the server decides by itself, whatever a kernel says.
_OWN_HEADERS = frozenset({
    "connection", "content-length", "keep-alive", "server", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "www-authenticate",
})  # fmt: skip
_NUMBER = re.compile(r"(?:-1|[0-9]{1,15})\Z", re.ASCII)


def routes(
    server: ParticipantServer, prefix: str, *, sandboxed: bool
) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """Return the routes below *prefix*; *sandboxed* where the origin is Jupyter's."""
    shared = {"server": server, "sandboxed": sandboxed}
    return [
        (rf"{prefix}p/([^/]+)/ws", SocketDoor, shared),
        (rf"{prefix}p/([^/]+)/", PlayerPage, shared),
        (rf"{prefix}join/([^/]+)/([^/]+)/", JoinPage, shared),
        (rf"{prefix}static/[^/]+/(.+)", Static, {"path": str(_STATIC), **shared}),
        (rf"{prefix}.*", NotFound, shared),
    ]


class _Handler(RequestHandler):
    """What all answers have in common: careful headers, and logs without addresses."""

    route = "…"
    depth = 0

    def initialize(self, server: ParticipantServer, sandboxed: bool = False) -> None:
        self.server, self.sandboxed = server, sandboxed
        if sandboxed:
            self.set_header("Content-Security-Policy", SANDBOX)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")  # tokens are in paths
        self.set_header("Cross-Origin-Resource-Policy", "same-site")
        if getattr(self, "sandboxed", False):
            self.set_header("Content-Security-Policy", SANDBOX)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        return value.decode("utf-8", "replace")  # what is no text is no token either

    def compute_etag(self) -> str | None:
        return None  # nothing of this is kept by anyone

    def check_xsrf_cookie(self) -> None:
        """Nothing: the token in the path is the credential, and there are no cookies."""

    def check_trusted_origin(self, origin: str) -> bool:
        return True  # as above

    @property
    def language(self) -> str:
        return choose_language(self.request.headers.get("Accept-Language", ""))

    def show(self, kind: str, status: int) -> None:
        """Answer with one of the server's own pages."""
        self.set_status(status)
        self.finish(notice(kind, self.language))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code in (403, 404):
            self.show("missing", 404)
        else:
            self.show("refused", status_code)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(value, HTTPError):
            return  # its message may quote the address
        told = "".join(traceback.format_exception(typ, value, tb))
        for secret in self.path_args:
            told = told.replace(str(secret), "…")
        app_log.error("%s %s failed:\n%s", self.request.method, self.route, redact(told))

    def _log(self) -> None:
        # Never the address: it holds the token.
        took = 1000.0 * self.request.request_time()
        status = self.get_status()
        access_log.debug("%d %s %s %.1f ms", status, self.request.method, self.route, took)


class NotFound(_Handler):
    """All addresses that lead nowhere."""

    def get(self, *ignored: str) -> None:
        self.show("missing", 404)

    def post(self, *ignored: str) -> None:
        self.show("missing", 404)


class _KernelPage(_Handler):
    """Pages that a kernel makes."""

    async def ask_kernel(
        self, session: Session, player: str, action: str, patience: float
    ) -> HttpReply | None:
        """Return the kernel's answer; None if no kernel came, or none answered."""
        link = await session.served(patience)
        if link is None:
            return None
        request = HttpRequest(
            next(self.server.numbers),
            session.key,
            player,
            action,
            _pairs(self.request.body_arguments),
            _pairs(self.request.query_arguments),
            self.request.headers.get("Accept-Language", ""),
        )
        return await link.ask(request, self.server.limits.form_patience)

    def pass_on(self, reply: HttpReply) -> None:
        """Send the browser what the kernel answered."""
        self.set_status(reply.status, None if reply.status in responses else "Unknown")
        told: set[str] = set()
        for name, value in reply.headers:
            key = name.lower()
            if key == "location":
                self.set_header("Location", self.below_root(value))
            elif key not in _OWN_HEADERS:
                write = self.add_header if key in told else self.set_header
                write(name, value)
                told.add(key)
        if self.sandboxed:
            self.set_header("Content-Security-Policy", SANDBOX)
        self.finish(reply.body if reply.status not in (204, 304) else None)

    def below_root(self, location: str) -> str:
        """Turn a path that begins at the participant root into one relative to this page."""
        if location.startswith("//"):
            return location
        root = urlsplit(self.server.url).path
        if len(root) > 1 and location.startswith(root):
            location = "/" + location.removeprefix(root)
        if location.startswith(("/", "p/")):
            return "../" * self.depth + location.removeprefix("/")
        return location

    def too_long(self) -> bool:
        """Refuse a form that is longer than forms may be (Jupyter's own port lets more in)."""
        if len(self.request.body) <= self.server.limits.max_form_bytes:
            return False
        self.server.count_refusal("too large")
        self.show("refused", 413)
        return True


class PlayerPage(_KernelPage):
    """A player's page: shown by GET, submitted by POST."""

    route = "p/…/"
    depth = 2

    async def get(self, token: str) -> None:
        player = self._admit(token)
        if player is None:
            return
        session, limits = player.session, self.server.limits
        deadline = time.monotonic() + limits.page_patience
        while True:
            patience = max(0.0, deadline - time.monotonic())
            reply = await self.ask_kernel(session, player.name, "page", patience)
            if reply is not None:
                self.pass_on(reply)
                return
            if session.closed or time.monotonic() >= deadline:
                self._pause_or_end(session)
                return
            # The kernel went while it made the page; showing a page changes nothing: ask the next.

    async def post(self, token: str) -> None:
        player = self._admit(token)
        if player is None or self.too_long():
            return
        session, limits = player.session, self.server.limits
        if await session.served(limits.form_patience) is None:
            self._pause_or_end(session)
            return
        reply = await self.ask_kernel(session, player.name, "submit", 0.0)
        if reply is not None:
            self.pass_on(reply)
        else:  # perhaps it was handled, perhaps not: the page shows where the player is
            self.set_status(303)
            self.set_header("Location", "./")
            self.finish()

    def _admit(self, token: str) -> Player | None:
        """Return whose page it is; answer and return None where there is none to show."""
        player = self.server.sessions.player(token)
        if player is None:
            self.server.count_refusal("unknown token")
            self.show("missing", 404)
        elif player.session.closed:
            self.show("ended", 410)
        elif player.bucket is not None and not player.bucket.take(time.monotonic()):
            self.server.count_refusal("too fast", player)
            self.set_header("Retry-After", "1")
            self.show("refused", 429)
        else:
            return player
        return None

    def _pause_or_end(self, session: Session) -> None:
        if session.closed:
            self.show("ended", 410)
            return
        self.set_header("Retry-After", "5")
        self.show("paused", 503)


class JoinPage(_KernelPage):
    """A session's join link: GET shows a button, so that a link preview never joins."""

    route = "join/…/…/"
    depth = 3

    def get(self, label: str, secret: str) -> None:
        session = self._admit(label, secret)
        if session is not None:
            self.show("join", 200)

    async def post(self, label: str, secret: str) -> None:
        session = self._admit(label, secret)
        if session is None or self.too_long():
            return
        if session.joins is not None and not session.joins.take(time.monotonic()):
            self.server.count_refusal("too fast")
            self._later(429)
            return
        if await session.served(self.server.limits.form_patience) is None:
            self._later(503)
            return
        reply = await self.ask_kernel(session, "", "join", 0.0)
        if reply is not None:
            self.pass_on(reply)
        else:
            self._later(503)

    def _admit(self, label: str, secret: str) -> Session | None:
        session = self.server.sessions.joined_by(label, secret)
        if session is None:
            self.server.count_refusal("unknown join link")
            self.show("missing", 404)
        elif session.closed:
            self.show("ended", 410)
            return None
        return session

    def _later(self, status: int) -> None:
        self.set_header("Retry-After", "5")
        self.show("later", status)


class SocketDoor(_Handler):
    """Upgrades a browser's request to a WebSocket, and seats it."""

    route = "p/…/ws"

    async def get(self, token: str) -> None:
        key = self._handshake_key()
        if key is None:
            self.show("missing", 404)
            return
        player = self.server.sessions.player(token)
        if not self._origin_allowed():
            self.server.count_refusal("foreign origin", player)
            self.show("missing", 404)
            return
        if not self.server.has_room():
            self.server.count_refusal("too many connections", player)
            self.show("refused", 503)
            return
        self.set_status(101)
        for header in ("Content-Type", "Cache-Control", "Content-Security-Policy"):
            self.clear_header(header)
        self.set_header("Upgrade", "websocket")
        self.set_header("Connection", "Upgrade")
        self.set_header("Sec-WebSocket-Accept", WebSocketProtocol13.compute_accept_value(key))
        self.finish()
        await adopt(self.detach(), self._socket_for(player))

    def _socket_for(self, player: Player | None) -> PlayerSocket | ClosedDoor:
        """Return the socket for *player*, or one that only says why there is none."""
        page = self.get_query_argument("page", "")
        since = self.get_query_argument("since", "0")
        if player is None:
            self.server.count_refusal("unknown token")
            return ClosedDoor(self.server, 4403, "")
        if player.session.closed:
            return ClosedDoor(self.server, 4404, "session closed", "closed")
        if not _NUMBER.match(page) or not _NUMBER.match(since) or since == "-1":
            self.server.count_refusal("malformed", player)
            return ClosedDoor(self.server, 4400, "malformed")
        if len(player.sockets) >= self.server.limits.max_sockets_per_player:
            self.server.count_refusal("too many sockets", player)
            return ClosedDoor(self.server, 4429, "too many sockets")
        return PlayerSocket(self.server, player, int(page), int(since))

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
            or headers.get("Sec-WebSocket-Version") != "13"
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


class Static(_Handler, StaticFileHandler):
    """The package's own scripts and styles, kept by browsers as long as the version stays."""

    route = "static/…"

    def initialize(  # type: ignore[override]
        self, path: str, server: ParticipantServer, sandboxed: bool = False
    ) -> None:
        StaticFileHandler.initialize(self, path)
        _Handler.initialize(self, server, sandboxed)

    def compute_etag(self) -> str | None:
        return StaticFileHandler.compute_etag(self)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", f"public, max-age={_YEAR}, immutable")
        # The sandboxed mount's pages have an origin of their own, and need these too.
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Access-Control-Allow-Origin", "*")


def _pairs(arguments: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    return [
        (name, value.decode("utf-8", "replace"))
        for name, values in arguments.items()
        for value in values
    ]
