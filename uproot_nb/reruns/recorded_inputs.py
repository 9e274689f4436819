"""RecordedStep: the inputs of a recorded session, in order."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from uproot_nb.flow.moves import PLACE_FIELDS
from uproot_nb.log.call_rows import read_call, read_row
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.state import ARRIVED

__all__ = ["RecordedStep", "by_cell", "steps_of"]

_LEAVING = {
    "submit", "fields", "validate", "stealth_fields", "before_form_save", "handle_stealth_fields",
    "may_proceed", "after_once", "after_always_once", "timeout_reached", "timeout",
}  # fmt: skip
_LOOKING = {
    "show", "early", "before_once", "before_always_once", "after_once", "after_always_once", "flow",
    "timeout", "arrived", "templatevars", "jsvars", "fields", "page_order",
}  # fmt: skip
_RENDERING = {"templatevars", "jsvars"}
_RAW = CHANGES | {"group", "chat", "room", "notify"}


class RecordedStep(NamedTuple):
    """One message of a browser, one act of a cell, or a timer.

    `seq` is the first event that it caused, `time` when it came; `event` is the event that records
    it, and `caused` are all events of a submission, for one that cannot be sent again.
    """

    seq: int
    time: float
    act: str
    event: Event
    caused: tuple[Event, ...] = ()
    place: tuple[int, int] = (0, 0)
    """Its place among calls before the same event: that event, and the turn."""
    resumed: int = 0
    """The step of a call that goes on, for a call that waited while others wrote."""

    @property
    def player(self) -> str:
        """The player's name; empty for others."""
        kind, _, name = self.event.subject.partition("/")
        return name if kind == "player" else ""


def steps_of(events: Sequence[Event]) -> list[RecordedStep]:
    """Return the inputs after the session was opened."""
    times = [event.time for event in events]
    opened = next((n for n, event in enumerate(events) if event.kind == "open"), len(events))
    found: list[RecordedStep] = []
    for place in range(opened + 1, len(events)):
        step = _step(events, times, place)
        if step is not None:
            found.append(step)
            found += _resumptions(events, step)
    return sorted(found, key=_order)


def _order(step: RecordedStep) -> tuple[Any, ...]:
    """Order steps by their events; a call known to precede an event goes first."""
    rank = 0 if step.place != (0, 0) else 1 if step.act == "passed" else 2
    return step.seq, rank, step.place, step.time


def _resumptions(events: Sequence[Event], step: RecordedStep) -> list[RecordedStep]:
    """Return the steps at which a call went on after others had written."""
    if step.act != "call":
        return []
    resumed = read_call(step.event.value).get("resumed", ())
    event, known = step.event, len(events)
    return [
        RecordedStep(seq + 1, events[seq - 1].time, "resume", event, (), (seq, turn), number)
        for number, seq, turn in resumed
        if seq < known
    ]


def by_cell(event: Event) -> bool:
    """Return whether a cell, not the experiment's code, made an event.

    Functions called by `after_commit` count as cells: they are not called again.
    """
    if event.cause.startswith("after_commit "):
        return True
    own = event.cause in ("new_session", "restart") or event.cause.startswith("class ")
    return event.actor == "researcher" and not own


def _step(events: Sequence[Event], times: list[float], place: int) -> RecordedStep | None:
    event = events[place]
    what = event.cause.rpartition(".")[2]
    act = _ACTS.get(event.kind, _no_act)(event, what)
    if act == "call":
        return _call(events, times, place)
    if act in ("submit", "time_up"):
        return _from(events, place, act, _LEAVING, {"call", "connect", "disconnect", "enter"})
    if act == "look":
        return _from(events, place, act, _LOOKING, {"call", "connect", "disconnect", "submit"})
    if act == "room":  # the join before it is of the same step
        joined = events[place - 1]
        return RecordedStep(joined.seq, joined.time, act, event, (joined,))
    if not act and event.kind in _RAW and by_cell(event) and not _is_of_move(events, place):
        act = "apply"
    elif not act and event.kind in CHANGES and what in _RENDERING:
        act = "render"
    return RecordedStep(event.seq, event.time, act, event) if act else None


def _from(
    events: Sequence[Event], place: int, act: str, names: set[str], ends: set[str]
) -> RecordedStep:
    """Return a step that begins with the first of its player's consecutive events."""
    event, first = events[place], place
    while first and _belongs(events[first - 1], event.actor, names, ends):
        first -= 1
    time = event.time if act == "look" else events[first].time
    last = place
    while act == "submit" and last + 1 < len(events) and _follows(events[last + 1], event):
        last += 1
    return RecordedStep(events[first].seq, time, act, event, tuple(events[first : last + 1]))


def _belongs(event: Event, actor: str, names: set[str], ends: set[str]) -> bool:
    if event.actor != actor or event.kind in ends or event.field == ARRIVED or _is_timing(event):
        return False
    return event.cause.rpartition(".")[2] in names


def _follows(event: Event, left: Event) -> bool:
    return (event.actor, event.cause) == (left.actor, left.cause) and event.kind != left.kind


def _is_of_move(events: Sequence[Event], place: int) -> bool:
    """Return whether the preceding move set a field, not the cell."""
    event = events[place]
    if event.kind != "set" or event.field not in PLACE_FIELDS:
        return False
    for at in range(place - 1, -1, -1):
        before = events[at]
        if before.subject != event.subject:
            return False
        if before.kind != "once" and before.field not in PLACE_FIELDS:
            return before.kind == "enter" and before[7:] == event[7:]
    return False


def _call(events: Sequence[Event], times: list[float], place: int) -> RecordedStep | None:
    event = events[place]
    call = read_call(event.value)
    if call["outcome"] == "started":
        return None
    if "begun" in call and call["begun"][0] < event.seq:
        return _begun_call(events, place, call["begun"], call.get("ms", 0.0) / 1000)
    first = place
    while first and events[first - 1][7:10] == event[7:10] and _is_part(events[first - 1]):
        first -= 1
    begun = event.time - call.get("ms", 0.0) / 1000
    early = max(bisect.bisect_left(times, begun), 0)
    late = (n for n in range(early, first) if _says_late(events[n], event.subject))
    first = min(first, next(late, early))  # a late call follows the event that says so
    return RecordedStep(events[first].seq, min(begun, events[first].time), "call", event)


def _begun_call(
    events: Sequence[Event], place: int, begun_at: Sequence[int], seconds: float
) -> RecordedStep:
    """Return the step of a call whose row has the event after which it began."""
    event, (seq, turn) = events[place], begun_at
    begun = max(min(event.time - seconds, events[seq].time), events[seq - 1].time)
    for number in range(seq, place):
        if _says_late(events[number], event.subject):  # the call itself found out
            return RecordedStep(events[number].seq, begun, "call", event)
        if events[number][7:10] != event[7:10]:
            break
    return RecordedStep(seq + 1, begun, "call", event, (), (seq, turn))


def _says_late(event: Event, subject: str) -> bool:
    return event.subject == subject and _is_timing(event) and '"passed"' in event.value


def _is_timing(event: Event) -> bool:
    """Return whether an event only sets a deadline, or notes that it has passed."""
    return event.kind == "timeout" and '"reached"' not in event.value


def _is_part(event: Event) -> bool:
    return event.kind != "call" or read_row(event.value).outcome == "started"


# ---- the act of an event ---------------------------------------------------------------------


def _no_act(event: Event, what: str) -> str:
    return ""


def _entering(event: Event, what: str) -> str:
    return {"flow": "look", "back": "back", "move": "move"}.get(
        what, "move" if by_cell(event) else ""
    )


def _timing(event: Event, what: str) -> str:
    data = orjson.loads(event.value)
    if data.get("passed"):
        return "passed"
    if not data.get("reached"):
        return ""
    return "submit" if "form" in data else "time_up"


def _joining(event: Event, what: str) -> str:
    return "claim" if orjson.loads(event.value).get("claimed") else "place"


def _entering_room(event: Event, what: str) -> str:
    return "room" if event.subject.startswith("room/") else ""


def _dropping(event: Event, what: str) -> str:
    data = orjson.loads(event.value)
    if "watch" in data and by_cell(event):
        return "watch"
    if data.get("dropped") and not data.get("by_hand"):
        return "dropped"
    return "dropout" if data.get("by_hand") and by_cell(event) else ""


def _steering(event: Event, what: str) -> str:
    return "state" if event.field in ("paused", "running") else ""


_ACTS: dict[str, Callable[[Event, str], str]] = {
    "call": lambda event, what: "call",
    "submit": lambda event, what: "submit",
    "timeout": _timing, "enter": _entering, "join": _joining, "set": _entering_room,
    "connect": lambda event, what: "connect", "disconnect": lambda event, what: "disconnect",
    "once": lambda event, what: "look" if event.field == ARRIVED else "",
    "dropout": _dropping, "intervention": _steering,
    "open": lambda event, what: "restart",
}  # fmt: skip
