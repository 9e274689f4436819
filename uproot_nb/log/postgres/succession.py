"""Succession: wait until a session in PostgreSQL has no living writer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg

from uproot_nb.errors import LogAway, SessionClosed, SessionTaken
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.connections import TimedConnection, connect, naming_failures
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import from_stored, to_stored
from uproot_nb.log.postgres.writer import (
    GRACE_SECONDS,
    HOLDERS,
    LEASE_SECONDS,
    RELEASED,
    key_of,
)

__all__ = ["SessionWriter", "Succession", "find_writer"]

LOOK_SECONDS = 0.25

_STATE = f"""
SELECT writer != '', coalesce(clock_timestamp() - heartbeat > make_interval(secs => %s), true),
    EXISTS ({HOLDERS}), handover
FROM {{sessions}} WHERE name = %s
"""
_WRITER = f"""
SELECT writer, epoch, (SELECT count(*) FROM ({HOLDERS}) AS waiting) FROM {{sessions}}
WHERE name = %s
"""


class SessionWriter(NamedTuple):
    """Who serves a session, "" if nobody does, and how many kernels wait to take it over."""

    name: str
    epoch: int
    standbys: int


def find_writer(
    fetch: Callable[..., list[tuple[Any, ...]]], schema: str, session: str
) -> SessionWriter | None:
    """Return who serves *session*; None if there is no such session."""
    rows = fetch(_WRITER, (_waiting_key(schema, session), to_stored(session)))
    return SessionWriter(from_stored(rows[0][0]), *rows[0][1:]) if rows else None


def _waiting_key(schema: str, session: str) -> int:
    """Return the key of the advisory lock that all who wait for *session* share."""
    return key_of(schema, f"{session}\nwaiting")


class Succession:
    """Looks whether a session has a writer: at once when it is released, else four times a second.

    A writer whose connection has ended, as that of a killed process does, has a second to come
    back; after the watcher's own connection broke, as in a restart of the database, it has as long
    as a lease. A writer whose connection stands, and that shows no sign of life, has that, too.

        Succession(address, tables, "market", time.monotonic).wait(stop, claim)

    Args:
        has_seen_writer: whether the session had a writer when somebody else looked.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        tables: SchemaTables,
        session: str,
        monotonic: Callable[[], float],
        has_seen_writer: bool = False,
    ) -> None:
        self._address, self._tables, self._session = address, tables, session
        self._monotonic = monotonic
        self._connection: TimedConnection | None = None
        self._free_since: float | None = None
        self._has_seen_writer, self._is_counted = has_seen_writer, False
        self._grace = GRACE_SECONDS

    def wait(self, stop: threading.Event, claim: Callable[[str, bool], bytes]) -> bytes:
        """Claim the session as soon as it has no living writer; return its secret.

        Args:
            claim: claims it, and, if its second argument is true, only if nobody has closed it.

        Raises:
            SessionTaken: *stop* was set before.
            SessionClosed: the writer that was waited for has closed the session.
        """
        try:
            while not stop.is_set():
                try:
                    if self._is_free():
                        return claim(self._session, self._has_seen_writer)
                except SessionTaken:
                    self._free_since = None  # somebody else was faster
                except LogAway:
                    self._disconnect()
                self._sleep(stop)
        finally:
            self._disconnect()
        raise SessionTaken(self._session, self._address.shown)

    def _is_free(self) -> bool:
        with naming_failures(self._address.shown, "watch sessions"):
            connection = self._connected()
            query = self._tables.query(_STATE)
            key = key_of(self._tables.schema, self._session)
            bound: tuple[Any, ...] = (LEASE_SECONDS, key, to_stored(self._session))
            row = connection.execute(query, bound, prepare=True).fetchone()
        if row is None:
            return True  # it is new
        has_writer, is_over, is_locked, is_for_another = row
        if not has_writer and self._has_seen_writer and not is_for_another:
            raise SessionClosed(self._session, self._address.shown)
        if not has_writer:
            return True
        self._has_seen_writer = True
        if not self._is_counted:
            waiting = _waiting_key(self._tables.schema, self._session)
            connection.execute("SELECT pg_advisory_lock_shared(%s)", (waiting,))
            self._is_counted = True
        if is_locked:
            self._free_since = None
            return bool(is_over)
        now = self._monotonic()
        self._free_since = self._free_since if self._free_since is not None else now
        return now - self._free_since >= self._grace

    def _connected(self) -> TimedConnection:
        if self._connection is None:
            self._connection = connect(self._address)
            self._connection.execute(f"LISTEN {RELEASED}")
            self._free_since = None
            self._is_counted = False
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self._grace = LEASE_SECONDS

    def _sleep(self, stop: threading.Event) -> None:
        """Wait for a notice, or until it is time to look again."""
        if self._connection is None:
            stop.wait(LOOK_SECONDS)
            return
        try:
            self._connection.wait_for_notice(LOOK_SECONDS)
        except (psycopg.Error, OSError, ValueError):
            self._disconnect()
