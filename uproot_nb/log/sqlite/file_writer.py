"""FileWriter: the connection that writes a log's file, and what rescues a file that went away."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from uproot_nb.errors import LogBusy, MovedLog, SessionTaken
from uproot_nb.log.refusals import closed, read_only
from uproot_nb.log.sqlite.claims import SessionClaims, empty_journal
from uproot_nb.log.sqlite.connections import connect, connect_writer, wait_for_others
from uproot_nb.log.sqlite.failures import primary_code
from uproot_nb.log.sqlite.forks import is_inherited, never_close
from uproot_nb.log.sqlite.leftovers import rescue_path
from uproot_nb.log.sqlite.log_file import LogFile
from uproot_nb.log.sqlite.opening import check_version, upgrade
from uproot_nb.log.sqlite.readers import FileReaders

__all__ = ["CHECK_SECONDS", "RESCUE_SECONDS", "FileWriter"]

CHECK_SECONDS = 0.05
"""How often the file's place is checked; a check costs as much as a row."""
RESCUE_SECONDS = 5.0
"""How long a file may be away before all of it is written to another one."""
_CLAIM_SECONDS = 3.0
"""How long claiming and reading wait while another program has locked the file."""


class FileWriter:
    """Lends the one connection that writes to the file, to one thread at a time.

        with writer.using("market") as connection:
            connection.execute("DELETE FROM snapshots")

    If the file is away for too long, all of it is written to another one, where it goes on.
    A log that is only read has no such connection.
    """

    def __init__(
        self,
        file: LogFile,
        readers: FileReaders,
        claims: SessionClaims,
        durable: bool,
        monotonic: Callable[[], float],
    ) -> None:
        self._file, self._readers, self._claims = file, readers, claims
        self._durable, self._monotonic = durable, monotonic
        self._start()

    def _start(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._patience = _CLAIM_SECONDS
        self._lock = threading.RLock()

    def open(self) -> None:
        """Connect, and bring an older file to the newest layout."""
        self._connection = connect_writer(self._file.name, self._durable)
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        check_version(version, self._file.path)
        upgrade(self._connection)
        wait_for_others(self._connection, self._patience)

    @contextmanager
    def using(self, session: str, briefly: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection; *briefly*: wait no longer than `be_patient` allows.

        Raises:
            LogBusy: another thread or program has been writing for too long.
            MovedLog: the file is not where it was.
        """
        if not self._lock.acquire(timeout=self._patience if briefly else -1):
            raise LogBusy(self._file.path)
        try:
            if self._file.refusal is not None:
                self._refuse(session)
            if self._connection is None:
                raise read_only(self._file.path)
            if (now := self._monotonic()) - self._file.seen >= CHECK_SECONDS:
                self._find_file(now)
            if not briefly:
                wait_for_others(self._connection, _CLAIM_SECONDS)
            try:
                yield self._connection
            except sqlite3.OperationalError as error:
                if primary_code(error) == sqlite3.SQLITE_BUSY:
                    raise LogBusy(self._file.path) from error
                raise
            finally:
                if not briefly:
                    wait_for_others(self._connection, self._patience)
        finally:
            self._lock.release()

    def be_patient(self, seconds: float) -> None:
        """Let who uses the connection briefly wait that long for other programs."""
        with self._lock:
            self._patience = seconds
            if self._connection is not None:
                wait_for_others(self._connection, seconds)

    def release(self, session: str) -> None:
        """Stop being the writer of *session*."""
        with self._lock:
            writer = self._connection if self._file.is_in_place() else None
            self._claims.release(session, writer)
            if writer is not None:
                wait_for_others(writer, self._patience)

    def rest(self) -> None:
        """Close the file, unless a session is claimed."""
        with self._lock:
            if not self._claims.locks and self._file.refusal is None:
                self._readers.rest()
                self._disconnect()

    def close(self) -> None:
        """Release every session and close the file."""
        with self._lock:
            self._rescue_at_the_end()
            for session in list(self._claims.locks):
                self.release(session)
            self._readers.refuse(closed)
            self._disconnect()

    def disown(self) -> None:
        """In a forked child: let go of the parent's connection, without closing it."""
        if self._connection is not None:
            never_close(self._connection)
        self._claims.disown()
        self._start()
        self._file.disown()

    def _refuse(self, session: str) -> None:
        if is_inherited(self._file.name):
            raise SessionTaken(session, self._file.path)
        self._file.check_usable()

    def _disconnect(self) -> None:
        # Other processes may be reading, so closing alone would leave the newest events in the
        # WAL, and a copy of the file without them.
        if self._connection is None:
            return
        if self._file.is_in_place():
            self._claims.settle_killed(self._connection)
            empty_journal(self._connection)
            self._connection.close()
        else:
            never_close(self._connection)
        self._connection = None

    # ---- a file that went away ----

    def _find_file(self, now: float) -> None:
        """Check that the file is where it was; if it stays away, go on in another one."""
        away = self._file.seconds_away(now)
        if away is None:
            return
        if away < RESCUE_SECONDS:
            raise MovedLog(self._file.path, rescue_path(self._file.name))
        self._rescue()

    def _rescue_at_the_end(self) -> None:
        if self._connection is None or not self._file.is_known or self._file.is_in_place():
            return
        try:
            self._rescue()
        except (OSError, sqlite3.Error) as error:
            path = self._file.path
            text = f"{path} is gone, and its content could not be saved elsewhere: {error}"
            warnings.warn(text, stacklevel=6)

    def _rescue(self) -> None:
        """Write the log to a file beside the one that went away, and go on there."""
        assert self._connection is not None
        rescue = rescue_path(self._file.name)
        descriptor, draft = tempfile.mkstemp(suffix=".new", dir=os.path.dirname(rescue))
        os.close(descriptor)
        try:
            with closing(connect(draft, "mode=rw")) as copy:
                self._connection.backup(copy)
            os.rename(draft, rescue)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft)
        self._adopt(rescue)

    def _adopt(self, file: str) -> None:
        """Go on in *file*, which has all that is committed."""
        assert self._connection is not None
        locks = self._claims.locks_beside(file)
        with self._readers.forsaking():
            never_close(self._connection)  # as closing the readers, it would remove a journal
            self._file.move_to(file)
            self._connection = connect_writer(file, self._durable)
        wait_for_others(self._connection, self._patience)
        self._claims.move(self._connection, locks)
        self._file.remember()
