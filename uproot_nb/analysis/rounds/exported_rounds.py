"""ExportedRounds: the tables of rounds of an export; rows wait in files until all are known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from uproot_nb.analysis.json_cells import Cell, Kind, common, kind_of_logged, plain, readable
from uproot_nb.analysis.rounds.decisive_changes import decisive_changes
from uproot_nb.analysis.rounds.people import People
from uproot_nb.analysis.rounds.recorder import RoundRecorder
from uproot_nb.analysis.rounds.round_pieces import RoundPiece, rows_of
from uproot_nb.analysis.rounds.round_tables import ROUNDS, WIDE, RoundTables, Row
from uproot_nb.analysis.wide_rows import Spool
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.state import State

__all__ = ["ExportedRounds", "StreamedTable"]

_PLAYERS_A_FILE, _MOST_FILES = 20, 32

Page = EventColumns | EventArrays

_KINDS: dict[str, Kind] = {
    "category": "text", "object": "text", "string": "text", "bool": "boolean", "int64": "integer",
}  # fmt: skip


class StreamedTable(NamedTuple):
    """A table whose rows are made anew each time that they are read.

    Attributes:
        head: the built-in columns.
        fields: column → field of players.
        rounds: column → the round of its values, in a table with several.
        rows: yields the values of built-in columns, and the JSON in those of fields.
    """

    head: Mapping[str, Kind]
    fields: Mapping[str, str]
    rounds: Mapping[str, str]
    rows: Callable[[], Iterator[Row]]

    def kinds(self, columns: Iterable[str], codec: Codec) -> dict[str, Kind]:
        """Return the kinds of some columns of fields; this reads all rows."""
        found: dict[str, set[Kind]] = {column: set() for column in columns}
        for _, texts in self.rows():
            for column, text in texts.items():
                if column in found and text is not None:
                    found[column].add(kind_of_logged(text, readable(text, codec)))
        return {column: common(kinds) for column, kinds in found.items()}

    def cells(self, columns: Iterable[str], codec: Codec) -> Iterator[list[Cell]]:
        """Yield the cells of some columns, built-in ones and others, row by row."""
        columns = list(columns)
        for head, texts in self.rows():
            yield [
                plain(head[column]) if column in self.head else _cell(texts.get(column), codec)
                for column in columns
            ]


def _cell(text: str | None, codec: Codec) -> Cell:
    return None if text is None else readable(text, codec)


class ExportedRounds:
    """Takes a session's events, and has the tables that follow from them.

        with ExportedRounds(folder, state, people, codec, moves) as rounds:
            for page in rounds.watch(log.read_columns("market", kinds=CHANGES)):
                ...
            rounds.tables()["wide/players"]

    Few players' rounds are in memory at once; those of others wait in files in *folder*.

    Args:
        people: has the session's name, and a timeline up to *state*.
        moves: returns the events of the kinds MOVES behind one `seq` and up to another.
    """

    def __init__(
        self,
        folder: Path,
        state: State,
        people: People,
        codec: Codec,
        moves: Callable[[int, int], Iterable[Event]],
    ) -> None:
        self._state, self._people, self._moves = state, people, moves
        self._recorder = RoundRecorder(codec)
        self._names = list(state.players)
        count = min(_MOST_FILES, len(self._names) // _PLAYERS_A_FILE + 1)
        self._files = ExitStack()
        self._spools = [
            self._files.enter_context(Spool[RoundPiece](folder / f"{number}.rounds"))
            for number in range(count)
        ]
        self._spool_of = {
            name: number * count // len(self._names) for number, name in enumerate(self._names)
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def watch(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Yield *pages*, which are all changes up to the state, and take in what is in them."""
        seq = 0
        for page in pages:
            before, seq = seq, int(page.seq[-1])
            changes = decisive_changes(page, self._people.timeline)
            self._take(heapq.merge(self._moves(before, seq), changes))
            yield page
        self._take(self._moves(seq, self._state.seq))
        self._put(self._recorder.rest())

    def _take(self, events: Iterable[Event]) -> None:
        self._put(self._recorder.pieces_until(events))

    def _put(self, pieces: Iterable[RoundPiece]) -> None:
        for piece in pieces:
            if piece.player in self._spool_of:
                self._spools[self._spool_of[piece.player]].put_all([piece])

    def tables(self) -> dict[str, StreamedTable]:
        """Return the tables by their names in the export."""
        made = RoundTables(self._recorder, self._state, self._people.session)
        return {
            "rounds/players": StreamedTable(
                _kinds(ROUNDS), made.round_fields, {}, lambda: made.rounds(self._sheets())),
            "wide/players": StreamedTable(
                _kinds(WIDE), made.wide_fields, made.wide_rounds,
                lambda: made.wide(self._sheets())),
        }  # fmt: skip

    def _sheets(self) -> Iterator[tuple[str, list[RoundPiece]]]:
        rows: dict[str, list[RoundPiece]] = {}
        current = -1
        for name in self._names:
            if self._spool_of[name] != current:
                current = self._spool_of[name]
                rows = rows_of(self._spools[current])
            yield name, rows.get(name, [])


def _kinds(head: Mapping[str, Any]) -> dict[str, Kind]:
    return {column: _KINDS[dtype] for column, dtype in head.items()}
