"""RecordedInput: the inputs of a recorded session, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from uproot_nb.log.call_rows import read_call
from uproot_nb.log.events import CHANGES, Event, recorded_cause, undoing
from uproot_nb.log.state import PERFORMED

__all__ = ["RecordedInput", "RecordedInputs", "resumptions"]

_RAW = CHANGES | {"group", "chat", "room", "notify", "hand"}
_OF_HOOKS = CHANGES | {
    "group", "chat", "notify", "once", "dropout", "enter", "end", "consent",
}  # fmt: skip
_ITSELF = frozenset({"load", "back", "connect", "disconnect", "wait"})
GROUPED = "grouped:"
"""How the mark begins of a group that goes on from its wait page; also if it was made by hand."""
_LATER = frozenset({"submit", "form", "time_up", "late_form"})
"""Inputs that came before their rows, which are written at the end."""
_PRESSES = frozenset({"claim", "room"})
"""Inputs by which somebody takes a place, and begins."""


class RecordedInput(NamedTuple):
    """One message of a browser, one act of a cell, or a timer.

    `seq` is the first event that it caused, `time` when it came; `event` is the event that records
    it, and `caused` are the events of a form that is not in the log.
    """

    seq: int
    time: float
    act: str
    event: Event
    caused: tuple[Event, ...] = ()
    place: tuple[int, int] = (0, 0)
    """Its place among calls and forms before the same event: the event before, and the turn."""
    resumed: int = 0
    """The step of a call that goes on, for a call that waited while others wrote."""

    @property
    def player(self) -> str:
        """The player's name; empty for others."""
        kind, _, name = self.event.subject.partition("/")
        return name if kind == "player" else ""


class RecordedInputs:
    """Reads inputs from a log whose `open` event says that it has them all."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._own_code = {recorded_cause(event) for event in events if event.kind == "open"}
        self._calls = {recorded_cause(event) for event in events if event.kind == "call"}
        done = {recorded_cause(e) for e in events if e.kind == "effect" and e.value == PERFORMED}
        failed = {(actor, page, undoing(cause), code) for actor, page, cause, code in done}
        self._effects = done | failed
        presses = (event for event in reversed(events) if _is_of_press(event))
        self._arrivals = {event.subject: event for event in presses}
        """By player: the first arrival that goes with a press of a button."""
        entries = (event for event in reversed(events) if event.subject.startswith("room/"))
        self._entries = {event.field: event for event in entries}
        """By player: a room's first note of whom it let in."""

    def of(self, event: Event) -> list[RecordedInput]:
        """Return the input that an event records, and the steps at which it went on."""
        if event.kind == "call":
            return self._call(event)
        act = self._act(event)
        if act in _PRESSES:
            return [RecordedInput(event.seq, event.time, act, event, self._arrival(event))]
        if act in _LATER:
            return [self._begun(act, event, orjson.loads(event.value))]
        return [RecordedInput(event.seq, self._time(event), act, event)] if act else []

    def _act(self, event: Event) -> str:
        if event.kind in _ITSELF:
            return event.kind
        if event.kind == "open":
            return "restart"
        if event.kind == "arrive":
            return "" if _is_of_press(event) else "arrive"
        if event.kind == "intervention":
            return {"paused": "state", "running": "state", "bot": "bot"}.get(event.field, "")
        if event.kind == "once":
            by_hand = event.field.startswith(GROUPED) and self._is_from_outside(event)
            return "apply" if by_hand else ""
        act = _ACTS.get(event.kind)
        if act is not None:
            return act(orjson.loads(event.value), self._is_from_outside(event))
        return "apply" if event.kind in _RAW and self._is_from_outside(event) else ""

    def _arrival(self, joined: Event) -> tuple[Event, ...]:
        """Return what the log has of the same press: the arrival, and a room's note.

        The note is repeated only if nothing else remains of somebody.
        """
        came = self._arrivals.get(joined.subject)
        noted = self._entries.get(joined.subject.partition("/")[2]) if _is_erased(joined) else None
        return tuple(event for event in (came, noted) if event is not None)

    def _is_from_outside(self, event: Event) -> bool:
        """Return whether a cell, the monitor, or a function after a commit made an event."""
        by_hand = event.actor == "researcher" and recorded_cause(event) not in self._own_code
        return by_hand or recorded_cause(event) in self._effects

    def _time(self, event: Event) -> float:
        if event.kind != "load":
            return event.time
        return _between(self._events, orjson.loads(event.value)["time"], event.seq - 1)

    # ---- calls and forms, whose rows are written at their end ----

    def _call(self, event: Event) -> list[RecordedInput]:
        value = read_call(event.value)
        if value["outcome"] == "started":
            return []
        if "begun" not in value:  # it was refused at once
            return [RecordedInput(event.seq, event.time, "call", event)]
        return [self._begun("call", event, value), *resumptions(self._events, event, value)]

    def _begun(self, act: str, event: Event, value: dict[str, Any]) -> RecordedInput:
        seq, turn = value["begun"]
        time = _between(self._events, event.time - value["ms"] / 1000, seq)
        caused = self._caused(event, seq) if value.get("form", ()) is None else ()
        if value.get("args", ()) is None:  # a call whose data were erased
            caused = self._caused_by_call(event, seq)
        return RecordedInput(seq + 1, time, act, event, caused, (seq, turn))

    def _caused(self, row: Event, begun: int) -> tuple[Event, ...]:
        """Return what the hooks of a form that is not in the log have done, and its row."""
        during = self._events[begun : row.seq - 1]
        return (*(event for event in during if self._is_of_hooks(event, row)), row)

    def _caused_by_call(self, row: Event, begun: int) -> tuple[Event, ...]:
        during = self._events[begun : row.seq - 1]
        of_hooks = (event for event in during if event.kind in _OF_HOOKS)
        return (*(one for one in of_hooks if recorded_cause(one) == recorded_cause(row)), row)

    def _is_of_hooks(self, event: Event, row: Event) -> bool:
        same_page = (event.actor, event.page) == (row.actor, row.page)
        return same_page and event.kind in _OF_HOOKS and recorded_cause(event) not in self._calls


def resumptions(events: Sequence[Event], event: Event, call: dict[str, Any]) -> list[RecordedInput]:
    """Return the steps at which a call went on after others had written.

    A step in a busy kernel may be much later than what was written before it; logs of the first
    versions do not say how much.
    """
    found = []
    for number, seq, turn, *ms in call.get("resumed", ()):
        if seq < len(events):
            time = event.time - (call["ms"] - ms[0]) / 1000 if ms else events[seq - 1].time
            time, place = _between(events, time, seq), (seq, turn)
            found.append(RecordedInput(seq + 1, time, "resume", event, (), place, number))
    return found


# ---- the act of an event, by its value, and whether it came from outside ----------------------


def _between(events: Sequence[Event], time: float, seq: int) -> float:
    """Return a time after an event and before the next one."""
    return max(min(time, events[seq].time), events[seq - 1].time)


def _is_of_press(event: Event) -> bool:
    """Return whether somebody began by the press of a button that gave the place."""
    return event.kind == "arrive" and bool(orjson.loads(event.value)["by"] != "link")


def _is_erased(joined: Event) -> bool:
    return "erased" in orjson.loads(joined.value)


def _joining(value: dict[str, Any], outside: bool) -> str:
    if "room" in value:
        return "room"
    return "claim" if value["claimed"] else "place"


def _timing(value: dict[str, Any], outside: bool) -> str:
    if value.get("passed"):
        return "passed"
    if "extended" in value:
        return "extend" if outside else ""
    if not value.get("reached"):
        return ""
    return "submit" if "form" in value else _time_up(value)


def _time_up(value: dict[str, Any]) -> str:
    return "late_form" if value.get("by") == "form" else "time_up"


def _dropping(value: dict[str, Any], outside: bool) -> str:
    if value.get("dropped") and not value.get("by_hand"):
        return "dropped"
    if not outside:
        return ""
    return "watch" if "watch" in value else "dropout" if value.get("by_hand") else ""


_ACTS: dict[str, Callable[[dict[str, Any], bool], str]] = {
    "focus": lambda value, outside: "apply",
    "client": lambda value, outside: "" if "gave_up" in value else "client",
    "join": _joining, "timeout": _timing, "dropout": _dropping,
    "submit": lambda value, outside: "submit",
    "input": lambda value, outside: "form" if "form" in value else _time_up(value),
    "enter": lambda value, outside: "move" if outside else "",
    "late": lambda value, outside: "late",
    "return": lambda value, outside: "apply" if "query" in value else "",
    "free": lambda value, outside: "free",
    "end": lambda value, outside: "leave" if outside else "",
}  # fmt: skip
