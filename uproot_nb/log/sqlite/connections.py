"""Connections to a log's file, and transactions through them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uproot_nb.errors import UnfitPlace

__all__ = ["connect", "connect_writer", "transaction", "use_wal", "wait_for_others"]

_OPENING_SECONDS = 3.0
_WAL_BYTES = 64_000_000


def connect(file: str, options: str, seconds: float = _OPENING_SECONDS) -> sqlite3.Connection:
    """Return a connection that waits that long for other programs."""
    connection: sqlite3.Connection = sqlite3.connect(
        f"{Path(file).as_uri()}?{options}",
        uri=True,
        timeout=seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=300,
    )
    return connection


def connect_writer(file: str, durable: bool) -> sqlite3.Connection:
    """Return a connection that writes."""
    writer = connect(file, "mode=rw")
    try:
        use_wal(writer, file)
        writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        writer.execute(f"PRAGMA fullfsync = {int(durable)}")  # macOS: fsync alone is not enough
        writer.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    except BaseException:
        writer.close()
        raise
    return writer


def use_wal(writer: sqlite3.Connection, path: str) -> None:
    """Let commits go to a journal beside the file, so that others may read meanwhile."""
    mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise UnfitPlace(path, f"SQLite gives it the journal mode '{mode}' instead of 'wal'")


def wait_for_others(writer: sqlite3.Connection, seconds: float) -> None:
    """Set how long *writer* waits where another program has locked the file."""
    writer.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")


@contextmanager
def transaction(writer: sqlite3.Connection) -> Iterator[None]:
    """Commit the changes in the block, all or none."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
        writer.execute("COMMIT")
    except BaseException:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise
