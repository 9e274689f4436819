"""Erasures: unfinished erasures in a log's file, and their last steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from uproot_nb.errors import LogBusy, UnfinishedErasure
from uproot_nb.log.checksums import checksum_of_event
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.connections import transaction
from uproot_nb.log.sqlite.failures import primary_code

__all__ = [
    "forget_erasure", "intend_erasure", "replace_events", "stopping_at_failures", "unfinished",
    "wipe",
]  # fmt: skip

_TABLE = """
CREATE TABLE IF NOT EXISTS erasures(
    session TEXT NOT NULL, player TEXT NOT NULL, UNIQUE(session, player)
)
"""
_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'erasures'"
_REPLACE = f"""
UPDATE events SET {", ".join(f"{name} = ?" for name in Event._fields)}, checksum = ?
WHERE session = ? AND seq = ?
"""


def unfinished(connection: sqlite3.Connection, session: str | None = None) -> list[tuple[str, str]]:
    """Return the session and player of each erasure that has begun and not ended."""
    if connection.execute(_THERE).fetchone() is None:
        return []
    query = "SELECT session, player FROM erasures WHERE ?1 IS NULL OR session = ?1"
    return [(str(one), str(player)) for one, player in connection.execute(query, (session,))]


def intend_erasure(writer: sqlite3.Connection, session: str, player: str) -> None:
    """Note in the file that a player is to be erased; whoever opens it next finishes that."""
    with transaction(writer):
        writer.execute(_TABLE)
        writer.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?)", (session, player))


def forget_erasure(writer: sqlite3.Connection, session: str, player: str) -> None:
    """Note that a player's erasure is finished, or was not begun."""
    with transaction(writer):
        writer.execute("DELETE FROM erasures WHERE session = ? AND player = ?", (session, player))


def replace_events(writer: sqlite3.Connection, session: str, events: Iterable[Event]) -> None:
    """Put events in the place of those of their numbers, and delete the session's snapshots."""
    with transaction(writer):
        rows = ((*event, checksum_of_event(event), session, event.seq) for event in events)
        writer.executemany(_REPLACE, rows)
        writer.execute("DELETE FROM snapshots WHERE session = ?", (session,))


@contextmanager
def stopping_at_failures(path: str, is_hidden: bool) -> Iterator[None]:
    """Raise UnfinishedErasure where the file cannot be written, as on a full disk."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            raise LogBusy(path) from error
        raise UnfinishedErasure(path, str(error), is_hidden) from error


def wipe(writer: sqlite3.Connection, path: str) -> None:
    """Leave nothing in the file and its journal of what was deleted or replaced before.

    Raises:
        UnfinishedErasure: somebody reads the file just now, or the disk is full.
    """
    try:
        writer.execute("VACUUM")
        busy = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise UnfinishedErasure(path, str(error)) from error
    if busy:
        raise UnfinishedErasure(path, "another program reads it")
