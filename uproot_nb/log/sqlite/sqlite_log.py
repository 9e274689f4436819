"""SqliteLog: events in an SQLite file, with one writer a session and readers in any process."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar
from weakref import WeakSet

from uproot_nb.errors import (
    CorruptLog,
    LogBusy,
    LostEvents,
    MovedLog,
    SessionTaken,
    UnfinishedErasure,
    UprootError,
)
from uproot_nb.log.arrow_pages import EventArrays, completed, has_arrow_driver, read_arrow_pages
from uproot_nb.log.checksums import checksum_of_bytes, checksum_of_event, first_damaged, is_whole
from uproot_nb.log.erasing.redaction import changed_by_erasure
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.log import (
    SECRET_BYTES,
    SessionRecord,
    Snapshot,
    check_succession,
    retained_snapshots,
)
from uproot_nb.log.sqlite.erasures import (
    forget_erasure,
    intend_erasure,
    replace_events,
    stopping_at_failures,
    unfinished,
    wipe,
)
from uproot_nb.log.sqlite.failures import naming_damage, naming_place, primary_code
from uproot_nb.log.sqlite.leftovers import (
    CLAIMS,
    Claim,
    check_journal,
    claims_in_file,
    claims_of,
    has_journal,
    is_missing_journal,
    loss_of,
    rescue_path,
)
from uproot_nb.log.sqlite.opening import (
    APPLICATION,
    COLUMNS,
    TABLES,
    VERSION,
    check_version,
    connect,
    connect_writer,
    prepare,
    transaction,
    upgrade,
    wait_for_others,
)
from uproot_nb.log.sqlite.session_lock import SessionLock, lock_path, read_note

__all__ = ["APPLICATION", "VERSION", "SqliteLog", "accept_loss", "are_read_as_arrays"]

Row: TypeAlias = tuple[Any, ...]
"""A row as SQLite gives it; its columns are typed where it becomes an Event or a record."""

_Fetched = TypeVar("_Fetched")
_Signature: TypeAlias = tuple[int, int, int]

_SESSIONS = """
SELECT name, created,
    coalesce((SELECT time FROM events WHERE session = name ORDER BY seq DESC LIMIT 1), 0.0),
    coalesce((SELECT seq FROM events WHERE session = name ORDER BY seq DESC LIMIT 1), 0), {}
FROM sessions ORDER BY created, rowid
"""
_SECRETS = "SELECT 'the secret of ' || session, session, 0, secret, {} FROM secrets"
_SNAPSHOTS = """
SELECT 'snapshot ' || seq || ' of ' || session, session, seq, state, {} FROM snapshots
"""
_STRAYS = """
SELECT DISTINCT session FROM events WHERE session NOT IN (SELECT name FROM sessions) LIMIT 5
"""
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM events WHERE session = ?"

_SPANS = """
SELECT kind, min(seq), max(seq) FROM events WHERE session = ? AND seq <= ?{} GROUP BY kind
"""

_CLAIM_SECONDS = 3.0
"""How long claiming and reading wait while another program has locked the file."""
CHECK_SECONDS = 0.05
"""How often the file's place is checked; a check costs as much as a row."""
RESCUE_SECONDS = 5.0
"""How long a file may be away before all of it is written to another one."""
LONG_READ = 20_000
"""From so many events on, a copy of the file is made for the Arrow driver to read."""
_BYTES_AN_EVENT = 1_000
"""In a file with more, as one of many sessions, copying takes as long as the driver saves."""
_ROWS_A_STATEMENT = 200
_ROWS_A_FETCH = 64
_ROWS_A_PAGE = 1024
_CHARACTERS_A_PAGE = 4_000_000


class SqliteLog:
    """Store events in an SQLite file, created if it is missing.

    With *readonly* the file is only read, beside a living writer or after it; with *durable* a
    commit also survives a power cut, not only a killed process, and takes longer.

        log = SqliteLog("uproot_nb.sqlite3")
        secret = log.claim("market")

    If the file is moved, deleted or replaced meanwhile, nothing more is written to it; if it does
    not come back, all of it is written to another file beside it, and `path` is that one.

    Raises:
        NotALog: the file is not a log, of a newer version, or beside a journal that is not its
            own; nothing was touched.
        CorruptLog: the file is damaged, or its journal is missing.
        FileNotFoundError: its folder is missing, or the file itself with *readonly*.
        PermissionError: the file may not be read, or written.
        UnfitPlace: the file system lacks locks or shared memory.
        LogBusy: another program has locked it.
    """

    _refusal: str
    _writer: sqlite3.Connection | None
    _readers: list[sqlite3.Connection]
    _read_as: _Signature | None
    _claims: dict[str, SessionLock]
    _last: dict[str, int]
    _write_lock: threading.RLock
    _pool_lock: threading.Lock

    def __init__(
        self,
        path: str | os.PathLike[str],
        readonly: bool = False,
        durable: bool = False,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = os.fspath(path)
        self._file = os.path.realpath(self.path)
        self._readonly, self._durable = readonly, durable
        self._clock, self._monotonic = clock, monotonic
        self._start()
        with naming_place(self.path):
            self._open()
        _OPEN_LOGS.add(self)

    def _open(self) -> None:
        prepare(self._file, self.path, self._readonly)
        if not self._readonly:
            _refuse_inherited(self._file, self.path)
        try:
            check_journal(self._file, self.path)
        except LostEvents as loss:
            if not self._readonly:
                raise
            _warn(str(loss))
        if not self._readonly:
            self._writer = connect_writer(self._file, self._durable)
        try:
            if self._writer is not None:
                check_version(self._writer.execute("PRAGMA user_version").fetchone()[0], self.path)
                upgrade(self._writer)
                wait_for_others(self._writer, self._patience)
            self._check_layout()
        except BaseException:
            self.close()
            raise
        self._note_files()

    @property
    def place(self) -> str:
        """The file, by which the log can be opened again."""
        return self.path

    def claim(self, session: str) -> bytes:
        """Become the one writer of *session* (made if new) and return its secret.

        Raises:
            LostEvents: the log lacks events that a killed process had committed.
        """
        with self._writing(session) as writer, naming_place(self.path):
            path = lock_path(self._file, session)
            lock = None if session in self._claims else SessionLock.take(path)
            if lock is None:
                raise SessionTaken(session, self.path)
            try:
                last = self._begin(writer, session)
                self._refuse_loss(writer, session)
                self._note_claim(writer, session, lock, last)
                secret = self._secret(writer, session)
            except BaseException:
                lock.release(keep=read_note(path) is not None)
                raise
            self._claims[session] = lock
            self._finish_erasures(writer, session)
            return secret

    def release(self, session: str) -> None:
        """Stop being the writer of *session*; its events are all in the one file then.

        Unless somebody reads just now: then they stay in the journal beside it until the log is
        closed.
        """
        with self._write_lock:
            self._last.pop(session, None)
            lock = self._claims.pop(session, None)
            if lock is not None:
                if self._writer is not None and self._is_in_place():
                    lock.forget()
                    with suppress(sqlite3.Error):
                        wait_for_others(self._writer, 1.0)
                        _note_closed(self._writer, session)
                    _empty_journal(self._writer)
                    wait_for_others(self._writer, self._patience)
                lock.release()

    def note_running(self, session: str, text: str) -> None:
        """Record what is running in the session's lock file.

        The file remains when the process is killed, and needs no transaction.
        """
        lock = self._claims.get(session)
        if lock is not None:
            lock.note_running(text)

    def running(self, session: str) -> str:
        """Return what was running when the last writer of *session* died."""
        lock = self._claims.get(session)
        return "" if lock is None else lock.running

    def be_patient(self, seconds: float) -> None:
        """Let `append` wait that long for other programs."""
        with self._write_lock:
            self._patience = seconds
            if self._writer is not None:
                wait_for_others(self._writer, seconds)

    def check_place(self) -> None:
        """Check that the file is where it was; if it stays away, go on in another one.

        Raises:
            MovedLog: it was moved, deleted or replaced; nothing can be committed.
        """
        with self._writing("", briefly=True):
            pass

    def append(self, events: Sequence[Event]) -> None:
        """Commit *events*, all or none.

        Raises:
            LogBusy: another program has been writing for too long; nothing was written.
            MovedLog: the file is not where it was; nothing was written.
        """
        if not events:
            return
        session = events[0].session
        with self._writing(session, briefly=True) as writer, naming_damage(self.path):
            last = self._last.get(session)
            if last is None:
                last = self._begin(writer, session)
            check_succession(events, last, self.path)
            try:
                _insert(writer, events)
            except sqlite3.IntegrityError as error:
                self._last.pop(session, None)
                if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
                    raise SessionTaken(session, self.path) from error
                raise
            lock = self._claims.get(session)
            if lock is not None:  # else another writer may come between
                self._last[session] = seq = events[-1].seq
                lock.note(seq)

    def intend_erasure(self, session: str, player: str) -> None:
        """Note that a player is to be erased; from the event `erase` on, that is finished."""
        with self._writing(session) as writer, stopping_at_failures(self.path, is_hidden=False):
            intend_erasure(writer, session, player)

    def erase(self, session: str, player: str, changed: Sequence[Event]) -> None:
        """Put *changed* in the place of a player's events, and leave no byte of what was there.

        Raises:
            UnfinishedErasure: somebody reads the file just now, or the disk is full.
        """
        with self._writing(session) as writer:
            with stopping_at_failures(self.path, is_hidden=False):
                replace_events(writer, session, changed)
            self._close_readers()
            wipe(writer, self.path)
            with stopping_at_failures(self.path, is_hidden=True):
                forget_erasure(writer, session, player)

    def _finish_erasures(self, writer: sqlite3.Connection, session: str) -> None:
        """Finish the erasures that a killed process has begun; forget those it only intended."""
        for _, player in unfinished(writer, session):
            subject = f"player/{player}"
            if next(self.read(session, kinds={"erase"}, subject=subject), None) is None:
                forget_erasure(writer, session, player)
                continue
            try:
                read = partial(self.read, session)
                self.erase(session, player, list(changed_by_erasure(read, player)))
            except (UnfinishedErasure, LogBusy) as busy:
                _warn(str(busy))

    def read(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
        subject: str | None = None,
        field: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Yield the events with after < seq <= until that are committed now.

        They are fetched a page at a time, so a slow consumer holds neither memory nor the file.
        """
        filters = _filters(kinds, subject, field)
        pages = self._read_pages(session, (after, until), filters, newest_first)
        return chain.from_iterable([_as_event(row[:-1]) for row in page] for page in pages)

    def read_columns(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventColumns]:
        """Yield the same events as columns, a page at a time."""
        pages = self._read_pages(session, (after, until), _filters(kinds))
        return (EventColumns(*list(zip(*page, strict=True))[:-1]) for page in pages)

    def read_arrays(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventArrays | EventColumns]:
        """Yield the same events: long stretches as arrays, if the extra `fast` is installed."""
        last = self.last_seq(session)
        low, high = max(after, 0), last if until is None else min(until, last)
        with self._copied(high - low) as copy:
            if copy is None:
                yield from self.read_columns(session, low, high, kinds)
                return
            pages = read_arrow_pages(copy, session, (low, high), _filters(kinds))
            yield from completed(
                pages, (low, high), kinds is None,
                lambda low, high: self.read_columns(session, low, high, kinds),
            )  # fmt: skip

    def spans(self, session: str, until: int, kinds: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return the first and the last seq <= until of each of these *kinds* that occurs."""
        conditions, values = _filters(kinds)
        with naming_damage(self.path):
            rows = self._fetch(_SPANS.format(conditions), (session, until, *values))
        return {kind: (first, last) for kind, first, last in rows}

    def last_seq(self, session: str) -> int:
        """Return the seq of the last committed event, 0 for none."""
        with naming_damage(self.path):
            return int(self._fetch(_LAST_SEQ, (session,))[0][0])

    def sessions(self) -> list[SessionRecord]:
        """Return every session, oldest first."""
        with naming_damage(self.path):
            rows = self._fetch(_SESSIONS.format(self._checksum))
        for name, created, _, _, checksum in rows:
            if not is_whole(name, created, b"", checksum):
                raise CorruptLog(
                    self.path, f"the record of session '{name}' is not what was written"
                )
        return [SessionRecord(*row[:-1]) for row in rows]

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store *snapshot*, and delete older ones that `retained_snapshots` does not name."""
        with (
            self._writing(snapshot.session, briefly=True) as writer,
            naming_damage(self.path),
            transaction(writer),
        ):
            checksum = checksum_of_bytes(*snapshot)
            writer.execute(
                "INSERT OR REPLACE INTO snapshots(session, seq, state, checksum)"
                " VALUES (?, ?, ?, ?)", (*snapshot, checksum),
            )  # fmt: skip
            there = "SELECT seq FROM snapshots WHERE session = ?"
            seqs = {seq for (seq,) in writer.execute(there, (snapshot.session,))}
            for seq in seqs - retained_snapshots(seqs):
                writer.execute(
                    "DELETE FROM snapshots WHERE session = ? AND seq = ?", (snapshot.session, seq)
                )

    def load_snapshot(self, session: str, until: int | None = None) -> Snapshot | None:
        """Return the newest snapshot with seq <= until."""
        while True:
            with naming_damage(self.path):
                rows = self._fetch(
                    f"SELECT session, seq, state, {self._checksum} FROM snapshots"
                    " WHERE session = ?1 AND (?2 IS NULL OR seq <= ?2) ORDER BY seq DESC LIMIT 1",
                    (session, until),
                )
            if not rows:
                return None
            if is_whole(*rows[0]):
                return Snapshot(*rows[0][:3])
            until = int(rows[0][1]) - 1  # a damaged one: an older one will do, or none

    def damage(self) -> list[str]:
        """Return the faults that SQLite finds in the file, and the rows that are damaged."""
        try:
            with naming_damage(self.path):
                found = [str(text) for (text,) in self._fetch("PRAGMA integrity_check(20)")]
                rows = self._fetch(_SECRETS.format(self._checksum))
                rows += self._fetch(_SNAPSHOTS.format(self._checksum))
                strays = self._fetch(_STRAYS)
        except CorruptLog as torn:
            return [torn.reason]
        found = [text for text in found if text != "ok"]
        found += [
            f"the erasure of {player} in '{session}' is not finished: run `uproot-nb erase` again"
            for session, player in self._with_reader(unfinished)
        ]
        found += [f"{row[0]} is not what was written" for row in rows if not is_whole(*row[1:])]
        return found + [f"there are events of an unknown session, '{name}'" for (name,) in strays]

    def counts(self) -> tuple[int, int, int]:
        """Return how many sessions and events there are, and how many lack a checksum."""
        try:
            with naming_damage(self.path):
                [row] = self._fetch(
                    "SELECT (SELECT count(*) FROM sessions), count(*),"
                    f" count(*) - count({self._checksum}) FROM events"
                )
        except CorruptLog:
            return 0, 0, 0
        return int(row[0]), int(row[1]), int(row[2])

    def close(self) -> None:
        """Release every session and close the file."""
        with self._write_lock:
            self._rescue_at_the_end()
            for session in list(self._claims):
                self.release(session)
            with self._pool_lock:
                self._refusal = f"The log {self.path} is closed."
                readers, self._readers = self._readers, []
            for reader in readers:
                reader.close()
            if self._writer is not None:
                self._close_writer(self._writer)
                self._writer = None

    def rest(self) -> None:
        """Close the file; reading opens it for a moment from now on."""
        with self._write_lock:
            if self._claims or self._refusal:
                return
            with self._pool_lock:
                self._readonly = self._resting = True
                readers, self._readers = self._readers, []
            for reader in readers:
                reader.close()
            if self._writer is not None:
                self._close_writer(self._writer)
                self._writer = None

    def _start(self) -> None:
        """Hold nothing yet: no connection, no claim."""
        self._resting = False
        self._refusal = ""
        self._writer = None
        self._readers = []
        self._read_as = None
        self._claims = {}
        self._last = {}
        self._checksum, self._patience = "checksum", _CLAIM_SECONDS
        self._files: tuple[Any, ...] = ()
        self._seen = float("-inf")
        self._away_since: float | None = None
        self._write_lock = threading.RLock()
        self._pool_lock = threading.Lock()

    def _disown(self) -> None:
        """In a forked child: let go of all that is the parent's, without closing the log."""
        _INHERITED.add(_identity(self._file))
        for connection in [*self._readers, *([self._writer] if self._writer else [])]:
            _never_close(connection)
        for lock in self._claims.values():
            lock.abandon()
        self._start()
        self._refusal = (
            f"The log {self.path} belongs to the process that this one was forked from.\n"
            "Open it here with readonly=True, or start processes by 'spawn'."
        )

    def _check_layout(self) -> None:
        """Refuse a newer version that only the journal shows, and a file with missing tables."""
        version = self._fetch("PRAGMA user_version")[0][0]
        check_version(version, self.path)
        names = self._fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
        for table in sorted(TABLES[max(version, 1)]):
            if (table,) not in names:
                raise CorruptLog(self.path, f"its table '{table}' is missing")
            self._fetch(f"SELECT 1 FROM {table} LIMIT 1")
        if version < VERSION:
            self._checksum = "NULL"
            return
        claims = claims_of(self._fetch(CLAIMS), self.path)
        others = [claim for claim in claims if claim.session not in self._claims]
        losses = [loss for loss in map(self._loss, others) if loss is not None]
        for loss in losses:
            _warn(str(loss))
        if not losses and is_missing_journal(self._file, claims):
            _warn(
                f"{self.path} was copied or moved while it was being written, without its journal "
                f"({self.path}-wal): its newest events may be missing."
            )

    def _loss(self, claim: Claim) -> LostEvents | None:
        """Return what a session lacks; its writer may have written just now, so check twice."""
        loss = loss_of(self._file, self.path, claim)
        if loss is None:
            return None
        rows = self._fetch(f"{CLAIMS} WHERE session = ?", (claim.session,))
        return loss_of(self._file, self.path, Claim(*rows[0])._replace(seq=claim.seq))

    def _note_files(self) -> None:
        self._files = _identity(self._file), _identity(f"{self._file}-wal")

    def _is_in_place(self) -> bool:
        """Return whether the file and its journal still have their names."""
        return (_identity(self._file), _identity(f"{self._file}-wal")) == self._files

    @contextmanager
    def _writing(self, session: str, briefly: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield the connection that writes; *briefly*: wait no longer than `be_patient` allows."""
        if not self._write_lock.acquire(timeout=self._patience if briefly else -1):
            raise LogBusy(self.path)
        try:
            if self._refusal and _identity(self._file) in _INHERITED:
                raise SessionTaken(session, self.path)
            if self._refusal:
                raise ValueError(self._refusal)
            if self._writer is None:
                raise io.UnsupportedOperation(f"The log {self.path} was opened for reading only.")
            if (now := self._monotonic()) - self._seen >= CHECK_SECONDS:
                self._find_file(now)
            if not briefly:
                wait_for_others(self._writer, _CLAIM_SECONDS)
            try:
                yield self._writer
            except sqlite3.OperationalError as error:
                if primary_code(error) == sqlite3.SQLITE_BUSY:
                    raise LogBusy(self.path) from error
                raise
            finally:
                if not briefly:
                    wait_for_others(self._writer, self._patience)
        finally:
            self._write_lock.release()

    def _begin(self, writer: sqlite3.Connection, session: str) -> int:
        """Add *session* if it is new, and return the seq of its last event."""
        known = "SELECT 1 FROM secrets WHERE session = ?"
        if writer.execute(known, (session,)).fetchone() is None:
            secret, now = secrets.token_bytes(SECRET_BYTES), self._clock()
            with transaction(writer):
                # Another process may have been first; then its secret stays.
                writer.execute(
                    "INSERT OR IGNORE INTO sessions(name, created, checksum) VALUES (?, ?, ?)",
                    (session, now, checksum_of_bytes(session, now, b"")),
                )
                writer.execute(
                    "INSERT OR IGNORE INTO secrets(session, secret, checksum) VALUES (?, ?, ?)",
                    (session, secret, checksum_of_bytes(session, 0, secret)),
                )
        return int(writer.execute(_LAST_SEQ, (session,)).fetchone()[0])

    def _secret(self, writer: sqlite3.Connection, session: str) -> bytes:
        secret, checksum = writer.execute(
            "SELECT secret, checksum FROM secrets WHERE session = ?", (session,)
        ).fetchone()
        if not is_whole(session, 0, secret, checksum):
            raise CorruptLog(self.path, f"the secret of '{session}' is not what was written")
        return bytes(secret)

    def _refuse_loss(self, writer: sqlite3.Connection, session: str) -> None:
        found = writer.execute(f"{CLAIMS} WHERE session = ?", (session,)).fetchone()
        claim = Claim(*found) if found is not None else Claim(session, "", 0, 0)
        if found is None:
            claim = claim._replace(last=writer.execute(_LAST_SEQ, (session,)).fetchone()[0])
        loss = loss_of(self._file, self.path, claim)
        if loss is not None:
            raise loss

    def _note_claim(
        self, writer: sqlite3.Connection, session: str, lock: SessionLock, last: int
    ) -> None:
        """Record in the file that *session* is open, and in the lock file what is committed."""
        token = secrets.token_hex(6)
        lock.forget()  # its note belongs to an older claim
        with transaction(writer):
            writer.execute(_CLAIM, (session, token, last))
        with suppress(sqlite3.OperationalError):
            writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
        claims = claims_in_file(self._file) or []
        # Not while somebody reads an older state: then the file itself lacks the claim.
        in_file = any(claim.token == token for claim in claims)
        lock.name_claim(token if in_file else "", last)

    # ---- a file that went away ----

    def _find_file(self, now: float) -> None:
        """Check that the file is where it was; if it stays away, go on in another one."""
        if self._is_in_place():
            self._seen, self._away_since = now, None
            return
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since < RESCUE_SECONDS:
            raise MovedLog(self.path, rescue_path(self._file))
        self._rescue()

    def _rescue_at_the_end(self) -> None:
        if self._writer is not None and self._files and not self._is_in_place():
            try:
                self._rescue()
            except (OSError, sqlite3.Error) as error:
                _warn(f"{self.path} is gone, and its content could not be saved elsewhere: {error}")

    def _rescue(self) -> None:
        """Write the log to a file beside the one that went away, and go on there."""
        assert self._writer is not None
        rescue = rescue_path(self._file)
        descriptor, draft = tempfile.mkstemp(suffix=".new", dir=os.path.dirname(rescue))
        os.close(descriptor)
        try:
            with closing(connect(draft, "mode=rw")) as copy:
                self._writer.backup(copy)
            os.rename(draft, rescue)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft)
        self._adopt(rescue)

    def _adopt(self, file: str) -> None:
        """Go on in *file*, which has all that is committed."""
        assert self._writer is not None
        locks = {name: SessionLock.take(lock_path(file, name)) for name in self._claims}
        with self._pool_lock:
            gone, self._readers = [*self._readers, self._writer], []
            # Closing them would remove, by its name, a journal that may be another file's.
            for connection in gone:
                _never_close(connection)
            self._file = self.path = file
            self._writer = connect_writer(file, self._durable)
        wait_for_others(self._writer, self._patience)
        for name, lock in locks.items():
            self._claims.pop(name).release(keep=True)  # its note: the old file lacks events
            if lock is not None:
                self._claims[name] = lock
                last = int(self._writer.execute(_LAST_SEQ, (name,)).fetchone()[0])
                self._note_claim(self._writer, name, lock, last)
        self._note_files()

    def _close_writer(self, writer: sqlite3.Connection) -> None:
        # Other processes may be reading, so closing alone would leave the newest events in the
        # WAL, and a copy of the file without them.
        if not self._is_in_place():
            _never_close(writer)
            return
        self._settle_killed(writer)
        _empty_journal(writer)
        writer.close()

    def _settle_killed(self, writer: sqlite3.Connection) -> None:
        """Note that nothing is missing of sessions whose writers were killed, where that is so."""
        with suppress(sqlite3.Error, OSError, CorruptLog):
            wait_for_others(writer, 1.0)
            for claim in claims_of(writer.execute(CLAIMS).fetchall(), self.path):
                if not claim.token:
                    continue
                lock = SessionLock.take(lock_path(self._file, claim.session))
                if lock is None:
                    continue  # it is being written
                lost = loss_of(self._file, self.path, claim) is not None
                if not lost:
                    _note_closed(writer, claim.session)
                lock.release(keep=lost)

    def _read_pages(
        self,
        session: str,
        bounds: tuple[int, int | None],
        filters: tuple[str, list[str]],
        newest_first: bool = False,
    ) -> Iterator[list[Row]]:
        """Return pages of rows with the columns of Event, up to the last that is there now."""
        after, until = bounds
        last = self.last_seq(session)
        numbers = max(after, 0), last if until is None else min(until, last)
        return self._pages_between(session, numbers, filters, newest_first)

    def _pages_between(
        self,
        session: str,
        numbers: tuple[int, int],
        filters: tuple[str, list[str]],
        newest_first: bool,
    ) -> Iterator[list[Row]]:
        (low, high), (conditions, values) = numbers, filters
        order = "DESC" if newest_first else "ASC"
        query = f"{_SELECT.format(self._checksum)}{conditions} ORDER BY seq {order}"
        while low < high:
            with naming_damage(self.path):
                page, more = self._fetch_page(query, (session, low, high, *values))
            _check_rows(page, self.path)
            first, last = (high, low + 1) if newest_first else (low + 1, high)
            if not conditions:  # no filter leaves out events: every number must be there
                _check_gapless(page, first, _seq_of(page[-1]) if more else last, self.path)
            if page:
                yield page
            if not more:
                return
            end = _seq_of(page[-1])
            low, high = (low, end - 1) if newest_first else (end, high)

    @contextmanager
    def _copied(self, events: int) -> Iterator[str | None]:
        """Give a copy of the file to read so many events from; None where it would not help."""
        with ExitStack() as stack:
            yield self._copy(events, stack) if are_read_as_arrays(events) else None

    def _copy(self, events: int, stack: ExitStack) -> str | None:
        size = os.stat(self._file).st_size
        if self._checksum == "NULL" or size > events * _BYTES_AN_EVENT:
            return None
        try:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="uproot_nb-", ignore_cleanup_errors=True)
            )
            if shutil.disk_usage(folder).free < 2 * size:
                return None
            copy = os.path.join(folder, "log.sqlite3")
            if not self._copy_unopened(copy):
                self._with_reader(partial(_back_up, copy=copy))
        except (OSError, sqlite3.Error):
            return None
        return copy

    def _copy_unopened(self, copy: str) -> bool:
        """Copy a file that nobody writes by its bytes, in a third of the time of a backup."""
        before = _signature(self._file)
        if not self._readonly or has_journal(self._file):
            return False
        shutil.copyfile(self._file, copy)
        if not has_journal(self._file) and _signature(self._file) == before:
            return True
        os.unlink(copy)
        return False

    def _fetch(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._with_reader(lambda reader: reader.execute(query, values).fetchall())

    def _fetch_page(self, query: str, values: Sequence[Any]) -> tuple[list[Row], bool]:
        return self._with_reader(partial(_page, query=query, values=values))

    def _with_reader(self, fetch: Callable[[sqlite3.Connection], _Fetched]) -> _Fetched:
        """Return what *fetch* reads through a connection that nobody else uses meanwhile."""
        if self._readonly:
            return self._from_file(fetch)
        reader = self._take_reader()
        try:
            fetched = fetch(reader)
        except BaseException:
            reader.close()
            raise
        self._give_back(reader)
        return fetched

    def _from_file(self, fetch: Callable[[sqlite3.Connection], _Fetched]) -> _Fetched:
        """Read as a guest, who leaves nothing beside the file and works in a locked folder too."""
        while True:
            if self._refusal:
                raise ValueError(self._refusal)
            before = _signature(self._file)
            if has_journal(self._file):
                with closing(connect(self._file, "mode=ro")) as reader:
                    return fetch(reader)
            reader = self._take_reader("mode=ro&immutable=1", before)
            try:
                fetched = fetch(reader)
            except BaseException:
                reader.close()
                raise
            # A writer that came meanwhile may have changed pages under us: read again.
            if not has_journal(self._file) and _signature(self._file) == before:
                self._give_back(reader, before)
                return fetched
            reader.close()

    def _close_readers(self) -> None:
        """Close the readers that nobody uses just now."""
        with self._pool_lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()

    def _take_reader(
        self, options: str = "mode=ro", file: _Signature | None = None
    ) -> sqlite3.Connection:
        """Return a reader; those of the file as it was before a change are closed."""
        with self._pool_lock:
            if self._refusal:
                raise ValueError(self._refusal)
            if self._read_as != file:
                while self._readers:
                    self._readers.pop().close()
                self._read_as = file
            if self._readers:
                return self._readers.pop()
        return connect(self._file, options)

    def _give_back(self, reader: sqlite3.Connection, file: _Signature | None = None) -> None:
        with self._pool_lock:
            if not self._refusal and not self._resting and self._read_as == file:
                self._readers.append(reader)
                return
        reader.close()


def are_read_as_arrays(events: int) -> bool:
    """Return whether `read_arrays` reads so many events as arrays, unless the file prevents it."""
    return events >= LONG_READ and has_arrow_driver()


def _signature(file: str) -> _Signature:
    now = os.stat(file)
    return now.st_ino, now.st_size, now.st_mtime_ns


# ---- reading and writing --------------------------------------------------------------------


_SELECT = (
    f"SELECT {', '.join(COLUMNS)}, {{}} FROM events WHERE session = ? AND seq > ? AND seq <= ?"
)
_CLAIM = "INSERT OR REPLACE INTO claims(session, token, seq) VALUES (?, ?, ?)"
_CLOSED = """
UPDATE claims SET token = '', seq = coalesce((
    SELECT max(events.seq) FROM events WHERE events.session = claims.session
), 0) WHERE session = ?
"""
_as_event: Callable[[Row], Event] = partial(tuple.__new__, Event)


def _filters(
    kinds: Collection[str] | None, subject: str | None = None, field: str | None = None
) -> tuple[str, list[str]]:
    conditions, values = "", []
    if kinds is not None:
        values += sorted(set(kinds))
        conditions += f" AND kind IN ({', '.join('?' * len(values))})"
    if subject is not None:
        values.append(subject)
        conditions += " AND subject = ?"
    if field is not None:
        values.append(field)
        conditions += " AND field = ?"
    return conditions, values


def _page(reader: sqlite3.Connection, query: str, values: Sequence[Any]) -> tuple[list[Row], bool]:
    """Return the first rows, bounded in number and size, and whether there may be more."""
    rows: list[Row] = []
    characters = 0
    with closing(reader.execute(query, values)) as cursor:
        while len(rows) < _ROWS_A_PAGE and characters < _CHARACTERS_A_PAGE:
            fetched = cursor.fetchmany(_ROWS_A_FETCH)
            if not fetched:
                return rows, False
            rows += fetched
            with suppress(TypeError):  # damaged rows, which are checked next
                characters += sum(map(len, map(_value_of, fetched)))
    return rows, True


_seq_of: Callable[[Row], int] = itemgetter(COLUMNS.index("seq"))
_value_of: Callable[[Row], str] = itemgetter(COLUMNS.index("value"))


def _back_up(reader: sqlite3.Connection, copy: str) -> None:
    with closing(connect(copy, "mode=rwc")) as target:
        target.execute("PRAGMA synchronous = OFF")
        reader.backup(target)


def _check_rows(page: list[Row], path: str) -> None:
    damaged = first_damaged(page)
    if damaged is not None:
        raise CorruptLog(path, f"event {damaged} is not what was written")


def _check_gapless(page: list[Row], first: int, last: int, path: str) -> None:
    """Check that *page* holds every event from *first* to *last*, in either order."""
    # They are ordered and distinct, so the ends and the count suffice.
    seqs = list(map(_seq_of, page))
    if len(seqs) == abs(last - first) + 1 and (seqs[0], seqs[-1]) == (first, last):
        return
    step = 1 if first <= last else -1
    expected = list(range(first, last + step, step))
    if seqs != expected:
        missing = next((seq for seq in expected if seq not in set(seqs)), first)
        raise CorruptLog(path, f"event {missing} is missing")


def _insert(writer: sqlite3.Connection, events: Sequence[Event]) -> None:
    # Every SQLite step lets go of the GIL, and a busy cell is slow to give it back: so many rows
    # are one statement, and few enough of them one transaction by itself.
    if len(events) <= _ROWS_A_STATEMENT:
        _insert_rows(writer, events)
        return
    with transaction(writer):
        for start in range(0, len(events), _ROWS_A_STATEMENT):
            _insert_rows(writer, events[start : start + _ROWS_A_STATEMENT])


def _insert_rows(writer: sqlite3.Connection, events: Sequence[Event]) -> None:
    rows = [(*event, checksum_of_event(event)) for event in events]
    writer.execute(_insertion(len(events)), tuple(chain.from_iterable(rows)))


@lru_cache(maxsize=_ROWS_A_STATEMENT)
def _insertion(rows: int) -> str:
    row = f"({','.join('?' * (len(COLUMNS) + 1))})"
    return f"INSERT INTO events({','.join(COLUMNS)},checksum) VALUES {','.join([row] * rows)}"


# ---- which file it is ----


def _note_closed(writer: sqlite3.Connection, session: str) -> None:
    with transaction(writer):
        writer.execute(_CLOSED, (session,))


def _empty_journal(writer: sqlite3.Connection) -> None:
    """Bring what the WAL holds into the file, unless somebody reads it for longer than a second."""
    with suppress(sqlite3.OperationalError):
        wait_for_others(writer, 1.0)
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=6)


def accept_loss(path: str | os.PathLike[str]) -> list[str]:
    """Let a log go on without the events that are missing; return the sessions that lack some.

    Its journal must not be there any more: put it back if you have it.
    """
    file = os.path.realpath(os.fspath(path))
    accepted = []
    for claim in claims_in_file(file) or []:
        if loss_of(file, str(path), claim) is None:
            continue
        lock = SessionLock.take(lock_path(file, claim.session))
        if lock is None:
            raise SessionTaken(claim.session, str(path))
        lock.release()
        accepted.append(claim.session)
    with closing(connect_writer(file, durable=True)) as writer:
        for session in accepted:
            _note_closed(writer, session)
    return accepted


def _refuse_inherited(file: str, path: str) -> None:
    if _identity(file) in _INHERITED:
        raise UprootError(
            f"{path} is open in the process that this one was forked from.\n"
            "Open it here with readonly=True, or start processes by 'spawn'."
        )


def _identity(file: str) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino


# ---- forked children ------------------------------------------------------------------------

# A forked child must not touch the parent's SQLite connections, nor close them, nor write to
# these files by connections of its own: SQLite would take the parent's locks for the child's.
# os.register_at_fork cannot be undone, so the process has one list of logs for it.
_OPEN_LOGS: WeakSet[SqliteLog] = WeakSet()
_INHERITED: set[tuple[int, int]] = set()


def _disown_all() -> None:
    for log in list(_OPEN_LOGS):
        log._disown()


def _never_close(connection: sqlite3.Connection) -> None:
    import ctypes  # in forked children only

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
