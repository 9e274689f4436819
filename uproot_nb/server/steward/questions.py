"""ApiQuestions: requests to the REST API, each asked of the kernel that can answer it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Protocol

from uproot_nb.bridge.messages import BridgeMessage, HttpReply, Role, StewardRequest
from uproot_nb.server.answer_bodies import AnswerBody
from uproot_nb.server.rates.buckets import TokenBucket
from uproot_nb.server.steward.watchers import find_session

__all__ = ["ApiAnswer", "ApiQuestion", "ApiQuestions"]

_PATIENCE, _SHORT_PATIENCE = 60.0, 5.0
"""Seconds until an answer begins; of each of many sessions."""
_PER_SECOND, _AT_ONCE = 100.0, 1000.0
_AWAY = (
    "No kernel serves the session {name!r} now. Run its notebook again (or `uproot-nb run`): it "
    "goes on where it was."
)
_SENTENCES = {
    "closed": (410, "The session {name!r} has ended. Open its log with open_log(…)."),
    "unknown": (404, "There is no session {name!r} here. GET api/v1/sessions names all."),
    "several": (409, "Several sessions are called {name!r}. Close all but one of them."),
    "away": (503, _AWAY),
}


class Answering(Protocol):
    """The way to a kernel that answers."""

    def send(self, message: BridgeMessage) -> None:
        """Send *message* to the kernel; never waits."""

    async def ask(self, request: StewardRequest, patience: float) -> HttpReply | None:
        """Return the kernel's answer; None if it went away or took more than *patience* s."""

    def body_of(self, reply: HttpReply) -> AnswerBody | None:
        """Return the body that follows an answer in parts, if one does."""


class AskedSession(Protocol):
    """A session as the API sees it."""

    key: str
    name: str
    silent: bool

    @property
    def players(self) -> Sized:
        """Its places."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    @property
    def link(self) -> Answering | None:
        """The way to the kernel that serves it; None while none does."""


@dataclass(frozen=True)
class ApiQuestion:
    """What a program asks: `path` is below api/v1/."""

    role: Role
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class ApiAnswer:
    """What it is answered; `rest` is the body that follows in parts, if one does."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    rest: AnswerBody | None = None

    @classmethod
    def error(cls, status: int, sentence: str) -> ApiAnswer:
        """Return the answer that something is wrong: {"error": "…"}."""
        body = json.dumps({"error": sentence}).encode()
        return cls(status, {"Content-Type": "application/json"}, body)


class ApiQuestions:
    """Asks the kernels, and joins what those of several sessions answer.

    Args:
        numbers: those of sockets, calls and requests.
    """

    def __init__(self, sessions: Iterable[AskedSession], numbers: Iterator[int]) -> None:
        self._sessions, self._numbers = sessions, numbers
        self._bucket = TokenBucket(_PER_SECOND, _AT_ONCE, time.monotonic())

    async def answer(self, asked: ApiQuestion) -> ApiAnswer:
        """Return the answer to *asked*."""
        if not self._bucket.take(time.monotonic()):
            return ApiAnswer.error(429, "There are too many requests at once. Ask again later.")
        first, _, rest = asked.path.partition("/")
        if first == "sessions" and rest:
            return await self._of_session(asked, rest.partition("/")[0])
        if asked.path not in ("sessions", "openapi.json"):
            return ApiAnswer.error(
                404, "There is nothing at this address. See api/v1/openapi.json."
            )
        if asked.method != "GET":
            refusal = ApiAnswer.error(405, "This address can only be read, by GET.")
            return ApiAnswer(405, {**refusal.headers, "Allow": "GET, HEAD"}, refusal.body)
        return await (self._all(asked) if asked.path == "sessions" else self._any(asked))

    async def _of_session(self, asked: ApiQuestion, name: str) -> ApiAnswer:
        session, state = find_session(self._sessions, name)
        if state in _SENTENCES or session is None or session.link is None:
            status, sentence = _SENTENCES.get(state, _SENTENCES["away"])
            return ApiAnswer.error(status, sentence.format(name=name))
        link = session.link
        reply = await self._ask(asked, session, link, _PATIENCE)
        if reply is None:
            return ApiAnswer.error(
                503,
                f"The kernel of the session {name!r} does not answer. An action may have been "
                "carried out all the same: look before you repeat it.",
            )
        rest = link.body_of(reply) if reply.more else None
        return ApiAnswer(reply.status, dict(reply.headers), reply.body, rest)

    async def _any(self, asked: ApiQuestion) -> ApiAnswer:
        """Ask whichever kernel is there: all answer the same."""
        for session in self._living():
            return await self._of_session(asked, session.name)
        return ApiAnswer.error(
            503, "No kernel serves a session now. Run a notebook that calls serve."
        )

    async def _all(self, asked: ApiQuestion) -> ApiAnswer:
        """Ask each session's kernel about it; what is known of the others stands beside."""
        known = [one for one in self._sessions if not one.closed]
        found = await asyncio.gather(*(self._describe(asked, one) for one in known))
        body = json.dumps(found).encode()
        return ApiAnswer(200, {"Content-Type": "application/json"}, body)

    async def _describe(self, asked: ApiQuestion, session: AskedSession) -> object:
        about = ApiQuestion(asked.role, "GET", f"sessions/{session.name}", [], {}, b"")
        reply = None
        if session.link is not None and not session.silent:
            reply = await self._ask(about, session, session.link, _SHORT_PATIENCE)
        if reply is not None and reply.status == 200 and not reply.more:
            return json.loads(reply.body)
        unknown = {"online": None, "frozen": None, "seq": None}
        return {
            "name": session.name, "state": "away", "players": len(session.players), **unknown,
        }  # fmt: skip

    def _living(self) -> list[AskedSession]:
        return [one for one in self._sessions if one.link is not None and not one.closed]

    async def _ask(
        self, asked: ApiQuestion, session: AskedSession, link: Answering, patience: float
    ) -> HttpReply | None:
        request = StewardRequest(
            next(self._numbers), session.key, asked.role, asked.method, asked.path, asked.query,
            asked.headers, asked.content,
        )  # fmt: skip
        return await link.ask(request, patience)
