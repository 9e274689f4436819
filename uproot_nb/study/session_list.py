"""SessionList: the sessions of a database, and the tables of all of them together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, ClassVar

import pandas

from uproot_nb.analysis.past_states import Past, read_codec
from uproot_nb.analysis.recording import list_sessions
from uproot_nb.analysis.rounds.recorder import RECORDED
from uproot_nb.analysis.rounds.round_tables import Recorded, rounds_table, wide_table
from uproot_nb.analysis.state_tables import player_field_table
from uproot_nb.analysis.typed_columns import numeric
from uproot_nb.errors import UprootError
from uproot_nb.log.log import EventLog
from uproot_nb.log.places import open_place, shown_place
from uproot_nb.log.postgres.address import Place

__all__ = ["SessionList", "sessions_of"]


class SessionList(pandas.DataFrame):
    """A row per session of a database; its methods make one table of all sessions in its rows.

        runs("lab.sqlite3").state()
        sessions = runs("lab.sqlite3")
        sessions[sessions["name"].str.startswith("pgg-")].rounds()

    Names of players are unique within a session: go by the columns `session` and `player`.
    """

    _metadata: ClassVar[list[str]] = ["_database"]
    _database: Place = ""

    @property
    def _constructor(self) -> Any:
        return SessionList

    def state(self) -> pandas.DataFrame:
        """Return a row per player of these sessions: the columns of `run.state`, session first.

        Raises:
            UprootError: the rows are no longer those of a database, or its sessions are gone.
        """
        codec = read_codec()
        with self._open() as log:
            states = ((name, Past(log, name, codec).state()) for name in self._names(log))
            frame = numeric(player_field_table(states, codec).frame)
        return frame[["session", *(name for name in frame.columns if name != "session")]]

    def rounds(self) -> pandas.DataFrame:
        """Return a row per player and round of these sessions, as `run.rounds` does.

        Raises:
            UprootError: the rows are no longer those of a database, or its sessions are gone.
        """
        with self._open() as log:
            return rounds_table(self._recorded(log), read_codec())

    def wide(self) -> pandas.DataFrame:
        """Return a row per player of these sessions, with a column per round, as `run.wide` does.

        Raises:
            UprootError: the rows are no longer those of a database, or its sessions are gone.
        """
        with self._open() as log:
            return wide_table(self._recorded(log), read_codec())

    def _open(self) -> closing[EventLog]:
        if not self._database or "name" not in self.columns:
            raise UprootError(
                "These rows do not say which sessions of which database they are.\n"
                "Take them from runs(path), and keep the column 'name'."
            )
        return closing(open_place(self._database, readonly=True))

    def _names(self, log: EventLog) -> list[str]:
        names = list(dict.fromkeys(map(str, self["name"])))
        gone = set(names) - {record.name for record in log.sessions()}
        if gone:
            raise UprootError(
                f"There is no session {min(gone)!r} in {shown_place(self._database)}.\n"
                "Call runs(path) again to see those that are there."
            )
        return names

    def _recorded(self, log: EventLog) -> Iterator[Recorded]:
        codec = read_codec()
        for name in self._names(log):
            state = Past(log, name, codec).state()
            yield Recorded(name, log.read(name, until=state.seq, kinds=RECORDED), state)


def sessions_of(place: Place) -> SessionList:
    """Return the sessions of a database, oldest first.

    Raises:
        FileNotFoundError: there is no such file.
        NotALog: the file is no database of ours, or of a newer version.
    """
    with closing(open_place(place, readonly=True)) as log:
        found = SessionList(list_sessions(log))
        found._database = log.place
    return found
