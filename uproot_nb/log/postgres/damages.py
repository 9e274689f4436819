"""Damages: what is wrong with a log in PostgreSQL apart from its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from uproot_nb.errors import LackingPrivilege
from uproot_nb.log.checksums import is_whole
from uproot_nb.log.postgres.stored_texts import from_stored

__all__ = ["count_rows", "find_damages"]

Fetch = Callable[[str], list[tuple[Any, ...]]]
"""Returns the rows of a query with the names of tables in braces."""

_LAST = """
SELECT name, last_seq, coalesce((
    SELECT seq FROM {events} WHERE session = name ORDER BY seq DESC LIMIT 1
), 0) FROM {sessions}
"""
_STRAYS = """
SELECT DISTINCT session FROM {events} WHERE session NOT IN (SELECT name FROM {sessions}) LIMIT 5
"""
_COUNTS = "SELECT (SELECT count(*) FROM {sessions}), (SELECT count(*) FROM {events})"


def find_damages(fetch: Fetch) -> Iterator[str]:
    """Yield what is damaged, unfinished, or unknown; what the role may not read is left out."""
    for session, player in _readable(fetch, "SELECT session, player FROM {erasures}"):
        yield (
            f"the erasure of {from_stored(player)} in '{from_stored(session)}' is not finished: "
            "run `uproot-nb erase` again"
        )
    for session, secret, checksum in _readable(fetch, "SELECT * FROM {secrets}"):
        if not is_whole(from_stored(session), 0, secret, checksum):
            yield f"the secret of {from_stored(session)} is not what was written"
    for session, seq, state, checksum in fetch("SELECT * FROM {snapshots}"):
        if not is_whole(from_stored(session), seq, state, checksum):
            yield f"snapshot {seq} of {from_stored(session)} is not what was written"
    for session, noted, last in fetch(_LAST):
        if noted != last:
            yield (
                f"session '{from_stored(session)}' has events up to {last}, and its record says "
                f"{noted}"
            )
    for (session,) in fetch(_STRAYS):
        yield f"there are events of an unknown session, '{from_stored(session)}'"


def count_rows(fetch: Fetch) -> tuple[int, int, int]:
    """Return how many sessions and events there are; each has a checksum."""
    [(sessions, events)] = fetch(_COUNTS)
    return int(sessions), int(events), 0


def _readable(fetch: Fetch, query: str) -> list[tuple[Any, ...]]:
    try:
        return fetch(query)
    except LackingPrivilege:
        return []
