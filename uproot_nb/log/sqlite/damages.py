"""Damages: what is wrong with a log's file apart from its events."""

from __future__ import annotations

from uproot_nb.errors import CorruptLog
from uproot_nb.log.checksums import is_whole
from uproot_nb.log.sqlite.erasures import unfinished
from uproot_nb.log.sqlite.failures import naming_damage
from uproot_nb.log.sqlite.readers import FileReaders

__all__ = ["count_rows", "find_damages"]

_SECRETS = "SELECT 'the secret of ' || session, session, 0, secret, {} FROM secrets"
_SNAPSHOTS = """
SELECT 'snapshot ' || seq || ' of ' || session, session, seq, state, {} FROM snapshots
"""
_STRAYS = """
SELECT DISTINCT session FROM events WHERE session NOT IN (SELECT name FROM sessions) LIMIT 5
"""
_COUNTS = """
SELECT (SELECT count(*) FROM sessions), count(*), count(*) - count({}) FROM events
"""


def find_damages(readers: FileReaders, path: str, checksum: str) -> list[str]:
    """Return the faults that SQLite finds in the file, and the rows that are damaged."""
    try:
        with naming_damage(path):
            found = [str(text) for (text,) in readers.fetch("PRAGMA integrity_check(20)")]
            rows = readers.fetch(_SECRETS.format(checksum))
            rows += readers.fetch(_SNAPSHOTS.format(checksum))
            strays = readers.fetch(_STRAYS)
    except CorruptLog as torn:
        return [torn.reason]
    found = [text for text in found if text != "ok"]
    found += [
        f"the erasure of {player} in '{session}' is not finished: run `uproot-nb erase` again"
        for session, player in readers.read(unfinished)
    ]
    found += [f"{row[0]} is not what was written" for row in rows if not is_whole(*row[1:])]
    return found + [f"there are events of an unknown session, '{name}'" for (name,) in strays]


def count_rows(readers: FileReaders, path: str, checksum: str) -> tuple[int, int, int]:
    """Return how many sessions and events there are, and how many lack a checksum."""
    try:
        with naming_damage(path):
            [row] = readers.fetch(_COUNTS.format(checksum))
    except CorruptLog:
        return 0, 0, 0
    return int(row[0]), int(row[1]), int(row[2])
