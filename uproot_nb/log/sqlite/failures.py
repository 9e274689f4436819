"""Failures: errors of SQLite and the file system as errors of uproot_nb."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from uproot_nb.errors import CorruptLog, LockedPlace, LogBusy, UnfitPlace

__all__ = ["naming_damage", "naming_place", "primary_code"]

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_NOMEM,
})  # fmt: skip
"""With our own tables and queries, only a damaged file raises these."""
_UNFIT = frozenset({
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
})  # fmt: skip


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's code of an error, without its details."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def naming_damage(path: str) -> Iterator[None]:
    """Raise CorruptLog where SQLite finds the file malformed, LogBusy where it is locked."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if primary_code(error) in _BUSY:
            raise LogBusy(path) from error
        if _is_damage(error):
            raise CorruptLog(path, str(error)) from error
        raise
    except (OverflowError, MemoryError, UnicodeDecodeError) as error:  # a damaged length or text
        raise CorruptLog(path, str(error) or "a length in it is impossible") from error


@contextmanager
def naming_place(path: str) -> Iterator[None]:
    """The same while a log is opened; also name what is wrong with its folder."""
    try:
        with naming_damage(path):
            yield
    except sqlite3.OperationalError as error:
        code = primary_code(error)
        if code == sqlite3.SQLITE_FULL:
            raise UnfitPlace(path, "the disk is full") from error
        if code in _UNFIT:
            raise UnfitPlace(path, f"SQLite says '{error}'") from error
        raise
    except PermissionError as error:
        if isinstance(error, LockedPlace):
            raise
        raise LockedPlace("path", str(error.filename or path), "written to") from error
    except OSError as error:
        if isinstance(error, (UnfitPlace, FileNotFoundError)):
            raise
        raise UnfitPlace(path, error.strerror or str(error)) from error


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    if "Could not decode to UTF-8" in str(error):
        return True
    return primary_code(error) in _DAMAGED and not isinstance(error, sqlite3.ProgrammingError)
