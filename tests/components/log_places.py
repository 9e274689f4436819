"""LogPlace: where a test's log is, in a file or in PostgreSQL; what both can be asked."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.components.postgres import PostgresCluster
from uproot_nb.log.log import EventLog
from uproot_nb.log.places import open_place
from uproot_nb.log.postgres.address import DatabaseAddress

__all__ = ["LogPlace", "place"]

TABLES = ["events", "sessions", "secrets", "snapshots", "erasures", "quotas"]


@dataclass(frozen=True)
class LogPlace:
    """A file's path or a database's address, whose tables a test may read and change itself.

    place.execute("UPDATE events SET value = '1' WHERE seq = 5")
    """

    address: str
    cluster: PostgresCluster | None = None

    def __str__(self) -> str:
        return self.address

    @property
    def is_file(self) -> bool:
        return self.cluster is None

    def open(self, readonly: bool = False) -> EventLog:
        """Open the log."""
        return open_place(self.address, readonly=readonly)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on the tables, past the log; return its rows."""
        if self.is_file:
            with closing(sqlite3.connect(self.address, isolation_level=None)) as connection:
                return connection.execute(statement).fetchall()
        address = DatabaseAddress.of(self.address)
        with psycopg.connect(address.conninfo, autocommit=True) as connection:
            connection.execute(f"SET search_path TO {address.schema}".encode())
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def content(self) -> dict[str, bytes]:
        """Return all bytes of the log's files, by file; or of the database's rows, by table."""
        if self.is_file:
            files = Path(self.address).parent.rglob("*")
            return {path.name: path.read_bytes() for path in files if path.is_file()}
        return {table: self._rows(table) for table in TABLES}

    def _rows(self, table: str) -> bytes:
        # Blobs are read as they are: a row's text would have their bytes as digits.
        rows = self.execute(f"SELECT * FROM {table}")
        values = [value for row in rows for value in row]
        return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.processes)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LogPlace:
    """A place without a log; the test runs for a file and for a database."""
    if request.param == "file":
        return LogPlace(os.fspath(tmp_path / "log.sqlite3"))
    cluster = request.getfixturevalue("postgres_cluster")
    return LogPlace(request.getfixturevalue("postgres"), cluster)
