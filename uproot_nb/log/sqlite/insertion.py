"""Insertion: events become rows of a log's file, all or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from uproot_nb.log.checksums import checksum_of_event
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.connections import transaction

__all__ = ["insert_events"]

_ROWS_A_STATEMENT = 200


def insert_events(writer: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Insert *events* with their checksums in one transaction."""
    # Every SQLite step lets go of the GIL, and a busy cell is slow to give it back: so many rows
    # are one statement, and few enough of them one transaction by itself.
    if len(events) <= _ROWS_A_STATEMENT:
        _insert_rows(writer, events)
        return
    with transaction(writer):
        for start in range(0, len(events), _ROWS_A_STATEMENT):
            _insert_rows(writer, events[start : start + _ROWS_A_STATEMENT])


def _insert_rows(writer: sqlite3.Connection, events: Sequence[Event]) -> None:
    rows = [(*event, checksum_of_event(event)) for event in events]
    writer.execute(_insertion(len(events)), tuple(chain.from_iterable(rows)))


@lru_cache(maxsize=_ROWS_A_STATEMENT)
def _insertion(rows: int) -> str:
    row = f"({','.join('?' * (len(Event._fields) + 1))})"
    return f"INSERT INTO events({','.join(Event._fields)},checksum) VALUES {','.join([row] * rows)}"
