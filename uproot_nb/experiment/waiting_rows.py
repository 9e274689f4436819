"""Waiting rows: rows of a CSV file that wait for a commit, in a small file beside it.

A row may be secret (an account number), so it is never in the log. It waits here from before the
commit until it is in the CSV file, or never will be. After a kill the next process finds it; no row
is lost or written twice. Only the file's owner can read it, and what is deleted is overwritten.

Of a row that was written and may be corrected, a digest is left, so that no edited row is replaced.
Without its key, which is in a file of its own, nobody can try account numbers on it. Both go when
the CSV file has gone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
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
CREATE TABLE IF NOT EXISTS keyed(key TEXT PRIMARY KEY, digest BLOB NOT NULL);
"""
_EARLIER = "SELECT 1 FROM sqlite_master WHERE name = 'written'"
"""Whether there is a table of digests without a key, as earlier versions wrote it."""
_LEFT = "SELECT (SELECT count(*) FROM waiting), (SELECT count(*) FROM keyed)"
_KEY_BYTES = 32
_SECONDS = 5.0


class WaitingRows:
    """The rows of one CSV file that wait.

    rows = WaitingRows(Path("payments.csv"))
    rows.put("5f2a", "", {"player": "ann"})
    rows.write("5f2a")

    A later row replaces an earlier one with the same key.

    Args:
        owner: the session whose rows these are; "" for none.
        private: whether nobody but the owner of the CSV file may read it.
    """

    def __init__(self, path: Path, owner: str = "", private: bool = False) -> None:
        self._path, self._owner, self._private = path, owner, private
        self._file = path.with_name(f".{path.name}.waiting")
        self._draft = path.with_name(f".{path.name}.new")
        self._key_file = path.with_name(f".{path.name}.key")

    def put(self, token: str, key: str, texts: Mapping[str, str]) -> None:
        """Store a row under a *token*; it survives the end of the process."""
        row = (token, self._owner, key, json.dumps(dict(texts)))
        query = "INSERT INTO waiting(token, owner, key, row) VALUES (?, ?, ?, ?)"
        self._change(lambda store: store.execute(query, row))

    def delete(self, token: str) -> None:
        """Delete a row that is not to be written."""
        if self._file.exists():
            query = "DELETE FROM waiting WHERE token = ?"
            self._change(lambda store: store.execute(query, (token,)))

    def retain_only(self, tokens: Collection[str]) -> None:
        """Delete the owner's rows that nobody needs: all but those of *tokens*."""
        if self._file.exists():
            self._change(partial(self._retain_only, tokens=tokens))

    def _retain_only(self, store: sqlite3.Connection, tokens: Collection[str]) -> None:
        own = "SELECT token FROM waiting WHERE owner = ?"
        for (token,) in store.execute(own, (self._owner,)).fetchall():
            if token not in tokens:
                store.execute("DELETE FROM waiting WHERE token = ?", (token,))
        # One is left if the process was killed while it replaced a row.
        self._draft.unlink(missing_ok=True)

    def write(self, token: str) -> None:
        """Write a row to the CSV file, unless that was done before."""
        if self._file.exists():
            self._change(partial(self._write, token=token))

    def _write(self, store: sqlite3.Connection, token: str) -> None:
        with open_locked(self._path, self._private) as file:
            found = store.execute(
                "SELECT key, row, size FROM waiting WHERE token = ?", (token,)
            ).fetchone()
            if found is None:
                return
            key, texts, size = found[0], json.loads(found[1]), found[2]
            line = line_of([texts[name] for name in names_in(file) or texts])
            if size is None or not _is_written(file.fileno(), line, size):
                old = store.execute("SELECT digest FROM keyed WHERE key = ?", (key,)).fetchone()
                end = os.fstat(file.fileno()).st_size
                place = 0 if old is not None else end
                store.execute("UPDATE waiting SET size = ? WHERE token = ?", (place, token))
                if old is None or not self._replace(file.fileno(), old[0], line):
                    append_lines(file, line, list(texts))
                    file.flush()
            store.execute("DELETE FROM waiting WHERE token = ?", (token,))
            if key:
                keyed = (key, _digest(line, self._secret()))
                store.execute("INSERT OR REPLACE INTO keyed VALUES (?, ?)", keyed)

    def _replace(self, descriptor: int, digest: bytes, line: bytes) -> bool:
        """Replace a row that was written before by *line*, unless somebody has edited it."""
        lines, secret = lines_of(_content(descriptor)), self._secret()
        same = (n for n, old in enumerate(lines) if _digest(old, secret) == digest)
        at = next(same, None)
        if at is None:
            return False
        lines[at] = line
        with self._draft.open("wb") as file:
            with suppress(OSError, AttributeError):
                os.fchmod(file.fileno(), os.fstat(descriptor).st_mode & 0o777)
            file.write(b"".join(lines))
        os.replace(self._draft, self._path)
        return True

    def _secret(self) -> bytes:
        """Return the key of the digests; make one if there is none, or if it is no key."""
        with suppress(OSError):
            secret = self._key_file.read_bytes()
            if len(secret) == _KEY_BYTES:
                return secret
        secret = secrets.token_bytes(_KEY_BYTES)
        with suppress(OSError):
            self._key_file.unlink()
        with open(os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
            f.write(secret)
        return secret

    def _key_earlier_digests(self, store: sqlite3.Connection) -> None:
        secret = self._secret()
        for key, digest in store.execute("SELECT key, digest FROM written").fetchall():
            keyed = (key, _keyed(bytes.fromhex(digest), secret))
            store.execute("INSERT OR REPLACE INTO keyed VALUES (?, ?)", keyed)
        store.execute("DROP TABLE written")

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
                left, keyed = store.execute(_LEFT).fetchone()
            if not keyed and self._key_file.exists():
                with suppress(OSError):
                    self._key_file.unlink()
            if not left and not keyed:
                with suppress(OSError):
                    self._file.unlink()

    def _prepare(self, store: sqlite3.Connection) -> None:
        # The rows have to survive the end of the process, not a power cut.
        store.execute("PRAGMA synchronous = OFF")
        # Without this the text of a deleted row stays in the file's free pages.
        store.execute("PRAGMA secure_delete = ON")
        store.executescript(_LAYOUT)
        if store.execute(_EARLIER).fetchone():
            with store:
                self._key_earlier_digests(store)
        if not self._path.exists():
            with store:
                store.execute("DELETE FROM keyed")
        with suppress(OSError):
            os.chmod(self._file, 0o600)


def _digest(line: bytes, secret: bytes) -> bytes:
    return _keyed(hashlib.sha256(_bare(line)).digest(), secret)


def _keyed(digest: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, digest, "sha256")


def _bare(line: bytes) -> bytes:
    return line.strip(b"\r\n")


def _is_written(descriptor: int, line: bytes, start: int) -> bool:
    """Return whether a line was written after *start* before its process was killed."""
    return _bare(line) in map(_bare, lines_of(_content(descriptor)[start:]))


def _content(descriptor: int) -> bytes:
    with open(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()
