"""EventPages: events of a PostgreSQL log, read some at a time, each checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

from uproot_nb.errors import CorruptLog
from uproot_nb.log.checksums import first_damaged
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.connections import ReadConnections, TimedConnection, naming_failures
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import row_from_stored, to_stored

__all__ = ["COLUMNS", "EventPages", "Filters", "filters_of"]

Row: TypeAlias = tuple[Any, ...]
Filters: TypeAlias = tuple[str, dict[str, Any]]
"""Conditions on the columns of events, and the values in them."""

COLUMNS = ", ".join(f'"{name}"' for name in Event._fields)
_ROWS_A_PAGE = 1024
_BYTES_A_PAGE = 4_000_000
_SELECT = f"""
SELECT {COLUMNS}, checksum, bytes FROM (
    SELECT *, sum(octet_length(value)) OVER (ORDER BY seq {{order}} ROWS UNBOUNDED PRECEDING)
        AS bytes
    FROM (
        SELECT {COLUMNS}, checksum FROM {{{{events}}}}
        WHERE session = %(session)s AND seq > %(low)s AND seq <= %(high)s{{conditions}}
        ORDER BY seq {{order}} LIMIT {_ROWS_A_PAGE}
    ) AS page
) AS counted WHERE bytes - octet_length(value) < {_BYTES_A_PAGE}
"""
_seq_of = itemgetter(0)


def filters_of(
    kinds: Collection[str] | None, subject: str | None = None, field: str | None = None
) -> Filters:
    """Return the conditions under which events are read."""
    conditions, values = "", dict[str, Any]()
    if kinds is not None:
        conditions += " AND kind = ANY(%(kinds)s)"
        values["kinds"] = [to_stored(kind) for kind in sorted(set(kinds))]
    for name, wanted in (("subject", subject), ("field", field)):
        if wanted is not None:
            conditions += f" AND {name} = %({name})s"
            values[name] = to_stored(wanted)
    return conditions, values


class EventPages:
    """Reads pages of rows with the columns of Event, a checksum, and their bytes so far.

    for page in pages.between("market", (0, 5000), filters_of(None)):
        rows.extend(page)
    """

    def __init__(self, connections: ReadConnections, tables: SchemaTables, path: str) -> None:
        self._connections, self._tables, self._path = connections, tables, path

    def between(
        self, session: str, numbers: tuple[int, int], filters: Filters, newest_first: bool = False
    ) -> Iterator[list[Row]]:
        """Yield the events with numbers[0] < seq <= numbers[1]; nothing is held in between.

        Raises:
            CorruptLog: an event is not what was written, or missing.
        """
        (low, high), (conditions, values) = numbers, filters
        order = "DESC" if newest_first else "ASC"
        query = self._tables.query(_SELECT.format(order=order, conditions=conditions))
        while low < high:
            bound = {"session": to_stored(session), "low": low, "high": high, **values}
            with naming_failures(self._path, "read events"):
                fetched = self._connections.read(partial(_fetch, query=query, bound=bound))
            page = self._checked(fetched)
            more = len(page) == _ROWS_A_PAGE or (bool(page) and page[-1][-1] >= _BYTES_A_PAGE)
            first, last = (high, low + 1) if newest_first else (low + 1, high)
            if not conditions:  # no filter leaves out events: every number must be there
                self._check_gapless(page, first, _seq_of(page[-1]) if more else last)
            if page:
                yield page
            if not more:
                return
            end = _seq_of(page[-1])
            low, high = (low, end - 1) if newest_first else (end, high)

    def _checked(self, page: list[Row]) -> list[Row]:
        damaged = first_damaged(page)
        if damaged is None:
            return page
        page = [row_from_stored(row) for row in page]
        damaged = first_damaged(page)
        if damaged is not None:
            raise _damage(self._path, f"event {damaged} is not what was written")
        return page

    def _check_gapless(self, page: list[Row], first: int, last: int) -> None:
        """Check that *page* holds every event from *first* to *last*, in either order."""
        # They are ordered and distinct, so the ends and the count suffice.
        seqs = list(map(_seq_of, page))
        if len(seqs) == abs(last - first) + 1 and (seqs[0], seqs[-1]) == (first, last):
            return
        step = 1 if first <= last else -1
        there = set(seqs)
        missing = next((seq for seq in range(first, last + step, step) if seq not in there), first)
        raise _damage(self._path, f"event {missing} is missing")


def _fetch(connection: TimedConnection, query: Any, bound: dict[str, Any]) -> Sequence[Row]:
    return connection.execute(query, bound, prepare=True, binary=True).fetchall()


def _damage(path: str, reason: str) -> CorruptLog:
    return CorruptLog(
        path, reason, "Somebody has changed the tables, or a disk has: restore it from a backup."
    )
