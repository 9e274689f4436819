"""ApiAnswers: call an experiment's own `api(request, session)` for a page's script."""

from __future__ import annotations

import asyncio
import hmac
import inspect
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
)
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.errors import Refused
from uproot_nb.flow.answer_streams import AnswerStreams, FileParts
from uproot_nb.flow.hooks import run_authors
from uproot_nb.flow.pause import Pause
from uproot_nb.flow.served_apps import ServedApps
from uproot_nb.session.browser_json import to_json
from uproot_nb.session.entities import Player, Session
from uproot_nb.session.error_reports import ErrorReports, text_of
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World
from uproot_nb.templating.texts import CALM

__all__ = ["ApiAnswers", "ApiRequest", "Headers", "QueryParams"]

_JSON = "application/json"
_KINDS = {bytes: "application/octet-stream", str: "text/plain; charset=UTF-8"}


class QueryParams(dict[str, str]):
    """The parameters of an address; of one that occurs several times, the last value.

    picked = request.query_params.getlist("pick")

    A field stores it as a dict.
    """

    __uproot_tracked__ = True

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)
        super().__init__(self._pairs)

    def getlist(self, name: str) -> list[str]:
        """Return every value of a parameter, in order."""
        return [value for known, value in self._pairs if known == name]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return every parameter with its value, in order."""
        return list(self._pairs)


class Headers(dict[str, str]):
    """A request's headers; upper and lower case in names are the same. A field stores a dict."""

    __uproot_tracked__ = True

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.update(headers)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(_lower(name))

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(_lower(name), value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(_lower(name))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(_lower(name))

    def __or__(self, other: Any) -> Any:
        return Headers({**self, **Headers(other)})

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header, or *default*."""
        return super().get(_lower(name), default)

    def pop(self, name: str, *default: Any) -> Any:
        """Take a header out and return it; without it, return *default* if there is one."""
        return super().pop(_lower(name), *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a header, which is *default* from now on if it was not there."""
        return super().setdefault(_lower(name), default)

    def update(self, *others: Any, **named: Any) -> None:
        """Set headers as in others."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def copy(self) -> Headers:
        """Return a copy, in which upper and lower case are the same too."""
        return Headers(self)


def _lower(name: Any) -> Any:
    return name.lower() if isinstance(name, str) else name


@dataclass(frozen=True)
class ApiRequest:
    """A request that a page's script sent with `uproot.api(path, options)`.

        def api(request, session):
            if request.path == "best":
                return {"price": max(session.prices)}
            session.votes = [*session.get("votes", []), request.data["vote"]]

    `player` is the sender (None for a program with a key), `path` the part after the api's
    address, and `content` the body's bytes. `query_params` and `headers` are dicts.
    """

    player: Player | None
    method: str
    path: str
    query_params: QueryParams
    headers: Headers
    content: bytes

    @property
    def data(self) -> Any:
        """The body as JSON; None if it is empty.

        Raises:
            Refused: the body is not JSON; the script gets this message as its answer.
        """
        if not self.content:
            return None
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise Refused("The request is not JSON.") from None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    # Apps of the uproot framework await what they read.

    async def json(self) -> Any:
        """Return `data`."""
        return self.data

    async def body(self) -> bytes:
        """Return `content`."""
        return self.content

    async def form(self) -> dict[str, str]:
        """Return the fields of a form without files."""
        return dict(parse_qsl(self.text, keep_blank_values=True))


@dataclass(frozen=True)
class Head:
    """A response whose body follows in parts."""

    status_code: int
    headers: Any
    body: bytes = b""


class ApiAnswers:
    """Answers scripts' requests with the api of the app that their player is in.

    Args:
        spawn: starts a task of the run.
    """

    def __init__(
        self,
        world: World,
        apps: ServedApps,
        pause: Pause,
        reports: ErrorReports,
        spawn: Callable[..., Any],
    ) -> None:
        self._world, self._apps, self._pause, self._reports = world, apps, pause, reports
        self.streams = AnswerStreams(world, pause, reports, spawn)

    async def answer(self, request: HttpRequest, page: Any) -> HttpReply:
        """Run the author's function; if it raises, its changes are undone."""
        player = self._world.player(request.player)
        app = self._apps.app_of(page)
        code = page.source.hash if page else ""
        cause = Cause(player.name, page.key if page else "", "api", code)
        return await self._answer(request, app.api, player, cause)

    async def answer_app(self, request: HttpRequest) -> HttpReply:
        """Run an app's `api` or `api2`, as the framework's addresses name them."""
        kind, name, rest = request.path.split("/", 2)
        app = self._apps.named(name)
        if app is None:
            return _error(request, 404, "This session has no such app.")
        has_key = _has_key(request.headers.get("authorization", ""), app.api_keys)
        if not has_key and (kind == "api" or not request.player):
            return _error(request, 403, "This needs a key in API_KEYS.")
        player = self._world.player(request.player) if request.player else None
        asked = msgspec.structs.replace(request, path=rest)
        cause = Cause(player.name if player else "", "", kind, "")
        function = app.api2 if kind == "api2" else app.api
        return await self._answer(asked, function, player, cause, in_json=True)

    async def _answer(
        self,
        request: HttpRequest,
        function: Any,
        player: Player | None,
        cause: Cause,
        in_json: bool = False,
    ) -> HttpReply:
        """Answer a request; *in_json*: what is no response is JSON, as in the framework."""
        if function is None:
            return _error(request, 404, "This experiment has no api.")
        if self._pause.lasts:
            return _error(request, 503, "The study is paused.")
        received = ApiRequest(
            player, request.method, request.path, QueryParams(request.query),
            Headers(request.headers), request.content,
        )  # fmt: skip
        call = _called(function, received, self._world.session, player)
        subject = f"player/{player.name}" if player else "session"
        try:
            result = await run_authors(call, self._world, cause)
            answer = _in_json(result) if in_json else result
            return await self._sent(request, answer, cause, subject)
        except Exception as error:  # the border around authors' code
            status = getattr(error, "status_code", None)
            if isinstance(status, int):  # FastAPI's and Starlette's HTTPException
                return _exception(request, status, error)
            if isinstance(error, Refused):
                return _error(request, 400, text_of(error), type(error).__name__)
            self._reports.report(error, cause, subject)
            return _error(request, 500, CALM)

    async def _sent(
        self, request: HttpRequest, result: Any, cause: Cause, subject: str
    ) -> HttpReply:
        """Return the answer, or its head if its body follows in parts."""
        is_parted = _is_parted(result)
        head = Head(result.status_code, result.headers) if is_parted else result
        reply, then = _reply(request, head), getattr(result, "background", None)
        then = then if callable(then) else None
        if is_parted:
            parts = await _parts_of(result)
            self.streams.open(request.request, parts, cause, subject, then)
            return msgspec.structs.replace(reply, more=True)
        if then is not None:
            self.streams.perform(then, cause, subject)
        return reply


def _has_key(authorization: str, keys: Collection[str]) -> bool:
    scheme, _, key = authorization.partition(" ")
    given = key.strip().encode()
    return scheme.lower() == "bearer" and any(hmac.compare_digest(given, k.encode()) for k in keys)


def _called(
    function: Any, request: ApiRequest, session: Session, player: Player | None
) -> Callable[[], Awaitable[Any]]:
    """Return the call of an author's function, by name where it takes the names."""
    both: dict[str, Any] = {"request": request, "session": session}
    known = player is not None and _takes(function, {**both, "player": player})
    named = {**both, "player": player} if known else both
    by_name = _takes(function, named)

    async def call() -> Any:
        result = function(**named) if by_name else function(request, session)
        return await result if inspect.isawaitable(result) else result

    return call


def _takes(function: Any, named: dict[str, Any]) -> bool:
    """Return whether a function can be called with these arguments by name."""
    try:
        inspect.signature(function).bind(**named)
    except (TypeError, ValueError):  # ValueError: a callable written in C, without a signature
        return False
    return True


def _exception(request: HttpRequest, status: int, error: Exception) -> HttpReply:
    """Return the answer of an HTTPException: its detail as JSON, with its headers."""
    headers = dict(getattr(error, "headers", None) or {})
    body = to_json({"detail": getattr(error, "detail", "")})
    return HttpReply(request.request, status, [("Content-Type", _JSON), *headers.items()], body)


def _in_json(result: Any) -> Any:
    """Return a response with a value as JSON; a response, or bytes, as it is."""
    if isinstance(result, bytes) or isinstance(getattr(result, "status_code", None), int):
        return result
    return Head(200, {"content-type": _JSON}, to_json(result))


def _is_parted(result: Any) -> bool:
    """Return whether a result is a response with a stream, or with a file of a path."""
    named = any(getattr(result, name, None) is not None for name in ("body_iterator", "path"))
    return named and isinstance(getattr(result, "status_code", None), int)


async def _parts_of(result: Any) -> AsyncIterator[Any]:
    """Return the parts of a response's body."""
    parts = getattr(result, "body_iterator", None)
    if parts is not None:
        return aiter(parts)
    return FileParts(await asyncio.to_thread(open, result.path, "rb"))


def _reply(request: HttpRequest, result: Any) -> HttpReply:
    """Turn the author's return value (JSON, text, bytes or a response object) into a reply."""
    if result is None:
        return HttpReply(request.request, 204, [], b"")
    status = getattr(result, "status_code", None)
    if isinstance(status, int) and isinstance(getattr(result, "body", None), bytes):
        given = {name.lower(): value for name, value in dict(result.headers).items()}
        headers = {"content-type": _KINDS[bytes], **given}
        headers.pop("content-length", None)
        return HttpReply(request.request, status, list(headers.items()), result.body)
    kind = next((_KINDS[known] for known in _KINDS if isinstance(result, known)), _JSON)
    if kind == _JSON:
        body = to_json(result)
    else:
        body = result if isinstance(result, bytes) else result.encode("utf-8", "replace")
    return HttpReply(request.request, 200, [("Content-Type", kind)], body)


def _error(request: HttpRequest, status: int, message: str, kind: str = "Error") -> HttpReply:
    body = to_json({"error": kind, "message": message})
    return HttpReply(request.request, status, [("Content-Type", _JSON)], body)
