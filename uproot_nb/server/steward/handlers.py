"""Handlers: the addresses of the monitor and the API, wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from uproot_nb.bridge.messages import Role
from uproot_nb.server.answer_bodies import AnswerBody, send_parts
from uproot_nb.server.connections import Connections, Seat
from uproot_nb.server.limits import Limits
from uproot_nb.server.networks import Proxies, network_of
from uproot_nb.server.sessions import Sessions
from uproot_nb.server.steward.pages import list_page, monitor_page, page_policy
from uproot_nb.server.steward.questions import ApiAnswer, ApiQuestion, ApiQuestions
from uproot_nb.server.steward.watchers import Watchers, WatchingPage, find_session

__all__ = [
    "ApiAddress", "ExportAddress", "ListAddress", "MonitorAddress", "MonitorFile", "MonitorSocket",
    "RelayHandler", "SlashAddress", "StewardHandler", "StewardParts", "steward_routes",
]  # fmt: skip

_STATIC = Path(__file__).parents[2] / "static"
FILES = {
    **{one.name: f"monitor/{one.name}" for one in (_STATIC / "monitor").iterdir()},
    "uPlot.js": "vendor/uplot/uPlot.iife.min.js", "uPlot.css": "vendor/uplot/uPlot.min.css",
    **{
        name: name
        for name in ("monitor_page.js", "monitor_page.css", "monitor_list.js", "monitor_login.js")
    },
}  # fmt: skip
"""The files that the pages load, by their names there."""
_LONGEST_MESSAGE = 256 * 1024
_MOST_UNSENT = 8 * 1024 * 1024
"""A page that leaves more unread is disconnected, and connects again."""
_SENT_HEADERS = ("content-type", "content-disposition", "allow", "retry-after")
_HEADER = re.compile(r"[\x20-\x7e]{0,500}\Z")
_SESSION = r"([^/~]+)"
_SENTENCES = {
    403: "You may not look at this.",
    404: "There is nothing at this address.",
    405: "This address cannot be asked in this way.",
}


@dataclass(frozen=True)
class StewardParts:
    """The parts of the participant server that these handlers use."""

    sessions: Sessions
    watchers: Watchers
    questions: ApiQuestions
    connections: Connections
    limits: Limits
    proxies: Proxies
    numbers: Iterator[int]
    """Of sockets, calls and requests."""


class StewardHandler(RequestHandler):
    """A handler that answers nobody whose role is unknown.

    A child, or what it is joined with, finds the role before `get` and the like are called.
    """

    parts: StewardParts
    role: Role | None = None
    frames = "'none'"
    """Who may show the pages in a frame."""
    is_encrypted = False

    def send_strict_headers(self) -> None:
        """Let no browser store, frame or refer to what these addresses show."""
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        policy = page_policy(self.request.host, encrypted=self.is_encrypted, frames=self.frames)
        self.set_header("Content-Security-Policy", policy)

    def is_let_in(self) -> bool:
        """Return whether the role is known; an answer was given if not."""
        return self.role is not None and not self._finished

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        return value.decode("utf-8", "replace")

    def compute_etag(self) -> str | None:
        return None

    def initialize(self, parts: StewardParts) -> None:
        self.parts = parts

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        sentence = _SENTENCES.get(status_code, "This request failed; nothing was done.")
        if isinstance(self, RelayHandler):
            self.finish({"error": sentence})
        else:
            self.set_header("Content-Type", "text/plain; charset=UTF-8")
            self.finish(sentence)


class ListAddress(StewardHandler):
    """The list of sessions."""

    async def get(self) -> None:
        if self.is_let_in():
            sessions = self.parts.sessions
            names = dict.fromkeys(one.name for one in sessions if not one.closed)
            found = [(name, *find_session(sessions, name)) for name in names]
            rows = [(name, state, one.places if one else 0) for name, one, state in found]
            await self.finish(list_page(rows))

    head = get


class MonitorAddress(StewardHandler):
    """The page that shows one session; it waits for one that is not served yet."""

    async def get(self, name: str) -> None:
        if self.is_let_in():
            await self.finish(monitor_page(name, self.role or ""))

    head = get


class SlashAddress(StewardHandler):
    """An address without its last slash."""

    async def get(self, name: str = "") -> None:
        if self.is_let_in():
            last = quote(self.request.path.rpartition("/")[2], safe="%~")
            self.set_status(302)
            self.set_header("Location", f"./{last}/")
            await self.finish()

    head = get


class MonitorFile(StewardHandler, StaticFileHandler):
    """A script or style of these pages."""

    def initialize(self, parts: StewardParts) -> None:  # type: ignore[override]
        StaticFileHandler.initialize(self, str(_STATIC))
        self.parts = parts

    async def get(self, name: str, include_body: bool = True) -> None:
        if self.is_let_in():
            await StaticFileHandler.get(self, FILES.get(name, "missing"), include_body)

    async def head(self, name: str) -> None:
        await self.get(name, include_body=False)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "private, no-cache")  # asked for again, and mostly 304

    def compute_etag(self) -> str | None:
        return StaticFileHandler.compute_etag(self)


class RelayHandler(StewardHandler):
    """An address whose answers come from a kernel."""

    rest: AnswerBody | None = None

    async def relay(self, path: str) -> None:
        """Pass on what a kernel answers to a request for *path* below api/v1/."""
        if not self.is_let_in() or self.role is None:
            return
        method = self.request.method or "GET"
        query = [
            (name, value.decode("utf-8", "replace"))
            for name, values in self.request.query_arguments.items()
            for value in values
        ]
        question = ApiQuestion(
            self.role, "GET" if method == "HEAD" else method, path, query, self._passed_headers(),
            self.request.body,
        )  # fmt: skip
        await self.send_answer(await self.parts.questions.answer(question))

    def _passed_headers(self) -> dict[str, str]:
        headers = self.request.headers
        return {name: headers[name][:200] for name in ("accept", "content-type") if name in headers}

    async def send_answer(self, answer: ApiAnswer) -> None:
        """Send an answer, part by part if it is long."""
        self.rest = answer.rest
        self.set_status(answer.status, None if answer.status < 600 else "Unknown")
        for name, value in answer.headers.items():
            if name.lower() in _SENT_HEADERS and _HEADER.match(value):
                self.set_header(name, value)
        if answer.rest is None or self.request.method == "HEAD":
            await self.finish(answer.body)
        else:
            await send_parts(self, answer.rest, self.parts.limits.idle_timeout)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.on_finish()

    def on_finish(self) -> None:
        if self.rest is not None:
            self.rest.close()


class ApiAddress(RelayHandler):
    """The REST API."""

    async def get(self, path: str) -> None:
        await self.relay(path)

    head = post = put = patch = delete = get


class ExportAddress(RelayHandler):
    """A download that the page was offered, good for once."""

    async def get(self, name: str, key: str) -> None:
        await self.relay(f"sessions/{name}/export/{key}")


class MonitorSocket(StewardHandler, WebSocketHandler):
    """The connection of a monitor's page."""

    watcher: WatchingPage | None = None
    _seat: Seat | None = None
    _unsent = 0

    @property
    def max_message_size(self) -> int:
        return _LONGEST_MESSAGE

    async def get(self, name: str) -> None:
        if not self.is_let_in():
            return
        address = self.parts.proxies.client(
            self.request.remote_ip or "", self.request.headers.get("X-Forwarded-For", "")
        )
        stream: Any = self.request.connection.stream  # type: ignore[union-attr]
        self._seat = self.parts.connections.upgrade(stream, network_of(address), known=True)
        if self._seat is None or self.parts.watchers.full:
            self._give_seat_back()
            self.set_header("Retry-After", "5")
            self.set_status(503)
            await self.finish()
            return
        await super().get(name)
        if self.ws_connection is None:  # it was no handshake, or another site's
            self._give_seat_back()

    def open(self, name: str) -> None:
        assert self.role is not None
        number = next(self.parts.numbers)
        watchers = self.parts.watchers
        self.watcher = WatchingPage(
            number, name, self.role, self.write_text, self.close, watchers.interrupt
        )
        watchers.add(self.watcher)

    def on_message(self, message: str | bytes) -> None:
        """Pass on what the page sends."""
        if isinstance(message, bytes):
            self.close(1003, "text only")
        elif self.watcher is not None:
            self.watcher.take(message.encode(errors="replace"))

    def on_close(self) -> None:
        super().on_close()
        self._give_seat_back()
        if self.watcher is not None:
            self.parts.watchers.remove(self.watcher)

    def _give_seat_back(self) -> None:
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.release()

    def write_text(self, data: bytes) -> None:
        """Send the page JSON text; disconnect it if it leaves too much unread."""
        if self.ws_connection is None or self.close_code is not None:
            return
        try:
            written = self.write_message(data.decode(errors="replace"))
        except WebSocketClosedError:
            return
        size = len(data)
        self._unsent += size
        written.add_done_callback(lambda done: self._wrote(done, size))
        if self._unsent > _MOST_UNSENT:
            self.close(4408, "too slow")

    def _wrote(self, done: Any, size: int) -> None:
        self._unsent -= size
        if not done.cancelled() and isinstance(done.exception(), StreamClosedError):
            return  # it is gone, and `on_close` runs


def steward_routes(
    prefix: str, join: Any, parts: StewardParts
) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """Return the routes below *prefix*, each with a handler that *join* makes of one above.

    Args:
        join: joins a handler with a class that finds the role of whoever asks.
    """
    table: list[tuple[str, type[StewardHandler]]] = [
        (r"monitor", SlashAddress),
        (r"monitor/", ListAddress),
        (r"monitor/~/([a-zA-Z_]+\.(?:js|css))", MonitorFile),
        (rf"monitor/{_SESSION}", SlashAddress),
        (rf"monitor/{_SESSION}/", MonitorAddress),
        (rf"monitor/{_SESSION}/ws", MonitorSocket),
        (rf"monitor/{_SESSION}/export/([\w-]{{1,200}})", ExportAddress),
        (r"api/v1/(.*)", ApiAddress),
    ]
    return [(prefix + path, join(handler), {"parts": parts}) for path, handler in table]
