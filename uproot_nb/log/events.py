"""Event: a row of the log; EventColumns: many events, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

__all__ = [
    "CHANGES", "KINDS", "Event", "EventColumns", "have_same_cause", "recorded_cause", "undoing",
]  # fmt: skip

CHANGES = frozenset({"set", "del", "append", "insert", "update", "remove"})
KINDS = CHANGES | {
    "join", "connect", "disconnect", "dropout", "enter", "leave", "call", "notify", "submit",
    "timeout", "group", "chat", "intervention", "error", "output", "code", "open", "close", "once",
    "order", "room", "effect", "load", "back", "input", "late", "end", "free", "arrive", "pay",
    "consent", "wait", "focus", "client", "return",
    "erase", "erased",
}  # fmt: skip


class Event(NamedTuple):
    """One row of the log.

    `seq` counts from 1 without gaps within a session and is its total order; `time` is Unix
    seconds on the server's clock; `value` is JSON text as `Codec.encode` writes it.

        Event(1, 1764000000.0, "market", "set", "player/abc12", "bid", "12", "abc12", "0:Market",
              "Market.post_offer", "5f2a9c31d0e4")
    """

    seq: int
    time: float
    session: str
    kind: str
    subject: str
    field: str
    value: str
    actor: str
    page: str
    cause: str
    code: str


def recorded_cause(event: Event) -> tuple[str, str, str, str]:
    """Return the actor, page, cause and code of an event."""
    return event.actor, event.page, event.cause, event.code


def have_same_cause(one: Event, other: Event) -> bool:
    """Return whether two events have the same actor, page and cause, if need be in other code."""
    same_place = (one.actor, one.page) == (other.actor, other.page)
    return same_place and one.cause == other.cause


def undoing(cause: str) -> str:
    """Return the cause of what undoes the changes of code that has failed."""
    return f"{cause} failed"


class EventColumns(NamedTuple):
    """Some events, with a column for each field of Event.

    EventColumns(*zip(*events))
    """

    seq: Sequence[int]
    time: Sequence[float]
    session: Sequence[str]
    kind: Sequence[str]
    subject: Sequence[str]
    field: Sequence[str]
    value: Sequence[str]
    actor: Sequence[str]
    page: Sequence[str]
    cause: Sequence[str]
    code: Sequence[str]

    def chosen(self, those: Sequence[bool]) -> EventColumns:
        """Return only the events for which *those* is true."""
        if all(those):
            return self
        return EventColumns._make(list(compress(column, those)) for column in self)
