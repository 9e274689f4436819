"""EventPages: events of a PostgreSQL log, read some at a time, each checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from uproot_nb.errors import CorruptLog
from uproot_nb.log.checksums import first_damaged
from uproot_nb.log.events import Event
from uproot_nb.log.paging import EventFilter, Row, walk_pages
from uproot_nb.log.postgres.connections import ReadConnections, TimedConnection, naming_failures
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import row_from_stored, to_stored

__all__ = ["COLUMNS", "EventPages", "Filters", "filters_of"]

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


def filters_of(wanted: EventFilter) -> Filters:
    """Return the conditions under which events are read."""
    conditions, values = "", dict[str, Any]()
    if wanted.kinds is not None:
        conditions += " AND kind = ANY(%(kinds)s)"
        values["kinds"] = [to_stored(kind) for kind in sorted(set(wanted.kinds))]
    for name, text in (("subject", wanted.subject), ("field", wanted.field)):
        if text is not None:
            conditions += f" AND {name} = %({name})s"
            values[name] = to_stored(text)
    return conditions, values


class EventPages:
    """Reads pages of rows with the columns of Event, a checksum, and their bytes so far.

    for page in pages.between("market", (0, 5000), EventFilter()):
        rows.extend(page)
    """

    def __init__(self, connections: ReadConnections, tables: SchemaTables, path: str) -> None:
        self._connections, self._tables, self._path = connections, tables, path

    def between(
        self,
        session: str,
        numbers: tuple[int, int],
        wanted: EventFilter,
        newest_first: bool = False,
    ) -> Iterator[list[Row]]:
        """Yield the events with numbers[0] < seq <= numbers[1]; nothing is held in between.

        Raises:
            CorruptLog: an event is not what was written, or missing.
        """
        conditions, values = filters_of(wanted)
        order = "DESC" if newest_first else "ASC"
        query = self._tables.query(_SELECT.format(order=order, conditions=conditions))

        def fetch(low: int, high: int) -> tuple[list[Row], bool]:
            bound = {"session": to_stored(session), "low": low, "high": high, **values}
            with naming_failures(self._path, "read events"):
                fetched = self._connections.read(partial(_fetch, query=query, bound=bound))
            page = self._checked(fetched)
            is_full = len(page) == _ROWS_A_PAGE
            return page, is_full or (bool(page) and page[-1][-1] >= _BYTES_A_PAGE)

        # A filter leaves out events; without one, every number must be there.
        is_gapless, damaged = not conditions, partial(_damage, self._path)
        return walk_pages(fetch, numbers, is_gapless, newest_first, damaged)

    def _checked(self, page: list[Row]) -> list[Row]:
        damaged = first_damaged(page)
        if damaged is None:
            return page
        page = [row_from_stored(row) for row in page]
        damaged = first_damaged(page)
        if damaged is not None:
            raise _damage(self._path, f"event {damaged} is not what was written")
        return page


def _fetch(connection: TimedConnection, query: Any, bound: dict[str, Any]) -> Sequence[Row]:
    return connection.execute(query, bound, prepare=True, binary=True).fetchall()


def _damage(path: str, reason: str) -> CorruptLog:
    return CorruptLog(
        path, reason, "Somebody has changed the tables, or a disk has: restore it from a backup."
    )
