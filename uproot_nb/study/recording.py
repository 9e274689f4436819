"""Recording: a session in a database, for reading only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from uproot_nb.analysis.framework.rows import Row, read_rows
from uproot_nb.analysis.framework.session_log import framework_log, sessions_in
from uproot_nb.errors import UprootError
from uproot_nb.log.erasing.offline import erase_from_file
from uproot_nb.log.log import EventLog, MemoryLog
from uproot_nb.log.places import is_file, open_place
from uproot_nb.study.study_tables import StudyTables

__all__ = ["Recording", "open_log"]


class Recording(StudyTables):
    """A session in a database, for reading only: `open_log("uproot_nb.sqlite3", "market")`.

    It has every table of a Run. The session may be running in another process.
    """

    def __init__(self, log: EventLog, session: str) -> None:
        super().__init__(log, session)
        self.name = session
        self.path = log.path

    def erase(self, player: str) -> str:
        """Erase a person's data for good, and return the place's name.

            open_log("uproot_nb.sqlite3", "market").erase("PC-04")

        It erases the same data as `run.erase`.

        Args:
            player: the player's name, or the label.

        Raises:
            SessionTaken: another kernel serves the session; erase there.
            UnknownPlayer: nobody has that name or label.
            UnfinishedErasure: another program is reading the file; erase again.
        """
        if isinstance(self._log, MemoryLog):
            raise UprootError(
                f"{self.path} is not a database of uproot_nb, so nobody can be erased from it.\n"
                "Erase in the file that the session was recorded in."
            )
        name = erase_from_file(self._log.place, self.name, player)
        self._forget_tables()
        return name

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Recording of session '{self.name}' in {self.path}>"


def open_log(path: str | Path, name: str | None = None) -> Recording:
    """Read a session of a database without serving it.

        market = open_log("uproot_nb.sqlite3", "market")
        market.state
        open_log("postgresql://analyst@db.example.org/experiments", "market").state

    A database of the framework uproot (`uproot.sqlite3`), or what its `uproot dump` wrote, is read
    too, and has the same tables; it is not changed.

    Args:
        name: which session; not needed if there is only one.

    Raises:
        UprootError: there is no such session, or there are several and none is named.
        NotALog: the file is not a database of uproot_nb or uproot, or is from another version.
        CorruptLog: it is damaged.
        FileNotFoundError: there is no such file.
    """
    if isinstance(path, os.PathLike) or is_file(path):
        rows = read_rows(str(path))
        if rows is not None:
            return _open_framework_log(str(path), rows, name)
    log = open_place(path, readonly=True)
    try:
        names = [record.name for record in log.sessions()]
        return Recording(log, _choose(names, name, log.path))
    except BaseException:
        log.close()
        raise


def _open_framework_log(path: str, rows: list[Row], name: str | None) -> Recording:
    session = _choose(sessions_in(rows), name, path)
    return Recording(framework_log(path, rows, session), session)


def _choose(names: list[str], name: str | None, path: str) -> str:
    if name in names:
        return str(name)
    if name is None and len(names) == 1:
        return names[0]
    there = ", ".join(f"'{n}'" for n in names) or "none"
    what = f"There is no session '{name}'" if name is not None else "Say which session"
    raise UprootError(f"{what} in {path}.\nIts sessions: {there}.")
