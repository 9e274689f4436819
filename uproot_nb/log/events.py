"""Event: one change, as the log keeps it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CHANGES", "KINDS", "Event"]

CHANGES = frozenset({"set", "del", "append", "insert", "update", "remove"})
KINDS = CHANGES | {
    "join", "connect", "disconnect", "dropout", "enter", "leave", "call", "notify", "submit",
    "timeout", "group", "chat", "intervention", "error", "output", "code", "open", "close", "once",
    "order", "room",
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
