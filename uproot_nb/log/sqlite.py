"""SqliteLog: events in an SQLite file, with one writer a session and readers in any process."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import sqlite3
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar
from weakref import WeakSet

from uproot_nb.errors import AlienFile, LogBusy, SessionTaken, TornLog, UprootError
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.log import (
    SECRET_BYTES,
    SessionRecord,
    Snapshot,
    check_succession,
    snapshots_to_keep,
)

__all__ = ["APPLICATION", "VERSION", "SqliteLog"]

APPLICATION = int.from_bytes(b"upnb")
"""SQLite's application_id of our files."""
VERSION = 1
"""SQLite's user_version: the layout below."""

Row: TypeAlias = tuple[Any, ...]
"""A row as SQLite gives it; its columns are typed where it becomes an Event or a record."""

_Fetched = TypeVar("_Fetched")
_Signature: TypeAlias = tuple[int, int, int]

_COLUMNS = Event._fields
_LAYOUT = """
CREATE TABLE events(
    seq INTEGER NOT NULL, time REAL NOT NULL, session TEXT NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, actor TEXT NOT NULL,
    page TEXT NOT NULL, cause TEXT NOT NULL, code TEXT NOT NULL,
    PRIMARY KEY(session, seq)
) WITHOUT ROWID;
CREATE TABLE sessions(name TEXT NOT NULL UNIQUE, created REAL NOT NULL);
CREATE TABLE secrets(session TEXT NOT NULL UNIQUE, secret BLOB NOT NULL);
CREATE TABLE snapshots(
    session TEXT NOT NULL, seq INTEGER NOT NULL, state BLOB NOT NULL, UNIQUE(session, seq)
);
"""
_TABLES = {"events", "sessions", "secrets", "snapshots"}
_SESSIONS = """
SELECT name, created,
    coalesce((SELECT time FROM events WHERE session = name ORDER BY seq DESC LIMIT 1), 0.0),
    coalesce((SELECT seq FROM events WHERE session = name ORDER BY seq DESC LIMIT 1), 0)
FROM sessions ORDER BY created, rowid
"""
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM events WHERE session = ?"

_BUSY_SECONDS = 10.0
"""How long claiming and reading wait while another program has locked the file."""
_APPEND_SECONDS = 0.005
"""How long writing waits, on the run's own loop; whoever writes tries again."""
_ROWS_A_STATEMENT = 200
_ROWS_A_FETCH = 64
_ROWS_A_PAGE = 1024
_CHARACTERS_A_PAGE = 4_000_000
_WAL_BYTES_KEPT = 64_000_000


class SqliteLog:
    """Keep events in an SQLite file, made if it is missing.

    With *readonly* the file is only read, beside a living writer or after it; with *durable* a
    commit also survives a power cut, not only a killed process, and takes longer.

        log = SqliteLog("uproot_nb.sqlite3")
        secret = log.claim("market")

    Raises:
        AlienFile: the file is not a log, or of a newer version; it is untouched.
        TornLog: the file is damaged.
        FileNotFoundError: its folder is missing, or the file itself with *readonly*.
        PermissionError: the file may not be read, or written.
    """

    _refusal: str
    _writer: sqlite3.Connection | None
    _readers: list[sqlite3.Connection]
    _read_as: _Signature | None
    _claims: dict[str, IO[bytes]]
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
    ) -> None:
        self.path = os.fspath(path)
        self._file = os.path.realpath(self.path)
        self._readonly = readonly
        self._clock = clock
        self._start()
        _prepare(self._file, self.path, readonly)
        with _naming_damage(self.path):
            if not readonly:
                self._writer = _connect_writer(self._file, durable)
            try:
                self._check_layout()
            except BaseException:
                self.close()
                raise
        _OPEN_LOGS.add(self)

    def claim(self, session: str) -> bytes:
        """Become the one writer of *session* (made if new) and return its secret."""
        with self._writing(session) as writer, _naming_damage(self.path):
            lock = None if session in self._claims else _take_lock(self._lock_path(session))
            if lock is None:
                raise SessionTaken(session, self.path)
            try:
                self._begin(writer, session)
                (secret,) = writer.execute(
                    "SELECT secret FROM secrets WHERE session = ?", (session,)
                ).fetchone()
            except BaseException:
                _release_lock(lock, self._lock_path(session))
                raise
            self._claims[session] = lock
            return bytes(secret)

    def release(self, session: str) -> None:
        """Stop being the writer of *session*; its events are all in the one file then.

        Unless somebody reads just now: then they stay in the journal beside it until the log is
        closed.
        """
        with self._write_lock:
            self._last.pop(session, None)
            lock = self._claims.pop(session, None)
            if lock is not None:
                if self._writer is not None:
                    _empty_journal(self._writer)
                _release_lock(lock, self._lock_path(session))

    def append(self, events: Sequence[Event]) -> None:
        """Commit *events*, all or none; never wait for another program.

        Raises:
            LogBusy: another program or thread is writing; nothing was written.
        """
        if not events:
            return
        session = events[0].session
        with self._writing(session, briefly=True) as writer, _naming_damage(self.path):
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
            if session in self._claims:  # else another writer may come between
                self._last[session] = events[-1].seq

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

        They are fetched a page at a time, so a slow consumer keeps neither memory nor the file.
        """
        filters = _filters(kinds, subject, field)
        pages = self._read_pages(session, (after, until), filters, newest_first)
        return chain.from_iterable(map(_as_event, page) for page in pages)

    def read_columns(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventColumns]:
        """Yield the same events as columns, a page at a time."""
        pages = self._read_pages(session, (after, until), _filters(kinds))
        return (EventColumns(*zip(*page, strict=True)) for page in pages)

    def last_seq(self, session: str) -> int:
        """Return the seq of the last committed event, 0 for none."""
        with _naming_damage(self.path):
            return int(self._fetch(_LAST_SEQ, (session,))[0][0])

    def sessions(self) -> list[SessionRecord]:
        """Return every session, oldest first."""
        with _naming_damage(self.path):
            return [SessionRecord(*row) for row in self._fetch(_SESSIONS)]

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep *snapshot*, and of those before it what `snapshots_to_keep` says."""
        with (
            self._writing(snapshot.session, briefly=True) as writer,
            _naming_damage(self.path),
            _transaction(writer),
        ):
            writer.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", snapshot)
            there = "SELECT seq FROM snapshots WHERE session = ?"
            seqs = {seq for (seq,) in writer.execute(there, (snapshot.session,))}
            for seq in seqs - snapshots_to_keep(seqs):
                writer.execute(
                    "DELETE FROM snapshots WHERE session = ? AND seq = ?", (snapshot.session, seq)
                )

    def load_snapshot(self, session: str, until: int | None = None) -> Snapshot | None:
        """Return the newest snapshot with seq <= until."""
        with _naming_damage(self.path):
            rows = self._fetch(
                "SELECT session, seq, state FROM snapshots WHERE session = ?1"
                " AND (?2 IS NULL OR seq <= ?2) ORDER BY seq DESC LIMIT 1",
                (session, until),
            )
        return Snapshot(*rows[0]) if rows else None

    def close(self) -> None:
        """Release every session and close the file."""
        with self._write_lock:
            for session in list(self._claims):
                self.release(session)
            with self._pool_lock:
                self._refusal = f"The log {self.path} is closed."
                readers, self._readers = self._readers, []
            for reader in readers:
                reader.close()
            if self._writer is not None:
                _close_writer(self._writer)
                self._writer = None

    def _start(self) -> None:
        """Hold nothing yet: no connection, no claim."""
        self._refusal = ""
        self._writer = None
        self._readers = []
        self._read_as = None
        self._claims = {}
        self._last = {}
        self._write_lock = threading.RLock()
        self._pool_lock = threading.Lock()

    def _disown(self) -> None:
        """In a forked child: let go of all that is the parent's, without closing the log."""
        _INHERITED.add(_identity(self._file))
        for connection in [*self._readers, *([self._writer] if self._writer else [])]:
            _keep_for_ever(connection)
        for lock in self._claims.values():
            lock.close()  # the parent keeps its own descriptor, and with it the lock
        self._start()
        self._refusal = (
            f"The log {self.path} belongs to the process that this one was forked from.\n"
            "Open it here with readonly=True, or start processes by 'spawn'."
        )

    def _check_layout(self) -> None:
        """Refuse a newer version that only the journal tells of, and a file without our tables."""
        _check_version(self._fetch("PRAGMA user_version")[0][0], self.path)
        names = self._fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
        for table in sorted(_TABLES):
            if (table,) not in names:
                raise TornLog(self.path, f"its table '{table}' is missing")
            self._fetch(f"SELECT 1 FROM {table} LIMIT 1")

    def _lock_path(self, session: str) -> str:
        name = hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{self._file}-{name}.lock"

    @contextmanager
    def _writing(self, session: str, briefly: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection that writes, which waits for other programs only if not *briefly*."""
        if not self._write_lock.acquire(timeout=_APPEND_SECONDS if briefly else -1):
            raise LogBusy(self.path)
        try:
            if self._refusal and _identity(self._file) in _INHERITED:
                raise SessionTaken(session, self.path)
            if self._refusal:
                raise ValueError(self._refusal)
            if self._writer is None:
                raise io.UnsupportedOperation(f"The log {self.path} was opened for reading only.")
            if not briefly:
                _wait_for_others(self._writer, _BUSY_SECONDS)
            try:
                yield self._writer
            except sqlite3.OperationalError as error:
                if _primary_code(error) == sqlite3.SQLITE_BUSY:
                    raise LogBusy(self.path) from error
                raise
            finally:
                if not briefly:
                    _wait_for_others(self._writer, _APPEND_SECONDS)
        finally:
            self._write_lock.release()

    def _begin(self, writer: sqlite3.Connection, session: str) -> int:
        """Note *session* if it is new, and return the seq of its last event."""
        known = "SELECT 1 FROM secrets WHERE session = ?"
        if writer.execute(known, (session,)).fetchone() is None:
            secret = secrets.token_bytes(SECRET_BYTES)
            with _transaction(writer):
                # Another process may have been first; then its secret stays.
                writer.execute(
                    "INSERT OR IGNORE INTO sessions VALUES (?, ?)", (session, self._clock())
                )
                writer.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (session, secret))
        return int(writer.execute(_LAST_SEQ, (session,)).fetchone()[0])

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
        query = f"{_SELECT}{conditions} ORDER BY seq {'DESC' if newest_first else 'ASC'}"
        while low < high:
            with _naming_damage(self.path):
                page, more = self._fetch_page(query, (session, low, high, *values))
            first, last = (high, low + 1) if newest_first else (low + 1, high)
            if not conditions:  # no filter leaves out events: every number must be there
                _check_gapless(page, first, _seq_of(page[-1]) if more else last, self.path)
            if page:
                yield page
            if not more:
                return
            end = _seq_of(page[-1])
            low, high = (low, end - 1) if newest_first else (end, high)

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
            if _has_journal(self._file):
                with closing(_connect(self._file, "mode=ro")) as reader:
                    return fetch(reader)
            reader = self._take_reader("mode=ro&immutable=1", before)
            try:
                fetched = fetch(reader)
            except BaseException:
                reader.close()
                raise
            # A writer that came meanwhile may have changed pages under us: read again.
            if not _has_journal(self._file) and _signature(self._file) == before:
                self._give_back(reader, before)
                return fetched
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
        return _connect(self._file, options)

    def _give_back(self, reader: sqlite3.Connection, file: _Signature | None = None) -> None:
        with self._pool_lock:
            if not self._refusal and self._read_as == file:
                self._readers.append(reader)
                return
        reader.close()


# ---- opening ------------------------------------------------------------------------------


def _connect(file: str, options: str) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(
        f"{Path(file).as_uri()}?{options}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=300,
    )
    return connection


def _connect_writer(file: str, durable: bool) -> sqlite3.Connection:
    writer = _connect(file, "mode=rw")
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        writer.execute(f"PRAGMA fullfsync = {int(durable)}")  # macOS: fsync alone is not enough
        writer.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
        _wait_for_others(writer, _APPEND_SECONDS)
    except BaseException:
        writer.close()
        raise
    return writer


def _close_writer(writer: sqlite3.Connection) -> None:
    # Other processes may be reading, so closing alone would leave the newest events in the WAL,
    # and a copy of the file without them.
    _empty_journal(writer)
    writer.close()


def _empty_journal(writer: sqlite3.Connection) -> None:
    """Bring what the WAL holds into the file, unless somebody reads it for longer than a second."""
    with suppress(sqlite3.OperationalError):
        _wait_for_others(writer, 1.0)
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _wait_for_others(writer, _APPEND_SECONDS)


def _wait_for_others(writer: sqlite3.Connection, seconds: float) -> None:
    """Let what *writer* does wait that long where another program has locked the file."""
    writer.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")


def _prepare(file: str, path: str, readonly: bool) -> None:
    """Make the file if it is missing; refuse it untouched if it is not a log of ours."""
    if not os.path.lexists(file):
        if readonly:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        _make(file)
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise AlienFile(path, "it is not a regular file", _ANOTHER_FILE)
    if not os.access(file, os.R_OK if readonly else os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    if not readonly and _identity(file) in _INHERITED:
        raise UprootError(
            f"{path} is open in the process that this one was forked from.\n"
            "Open it here with readonly=True, or start processes by 'spawn'."
        )
    if not readonly and os.stat(file).st_size == 0:
        _fill(file)
    _check_header(file, path)


def _make(file: str) -> None:
    """Make a whole log at once: whoever is killed meanwhile leaves no half of one."""
    folder, name = os.path.split(file)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    descriptor, draft = tempfile.mkstemp(prefix=f"{name}-", suffix=".new", dir=folder)
    os.close(descriptor)
    try:
        _fill(draft)
        _move_if_free(draft, file)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def _move_if_free(draft: str, file: str) -> None:
    if sys.platform == "win32":
        with suppress(FileExistsError):
            os.rename(draft, file)
        return
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was first; its log is as good
    except OSError:  # a file system without hard links
        if not os.path.lexists(file):
            os.rename(draft, file)


def _fill(file: str) -> None:
    """Lay out the tables in an empty file."""
    with closing(_connect(file, "mode=rw")) as writer:
        with _transaction(writer):
            if writer.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
                for statement in filter(str.strip, _LAYOUT.split(";")):
                    writer.execute(statement)
                writer.execute(f"PRAGMA application_id = {APPLICATION}")
                writer.execute(f"PRAGMA user_version = {VERSION}")
        writer.execute("PRAGMA journal_mode = WAL")


_ANOTHER_FILE = "Give another path; a log is made where there is no file yet."


def _check_header(file: str, path: str) -> None:
    """Refuse a file whose header is not ours.

    SQLite reads it, as "immutable": that neither locks nor writes. Opening the file ourselves
    would, on closing it, drop the locks that SQLite holds on it elsewhere in this process.
    """
    with closing(_connect(file, "mode=ro&immutable=1")) as reader:
        try:
            # A process killed in a checkpoint leaves a file shorter than its header says. The
            # journal mends that, but here it is not looked at; this lets the header be read.
            reader.execute("PRAGMA writable_schema = ON")
            application = reader.execute("PRAGMA application_id").fetchone()[0]
            version = reader.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if _primary_code(error) == sqlite3.SQLITE_NOTADB:
                reason = "it is not an SQLite database"
                raise AlienFile(path, reason, _ANOTHER_FILE) from error
            if _primary_code(error) == sqlite3.SQLITE_CORRUPT:
                raise TornLog(path, str(error)) from error
            raise
    if application != APPLICATION:
        raise AlienFile(path, "it is not a log of uproot_nb", _ANOTHER_FILE)
    _check_version(version, path)


def _check_version(version: int, path: str) -> None:
    if version > VERSION:
        reason = f"it has version {version}, and this uproot_nb knows {VERSION}"
        raise AlienFile(path, reason, "Upgrade uproot_nb, or give another path.")


def _has_journal(file: str) -> bool:
    return os.path.exists(f"{file}-wal")


def _signature(file: str) -> _Signature:
    now = os.stat(file)
    return now.st_ino, now.st_size, now.st_mtime_ns


# ---- reading and writing --------------------------------------------------------------------


_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM events WHERE session = ? AND seq > ? AND seq <= ?"
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
            characters += sum(map(len, map(_value_of, fetched)))
    return rows, True


_seq_of: Callable[[Row], int] = itemgetter(_COLUMNS.index("seq"))
_value_of: Callable[[Row], str] = itemgetter(_COLUMNS.index("value"))


def _check_gapless(page: list[Row], first: int, last: int, path: str) -> None:
    """Say whether *page* holds every event from *first* to *last*, in either order."""
    # They come in order and no number twice: the ends and the count tell.
    seqs = list(map(_seq_of, page))
    if len(seqs) == abs(last - first) + 1 and (seqs[0], seqs[-1]) == (first, last):
        return
    step = 1 if first <= last else -1
    expected = list(range(first, last + step, step))
    if seqs != expected:
        missing = next((seq for seq in expected if seq not in set(seqs)), first)
        raise TornLog(path, f"event {missing} is missing")


def _insert(writer: sqlite3.Connection, events: Sequence[Event]) -> None:
    # Every SQLite step lets go of the GIL, and a busy cell is slow to give it back: so many rows
    # are one statement, and few enough of them one transaction by itself.
    if len(events) <= _ROWS_A_STATEMENT:
        _insert_rows(writer, events)
        return
    with _transaction(writer):
        for start in range(0, len(events), _ROWS_A_STATEMENT):
            _insert_rows(writer, events[start : start + _ROWS_A_STATEMENT])


def _insert_rows(writer: sqlite3.Connection, events: Sequence[Event]) -> None:
    writer.execute(_insertion(len(events)), tuple(chain.from_iterable(events)))


@lru_cache(maxsize=_ROWS_A_STATEMENT)
def _insertion(rows: int) -> str:
    row = f"({','.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO events({','.join(_COLUMNS)}) VALUES {','.join([row] * rows)}"


@contextmanager
def _transaction(writer: sqlite3.Connection) -> Iterator[None]:
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
        writer.execute("COMMIT")
    except BaseException:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise


@contextmanager
def _naming_damage(path: str) -> Iterator[None]:
    """Raise TornLog where SQLite says that the file is malformed."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        damaged = _primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        if damaged or "Could not decode to UTF-8" in str(error):
            raise TornLog(path, str(error)) from error
        raise


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


# ---- one writer a session -------------------------------------------------------------------


def _take_lock(path: str) -> IO[bytes] | None:
    """Return the open, locked file, or None where another log has it; it dies with the process."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        if not _lock(descriptor):
            file.close()
            return None
        if _is_at(descriptor, path):
            return file
        file.close()  # its last holder removed the file just now: lock the new one


def _release_lock(file: IO[bytes], path: str) -> None:
    if sys.platform == "win32":  # an open file cannot be removed there
        file.close()
        with suppress(OSError):
            os.unlink(path)
        return
    with suppress(OSError):
        os.unlink(path)
    file.close()


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # only there

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # only elsewhere

            # Not lockf: that lock would go when any descriptor of the file is closed.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


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


def _keep_for_ever(connection: sqlite3.Connection) -> None:
    import ctypes  # in forked children only

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
