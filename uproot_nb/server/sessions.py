"""Sessions: the sessions that kernels serve, their players, and the tokens of both."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Iterator
from hashlib import blake2b
from typing import Protocol

from uproot_nb.bridge.messages import (
    AnswerStored,
    BridgeMessage,
    HttpReply,
    HttpRequest,
    OpenSession,
    Presence,
    StewardRequest,
)
from uproot_nb.server.answer_bodies import AnswerBody
from uproot_nb.server.gateways.kernel_files import FileQuestions
from uproot_nb.server.limits import Limits, TokenBucket, Visitors, how_to_change
from uproot_nb.server.networks import network_of
from uproot_nb.server.pressure.pressure import Pressure

__all__ = [
    "Link", "REPORTS_PER_SECOND", "ServedPlayer", "ServedSession", "Sessions", "digest",
]  # fmt: skip

REPORTS_PER_SECOND = 5.0
"""Reports that a player's pages may send in the long run (see `PageReport`)."""
REPORT_BURST = 100.0
"""Reports that may come at once."""

_ANSWER_SECONDS = 60.0
"""How long a page waits for its browser, which comes at once or not at all."""
_STATES = frozenset({"running", "paused", "closed"})


def digest(secret: str) -> bytes:
    """Return the key of *secret* in tables: the time of a lookup reveals nothing about it."""
    return blake2b(secret.encode(errors="replace"), digest_size=16).digest()


class Link(Protocol):
    """The way to the kernel that serves a session."""

    shared: bool
    """Whether a browser's next request may reach another participant server."""

    def send(self, message: BridgeMessage) -> None:
        """Send *message* to the kernel; never waits."""

    async def ask(self, request: HttpRequest | StewardRequest, patience: float) -> HttpReply | None:
        """Return the kernel's answer; None if it went away or took more than *patience* s."""

    def body_of(self, reply: HttpReply) -> AnswerBody | None:
        """Return the body that follows an answer in parts, if one does."""

    @property
    def files(self) -> FileQuestions:
        """What is asked of the kernel about apps' files, if it is on another machine."""


class ServedPlayer:
    """A player's place in a session, as the server knows it."""

    __slots__ = (
        "_answer", "_connected", "bucket", "name", "reports", "session", "share", "streams",
        "uploads",
    )  # fmt: skip

    def __init__(self, session: ServedSession, name: str, bucket: TokenBucket | None) -> None:
        self.session, self.name, self.bucket = session, name, bucket
        self.share = session.pressure.share()
        """What the kernel has not answered."""
        self.reports = TokenBucket(REPORTS_PER_SECOND, REPORT_BURST, time.monotonic())
        """How many reports the player's pages may still send, in all tabs together."""
        self.uploads = 0
        """Forms with files that are arriving."""
        self.streams = 0
        """Answers that are being sent part by part."""
        self._connected = False
        self._answer: tuple[str, HttpReply] | None = None

    def may_connect(self, now: float) -> bool:
        """Return whether one more socket may open; each but the first counts as a call."""
        first, self._connected = not self._connected, True
        return first or self.bucket is None or self.bucket.take(now)

    def store_answer(self, reply: HttpReply) -> str:
        """Store a page for the browser's next request; return its key."""
        key = secrets.token_urlsafe(12)
        self._answer = key, reply
        asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self.take_answer, key)
        session, link = self.session, self.session.link
        if link is not None and link.shared:
            link.send(AnswerStored(session.key, self.name, key, reply))
        return key

    def take_answer(self, key: str) -> HttpReply | None:
        """Return the page stored under *key*, once."""
        if self._answer is None or not hmac.compare_digest(self._answer[0].encode(), key.encode()):
            return None
        (_, reply), self._answer = self._answer, None
        return reply


class ServedSession:
    """A session as the server knows it; `link` is None while no kernel serves it."""

    def __init__(self, key: str, limits: Limits) -> None:
        self.key = key
        self.name = ""
        self.origin = ""
        """The file from which it is served."""
        self.epoch = 0
        """Which writer of its database serves it; later ones have higher numbers."""
        self.join_secret = b""
        self.players: dict[str, ServedPlayer] = {}
        self.presence: Presence | None = None
        """Who is connected at all gateways; None if this server is the only one."""
        self.places = 0
        """How many places there have been."""
        self.link: Link | None = None
        self.silent = False
        """Whether the kernel gives no sign of life."""
        self._limits, now = limits, time.monotonic()
        self._joins, self._asked = limits.bucket(now), limits.bucket(now)
        self._visitors = Visitors(limits)
        self.pressure = Pressure(limits.max_unanswered_bytes_in_all, limits.max_unanswered_bytes)
        self._state = "paused"
        self._changed = asyncio.Event()

    @property
    def state(self) -> str:
        """The state that participants see: "running", "paused" or "closed"."""
        if self.closed:
            return self._state
        return "paused" if self.link is None or self.silent else self._state

    @property
    def closed(self) -> bool:
        return self._state == "closed"

    def may_ask(self) -> bool:
        """Count one more request of a program; return whether there are not too many."""
        return self._asked is None or self._asked.take(time.monotonic())

    def find_excess_join(self, address: str) -> str:
        """Count one more place that *address* asks for; return which limit it exceeds, or ""."""
        now = time.monotonic()
        if self._joins is not None and not self._joins.take(now):
            return "places are asked for too fast"
        if self._visitors.get(address).may_join(now):
            return ""
        limits = self._limits
        return (
            f"{network_of(address)} has asked for {limits.join_burst:,.0f} places at once, and "
            f"{limits.max_joins_per_second:g} a second pass. Raise join_burst or "
            f"{how_to_change('max_joins_per_second')}"
        )

    def give_back_join(self, address: str) -> None:
        """Uncount a place that was asked for: none was opened."""
        self._visitors.get(address).give_back_join(time.monotonic())

    def set_state(self, state: str) -> bool:
        """Take the kernel's state, unknown ones as "paused"; return whether it has changed."""
        before, self._state = self._state, state if state in _STATES else "paused"
        self._changed.set()
        return self._state != before

    def serve_by(self, link: Link | None, is_full: bool = False) -> None:
        """Let *link* serve the session from now on.

        Args:
            is_full: whether the kernel has left so much unread that nothing more is sent for now.
        """
        self.link, self.silent, self.presence = link, False, None
        self.pressure.stuck = is_full
        if link is not None:
            self._changed.set()

    async def served(self, patience: float) -> Link | None:
        """Return the kernel's link; None if none comes within *patience* seconds."""
        if self.link is not None and not self.closed:
            return self.link
        try:
            async with asyncio.timeout(patience):
                while self.link is None and not self.closed:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return None if self.closed else self.link


class Sessions:
    """Every session that a kernel has opened since the server started."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sessions: dict[str, ServedSession] = {}
        self._players: dict[bytes, ServedPlayer] = {}
        self._folders: dict[bytes, tuple[ServedSession, str]] = {}

    def __iter__(self) -> Iterator[ServedSession]:
        return iter(self._sessions.values())

    def get(self, key: str) -> ServedSession | None:
        """Return the session with the unguessable *key*."""
        return self._sessions.get(key)

    def named(self, name: str) -> ServedSession | None:
        """Return the one open session of that name; None if there are none or several."""
        found = [one for one in self._sessions.values() if one.name == name and not one.closed]
        return found[0] if len(found) == 1 else None

    def player(self, token: str) -> ServedPlayer | None:
        """Return the player with this *token*."""
        return self._players.get(digest(token))

    def folder(self, key: str) -> str | None:
        """Return the folder of static files that *key* opens, unless its session is closed.

        It is "" if it is on the kernel's machine, and that is another one.
        """
        session, folder = self.offered(key) or (None, "")
        return folder if session is not None and not session.closed else None

    def offered(self, key: str) -> tuple[ServedSession, str] | None:
        """Return the session whose folder *key* has opened, and that folder; see `folder`."""
        return self._folders.get(digest(key))

    def joined_by(self, label: str, secret: str) -> ServedSession | None:
        """Return the session that a join link with *label* (key or name) and *secret* leads to."""
        shown, found = digest(secret), None
        for session in self._sessions.values():
            if hmac.compare_digest(session.join_secret, shown) and label in (
                session.key,
                session.name,
            ):
                found = session
        return found

    def open(self, opened: OpenSession) -> tuple[ServedSession, list[ServedPlayer]]:
        """Open a session, or update it; return it, and the players that it no longer has."""
        session = self._sessions.get(opened.session)
        if session is None:
            session = ServedSession(opened.session, self._limits)
            self._sessions[opened.session] = session
        session.name, session.origin = opened.name, opened.origin
        session.join_secret = digest(opened.join_secret)
        self._players = {
            key: player for key, player in self._players.items() if player.session is not session
        }
        names = set(opened.tokens.values())
        gone = [player for name, player in session.players.items() if name not in names]
        for player in gone:
            del session.players[player.name]
        self.add_players(session, opened.tokens)
        return session, gone

    def add_folder(self, session: ServedSession, key: str, folder: str) -> None:
        """Let whoever knows *key* read the files below *folder*."""
        known = self._folders.get(digest(key))
        if known is None or known[0] is session:
            self._folders[digest(key)] = session, folder

    def add_players(self, session: ServedSession, tokens: dict[str, str]) -> None:
        """Give *session* more places: player name by token."""
        now = time.monotonic()
        for token, name in tokens.items():
            player = session.players.get(name)
            if player is None:
                session.places += 1
                player = ServedPlayer(session, name, self._limits.bucket(now))
                session.players[name] = player
            self._players[digest(token)] = player
