"""Origins: the file that a session belongs to, by which copies are recognized."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from uproot_nb.errors import CopiedLog
from uproot_nb.log.sqlite.failures import naming_place

__all__ = ["Origin", "check_origin", "note_origin", "renew_secret"]

_SECONDS = 3.0
_TABLE = """
CREATE TABLE IF NOT EXISTS origins(
    session TEXT NOT NULL UNIQUE, path TEXT NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL
)
"""


class Origin(NamedTuple):
    """A log's file: where it is, and which file of the disk that is."""

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, file: str | os.PathLike[str]) -> Origin:
        """Return the origin of what is written to *file* now."""
        path = os.path.realpath(file)
        found = os.stat(path)
        return cls(path, found.st_dev, found.st_ino)

    def is_copied_by(self, other: Origin) -> bool:
        """Return whether *other* is a copy of this file, and this file still exists.

        A file that was renamed, moved (its old place is empty then), or put back from a backup is
        the session's own.
        """
        if other.path == self.path or (other.device, other.inode) == (self.device, self.inode):
            return False
        return os.path.exists(self.path)


def check_origin(file: str, session: str) -> None:
    """Check that *session* belongs to this *file*.

    Raises:
        CopiedLog: the file is a copy of the one that the session belongs to.
    """
    with _open(file) as writer:
        if not writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'origins'").fetchone():
            return
        query = "SELECT path, device, inode FROM origins WHERE session = ?"
        found = writer.execute(query, (session,)).fetchone()
    if found is not None and Origin(*found).is_copied_by(Origin.of(file)):
        raise CopiedLog(session, file, found[0])


def note_origin(file: str, session: str) -> None:
    """Record that *session* belongs to this *file*."""
    now = Origin.of(file)
    with _open(file) as writer:
        writer.execute(_TABLE)
        known = writer.execute("SELECT * FROM origins WHERE session = ?", (session,)).fetchone()
        if known != (session, *now):
            writer.execute("INSERT OR REPLACE INTO origins VALUES (?, ?, ?, ?)", (session, *now))


def renew_secret(file: str, session: str) -> None:
    """Delete the secret from which links are made; the next claim draws another."""
    with _open(file) as writer:
        writer.execute("DELETE FROM secrets WHERE session = ?", (session,))


@contextmanager
def _open(file: str) -> Iterator[sqlite3.Connection]:
    with naming_place(file):
        address = f"{Path(os.path.realpath(file)).as_uri()}?mode=rw"
        writer = sqlite3.connect(address, uri=True, timeout=_SECONDS, isolation_level=None)
        with closing(writer):
            yield writer
