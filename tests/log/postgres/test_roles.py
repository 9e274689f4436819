"""Roles of a database: one that only reads, and one that serves without owning the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.components.postgres import PostgresCluster
from uproot_nb.errors import LackingPrivilege, NoSuchPlace, NotALog
from uproot_nb.log.events import Event
from uproot_nb.log.log import Snapshot
from uproot_nb.log.postgres.postgres_log import PostgresLog

DOCS = Path(__file__).parents[3] / "docs" / "postgresql.md"


def granted(role: str) -> list[str]:
    """Return the commands that the manual has for a role."""
    blocks = re.findall(r"```sql\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    [block] = [block for block in blocks if f"CREATE ROLE {role} " in block]
    return [command.strip() for command in block.split(";") if command.strip()]


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    """A server on which the manual's commands were run, after the tables were made."""
    with PostgresCluster() as made:
        made.execute("CREATE DATABASE experiments")
        with closing(PostgresLog(made.address(database="experiments"))) as log:
            log.claim("market")
            log.append(events(1, 3))
            log.save_snapshot(Snapshot("market", 3, b"state"))
        for role in ("server", "analyst"):
            for command in granted(role):
                made.execute(command, database="experiments")
        yield made


def events(first: int, last: int) -> list[Event]:
    return [
        Event(seq, 1.0, "market", "set", "player/abc", "bid", "1", "", "", "", "")
        for seq in range(first, last + 1)
    ]


def test_an_analyst_reads_everything_but_the_secrets(cluster: PostgresCluster) -> None:
    with closing(PostgresLog(cluster.address("analyst", "experiments"), readonly=True)) as log:
        assert [record.name for record in log.sessions()] == ["market"]
        assert len(list(log.read("market"))) >= 3
        assert log.load_snapshot("market") is not None
        assert log.damage() == []
        with pytest.raises(LackingPrivilege, match="permission denied for table secrets"):
            log._fetch("SELECT * FROM {secrets}")


def test_an_analyst_who_writes_reads_what_the_role_may_not_do(cluster: PostgresCluster) -> None:
    with closing(PostgresLog(cluster.address("analyst", "experiments"))) as log:
        for write in (
            lambda: log.claim("market"),
            lambda: log.claim("another"),
            lambda: log.append(events(4, 4)),
            lambda: log.save_snapshot(Snapshot("market", 3, b"another")),
            lambda: log.intend_erasure("market", "abc"),
        ):
            with pytest.raises(LackingPrivilege, match=r"may not .*permission denied"):
                write()
        assert log.last_seq("market") >= 3


def test_a_role_that_serves_needs_no_more_than_the_manual_grants(cluster: PostgresCluster) -> None:
    with closing(PostgresLog(cluster.address("server", "experiments"))) as log:
        log.claim("market")
        last = log.last_seq("market")
        log.append(events(last + 1, last + 2))
        log.save_snapshot(Snapshot("market", last + 2, b"state"))
        log.intend_erasure("market", "abc")
        log.erase("market", "abc", [events(1, 1)[0]._replace(value="null")])
        log.claim("new one")
        assert next(log.read("market")).value == "null"


def test_a_role_without_rights_reads_so(cluster: PostgresCluster) -> None:
    cluster.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(LackingPrivilege, match="permission denied for schema uproot_nb"):
        PostgresLog(cluster.address("stranger", "experiments"))
    with pytest.raises(LackingPrivilege, match="create the schema autumn"):
        PostgresLog(cluster.address("stranger", "experiments", schema="autumn"))


def test_tables_that_are_missing_are_not_made_by_reading(cluster: PostgresCluster) -> None:
    with pytest.raises(NoSuchPlace, match="spring"):
        PostgresLog(cluster.address(database="experiments", schema="spring"), readonly=True)


def test_newer_tables_and_somebody_elses_are_refused(cluster: PostgresCluster) -> None:
    newer = cluster.address(database="experiments", schema="newer")
    PostgresLog(newer).close()
    cluster.execute("UPDATE newer.layout SET version = 99", database="experiments")
    with pytest.raises(NotALog, match="version 99"):
        PostgresLog(newer)
    cluster.execute("CREATE SCHEMA other", database="experiments")
    cluster.execute("CREATE TABLE other.layout(name text)", database="experiments")
    with pytest.raises(NotALog, match="tables of something else"):
        PostgresLog(cluster.address(database="experiments", schema="other"))


def test_a_database_of_another_encoding_is_refused(cluster: PostgresCluster) -> None:
    cluster.execute(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    with pytest.raises(Exception, match="its encoding is LATIN1"):
        PostgresLog(cluster.address(database="latin"))
