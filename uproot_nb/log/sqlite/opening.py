"""Opening a log's file: create it if it is missing; refuse it, unchanged, if it is not a log."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from uproot_nb.errors import CorruptLog, LockedPlace, NoSuchPlace, NotALog, UnfitPlace
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.failures import primary_code
from uproot_nb.log.sqlite.leftovers import refuse_orphans, refuse_rescued

__all__ = [
    "APPLICATION",
    "COLUMNS",
    "TABLES",
    "VERSION",
    "check_version",
    "connect",
    "connect_writer",
    "prepare",
    "transaction",
    "upgrade",
    "wait_for_others",
]

APPLICATION = int.from_bytes(b"upnb")
"""SQLite's application_id of our files."""
VERSION = 2
"""SQLite's user_version: the layout below. Version 1 had no checksums and no claims."""

COLUMNS = Event._fields
_LAYOUT = """
CREATE TABLE events(
    seq INTEGER NOT NULL, time REAL NOT NULL, session TEXT NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, actor TEXT NOT NULL,
    page TEXT NOT NULL, cause TEXT NOT NULL, code TEXT NOT NULL, checksum INTEGER,
    PRIMARY KEY(session, seq)
) WITHOUT ROWID;
CREATE TABLE sessions(name TEXT NOT NULL UNIQUE, created REAL NOT NULL, checksum INTEGER);
CREATE TABLE secrets(session TEXT NOT NULL UNIQUE, secret BLOB NOT NULL, checksum INTEGER);
CREATE TABLE snapshots(
    session TEXT NOT NULL, seq INTEGER NOT NULL, state BLOB NOT NULL, checksum INTEGER,
    UNIQUE(session, seq)
);
CREATE TABLE claims(session TEXT NOT NULL UNIQUE, token TEXT NOT NULL, seq INTEGER NOT NULL);
"""
_UPGRADE = """
ALTER TABLE events ADD COLUMN checksum INTEGER;
ALTER TABLE sessions ADD COLUMN checksum INTEGER;
ALTER TABLE secrets ADD COLUMN checksum INTEGER;
ALTER TABLE snapshots ADD COLUMN checksum INTEGER;
CREATE TABLE claims(session TEXT NOT NULL UNIQUE, token TEXT NOT NULL, seq INTEGER NOT NULL);
PRAGMA user_version = 2;
"""
TABLES = {
    1: {"events", "sessions", "secrets", "snapshots"},
    2: {"events", "sessions", "secrets", "snapshots", "claims"},
}
"""The tables by version."""

_OPENING_SECONDS = 3.0
_WAL_BYTES = 64_000_000
_ANOTHER_FILE = "Give another path; a log is made where there is no file yet."


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
        _use_wal(writer, file)
        writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        writer.execute(f"PRAGMA fullfsync = {int(durable)}")  # macOS: fsync alone is not enough
        writer.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    except BaseException:
        writer.close()
        raise
    return writer


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


def prepare(file: str, path: str, readonly: bool) -> None:
    """Create the file if it is missing; refuse it untouched if it is no log.

    Raises:
        NotALog: it is something else, of a newer version, or what belongs to it is elsewhere.
        NoSuchPlace, LockedPlace, UnfitPlace: it cannot be there, or not be used there.
        CorruptLog: it is damaged.
    """
    if not readonly:
        refuse_rescued(file, path)
    if not os.path.lexists(file):
        if readonly:
            raise NoSuchPlace("database", path)
        refuse_orphans(file, path)
        _make(file)
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise NotALog(path, "it is not a regular file", _ANOTHER_FILE)
    if not os.access(file, os.R_OK if readonly else os.R_OK | os.W_OK):
        raise LockedPlace("database", path, "read" if readonly else "written to")
    if not readonly and os.stat(file).st_size == 0:
        refuse_orphans(file, path)
        _fill(file)
    _check_header(file, path)


def check_version(version: int, path: str) -> None:
    """Refuse a log that a newer uproot_nb has made."""
    if version > VERSION:
        reason = f"it has version {version}, and this uproot_nb knows {VERSION}"
        raise NotALog(path, reason, "Upgrade uproot_nb, or give another path.")


def upgrade(writer: sqlite3.Connection) -> None:
    """Bring an older log to the newest layout; its events stay as they are, without checksums."""
    if writer.execute("PRAGMA user_version").fetchone()[0] == 1:
        with transaction(writer):
            if writer.execute("PRAGMA user_version").fetchone()[0] == 1:  # else somebody just did
                for statement in filter(str.strip, _UPGRADE.split(";")):
                    writer.execute(statement)


def _use_wal(writer: sqlite3.Connection, path: str) -> None:
    mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise UnfitPlace(path, f"SQLite gives it the journal mode '{mode}' instead of 'wal'")


def _make(file: str) -> None:
    """Create a complete log at once, so that a killed process leaves no half of one."""
    folder, name = os.path.split(file)
    if not os.path.isdir(folder):
        raise NoSuchPlace("folder", folder)
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f"{name}-", suffix=".new", dir=folder)
    except PermissionError as error:
        raise LockedPlace("folder", folder, "written to") from error
    os.close(descriptor)
    try:
        _fill(draft)
        _move_if_free(draft, file)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def _move_if_free(draft: str, file: str) -> None:
    if sys.platform == "win32":
        with suppress(FileExistsError):
            os.rename(draft, file)
        return
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was first; its log is as good
    except OSError:  # a file system without hard links
        if not os.path.lexists(file):
            os.rename(draft, file)


def _fill(file: str) -> None:
    """Lay out the tables in an empty file."""
    with closing(connect(file, "mode=rw")) as writer:
        with transaction(writer):
            if writer.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
                for statement in filter(str.strip, _LAYOUT.split(";")):
                    writer.execute(statement)
                writer.execute(f"PRAGMA application_id = {APPLICATION}")
                writer.execute(f"PRAGMA user_version = {VERSION}")
        _use_wal(writer, file)


def _check_header(file: str, path: str) -> None:
    """Refuse a file whose header is not ours.

    SQLite reads it, as "immutable": that neither locks nor writes. Opening the file ourselves
    would, on closing it, drop the locks that SQLite holds on it elsewhere in this process.
    """
    with closing(connect(file, "mode=ro&immutable=1")) as reader:
        try:
            # A process killed in a checkpoint leaves a file shorter than its header says. The
            # journal repairs that, but it is not read here; this lets the header be read.
            reader.execute("PRAGMA writable_schema = ON")
            application = reader.execute("PRAGMA application_id").fetchone()[0]
            version = reader.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if primary_code(error) == sqlite3.SQLITE_NOTADB:
                reason = "it is not an SQLite database"
                raise NotALog(path, reason, _ANOTHER_FILE) from error
            if primary_code(error) == sqlite3.SQLITE_CORRUPT:
                raise CorruptLog(path, str(error)) from error
            raise
    if application != APPLICATION:
        raise NotALog(path, "it is not a database of uproot_nb", _ANOTHER_FILE)
    check_version(version, path)
