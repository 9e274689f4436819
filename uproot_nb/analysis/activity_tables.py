"""Activity tables: calls, pushes, messages, page visits and presence, from a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.typed_columns import table
from uproot_nb.log.call_rows import read_call
from uproot_nb.log.chat_rows import ChatRow
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

if TYPE_CHECKING:
    import pandas

__all__ = [
    "CALLS", "NOTIFICATIONS", "PAGE_TIMES", "PRESENCE", "calls_table", "chats_table",
    "notifications_table", "page_times_table", "presence_table",
]  # fmt: skip

CALLS, NOTIFICATIONS = ("call",), ("notify",)
PAGE_TIMES = ("enter", "leave", "submit", "timeout")
PRESENCE = ("connect", "disconnect")

_CALL = {
    "seq": "int64", "time": "float64", "timestamp": "timestamp", "player": "category",
    "page": "category", "method": "category", "args": "object", "kwargs": "object",
    "outcome": "category", "ms": "Float64", "error": "category", "message": "string",
    "id": "string", "code": "category",
}  # fmt: skip
_NOTIFICATION = {
    "seq": "int64", "time": "float64", "timestamp": "timestamp", "sender": "category",
    "cause": "category", "event": "category", "recipients": "object", "data": "object",
}  # fmt: skip
_CHAT = {
    "time": "float64", "timestamp": "timestamp", "player": "category", "sender": "category",
    "text": "string",
}  # fmt: skip
_PAGE_TIME = {
    "player": "category", "page": "category", "position": "int64", "nth": "int64",
    "entered": "timestamp", "left": "timestamp", "seconds": "Float64", "how": "category",
    "entered_time": "float64", "left_time": "Float64",
}  # fmt: skip
_PRESENCE = {
    "player": "category", "online": "timestamp", "offline": "timestamp", "seconds": "Float64",
    "online_time": "float64", "offline_time": "Float64",
}  # fmt: skip


def calls_table(events: Iterable[Event]) -> pandas.DataFrame:
    """Return a row per call of a live method, in the order of their ends.

    `outcome` is "ok", "failed", "refused", or "started" for a call that never came to its end,
    because the kernel was killed. `ms` is how long it took in the kernel.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        value = read_call(event.value)
        key = (event.subject, value["id"])
        if value.get("outcome") == "started" and key in rows:
            continue
        rows.pop(key, None)  # what was begun has come to its end
        rows[key] = {
            **_when(event), "player": event.subject.partition("/")[2], "page": event.page,
            "method": event.field, "args": value.get("args"), "kwargs": value.get("kwargs"),
            "outcome": value.get("outcome"), "ms": value.get("ms"), "error": value.get("error"),
            "message": value.get("message"), "id": value["id"], "code": event.code,
        }  # fmt: skip
    return table(list(rows.values()), _CALL)


def chats_table(rows: Iterable[ChatRow]) -> pandas.DataFrame:
    """Return a row per message of the chats with the researcher: in whose chat, from whom, what."""
    ordered = sorted(rows, key=lambda row: row.time)
    return table([{**row._asdict(), "timestamp": row.time} for row in ordered], _CHAT)


def notifications_table(events: Iterable[Event]) -> pandas.DataFrame:
    """Return a row per push: who sent it, to whom (names), and what."""
    rows = []
    for event in events:
        value = json.loads(event.value)
        rows.append({
            **_when(event), "sender": event.actor, "cause": event.cause,
            "event": value["event"], "recipients": value["recipients"], "data": value["data"],
        })  # fmt: skip
    return table(rows, _NOTIFICATION)


def page_times_table(events: Iterable[Event], codec: Codec) -> pandas.DataFrame:
    """Return a row per visit to a page: when it began and ended, its seconds, how it ended.

    `how` is "submit", "timeout", or what moved the player; missing while the visit goes on. `nth`
    counts from 0 how often the page came earlier in the player's journey. The last page of a
    journey has no row.
    """
    return table(list(_visits(events, codec)), _PAGE_TIME)


def _visits(events: Iterable[Event], codec: Codec) -> Iterator[dict[str, Any]]:
    now: dict[str, dict[str, Any]] = {}
    ended: dict[str, str] = {}
    for event in events:
        player, value = event.subject.partition("/")[2], codec.decode(event.value)
        if event.kind == "submit" or (event.kind == "timeout" and (value or {}).get("reached")):
            ended[player] = event.kind
        elif event.kind == "enter":
            how = ended.pop(player, None) or event.cause
            visit = now.pop(player, None)
            if visit is not None:
                yield _ended(visit, event.time, how)
            if value["page"]:
                now[player] = {
                    "player": player, "page": value["page"], "position": value["position"],
                    "nth": value.get("nth", 0), "entered": event.time, "entered_time": event.time,
                }  # fmt: skip
    yield from now.values()


def _ended(visit: dict[str, Any], time: float, how: str) -> dict[str, Any]:
    seconds = time - visit["entered_time"]
    return {**visit, "left": time, "left_time": time, "seconds": seconds, "how": how}


def presence_table(events: Iterable[Event]) -> pandas.DataFrame:
    """Return a row per stretch of time in which a player had the page open.

    `offline` is missing while it goes on, or where the kernel was killed before it ended.
    """
    rows: list[dict[str, Any]] = []
    here: dict[str, dict[str, Any]] = {}
    for event in events:
        player = event.subject.partition("/")[2]
        if event.kind == "connect":
            row: dict[str, Any] = {
                "player": player,
                "online": event.time,
                "online_time": event.time,
            }
            here[player] = row
            rows.append(row)
        elif player in here:
            seconds = event.time - here[player]["online_time"]
            row_end = {"offline": event.time, "offline_time": event.time, "seconds": seconds}
            here.pop(player).update(row_end)
    return table(rows, _PRESENCE)


def _when(event: Event) -> dict[str, Any]:
    return {"seq": event.seq, "time": event.time, "timestamp": event.time}
