"""EntryIndex: finds a model's entries by type, id and field without reading all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import Enum
from numbers import Number
from operator import itemgetter
from typing import Any

from uproot_nb.log.state import UNCHANGING

__all__ = ["EntryIndex"]

Record = Mapping[str, Any]
"""An entry as the log has it: its id, time, type, and its fields as JSON text."""

_ANY = object()
"""The key of values that cannot be indexed: lists, arrays …"""
_MISSING = object()


class _Places:
    """The places of each value of one field."""

    __slots__ = ("others", "places")

    def __init__(self) -> None:
        self.places: dict[Hashable, list[int]] = {}
        self.others: list[int] = []

    def note(self, value: Any, place: int) -> None:
        key = _key_of(value)
        where = self.others if key is _ANY else self.places.setdefault(key, [])
        where.append(place)

    def of(self, key: Hashable) -> list[int]:
        """Return the places where the value may be, in order."""
        found = self.places.get(key, [])
        return sorted((*found, *self.others)) if self.others else found


class EntryIndex:
    """Finds the places of the entries that may match a query.

    The list is append-only: a query first adds the new entries, and another list resets the index.
    A field is indexed by the first query for it.

        index.catch_up(records)
        index.places("Offer", {"price": 3.5})    # a superset, to be checked
    """

    def __init__(self, decode: Callable[[str], Any]) -> None:
        self._decode = decode
        self.records: Sequence[Record] = ()
        self._forget()

    def _forget(self) -> None:
        self._seen = 0
        self._by_type: dict[str, list[int]] = {}
        self._by_field: dict[str, dict[str, _Places]] = {}
        self._by_id: dict[str, int] | None = None
        self.read: dict[int, Any] = {}
        """Cache of decoded entries, by place."""

    def catch_up(self, records: Sequence[Record]) -> None:
        """Index the entries added since the last call."""
        if records is not self.records:  # opened again, or undone
            self.records = records
            self._forget()
        for place in range(self._seen, len(records)):
            record = records[place]
            self._by_type.setdefault(record["type"], []).append(place)
            if self._by_id is not None:
                self._by_id[record["id"]] = place
            indexed = self._by_field.get(record["type"])
            if indexed:
                self._note(indexed, record, place)
        self._seen = len(records)

    def of_type(self, kind: str) -> list[int]:
        """Return the places of a type's entries, oldest first."""
        return self._by_type.get(kind, [])

    def of_id(self, identifier: str) -> list[int]:
        """Return the place of the entry with that id, if there is one."""
        if self._by_id is None:
            records = self.records
            ids = map(itemgetter("id"), records)
            self._by_id = {known: place for place, known in enumerate(ids)}
        place = self._by_id.get(identifier)
        return [] if place is None else [place]

    def places(self, kind: str, wanted: Mapping[str, Any]) -> list[int]:
        """Return the places where entries of a type may equal *wanted*, oldest first."""
        keys = {name: key for name, value in wanted.items() if (key := _key_of(value)) is not _ANY}
        found = [self._field(kind, name).of(key) for name, key in keys.items()]
        return min(found, key=len) if found else self.of_type(kind)

    def _field(self, kind: str, name: str) -> _Places:
        indexed = self._by_field.setdefault(kind, {})
        if name not in indexed:
            made = {name: _Places()}
            for place in self.of_type(kind):
                self._note(made, self.records[place], place)
            indexed.update(made)
        return indexed[name]

    def _note(self, indexed: Mapping[str, _Places], record: Record, place: int) -> None:
        values = self._decode(record["fields"])
        for name, places in indexed.items():
            value = values.get(name, _MISSING) if isinstance(values, dict) else _MISSING
            if value is _MISSING:  # added before the class got this field: its default counts
                places.others.append(place)
            else:
                places.note(value, place)


def _key_of(value: Any) -> Any:
    """Return a key that equal values share, whatever their types; _ANY if there is none."""
    kind = type(value)
    if isinstance(value, Enum) and not isinstance(value, (str, Number)):
        return Enum, kind.__module__, kind.__qualname__, value.name  # its class may be redefined
    if kind not in UNCHANGING and not isinstance(value, (str, Number)):
        return _ANY
    try:
        hash(value)
    except TypeError:  # a signalling NaN
        return _ANY
    return value
