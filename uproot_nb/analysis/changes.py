"""Changes: the data events of a log as rows of a long and of a wide table, kind by kind."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import orjson

from uproot_nb.analysis.cells import Cell, Kind, common, kind_of, readable
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.state import State

__all__ = [
    "LONG", "SUBJECTS", "Changes", "Keeps", "WideRows", "head_of", "iso", "quoted", "subject_kind",
]  # fmt: skip

SUBJECTS = {"player": "players", "group": "groups", "session": "session", "model": "models"}
"""The kinds of subjects that have fields, and what their files are called."""
LONG: dict[str, Kind] = {
    "seq": "integer", "time": "number", "timestamp": "text", "field": "text", "change": "text",
    "value": "json", "actor": "text", "page": "text", "cause": "text", "code": "text",
}  # fmt: skip
_WHEN: dict[str, Kind] = {"seq": "integer", "time": "number", "timestamp": "text"}

Keeps = Callable[[str, str], bool]
"""(kind of subject, field) → whether the field belongs into the export."""


def subject_kind(subject: str) -> str:
    """Return "player", "group", "session" or "model"."""
    return subject.partition("/")[0]


def head_of(kind: str) -> dict[str, Kind]:
    """Return the columns that stand before the fields of a wide table."""
    return {**_WHEN, kind: "text"} if kind != "session" else dict(_WHEN)


class Changes:
    """A first look at a log's changes: which fields there are, and of what kinds.

    changes = Changes(events, codec, keeps)
    changes.fields["player"]        # {"bid": "number", …}
    """

    def __init__(self, events: Iterable[Event], codec: Codec, keeps: Keeps) -> None:
        self._codec, self._keeps = codec, keeps
        found: dict[str, dict[str, set[Kind]]] = defaultdict(lambda: defaultdict(set))
        for event in self.kept(events):
            kinds = found[subject_kind(event.subject)][event.field]
            if event.kind == "set":
                kinds.add(kind_of(readable(event.value, codec)))
            elif event.kind != "del":
                kinds.add("json")
        self.fields: dict[str, dict[str, Kind]] = {
            kind: {name: common(kinds) for name, kinds in fields.items()}
            for kind, fields in found.items()
        }
        """By kind of subject: the fields in the order of their first change."""

    def kept(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the changes of fields that belong into the export."""
        known: dict[tuple[str, str], bool] = {}
        for event in events:
            key = (event.subject, event.field)
            kept = known.get(key)
            if kept is None:
                kind = subject_kind(event.subject)
                kept = known[key] = kind in SUBJECTS and self._keeps(kind, event.field)
            if kept:
                yield event

    def long_row(self, event: Event) -> list[Cell]:
        """Return a change as it was: the new value, or what was done to the list or dict."""
        value = None if event.kind == "del" else readable(event.value, self._codec)
        if value is None and event.kind == "set":
            value = "null"
        return [
            *when(event), *named(event), quoted(event.field), quoted(event.kind), value,
            quoted(event.actor), quoted(event.page), quoted(event.cause), quoted(event.code),
        ]  # fmt: skip


class WideRows:
    """Rows with one field filled each: its whole value after the change.

    Changes in place of one field that come right after each other are one row, the last: a
    drawing of ten thousand strokes is not written ten thousand times.
    """

    def __init__(self, changes: Changes, codec: Codec) -> None:
        self._codec, self._past = codec, State(codec)
        self._places = {
            kind: {name: place for place, name in enumerate(fields)}
            for kind, fields in changes.fields.items()
        }
        self._open: dict[str, Event] = {}

    def rows(self, event: Event) -> Iterator[tuple[str, list[Cell]]]:
        """Yield the rows that are complete now, with their kind of subject."""
        before = self._open.get(event.subject)
        in_place = event.kind not in ("set", "del")
        if before is not None and not (in_place and before.field == event.field):
            yield self._row(self._open.pop(event.subject))
        self._past.apply(event)
        if in_place:
            self._open[event.subject] = event
        else:
            yield self._row(event)

    def rest(self) -> Iterator[tuple[str, list[Cell]]]:
        """Yield the rows that were still open."""
        for event in sorted(self._open.values()):
            yield self._row(event)

    def _row(self, event: Event) -> tuple[str, list[Cell]]:
        kind = subject_kind(event.subject)
        places = self._places[kind]
        cells: list[Cell] = [None] * len(places)
        if event.kind == "set":
            cells[places[event.field]] = readable(event.value, self._codec)
        elif event.kind != "del":
            text = self._past.text(event.subject, event.field)
            cells[places[event.field]] = readable(text, self._codec)
        return kind, [*when(event), *named(event), *cells]


def when(event: Event) -> list[Cell]:
    """Return the cells that tell when an event was."""
    return [str(event.seq), repr(event.time), f'"{iso(event.time)}"']


def named(event: Event) -> list[Cell]:
    """Return the cell with the subject's name; nothing for the session."""
    name = event.subject.partition("/")[2]
    return [quoted(name)] if name else []


_EPOCH = dt.datetime(1970, 1, 1)


@lru_cache(1024)
def _second(seconds: int) -> str:
    return (_EPOCH + dt.timedelta(seconds=seconds)).isoformat(timespec="seconds")


def iso(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC, to the microsecond."""
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return f"{_second(whole)}.{micros:06d}Z"


@lru_cache(65_536)
def quoted(text: str) -> Cell:
    """Return a text as a cell; nothing for an empty one."""
    return orjson.dumps(text).decode() if text else None
