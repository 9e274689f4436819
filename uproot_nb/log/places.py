"""Places of logs: a file, a PostgreSQL database, or memory."""

from __future__ import annotations

import os

from uproot_nb.errors import UprootError
from uproot_nb.log.log import EventLog, MemoryLog
from uproot_nb.log.postgres.address import DatabaseAddress, Place, is_database
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

__all__ = ["is_file", "open_place", "shown_place"]


def open_place(place: Place, readonly: bool = False, durable: bool = False) -> EventLog:
    """Open the log at a place: "postgresql://…", a file, or ":memory:".

        open_place("postgresql://analyst@db.example.org/experiments", readonly=True)

    Raises:
        UprootError: the extra `postgres` is not installed; or as the logs' own errors say.
    """
    if place == ":memory:":
        return MemoryLog()
    if not isinstance(place, DatabaseAddress) and not is_database(place):
        return SqliteLog(place, readonly=readonly, durable=durable)
    try:
        from uproot_nb.log.postgres.postgres_log import PostgresLog  # lazy: it is an extra
    except ImportError as error:
        raise UprootError(
            f"A log in PostgreSQL needs psycopg, which cannot be loaded: {error}.\n"
            "Run: pip install 'uproot_nb[postgres]'"
        ) from error
    return PostgresLog(DatabaseAddress.of(place), readonly=readonly, durable=durable)


def is_file(place: Place) -> bool:
    """Return whether a log at this place is a file."""
    return place != ":memory:" and not is_database(place)


def shown_place(place: Place) -> str:
    """Return a place as it is shown: without a database's password."""
    if isinstance(place, DatabaseAddress) or is_database(place):
        return DatabaseAddress.of(place).shown
    return os.fspath(place)
