"""Round tables: a row per player and round, and a row per player with a column per round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from uproot_nb.analysis.field_tables import field_table
from uproot_nb.analysis.rounds.recorder import RoundRecorder
from uproot_nb.analysis.rounds.round_pieces import RoundPiece, rows_of, wide_names
from uproot_nb.analysis.typed_columns import beside, numeric
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.player_status import ended_as
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

__all__ = ["ROUNDS", "WIDE", "Recorded", "RoundTables", "rounds_table", "wide_table"]

_PERSON = {
    "session": "category", "player": "object", "id": "int64", "label": "string", "bot": "bool",
    "group": "category",
}  # fmt: skip
ROUNDS = {**_PERSON, "block": "category", "round": "int64", "nested": "string"}
WIDE = {**_PERSON, "ended_as": "category"}

Sheets = Iterable[tuple[str, Sequence[RoundPiece]]]
"""Every player, in order, with the rows of their rounds."""
Row = tuple[dict[str, Any], dict[str, str | None]]
"""The values of built-in columns, and the JSON in those of fields; None for a deleted field."""
_Decoded = tuple[Mapping[str, Any], Mapping[str, Any]]


class RoundTables:
    """The rows of both tables, with values as JSON.

        recorder = RoundRecorder(codec)
        rows = rows_of(recorder.pieces(events))
        tables = RoundTables(recorder, state, "market")
        tables.rounds((name, rows.get(name, ())) for name in state.players)

    Args:
        recorder: has recorded the whole session up to *state*.

    Attributes:
        round_fields, wide_fields: the field in each column that is not built in.
        wide_rounds: the round in each column that has values of one.
    """

    def __init__(self, recorder: RoundRecorder, state: State, session: str) -> None:
        self._state, self._session = state, session
        self._latest = list(recorder.outside)
        fixed = [name for name in recorder.outside if name not in recorder.inside]
        self._of_rounds = beside(ROUNDS, [*fixed, *recorder.inside])
        self._fixed = {self._of_rounds[name]: name for name in fixed}
        self._plain = beside(WIDE, self._latest)
        self._wide = wide_names(recorder.inside, [*WIDE, *self._plain.values()])
        self.round_fields = {column: name for name, column in self._of_rounds.items()}
        self.wide_fields = {column: name for name, column in self._plain.items()} | {
            column: name for (name, _), column in self._wide.items()
        }
        self.wide_rounds = {column: str(key) for (_, key), column in self._wide.items()}

    def rounds(self, sheets: Sheets) -> Iterator[Row]:
        """Yield a row per player and round: a value is the last that was set in that round.

        Fields that were never changed in a round are in every row, with their latest values.
        """
        for name, rows in sheets:
            person, fixed = self._person(name), self._texts(name, self._fixed)
            for row in rows:
                key = row.key
                head = person | {
                    "group": row.group or None, "block": key.name or None, "round": key.number,
                    "nested": key.address or None,
                }  # fmt: skip
                texts = {self._of_rounds[field]: text for field, text in row.texts.items()}
                yield head, fixed | texts

    def wide(self, sheets: Sheets) -> Iterator[Row]:
        """Yield a row per player: each field's value in each round.

        Fields that were changed outside of rounds have a column of their own: the latest value.
        """
        plain = {column: name for name, column in self._plain.items()}
        for name, rows in sheets:
            texts = self._texts(name, plain)
            for row in rows:
                texts |= {self._wide[field, row.key]: text for field, text in row.texts.items()}
            player = self._state.players[name]
            yield self._person(name) | {"group": player.group, "ended_as": ended_as(player)}, texts

    def _person(self, name: str) -> dict[str, Any]:
        player = self._state.players[name]
        return {
            "session": self._session, "player": name, "id": player.id, "label": player.label,
            "bot": player.bot,
        }  # fmt: skip

    def _texts(self, player: str, columns: Mapping[str, str]) -> dict[str, str | None]:
        """Return the latest values of a player's fields, by column."""
        subject = f"player/{player}"
        there = set(self._state.names(subject))
        return {
            column: self._state.text(subject, name)
            for column, name in columns.items()
            if name in there
        }


class Recorded(NamedTuple):
    """What the tables of a session follow from: events of the kinds RECORDED, and its state."""

    session: str
    events: Iterable[Event]
    state: State


def rounds_table(sessions: Iterable[Recorded], codec: Codec) -> pandas.DataFrame:
    """Return the rows of `RoundTables.rounds` of some sessions, with typed columns."""
    rows: list[_Decoded] = []
    columns: dict[str, None] = {}
    for session in sessions:
        tables, sheets = _read(session, codec)
        rows += _decoded(tables.rounds(sheets), codec)
        columns |= dict.fromkeys(tables.round_fields)
    return _frame(rows, ROUNDS, columns)


def wide_table(sessions: Iterable[Recorded], codec: Codec) -> pandas.DataFrame:
    """Return the rows of `RoundTables.wide` of some sessions, with typed columns."""
    rows: list[_Decoded] = []
    columns: dict[str, None] = {}
    for session in sessions:
        tables, sheets = _read(session, codec)
        rows += _decoded(tables.wide(sheets), codec)
        columns |= dict.fromkeys(tables.wide_fields)
    return _frame(rows, WIDE, columns)


def _read(session: Recorded, codec: Codec) -> tuple[RoundTables, Sheets]:
    recorder = RoundRecorder(codec)
    rows = rows_of(recorder.pieces(session.events))
    sheets = ((name, rows.get(name, ())) for name in session.state.players)
    return RoundTables(recorder, session.state, session.session), sheets


def _decoded(rows: Iterable[Row], codec: Codec) -> Iterator[_Decoded]:
    for ours, texts in rows:
        yield ours, {c: codec.decode(text) for c, text in texts.items() if text is not None}


def _frame(
    rows: Sequence[_Decoded], head: Mapping[str, str], columns: Iterable[str]
) -> pandas.DataFrame:
    frame = numeric(field_table(rows, head).frame)
    return frame[[*head, *(column for column in columns if column in frame)]]
