"""describe_api: the REST API as an OpenAPI description, made from the routes and the actions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from uproot_nb.monitor.rest.answer_schemas import SCHEMAS
from uproot_nb.monitor.rest.routes import ROUTES, Route
from uproot_nb.steering.actions import NAMES, ActionSpec
from uproot_nb.version import VERSION

__all__ = ["describe_api"]

_ERRORS = {
    "400": "Something in the request is wrong; says what it takes.",
    "401": "No token, or an unknown one.",
    "403": "This is for stewards, and the token is a viewer's.",
    "404": "There is nothing, no such session, player or action.",
    "409": "The session, or who was paid before, does not allow it now.",
    "410": "The session has ended.",
    "422": "It cannot be done, as the sentence says; nothing was done.",
    "429": "There are too many requests at once.",
    "500": "The kernel failed; its notebook shows why.",
    "503": "No kernel serves the session just now, or it gave no answer.",
    "507": "The data could not be written, as on a full disk.",
}


@cache
def describe_api() -> dict[str, Any]:
    """Return the description of all addresses as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        for path, operation in _operations(route):
            paths.setdefault(f"/{path}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "uproot_nb", "version": VERSION,
            "description": "Watch and steer sessions that are served. A steward's token does "
            "everything; a viewer's only looks, and gets no links.",
        },
        "servers": [{"url": "api/v1", "description": "below the monitor's or Jupyter's address"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _operations(route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a path with its operation; of the address of actions, one for each action."""
    if "{action}" not in route.path:
        yield route.path, _operation(route, route.name, route.sentence)
        return
    for name, spec in NAMES.items():
        operation = _operation(route, name, spec.sentence)
        body = {"application/json": {"schema": _body(spec)}}
        operation["requestBody"] = {"required": True, "content": body}
        path = route.path.replace("{action}", name)
        operation["parameters"] = [p for p in operation["parameters"] if p["name"] != "action"]
        yield path, operation


def _operation(route: Route, name: str, sentence: str) -> dict[str, Any]:
    for_whom = " For stewards." if route.for_stewards else ""
    return {
        "operationId": name,
        "summary": sentence,
        "description": f"{sentence}{for_whom}",
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {"200": _answer(route), **_failures()},
    }


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name, schema in route.query.items():
        yield {"name": name, "in": "query", "schema": _plain(schema)}


def _answer(route: Route) -> dict[str, Any]:
    is_json = route.media == "application/json"
    schema = {"$ref": f"#/components/schemas/{route.answer}"} if is_json else {"type": "string"}
    if route.media == "application/zip":
        schema = {"type": "string", "contentMediaType": route.media}
    return {"description": route.sentence, "content": {route.media: {"schema": schema}}}


def _failures() -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": text, "content": error} for status, text in _ERRORS.items()}


def _body(spec: ActionSpec) -> Any:
    return _plain(spec.schema())


def _plain(value: Any) -> Any:
    """Return a schema as dicts and lists, as JSON has them."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
