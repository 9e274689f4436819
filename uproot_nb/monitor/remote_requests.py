"""RemoteRequests: the requests of programs to a run's REST API, and the answers on their way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from uproot_nb.bridge.messages import (
    BridgeMessage,
    HttpPart,
    HttpReply,
    PartsWanted,
    StewardRequest,
)
from uproot_nb.bridge.outgoing_body import PART_BYTES, OutgoingBody, pieces
from uproot_nb.engine.runtime import Runtime
from uproot_nb.session.steps import Cause

__all__ = ["AnswersRequests", "NoApi", "RemoteRequests", "StreamedReply", "error_reply"]

MOST = 64
"""Requests of one run that are answered at once; further ones are refused."""


@dataclass(frozen=True)
class StreamedReply:
    """An answer whose body is made part by part, as fast as the program reads it.

    `parts` is closed if the program goes away; what it raises is reported, and cuts the answer off.
    """

    status: int
    headers: list[tuple[str, str]]
    parts: AsyncIterator[bytes]


class AnswersRequests(Protocol):
    """The REST API of one run."""

    async def answer(self, request: StewardRequest) -> HttpReply | StreamedReply:
        """Return the answer; called on the run's loop, so it must not block."""


class NoApi:
    """A run without a REST API."""

    async def answer(self, request: StewardRequest) -> HttpReply | StreamedReply:
        return error_reply(request, 404, f"There is nothing at {request.path}.")


def error_reply(request: StewardRequest, status: int, sentence: str) -> HttpReply:
    """Return the answer that something is wrong: {"error": "…"}."""
    body = json.dumps({"error": sentence}).encode()
    return HttpReply(request.request, status, [("Content-Type", "application/json")], body)


class RemoteRequests:
    """Answers the requests to one run's API, on the run's loop.

    A body of any length takes little memory: parts are made when the program has read those before.
    """

    def __init__(self, runtime: Runtime, api: AnswersRequests) -> None:
        self._runtime, self._api = runtime, api
        self._running = 0
        self._streams: dict[int, _Body] = {}

    def receive(self, request: StewardRequest) -> None:
        """Answer *request* soon."""
        if self._running >= MOST:
            sentence = f"This session answers {MOST} requests at once. Ask again later."
            self._send(error_reply(request, 429, sentence))
            return
        self._running += 1
        if self._runtime.tasks.beside(self._answer(request)) is None:
            self._running -= 1

    def note_wanted(self, message: PartsWanted) -> None:
        """Note that a program can take more of an answer, or has gone."""
        body = self._streams.get(message.request)
        if body is not None:
            body.want(message.count)

    def forget(self) -> None:
        """Stop all answers: the participant server is gone."""
        for body in list(self._streams.values()):
            body.stop()

    def _send(self, message: BridgeMessage) -> None:
        self._runtime.world.send(message)

    async def _answer(self, request: StewardRequest) -> None:
        try:
            await self._pass_on(request, await self._ask(request))
        finally:
            self._running -= 1

    async def _ask(self, request: StewardRequest) -> HttpReply | StreamedReply:
        try:
            return await self._api.answer(request)
        except Exception as error:  # the border around one request: others are answered
            self._report(error)
            sentence = "The kernel could not answer this request; its notebook shows why."
            return error_reply(request, 500, sentence)

    async def _pass_on(self, request: StewardRequest, answer: HttpReply | StreamedReply) -> None:
        if isinstance(answer, HttpReply):
            if len(answer.body) <= PART_BYTES:
                self._send(answer)
                return
            answer = StreamedReply(answer.status, answer.headers, _whole(answer.body))
        number = request.request
        body = self._streams[number] = _Body(number, answer.parts, self._send)
        self._send(HttpReply(number, answer.status, answer.headers, b"", more=True))
        try:
            await body.run()
        except Exception as error:  # the border around one answer
            self._report(error)
        finally:
            del self._streams[number]

    def _report(self, error: Exception) -> None:
        if not self._runtime.closed:
            self._runtime.reports.report(error, Cause("", "", "api", ""))


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


class _Body(OutgoingBody):
    """One answer's body on its way."""

    def __init__(
        self, request: int, parts: AsyncIterator[bytes], send: Callable[[BridgeMessage], None]
    ) -> None:
        super().__init__(request)
        self._parts, self._pass_on = parts, send

    async def _send_all(self) -> None:
        async for part in self._parts:
            for piece in pieces(part):
                await self._wait_until_wanted()
                self._send(HttpPart(self._request, piece))

    async def _close(self) -> None:
        aclose = getattr(self._parts, "aclose", None)
        if aclose is not None:
            await aclose()

    def _send(self, part: HttpPart) -> None:
        self._pass_on(part)

    async def _wait_until_wanted(self) -> None:
        await asyncio.sleep(0)  # a body that never waits leaves others their turn
        while self._wanted <= 0:
            self._news.clear()
            await self._news.wait()
        self._wanted -= 1
