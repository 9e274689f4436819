"""Handlers: what each address of the participant server answers."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from http.client import responses
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.web import RequestHandler, stream_request_body

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.server.base_handler import Answer
from uproot_nb.server.files import AppFiles, Static
from uproot_nb.server.forms import (
    MALFORMED,
    TOO_LARGE,
    TOO_MANY,
    UNKEPT,
    FormReader,
    PostedFile,
)
from uproot_nb.server.limits import how_to_change
from uproot_nb.server.networks import network_of
from uproot_nb.server.notices import VISIT, notice, words
from uproot_nb.server.request_info import address_of, told_headers
from uproot_nb.server.sessions import Player, Session
from uproot_nb.server.socket_handlers import JoinDoor, PlayerDoor, RoomDoor
from uproot_nb.server.visitors import Visitor

if TYPE_CHECKING:  # the server makes its handlers; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["NotFound", "routes"]

_STATIC = Path(__file__).parent.parent / "static"
_UNBOUNDED = 1 << 62
_VISIT = re.compile(r"[\w-]{16,64}", re.ASCII)
_REFUSALS = {MALFORMED: "malformed form", TOO_LARGE: "too large", TOO_MANY: "too many uploads"}
ANSWER = "_uproot_answer"
"""The query by which a page's script gets the page that answers its form."""
_UNKNOWN_LABEL = 403
"""The status by which a kernel tells that it knows no such label."""
# What the server decides by itself, whatever a kernel says.
_OWN_HEADERS = frozenset({
    "connection", "content-length", "keep-alive", "server", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "www-authenticate",
})  # fmt: skip


def routes(
    server: ParticipantServer, prefix: str, *, sandboxed: bool
) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """Return the routes below *prefix*; *sandboxed* where the origin is Jupyter's."""
    shared = {"server": server, "sandboxed": sandboxed}
    return [
        (rf"{prefix}p/([^/]+)/ws", PlayerDoor, shared),
        (rf"{prefix}p/([^/]+)/", PlayerPage, shared),
        (rf"{prefix}p/([^/]+)/api/(.*)", PlayerApi, shared),
        (rf"{prefix}join/([^/]+)/([^/]+)/ws", JoinDoor, shared),
        (rf"{prefix}join/([^/]+)/([^/]+)/", JoinPage, shared),
        (rf"{prefix}room/([^/]+)/ws", RoomDoor, shared),
        (rf"{prefix}room/([^/]+)/", RoomPage, shared),
        (rf"{prefix}files/([^/]+)/(.+)", AppFiles, shared),
        (rf"{prefix}static/[^/]+/(.+)", Static, {"path": str(_STATIC), **shared}),
        (rf"{prefix}.*", NotFound, shared),
    ]


class NotFound(Answer):
    """All addresses that lead nowhere."""

    def get(self, *ignored: str) -> None:
        self.server.note_unknown_address(self.request.path)
        self.show("missing", 404)

    def post(self, *ignored: str) -> None:
        self.get()


class _KernelPage(Answer):
    """Pages that a kernel makes."""

    depth = 0
    """How many folders the page is below the participant root."""

    @property
    def has_answers(self) -> bool:
        """Whether a form has come that is lost when the page is shown anew: "back" has it still."""
        return False

    @property
    def form(self) -> list[tuple[str, str]]:
        """What was posted, as (name, value) pairs."""
        return _pairs(self.request.body_arguments)

    @property
    def posted_files(self) -> Sequence[PostedFile]:
        """The files that came with the form."""
        return ()

    def admit(self, token: str) -> Player | None:
        """Return whose address it is; answer and return None where nobody is let in."""
        player = self.server.sessions.player(token)
        if player is None:
            self.miss("unknown token")
        elif player.session.closed:
            self.show("ended", 410)
        elif player.bucket is not None and not player.bucket.take(time.monotonic()):
            self.server.count_refusal("too fast", player)
            self.too_fast()
        else:
            return player
        return None

    def miss(self, what: str) -> None:
        """Answer that nothing is here; or that it comes, while a kernel may still bring it."""
        if self.server.expected.is_open:
            self.wait()
        else:
            self.server.count_refusal(what)
            self.show("missing", 404)

    def wait(self) -> None:
        """Say that there is no page now; the notice goes on by itself."""
        self.set_header("Retry-After", "5")
        self.show("unsent" if self.has_answers else "paused", 503)

    async def ask_kernel(
        self,
        session: Session,
        player: str,
        action: str,
        patience: float,
        room: str = "",
        asked: tuple[str, str, bytes] = ("", "", b""),
    ) -> HttpReply | None:
        """Return the kernel's answer; None if no kernel came, or none answered.

        *asked* is what its api is asked for: method, path and content.
        """
        link = await session.served(patience)
        if link is None:
            return None
        request = HttpRequest(
            next(self.server.numbers),
            session.key,
            player,
            action,
            self.form,
            [pair for pair in _pairs(self.request.query_arguments) if pair[0] != ANSWER],
            self.request.headers.get("Accept-Language", ""),
            list(self.posted_files),
            told_headers(self.request),
            room,
            *asked,
        )
        return await link.ask(request, self.server.limits.form_patience)

    async def ask_patiently(
        self, session: Session, player: str, action: str, patience: float, room: str = ""
    ) -> HttpReply | None:
        """Return the answer to what may be asked twice; None if it is time to give up."""
        deadline = time.monotonic() + patience
        while True:
            patience = max(0.0, deadline - time.monotonic())
            reply = await self.ask_kernel(session, player, action, patience, room)
            if reply is not None or session.closed or time.monotonic() >= deadline:
                return reply
            # The kernel went before it had answered: ask the next.

    def pass_on(self, reply: HttpReply) -> None:
        """Send the browser what the kernel answered."""
        self.set_status(reply.status, None if reply.status in responses else "Unknown")
        told: set[str] = set()
        for name, value in reply.headers:
            key = name.lower()
            if key == "location":
                self.set_header("Location", self.below_root(value))
            elif key not in _OWN_HEADERS:
                if key == "content-security-policy" and self.sandboxed:
                    continue
                # A policy of the author's is one more: browsers keep to both.
                add = key in told or key == "content-security-policy"
                write = self.add_header if add else self.set_header
                write(name, value)
                told.add(key)
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

    def pause_or_end(self, session: Session) -> None:
        """Say that there is no page now; the notice goes on by itself."""
        if session.closed:
            self.show("ended", 410)
        else:
            self.wait()

    def too_long(self) -> bool:
        """Refuse a form that is longer than forms may be (Jupyter's own port lets more in)."""
        if len(self.request.body) <= self.server.limits.max_form_bytes:
            return False
        self.server.count_refusal("too large")
        self.show("refused", 413)
        return True

    def too_fast(self) -> None:
        """Refuse a request for coming too soon after many others."""
        self.set_header("Retry-After", "1")
        self.show("unsent" if self.has_answers else "busy", 429)


@stream_request_body
class PlayerPage(_KernelPage):
    """A player's page: shown by GET, submitted by POST, with files if need be.

    A form is read as it arrives. One that is too large is read to its end and thrown away, for a
    browser shows no answer that comes while it is still sending.
    """

    route = "p/…/"
    depth = 2

    _reader: FormReader | None = None
    _sender: Player | None = None
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
        """Make ready for a form, if it is a player's."""
        turn = super().prepare()
        if turn is None and not self._finished:
            self._make_ready()
        return turn

    def _make_ready(self) -> None:
        connection: Any = self.request.connection
        limits = self.server.limits
        player = self.server.sessions.player(self.path_args[0])
        if self.request.method != "POST" or player is None or player.session.closed:
            return
        connection.set_max_body_size(_UNBOUNDED)
        connection.set_body_timeout(limits.upload_patience)
        kind = self.request.headers.get("Content-Type", "")
        self._reader = FormReader(kind, limits, self.server.uploads)
        if player.uploads >= limits.max_uploads_per_player:
            self._reader.refuse(TOO_MANY)
        elif self._announced > limits.max_upload_bytes:
            self._reader.refuse(TOO_LARGE)
        self._report_refusal(player)
        self._sender = player
        player.uploads += 1
        self._expect_more()

    def data_received(self, chunk: bytes) -> None:
        """Take the next bytes of the form."""
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
        idle = self.server.limits.idle_timeout
        self._stalled = asyncio.get_running_loop().call_later(idle, self._cut_off)

    def _cut_off(self) -> None:
        connection: Any = self.request.connection
        if connection is not None and connection.stream is not None:
            connection.stream.close()

    def _arrived(self) -> None:
        """Note that nothing more of the form comes. Idempotent."""
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
        """Let scripts of pages in a sandbox, which have no origin, hear of their form."""
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
        patience = self.server.limits.page_patience
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
            if player is not None:  # the session was closed while the form came, and is back
                self.pause_or_end(player.session)
            return
        try:
            if reader.finish():
                await self._submit(player)
            else:
                self._refuse(player, reader.refused)
        finally:
            self._discard()

    async def _submit(self, player: Player) -> None:
        """Let a kernel store the form; only its answer says that it is stored.

        A form says of which visit it is, so that a kernel takes it once however often it comes.
        """
        session, patience = player.session, self.server.limits.form_patience
        reply = await self.ask_patiently(session, player.name, "submit", patience)
        if reply is None:
            self._leave_files()
            self._say_unsent(player)
        elif self._by_script and reply.status != 303:
            self._tell({"go": f"./?{ANSWER}={player.keep_answer(reply)}"}, reply.status)
        else:
            self.pass_on(reply)

    def _say_unsent(self, player: Player) -> None:
        """Say that the form is not stored, as far as anybody knows; the page sends it again."""
        if player.session.closed:
            self.show("ended", 410)
            return
        self.set_header("Retry-After", "1")
        if self._by_script:
            self._tell({"again": 1}, 503)
        else:
            self.show("unsent", 503)

    @property
    def _by_script(self) -> bool:
        """Whether the page's own script has sent the form, and shows what became of it."""
        return "application/json" in self.request.headers.get("Accept", "")

    def _tell(self, told: dict[str, Any], status: int) -> None:
        """Tell the page's script what became of the form."""
        self.set_status(status, None if status in responses else "Unknown")
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(told))

    def _leave_files(self) -> None:
        """Leave the files for a while: the kernel, which is slow, may still read them."""
        assert self._reader is not None
        left, self._reader.files = self._reader.files, []
        self.server.uploads.remove_later(
            [path for _, _, _, path, _ in left], self.server.limits.kept_unanswered
        )

    @property
    def _announced(self) -> int:
        """How long the form is, as its browser says."""
        text = self.request.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    def _report_refusal(self, player: Player) -> None:
        """Report a refused form at once: of a large one the rest may come for long."""
        if self._reader is None or not self._reader.refused or self._reported:
            return
        self._reported = True
        status, detail = self._reader.refused, ""
        if status == TOO_LARGE:
            limits, size = self.server.limits, self._announced
            detail = (
                f"a form of {size:,} bytes; max_upload_bytes allows {limits.max_upload_bytes:,} "
                f"with files, max_form_bytes {limits.max_form_bytes:,} without, max_files "
                f"{limits.max_files}. Raise {how_to_change('max_upload_bytes')}"
            )
        self.server.count_refusal(_REFUSALS.get(status, "unkept"), player, detail)

    def _refuse(self, player: Player, status: int) -> None:
        self._report_refusal(player)
        kind = "large" if status == TOO_LARGE else "refused"
        if self._by_script:
            again = status in (TOO_MANY, UNKEPT)
            self._tell({"again": 1} if again else {"say": words(kind, self.language)}, status)
        elif status == TOO_MANY:
            self.too_fast()
        else:
            self.show(kind, status)


class PlayerApi(_KernelPage):
    """What the experiment's own api answers to the scripts of a player's pages."""

    route = "p/…/api/…"

    @property
    def form(self) -> list[tuple[str, str]]:
        return []  # the author reads the body

    def set_default_headers(self) -> None:
        """Let pages in a sandbox ask, which have no origin: the token in the path lets them in."""
        super().set_default_headers()
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")

    def options(self, *ignored: str) -> None:
        """Tell a browser that scripts of a sandboxed page may send JSON."""
        self.set_header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
        self.set_header("Access-Control-Allow-Headers", "Content-Type")
        self.set_header("Access-Control-Max-Age", "3600")
        self.set_status(204)

    async def get(self, token: str, path: str) -> None:
        """Ask the experiment."""
        player = self.admit(token)
        if player is None or self.too_long():
            return
        if await player.session.served(self.server.limits.form_patience) is None:
            self.pause_or_end(player.session)
            return
        method = self.request.method or "GET"
        method = "GET" if method == "HEAD" else method
        reply = await self.ask_kernel(
            player.session, player.name, "api", 0.0, asked=(method, path, self.request.body)
        )
        if reply is not None:
            self.pass_on(reply)
        else:
            self.pause_or_end(player.session)

    post = put = patch = delete = get


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
        address = address_of(self.request, self.server.proxies)
        if not self.server.may_join(session, address):
            self._later(429)
            return
        if await session.served(self.server.limits.form_patience) is None:
            self._later(503)
            return
        # A kernel that dies has perhaps given a place. Only a visit tells the next one of it.
        patience = self.server.limits.form_patience if self._visit else 0.0
        reply = await self.ask_patiently(session, "", "join", patience)
        if reply is not None:
            self.pass_on(reply)
        else:
            self._later(503)

    def _admit(self, label: str, secret: str) -> Session | None:
        session = self.server.sessions.joined_by(label, secret)
        if session is None:
            self.miss("unknown join link")
        elif session.closed:
            self.show("ended", 410)
            return None
        return session

    @property
    def _visit(self) -> str:
        """What came with the form to tell this visit from others; "" without."""
        told: str = self.get_body_argument("_uproot_visit", "")
        return told if _VISIT.fullmatch(told) else ""

    def _later(self, status: int) -> None:
        self.set_header("Retry-After", "5")
        self._show_button("later", status, self._visit or secrets.token_urlsafe(18))

    def _show_button(self, kind: str, status: int, visit: str) -> None:
        """Show a button, whose press comes with *visit*."""
        self.set_status(status)
        self.finish(notice(kind, self.language).replace(VISIT.encode(), visit.encode()))


class RoomPage(_KernelPage):
    """A room: GET shows what there is to do, POST goes in."""

    route = "room/…/"
    depth = 2

    async def get(self, name: str) -> None:
        found = self._admit(name)
        if found is not None:
            session, visitor = found
            patience = self.server.limits.page_patience
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
        if await session.served(self.server.limits.form_patience) is None:
            self.pause_or_end(session)
            return
        address = address_of(self.request, self.server.proxies)
        if not self.server.may_join(session, address):
            self.too_fast()
            return
        places = session.places
        await self._answer(
            session, visitor, lambda: self.ask_kernel(session, "", "enter", 0.0, name)
        )
        if session.places == places:  # whoever came had a place already
            self.server.give_back_join(session, address)

    def _admit(self, name: str) -> tuple[Session, Visitor] | None:
        """Return who serves the room, and for whom; answer and return None if it cannot be."""
        room = self.server.rooms.get(name)
        if room is None:
            self.miss("unknown room")
            return None
        session = room.session
        if session is None:
            self.show("ended", 410)
            return None
        visitor = room.visitor(address_of(self.request, self.server.proxies))
        if not visitor.may_ask(time.monotonic()):
            self.server.count_refusal("too fast")
            self.too_fast()
            return None
        return session, visitor

    def _has_label(self) -> bool:
        return any(self.get_arguments("label"))

    async def _answer(
        self,
        session: Session,
        visitor: Visitor,
        ask: Callable[[], Awaitable[HttpReply | None]],
    ) -> None:
        """Answer what the kernel says, which *ask* asks; labels are charged before it judges."""
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
            self.server.count_refusal("unknown label")
            if not in_time:
                self._too_many_guesses(session)
                return
        elif is_guess and in_time:
            visitor.give_back_guess(time.monotonic())
        self.pass_on(reply)

    def _too_many_guesses(self, session: Session) -> None:
        network = network_of(address_of(self.request, self.server.proxies))
        detail = f"{network} has tried many labels that nobody has; each further one has to wait"
        self.server.count_refusal("too fast", detail=detail, session=session)
        self.too_fast()


def _pairs(arguments: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    return [
        (name, value.decode("utf-8", "replace"))
        for name, values in arguments.items()
        for value in values
    ]
