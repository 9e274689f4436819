"""Databases: what the one of this notebook has, or another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from uproot_nb.analysis.recording import list_sessions
from uproot_nb.log.paths import database_path
from uproot_nb.log.sqlite import SqliteLog

if TYPE_CHECKING:
    import pandas

__all__ = ["runs"]


def runs(db: str | os.PathLike[str] | None = None) -> pandas.DataFrame:
    """Return what a database has: a row per session, oldest first.

        runs()
        open_log("uproot_nb.sqlite3", runs()["name"].iloc[-1]).state

    Columns: name; created and last, the times (UTC) of the session and of its last event, which is
    missing where there is none; events, their number.

    Args:
        db: the file; by default the one that `serve` uses.

    Raises:
        FileNotFoundError: there is no such file yet.
        NotALog: the file is no database of ours, or of a newer version.
    """
    log = SqliteLog(database_path(db), readonly=True)
    try:
        return list_sessions(log)
    finally:
        log.close()
