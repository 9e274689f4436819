"""Layout: the tables of a log in PostgreSQL, created on first use, and their version."""

from __future__ import annotations

from typing import Any

from psycopg import errors
from psycopg.sql import SQL, Identifier

from uproot_nb.errors import LackingPrivilege, NoSuchPlace, NotALog
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.connections import (
    TimedConnection,
    connect,
    naming_failures,
    reason_of,
)
from uproot_nb.log.postgres.schema_tables import SchemaTables

__all__ = ["VERSION", "prepare", "vacuum"]

VERSION = 1
_LOCK = 7_106_045_022
"""The advisory lock of whoever creates tables: any number that others do not use."""

_VACUUM_SECONDS = 600.0
_LAYOUT = """
CREATE TABLE {schema}.layout(version integer NOT NULL);
CREATE TABLE {schema}.sessions(
    name text COLLATE "C" PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,
    created double precision NOT NULL, checksum bigint NOT NULL,
    last_seq bigint NOT NULL DEFAULT 0, last_time double precision NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0, writer text NOT NULL DEFAULT '',
    backend integer NOT NULL DEFAULT 0, heartbeat timestamptz,
    running text NOT NULL DEFAULT '', handover boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
CREATE TABLE {schema}.secrets(
    session text COLLATE "C" PRIMARY KEY, secret bytea NOT NULL, checksum bigint NOT NULL
);
CREATE TABLE {schema}.events(
    session text COLLATE "C" NOT NULL, seq bigint NOT NULL, "time" double precision NOT NULL,
    kind text NOT NULL, subject text NOT NULL, field text NOT NULL, value text NOT NULL,
    actor text NOT NULL, page text NOT NULL, cause text NOT NULL, code text NOT NULL,
    checksum bigint NOT NULL, PRIMARY KEY (session, seq)
);
CREATE TABLE {schema}.snapshots(
    session text COLLATE "C" NOT NULL, seq bigint NOT NULL, state bytea NOT NULL,
    checksum bigint NOT NULL, PRIMARY KEY (session, seq)
);
ALTER TABLE {schema}.snapshots ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE TABLE {schema}.erasures(
    session text COLLATE "C" NOT NULL, player text NOT NULL, PRIMARY KEY (session, player)
);
CREATE TABLE {schema}.quotas(
    field text NOT NULL, counting text NOT NULL, stratum text NOT NULL, arm text NOT NULL,
    session text NOT NULL, count bigint NOT NULL,
    PRIMARY KEY (field, counting, stratum, arm, session)
);
INSERT INTO {schema}.layout VALUES ({version})
"""
# The catalogs themselves: to_regclass would answer from what this connection remembers of them,
# from before it waited for whoever has created the tables meanwhile.
_NEEDS_SCHEMA = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s)"
_NEEDS_TABLES = """
SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = %s AND relation.relname = 'layout'
)
"""


def prepare(connection: TimedConnection, tables: SchemaTables, path: str, readonly: bool) -> None:
    """Create the tables if they are missing; refuse a schema that has others, or newer ones.

    Raises:
        NoSuchPlace: there are none, and the log is only read.
        LackingPrivilege: the role may not create them, or not read them.
        NotALog: they are a newer version's, or somebody else's.
    """
    with naming_failures(path, "look into the schema"):
        if _is_missing(connection, tables):
            if readonly:
                raise NoSuchPlace("schema", f"{tables.schema} of {path}")
            _create(connection, tables, path)
        version = _version(connection, tables, path)
    if version > VERSION:
        reason = f"its tables have version {version}, and this uproot_nb knows {VERSION}"
        raise NotALog(path, reason, "Upgrade uproot_nb, or give another schema (?schema=NAME).")


def _version(connection: TimedConnection, tables: SchemaTables, path: str) -> int:
    try:
        row = connection.execute(tables.query("SELECT version FROM {layout}")).fetchone()
        return int(row[0]) if row is not None else 0
    except errors.UndefinedColumn as error:
        reason = f"its schema {tables.schema} has tables of something else"
        raise NotALog(path, reason, "Give another schema (?schema=NAME).") from error
    except errors.InsufficientPrivilege as error:
        raise LackingPrivilege(
            path, f"read the schema {tables.schema}", reason_of(error)
        ) from error


def _is_missing(connection: TimedConnection, tables: SchemaTables) -> bool:
    return bool(_one(connection, _NEEDS_TABLES, tables.schema))


def _create(connection: TimedConnection, tables: SchemaTables, path: str) -> None:
    """Create schema and tables in one transaction: all or none, however many try at once."""
    schema = Identifier(tables.schema)
    with naming_failures(path, f"create the schema {tables.schema}"), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if not _is_missing(connection, tables):
            return  # somebody else was faster
        if _one(connection, _NEEDS_SCHEMA, tables.schema):
            connection.execute(SQL("CREATE SCHEMA {}").format(schema))
        for statement in _LAYOUT.split(";"):
            text = SQL(statement)
            connection.execute(text.format(schema=schema, version=VERSION))


def _one(connection: TimedConnection, query: str, value: str) -> Any:
    row = connection.execute(query, (value,)).fetchone()
    return row[0] if row is not None else None


def vacuum(address: DatabaseAddress, tables: SchemaTables) -> None:
    """Let the server clear the room of replaced and deleted rows."""
    with connect(address) as connection, naming_failures(address.shown, "clear the tables"):
        connection.patience = _VACUUM_SECONDS
        connection.execute(tables.query("VACUUM {events}, {snapshots}"))
