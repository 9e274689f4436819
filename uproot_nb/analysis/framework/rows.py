"""Rows of a database or dump of the framework uproot, in the order in which it wrote them."""

from __future__ import annotations

import gzip
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from uproot_nb.analysis.framework.packed_objects import Incomplete, read_objects
from uproot_nb.errors import CorruptLog, NotALog
from uproot_nb.log.sqlite.connections import connect
from uproot_nb.log.sqlite.failures import naming_place, primary_code
from uproot_nb.log.sqlite.tables import APPLICATION

__all__ = ["Row", "read_rows"]

_COLUMNS = ("seq", "namespace", "field", "value", "created_at", "context")
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'uproot*_values'"
_GZIP = b"\x1f\x8b"
_DUMP = b"\x86\xa3seq"
"""How a dump begins: a map of six, whose first key is "seq"."""
_READS = "uproot_nb reads those of uproot 0.10; bring it up to date there."


class Row(NamedTuple):
    """A value that the framework stored; `value` is None where a field was deleted."""

    seq: int
    namespace: str
    field: str
    value: bytes | None
    time: float
    context: str


def read_rows(path: str) -> list[Row] | None:
    """Return the rows of a database or dump, None if the file is neither.

    Raises:
        NotALog: another version of the framework has written it.
        CorruptLog: it is damaged.
    """
    if not os.path.isfile(path):
        return None
    with naming_place(path):
        try:
            tables = _tables(os.path.realpath(path))
        except sqlite3.DatabaseError as error:
            if primary_code(error) == sqlite3.SQLITE_NOTADB:
                return _rows_of_dump(path)
            raise
        return _rows_of_table(path, tables) if tables else None


def _connection(file: str) -> sqlite3.Connection:
    """Return a connection that leaves nothing beside the file, unless its server is running."""
    is_written = os.path.exists(f"{file}-wal")
    return connect(file, "mode=ro" if is_written else "mode=ro&immutable=1")


def _tables(file: str) -> list[str]:
    with closing(connect(file, "mode=ro&immutable=1")) as reader:
        # See _check_header of uproot_nb.log.sqlite.opening.
        reader.execute("PRAGMA writable_schema = ON")
        if reader.execute("PRAGMA application_id").fetchone()[0] == APPLICATION:
            return []
    with closing(_connection(file)) as reader:
        return [name for (name,) in reader.execute(_TABLES)]


def _rows_of_table(path: str, tables: list[str]) -> list[Row]:
    if len(tables) > 1:
        reason = f"it has the values of several servers ({', '.join(tables)})"
        raise NotALog(path, reason, "Write a dump of one of them ('uproot dump'), and open that.")
    with closing(_connection(os.path.realpath(path))) as reader:
        found = {row[1] for row in reader.execute(f'PRAGMA table_info("{tables[0]}")')}
        if not found.issuperset(_COLUMNS):
            reason = f"another version of uproot wrote it (no column '{_missing(found)}')"
            raise NotALog(path, reason, _READS)
        query = f'SELECT {", ".join(_COLUMNS)} FROM "{tables[0]}" ORDER BY seq'
        return [Row(*values) for values in reader.execute(query)]


def _missing(found: set[str]) -> str:
    return next(name for name in _COLUMNS if name not in found)


def _rows_of_dump(path: str) -> list[Row] | None:
    data = Path(path).read_bytes()
    try:
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        return _latest(_packed_rows(path, data)) if data.startswith(_DUMP) else None
    except (Incomplete, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptLog(path, f"the dump is cut off or changed ({error})") from error


def _packed_rows(path: str, data: bytes) -> Iterator[Row]:
    for packed in read_objects(data):
        if not isinstance(packed, dict) or set(packed) != set(_COLUMNS):
            raise NotALog(path, "another version of uproot wrote this dump", _READS)
        yield Row(*(packed[name] for name in _COLUMNS))


def _latest(rows: Iterator[Row]) -> list[Row]:
    """Sort a dump's rows. One that was replaced while the dump was made may stand in it twice."""
    return sorted({row.seq: row for row in rows}.values(), key=lambda row: row.seq)
