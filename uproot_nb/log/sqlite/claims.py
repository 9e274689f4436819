"""SessionClaims: the sessions that a log writes to its file."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress

from uproot_nb.errors import CorruptLog, SessionTaken
from uproot_nb.log.checksums import checksum_of_bytes, is_whole
from uproot_nb.log.events import Event
from uproot_nb.log.log import SECRET_BYTES, check_succession
from uproot_nb.log.sqlite.connections import connect_writer, transaction, wait_for_others
from uproot_nb.log.sqlite.insertion import insert_events
from uproot_nb.log.sqlite.leftovers import CLAIMS, Claim, claims_in_file, claims_of, loss_of
from uproot_nb.log.sqlite.log_file import LogFile
from uproot_nb.log.sqlite.session_lock import SessionLock, lock_path, read_note

__all__ = ["LAST_SEQ", "SessionClaims", "accept_loss", "empty_journal"]

LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM events WHERE session = ?"
_CLAIM = "INSERT OR REPLACE INTO claims(session, token, seq) VALUES (?, ?, ?)"
_CLOSED = """
UPDATE claims SET token = '', seq = coalesce((
    SELECT max(events.seq) FROM events WHERE events.session = claims.session
), 0) WHERE session = ?
"""


class SessionClaims:
    """The sessions that a log writes: their lock files, and what the file says of them.

        secret = claims.claim(writer, "market")
        claims.append(writer, events)
        claims.release("market", writer)

    Whoever calls a method has the connection that writes, and nobody else uses it meanwhile.

    Attributes:
        locks: the lock of each session that is claimed.
    """

    def __init__(self, file: LogFile, clock: Callable[[], float]) -> None:
        self._file, self._clock = file, clock
        self._start()

    def _start(self) -> None:
        self.locks: dict[str, SessionLock] = {}
        self._last: dict[str, int] = {}

    def claim(self, writer: sqlite3.Connection, session: str) -> bytes:
        """Become the one writer of *session* (made if new) and return its secret.

        Raises:
            SessionTaken: another log writes it.
            LostEvents: the file lacks events that a killed process had committed.
        """
        path = lock_path(self._file.name, session)
        lock = None if session in self.locks else SessionLock.take(path)
        if lock is None:
            raise SessionTaken(session, self._file.path)
        try:
            last = self._begin(writer, session)
            self._refuse_loss(writer, session)
            self._note_claim(writer, session, lock, last)
            secret = self._secret(writer, session)
        except BaseException:
            lock.release(keep=read_note(path) is not None)
            raise
        self.locks[session] = lock
        return secret

    def append(self, writer: sqlite3.Connection, events: Sequence[Event]) -> None:
        """Commit *events*, all or none.

        Raises:
            SessionTaken: there are events of these numbers.
        """
        session = events[0].session
        last = self._last.get(session)
        if last is None:
            last = self._begin(writer, session)
        check_succession(events, last, self._file.path)
        try:
            insert_events(writer, events)
        except sqlite3.IntegrityError as error:
            self._last.pop(session, None)
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
                raise SessionTaken(session, self._file.path) from error
            raise
        lock = self.locks.get(session)
        if lock is not None:  # else another writer may come between
            self._last[session] = seq = events[-1].seq
            lock.note(seq)

    def release(self, session: str, writer: sqlite3.Connection | None) -> None:
        """Stop being the writer of *session*, and note that its events are all there.

        Args:
            writer: None where the file is not in its place.
        """
        self._last.pop(session, None)
        lock = self.locks.pop(session, None)
        if lock is None:
            return
        if writer is not None:
            lock.forget()
            with suppress(sqlite3.Error):
                wait_for_others(writer, 1.0)
                _note_closed(writer, session)
            empty_journal(writer)
        lock.release()

    def locks_beside(self, file: str) -> dict[str, SessionLock | None]:
        """Take the locks of the claimed sessions in another file; None for one that is taken."""
        return {session: SessionLock.take(lock_path(file, session)) for session in self.locks}

    def move(self, writer: sqlite3.Connection, locks: Mapping[str, SessionLock | None]) -> None:
        """Go on in a file that has all that is committed, with its locks."""
        for session, lock in locks.items():
            self.locks.pop(session).release(keep=True)  # its note: the old file lacks events
            if lock is not None:
                self.locks[session] = lock
                last = int(writer.execute(LAST_SEQ, (session,)).fetchone()[0])
                self._note_claim(writer, session, lock, last)

    def settle_killed(self, writer: sqlite3.Connection) -> None:
        """Note that nothing is missing of sessions whose writers were killed, where that is so."""
        with suppress(sqlite3.Error, OSError, CorruptLog):
            wait_for_others(writer, 1.0)
            for claim in claims_of(writer.execute(CLAIMS).fetchall(), self._file.path):
                if not claim.token:
                    continue
                lock = SessionLock.take(lock_path(self._file.name, claim.session))
                if lock is None:
                    continue  # it is being written
                lost = loss_of(self._file.name, self._file.path, claim) is not None
                if not lost:
                    _note_closed(writer, claim.session)
                lock.release(keep=lost)

    def disown(self) -> None:
        """In a forked child: leave the sessions, and their locks, to the parent."""
        for lock in self.locks.values():
            lock.abandon()
        self._start()

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
        return int(writer.execute(LAST_SEQ, (session,)).fetchone()[0])

    def _refuse_loss(self, writer: sqlite3.Connection, session: str) -> None:
        found = writer.execute(f"{CLAIMS} WHERE session = ?", (session,)).fetchone()
        claim = Claim(*found) if found is not None else Claim(session, "", 0, 0)
        if found is None:
            claim = claim._replace(last=writer.execute(LAST_SEQ, (session,)).fetchone()[0])
        loss = loss_of(self._file.name, self._file.path, claim)
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
        claims = claims_in_file(self._file.name) or []
        # Not while somebody reads an older state: then the file itself lacks the claim.
        in_file = any(claim.token == token for claim in claims)
        lock.name_claim(token if in_file else "", last)

    def _secret(self, writer: sqlite3.Connection, session: str) -> bytes:
        secret, checksum = writer.execute(
            "SELECT secret, checksum FROM secrets WHERE session = ?", (session,)
        ).fetchone()
        if not is_whole(session, 0, secret, checksum):
            reason = f"the secret of '{session}' is not what was written"
            raise CorruptLog(self._file.path, reason)
        return bytes(secret)


def empty_journal(writer: sqlite3.Connection) -> None:
    """Bring what the WAL holds into the file, unless somebody reads it for longer than a second."""
    with suppress(sqlite3.OperationalError):
        wait_for_others(writer, 1.0)
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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


def _note_closed(writer: sqlite3.Connection, session: str) -> None:
    with transaction(writer):
        writer.execute(_CLOSED, (session,))
