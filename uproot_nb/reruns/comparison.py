"""Difference: the first difference between two logs of the same session."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import orjson

from uproot_nb.flow.waiting.waits import WAIT_EVENT
from uproot_nb.log.call_rows import read_call
from uproot_nb.log.codec import Codec
from uproot_nb.log.erasing.format_words import PAGE_PUSHES
from uproot_nb.log.events import CHANGES, Event, have_same_cause
from uproot_nb.reruns.recorded_time import CLOSE

__all__ = ["Difference", "alike", "erased_in", "first_difference"]

_COMPARED = CHANGES | {
    "group", "chat", "notify", "call", "submit", "enter", "join", "end", "consent",
}  # fmt: skip
_UUID = re.compile(r'(?<="\$uuid":")\w{32}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b')
_DECIMAL = re.compile(r'\{"\$decimal":"([^"]*)"\}')
_TIME = re.compile(r'(?<="time":)\d{10}(?:\.\d+)?')
_CLOCK = re.compile(r"(?<![^:,\[])\d{10}\.\d+(?![\d.eE])")
_CHANCE = re.compile(r"\b(?:random\.|np\.random|secrets\.|time\.time|perf_counter|uuid|\.now\()")

_OUR_PUSHES = (WAIT_EVENT, *PAGE_PUSHES)
"""How the events of our own pages' pushes begin: what they show is compared where it is stored."""
_MARKET_RESULT = ("market", "order", "resting", "traded")
"""What an order has come to, in the result of a market page's live method in all versions."""
_TOLD_AS = {"call": "result", "notify": "push", "enter": "page", "join": "place", "end": "exit"}

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Difference:
    """A call, submission or hook that came out otherwise, and in what first.

    `what` is like "Market.post_offer", `args` and `kwargs` what it was called with. `field` of
    `subject` was `recorded` and is `now`; the field "result" is what a call came to, "push" what
    was notified, "page" where a player went, "place" one that was taken. What is not there at all
    is None.
    """

    seq: int
    player: str
    page: str
    what: str
    args: list[Any]
    kwargs: dict[str, Any]
    subject: str
    field: str
    recorded: Any
    now: Any
    reason: str = ""

    def __str__(self) -> str:
        given = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.kwargs.items())]
        called = f"{self.what}({', '.join(given)}) of player/{self.player}"
        if self.player in ("", "researcher"):  # a cell, the monitor, or the session's own code
            called = self.what
        text = (
            f"event {self.seq}: {called}: {self.field} of {self.subject} was "
            f"{self.recorded!r}, and is {self.now!r} now"
        )
        return f"{text}\n{self.reason}" if self.reason else text


def alike(was: str | None, is_now: str | None) -> bool:
    """Tell whether two values, as JSON, are the same but for what no rerun can repeat.

    That are identifiers (UUID), times of entries, and a few seconds in other numbers that are
    Unix times with a fraction: calls take other times each time that they run. A Decimal is the
    same as the number that it prints as: earlier versions stored payoffs as they were assigned.
    """
    if was is None or is_now is None or was == is_now:
        return was == is_now
    before, now = _repeatable(was), _repeatable(is_now)
    if _CLOCK.sub("", before) != _CLOCK.sub("", now):
        return False
    times = zip(_CLOCK.findall(before), _CLOCK.findall(now), strict=True)
    return all(abs(float(a) - float(b)) <= CLOSE for a, b in times)


def _repeatable(text: str) -> str:
    return _TIME.sub("0", _UUID.sub("uuid", _DECIMAL.sub(r"\1", text)))


def first_difference(
    recorded: Sequence[Event],
    now: Sequence[Event],
    place: Callable[[Event], int],
    codec: Codec,
) -> Difference | None:
    """Return what came out otherwise first; None if nothing did.

    What each cause has done is compared in its own order, as several may take turns.

    Args:
        place: the recorded event before which an event of today came.
    """
    gone = erased_in(recorded)
    before, after = _effects(recorded, gone), _effects(now, gone)
    found: tuple[int, Event | None, Event | None] | None = None
    for key in before.keys() | after.keys():
        for was, is_now in zip_longest(before[key], after[key]):
            if was is None or is_now is None or not _came_out_alike(was, is_now):
                seq = was.seq if was is not None else place(is_now)
                if found is None or seq < found[0]:
                    found = seq, was, is_now
                break
    return None if found is None else _described(*found, recorded, codec)


def erased_in(recorded: Iterable[Event]) -> frozenset[str]:
    """Return the subjects and actors whose data were erased, so that they cannot be compared."""
    subjects = [event.subject for event in recorded if event.kind == "erase"]
    return frozenset(subjects) | {subject.partition("/")[2] for subject in subjects}


def _effects(events: Iterable[Event], gone: Collection[str]) -> defaultdict[_Key, list[Event]]:
    found: defaultdict[_Key, list[Event]] = defaultdict(list)
    for event in events:
        ours = event.kind == "notify" and event.field.startswith(_OUR_PUSHES)
        if event.subject in gone or event.actor in gone or _is_only_to(event, gone):
            continue
        if event.kind not in _COMPARED or ours or '"outcome":"started"' in event.value:
            continue
        found[event.actor, event.page, event.cause].append(event)
    return found


def _is_only_to(event: Event, gone: Collection[str]) -> bool:
    """Return whether a push was to nobody but those whose data were erased, and with them it."""
    if not gone or event.kind != "notify":
        return False
    recipients = orjson.loads(event.value)["recipients"]
    return bool(recipients) and all(name in gone for name in recipients)


def _came_out_alike(was: Event, is_now: Event) -> bool:
    same_field = (was.subject, was.field) == (is_now.subject, is_now.field)
    if was.kind != is_now.kind or not same_field:
        return False
    return alike(_compared(was), _compared(_as_written_then(was, is_now)))


def _as_written_then(was: Event, is_now: Event) -> Event:
    """Return today's event, with an institution's rules as the recorded one has them.

    Earlier versions wrote them as a text. Whoever plays by other rules comes to other outcomes.
    """
    if (is_now.kind, is_now.field) != ("set", "institution"):
        return is_now
    before, now = orjson.loads(was.value), orjson.loads(is_now.value)
    if not isinstance(before, dict) or not isinstance(before.get("rules"), str):
        return is_now
    if not isinstance(now, dict) or not isinstance(now.get("rules"), dict):
        return is_now
    return is_now._replace(value=orjson.dumps({**now, "rules": before["rules"]}).decode())


def _compared(event: Event) -> str:
    if event.kind == "call":
        return orjson.dumps(_outcome(event)).decode()
    if event.kind == "join":
        value = orjson.loads(event.value)  # the way in is as recorded; earlier logs lack the room's
        return orjson.dumps([value["id"], value["label"], value["claimed"]]).decode()
    if event.kind == "enter" and '"undone"' in event.value:
        value = orjson.loads(event.value)  # the visit that is undone has other numbers today
        return orjson.dumps([value["position"], value["page"]]).decode()
    return "" if event.kind == "submit" else event.value  # what was sent is as recorded


def _outcome(event: Event) -> Any:
    row = read_call(event.value)
    found = {key: row[key] for key in ("outcome", "result", "error", "message") if key in row}
    result = found.get("result")
    if isinstance(result, dict) and result.keys() >= {*_MARKET_RESULT}:
        found["result"] = {key: result[key] for key in _MARKET_RESULT}
    return found


def _described(
    seq: int, was: Event | None, is_now: Event | None, recorded: Sequence[Event], codec: Codec
) -> Difference:
    one = was or is_now
    assert one is not None
    later_calls = (event for event in recorded if event.seq >= seq and event.kind == "call")
    known = (event for event in later_calls if have_same_cause(event, one))
    call = next(known, one if one.kind == "call" else None)
    row = {} if call is None else read_call(call.value)
    field = _TOLD_AS.get(one.kind, one.field or one.kind)
    return Difference(
        seq, one.actor, one.page, one.cause, row.get("args", []), row.get("kwargs", {}),
        one.subject, field, _value(was, codec), _value(is_now, codec), _reason(one, recorded),
    )  # fmt: skip


def _value(event: Event | None, codec: Codec) -> Any:
    if event is None:
        return None
    if event.kind == "call":
        row = _outcome(event)
        return row.get("result") if row["outcome"] == "ok" else row
    return codec.decode(event.value)


def _reason(event: Event, recorded: Sequence[Event]) -> str:
    """Name the likely reason if the code draws numbers or reads the clock on its own."""
    sources = [e.value for e in recorded if e.kind == "code" and e.field == event.page]
    if any(_CHANCE.search(source) for source in sources):
        return (
            "Its code draws numbers or reads the clock without the session (random, time.time, "
            "uuid …): this may be the reason. Use rng()."
        )
    return ""
