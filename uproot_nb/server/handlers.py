"""Handlers: what each address of the participant server answers."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from tornado.web import stream_request_body

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.server.base_handler import ParticipantHandler, browser_headers
from uproot_nb.server.expected import Expected
from uproot_nb.server.forms import (
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
from uproot_nb.server.sessions import ServedPlayer, ServedSession

__all__ = ["AppApi", "JoinPage", "NotFound", "PlayerApi", "PlayerPage", "RoomPage"]

_UNBOUNDED = 1 << 62
_VISIT = re.compile(r"[\w-]{16,64}", re.ASCII)
_REFUSALS = {MALFORMED: "malformed form", TOO_LARGE: "too large", TOO_MANY: "too many uploads"}
ANSWER = "_uproot_answer"
"""The query parameter with which a page's script asks for the answer to its form."""
_UNKNOWN_LABEL = 403
"""The kernel's status for an unknown label."""
# The server sets these itself.
_OWN_HEADERS = frozenset({
    "connection", "content-length", "keep-alive", "server", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "www-authenticate",
})  # fmt: skip


class NotFound(ParticipantHandler):
    """Answers all other addresses."""

    def get(self, *ignored: str) -> None:
        self.reports.note_unknown_address(self.request.path)
        self.show("missing", 404)

    def post(self, *ignored: str) -> None:
        self.get()


class _KernelPage(ParticipantHandler):
    """Pages that a kernel makes."""

    limits: Limits
    expected: Expected
    numbers: Iterator[int]
    """The numbers of requests."""
    depth = 0
    """How many folders the page is below the participant root."""

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
        player = self.sessions.player(token)
        if player is None:
            self.miss("unknown token")
        elif player.session.closed:
            self.show("ended", 410)
        elif player.bucket is not None and not player.bucket.take(time.monotonic()):
            self.reports.count_refusal("too fast", player)
            self.too_fast()
        else:
            return player
        return None

    def miss(self, what: str) -> None:
        """Answer "not found", or "paused" while a kernel may still come that knows the address."""
        if self.expected.is_open:
            self.wait()
        else:
            self.reports.count_refusal(what)
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
        asked: tuple[str, str, bytes] = ("", "", b""),
    ) -> HttpReply | None:
        """Return the kernel's answer; None if no kernel came, or none answered.

        *asked* is the request to the experiment's own api: method, path and content.
        """
        link = await session.served(patience)
        if link is None:
            return None
        request = HttpRequest(
            next(self.numbers),
            session.key,
            player,
            action,
            self.form,
            [pair for pair in _pairs(self.request.query_arguments) if pair[0] != ANSWER],
            self.request.headers.get("Accept-Language", ""),
            list(self.posted_files),
            self.passed_headers,
            room,
            *asked,
        )
        return await link.ask(request, self.limits.form_patience)

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
            # The kernel went before it answered: ask the next one.

    def pass_on(self, reply: HttpReply) -> None:
        """Send the browser what the kernel answered."""
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
        self.finish(reply.body if reply.status not in (204, 304) else None)

    def below_root(self, location: str) -> str:
        """Turn a path that begins at the participant root into one relative to this page."""
        if location.startswith("//"):
            return location
        root = urlsplit(self.site.url).path
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
            self.reports.count_refusal("too many joins", detail=excess, session=session)
        return not excess

    def too_long(self) -> bool:
        """Refuse a form that is too long (Jupyter's own port accepts longer ones)."""
        if len(self.request.body) <= self.limits.max_form_bytes:
            return False
        self.reports.count_refusal("too large")
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

    uploads: Uploads
    _reader: FormReader | None = None
    _sender: ServedPlayer | None = None
    _reported = False
    _stalled: asyncio.TimerHandle | None = None

    @property
    def has_answers(self) -> bool:
        return self.request.method == "POST"

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
        connection: Any = self.request.connection
        limits = self.limits
        player = self.sessions.player(self.path_args[0])
        if self.request.method != "POST" or player is None or player.session.closed:
            return
        connection.set_max_body_size(_UNBOUNDED)
        connection.set_body_timeout(limits.upload_patience)
        kind = self.request.headers.get("Content-Type", "")
        self._reader = FormReader(kind, limits, self.uploads)
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
        idle = self.limits.idle_timeout
        self._stalled = asyncio.get_running_loop().call_later(idle, self._cut_off)

    def _cut_off(self) -> None:
        connection: Any = self.request.connection
        if connection is not None and connection.stream is not None:
            connection.stream.close()

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

    async def get(self, token: str) -> None:
        """Show the page, or once the answer to its form."""
        player = self.admit(token)
        if player is None:
            return
        answer = player.take_answer(self.get_query_argument(ANSWER, ""))
        if answer is not None:
            self.pass_on(answer)
            return
        patience = self.limits.page_patience
        reply = await self.ask_patiently(player.session, player.name, "page", patience)
        if reply is not None:
            self.pass_on(reply)
        else:
            self.pause_or_end(player.session)

    async def post(self, token: str) -> None:
        """Submit the page's form."""
        self._arrived()
        player, reader = self.admit(token), self._reader
        if player is None or reader is None:
            self._discard()
            if (
                player is not None
            ):  # the session was closed while the form arrived, and is open again
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
        session, patience = player.session, self.limits.form_patience
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
        self.uploads.remove_later([path for _, _, _, path, _ in left], self.limits.kept_unanswered)

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
            limits, size = self.limits, self._announced
            detail = (
                f"a form of {size:,} bytes; max_upload_bytes allows {limits.max_upload_bytes:,} "
                f"with files, max_form_bytes {limits.max_form_bytes:,} without, max_files "
                f"{limits.max_files}. Raise {how_to_change('max_upload_bytes')}"
            )
        self.reports.count_refusal(_REFUSALS.get(status, "unkept"), player, detail)

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
        if await session.served(self.limits.form_patience) is None:
            self.pause_or_end(session)
            return
        method = self.request.method or "GET"
        method = "GET" if method == "HEAD" else method
        asked = (method, path, self.request.body)
        reply = await self.ask_kernel(session, player, action, 0.0, asked=asked)
        if reply is not None:
            self.pass_on(reply)
        else:
            self.pause_or_end(session)


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
        key = self.request.headers.get("Authorization", "")
        return {**super().passed_headers, **({"authorization": key} if key else {})}

    async def get(self, kind: str, app: str, name: str, rest: str) -> None:
        """Ask the app."""
        asks = self._asks(name)
        if asks is not None and not self.too_long():
            await self.relay(*asks, "app_api", f"{kind}/{app}/{rest}")

    post = get

    def _asks(self, name: str) -> tuple[ServedSession, str] | None:
        """Return the session, and the player or ""; answer and return None if nobody may ask."""
        token = _token_in(self.request.headers.get("Referer", ""))
        player = self.sessions.player(token) if token else None
        if player is not None and player.session.name == name:
            return (player.session, player.name) if self.admit(token) else None
        session = self.sessions.named(name)
        if session is None or "Authorization" not in self.request.headers:
            self.miss("unknown address")
        elif session.may_ask():
            return session, ""
        else:
            self.too_fast()
        return None


class JoinPage(_KernelPage):
    """A session's join link: GET shows a button, so that a link preview never joins."""

    route = "join/…/…/"
    depth = 3

    def get(self, label: str, secret: str) -> None:
        session = self._admit(label, secret)
        if session is not None:
            self._show_button("join", 200, secrets.token_urlsafe(18))

    async def post(self, label: str, secret: str) -> None:
        session = self._admit(label, secret)
        if session is None or self.too_long() or self.refuse_cross_site(session):
            return
        if not self.may_join(session):
            self._later(429)
            return
        if await session.served(self.limits.form_patience) is None:
            self._later(503)
            return
        # A kernel that dies may have given a place, which the next one finds by the visit.
        patience = self.limits.form_patience if self._visit else 0.0
        reply = await self.ask_patiently(session, "", "join", patience)
        if reply is not None:
            self.pass_on(reply)
        else:
            self._later(503)

    def _admit(self, label: str, secret: str) -> ServedSession | None:
        session = self.sessions.joined_by(label, secret)
        if session is None:
            self.miss("unknown join link")
        elif session.closed:
            self.show("ended", 410)
            return None
        return session

    @property
    def _visit(self) -> str:
        """The token of this visit that came with the form, or ""."""
        visit: str = self.get_body_argument("_uproot_visit", "")
        return visit if _VISIT.fullmatch(visit) else ""

    def _later(self, status: int) -> None:
        self.set_header("Retry-After", "5")
        self._show_button("later", status, self._visit or secrets.token_urlsafe(18))

    def _show_button(self, kind: str, status: int, visit: str) -> None:
        """Show a button that posts *visit*."""
        self.set_status(status)
        self.finish(notice(kind, self.language).replace(VISIT.encode(), visit.encode()))


class RoomPage(_KernelPage):
    """A room: GET shows its page, POST goes in."""

    rooms: ClaimedRooms
    route = "room/…/"
    depth = 2

    async def get(self, name: str) -> None:
        found = self._admit(name)
        if found is not None:
            session, visitor = found
            patience = self.limits.page_patience
            await self._answer(
                session,
                visitor,
                lambda: self.ask_patiently(session, "", "room", patience, name),
            )

    async def post(self, name: str) -> None:
        found = self._admit(name)
        if found is None or self.too_long():
            return
        session, visitor = found
        if self.refuse_cross_site(session):
            return
        if await session.served(self.limits.form_patience) is None:
            self.pause_or_end(session)
            return
        if not self.may_join(session):
            self.too_fast()
            return
        places = session.places
        await self._answer(
            session, visitor, lambda: self.ask_kernel(session, "", "enter", 0.0, name)
        )
        if session.places == places:  # the visitor had a place already
            session.give_back_join(self.address)

    def _admit(self, name: str) -> tuple[ServedSession, Visitor] | None:
        """Return the room's session and the visitor; answer and return None if there is none."""
        room = self.rooms.get(name)
        if room is None:
            self.miss("unknown room")
            return None
        session = room.session
        if session is None:
            self.show("ended", 410)
            return None
        visitor = room.visitor(self.address)
        if not visitor.may_ask(time.monotonic()):
            self.reports.count_refusal("too fast")
            self.too_fast()
            return None
        return session, visitor

    def _has_label(self) -> bool:
        return any(self.get_arguments("label"))

    async def _answer(
        self,
        session: ServedSession,
        visitor: Visitor,
        ask: Callable[[], Awaitable[HttpReply | None]],
    ) -> None:
        """Pass on the kernel's answer to *ask*; labels count before the kernel has checked them."""
        is_guess = self._has_label()
        in_time = not is_guess or visitor.may_guess(time.monotonic())
        if not in_time and not await visitor.wait_to_guess():
            self._too_many_guesses(session)
            return
        reply = await ask()
        if reply is None:
            self.pause_or_end(session)
            return
        if reply.status == _UNKNOWN_LABEL:
            self.reports.count_refusal("unknown label")
            if not in_time:
                self._too_many_guesses(session)
                return
        elif is_guess and in_time:
            visitor.give_back_guess(time.monotonic())
        self.pass_on(reply)

    def _too_many_guesses(self, session: ServedSession) -> None:
        network = network_of(self.address)
        detail = f"{network} has tried many labels that nobody has; each further one has to wait"
        self.reports.count_refusal("too fast", detail=detail, session=session)
        self.too_fast()


def _pairs(arguments: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    return [
        (name, value.decode("utf-8", "replace"))
        for name, values in arguments.items()
        for value in values
    ]


def _token_in(referrer: str) -> str:
    """Return the token in the address of a player's page; "" in others."""
    found = re.search(r"/p/([^/]+)/", urlsplit(referrer).path)
    return found[1] if found else ""
