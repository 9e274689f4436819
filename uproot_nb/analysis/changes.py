"""Changes: the data events of a log as rows of a long and of a wide table, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

import orjson

from uproot_nb.analysis.cells import Cell, Column, Kind, common, kind_of, readable
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.state import State

__all__ = [
    "LONG", "SUBJECTS", "Changes", "Keeps", "WideRows", "head_columns", "head_of", "quoted",
    "subject_kind",
]  # fmt: skip

SUBJECTS = {"player": "players", "group": "groups", "session": "session", "model": "models"}
"""The kinds of subjects that have fields, and what their files are called."""
LONG: dict[str, Kind] = {
    "seq": "integer", "time": "number", "timestamp": "text", "field": "text", "change": "text",
    "value": "json", "actor": "text", "page": "text", "cause": "text", "code": "text",
}  # fmt: skip
_SHORT = 18
"""Whole numbers of fewer digits are surely 64 bits long at most."""
_WHEN: dict[str, Kind] = {"seq": "integer", "time": "number", "timestamp": "text"}

Keeps = Callable[[str, str], bool]
"""(kind of subject, field) → whether the field belongs into the export."""


@lru_cache(65_536)
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
        self._known: dict[tuple[str, str], set[Kind] | None] = {}
        self._found: dict[str, dict[str, set[Kind]]] = {}
        self.in_place: set[tuple[str, str]] = set()
        """(kind of subject, field) of those that were not only set."""
        known = self._known
        for event in events:
            key = (event.subject, event.field)
            kinds = known[key] if key in known else self._meet(*key)
            if kinds is None:
                continue
            if event.kind == "set":
                kinds.add(_kind_of_logged(event.value, codec))
            elif event.kind != "del":
                kinds.add("json")
                self.in_place.add((subject_kind(event.subject), event.field))
        self.fields: dict[str, dict[str, Kind]] = {
            kind: {name: common(kinds) for name, kinds in fields.items()}
            for kind, fields in self._found.items()
        }
        """By kind of subject: the fields in the order of their first change."""

    def kept(self, events: Iterable[Event]) -> list[Event]:
        """Return the changes of fields that belong into the export, all of which it has seen."""
        known = self._known
        return [event for event in events if known[event.subject, event.field] is not None]

    def _meet(self, subject: str, field: str) -> set[Kind] | None:
        kind = subject_kind(subject)
        kinds: set[Kind] | None = None
        if kind in SUBJECTS and self._keeps(kind, field):
            kinds = self._found.setdefault(kind, {}).setdefault(field, set())
        self._known[subject, field] = kinds
        return kinds

    def long_columns(self, events: Sequence[Event], head: list[Column]) -> list[Column]:
        """Return changes as they were: the new value, or what was done to the list or dict."""
        values = [_told(event, self._codec) for event in events]
        repeated = [
            Column([getattr(event, name) or None for event in events], plain=True)
            for name in ("actor", "page", "cause", "code")
        ]
        return [
            *head, Column([event.field for event in events], plain=True),
            Column([event.kind for event in events], plain=True), Column(values), *repeated,
        ]  # fmt: skip


def _kind_of_logged(text: str, codec: Codec) -> Kind:
    """Return the kind of a logged value; the usual ones at a glance."""
    if '"$' not in text:
        if text[0] == '"':
            return "text"
        if len(text) < _SHORT and text.isdecimal() and text.isascii():
            return "integer"
    return kind_of(readable(text, codec))


def _told(event: Event, codec: Codec) -> Cell:
    if event.kind == "del":
        return None
    value = event.value if '"$' not in event.value else readable(event.value, codec)
    return "null" if value is None and event.kind == "set" else _unless_null(value, event.kind)


def _unless_null(value: Cell, kind: str) -> Cell:
    return None if value == "null" and kind != "set" else value


class WideRows:
    """Rows with one field filled each: its whole value after the change.

    Changes in place of one field that come right after each other are one row, the last: a
    drawing of ten thousand strokes is not written ten thousand times.
    """

    def __init__(self, changes: Changes, codec: Codec) -> None:
        self._codec, self._past = codec, State(codec)
        self._in_place = changes.in_place
        self.places = {
            kind: {name: place for place, name in enumerate(fields)}
            for kind, fields in changes.fields.items()
        }
        """By kind of subject: where each field's column is, from 0."""
        self._open: dict[str, Event] = {}

    @property
    def is_plain(self) -> bool:
        """Whether nothing was changed in place, so that each change is a row."""
        return not self._in_place

    def batch(self, events: Sequence[Event]) -> list[tuple[Event, Cell]]:
        """Return the rows that are complete now."""
        if self.is_plain:
            return [self._row(event) for event in events]
        return [row for event in events for row in self.rows(event)]

    def rows(self, event: Event) -> Iterator[tuple[Event, Cell]]:
        """Yield the rows that are complete now: the change, and the whole value after it."""
        in_place = event.kind not in ("set", "del")
        before = self._open.get(event.subject) if self._open else None
        if before is not None and not (in_place and before.field == event.field):
            yield self._row(self._open.pop(event.subject))
        if self._in_place and (subject_kind(event.subject), event.field) in self._in_place:
            self._past.apply(event)
        if in_place:
            self._open[event.subject] = event
        else:
            yield self._row(event)

    def rest(self) -> Iterator[tuple[Event, Cell]]:
        """Yield the rows that were still open."""
        for event in sorted(self._open.values()):
            yield self._row(event)

    def _row(self, event: Event) -> tuple[Event, Cell]:
        if event.kind == "set":
            text = event.value
            if '"$' in text or text == "null":
                return event, readable(text, self._codec)
            return event, text
        if event.kind == "del":
            return event, None
        return event, readable(self._past.text(event.subject, event.field), self._codec)


def head_columns(events: Sequence[Event]) -> list[Column]:
    """Return the columns that tell when changes were, and of whom: nobody, for the session."""
    when = [
        Column([event.seq for event in events], plain=True),
        Column([event.time for event in events], plain=True),
        Column(_stamps([event.time for event in events]), plain=True),
    ]
    names = [event.subject.partition("/")[2] for event in events]
    return [*when, Column(names, plain=True)] if names[0] else when


def _stamps(times: list[float]) -> list[str]:
    """Return Unix seconds as ISO 8601 in UTC, to the microsecond."""
    import numpy as np  # lazy: see __init__

    micros = np.rint(np.array(times) * 1e6).astype("int64").view("datetime64[us]")
    return [f"{stamp}Z" for stamp in np.datetime_as_string(micros, unit="us").tolist()]


@lru_cache(65_536)
def quoted(text: str) -> Cell:
    """Return a text as a cell; nothing for an empty one."""
    return orjson.dumps(text).decode() if text else None
