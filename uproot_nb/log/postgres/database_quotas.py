"""DatabaseQuotas: how many players of each arm count, for all sessions in one database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from uproot_nb.errors import LogAway, LogBusy
from uproot_nb.log.postgres.connections import ReadConnections, TimedConnection, naming_failures
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import from_stored, to_stored
from uproot_nb.log.postgres.writer import key_of

__all__ = ["DatabaseQuotas"]

_DRAW_SECONDS = 0.05
"""How long a draw may hold up its thread while another kernel draws."""
_ANSWER_SECONDS = 1.0
_STORE = """
INSERT INTO {quotas}(field, counting, stratum, arm, session, count)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (field, counting, stratum, arm, session) DO UPDATE SET count = excluded.count
"""
_OTHERS = """
SELECT stratum, arm, sum(count)::bigint FROM {quotas}
WHERE field = %s AND counting = %s AND session != %s GROUP BY stratum, arm
"""
_OWN = """
SELECT stratum, arm, count FROM {quotas} WHERE field = %s AND counting = %s AND session = %s
"""
_FIELDS = "SELECT DISTINCT field FROM {quotas} WHERE counting = %s AND session = %s"


class DatabaseQuotas:
    """What `QuotaTable` is for a file: a row for each arm and session."""

    def __init__(self, connections: ReadConnections, tables: SchemaTables, path: str) -> None:
        self._connections, self._tables, self._path = connections, tables, path
        self._writer: TimedConnection | None = None

    @contextmanager
    def exclusively(self) -> Iterator[DatabaseQuotas]:
        """Let nobody else draw from this database until the block ends.

        Raises:
            LogBusy: another kernel draws, or the database is away; the caller tries again.
        """
        try:
            with self._open(_DRAW_SECONDS) as is_opened:
                if not is_opened:
                    raise LogBusy(self._path)
                yield self
        except LogAway as away:
            raise LogBusy(self._path) from away

    @contextmanager
    def if_free(self) -> Iterator[DatabaseQuotas | None]:
        """Yield this if nobody draws just now, else None."""
        with ExitStack() as stack:
            try:
                is_opened = stack.enter_context(self._open(0.0))
            except LogAway:
                is_opened = False
            yield self if is_opened else None

    def counts(self, field: str, counting: str, without: str) -> Counter[tuple[str, str]]:
        """Return how many count by stratum and arm in all sessions but one."""
        return self._counted(_OTHERS, field, counting, without)

    def fields_of(self, counting: str, session: str) -> list[str]:
        """Return the fields that a session has counted in that way; needs no block."""
        return [from_stored(field) for (field,) in self._read(_FIELDS, counting, session)]

    def counts_of(self, field: str, counting: str, session: str) -> Counter[tuple[str, str]]:
        """Return how many of a session count by stratum and arm; needs no block."""
        return self._counted(_OWN, field, counting, session)

    def store(
        self, field: str, counting: str, stratum: str, arm: str, session: str, count: int
    ) -> None:
        """Store how many of a session count; within a block."""
        assert self._writer is not None
        texts = map(to_stored, (field, counting, stratum, arm, session))
        self._writer.execute(self._tables.query(_STORE), (*texts, count))

    def _counted(self, query: str, *values: str) -> Counter[tuple[str, str]]:
        rows = self._read(query, *values)
        return Counter({(from_stored(one), from_stored(arm)): count for one, arm, count in rows})

    def _read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        statement, bound = self._tables.query(query), tuple(map(to_stored, values))
        if self._writer is not None:
            return self._writer.execute(statement, bound).fetchall()
        with naming_failures(self._path, "read quotas"):
            found: list[tuple[Any, ...]] = self._connections.read(
                lambda connection: connection.execute(statement, bound).fetchall()
            )
        return found

    @contextmanager
    def _open(self, seconds: float) -> Iterator[bool]:
        """Begin one transaction; yield False if another kernel draws, or the database is away."""
        with naming_failures(self._path, "write quotas"), self._connections.lend() as connection:
            before, connection.patience = connection.patience, _ANSWER_SECONDS
            try:
                with connection.transaction():
                    is_locked = self._lock(connection, seconds)
                    self._writer = connection if is_locked else None
                    yield is_locked
            finally:
                self._writer, connection.patience = None, before

    def _lock(self, connection: TimedConnection, seconds: float) -> bool:
        end = time.monotonic() + seconds
        key = key_of(self._tables.schema, "\0quotas")
        while True:
            row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (key,)).fetchone()
            if row and row[0]:
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.005)
