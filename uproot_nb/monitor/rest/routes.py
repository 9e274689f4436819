"""Route: an address of the REST API, and what it takes and gives; ROUTES lists all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ROUTES", "Route", "find_routes"]

Schema = Mapping[str, Any]

EVENTS_AT_ONCE = 1_000_000
_SEQ: Schema = {"type": "integer", "minimum": 0, "maximum": 2**53}
_BOOLEAN: Schema = {"type": "boolean"}
FORMATS = ("csv", "jsonl", "parquet", "dta", "xlsx", "sav")


@dataclass(frozen=True)
class Route:
    """An address: its method, its path with {names}, and how OpenAPI describes it.

    Route("GET", "sessions/{session}/rooms", "rooms", "The session's rooms.", answer="Rooms")
    """

    method: str
    path: str
    name: str
    """The operation's name."""
    sentence: str
    query: Mapping[str, Schema] = field(default_factory=dict)
    """The JSON Schema of each parameter that may follow "?"."""
    answer: str = ""
    """The name of the answer's schema; "" if it is no JSON."""
    media: str = "application/json"
    for_stewards: bool = False
    """Whether a viewer is refused."""

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return what stands in the place of the path's names; None if it is another address."""
        own = self.path.split("/")
        if len(own) != len(parts):
            return None
        found = {}
        for mine, part in zip(own, parts, strict=True):
            if mine.startswith("{") and part:
                found[mine[1:-1]] = part
            elif mine != part:
                return None
        return found


ROUTES: tuple[Route, ...] = (
    Route("GET", "openapi.json", "openapi", "This description.", answer="Description"),
    Route("GET", "sessions", "sessions", "All sessions that are served here.", answer="Sessions"),
    Route("GET", "sessions/{session}", "session", "A session.", answer="Session"),
    Route(
        "GET", "sessions/{session}/players", "players", "All players, in the order of their ids.",
        answer="Players",
    ),
    Route("GET", "sessions/{session}/players/{player}", "player", "A player.", answer="Player"),
    Route(
        "GET", "sessions/{session}/overview", "overview",
        "How many are on which page, and who waits for whom.", answer="Overview",
    ),
    Route(
        "GET", "sessions/{session}/funnel", "funnel", "How many came how far, by treatment.",
        answer="Table",
    ),
    Route(
        "GET", "sessions/{session}/payments", "payments", "What each player is paid.",
        answer="Table",
    ),
    Route("GET", "sessions/{session}/rooms", "rooms", "The session's rooms.", answer="Rooms"),
    Route(
        "GET", "sessions/{session}/events", "events",
        "The events after a seq, oldest first, one JSON object a line.",
        query={
            "after": {**_SEQ, "default": 0, "description": "the seq of the last event known"},
            "limit": {
                "type": "integer", "minimum": 1, "maximum": EVENTS_AT_ONCE,
                "description": "how many events at most",
            },
            "follow": {
                **_BOOLEAN, "default": False,
                "description": "whether to go on with each event as it is committed; an empty line "
                "is sent at least every 15 seconds",
            },
        },
        media="application/x-ndjson",
    ),
    Route(
        "GET", "sessions/{session}/export", "export", "All data of the session, as a ZIP.",
        query={
            "format": {"type": "string", "enum": FORMATS, "default": "csv"},
            "anonymous": {
                **_BOOLEAN, "default": False, "description": "whether to leave out who took part",
            },
        },
        media="application/zip", for_stewards=True,
    ),
    Route(
        "POST", "sessions/{session}/actions/{action}", "act",
        "Steer the session; it is logged as done by the researcher.", answer="Done",
        for_stewards=True,
    ),
)  # fmt: skip
"""Every address below api/v1/."""


def find_routes(path: str) -> list[tuple[Route, dict[str, str]]]:
    """Return the routes at a path, one for each method, and what its names stand for."""
    parts = path.split("/")
    found = ((route, route.match(parts)) for route in ROUTES)
    return [(route, names) for route, names in found if names is not None]
