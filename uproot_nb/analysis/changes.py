"""Changes: the data events of a log by kind of subject, and the fields that they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from uproot_nb.analysis.arrow_columns import (
    field_kinds,
    new_values,
    repeated_texts,
    stamp_texts,
    without_null,
)
from uproot_nb.analysis.json_cells import Cell, Column, Kind, common, kind_of_logged, readable
from uproot_nb.analysis.rounds.people import SESSION, People
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import EventColumns

__all__ = [
    "LONG", "SUBJECTS", "Changed", "Changes", "FieldFilter", "head_columns", "head_of",
    "long_columns",
]  # fmt: skip

SUBJECTS = {"player": "players", "group": "groups", "session": "session", "model": "models"}
"""The kinds of subjects that have fields, and what their files are called."""
LONG: dict[str, Kind] = {
    "field": "text", "change": "text", "value": "json", "actor": "text", "page": "text",
    "cause": "text", "code": "text",
}  # fmt: skip
"""The columns of a long table behind those of `head_of`."""
_WHERE = ("actor", "page", "cause", "code")
_WHEN: dict[str, Kind] = {"seq": "integer", "time": "number", "timestamp": "moment"}

FieldFilter = Callable[[str, str], bool]
"""(kind of subject, field) → whether the export includes the field."""


@lru_cache(65_536)
def _subject_kind(subject: str) -> str:
    """Return "player", "group", "session" or "model"."""
    return subject.partition("/")[0]


def head_of(kind: str, people: People) -> dict[str, Kind]:
    """Return the columns that stand before the fields of a wide table."""
    subject: dict[str, Kind] = {} if kind == "session" else {kind: "text"}
    return {**SESSION, **_WHEN, **subject, **people.head(kind)}


class Changed(NamedTuple):
    """Changes to subjects of one kind; columns are Arrow's where the events are arrays.

    Attributes:
        head: the columns of `head_of`: session, times, and the changed subject.
        values: the new values, or the operation on a list or dict.
        cells: the values after the changes, but None after a change in place.
    """

    kind: str
    events: EventColumns | EventArrays
    head: Sequence[Column]
    values: Sequence[Cell]
    cells: Sequence[Cell]

    @property
    def fields(self) -> Sequence[str]:
        """The changed fields."""
        fields: Sequence[str] = _texts(self.events, "field")
        return fields


class Changes:
    """A log's changes, page by page; it collects the fields and the kinds of their values.

    changes = Changes(codec, includes, people)
    for page in log.read_columns("market", kinds=CHANGES):
        for some in changes.by_kind(page):
            …
    changes.fields["player"]        # {"bid": "number", …}
    """

    def __init__(self, codec: Codec, includes: FieldFilter, people: People) -> None:
        self._codec, self._includes, self._people = codec, includes, people
        self._found: dict[str, dict[str, set[Kind]]] = {}
        self._met: set[tuple[str, str]] = set()

    @property
    def fields(self) -> dict[str, dict[str, Kind]]:
        """By kind of subject: the fields in the order of their first change."""
        return {
            kind: {name: common(kinds) for name, kinds in fields.items()}
            for kind, fields in self._found.items()
        }

    def by_kind(self, page: EventColumns | EventArrays) -> Iterator[Changed]:
        """Yield the changes of fields that the export includes."""
        if isinstance(page, EventArrays):
            yield from self._by_kind_in_arrays(page)
            return
        subjects = list(map(_subject_kind, page.subject))
        for kind, name in dict.fromkeys(zip(subjects, page.field, strict=True)):
            self._meet(kind, name)
        for kind, fields in self._found.items():
            those = [s == kind and f in fields for s, f in zip(subjects, page.field, strict=True)]
            if any(those):
                events = page.chosen(those)
                changed = _changed(kind, events, self._codec, self._people)
                kinds = map(kind_of_logged, events.value, changed.cells)
                found = zip(events.field, kinds, strict=True)
                for name, kind_of_value in dict.fromkeys(found):
                    fields[name].add(kind_of_value)
                yield changed

    def _by_kind_in_arrays(self, page: EventArrays) -> Iterator[Changed]:
        import numpy as np  # lazy: see __init__

        numbers, pairs = _pairs(page)
        for kind, name in pairs:
            self._meet(kind, name)
        for kind, fields in self._found.items():
            those = np.array([k == kind and f in fields for k, f in pairs])[numbers]
            if those.any():
                events = page.chosen(those)
                values = new_values(events, self._codec)
                cells = without_null(values)
                for name, kind_of_value in field_kinds(events, cells):
                    fields[name].add(kind_of_value)
                head = head_columns(kind, events, self._people)
                yield Changed(kind, events, head, values, cells)

    def _meet(self, kind: str, name: str) -> None:
        if (kind, name) not in self._met:
            self._met.add((kind, name))
            if kind in SUBJECTS and self._includes(kind, name):
                self._found.setdefault(kind, {})[name] = set()


def _changed(kind: str, events: EventColumns, codec: Codec, people: People) -> Changed:
    values = [
        text if change == "set" and '"$' not in text else _value(change, text, codec)
        for change, text in zip(events.kind, events.value, strict=True)
    ]
    cells = [None if cell == "null" else cell for cell in values]
    return Changed(kind, events, head_columns(kind, events, people), values, cells)


def _pairs(page: EventArrays) -> tuple[Any, list[tuple[str, str]]]:
    """Return the kinds of subjects with their fields as they appear, and the number of each row."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra

    (subject_codes, subjects), (codes, fields) = page.repeated["subject"], page.repeated["field"]
    of_subjects = list(map(_subject_kind, subjects))
    kinds = list(dict.fromkeys(of_subjects))
    kind_codes = np.array(list(map(kinds.index, of_subjects)))[subject_codes]
    encoded = pyarrow.array(kind_codes * len(fields) + codes).dictionary_encode()
    both = [divmod(number, len(fields)) for number in encoded.dictionary.to_pylist()]
    return encoded.indices.to_numpy(), [(kinds[kind], fields[field]) for kind, field in both]


def _value(change: str, text: str, codec: Codec) -> Cell:
    if change == "del":
        return None
    cell = readable(text, codec)
    return "null" if cell is None and change == "set" else cell


def long_columns(changed: Changed) -> list[Column]:
    """Return the columns of `head_of` and of LONG."""
    events = changed.events
    return [
        *changed.head, Column(changed.fields, plain=True),
        Column(_texts(events, "kind"), plain=True), Column(changed.values),
        *(Column(_texts(events, name, gaps=True), plain=True) for name in _WHERE),
    ]  # fmt: skip


def head_columns(kind: str, events: EventColumns | EventArrays, people: People) -> list[Column]:
    """Return the columns of `head_of` for changes to subjects of one kind."""
    first = Column(_same(people.session, events), plain=True)
    when = [Column(values, plain=True) for values in _times(events)]
    if kind == "session":
        return [first, *when]
    name = Column(_texts(events, "subject", start=len(f"{kind}/")), plain=True)
    return [first, *when, name, *people.columns(kind, events)]


def _same(text: str, events: EventColumns | EventArrays) -> Any:
    """Return a column that has the same text in each row."""
    if not isinstance(events, EventArrays):
        return [text] * len(events.seq)
    import numpy as np  # lazy: see __init__

    return repeated_texts(np.zeros(len(events.seq), "int32"), [text])


def _times(events: EventColumns | EventArrays) -> tuple[Any, Any, Any]:
    if not isinstance(events, EventArrays):
        return events.seq, events.time, _stamps(events.time)
    import pyarrow  # lazy: it is an extra

    return pyarrow.array(events.seq), pyarrow.array(events.time), stamp_texts(events.time)


def _texts(
    events: EventColumns | EventArrays, name: str, start: int = 0, gaps: bool = False
) -> Any:
    """Return a column of texts from their character *start* on; *gaps*: None for empty ones."""
    if isinstance(events, EventArrays):
        codes, known = events.repeated[name]
        return repeated_texts(codes, _cut(known, start, gaps))
    return _cut(getattr(events, name), start, gaps)


def _cut(texts: Sequence[str], start: int, gaps: bool) -> list[str | None]:
    if gaps:
        return [text[start:] or None for text in texts]
    return [text[start:] for text in texts]


def _stamps(times: Sequence[float]) -> list[str]:
    """Return Unix seconds as ISO 8601 in UTC, to the microsecond."""
    import numpy as np  # lazy: see __init__

    micros = np.rint(np.array(times) * 1e6).astype("int64").view("datetime64[us]")
    stamps: list[str] = np.datetime_as_string(micros, unit="us", timezone="UTC").tolist()
    return stamps
