"""The tables of a log, made by whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tests.components.postgres import PostgresCluster, postgres, postgres_cluster
from tests.running import until_true
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.layout import _LOCK
from uproot_nb.log.postgres.postgres_log import PostgresLog

__all__ = ["postgres", "postgres_cluster"]

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.parametrize("schema_is_there", [False, True])
def test_who_waited_while_another_created_the_tables_uses_them(
    postgres_cluster: PostgresCluster, postgres: str, schema_is_there: bool
) -> None:
    """Each has looked, and found none, before one of them creates them."""
    address = DatabaseAddress.of(postgres)
    if schema_is_there:
        postgres_cluster.execute(f"CREATE SCHEMA {address.schema}")
    with psycopg.connect(address.conninfo) as holder, ThreadPoolExecutor() as pool:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        opened = [pool.submit(PostgresLog, address) for _ in range(4)]
        until_true(lambda: postgres_cluster.execute(WAITING)[0][0] == len(opened))
        holder.commit()
        for log in opened:
            with closing(log.result()):
                assert log.result().sessions() == []
