"""EarlierInputs: inputs inferred from logs of versions that did not log all inputs."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

import orjson

from uproot_nb.flow.undone_moves import PLACE_FIELDS
from uproot_nb.log.call_rows import read_call, read_row
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.state import ARRIVED
from uproot_nb.reruns.recorded_inputs import RecordedInput, resumptions

__all__ = ["EarlierInputs"]

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


class EarlierInputs:
    """Infers inputs from the causes of events, and from the events around them."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._times = [event.time for event in events]

    def of(self, event: Event) -> list[RecordedInput]:
        """Return the input that an event shows, and the steps at which it went on."""
        step = _step(self._events, self._times, event.seq - 1)
        if step is None or step.act != "call":
            return [] if step is None else [step]
        return [step, *resumptions(self._events, event, read_call(event.value))]


def _by_cell(event: Event) -> bool:
    """Return whether a cell, not the experiment's code, made an event.

    Functions called by `after_commit` count as cells: they are not called again.
    """
    if event.cause.startswith("after_commit "):
        return True
    own = event.cause in ("new_session", "restart") or event.cause.startswith("class ")
    return event.actor == "researcher" and not own


def _step(events: Sequence[Event], times: list[float], place: int) -> RecordedInput | None:
    event = events[place]
    what = event.cause.rpartition(".")[2]
    act = _ACTS.get(event.kind, _no_act)(event, what)
    if act == "call":
        return _call(events, times, place)
    if act == "claim":
        return _join(events, place)
    if act in ("submit", "time_up"):
        return _from(events, place, act, _LEAVING, {"call", "connect", "disconnect", "enter"})
    if act == "look":
        return _from(events, place, act, _LOOKING, {"call", "connect", "disconnect", "submit"})
    if not act and event.kind in _RAW and _by_cell(event) and not _is_of_move(events, place):
        act = "apply"
    elif not act and event.kind in CHANGES and what in _RENDERING:
        act = "render"
    return RecordedInput(event.seq, event.time, act, event) if act else None


def _from(
    events: Sequence[Event], place: int, act: str, names: set[str], ends: set[str]
) -> RecordedInput:
    """Return a step that begins with the first of its player's consecutive events."""
    event, first = events[place], place
    while first and _belongs(events[first - 1], event.actor, names, ends):
        first -= 1
    time = event.time if act == "look" else events[first].time
    caused = (one for one in events[first : place + 1] if one.kind not in ("output", "error"))
    return RecordedInput(events[first].seq, time, act, event, tuple(caused))


def _join(events: Sequence[Event], place: int) -> RecordedInput:
    """Return a join; the event after it names the room, if it was through one."""
    event = events[place]
    then = events[place + 1] if place + 1 < len(events) else event
    if not then.subject.startswith("room/"):
        return RecordedInput(event.seq, event.time, "claim", event)
    came = {"room": then.subject.partition("/")[2], "visit": orjson.loads(then.value)}
    text = orjson.dumps({**orjson.loads(event.value), **came}).decode()
    return RecordedInput(event.seq, event.time, "room", event._replace(value=text))


def _belongs(event: Event, actor: str, names: set[str], ends: set[str]) -> bool:
    if event.actor != actor or event.kind in ends or event.field == ARRIVED or _is_timing(event):
        return False
    return event.cause.rpartition(".")[2] in names


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


def _call(events: Sequence[Event], times: list[float], place: int) -> RecordedInput | None:
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
    return RecordedInput(events[first].seq, min(begun, events[first].time), "call", event)


def _begun_call(
    events: Sequence[Event], place: int, begun_at: Sequence[int], seconds: float
) -> RecordedInput:
    """Return the step of a call whose row has the event after which it began."""
    event, (seq, turn) = events[place], begun_at
    begun = max(min(event.time - seconds, events[seq].time), events[seq - 1].time)
    for number in range(seq, place):
        if _says_late(events[number], event.subject):  # the call itself found out
            return RecordedInput(events[number].seq, begun, "call", event)
        if events[number][7:10] != event[7:10]:
            break
    return RecordedInput(seq + 1, begun, "call", event, (), (seq, turn))


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
        what, "move" if _by_cell(event) else ""
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


def _dropping(event: Event, what: str) -> str:
    data = orjson.loads(event.value)
    if "watch" in data and _by_cell(event):
        return "watch"
    if data.get("dropped") and not data.get("by_hand"):
        return "dropped"
    return "dropout" if data.get("by_hand") and _by_cell(event) else ""


def _steering(event: Event, what: str) -> str:
    return "state" if event.field in ("paused", "running") else ""


_ACTS: dict[str, Callable[[Event, str], str]] = {
    "call": lambda event, what: "call",
    "submit": lambda event, what: "submit",
    "timeout": _timing, "enter": _entering, "join": _joining,
    "connect": lambda event, what: "connect", "disconnect": lambda event, what: "disconnect",
    "once": lambda event, what: "look" if event.field == ARRIVED else "",
    "dropout": _dropping, "intervention": _steering,
    "open": lambda event, what: "restart",
}  # fmt: skip
