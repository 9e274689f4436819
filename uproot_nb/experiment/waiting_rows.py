"""Waiting rows: rows of a CSV file that wait for a commit, in a small file beside it.

What a row says may be secret (an account number), so it is never in the log. It waits here, from
before the commit until it is in the file; a killed process finds it again, and neither loses it nor
writes it twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from uproot_nb.experiment.csv_rows import append_lines, line_of, lines_of, names_in, open_locked

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

    A key stands for one row: a later one takes the place of an earlier one.

    Args:
        owner: whose rows these are: a session's name, or nobody's.
    """

    def __init__(self, path: Path, owner: str = "") -> None:
        self._path, self._owner = path, owner
        self._file = path.with_name(f".{path.name}.waiting")

    def put(self, token: str, key: str, texts: Mapping[str, str]) -> None:
        """Let a row wait, under a *token*; it survives the end of the process."""
        with self._open() as store:
            row = (token, self._owner, key, json.dumps(dict(texts)))
            store.execute("INSERT INTO waiting(token, owner, key, row) VALUES (?, ?, ?, ?)", row)

    def keep_only(self, tokens: Collection[str]) -> None:
        """Forget the owner's rows whose causes were never committed: all but those of *tokens*."""
        if self._file.exists():
            with self._open() as store:
                own = "SELECT token FROM waiting WHERE owner = ?"
                for (token,) in store.execute(own, (self._owner,)).fetchall():
                    if token not in tokens:
                        store.execute("DELETE FROM waiting WHERE token = ?", (token,))

    def write(self, token: str) -> None:
        """Write a row to the file, once; nothing is done if that was done before."""
        if not self._file.exists():
            return
        with self._open() as store, open_locked(self._path) as file:
            found = store.execute(
                "SELECT key, row, size FROM waiting WHERE token = ?", (token,)
            ).fetchone()
            if found is None:
                return
            key, texts, size = found[0], json.loads(found[1]), found[2]
            line = line_of([texts[name] for name in names_in(file) or texts])
            if size is None or not _stands(file.fileno(), line, size):
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
        """Put *line* in the place of one that was written before, unless somebody has edited it."""
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

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=_SECONDS)) as store:
            store.execute(
                "PRAGMA synchronous = OFF"
            )  # it has to outlive the process, not the power
            store.executescript(_LAYOUT)
            with suppress(OSError):
                os.chmod(self._file, 0o600)
            with store:
                yield store
            left = store.execute(
                "SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM written)"
            ).fetchone()[0]
        if not left:
            with suppress(OSError):
                self._file.unlink()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line.strip(b"\r\n")).hexdigest()


def _stands(descriptor: int, line: bytes, start: int) -> bool:
    """Tell whether a line was written behind *start* before its process was killed."""
    return _digest(line) in map(_digest, lines_of(_content(descriptor)[start:]))


def _content(descriptor: int) -> bytes:
    with open(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()
