"""Erasures in PostgreSQL: rows are replaced, and the space of the old ones is freed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from uproot_nb.log.checksums import checksum_of_event
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import to_stored

__all__ = ["forget_erasure", "replace_events"]

_CHANGED = [name for name in Event._fields if name not in ("seq", "session")]
_SET = ", ".join(f'"{name}" = %s' for name in _CHANGED)
_REPLACE = f"UPDATE {{events}} SET {_SET}, checksum = %s WHERE session = %s AND seq = %s"


def replace_events(
    connection: psycopg.Connection[Any], tables: SchemaTables, session: str, events: Iterable[Event]
) -> None:
    """Put events in the place of those of their numbers, and delete the session's snapshots."""
    rows = (
        (
            event.time, *map(to_stored, event[3:]), checksum_of_event(event), to_stored(session),
            event.seq,
        )
        for event in events
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(tables.query(_REPLACE), rows)
        gone = tables.query("DELETE FROM {snapshots} WHERE session = %s")
        cursor.execute(gone, (to_stored(session),))


def forget_erasure(
    connection: psycopg.Connection[Any], tables: SchemaTables, session: str, player: str
) -> None:
    """Note that a player's erasure is finished, or was not begun."""
    gone = tables.query("DELETE FROM {erasures} WHERE session = %s AND player = %s")
    connection.execute(gone, (to_stored(session), to_stored(player)))
