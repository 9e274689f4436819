"""RestApi: answers programs' questions about a run, and carries out their actions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from uproot_nb.bridge.messages import HttpReply, StewardRequest
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import (
    AlreadyPaid,
    BadAction,
    ClosedRun,
    Forbidden,
    FrozenCode,
    TooManyAtOnce,
    UnknownAction,
    UnknownPlayer,
    UprootError,
)
from uproot_nb.monitor.remote_requests import StreamedReply, error_reply
from uproot_nb.monitor.rest.event_streams import EventStreams
from uproot_nb.monitor.rest.export_streams import ExportStreams, file_name
from uproot_nb.monitor.rest.openapi import describe_api
from uproot_nb.monitor.rest.parameters import parse_query
from uproot_nb.monitor.rest.routes import Route, find_routes
from uproot_nb.monitor.rest.session_facts import SessionFacts
from uproot_nb.steering.actions import Actions
from uproot_nb.steering.host import Host

__all__ = ["RestApi"]

_SEND = 'Send {"players": ["ann"]}, for example.'

Answer = HttpReply | StreamedReply
_JSON = [("Content-Type", "application/json")]
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (Forbidden, 403), (UnknownAction, 404), (BadAction, 400), (TooManyAtOnce, 429),
    (AlreadyPaid, 409), (ClosedRun, 409), (FrozenCode, 409), (UprootError, 422),
    (TypeError, 422), (ValueError, 422),
)  # fmt: skip
"""The status for each kind of error that is the program's own; the first that fits."""


class RestApi:
    """Answers requests for addresses below api/v1/, on the run's loop; see `ROUTES`.

    api = RestApi(runtime, run)
    reply = await api.answer(request)
    """

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._runtime = runtime
        self._facts = SessionFacts(runtime, host)
        self._actions = Actions(runtime, host)
        self._streams, self._exports = EventStreams(runtime), ExportStreams(runtime.name, host)
        self._answers: Mapping[str, Callable[..., Awaitable[Any]]] = {
            "openapi": self._openapi, "sessions": self._sessions, "session": self._session,
            "players": self._players, "player": self._player, "overview": self._overview,
            "rooms": self._rooms, "funnel": self._funnel, "payments": self._payments,
            "events": self._events, "export": self._export, "act": self._act,
        }  # fmt: skip
        """By a route's name: what answers it, given the names of its path and its query."""

    async def answer(self, request: StewardRequest) -> Answer:
        """Return the answer to *request*; what is wrong with it is {"error": "…"}."""
        found = find_routes(request.path)
        if not found:
            return error_reply(
                request, 404, f"There is nothing at {request.path}. See api/v1/openapi.json."
            )
        for route, names in found:
            if route.method == request.method:
                return await self._answer(request, route, names)
        allowed = ", ".join(route.method for route, _ in found)
        refusal = error_reply(request, 405, f"This address takes {allowed}.")
        return HttpReply(
            request.request, 405, [*refusal.headers, ("Allow", allowed)], refusal.body
        )  # fmt: skip

    async def _answer(self, request: StewardRequest, route: Route, names: dict[str, str]) -> Answer:
        session = names.get("session", self._runtime.name)
        if session != self._runtime.name:
            return error_reply(request, 404, f"There is no session {session!r} here.")
        try:
            if route.for_stewards and request.role != "steward":
                raise Forbidden(route.name)
            given = parse_query(route.name, request.query, route.query)
            made = await self._answers[route.name](request, **names, **given)
        except UnknownPlayer as error:
            return error_reply(request, 404 if "player" in names else 422, str(error))
        except (UprootError, TypeError, ValueError) as error:
            return error_reply(request, _status(error), str(error))
        except OSError as error:
            return error_reply(request, 507, f"The data could not be written: {error}.")
        if isinstance(made, StreamedReply):
            return made
        return HttpReply(request.request, 200, _JSON, _as_json(made))

    # ---- what is read ----

    async def _openapi(self, request: StewardRequest) -> Any:
        return describe_api()

    async def _sessions(self, request: StewardRequest) -> Any:
        return [self._facts.session(request.role)]

    async def _session(self, request: StewardRequest, session: str) -> Any:
        return self._facts.session(request.role)

    async def _players(self, request: StewardRequest, session: str) -> Any:
        return await asyncio.to_thread(self._facts.players, request.role)

    async def _player(self, request: StewardRequest, session: str, player: str) -> Any:
        return await asyncio.to_thread(self._facts.player, player, request.role)

    async def _overview(self, request: StewardRequest, session: str) -> Any:
        return await asyncio.to_thread(self._facts.overview, request.role)

    async def _rooms(self, request: StewardRequest, session: str) -> Any:
        return self._facts.rooms(request.role)

    async def _funnel(self, request: StewardRequest, session: str) -> Any:
        return await asyncio.to_thread(self._facts.table, "funnel", request.role)

    async def _payments(self, request: StewardRequest, session: str) -> Any:
        return await asyncio.to_thread(self._facts.table, "payments", request.role)

    async def _events(
        self, request: StewardRequest, session: str, after: int, limit: int | None, follow: bool
    ) -> Any:
        parts = self._streams.open(request.role, after, limit, follow)
        return StreamedReply(200, [("Content-Type", "application/x-ndjson")], parts)

    async def _export(
        self, request: StewardRequest, session: str, format: str, anonymous: bool
    ) -> Any:
        parts = await self._exports.open(format, anonymous)
        name = file_name(self._runtime.name, anonymous)
        kind, disposition = "application/zip", f'attachment; filename="{name}"'
        headers = [("Content-Type", kind), ("Content-Disposition", disposition)]
        return StreamedReply(200, headers, parts)

    # ---- what is done ----

    async def _act(self, request: StewardRequest, session: str, action: str) -> Any:
        """Carry out an action; the answer is sent when it is on disk."""
        text = self._actions.do(action, _body(request), request.role)
        committed = asyncio.Event()
        self._runtime.world.journal.after_commit(committed.set)
        await committed.wait()
        return {"text": text}


def _body(request: StewardRequest) -> Mapping[str, Any]:
    """Return the arguments of an action.

    Raises:
        BadAction: they are no JSON object, or are not sent as JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadAction("act", f"the request is of type {kind!r}", "Send application/json.")
    try:
        given = orjson.loads(request.content or b"{}")
    except orjson.JSONDecodeError as error:
        raise BadAction(
            "act", f"the request is not JSON ({error})", 'Send {"players": […]}.'
        ) from None
    if not isinstance(given, dict):
        raise BadAction("act", "the request is not a JSON object", 'Send {"players": […]}.')
    return given


def _as_json(made: Any) -> bytes:
    try:
        return orjson.dumps(made, default=str)
    except TypeError:  # a number beyond 64 bits
        return json.dumps(made, default=str).encode()


def _status(error: Exception) -> int:
    return next(status for kind, status in _STATUSES if isinstance(error, kind))
