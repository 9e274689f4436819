"""FileReaders: connections that read a log's file; each serves one thread at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from uproot_nb.log.paging import Row
from uproot_nb.log.sqlite.connections import connect
from uproot_nb.log.sqlite.forks import never_close
from uproot_nb.log.sqlite.log_file import LogFile, Signature

__all__ = ["FileReaders"]

_Fetched = TypeVar("_Fetched")


class FileReaders:
    """Lends connections that read, and keeps them for the next who reads.

        readers.fetch("SELECT name FROM sessions")

    Args:
        as_guest: leave nothing beside the file, and read in a locked folder, too.

    Attributes:
        is_guest: whether the file is read as a guest.
    """

    def __init__(self, file: LogFile, as_guest: bool) -> None:
        self._file = file
        self.is_guest = as_guest
        self._start()

    def _start(self) -> None:
        self._resting = False
        self._idle: list[sqlite3.Connection] = []
        self._read_as: Signature | None = None
        self._lock = threading.Lock()

    def fetch(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        return self.read(lambda reader: reader.execute(query, values).fetchall())

    def read(self, use: Callable[[sqlite3.Connection], _Fetched]) -> _Fetched:
        """Return what *use* reads through a connection that nobody else uses meanwhile."""
        if self.is_guest:
            return self._read_as_guest(use)
        reader = self._take()
        try:
            fetched = use(reader)
        except BaseException:
            reader.close()
            raise
        self._give_back(reader)
        return fetched

    def close_idle(self) -> None:
        """Close the connections that nobody uses just now."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def refuse(self, reason: Callable[[str], ValueError]) -> None:
        """Let nobody use the file from now on."""
        with self._lock:
            self._file.refusal = reason
        self.close_idle()

    def rest(self) -> None:
        """Keep no connection from now on: reading opens the file for a moment, as a guest."""
        with self._lock:
            self.is_guest = self._resting = True
        self.close_idle()

    @contextmanager
    def forsaking(self) -> Iterator[None]:
        """Let go of the file, and lend no connection until the block has found another one.

        Closing the connections would remove, by its name, a journal that may be another file's.
        """
        with self._lock:
            for reader in self._idle:
                never_close(reader)
            self._idle = []
            yield

    def disown(self) -> None:
        """In a forked child: let go of the parent's connections, without closing them."""
        for reader in self._idle:
            never_close(reader)
        self._start()
        self._file.disown()

    def _read_as_guest(self, use: Callable[[sqlite3.Connection], _Fetched]) -> _Fetched:
        while True:
            self._file.check_usable()
            before = self._file.signature()
            if self._file.has_journal():
                with closing(connect(self._file.name, "mode=ro")) as reader:
                    return use(reader)
            reader = self._take("mode=ro&immutable=1", before)
            try:
                fetched = use(reader)
            except BaseException:
                reader.close()
                raise
            # A writer that came meanwhile may have changed pages under us: read again.
            if not self._file.has_journal() and self._file.signature() == before:
                self._give_back(reader, before)
                return fetched
            reader.close()

    def _take(self, options: str = "mode=ro", file: Signature | None = None) -> sqlite3.Connection:
        """Return a reader; those of the file as it was before a change are closed."""
        with self._lock:
            self._file.check_usable()
            if self._read_as != file:
                while self._idle:
                    self._idle.pop().close()
                self._read_as = file
            if self._idle:
                return self._idle.pop()
        return connect(self._file.name, options)

    def _give_back(self, reader: sqlite3.Connection, file: Signature | None = None) -> None:
        with self._lock:
            is_wanted = self._file.refusal is None and not self._resting
            if is_wanted and self._read_as == file:
                self._idle.append(reader)
                return
        reader.close()
