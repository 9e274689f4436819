"""Opening a log's file: create it if it is missing; refuse it, unchanged, if it is not a log."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import tempfile
from contextlib import closing, suppress

from uproot_nb.errors import CorruptLog, LockedPlace, NoSuchPlace, NotALog
from uproot_nb.log.sqlite.connections import connect, transaction, use_wal
from uproot_nb.log.sqlite.failures import primary_code
from uproot_nb.log.sqlite.leftovers import refuse_orphans, refuse_rescued
from uproot_nb.log.sqlite.tables import APPLICATION, LAYOUT, UPGRADE, VERSION

__all__ = ["check_version", "prepare", "upgrade"]

_ANOTHER_FILE = "Give another path; a log is made where there is no file yet."


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
                for statement in filter(str.strip, UPGRADE.split(";")):
                    writer.execute(statement)


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
                for statement in filter(str.strip, LAYOUT.split(";")):
                    writer.execute(statement)
                writer.execute(f"PRAGMA application_id = {APPLICATION}")
                writer.execute(f"PRAGMA user_version = {VERSION}")
        use_wal(writer, file)


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
