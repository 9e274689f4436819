"""PostgresLog: events in a PostgreSQL database, with one fenced writer a session."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from uproot_nb.errors import CorruptLog, LogAway, SessionTaken, UnfinishedErasure
from uproot_nb.log.arrow_pages import LONG_READ, EventArrays, completed
from uproot_nb.log.checksums import checksum_of_bytes, is_whole
from uproot_nb.log.erasing.finishing import finish_erasures
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.log import SessionRecord, Snapshot, retained_snapshots
from uproot_nb.log.paging import EventFilter
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.array_pages import ArrayPages, has_arrow
from uproot_nb.log.postgres.connections import ReadConnections, TimedConnection, naming_failures
from uproot_nb.log.postgres.damages import count_rows, find_damages
from uproot_nb.log.postgres.database_quotas import DatabaseQuotas
from uproot_nb.log.postgres.erasures import forget_erasure, replace_events
from uproot_nb.log.postgres.event_pages import EventPages, filters_of
from uproot_nb.log.postgres.keeper import Done, Keeper
from uproot_nb.log.postgres.layout import prepare, vacuum
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import from_stored, to_stored
from uproot_nb.log.postgres.succession import SessionWriter, Succession, find_writer
from uproot_nb.log.postgres.writer import LEASE_SECONDS, FencedWriter
from uproot_nb.log.refusals import closed, inherited, read_only
from uproot_nb.log.stored_log import StoredLog, newest_whole

__all__ = ["PostgresLog"]

_LAST_SEQ = "SELECT last_seq FROM {sessions} WHERE name = %s"
_SESSIONS = """
SELECT name, created, last_time, last_seq, checksum FROM {sessions} ORDER BY created, number
"""
_SPANS = """
SELECT kind, min(seq), max(seq) FROM {{events}}
WHERE session = %(session)s AND seq <= %(until)s{conditions} GROUP BY kind
"""
_SAVE = """
INSERT INTO {snapshots}(session, seq, state, checksum)
SELECT %(session)s, %(seq)s, %(state)s, %(checksum)s
WHERE %(epoch)s::bigint IS NULL
    OR EXISTS (SELECT 1 FROM {sessions} WHERE name = %(session)s AND epoch = %(epoch)s FOR SHARE)
ON CONFLICT (session, seq) DO UPDATE SET state = excluded.state, checksum = excluded.checksum
"""
_LOAD = """
SELECT session, seq, state, checksum FROM {snapshots}
WHERE session = %s AND seq <= coalesce(%s::bigint, seq) ORDER BY seq DESC LIMIT 1
"""
_ASK = """
UPDATE {sessions} SET handover = %s
WHERE name = %s AND writer != '' AND epoch = coalesce(%s::bigint, epoch)
"""


class PostgresLog(StoredLog):
    """Store events in a PostgreSQL database; its tables are created on first use.

        log = PostgresLog("postgresql://lab@db.example.org/experiments")
        secret = log.claim("market")

    With *readonly* nothing is written, and a role that may only read will do. A commit survives
    the end of the server; with *durable*, whatever its settings say about one session.

    Raises:
        BadAddress: the address cannot be read.
        LogAway: the server cannot be reached.
        LackingPrivilege: the role may not read, or write, or create the tables.
        NoSuchPlace: there are no tables, with *readonly*.
        NotALog: they are a newer version's, or somebody else's.
    """

    def __init__(
        self,
        address: str | DatabaseAddress,
        readonly: bool = False,
        durable: bool = False,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = self.address = DatabaseAddress.of(address)
        self.path = self.address.shown
        self._readonly, self._monotonic = readonly, monotonic
        self._tables = SchemaTables(self.address.schema)
        self._connections = ReadConnections(self.address)
        super().__init__(EventPages(self._connections, self._tables, self.path))
        self._arrays = ArrayPages(self._connections, self._tables, self.path)
        self._writer = FencedWriter(self.address, self._tables, durable, clock, monotonic)
        self._keeper = Keeper(self._writer, self._connections.refuse)
        self._process = os.getpid()
        self._closing = threading.RLock()
        self._closed = False
        if readonly:
            self._connections.read(self._prepare)
        else:
            self._writer.open()

    def _prepare(self, connection: TimedConnection) -> None:
        prepare(connection, self._tables, self.path, readonly=True)

    # ---- the writer of a session ----

    def claim(self, session: str) -> bytes:
        """Become the one writer of *session* (made if new) and return its secret."""
        return self._claim(session, to_go_on=False)

    def _claim(self, session: str, to_go_on: bool) -> bytes:
        self._check_writable(session)
        secret, _ = self._writer.claim(session, to_go_on)
        self._keeper.start()
        self._finish_erasures(session)
        return secret

    def wait_for_claim(
        self, session: str, stop: threading.Event, after_writer: bool = False
    ) -> bytes:
        """Claim *session* as soon as it has no living writer; blocks its thread until then.

        Args:
            after_writer: whether a `claim` was refused before, because it had a writer.

        Raises:
            SessionTaken: *stop* was set before.
            SessionClosed: the writer that was waited for has closed the session.
        """
        self._check_writable(session)
        watch = Succession(self.address, self._tables, session, self._monotonic, after_writer)
        return watch.wait(stop, self._claim)

    def epoch(self, session: str) -> int:
        """Return the number of this writer's claim, which rises with each; 0 without one."""
        return self._writer.epoch_of(session) or 0

    def ask_for_hand_over(
        self, session: str, wanted: bool = True, epoch: int | None = None
    ) -> None:
        """Ask the writer of *session*, wherever it is, to let go of it; or no longer.

        Args:
            epoch: ask only the writer of this claim, and nobody who has followed it.
        """
        self._check_writable(session)
        self._fetch(_ASK, (wanted, to_stored(session), epoch))

    def writer_of(self, session: str) -> SessionWriter | None:
        """Return who serves *session*, and how many wait to take it over; None if unknown."""
        return find_writer(self._fetch, self._tables.schema, session)

    def hand_over(self, session: str) -> None:
        """Let go of *session*, and let one of those who wait go on with it at once."""
        if not self._closed and not self._is_inherited:
            self._writer.release(session, for_another=True)

    def release(self, session: str) -> None:
        """Stop being the writer of *session*, and notify those who wait for it."""
        if not self._closed and not self._is_inherited:
            self._writer.release(session)

    def note_running(self, session: str, text: str) -> None:
        """Record what is running; it is written by the log's own thread."""
        claimed = self._writer.claimed.get(session)
        if claimed is not None:
            claimed.running = text
            self._keeper.call()

    def running(self, session: str) -> str:
        """Return what was running when the last writer of *session* died."""
        claimed = self._writer.claimed.get(session)
        return "" if claimed is None else claimed.running

    def append(self, events: Sequence[Event]) -> None:
        """Commit *events*, all or none, and wait for it.

        Raises:
            ClaimLost: another writer has taken the session over; nothing was written.
            LogAway: the database cannot be reached; the same events may be appended again.
        """
        if events:
            self._check_writable(events[0].session)
            self._writer.append(events)

    def submit(self, events: Sequence[Event], done: Done) -> None:
        """Commit *events* on the log's own thread, in order; then call *done* there."""
        self._check_writable(events[0].session)
        self._keeper.submit(events, done)

    def be_patient(self, seconds: float) -> None:
        """Do nothing: nobody waits for the database but the log's own thread."""

    def check_place(self) -> None:
        """Check that what was claimed is still this writer's, and that the database answers.

        Raises:
            ClaimLost: another writer has taken a session over.
            LogAway: the database has not answered for so long that another may do so.
        """
        for claimed in list(self._writer.claimed.values()):
            if claimed.lost is not None:
                raise claimed.lost
            if self._monotonic() - claimed.renewed > LEASE_SECONDS:
                reason = f"it has not answered for {LEASE_SECONDS:g} s"
                raise self._keeper.failure or LogAway(self.path, reason)
        if self._keeper.failure is not None:
            raise self._keeper.failure

    def is_asked_to_hand_over(self, session: str) -> bool:
        """Return whether somebody has asked the writer of *session* to let go of it."""
        claimed = self._writer.claimed.get(session)
        return claimed is not None and claimed.handover

    # ---- erasing ----

    def intend_erasure(self, session: str, player: str) -> None:
        """Note that a player is to be erased; from the event `erase` on, that is finished."""
        self._check_writable(session)
        with self._writer.changing(session, "note erasures") as connection:
            connection.execute(
                self._tables.query("INSERT INTO {erasures} VALUES (%s, %s) ON CONFLICT DO NOTHING"),
                (to_stored(session), to_stored(player)),
            )

    def erase(self, session: str, player: str, changed: Sequence[Event]) -> None:
        """Put *changed* in the place of a player's events, and let the server reuse their room.

        No table, query or dump has the data from now on. What the server's files, its write-ahead
        log, replicas and backups have of them is its administrator's to remove.

        Raises:
            UnfinishedErasure: the server could not clear the room of the old rows.
        """
        self._check_writable(session)
        with self._writer.changing(session, "change events") as connection:
            replace_events(connection, self._tables, session, changed)
        try:
            vacuum(self.address, self._tables)
        except (LogAway, PermissionError) as error:
            raise UnfinishedErasure(self.path, str(error).partition("\n")[0]) from error
        with self._writer.changing(session, "change events") as connection:
            forget_erasure(connection, self._tables, session, player)

    def _finish_erasures(self, session: str) -> None:
        """Finish the erasures that a killed process has begun; forget those it only intended."""

        def forget(player: str) -> None:
            with self._writer.changing(session, "change events") as connection:
                forget_erasure(connection, self._tables, session, player)

        query = "SELECT player FROM {erasures} WHERE session = %s"
        players = [from_stored(player) for (player,) in self._fetch(query, (to_stored(session),))]
        for busy in finish_erasures(self, session, players, forget):
            warnings.warn(str(busy), stacklevel=4)

    # ---- reading ----

    def read_arrays(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventArrays | EventColumns]:
        """Yield the same events: long stretches as arrays, if the extra `fast` is installed."""
        low, high = self._numbers(session, after, until)
        if high - low < LONG_READ or not has_arrow():
            return self.read_columns(session, low, high, kinds)
        pages = self._arrays.between(session, (low, high), filters_of(EventFilter(kinds)))
        return completed(
            pages, (low, high), kinds is None,
            lambda low, high: self.read_columns(session, low, high, kinds),
        )  # fmt: skip

    def spans(self, session: str, until: int, kinds: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return the first and the last seq <= until of each of these *kinds* that occurs."""
        conditions, values = filters_of(EventFilter(kinds))
        bound = {"session": to_stored(session), "until": until, **values}
        rows = self._fetch(_SPANS.format(conditions=conditions), bound)
        return {from_stored(kind): (first, last) for kind, first, last in rows}

    def last_seq(self, session: str) -> int:
        """Return the seq of the last committed event, 0 for none."""
        rows = self._fetch(_LAST_SEQ, (to_stored(session),))
        return int(rows[0][0]) if rows else 0

    def sessions(self) -> list[SessionRecord]:
        """Return every session, oldest first."""
        rows = self._fetch(_SESSIONS)
        records = [SessionRecord(from_stored(row[0]), *row[1:4]) for row in rows]
        for record, row in zip(records, rows, strict=True):
            if not is_whole(record.name, record.created, b"", row[4]):
                raise CorruptLog(
                    self.path, f"the record of session '{record.name}' is not what was written",
                    "Restore it from a backup.",
                )  # fmt: skip
        return records

    def damage(self) -> list[str]:
        """Return what is damaged beside events: records, secrets, snapshots."""
        return list(find_damages(self._fetch))

    def counts(self) -> tuple[int, int, int]:
        """Return how many sessions and events there are; each has a checksum."""
        return count_rows(self._fetch)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store *snapshot*, and delete older ones that `retained_snapshots` does not name.

        It has a connection of its own: commits do not wait for it.
        """
        self._check_writable(snapshot.session)
        session = to_stored(snapshot.session)
        bound = {
            "session": session, "seq": snapshot.seq, "state": snapshot.state,
            "checksum": checksum_of_bytes(*snapshot),
            "epoch": self._writer.epoch_of(snapshot.session),
        }  # fmt: skip
        self._fetch(_SAVE, bound)
        there = "SELECT seq FROM {snapshots} WHERE session = %s"
        seqs = {seq for (seq,) in self._fetch(there, (session,))}
        gone = sorted(seqs - retained_snapshots(seqs))
        if gone:
            delete = "DELETE FROM {snapshots} WHERE session = %s AND seq = ANY(%s)"
            self._fetch(delete, (session, gone))

    def load_snapshot(self, session: str, until: int | None = None) -> Snapshot | None:
        """Return the newest snapshot with seq <= until."""

        def find(until: int | None) -> tuple[str, int, bytes, Any] | None:
            rows = self._fetch(_LOAD, (to_stored(session), until))
            return (session, *rows[0][1:]) if rows else None

        return newest_whole(find, until)

    def quotas(self) -> DatabaseQuotas:
        """Return what the sessions of this database share for draws across them."""
        return DatabaseQuotas(self._connections, self._tables, self.path)

    # ---- the end ----

    def rest(self) -> None:
        """Close all connections while no session is claimed; reading opens one for a moment."""
        with self._closing:
            if self._writer.claimed or self._closed or self._is_inherited:
                return
            self._readonly = True
            self._keeper.stop()
            self._writer.close()
            self._connections.rest()

    def close(self) -> None:
        """Release every session and close all connections. Idempotent."""
        with self._closing:
            if self._closed or self._is_inherited:
                return
            self._keeper.stop()
            self._writer.close()
            self._closed = True
            self._connections.refuse(closed(self.path))

    @property
    def _is_inherited(self) -> bool:
        """Whether this is a forked child, which must leave its parent's connections alone."""
        return os.getpid() != self._process

    def _check_writable(self, session: str) -> None:
        if self._is_inherited:
            raise SessionTaken(session, self.path)
        if self._closed:
            raise closed(self.path)
        if self._readonly:
            raise read_only(self.path)

    def _fetch(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        if self._is_inherited:
            raise inherited(self.path)
        statement = self._tables.query(query)
        with naming_failures(self.path, "read the tables"):
            found: list[tuple[Any, ...]] = self._connections.read(
                lambda connection: _rows(connection, statement, values)
            )
        return found


def _rows(connection: TimedConnection, query: Any, values: Any) -> list[tuple[Any, ...]]:
    cursor = connection.execute(query, values, prepare=True, binary=True)
    return cursor.fetchall() if cursor.description is not None else []
