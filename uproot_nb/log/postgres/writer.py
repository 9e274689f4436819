"""FencedWriter: the connection that writes a log in PostgreSQL, and its claims."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import psutil
import psycopg

from uproot_nb.errors import (
    ClaimLost,
    CorruptLog,
    LogAway,
    SessionClosed,
    SessionTaken,
    UprootError,
)
from uproot_nb.log.checksums import checksum_of_bytes, checksum_of_event, is_whole
from uproot_nb.log.events import Event
from uproot_nb.log.log import SECRET_BYTES, check_succession
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.connections import (
    TimedConnection,
    connect,
    naming_failures,
)
from uproot_nb.log.postgres.layout import prepare
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import from_stored, to_stored
from uproot_nb.log.refusals import closed

__all__ = [
    "GRACE_SECONDS",
    "HOLDERS",
    "LEASE_SECONDS",
    "RELEASED",
    "Claimed",
    "FencedWriter",
    "key_of",
]

LEASE_SECONDS = 3.0
"""How long a writer that does not show that it lives is waited for."""
GRACE_SECONDS = 1.0
"""How long a writer may take to connect again, whose connection has ended."""
RELEASED = "uproot_nb_released"
"""The channel on which it is said that some session has no writer any more."""
_ENDING_SECONDS = 3.0
"""How long a connection that was ended may take to let go of its locks."""
_TRIES = 5

_TYPES = ["bigint", "float8", *["text"] * 8, "bigint"]
_STORED = [name for name in Event._fields if name != "session"] + ["checksum"]
_NAMES = ", ".join(f'"{name}"' for name in _STORED)
# One statement is one transaction. The session's row is locked by the first part, so a claim of
# somebody else comes before it, and then nothing is written, or after its end.
_APPEND = f"""
WITH mine AS (
    UPDATE {{sessions}} SET last_seq = %s, last_time = %s, heartbeat = clock_timestamp()
    WHERE name = %s AND last_seq = %s AND (%s::bigint IS NULL OR epoch = %s) RETURNING name
)
INSERT INTO {{events}}(session, {_NAMES}) SELECT mine.name, {
    ", ".join(f"new.{name}" for name in _NAMES.split(", "))
}
FROM mine, unnest({", ".join(f"%s::{kind}[]" for kind in _TYPES)}) AS new({_NAMES})
"""
_BEGIN = """
WITH new AS (
    INSERT INTO {sessions}(name, created, checksum) VALUES (%s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING name
)
INSERT INTO {secrets}(session, secret, checksum) SELECT name, %s, %s FROM new
ON CONFLICT DO NOTHING
"""
_KNOWN = "SELECT last_seq, epoch, writer FROM {sessions} WHERE name = %s"
_TAKE = """
UPDATE {sessions} SET epoch = epoch + 1, writer = %s, backend = pg_backend_pid(),
    heartbeat = clock_timestamp(), handover = false
WHERE name = %s AND (NOT %s OR writer != '' OR handover) RETURNING epoch, last_seq, running
"""
HOLDERS = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = %s AND pid != pg_backend_pid()
"""
# A server that has just started has ended everybody's connections: all need time to come back.
_MAY_COME_BACK = f"""
SELECT coalesce(clock_timestamp() - heartbeat < make_interval(secs => %s), false)
    OR clock_timestamp() - pg_postmaster_start_time() < make_interval(secs => %s)
FROM {{sessions}} WHERE name = %s AND writer != '' AND NOT EXISTS ({HOLDERS})
"""
# Nothing waits for the disk here: a heartbeat that a crash has undone is not missed.
_RENEW = """
WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE {sessions} SET heartbeat = clock_timestamp(), backend = pg_backend_pid(), running = %s
FROM hasty WHERE name = %s AND epoch = %s RETURNING handover
"""
_RELEASE = """
UPDATE {sessions} SET writer = '', heartbeat = NULL, backend = 0, handover = %s, running = %s
WHERE name = %s AND epoch = %s
"""
_LEASE = """
SELECT writer, coalesce(clock_timestamp() - heartbeat > make_interval(secs => %s), true), backend
FROM {sessions} WHERE name = %s
"""


@dataclass(slots=True)
class Claimed:
    """A session that this writer has claimed."""

    session: str
    epoch: int
    last: int
    """The seq of the last event that is known to be committed."""
    running: str
    renewed: float
    """When the database last confirmed the claim, by this machine's monotonic clock."""
    unsure: int = 0
    """Up to here events may have been committed whose connection broke; 0 if there are none."""
    lost: ClaimLost | None = None
    stored_running: str | None = None
    handover: bool = False
    """Whether somebody has asked this writer to let go."""


class FencedWriter:
    """Writes the events of the sessions that it has claimed, however often its connection breaks.

    Each append states the epoch of its claim in its own transaction. Who claims a session raises
    the epoch; from then on, an older writer appends nothing.

    Every method may be called from any thread.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        tables: SchemaTables,
        durable: bool,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._address, self._tables, self._durable = address, tables, durable
        self._clock, self._monotonic = clock, monotonic
        self.path = address.shown
        self.claimed: dict[str, Claimed] = {}
        self._lock = threading.RLock()
        self._connection: TimedConnection | None = None
        self._backend = 0
        self._closed = False

    # ---- claims ----

    def claim(self, session: str, to_go_on: bool = False) -> tuple[bytes, Claimed]:
        """Become the one writer of *session*, and return its secret.

        Args:
            to_go_on: only if its last writer has not closed it.

        Raises:
            SessionTaken: somebody else is, and has shown so in the last LEASE_SECONDS.
            SessionClosed: its last writer has closed it, and it is only *to_go_on* with.
        """
        with self._using("write sessions") as connection:
            if session in self.claimed:
                raise SessionTaken(session, self.path)
            self._begin(connection, session)
            self._lock_session(connection, session)
            try:
                bound = to_stored(here()), to_stored(session), to_go_on
                rows = self._run(connection, _TAKE, bound)
                if not rows:
                    raise SessionClosed(session, self.path)
                [row] = rows
                secret = self._secret(connection, session)
            except BaseException:
                self._unlock(connection, session)
                raise
            claimed = Claimed(session, row[0], row[1], from_stored(row[2]), self._monotonic())
            claimed.stored_running = claimed.running
            self.claimed[session] = claimed
            return secret, claimed

    def release(self, session: str, for_another: bool = False) -> None:
        """Release *session*, and notify those who wait for it.

        Args:
            for_another: whether they are to go on with it; else it is closed.
        """
        with self._lock:
            claimed = self.claimed.pop(session, None)
            if claimed is None or claimed.lost is not None or self._closed:
                return
            for _ in range(2):  # the connection may have broken since it was used last
                with suppress(UprootError), self._using("release sessions") as connection:
                    self._let_go(connection, claimed, for_another)
                    return

    def _let_go(self, connection: TimedConnection, claimed: Claimed, for_another: bool) -> None:
        name, running = to_stored(claimed.session), to_stored(claimed.running)
        self._run(connection, _RELEASE, (for_another, running, name, claimed.epoch))
        self._unlock(connection, claimed.session)
        connection.execute("SELECT pg_notify(%s, '')", (RELEASED,))

    def _begin(self, connection: TimedConnection, session: str) -> int:
        """Add *session* if it is new; return the seq of its last event."""
        name = to_stored(session)
        known = self._run(connection, _KNOWN, (name,))
        if not known:
            secret, now = secrets.token_bytes(SECRET_BYTES), self._clock()
            made = checksum_of_bytes(session, now, b""), checksum_of_bytes(session, 0, secret)
            self._run(connection, _BEGIN, (name, now, made[0], secret, made[1]))
            known = self._run(connection, _KNOWN, (name,))
        return int(known[0][0])

    def _lock_session(self, connection: TimedConnection, session: str) -> None:
        """Take the lock that says: the writer of *session* lives.

        A writer whose connection has just ended keeps its session if it connects again in time.
        """
        key = key_of(self._tables.schema, session)
        begun = self._monotonic()
        while True:
            waited = self._monotonic() - begun
            is_overdue = waited > LEASE_SECONDS
            if is_overdue or not self._may_come_back(connection, session, key):
                if not _try_lock(connection, key):
                    if waited > LEASE_SECONDS + _ENDING_SECONDS:
                        raise SessionTaken(session, self.path)
                    self._end_holder(connection, session, key, waited)
                elif is_overdue or not self._may_come_back(connection, session, key):
                    return
                else:  # its connection has ended just now
                    self._unlock(connection, session)
            time.sleep(0.02)

    def _may_come_back(self, connection: TimedConnection, session: str, key: int) -> bool:
        """Return whether nobody else has the lock, and the writer may be about to take it again."""
        bound = GRACE_SECONDS, LEASE_SECONDS, to_stored(session), key
        rows = self._run(connection, _MAY_COME_BACK, bound)
        return bool(rows) and bool(rows[0][0])

    def _end_holder(
        self, connection: TimedConnection, session: str, key: int, waited: float
    ) -> None:
        """End the connection of a writer whose process has vanished, or stands still.

        Whoever else has the lock is about to claim the session, or to let go of it: until that
        is overdue, it goes on. So does who has been killed here: the database sees that its
        connection has ended a moment later.

        Raises:
            SessionTaken: the writer has shown that it lives.
        """
        bound = LEASE_SECONDS, to_stored(session)
        [(writer, is_over, backend)] = self._run(connection, _LEASE, bound)
        if not is_over:
            if waited < GRACE_SECONDS and is_gone(writer):
                return
            raise SessionTaken(session, self.path, writer)
        for (holder,) in connection.execute(HOLDERS, (key,)).fetchall():
            if waited > LEASE_SECONDS or (writer and holder == backend):
                # Another role's connection cannot be ended: then the session stays taken.
                with suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT pg_terminate_backend(%s)", (holder,))

    def _unlock(self, connection: TimedConnection, session: str) -> None:
        key = key_of(self._tables.schema, session)
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%s)", (key,))

    def _secret(self, connection: TimedConnection, session: str) -> bytes:
        query = "SELECT secret, checksum FROM {secrets} WHERE session = %s"
        rows = self._run(connection, query, (to_stored(session),))
        if not rows or not is_whole(session, 0, bytes(rows[0][0]), rows[0][1]):
            reason = f"the secret of '{session}' is not what was written"
            raise CorruptLog(self.path, reason, "Restore it from a backup.")
        return bytes(rows[0][0])

    # ---- events ----

    def append(self, events: Sequence[Event]) -> None:
        """Commit *events*, all or none; those that a broken connection has committed stay as is.

        Raises:
            ClaimLost: somebody else has claimed the session; nothing was written.
            SessionTaken: there are events of these numbers.
            LogAway: the database cannot be reached. The same events may be appended again: what
                had been committed is not written twice.
        """
        session = events[0].session
        with self._using("append events") as connection:
            claimed = self.claimed.get(session)
            last = self._begin(connection, session) if claimed is None else claimed.last
            for _ in range(_TRIES):
                todo = _rest_of(events, claimed)
                if not todo:
                    return
                check_succession(todo, last, self.path)
                if self._insert(connection, todo, last, claimed):
                    return
                last = self._look_again(connection, session, claimed, last)
            raise LogAway(self.path, f"something else has changed the events of '{session}'")

    def _insert(
        self, connection: TimedConnection, events: Sequence[Event], last: int,
        claimed: Claimed | None,
    ) -> bool:  # fmt: skip
        newest, epoch = events[-1], claimed.epoch if claimed is not None else None
        if claimed is not None:
            claimed.unsure = max(claimed.unsure, newest.seq)
        fence = newest.seq, newest.time, to_stored(newest.session), last, epoch, epoch
        try:
            written = connection.execute(
                self._tables.query(_APPEND), (*fence, *_arrays(events)), prepare=True
            ).rowcount
        except psycopg.errors.UniqueViolation as error:
            raise SessionTaken(newest.session, self.path) from error
        if written == 0:
            return False
        if claimed is not None:
            claimed.last, claimed.unsure = newest.seq, 0
            claimed.renewed = self._monotonic()
        return True

    def _look_again(
        self, connection: TimedConnection, session: str, claimed: Claimed | None, last: int
    ) -> int:
        """Find out why nothing was written: return the last event that is there."""
        if claimed is not None:
            self._verify(connection, claimed)
            return claimed.last
        now = int(self._run(connection, _KNOWN, (to_stored(session),))[0][0])
        if now > last:
            raise SessionTaken(session, self.path)
        return now

    def _verify(self, connection: TimedConnection, claimed: Claimed) -> None:
        """Check that a claim still holds, and learn what a broken connection has committed.

        Raises:
            ClaimLost: somebody else has claimed the session.
            CorruptLog: the database has fewer events than it has confirmed.
        """
        rows = self._run(connection, _KNOWN, (to_stored(claimed.session),))
        last, epoch, writer = rows[0] if rows else (0, -1, "")
        if epoch > claimed.epoch:
            claimed.lost = ClaimLost(claimed.session, self.path, writer)
            raise claimed.lost
        if epoch < claimed.epoch or last < claimed.last:
            raise CorruptLog(
                self.path,
                f"it has the events of '{claimed.session}' up to {last}, but had confirmed them "
                f"up to {claimed.last}",
                "It was restored from a backup, or a replica without them took its place: put the "
                "newest state back, or restart the kernel to go on with what is there.",
            )
        if last > max(claimed.last, claimed.unsure):
            raise SessionTaken(claimed.session, self.path)
        claimed.last, claimed.renewed = last, self._monotonic()

    def renew(self) -> None:
        """Show that the writer of each claimed session lives.

        Raises:
            LogAway: the database cannot be reached.
        """
        with self._using("renew claims") as connection:
            for claimed in list(self.claimed.values()):
                if claimed.lost is None:
                    self._renew(connection, claimed)

    def _renew(self, connection: TimedConnection, claimed: Claimed) -> None:
        running = claimed.running
        bound = to_stored(running), to_stored(claimed.session), claimed.epoch
        rows = self._run(connection, _RENEW, bound)
        if rows:
            claimed.renewed, claimed.stored_running = self._monotonic(), running
            claimed.handover = rows[0][0]
        else:
            with suppress(ClaimLost):  # the next append raises it
                self._verify(connection, claimed)

    @contextmanager
    def changing(self, session: str, what: str) -> Iterator[TimedConnection]:
        """Give the connection for a transaction, in which nobody else claims *session*.

        Raises:
            ClaimLost: somebody else has claimed it.
        """
        with self._using(what) as connection, connection.transaction():
            [(_, epoch, writer)] = self._run(
                connection, f"{_KNOWN} FOR UPDATE", (to_stored(session),)
            ) or [(0, 0, "")]
            claimed = self.claimed.get(session)
            if claimed is not None and epoch != claimed.epoch:
                claimed.lost = ClaimLost(session, self.path, writer)
                raise claimed.lost
            yield connection

    def epoch_of(self, session: str) -> int | None:
        """Return the epoch of a claim, None without one."""
        claimed = self.claimed.get(session)
        return claimed.epoch if claimed is not None else None

    def open(self) -> None:
        """Connect, and create what is missing."""
        with self._using("connect"):
            pass

    # ---- the connection ----

    def close(self) -> None:
        """Release every session, and close the connection. Idempotent."""
        with self._lock:
            for session in list(self.claimed):
                self.release(session)
            self._closed = True
            self._disconnect()

    def cut(self) -> None:
        """End what waits for the database in another thread."""
        connection = self._connection
        if connection is not None:
            connection.cut()

    @contextmanager
    def _using(self, what: str) -> Iterator[TimedConnection]:
        """Give the connection, opened again if it broke; failures become errors of ours."""
        with self._lock, naming_failures(self.path, what):
            if self._closed:
                raise closed(self.path)
            try:
                yield self._connected()
            except BaseException:
                if self._connection is not None and self._connection.closed:
                    self._disconnect()
                raise

    def _connected(self) -> TimedConnection:
        if self._connection is not None and self._connection.closed:
            self._disconnect()
        if self._connection is None:
            connection = connect(self._address)
            try:
                self._take_over(connection)
            except BaseException:
                connection.close()
                raise
            self._connection, self._backend = connection, connection.info.backend_pid
        return self._connection

    def _take_over(self, connection: TimedConnection) -> None:
        """Make a new connection the writer's: end the broken one, which may still have locks."""
        prepare(connection, self._tables, self.path, readonly=False)
        if self._durable:
            connection.execute("SET synchronous_commit TO 'on'")
        for claimed in list(self.claimed.values()):
            if claimed.lost is None:
                with suppress(ClaimLost):  # the next append raises it
                    self._verify(connection, claimed)
                    self._lock_again(connection, claimed)

    def _lock_again(self, connection: TimedConnection, claimed: Claimed) -> None:
        key = key_of(self._tables.schema, claimed.session)
        if not _try_lock(connection, key):
            held = {pid for (pid,) in connection.execute(HOLDERS, (key,)).fetchall()}
            if self._backend in held:
                with suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT pg_terminate_backend(%s)", (self._backend,))
            end = self._monotonic() + _ENDING_SECONDS
            while not _try_lock(connection, key):
                self._verify(connection, claimed)
                if self._monotonic() > end:
                    raise LogAway(self.path, "its earlier connection has not ended")
                time.sleep(0.02)
        try:
            self._verify(connection, claimed)
        except ClaimLost:
            self._unlock(connection, claimed.session)  # whoever claimed it will need the lock
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _run(self, connection: TimedConnection, query: str, values: Sequence[Any]) -> list[Any]:
        found = connection.execute(self._tables.query(query), values)
        return found.fetchall() if found.description is not None else []


def key_of(schema: str, session: str) -> int:
    """Return the key of the advisory lock that the writer of a session holds."""
    text = f"{schema}/{session}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


def here() -> str:
    """Return what others read of who serves a session: the machine and the process."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def is_gone(writer: str) -> bool:
    """Return whether *writer*, as `here` names one, was a process of this machine, and ended."""
    process, _, machine = writer.removeprefix("process ").partition(" on ")
    is_here = process.isdigit() and machine == socket.gethostname()
    return is_here and not psutil.pid_exists(int(process))


def _try_lock(connection: TimedConnection, key: int) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
    return bool(row and row[0])


def _rest_of(events: Sequence[Event], claimed: Claimed | None) -> Sequence[Event]:
    """Return the events without those that a broken connection has committed."""
    if claimed is None or not claimed.unsure or events[0].seq > claimed.last:
        return events
    return [event for event in events if event.seq > claimed.last]


def _arrays(events: Sequence[Event]) -> list[str]:
    """Return the columns of events, and their checksums, as PostgreSQL writes arrays."""
    seq, moment, _, *texts = zip(*events, strict=True)
    sums = map(checksum_of_event, events)
    return [
        f"{{{','.join(map(str, seq))}}}", f"{{{','.join(map(repr, map(float, moment)))}}}",
        *map(_text_array, texts), f"{{{','.join(map(str, sums))}}}",
    ]  # fmt: skip


def _text_array(texts: Sequence[str]) -> str:
    joined = '","'.join(text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return f'{{"{to_stored(joined)}"}}'
