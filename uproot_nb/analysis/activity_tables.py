"""Activity tables: calls, pushes, messages, page visits and presence, from a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from uproot_nb.analysis.participation.attention import Attention
from uproot_nb.analysis.rounds.people import WHO, People
from uproot_nb.analysis.typed_columns import table
from uproot_nb.log.call_rows import read_call
from uproot_nb.log.chat_rows import ChatRow
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

if TYPE_CHECKING:
    import pandas

__all__ = [
    "CALLS", "CONSENTS", "NOTIFICATIONS", "PAGE_TIMES", "PRESENCE", "calls_table", "chats_table",
    "consents_table", "notifications_table", "page_times_table", "presence_table",
]  # fmt: skip

CALLS, NOTIFICATIONS = ("call",), ("notify",)
CONSENTS = ("consent",)
PAGE_TIMES = ("enter", "leave", "submit", "timeout", "focus")
PRESENCE = ("connect", "disconnect")

_WHEN = {"session": "category", "seq": "int64", "time": "float64", "timestamp": "timestamp"}
_WHOSE = {"player": "category", **WHO}
_CALL = {
    **_WHEN, **_WHOSE, "page": "category", "method": "category", "args": "object",
    "kwargs": "object", "outcome": "category", "ms": "Float64",
    "error": "category", "message": "string", "id": "string", "code": "category",
}  # fmt: skip
_NOTIFICATION = {
    **_WHEN, "sender": "category", "cause": "category", "event": "category",
    "recipients": "object", "data": "object",
}  # fmt: skip
_CHAT = {
    "session": "category", "time": "float64", "timestamp": "timestamp", "player": "category",
    "label": "string", "bot": "boolean", "sender": "category", "text": "string",
}  # fmt: skip
_PAGE_TIME = {
    "session": "category", "seq": "int64", **_WHOSE, "page": "category",
    "position": "int64", "nth": "int64", "entered": "timestamp", "left": "timestamp",
    "seconds": "Float64", "how": "category", "entered_time": "float64",
    "left_time": "Float64", "times_left": "Int64", "seconds_away": "Float64",
    "pastes": "Int64", "ms_to_first_key": "Int64",
    "ms_to_first_click": "Int64",
}  # fmt: skip
_CONSENT = {
    **_WHEN, **_WHOSE, "page": "category", "version": "string", "hash": "string",
    "language": "category", "agreed": "boolean", "signed": "boolean",
}  # fmt: skip
_PRESENCE = {
    "session": "category", "seq": "int64", **_WHOSE, "online": "timestamp",
    "offline": "timestamp", "seconds": "Float64", "online_time": "float64",
    "offline_time": "Float64", "by": "category",
}  # fmt: skip


def calls_table(events: Iterable[Event], people: People) -> pandas.DataFrame:
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
    return _located(list(rows.values()), _CALL, people)


def _located(
    rows: list[dict[str, Any]], head: Mapping[str, str], people: People
) -> pandas.DataFrame:
    """Return rows with a player and a seq as a table that says who and where each was."""
    people.add_to(rows)
    return table(rows, head)


def chats_table(messages: Iterable[ChatRow], people: People) -> pandas.DataFrame:
    """Return a row per message of the chats with the researcher: in whose chat, from whom, what."""
    ordered = sorted(messages, key=lambda row: row.time)
    rows = [{**row._asdict(), "timestamp": row.time} for row in ordered]
    people.add_labels(rows)
    return table(rows, _CHAT)


def notifications_table(events: Iterable[Event]) -> pandas.DataFrame:
    """Return a row per push: who sent it, to whom (names), and what."""
    rows = []
    for event in events:
        value = json.loads(event.value)
        rows.append({
            **_when(event), "session": event.session, "sender": event.actor,
            "cause": event.cause, "event": value["event"],
            "recipients": value["recipients"], "data": value["data"],
        })  # fmt: skip
    return table(rows, _NOTIFICATION)


def page_times_table(events: Iterable[Event], codec: Codec, people: People) -> pandas.DataFrame:
    """Return a row per visit to a page: when it began and ended, its seconds, how it ended.

    `how` is "submit", "timeout", or what moved the player; missing while the visit goes on. `nth`
    counts from 0 how often the page came earlier in the player's journey. The last page of a
    journey has no row. The last five columns are of pages with `log_focus`, and missing elsewhere.
    `seq` is the event with which the visit began; group and round are those of then.
    """
    return _located(_visits(events, codec), _PAGE_TIME, people)


def _visits(events: Iterable[Event], codec: Codec) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    now: dict[str, dict[str, Any]] = {}
    ended: dict[str, str] = {}
    attention = Attention()
    for event in events:
        player, value = event.subject.partition("/")[2], codec.decode(event.value)
        if event.kind == "focus":
            attention.note(event, value)
        elif event.kind == "submit" or (event.kind == "timeout" and (value or {}).get("reached")):
            ended[player] = event.kind
        elif event.kind == "enter":
            how = ended.pop(player, None) or event.cause
            visit = now.pop(player, None)
            if visit is not None:
                visit.update(_end(visit, event.time, how))
                rows.append(visit)
            if value["page"]:
                now[player] = {
                    "seq": event.seq, "player": player, "page": value["page"],
                    "position": value["position"], "nth": value.get("nth", 0),
                    "entered": event.time, "entered_time": event.time,
                }  # fmt: skip
                attention.begin(event, now[player])
    rows.extend(now.values())
    attention.finish()
    return rows


def _end(visit: dict[str, Any], time: float, how: str) -> dict[str, Any]:
    seconds = time - visit["entered_time"]
    return {"left": time, "left_time": time, "seconds": seconds, "how": how}


def presence_table(events: Iterable[Event], people: People) -> pandas.DataFrame:
    """Return a row per stretch of time in which a player had the page open.

    `offline` is missing while it goes on, or where the kernel was killed before it ended. `by` is
    "polling" where WebSockets were blocked, and "websocket" elsewhere; another stretch begins when
    it changes. `seq` is the event with which it began; group and round are those of then.
    """
    rows: list[dict[str, Any]] = []
    here: dict[str, dict[str, Any]] = {}
    for event in events:
        player = event.subject.partition("/")[2]
        before = here.pop(player, None)
        if before is not None and (event.kind == "disconnect" or before["by"] != _carrier(event)):
            before |= _end_of_stretch(before, event.time)
        if event.kind == "connect":
            row: dict[str, Any] = {
                "seq": event.seq,
                "player": player,
                "online": event.time,
                "online_time": event.time,
                "by": _carrier(event),
            }
            here[player] = row
            rows.append(row)
    return _located(rows, _PRESENCE, people)


def _carrier(event: Event) -> str:
    """Return what carries a connection that has begun."""
    return "websocket" if event.value == "null" else str(orjson.loads(event.value)["by"])


def _end_of_stretch(row: Mapping[str, Any], time: float) -> dict[str, Any]:
    return {"offline": time, "offline_time": time, "seconds": time - row["online_time"]}


def consents_table(events: Iterable[Event], people: People) -> pandas.DataFrame:
    """Return a row per answer on a consent page, oldest first.

    `hash` is the SHA-256 of the text that was shown, in hexadecimal digits; `agreed` is False where
    the player has declined; `signed` says whether a name was typed, which is not in the log.
    """
    rows = []
    for event in events:
        value = orjson.loads(event.value)
        player = event.subject.partition("/")[2]
        answer = {name: value[name] for name in ("version", "hash", "language", "agreed")}
        row = {**_when(event), "player": player, "page": event.field, **answer}
        rows.append({**row, "signed": value.get("signed", False)})
    return _located(rows, _CONSENT, people)


def _when(event: Event) -> dict[str, Any]:
    return {"seq": event.seq, "time": event.time, "timestamp": event.time}
