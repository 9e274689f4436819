"""Waiting rows: rows of a CSV file that wait for a commit, in a small file beside it.

A row may be secret (an account number), so it is never in the log. It waits here from before the
commit until it is in the CSV file. After a kill the next process finds it, and no row is lost or
written twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from uproot_nb.experiment.csv_rows import (
    append_lines,
    line_of,
    lines_of,
    locked_folder,
    names_in,
    open_locked,
)

__all__ = ["WaitingRows"]

_LAYOUT = """
CREATE TABLE IF NOT EXISTS waiting(
    token TEXT PRIMARY KEY, owner TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, size INTEGER
);
CREATE TABLE IF NOT EXISTS written(key TEXT PRIMARY KEY, digest TEXT NOT NULL);
"""
_SECONDS = 5.0


class WaitingRows:
    """The rows of one CSV file that wait.

    rows = WaitingRows(Path("payments.csv"))
    rows.put("5f2a", "", {"player": "ann"})
    rows.write("5f2a")

    A later row replaces an earlier one with the same key.

    Args:
        owner: the session whose rows these are; "" for none.
    """

    def __init__(self, path: Path, owner: str = "") -> None:
        self._path, self._owner = path, owner
        self._file = path.with_name(f".{path.name}.waiting")

    def put(self, token: str, key: str, texts: Mapping[str, str]) -> None:
        """Store a row under a *token*; it survives the end of the process."""
        row = (token, self._owner, key, json.dumps(dict(texts)))
        query = "INSERT INTO waiting(token, owner, key, row) VALUES (?, ?, ?, ?)"
        self._change(lambda store: store.execute(query, row))

    def retain_only(self, tokens: Collection[str]) -> None:
        """Delete the owner's rows that were never committed: all but those of *tokens*."""
        if self._file.exists():
            self._change(partial(self._retain_only, tokens=tokens))

    def _retain_only(self, store: sqlite3.Connection, tokens: Collection[str]) -> None:
        own = "SELECT token FROM waiting WHERE owner = ?"
        for (token,) in store.execute(own, (self._owner,)).fetchall():
            if token not in tokens:
                store.execute("DELETE FROM waiting WHERE token = ?", (token,))

    def write(self, token: str) -> None:
        """Write a row to the CSV file, unless that was done before."""
        if self._file.exists():
            self._change(partial(self._write, token=token))

    def _write(self, store: sqlite3.Connection, token: str) -> None:
        with open_locked(self._path) as file:
            found = store.execute(
                "SELECT key, row, size FROM waiting WHERE token = ?", (token,)
            ).fetchone()
            if found is None:
                return
            key, texts, size = found[0], json.loads(found[1]), found[2]
            line = line_of([texts[name] for name in names_in(file) or texts])
            if size is None or not _is_written(file.fileno(), line, size):
                old = store.execute("SELECT digest FROM written WHERE key = ?", (key,)).fetchone()
                end = os.fstat(file.fileno()).st_size
                place = 0 if old is not None else end
                store.execute("UPDATE waiting SET size = ? WHERE token = ?", (place, token))
                if old is None or not self._replace(file.fileno(), old[0], line):
                    append_lines(file, line, list(texts))
                    file.flush()
            store.execute("DELETE FROM waiting WHERE token = ?", (token,))
            if key:
                written = (key, _digest(line))
                store.execute("INSERT OR REPLACE INTO written VALUES (?, ?)", written)

    def _replace(self, descriptor: int, digest: str, line: bytes) -> bool:
        """Replace a row that was written before by *line*, unless somebody has edited it."""
        lines = lines_of(_content(descriptor))
        at = next((n for n, old in enumerate(lines) if _digest(old) == digest), None)
        if at is None:
            return False
        lines[at] = line
        draft = self._path.with_name(f".{self._path.name}.new")
        with draft.open("wb") as file:
            with suppress(OSError, AttributeError):
                os.fchmod(file.fileno(), os.fstat(descriptor).st_mode & 0o777)
            file.write(b"".join(lines))
        os.replace(draft, self._path)
        return True

    def _change(self, act: Callable[[sqlite3.Connection], object]) -> None:
        """Do something in one transaction of the file, and remove the file if it has no rows.

        Without the folder's lock another thread or kernel might open the file just then, and put
        a row into what is no file any more.
        """
        with locked_folder(self._path.parent):
            with closing(sqlite3.connect(self._file, timeout=_SECONDS)) as store:
                self._prepare(store)
                with store:
                    act(store)
                left = store.execute(
                    "SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM written)"
                ).fetchone()[0]
            if not left:
                with suppress(OSError):
                    self._file.unlink()

    def _prepare(self, store: sqlite3.Connection) -> None:
        # The rows have to survive the end of the process, not a power cut.
        store.execute("PRAGMA synchronous = OFF")
        store.executescript(_LAYOUT)
        with suppress(OSError):
            os.chmod(self._file, 0o600)


def _digest(line: bytes) -> str:
    return hashlib.sha256(line.strip(b"\r\n")).hexdigest()


def _is_written(descriptor: int, line: bytes, start: int) -> bool:
    """Return whether a line was written after *start* before its process was killed."""
    return _digest(line) in map(_digest, lines_of(_content(descriptor)[start:]))


def _content(descriptor: int) -> bytes:
    with open(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()
