"""FileCopies: copies of a log's file, from which the Arrow driver reads long stretches."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from uproot_nb.log.arrow_pages import LONG_READ, has_arrow_driver
from uproot_nb.log.sqlite.connections import connect
from uproot_nb.log.sqlite.log_file import LogFile
from uproot_nb.log.sqlite.readers import FileReaders

__all__ = ["FileCopies", "are_read_as_arrays"]

_BYTES_AN_EVENT = 1_000
"""In a file with more, as one of many sessions, copying takes as long as the driver saves."""


def are_read_as_arrays(events: int) -> bool:
    """Return whether `read_arrays` reads so many events as arrays, unless the file prevents it."""
    return events >= LONG_READ and has_arrow_driver()


class FileCopies:
    """Copies the file for a while, where that helps.

    with copies.made(for_events=1_000_000) as copy:
        pages = None if copy is None else read_arrow_pages(copy, "market", (0, 1_000_000), filters)
    """

    def __init__(self, file: LogFile, readers: FileReaders, has_checksums: bool) -> None:
        self._file, self._readers, self._has_checksums = file, readers, has_checksums

    @contextmanager
    def made(self, for_events: int) -> Iterator[str | None]:
        """Give a copy of the file to read so many events from; None where it would not help."""
        with ExitStack() as stack:
            yield self._copy(for_events, stack) if are_read_as_arrays(for_events) else None

    def _copy(self, events: int, stack: ExitStack) -> str | None:
        size = os.stat(self._file.name).st_size
        if not self._has_checksums or size > events * _BYTES_AN_EVENT:
            return None
        try:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="uproot_nb-", ignore_cleanup_errors=True)
            )
            if shutil.disk_usage(folder).free < 2 * size:
                return None
            copy = os.path.join(folder, "log.sqlite3")
            if not self._copy_unopened(copy):
                self._readers.read(partial(_back_up, copy=copy))
        except (OSError, sqlite3.Error):
            return None
        return copy

    def _copy_unopened(self, copy: str) -> bool:
        """Copy a file that nobody writes by its bytes, in a third of the time of a backup."""
        before = self._file.signature()
        if not self._readers.is_guest or self._file.has_journal():
            return False
        shutil.copyfile(self._file.name, copy)
        if not self._file.has_journal() and self._file.signature() == before:
            return True
        os.unlink(copy)
        return False


def _back_up(reader: sqlite3.Connection, copy: str) -> None:
    with closing(connect(copy, "mode=rwc")) as target:
        target.execute("PRAGMA synchronous = OFF")
        reader.backup(target)
