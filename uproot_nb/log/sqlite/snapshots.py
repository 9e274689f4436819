"""Snapshots in a log's file."""

from __future__ import annotations

import sqlite3

from uproot_nb.log.checksums import checksum_of_bytes
from uproot_nb.log.log import Snapshot, retained_snapshots
from uproot_nb.log.paging import Row
from uproot_nb.log.sqlite.connections import transaction
from uproot_nb.log.sqlite.readers import FileReaders

__all__ = ["find_snapshot", "store_snapshot"]

_STORE = "INSERT OR REPLACE INTO snapshots(session, seq, state, checksum) VALUES (?, ?, ?, ?)"
_NEWEST = """
SELECT session, seq, state, {} FROM snapshots
WHERE session = ?1 AND (?2 IS NULL OR seq <= ?2) ORDER BY seq DESC LIMIT 1
"""


def store_snapshot(writer: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Store *snapshot*, and delete older ones that `retained_snapshots` does not name."""
    session = snapshot.session
    with transaction(writer):
        writer.execute(_STORE, (*snapshot, checksum_of_bytes(*snapshot)))
        there = "SELECT seq FROM snapshots WHERE session = ?"
        seqs = {seq for (seq,) in writer.execute(there, (session,))}
        for seq in seqs - retained_snapshots(seqs):
            writer.execute("DELETE FROM snapshots WHERE session = ? AND seq = ?", (session, seq))


def find_snapshot(
    readers: FileReaders, checksum: str, session: str, until: int | None
) -> Row | None:
    """Return the session, seq, state and checksum of the newest snapshot with seq <= until."""
    rows = readers.fetch(_NEWEST.format(checksum), (session, until))
    return rows[0] if rows else None
