"""ApiAnswers: call an experiment's own `api(request, session)` for a page's script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.errors import Refused
from uproot_nb.flow.hooks import run_authors
from uproot_nb.flow.pause import Pause
from uproot_nb.flow.served_apps import ServedApps
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports, is_for_participants, text_of
from uproot_nb.session.steps import Cause
from uproot_nb.session.wire import to_json
from uproot_nb.session.world import World
from uproot_nb.templating.texts import CALM

__all__ = ["ApiAnswers", "ApiRequest"]

_JSON = "application/json"
_KINDS = {bytes: "application/octet-stream", str: "text/plain; charset=UTF-8"}


@dataclass(frozen=True)
class ApiRequest:
    """A request that a page's script sent with `uproot.api(path, options)`.

        def api(request, session):
            if request.path == "best":
                return {"price": max(session.prices)}
            session.votes = [*session.get("votes", []), request.data["vote"]]

    `player` is the sender, `path` the part after the api's address, and `content` the body's bytes.
    `query_params` and `headers` are dicts, with the names of headers in lower case.
    """

    player: Player
    method: str
    path: str
    query_params: dict[str, str]
    headers: dict[str, str]
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


class ApiAnswers:
    """Answers scripts' requests with the api of the app that their player is in."""

    def __init__(self, world: World, apps: ServedApps, pause: Pause, reports: ErrorReports) -> None:
        self._world, self._apps, self._pause, self._reports = world, apps, pause, reports

    async def answer(self, request: HttpRequest, page: Any) -> HttpReply:
        """Run the author's function; if it raises, its changes are undone."""
        player = self._world.player(request.player)
        app = self._apps.app_of(page)
        api = app.api
        if api is None:
            return _error(request, 404, "This experiment has no api.")
        if self._pause.lasts:
            return _error(request, 503, "The study is paused.")
        received = ApiRequest(
            player, request.method, request.path, dict(request.query), request.headers,
            request.content,
        )  # fmt: skip
        cause = Cause(
            player.name, page.key if page else "", "api", page.source.hash if page else ""
        )
        try:
            result = await run_authors(api, self._world, cause, received, player.session)
            return _reply(request, result)
        except Exception as error:  # the border around authors' code
            if is_for_participants(error, app):
                return _error(request, 400, text_of(error), type(error).__name__)
            self._reports.report(error, cause, f"player/{player.name}")
            return _error(request, 500, CALM)


def _reply(request: HttpRequest, result: Any) -> HttpReply:
    """Turn the author's return value (JSON, text, bytes or a response object) into a reply."""
    if result is None:
        return HttpReply(request.request, 204, [], b"")
    status = getattr(result, "status_code", None)
    if isinstance(status, int) and isinstance(getattr(result, "body", None), bytes):
        kind = dict(result.headers).get("content-type", _KINDS[bytes])
        return HttpReply(request.request, status, [("Content-Type", kind)], result.body)
    kind = next((_KINDS[known] for known in _KINDS if isinstance(result, known)), _JSON)
    if kind == _JSON:
        body = to_json(result)
    else:
        body = result if isinstance(result, bytes) else result.encode("utf-8", "replace")
    return HttpReply(request.request, 200, [("Content-Type", kind)], body)


def _error(request: HttpRequest, status: int, message: str, kind: str = "Error") -> HttpReply:
    body = to_json({"error": kind, "message": message})
    return HttpReply(request.request, status, [("Content-Type", _JSON)], body)
