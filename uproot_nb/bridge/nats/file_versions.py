"""FileVersions: files in pieces, all of the version that was requested."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

__all__ = ["PIECE_BYTES", "FileVersion", "FileVersions"]

PIECE_BYTES = 128 * 1024
"""Small enough that a call's answer waits for no longer than a millisecond behind a piece."""
_MOST_KNOWN = 512
_DIGEST_BYTES = 16
_SETTLED_SECONDS = 2.0
"""A file that was written more recently may change once more without a later time."""

Stamp = tuple[int, int, int, int, int]


class FileVersion(NamedTuple):
    """A file as it was at one time.

    `version` follows from what is in the file, `pieces` are the digests of its pieces, one after
    the other; `modified` is in whole Unix seconds.
    """

    version: str
    size: int
    modified: int
    pieces: bytes

    def digest(self, index: int) -> bytes:
        """Return the digest of a piece; b"" if the file has no such piece."""
        start = index * _DIGEST_BYTES
        return self.pieces[start : start + _DIGEST_BYTES] if index >= 0 else b""


class _LastSeen(NamedTuple):
    stamp: Stamp
    is_settled: bool
    version: FileVersion


class FileVersions:
    """Knows the versions of the files that were asked for; several threads may use it.

        files = FileVersions()
        found = files.look("/lab/app/static/film.mp4")
        data = files.read("/lab/app/static/film.mp4", found.version, 0)    # b"" if it has changed

    A file is read whole when it is asked for the first time, and after it has changed.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._known: OrderedDict[str, _LastSeen] = OrderedDict()
        self._closed = threading.Event()

    def look(self, path: str) -> FileVersion:
        """Return the file's present version.

        Raises:
            OSError: it cannot be read.
        """
        with open(path, "rb") as file:
            stamp = _stamp_of(file)
            with self._lock:
                known = self._known.get(path)
            if known is not None and known.is_settled and known.stamp == stamp:
                return known.version
            now = self._clock()
            is_settled = all(abs(now - written / 1e9) > _SETTLED_SECONDS for written in stamp[:2])
            version = self._read_whole(file)
            self._note(path, _LastSeen(stamp, is_settled, version))
            return version

    def read(self, path: str, version: str, index: int) -> bytes:
        """Return a piece of that version of the file; b"" if the file is another one now."""
        try:
            known = self._last(path)
            if known.version != version:
                return b""
            with open(path, "rb") as file:
                file.seek(max(0, index) * PIECE_BYTES)
                data = file.read(PIECE_BYTES)
        except OSError:
            return b""
        if data and _digest(data) == known.digest(index):
            return data
        with self._lock:
            self._known.pop(path, None)
        return b""

    def _last(self, path: str) -> FileVersion:
        with self._lock:
            known = self._known.get(path)
        return self.look(path) if known is None else known.version

    def close(self) -> None:
        """Let nobody wait until a long file is read. Idempotent."""
        self._closed.set()

    def _read_whole(self, file: BinaryIO) -> FileVersion:
        """Read a file; what is appended meanwhile belongs to it, or to its next version."""
        pieces, size = bytearray(), 0
        while data := file.read(PIECE_BYTES):
            pieces += _digest(data)
            size += len(data)
            if self._closed.is_set():
                raise OSError("its session is served no more")
        modified = int(os.fstat(file.fileno()).st_mtime)
        whole = _digest(size.to_bytes(8, "big") + pieces)
        return FileVersion(whole.hex(), size, modified, bytes(pieces))

    def _note(self, path: str, known: _LastSeen) -> None:
        with self._lock:
            self._known[path] = known
            self._known.move_to_end(path)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)


def _stamp_of(file: BinaryIO) -> Stamp:
    found = os.fstat(file.fileno())
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _digest(data: bytes | bytearray) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()
