"""SqliteLog: events in an SQLite file, with one writer a session and readers in any process."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from uproot_nb.errors import CorruptLog, LostEvents, UprootError
from uproot_nb.log.arrow_pages import EventArrays, completed, read_arrow_pages
from uproot_nb.log.checksums import is_whole
from uproot_nb.log.erasing.finishing import finish_erasures
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.log import SessionRecord, Snapshot
from uproot_nb.log.paging import EventFilter, Row
from uproot_nb.log.sqlite.claims import LAST_SEQ, SessionClaims
from uproot_nb.log.sqlite.copies import FileCopies
from uproot_nb.log.sqlite.damages import count_rows, find_damages
from uproot_nb.log.sqlite.erasures import (
    forget_erasure,
    intend_erasure,
    replace_events,
    stopping_at_failures,
    unfinished,
    wipe,
)
from uproot_nb.log.sqlite.failures import naming_damage, naming_place
from uproot_nb.log.sqlite.file_events import FileEvents, conditions_of
from uproot_nb.log.sqlite.file_writer import FileWriter
from uproot_nb.log.sqlite.forks import disown_in_children, is_inherited
from uproot_nb.log.sqlite.layout import NO_CHECKSUM, check_layout
from uproot_nb.log.sqlite.leftovers import check_journal
from uproot_nb.log.sqlite.log_file import LogFile
from uproot_nb.log.sqlite.opening import prepare
from uproot_nb.log.sqlite.readers import FileReaders
from uproot_nb.log.sqlite.snapshots import find_snapshot, store_snapshot
from uproot_nb.log.stored_log import StoredLog, newest_whole

__all__ = ["SqliteLog"]

_SESSIONS = """
SELECT name, created,
    coalesce((SELECT time FROM events WHERE session = name ORDER BY seq DESC LIMIT 1), 0.0),
    coalesce((SELECT seq FROM events WHERE session = name ORDER BY seq DESC LIMIT 1), 0), {}
FROM sessions ORDER BY created, rowid
"""
_SPANS = """
SELECT kind, min(seq), max(seq) FROM events WHERE session = ? AND seq <= ?{} GROUP BY kind
"""


class SqliteLog(StoredLog):
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

    def __init__(
        self,
        path: str | os.PathLike[str],
        readonly: bool = False,
        durable: bool = False,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        file = self._file = LogFile(os.fspath(path))
        self._readers = FileReaders(file, as_guest=readonly)
        self._claims = SessionClaims(file, clock)
        self._writer = FileWriter(file, self._readers, self._claims, durable, monotonic)
        with naming_place(file.path):
            self._checksum = self._open(readonly)
        super().__init__(FileEvents(file, self._readers, self._checksum))
        has_checksums = self._checksum != NO_CHECKSUM
        self._copies = FileCopies(file, self._readers, has_checksums)
        disown_in_children(self._readers)
        disown_in_children(self._writer)

    def _open(self, readonly: bool) -> str:
        """Open the file; return its column of checksums."""
        file = self._file
        prepare(file.name, file.path, readonly)
        if not readonly and is_inherited(file.name):
            raise UprootError(
                f"{file.path} is open in the process that this one was forked from.\n"
                "Open it here with readonly=True, or start processes by 'spawn'."
            )
        try:
            check_journal(file.name, file.path)
        except LostEvents as loss:
            if not readonly:
                raise
            warnings.warn(str(loss), stacklevel=5)
        try:
            if not readonly:
                self._writer.open()
            checksum = check_layout(file, self._readers)
        except BaseException:
            self.close()
            raise
        file.remember()
        return checksum

    @property
    def path(self) -> str:
        """The file, under the name that was given; another one after this one went away."""
        return self._file.path

    @property
    def place(self) -> str:
        """The file, by which the log can be opened again."""
        return self._file.path

    # ---- the writer of a session ----

    def claim(self, session: str) -> bytes:
        """Become the one writer of *session* (made if new) and return its secret.

        Raises:
            LostEvents: the log lacks events that a killed process had committed.
        """
        with self._writer.using(session) as writer, naming_place(self.path):
            secret = self._claims.claim(writer, session)
            players = [player for _, player in unfinished(writer, session)]
            forget = partial(forget_erasure, writer, session)
            for busy in finish_erasures(self, session, players, forget):
                warnings.warn(str(busy), stacklevel=4)
            return secret

    def release(self, session: str) -> None:
        """Stop being the writer of *session*; its events are all in the one file then.

        Unless somebody reads just now: then they stay in the journal beside it until the log is
        closed.
        """
        self._writer.release(session)

    def note_running(self, session: str, text: str) -> None:
        """Record what is running in the session's lock file.

        The file remains when the process is killed, and needs no transaction.
        """
        lock = self._claims.locks.get(session)
        if lock is not None:
            lock.note_running(text)

    def running(self, session: str) -> str:
        """Return what was running when the last writer of *session* died."""
        lock = self._claims.locks.get(session)
        return "" if lock is None else lock.running

    def be_patient(self, seconds: float) -> None:
        """Let `append` wait that long for other programs."""
        self._writer.be_patient(seconds)

    def check_place(self) -> None:
        """Check that the file is where it was; if it stays away, go on in another one.

        Raises:
            MovedLog: it was moved, deleted or replaced; nothing can be committed.
        """
        with self._writer.using("", briefly=True):
            pass

    def append(self, events: Sequence[Event]) -> None:
        """Commit *events*, all or none.

        Raises:
            LogBusy: another program has been writing for too long; nothing was written.
            MovedLog: the file is not where it was; nothing was written.
        """
        if events:
            session, file = events[0].session, self._file
            with self._writer.using(session, briefly=True) as writer, naming_damage(file.path):
                self._claims.append(writer, events)

    # ---- erasing ----

    def intend_erasure(self, session: str, player: str) -> None:
        """Note that a player is to be erased; from the event `erase` on, that is finished."""
        with (
            self._writer.using(session) as writer,
            stopping_at_failures(self.path, is_hidden=False),
        ):
            intend_erasure(writer, session, player)

    def erase(self, session: str, player: str, changed: Sequence[Event]) -> None:
        """Put *changed* in the place of a player's events, and leave no byte of what was there.

        Raises:
            UnfinishedErasure: somebody reads the file just now, or the disk is full.
        """
        with self._writer.using(session) as writer:
            with stopping_at_failures(self.path, is_hidden=False):
                replace_events(writer, session, changed)
            self._readers.close_idle()
            wipe(writer, self.path)
            with stopping_at_failures(self.path, is_hidden=True):
                forget_erasure(writer, session, player)

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
        with self._copies.made(for_events=high - low) as copy:
            if copy is None:
                yield from self.read_columns(session, low, high, kinds)
                return
            pages = read_arrow_pages(copy, session, (low, high), conditions_of(EventFilter(kinds)))
            yield from completed(
                pages, (low, high), kinds is None,
                lambda low, high: self.read_columns(session, low, high, kinds),
            )  # fmt: skip

    def spans(self, session: str, until: int, kinds: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return the first and the last seq <= until of each of these *kinds* that occurs."""
        conditions, values = conditions_of(EventFilter(kinds))
        with naming_damage(self.path):
            rows = self._readers.fetch(_SPANS.format(conditions), (session, until, *values))
        return {kind: (first, last) for kind, first, last in rows}

    def last_seq(self, session: str) -> int:
        """Return the seq of the last committed event, 0 for none."""
        with naming_damage(self.path):
            return int(self._readers.fetch(LAST_SEQ, (session,))[0][0])

    def sessions(self) -> list[SessionRecord]:
        """Return every session, oldest first."""
        with naming_damage(self.path):
            rows = self._readers.fetch(_SESSIONS.format(self._checksum))
        for name, created, _, _, checksum in rows:
            if not is_whole(name, created, b"", checksum):
                raise CorruptLog(
                    self.path, f"the record of session '{name}' is not what was written"
                )
        return [SessionRecord(*row[:-1]) for row in rows]

    def damage(self) -> list[str]:
        """Return the faults that SQLite finds in the file, and the rows that are damaged."""
        return find_damages(self._readers, self.path, self._checksum)

    def counts(self) -> tuple[int, int, int]:
        """Return how many sessions and events there are, and how many lack a checksum."""
        return count_rows(self._readers, self.path, self._checksum)

    # ---- snapshots ----

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store *snapshot*, and delete older ones that `retained_snapshots` does not name."""
        session = snapshot.session
        with self._writer.using(session, briefly=True) as writer, naming_damage(self.path):
            store_snapshot(writer, snapshot)

    def load_snapshot(self, session: str, until: int | None = None) -> Snapshot | None:
        """Return the newest snapshot with seq <= until."""

        def find(until: int | None) -> Row | None:
            with naming_damage(self.path):
                return find_snapshot(self._readers, self._checksum, session, until)

        return newest_whole(find, until)

    # ---- the end ----

    def rest(self) -> None:
        """Close the file; reading opens it for a moment from now on."""
        self._writer.rest()

    def close(self) -> None:
        """Release every session and close the file."""
        self._writer.close()
