"""QuotaTable: how many players of each arm count, for all sessions in one database file."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from uproot_nb.errors import LogBusy
from uproot_nb.log.log import EventLog

__all__ = ["QuotaTable", "SharedQuotas", "quota_table_of"]

_TABLE = """
CREATE TABLE IF NOT EXISTS quotas(
    field TEXT NOT NULL, counting TEXT NOT NULL, stratum TEXT NOT NULL, arm TEXT NOT NULL,
    session TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (field, counting, stratum, arm, session)
) WITHOUT ROWID"""

_DRAW_SECONDS = 0.01
"""How long a draw may hold up its thread while another program writes to the file."""
_READ_SECONDS = 2.0
"""How long reading waits, when a session is served again."""


class SharedQuotas(Protocol):
    """How many players of each arm count, for all sessions in one place."""

    def exclusively(self) -> AbstractContextManager[SharedQuotas]:
        """Let nobody else draw until the block ends."""

    def if_free(self) -> AbstractContextManager[SharedQuotas | None]:
        """Yield this if nobody else draws just now, else None."""

    def counts(self, field: str, counting: str, without: str) -> Counter[tuple[str, str]]:
        """Return how many count by stratum and arm in all sessions but one."""

    def fields_of(self, counting: str, session: str) -> list[str]:
        """Return the fields that a session has counted in that way."""

    def counts_of(self, field: str, counting: str, session: str) -> Counter[tuple[str, str]]:
        """Return how many of a session count by stratum and arm."""

    def store(
        self, field: str, counting: str, stratum: str, arm: str, session: str, count: int
    ) -> None:
        """Store how many of a session count."""


@runtime_checkable
class HasQuotas(Protocol):
    """A log whose quotas are not in a file."""

    def quotas(self) -> SharedQuotas:
        """Return the quotas that its sessions share."""


def quota_table_of(log: EventLog) -> SharedQuotas:
    """Return what the sessions in the place of a log share."""
    return log.quotas() if isinstance(log, HasQuotas) else QuotaTable(log.path)


class QuotaTable:
    """A row for each arm and session. A session writes its own rows, before its log has the draw.

    So each draw, in whatever kernel, sees at least those who count: a cap holds for the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def exclusively(self) -> Iterator[QuotaTable]:
        """Let nobody else draw from this file until the block ends.

        Raises:
            LogBusy: another program has locked the file; the caller tries again.
        """
        with self._open(_DRAW_SECONDS) as opened:
            if not opened:
                raise LogBusy(self._path)
            yield self

    @contextmanager
    def if_free(self) -> Iterator[QuotaTable | None]:
        """Yield this if nobody writes to the file just now, else None."""
        with self._open(0.0) as opened:
            yield self if opened else None

    def counts(self, field: str, counting: str, without: str) -> Counter[tuple[str, str]]:
        """Return how many count by stratum and arm in all sessions but one."""
        rows = self._connection.execute(
            "SELECT stratum, arm, sum(count) FROM quotas "
            "WHERE field = ? AND counting = ? AND session != ? GROUP BY stratum, arm",
            (field, counting, without),
        )
        return Counter({(stratum, arm): count for stratum, arm, count in rows})

    def fields_of(self, counting: str, session: str) -> list[str]:
        """Return the fields that a session has counted in that way; needs no block."""
        question = "SELECT DISTINCT field FROM quotas WHERE counting = ? AND session = ?"
        with self._open_to_read() as reader:
            return [str(field) for (field,) in _rows(reader, question, counting, session)]

    def counts_of(self, field: str, counting: str, session: str) -> Counter[tuple[str, str]]:
        """Return how many of a session count by stratum and arm; needs no block."""
        question = (
            "SELECT stratum, arm, count FROM quotas "
            "WHERE field = ? AND counting = ? AND session = ?"
        )
        with self._open_to_read() as reader:
            rows = _rows(reader, question, field, counting, session)
        return Counter({(str(stratum), str(arm)): int(count) for stratum, arm, count in rows})

    def store(
        self, field: str, counting: str, stratum: str, arm: str, session: str, count: int
    ) -> None:
        """Store how many of a session count."""
        row = field, counting, stratum, arm, session, count
        self._connection.execute("INSERT OR REPLACE INTO quotas VALUES (?, ?, ?, ?, ?, ?)", row)

    def _open_to_read(self) -> closing[sqlite3.Connection]:
        address = f"{Path(os.path.realpath(self._path)).as_uri()}?mode=ro"
        return closing(sqlite3.connect(address, uri=True, timeout=_READ_SECONDS))

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._writer is not None
        return self._writer

    @contextmanager
    def _open(self, seconds: float) -> Iterator[bool]:
        """Open the file for one transaction; yield False if another program is writing."""
        address = f"{Path(os.path.realpath(self._path)).as_uri()}?mode=rw"
        opened = sqlite3.connect(address, uri=True, timeout=seconds, isolation_level=None)
        with closing(opened) as writer:
            if not _begun(writer):
                yield False
                return
            self._writer = writer
            try:
                writer.execute(_TABLE)
                yield True
                writer.execute("COMMIT")
            except BaseException:
                writer.execute("ROLLBACK")
                raise
            finally:
                self._writer = None


def _begun(writer: sqlite3.Connection) -> bool:
    """Begin a transaction, unless another program has one."""
    try:
        writer.execute("PRAGMA synchronous = NORMAL")
        writer.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def _rows(reader: sqlite3.Connection, question: str, *values: str) -> list[tuple[Any, ...]]:
    """Return the answer to a question; nothing from a file that no session has drawn in."""
    known = reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'quotas'").fetchone()
    return reader.execute(question, values).fetchall() if known else []
