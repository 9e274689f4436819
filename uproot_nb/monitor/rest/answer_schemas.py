"""SCHEMAS: the JSON Schema of each answer of the REST API."""

from __future__ import annotations

from typing import Any

__all__ = ["SCHEMAS"]

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_TRUTH = {"type": "boolean"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _object(optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these entries."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _named(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_DESCRIBED = {
    "page": {**_TEXT, "description": "the page's key; empty before the first, past the last"},
    "status": {
        **_TEXT,
        "enum": [
            "open", "dropped", "finished", "offline", "error", "idle", "waiting", "online",
        ],
    },
    "entered": {**_NUMBER, "description": "Unix seconds; 0 if on no page"},
    "payoff": {**_TEXT, "description": "as text, so that it stays exact; empty without one"},
    "hand": {**_NUMBER, "description": "Unix seconds since when a hand is up; 0 without one"},
    "waits_for": {**_TEXT, "description": "for whom, in words; empty for who does not wait"},
    "trader": {
        **_TEXT,
        "description": 'what tables of markets call the player who has no label: "Buyer 1"; '
        "empty without a market",
    },
    "link": {**_TEXT, "description": "the player's own link; only for stewards"},
}  # fmt: skip

SCHEMAS: dict[str, Any] = {
    "Error": _object(error={**_TEXT, "description": "what happened, and what to do next"}),
    "Description": {"type": "object"},
    "Session": _object(
        optional=("began", "role", "url", "join_link"),
        name=_TEXT,
        state={**_TEXT, "enum": ["running", "paused", "away"]},
        players=_COUNT,
        online=_or_null(_COUNT),
        frozen=_or_null(_TRUTH),
        seq={**_or_null(_COUNT), "description": "the last event"},
        began={**_or_null(_NUMBER), "description": "the time of the first event, Unix seconds"},
        role={**_TEXT, "enum": ["steward", "viewer"], "description": "whose token this is"},
        url={**_TEXT, "description": "the root of the participants' site; only for stewards"},
        join_link={**_TEXT, "description": "gives each browser a place; only for stewards"},
    ),
    "Sessions": _array(_named("Session")),
    "Player": _object(
        optional=("link",),
        id=_COUNT, name=_TEXT, label=_TEXT, page=_DESCRIBED["page"], round={},
        status=_DESCRIBED["status"],
        by={**_TEXT, "description": '"polling" if the connection is no WebSocket'},
        entered=_DESCRIBED["entered"], stuck=_TRUTH, group=_TEXT, treatment=_TEXT,
        payoff=_DESCRIBED["payoff"], ended_as=_TEXT, paid=_TRUTH, hand=_DESCRIBED["hand"],
        waits_for=_DESCRIBED["waits_for"], trader=_DESCRIBED["trader"], link=_DESCRIBED["link"],
    ),
    "Players": _array(_named("Player")),
    "Overview": _array(
        _object(page=_TEXT, here=_COUNT, long=_COUNT, waiting=_COUNT, sentence=_TEXT)
    ),
    "Rooms": _array(
        _object(
            optional=("url",),
            name=_TEXT, open=_TRUTH, waiting=_COUNT, labels_waiting=_array(_TEXT),
            admitted=_COUNT, places=_or_null(_COUNT),
            url={**_TEXT, "description": "the room's address; only for stewards"},
        )
    ),
    "Table": _object(columns=_array(_TEXT), rows=_array(_array({}))),
    "Done": _object(text={**_TEXT, "description": "what was done"}),
}  # fmt: skip
