"""Rows of CSV files as bytes: each written at once, by one writer at a time."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["append_lines", "line_of", "lines_of", "locked_folder", "names_in", "open_locked"]

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def open_locked(path: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """Open or create a file for appending, locked against other threads and programs.

    Args:
        private: let nobody but the owner read and write it.
    """
    opener = _private_opener if private else None
    while True:
        with open(path, "ab+", opener=opener) as file:
            if fcntl is None:
                yield file  # Windows: single writes do not mix
                return
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if not os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    continue  # the file has been replaced meanwhile
                yield file
                file.flush()
                return
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)


def _private_opener(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    with suppress(OSError, AttributeError):  # Windows
        os.fchmod(descriptor, 0o600)
    return descriptor


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let no other thread or program that asks for it, too, be within, until the block ends."""
    if fcntl is None:
        yield  # Windows removes no file that somebody has open
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def names_in(file: IO[bytes]) -> list[str]:
    """Return the names in the first line; an empty list for an empty file."""
    file.seek(0)
    text = (line.decode("utf-8", "replace").removeprefix("\ufeff") for line in file)
    return next(csv.reader(text), [])


def line_of(values: Sequence[str]) -> bytes:
    """Return a row as in RFC 4180, with quotes around values that need them."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(values)
    return text.getvalue().encode("utf-8", "backslashreplace")


def append_lines(file: IO[bytes], line: bytes, names: Sequence[str]) -> None:
    """Append a row in one write, after the names if the file is empty.

    If the last row lacks its line end, add that first.
    """
    if not file.seek(0, os.SEEK_END):
        line = line_of(names) + line
    else:
        file.seek(-1, os.SEEK_END)
        line = (b"" if file.read(1) in b"\r\n" else b"\n") + line
    file.write(line)


def lines_of(content: bytes) -> list[bytes]:
    """Return the rows of a file with their line ends; a row with quotes may span several lines."""
    rows, begun = [], b""
    for line in content.splitlines(keepends=True):
        begun += line
        if begun.count(b'"') % 2 == 0:
            rows.append(begun)
            begun = b""
    return [*rows, begun] if begun else rows
