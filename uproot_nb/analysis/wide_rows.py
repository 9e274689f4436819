"""WideRows: changes as rows with one field filled each, its whole value after the change."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, starmap
from pathlib import Path
from typing import IO, Generic, NamedTuple, Self, TypeVar

from uproot_nb.analysis.arrow_columns import lists_and_dicts
from uproot_nb.analysis.changes import Changed, head_columns
from uproot_nb.analysis.json_cells import Cell, Column, readable
from uproot_nb.analysis.rounds.people import People
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.state import State

__all__ = ["SparseRows", "Spool", "WideRows"]

Piece = TypeVar("Piece")

_WHOLE = frozenset({"set", "del"})
"""Changes that do not depend on the value before."""
_CHARACTERS_AT_ONCE = 4_000_000
_LONG = 2_000
"""Characters from which on the value of a list or dict is not written after each change."""

_Row = tuple[Event, Cell]
"""A change, and the whole value of its field after it."""


class SparseRows(NamedTuple):
    """Rows with one field filled each: the columns before the fields, the field, and its value."""

    head: Sequence[Column]
    fields: Sequence[str]
    cells: Sequence[Cell]


class WideRows:
    """The wide table of one kind of subjects, as it grows with the changes.

    Changes in place of one field that come right after each other in one round are one row, the
    last: a drawing of ten thousand strokes is not written ten thousand times. Of a long list or
    dict a row is written when as much has been changed in it as it was long, before it is replaced,
    and at the end: so the table grows with the log, and not with its square.
    """

    def __init__(self, kind: str, codec: Codec, people: People) -> None:
        self._kind, self._codec, self._people = kind, codec, people
        self._past = State(codec)
        self._open: dict[str, tuple[Event, int]] = {}
        """The last change in place by subject, and the number of its group and round."""
        self._late: dict[tuple[str, str], Event] = {}
        self._written: dict[tuple[str, str], int] = {}
        """How long a list or dict was in its last row."""
        self._changed: dict[tuple[str, str], int] = {}
        """How much has been changed in it since."""

    def of(self, changed: Changed) -> Iterator[SparseRows]:
        """Yield the rows that are complete now."""
        events = changed.events
        kinds = events.texts("kind") if isinstance(events, EventArrays) else events.kind
        if self._open or self._late or not _WHOLE.issuperset(kinds):
            columns = events.columns() if isinstance(events, EventArrays) else events
            each = zip(map(Event, *columns), self._people.places(events), strict=True)
            yield from self._in_pieces(chain.from_iterable(starmap(self._rows, each)))
        else:
            self._note(events)
            yield SparseRows(changed.head, changed.fields, changed.cells)

    def _note(self, events: EventColumns | EventArrays) -> None:
        """Keep the lists and dicts, which may be changed in place later."""
        if isinstance(events, EventArrays):
            some = events if self._written else events.chosen(lists_and_dicts(events))
            events = some.columns()
        if self._written:
            for which in zip(events.subject, events.field, strict=True):
                self._forget(which)
        those = [
            change == "del" or text[0] in "[{"
            for change, text in zip(events.kind, events.value, strict=True)
        ]
        if any(those):
            self._past.apply_all(map(Event, *events.chosen(those)))

    def _forget(self, which: tuple[str, str]) -> None:
        self._written.pop(which, None)
        self._changed.pop(which, None)

    def rest(self) -> Iterator[SparseRows]:
        """Yield the rows that were still open."""
        left = sorted([*(event for event, _ in self._open.values()), *self._late.values()])
        yield from self._in_pieces(map(self._row, left))

    def _rows(self, event: Event, place: int) -> Iterator[_Row]:
        """Yield the rows that are complete now: the change, and the whole value after it."""
        in_place, which = event.kind not in _WHOLE, (event.subject, event.field)
        before, where = self._open.get(event.subject, (None, 0))
        if before and not (in_place and before.field == event.field and where == place):
            del self._open[event.subject]
            yield from self._close(before)
        if in_place:
            self._late.pop(which, None)  # this change stands for it
            self._changed[which] = self._changed.get(which, 0) + len(event.value)
        elif which in self._written:
            if (late := self._late.pop(which, None)) is not None:
                yield self._row(late)
            self._forget(which)
        self._past.apply(event)
        if in_place:
            self._open[event.subject] = event, place
        else:
            yield self._row(event)

    def _close(self, event: Event) -> Iterator[_Row]:
        """Yield the row of a change in place, unless a long value is much as it was."""
        which = event.subject, event.field
        written = self._written.get(which, 0)
        if written > _LONG and self._changed[which] < written:
            self._late[which] = event
        else:
            yield self._row(event)

    def _row(self, event: Event) -> _Row:
        if event.kind == "set":
            return event, readable(event.value, self._codec)
        if event.kind == "del":
            return event, None
        text = self._past.text(event.subject, event.field)
        which = event.subject, event.field
        self._written[which], self._changed[which] = len(text), 0
        return event, readable(text, self._codec)

    def _in_pieces(self, rows: Iterable[_Row]) -> Iterator[SparseRows]:
        """Yield rows some at a time: fewer where their values are long."""
        piece: list[_Row] = []
        characters = 0
        for row in rows:
            piece.append(row)
            characters += len(row[1] or "")
            if characters > _CHARACTERS_AT_ONCE:
                yield self._together(piece)
                piece, characters = [], 0
        if piece:
            yield self._together(piece)

    def _together(self, rows: Sequence[_Row]) -> SparseRows:
        events, cells = zip(*rows, strict=True)
        columns = EventColumns(*zip(*events, strict=True))
        head = head_columns(self._kind, columns, self._people)
        return SparseRows(head, columns.field, cells)


class Spool(Generic[Piece]):
    """Pieces of anything that can be pickled, in a file of its own.

    with Spool[str](folder / "aside") as spool:
        spool.put_all(["one", "two"])
        list(spool)        # ["one", "two"]
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("w+b")
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put_all(self, pieces: Iterable[Piece]) -> None:
        """Set pieces aside, one after another, behind those that are there."""
        for piece in pieces:
            pickle.dump(piece, self._file, pickle.HIGHEST_PROTOCOL)
            self._count += 1

    def __len__(self) -> int:
        """Return how many pieces there are."""
        return self._count

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces, in the order in which they were put; nothing may be put after."""
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)
