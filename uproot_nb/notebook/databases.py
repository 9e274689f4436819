"""Databases: the sessions in this notebook's database, or in another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from uproot_nb.log.paths import database_path

if TYPE_CHECKING:
    from uproot_nb.study.session_list import SessionList

__all__ = ["runs"]


def runs(db: str | os.PathLike[str] | None = None) -> SessionList:
    """Return the sessions in a database: a row per session, oldest first.

        runs()
        open_log("uproot_nb.sqlite3", runs()["name"].iloc[-1]).state
        runs("uproot_nb.sqlite3").state()       # the players of all sessions in one table

    Columns: name; created and last, the times (UTC) of the session and of its last event, which is
    missing where there is none; events, their number. Its methods state(), rounds() and wide()
    return the tables of all sessions in its rows, one below the other.

    Args:
        db: the file, or a database's address; by default the one that `serve` uses.

    Raises:
        FileNotFoundError: there is no such file yet.
        NotALog: the file is not a database of uproot_nb, or is from a newer version.
    """
    from uproot_nb.study.session_list import sessions_of  # lazy: it imports pandas

    return sessions_of(database_path(db))
