"""Sessions: which players there are, by which token they come, and which kernel serves them."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

from uproot_nb.bridge.messages import HttpReply, OpenSession
from uproot_nb.server.limits import TokenBucket
from uproot_nb.server.visitors import Visitors

if TYPE_CHECKING:  # the three know each other; only names are needed here
    from uproot_nb.server.kernel_connection import KernelLink
    from uproot_nb.server.sockets import PlayerSocket

__all__ = ["Player", "Session", "Sessions", "digest"]

_ANSWER_SECONDS = 60.0
"""How long a page waits for its browser; it is there at once, or not at all."""
_STATES = frozenset({"running", "paused", "closed"})


def digest(secret: str) -> bytes:
    """Return what tables are keyed by, so that looking up tells nothing about a secret."""
    return blake2b(secret.encode(errors="replace"), digest_size=16).digest()


class Player:
    """A place in a session, and its open sockets."""

    __slots__ = (
        "_answer", "_connected", "bucket", "name", "number", "session", "sockets", "uploads",
    )  # fmt: skip

    def __init__(self, session: Session, name: str, number: int = 0) -> None:
        self.session, self.name = session, name
        self.number = number
        """Which place of the session's it is, in the order in which they came."""
        self.sockets: list[PlayerSocket] = []
        self.bucket: TokenBucket | None = None
        self.uploads = 0
        """Forms with files that are on their way."""
        self._connected = False
        self._answer: tuple[str, HttpReply] | None = None

    def may_connect(self, now: float) -> bool:
        """Say whether one more socket may be opened; each counts as a call, except the first."""
        first, self._connected = not self._connected, True
        return first or self.bucket is None or self.bucket.take(now)

    def keep_answer(self, reply: HttpReply) -> str:
        """Keep a page for the browser that comes for it next; return under which key."""
        key = secrets.token_urlsafe(12)
        self._answer = key, reply
        asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self.take_answer, key)
        return key

    def take_answer(self, key: str) -> HttpReply | None:
        """Return what is kept under *key*, once."""
        if self._answer is None or not hmac.compare_digest(self._answer[0].encode(), key.encode()):
            return None
        (_, reply), self._answer = self._answer, None
        return reply


class Session:
    """What the server knows of a session; `link` is None while no kernel serves it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.name = ""
        self.origin = ""
        """The file from which it is served."""
        self.join_secret = b""
        self.players: dict[str, Player] = {}
        self.joins: TokenBucket | None = None
        self.visitors: Visitors | None = None
        self.places = 0
        """How many places there have been."""
        self.link: KernelLink | None = None
        self._state = "paused"
        self._news = asyncio.Event()

    @property
    def state(self) -> str:
        """What participants are told: "running", "paused" or "closed"."""
        if self.closed:
            return self._state
        return "paused" if self.link is None or self.link.silent else self._state

    @property
    def closed(self) -> bool:
        return self._state == "closed"

    def set_state(self, state: str) -> bool:
        """Take the kernel's word, and tell whether it is another one than before.

        A word that means nothing is taken as "paused".
        """
        before, self._state = self._state, state if state in _STATES else "paused"
        self._news.set()
        return self._state != before

    def serve_by(self, link: KernelLink | None) -> None:
        """Let *link* serve the session from now on."""
        self.link = link
        if link is not None:
            self._news.set()

    async def served(self, patience: float) -> KernelLink | None:
        """Return the kernel's link, waiting *patience* seconds for one; None if none came."""
        try:
            async with asyncio.timeout(patience):
                while self.link is None and not self.closed:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return None if self.closed else self.link

    def sockets(self) -> list[PlayerSocket]:
        """Return every open socket, oldest first."""
        opened = [socket for player in self.players.values() for socket in player.sockets]
        return sorted(opened, key=lambda socket: socket.number)


class Sessions:
    """Every session that a kernel has opened since the server started."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._players: dict[bytes, Player] = {}
        self._folders: dict[bytes, tuple[Session, str]] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def get(self, key: str) -> Session | None:
        """Return the session with the unguessable *key*."""
        return self._sessions.get(key)

    def player(self, token: str) -> Player | None:
        """Return whose *token* it is."""
        return self._players.get(digest(token))

    def folder(self, key: str) -> str | None:
        """Return the folder of static files that *key* opens, while its session is open."""
        session, folder = self._folders.get(digest(key), (None, ""))
        return folder if session is not None and not session.closed else None

    def joined_by(self, label: str, secret: str) -> Session | None:
        """Return the session that a join link with *label* (key or name) and *secret* leads to."""
        shown, found = digest(secret), None
        for session in self._sessions.values():
            if hmac.compare_digest(session.join_secret, shown) and label in (
                session.key,
                session.name,
            ):
                found = session
        return found

    def open(self, opened: OpenSession) -> tuple[Session, list[Player]]:
        """Take what a kernel says of a session; return it, and the players that are no more."""
        session = self._sessions.get(opened.session)
        if session is None:
            session = self._sessions[opened.session] = Session(opened.session)
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

    def add_folder(self, session: Session, key: str, folder: str) -> None:
        """Let whoever knows *key* read the files below *folder*."""
        known = self._folders.get(digest(key))
        if known is None or known[0] is session:
            self._folders[digest(key)] = session, folder

    def add_players(self, session: Session, tokens: dict[str, str]) -> None:
        """Give *session* more places: player name by token."""
        for token, name in tokens.items():
            player = session.players.get(name)
            if player is None:
                session.places += 1
                player = session.players[name] = Player(session, name, session.places)
            self._players[digest(token)] = player
