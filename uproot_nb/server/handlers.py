"""Handlers: what each address of the participant server answers."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import responses
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tornado.web import stream_request_body

from uproot_nb.bridge.messages import BEGIN, COOKIE, HttpReply, HttpRequest
from uproot_nb.server.answer_bodies import AnswerBody, cut_off, send_parts
from uproot_nb.server.base_handler import (
    ParticipantHandler,
    Parts,
    browser_headers,
    open_headers,
)
from uproot_nb.server.expected import Expected
from uproot_nb.server.form_reader import (
    MALFORMED,
    TOO_LARGE,
    TOO_MANY,
    UNSAVED,
    FormReader,
    PostedFile,
    Uploads,
)
from uproot_nb.server.limits import Limits, Visitor, how_to_change
from uproot_nb.server.networks import network_of
from uproot_nb.server.notices import VISIT, notice, words
from uproot_nb.server.rooms import ClaimedRooms
from uproot_nb.server.sessions import Link, ServedPlayer, ServedSession

__all__ = [
    "ApiCall", "AppApi", "FrontPage", "JoinPage", "MissingSlash", "NotFound", "PageParts",
    "PlayerApi", "PlayerPage", "RoomPage",
]  # fmt: skip

_UNBOUNDED = 1 << 62
_VISIT = re.compile(r"[\w-]{16,64}", re.ASCII)
_REFUSALS = {MALFORMED: "malformed form", TOO_LARGE: "too large", TOO_MANY: "too many uploads"}
PLACE = "uproot_place"
"""The cookie by which a browser is known again at a room or a join link."""
_COOKIE = re.compile(r"[\w-]{43}", re.ASCII)
_COOKIE_SECONDS = 60 * 86_400
_NOTHING_BUT_A_BUTTON = 404
"""The kernel's status for a join link at which there is nothing else to see."""
ANSWER = "_uproot_answer"
"""The query parameter with which a page's script asks for the answer to its form."""
_UNKNOWN_LABEL = 403
"""The kernel's status for an unknown label."""
# The server sets these itself.
_OWN_HEADERS = frozenset({
    "connection", "content-length", "keep-alive", "server", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "www-authenticate",
})  # fmt: skip


@dataclass(frozen=True)
class PageParts(Parts):
    """The parts that pages use which a kernel makes.

    Attributes:
        numbers: the numbers of requests.
    """

    limits: Limits
    expected: Expected
    numbers: Iterator[int]
    uploads: Uploads
    rooms: ClaimedRooms


class ApiCall(NamedTuple):
    """A request to the experiment's own api."""

    method: str = ""
    path: str = ""
    """The path below the api's address."""
    content: bytes = b""


class NotFound(ParticipantHandler[Parts]):
    """Answers all other addresses."""

    def get(self, *ignored: str) -> None:
        self.parts.reports.note_unknown_address(self.request.path)
        self.show("missing", 404)

    def post(self, *ignored: str) -> None:
        self.get()


class FrontPage(ParticipantHandler[Parts]):
    """The root, for those who have typed only the machine's name."""

    route = ""

    def get(self) -> None:
        self.show("front", 200)


class MissingSlash(ParticipantHandler[Parts]):
    """An address without its last slash, as mail programs and people leave it out."""

    def get(self, *ignored: str) -> None:
        """Lead to the address with the slash, and with the same query."""
        last = self.request.path.rpartition("/")[2]
        query = f"?{self.request.query}" if self.request.query else ""
        self.set_status(302)
        self.set_header("Location", f"./{last}/{query}")
        self.finish()


class _KernelPage(ParticipantHandler[PageParts]):
    """Pages that a kernel makes."""

    depth = 0
    """How many folders the page is below the participant root."""
    body: AnswerBody | None = None
    """The body that follows the kernel's answer in parts."""
    asked: Link | None = None
    """The kernel that was asked last."""

    @property
    def has_answers(self) -> bool:
        """Whether a form was posted, which the browser's "back" can still show."""
        return False

    @property
    def form(self) -> list[tuple[str, str]]:
        """What was posted, as (name, value) pairs."""
        return _pairs(self.request.body_arguments)

    @property
    def posted_files(self) -> Sequence[PostedFile]:
        """The files that came with the form."""
        return ()

    @property
    def passed_headers(self) -> dict[str, str]:
        """The headers that the kernel gets."""
        return browser_headers(self.request)

    def admit(self, token: str) -> ServedPlayer | None:
        """Return the player with *token*; answer and return None if there is none to let in."""
        player = self.parts.sessions.player(token)
        if player is None:
            self.miss("unknown token")
        elif player.session.closed:
            self.show("ended", 410)
        elif player.bucket is not None and not player.bucket.take(time.monotonic()):
            self.parts.reports.count_refusal("too fast", player)
            self.too_fast()
        else:
            return player
        return None

    def miss(self, what: str) -> None:
        """Answer "not found", or "paused" while a kernel may still come that knows the address."""
        if self.parts.expected.is_open:
            self.wait()
        else:
            self.parts.reports.count_refusal(what)
            self.show("missing", 404)

    def wait(self) -> None:
        """Answer that there is no page now; the notice reloads by itself."""
        self.set_header("Retry-After", "5")
        self.show("unsent" if self.has_answers else "paused", 503)

    async def ask_kernel(
        self,
        session: ServedSession,
        player: str,
        action: str,
        patience: float,
        room: str = "",
        api_call: ApiCall = ApiCall(),  # noqa: B008  (it is frozen)
        within: float = 0.0,
    ) -> HttpReply | None:
        """Return the kernel's answer; None if no kernel came, or none answered.

        *within* is how long the answer may take, if not as long as that to a form.
        """
        link = self.asked = await session.served(patience)
        if link is None:
            return None
        request = HttpRequest(
            next(self.parts.numbers),
            session.key,
            player,
            action,
            self.form,
            [pair for pair in _parameters(self.request.query_arguments) if pair[0] != ANSWER],
            self.request.headers.get("Accept-Language", ""),
            list(self.posted_files),
            self.passed_headers,
            room,
            *api_call,
        )
        reply = await link.ask(request, within or self.parts.limits.form_patience)
        self.body = link.body_of(reply) if reply is not None and reply.more else None
        return reply

    async def ask_patiently(
        self, session: ServedSession, player: str, action: str, patience: float, room: str = ""
    ) -> HttpReply | None:
        """Return the answer to a request that may be repeated; None after *patience* seconds."""
        deadline = time.monotonic() + patience
        while True:
            patience = max(0.0, deadline - time.monotonic())
            reply = await self.ask_kernel(session, player, action, patience, room)
            if reply is not None or session.closed or time.monotonic() >= deadline:
                return reply
            if session.link is not None and session.link is self.asked:
                return None  # it has too much to do, or is paused
            # The kernel went before it answered: ask the next one.

    def pass_on(self, reply: HttpReply) -> None:
        """Send the browser what the kernel answered."""
        self.set_head(reply)
        self.finish(reply.body if has_body(reply) else None)

    def on_connection_close(self) -> None:
        """Take no more of the kernel's answer: the browser is gone."""
        super().on_connection_close()
        self.on_finish()

    def on_finish(self) -> None:
        """Take no more of the kernel's answer."""
        if self.body is not None:
            self.body.close()

    def set_head(self, reply: HttpReply) -> None:
        """Set status and headers to those that the kernel answered."""
        self.set_status(reply.status, None if reply.status in responses else "Unknown")
        sent: set[str] = set()
        for name, value in reply.headers:
            key = name.lower()
            if key == "location":
                self.set_header("Location", self.below_root(value))
            elif key not in _OWN_HEADERS:
                if key == "content-security-policy" and self.sandboxed:
                    continue
                # The author's policy comes on top: browsers enforce both.
                add = key in sent or key == "content-security-policy"
                write = self.add_header if add else self.set_header
                write(name, value)
                sent.add(key)

    def below_root(self, location: str) -> str:
        """Turn a path that begins at the participant root into one relative to this page."""
        if location.startswith("//"):
            return location
        root = urlsplit(self.parts.site.url).path
        if len(root) > 1 and location.startswith(root):
            location = "/" + location.removeprefix(root)
        if location.startswith(("/", "p/")):
            return "../" * self.depth + location.removeprefix("/")
        return location

    def pause_or_end(self, session: ServedSession) -> None:
        """Answer that there is no page now, or never again."""
        if session.closed:
            self.show("ended", 410)
        else:
            self.wait()

    def may_join(self, session: ServedSession) -> bool:
        """Count one more place that this address asks for; return whether it may be opened."""
        excess = session.find_excess_join(self.address)
        if excess:
            self.parts.reports.count_refusal("too many joins", detail=excess, session=session)
        return not excess

    def too_long(self) -> bool:
        """Refuse a form that is too long (Jupyter's own port accepts longer ones)."""
        if len(self.request.body) <= self.parts.limits.max_form_bytes:
            return False
        self.parts.reports.count_refusal("too large")
        self.show("refused", 413)
        return True

    def too_fast(self) -> None:
        """Refuse a request that comes too soon after many others."""
        self.set_header("Retry-After", "1")
        self.show("unsent" if self.has_answers else "busy", 429)


@stream_request_body
class PlayerPage(_KernelPage):
    """A player's page: shown by GET, submitted by POST, with files if need be.

    A form is read as it arrives. One that is too large is read to its end and thrown away, because
    a browser does not show an answer that comes while it is still sending.
    """

    route = "p/…/"
    depth = 2

    _reader: FormReader | None = None
    _sender: ServedPlayer | None = None
    _reported = False
    _stalled: asyncio.TimerHandle | None = None

    @property
    def has_answers(self) -> bool:
        return self.request.method == "POST" and not self._begins

    @property
    def _begins(self) -> bool:
        """Whether somebody begins, and has posted no answers."""
        return any(name == BEGIN for name, _ in self.form)

    @property
    def form(self) -> list[tuple[str, str]]:
        return self._reader.fields if self._reader is not None else []

    @property
    def posted_files(self) -> Sequence[PostedFile]:
        return self._reader.files if self._reader is not None else ()

    # ---- as the form arrives --------------------------------------------------------------

    def prepare(self) -> Awaitable[None] | None:
        """Prepare to read a player's form."""
        turn = super().prepare()
        if turn is None and not self._finished:
            self._prepare_reader()
        return turn

    def _prepare_reader(self) -> None:
        if self.request.method != "POST":
            return
        connection: Any = self.request.connection
        limits = self.parts.limits
        player = self.parts.sessions.player(self.path_args[0])
        if player is None or player.session.closed:
            return
        connection.set_max_body_size(_UNBOUNDED)
        connection.set_body_timeout(limits.upload_patience)
        kind = self.request.headers.get("Content-Type", "")
        self._reader = FormReader(kind, limits, self.parts.uploads)
        if player.uploads >= limits.max_uploads_per_player:
            self._reader.refuse(TOO_MANY)
        elif self._announced > limits.max_upload_bytes:
            self._reader.refuse(TOO_LARGE)
        self._report_refusal(player)
        self._sender = player
        player.uploads += 1
        self._expect_more()

    def data_received(self, chunk: bytes) -> None:
        """Read the next bytes of the form."""
        if self._reader is not None:
            self._expect_more()
            self._reader.feed(chunk)
            if self._sender is not None:
                self._report_refusal(self._sender)

    def on_connection_close(self) -> None:
        """Forget the form: the browser is gone."""
        super().on_connection_close()
        if self._sender is not None:  # still arriving
            self._arrived()
            self._discard()

    def _expect_more(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
        idle = self.parts.limits.idle_timeout
        self._stalled = asyncio.get_running_loop().call_later(idle, cut_off, self)

    def _arrived(self) -> None:
        """Note that the form has arrived, or never will. Idempotent."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._sender is not None:
            self._sender.uploads -= 1
            self._sender = None

    def _discard(self) -> None:
        if self._reader is not None:
            self._reader.discard()

    # ---- what is answered -----------------------------------------------------------------

    def set_default_headers(self) -> None:
        """Let scripts of sandboxed pages, which have no origin, read the answer to their form."""
        super().set_default_headers()
        if self.request.method == "POST" and self.request.headers.get("Origin") == "null":
            self.set_header("Access-Control-Allow-Origin", "null")

    def head(self, *arguments: str) -> None:
        """Answer that there is a page, without asking for it: nothing follows from that."""
        if self.admit(arguments[0]) is not None:
            self.finish()

    async def get(self, token: str) -> None:
        """Show the page, or once the answer to its form."""
        player = self.admit(token)
        if player is None:
            return
        answer = await self._take_answer(player, self.get_query_argument(ANSWER, ""))
        if answer is not None:
            self.pass_on(answer)
            return
        patience = self.parts.limits.page_patience
        reply = await self.ask_patiently(player.session, player.name, "page", patience)
        if reply is not None:
            self.pass_on(reply)
        else:
            self.pause_or_end(player.session)

    async def _take_answer(self, player: ServedPlayer, key: str) -> HttpReply | None:
        """Return the page stored under *key*, here or at the gateway that took the form."""
        answer, session, link = player.take_answer(key), player.session, player.session.link
        if answer is not None or not key or link is None or not link.shared:
            return answer
        number = next(self.parts.numbers)
        request = HttpRequest(number, session.key, player.name, "answer", [], [], "", path=key)
        stored = await link.ask(request, self.parts.limits.page_patience)
        return stored if stored is not None and stored.status != 404 else None

    async def post(self, token: str) -> None:
        """Submit the page's form."""
        self._arrived()
        player, reader = self.admit(token), self._reader
        if player is None or reader is None:
            self._discard()
            # the session was closed while the form arrived, and is open again
            if player is not None:
                self.pause_or_end(player.session)
            return
        try:
            if reader.finish():
                await self._submit(player)
            else:
                self._refuse(player, reader.refused)
        finally:
            self._discard()

    async def _submit(self, player: ServedPlayer) -> None:
        """Let a kernel store the form; it is stored only once the kernel has answered.

        A form names its visit, so a kernel takes it once however often it is sent.
        """
        session, patience = player.session, self.parts.limits.form_patience
        reply = await self.ask_patiently(session, player.name, "submit", patience)
        if reply is None:
            self._leave_files()
            self._answer_unsent(player)
        elif self._by_script and reply.status != 303:
            self._send_outcome({"go": f"./?{ANSWER}={player.store_answer(reply)}"}, reply.status)
        else:
            self.pass_on(reply)

    def _answer_unsent(self, player: ServedPlayer) -> None:
        """Answer that the form may not be stored; the page sends it again."""
        if player.session.closed:
            self.show("ended", 410)
            return
        if self._begins:
            self.wait()
            return
        self.set_header("Retry-After", "1")
        if self._by_script:
            self._send_outcome({"again": 1}, 503)
        else:
            self.show("unsent", 503)

    @property
    def _by_script(self) -> bool:
        """Whether the page's own script has sent the form, and shows the outcome."""
        return "application/json" in self.request.headers.get("Accept", "")

    def _send_outcome(self, outcome: dict[str, Any], status: int) -> None:
        """Send the outcome of the form to the page's script."""
        self.set_status(status, None if status in responses else "Unknown")
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(outcome))

    def _leave_files(self) -> None:
        """Leave the files for a while: a slow kernel may still read them."""
        assert self._reader is not None
        left, self._reader.files = self._reader.files, []
        self.parts.uploads.remove_later(
            [path for _, _, _, path, _ in left], self.parts.limits.kept_unanswered
        )

    @property
    def _announced(self) -> int:
        """The form's length as its browser announces it."""
        text = self.request.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    def _report_refusal(self, player: ServedPlayer) -> None:
        """Report a refused form at once: the rest of a large one may take long to arrive."""
        if self._reader is None or not self._reader.refused or self._reported:
            return
        self._reported = True
        status, detail = self._reader.refused, ""
        if status == TOO_LARGE:
            limits, size = self.parts.limits, self._announced
            detail = (
                f"a form of {size:,} bytes; max_upload_bytes allows {limits.max_upload_bytes:,} "
                f"with files, max_form_bytes {limits.max_form_bytes:,} without, max_files "
                f"{limits.max_files}. Raise {how_to_change('max_upload_bytes')}"
            )
        self.parts.reports.count_refusal(_REFUSALS.get(status, "unkept"), player, detail)

    def _refuse(self, player: ServedPlayer, status: int) -> None:
        self._report_refusal(player)
        kind = "large" if status == TOO_LARGE else "refused"
        if self._by_script:
            again = status in (TOO_MANY, UNSAVED)
            self._send_outcome(
                {"again": 1} if again else {"say": words(kind, self.language)}, status
            )
        elif status == TOO_MANY:
            self.too_fast()
        else:
            self.show(kind, status)


class _AskedApi(_KernelPage):
    """Addresses that an experiment's own functions answer."""

    @property
    def form(self) -> list[tuple[str, str]]:
        return []  # the author reads the body

    async def relay(self, session: ServedSession, player: str, action: str, path: str) -> None:
        """Pass the request on, and what the experiment answers."""
        if await session.served(self.parts.limits.form_patience) is None:
            self.pause_or_end(session)
            return
        method = self.request.method or "GET"
        method = "GET" if method == "HEAD" else method
        api_call = ApiCall(method, path, self.request.body)
        reply = await self.ask_kernel(session, player, action, 0.0, api_call=api_call)
        if reply is None:
            self.pause_or_end(session)
        elif self.body is None or self.request.method == "HEAD" or not has_body(reply):
            self.pass_on(reply)
        else:
            await self._stream(reply, self.body, session.players.get(player))

    async def _stream(
        self, reply: HttpReply, body: AnswerBody, player: ServedPlayer | None
    ) -> None:
        """Send the browser an answer part by part, as fast as it reads."""
        if player is None:  # a program with a key
            await self._send_parts(reply, body)
        elif player.streams >= self.parts.limits.max_streams_per_player:
            self.parts.reports.count_refusal("too many streams", player)
            self.too_fast()
        else:
            player.streams += 1
            try:
                await self._send_parts(reply, body)
            finally:
                player.streams -= 1

    async def _send_parts(self, reply: HttpReply, body: AnswerBody) -> None:
        self.set_head(reply)
        await send_parts(self, body, self.parts.limits.idle_timeout)


class PlayerApi(_AskedApi):
    """Passes requests of a page's scripts to the experiment's own api."""

    route = "p/…/api/…"

    def set_default_headers(self) -> None:
        """Let sandboxed pages ask, which have no origin: the token is the credential."""
        super().set_default_headers()
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")

    def options(self, *ignored: str) -> None:
        """Answer a browser that scripts of a sandboxed page may send JSON."""
        self.set_header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
        self.set_header("Access-Control-Allow-Headers", "Content-Type")
        self.set_header("Access-Control-Max-Age", "3600")
        self.set_status(204)

    async def get(self, token: str, path: str) -> None:
        """Ask the experiment."""
        player = self.admit(token)
        if player is not None and not self.too_long():
            await self.relay(player.session, player.name, "api", path)

    post = put = patch = delete = get


class AppApi(_AskedApi):
    """Passes requests to `api` and `api2` of an app of the framework, by the framework's addresses.

    Pages of the session's players may ask, whom the header Referer names, and programs with a key,
    which the kernel checks.
    """

    route = "api…/…/…/"

    @property
    def passed_headers(self) -> dict[str, str]:
        """The headers but those that have secrets of the participant or the site."""
        return {**open_headers(self.request), **super().passed_headers}

    async def get(self, kind: str, app: str, name: str, rest: str) -> None:
        """Ask the app."""
        asks = self._asks(name)
        if asks is not None and not self.too_long():
            await self.relay(*asks, "app_api", f"{kind}/{app}/{rest}")

    post = get

    def _asks(self, name: str) -> tuple[ServedSession, str] | None:
        """Return the session, and the player or ""; answer and return None if nobody may ask."""
        token = _token_in(self.request.headers.get("Referer", ""))
        player = self.parts.sessions.player(token) if token else None
        if player is not None and player.session.name == name:
            return (player.session, player.name) if self.admit(token) else None
        session = self.parts.sessions.named(name)
        if session is None or "Authorization" not in self.request.headers:
            self.miss("unknown address")
        elif session.may_ask():
            return session, ""
        else:
            self.too_fast()
        return None


class _Entry(_KernelPage):
    """Addresses that many people share; a browser is known again by a cookie.

    The cookie names no path, so it belongs to the folder of this address, also behind a proxy.
    """

    _cookie = ""
    _is_known = False
    """Whether the browser had a cookie."""

    def know_browser(self) -> None:
        """Read the browser's cookie, or set one."""
        if self.sandboxed:
            return  # its address is Jupyter's
        given = self.get_cookie(PLACE) or ""
        self._is_known = _COOKIE.fullmatch(given) is not None
        self._cookie = given if self._is_known else secrets.token_urlsafe(32)
        if not self._is_known:
            self.set_cookie(
                PLACE, self._cookie, path="", max_age=_COOKIE_SECONDS, httponly=True,
                samesite="Lax", secure=self._is_encrypted,
            )  # fmt: skip

    @property
    def _is_encrypted(self) -> bool:
        """Whether the browser came by https, if need be to a proxy."""
        site = urlsplit(self.parts.site.url)
        by_proxy = site.scheme == "https" and site.netloc == self.request.host
        return by_proxy or self.request.protocol == "https"

    @property
    def passed_headers(self) -> dict[str, str]:
        return {**super().passed_headers, **({COOKIE: self._cookie} if self._cookie else {})}

    async def ask_for_place(
        self, session: ServedSession, action: str, room: str = ""
    ) -> HttpReply | None:
        """Return the kernel's answer to a press of the button.

        A kernel that dies may have given a place, which the next one finds by the visit.
        """
        patience = self.parts.limits.form_patience if self.visit else 0.0
        return await self.ask_patiently(session, "", action, patience, room)

    @property
    def visit(self) -> str:
        """The token of this visit that came with the form, or ""."""
        visit: str = self.get_body_argument("_uproot_visit", "")
        return visit if _VISIT.fullmatch(visit) else ""


class JoinPage(_Entry):
    """A session's join link: GET shows a button, so that a link preview never joins."""

    route = "join/…/…/"
    depth = 3

    async def get(self, label: str, secret: str) -> None:
        session = self._admit(label, secret)
        if session is None:
            return
        reply = None
        if self._is_known or self.request.query:  # they may have a place, or see a preview
            patience = self.parts.limits.page_patience
            reply = await self.ask_kernel(session, "", "look", patience, within=patience)
        if reply is None or reply.status == _NOTHING_BUT_A_BUTTON:
            self._show_button("join", 200, secrets.token_urlsafe(18))
        else:
            self.pass_on(reply)

    async def post(self, label: str, secret: str) -> None:
        session = self._admit(label, secret)
        if session is None or self.too_long() or self.refuse_cross_site(session):
            return
        if not self.may_join(session):
            self._later(429)
            return
        if await session.served(self.parts.limits.form_patience) is None:
            self._later(503)
            return
        places = session.places
        reply = await self.ask_for_place(session, "join")
        if session.places == places and self._is_known:
            session.give_back_join(self.address)
        if reply is not None:
            self.pass_on(reply)
        else:
            self._later(503)

    def _admit(self, label: str, secret: str) -> ServedSession | None:
        session = self.parts.sessions.joined_by(label, secret)
        if session is None:
            self.miss("unknown join link")
        elif session.closed:
            self.show("ended", 410)
            return None
        else:
            self.know_browser()
        return session

    def _later(self, status: int) -> None:
        self.set_header("Retry-After", "5")
        self._show_button("later", status, self.visit or secrets.token_urlsafe(18))

    def _show_button(self, kind: str, status: int, visit: str) -> None:
        """Show a button that posts *visit*."""
        self.set_status(status)
        self.finish(notice(kind, self.language).replace(VISIT.encode(), visit.encode()))


class RoomPage(_Entry):
    """A room: GET shows its page, POST goes in."""

    route = "room/…/"
    depth = 2
    _turn: asyncio.Future[bool] | None = None
    """The turn for which a label waits, or has waited."""
    _is_gone = False

    async def get(self, name: str) -> None:
        found = self._admit(name)
        if found is not None:
            session, visitor = found
            await self._in_turn(session, visitor, lambda: self._look(session, name))

    async def post(self, name: str) -> None:
        found = self._admit(name)
        if found is None or self.too_long():
            return
        session, visitor = found
        if self.refuse_cross_site(session):
            return
        if await session.served(self.parts.limits.form_patience) is None:
            self.pause_or_end(session)
            return
        await self._in_turn(session, visitor, lambda: self._enter(session, name))

    def _admit(self, name: str) -> tuple[ServedSession, Visitor] | None:
        """Return the room's session and the visitor; answer and return None if there is none."""
        room = self.parts.rooms.get(name)
        if room is None:
            self.miss("unknown room")
            return None
        session = room.session
        if session is None:
            self.show("ended", 410)
            return None
        visitor = room.visitor(self.address)
        if not visitor.may_ask(time.monotonic()):
            self.parts.reports.count_refusal("too fast")
            self.too_fast()
            return None
        self.know_browser()
        return session, visitor

    async def _in_turn(
        self, session: ServedSession, visitor: Visitor, answer: Callable[[], Awaitable[bool]]
    ) -> None:
        """Answer at once or, after many wrong labels of this address, when it is its turn.

        No label is refused because of others. A request without any does not wait.

        Args:
            answer: answers, and returns whether the label was wrong.
        """
        if not self.request.arguments:
            await answer()
            return
        self._turn = asyncio.ensure_future(visitor.guesses.wait())
        try:
            took = await self._turn
        except asyncio.CancelledError:
            if self._is_gone:
                return
            raise
        is_wrong = False
        try:
            is_wrong = await answer()
        finally:
            if not is_wrong:
                visitor.guesses.give_back(took)
        if is_wrong and not took:
            self._report_guesses(session)

    async def _look(self, session: ServedSession, name: str) -> bool:
        """Show the room; return whether the label is wrong."""
        reply = await self.ask_patiently(session, "", "room", self.parts.limits.page_patience, name)
        return self._pass_on_judgement(session, reply)

    async def _enter(self, session: ServedSession, name: str) -> bool:
        """Let somebody in; return whether the label is wrong."""
        if not self.may_join(session):
            self.too_fast()
            return False
        places = session.places
        reply = await self.ask_for_place(session, "enter", name)
        if session.places == places:  # the visitor had a place already
            session.give_back_join(self.address)
        return self._pass_on_judgement(session, reply)

    def _pass_on_judgement(self, session: ServedSession, reply: HttpReply | None) -> bool:
        if reply is None:
            self.pause_or_end(session)
            return False
        self.pass_on(reply)
        is_wrong = reply.status == _UNKNOWN_LABEL
        if is_wrong:
            self.parts.reports.count_refusal("unknown label")
        return is_wrong

    def _report_guesses(self, session: ServedSession) -> None:
        network, pause = network_of(self.address), self.parts.limits.guess_pause
        detail = (
            f"{network} has tried many labels that nobody has; "
            f"those that come from there are judged one by one, {pause} s each"
        )
        self.parts.reports.count_refusal("too fast", detail=detail, session=session)

    def on_connection_close(self) -> None:
        """Give the turn to others: the browser is gone."""
        super().on_connection_close()
        self._is_gone = True
        if self._turn is not None:
            self._turn.cancel()


def has_body(reply: HttpReply) -> bool:
    """Return whether an answer of this status has a body."""
    return reply.status not in (204, 304)


def _pairs(arguments: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, values in arguments.items() for value in values]


def _parameters(arguments: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    """Return the parameters of an address; Tornado leaves the bytes of names as Latin-1."""
    return [(_text(name.encode("latin-1")), value) for name, value in _pairs(arguments)]


def _text(sent: bytes) -> str:
    """Return what was sent as text: two texts that differ are never made the same.

    Links of old systems, as of a school, are not in UTF-8.
    """
    for encoding in ("utf-8", "windows-1252"):
        try:
            return sent.decode(encoding)
        except UnicodeDecodeError:
            continue
    return sent.decode("latin-1")


def _token_in(referrer: str) -> str:
    """Return the token in the address of a player's page; "" in others."""
    found = re.search(r"/p/([^/]+)/", urlsplit(referrer).path)
    return found[1] if found else ""
