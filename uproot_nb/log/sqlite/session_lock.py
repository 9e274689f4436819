"""SessionLock: the lock file of a session's one writer, with the last event that it committed."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from contextlib import suppress
from typing import IO, NamedTuple

__all__ = ["CommitNote", "SessionLock", "lock_path", "read_note"]

_LENGTH = 64
"""Bytes of a note: one write, which a killed process has made whole or not at all."""


class CommitNote(NamedTuple):
    """What a killed writer leaves in its lock file.

    `token` is what its claim has put into the log, empty if that is not surely in the file itself;
    `seq` is the last event that it has committed.
    """

    token: str
    seq: int


def lock_path(file: str, session: str) -> str:
    """Return the lock file of *session* in the log *file*."""
    name = hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{file}-{name}.lock"


def read_note(path: str) -> CommitNote | None:
    """Return the note in a lock file; None if there is none."""
    try:
        with open(path, "rb") as file:
            words = file.read(_LENGTH).split()
    except OSError:
        return None
    if len(words) != 3 or words[0] != b"seq" or not words[1].isdigit():
        return None
    return CommitNote(words[2].decode("ascii", "replace").strip("-"), int(words[1]))


class SessionLock:
    """An open, locked file: the lock ends with its process, the note in it stays.

    lock = SessionLock.take(lock_path(file, "market"))
    lock.name_claim("5f2a9c31d0e4", 12)
    lock.note(13)
    lock.release()
    """

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self.path, self._file, self._descriptor = path, file, file.fileno()
        self.running = self._read_running()
        """What ran when the last writer died; see `note_running`."""

    @classmethod
    def take(cls, path: str) -> SessionLock | None:
        """Return the lock, or None where another log has it."""
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            file = os.fdopen(descriptor, "r+b", buffering=0)
            if not _lock(descriptor):
                file.close()
                return None
            if _is_at(descriptor, path):
                return cls(path, file)
            file.close()  # its last holder removed the file just now: lock the new one

    def name_claim(self, token: str, seq: int) -> None:
        """Record this claim, and that everything up to *seq* is committed."""
        text = f"seq {seq:020d} {token or '-'}".ljust(_LENGTH - 1) + "\n"
        self._file.seek(0)
        self._file.write(text.encode())

    def note(self, seq: int) -> None:
        """Remember that everything up to *seq* is committed.

        On a full disk an older number stays: losses may be missed, never reported falsely.
        """
        with suppress(OSError):  # the events are in the log, whatever comes of this note
            _write_at(self._descriptor, b"%020d" % seq, 4)

    def note_running(self, text: str) -> None:
        """Remember what runs just now, behind the note: the next writer reads it in `running`."""
        self.running = text
        with suppress(OSError, ValueError):  # a full disk, or released meanwhile
            if os.fstat(self._descriptor).st_size < _LENGTH:
                _write_at(self._descriptor, b" " * _LENGTH, 0)
            content = text.encode()
            _write_at(self._descriptor, content, _LENGTH)
            os.ftruncate(self._descriptor, _LENGTH + len(content))

    def _read_running(self) -> str:
        try:
            self._file.seek(_LENGTH)
            return self._file.read().decode()
        except (OSError, UnicodeDecodeError):
            return ""

    def forget(self) -> None:
        """Clear the note: all events are in the log's file. What is running stays recorded."""
        with suppress(OSError):
            self._file.truncate(0)
            if self.running:
                self.note_running(self.running)

    def abandon(self) -> None:
        """In a forked child: close the descriptor; the parent has its own, and with it the lock."""
        self._file.close()

    def release(self, keep: bool = False) -> None:
        """Unlock and delete the file; with *keep*, or while something runs, leave it to be read."""
        if keep or self.running:
            self._file.close()
        elif sys.platform == "win32":  # an open file cannot be removed there
            self._file.close()
            with suppress(OSError):
                os.unlink(self.path)
        else:
            with suppress(OSError):
                os.unlink(self.path)
            self._file.close()


def _write_at(descriptor: int, content: bytes, place: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, place, os.SEEK_SET)
        os.write(descriptor, content)
    else:
        os.pwrite(descriptor, content, place)


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
