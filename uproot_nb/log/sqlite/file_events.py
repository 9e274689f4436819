"""FileEvents: events of a log's file, read some at a time, each checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

from uproot_nb.errors import CorruptLog
from uproot_nb.log.checksums import first_damaged
from uproot_nb.log.events import Event
from uproot_nb.log.paging import EventFilter, Row, walk_pages
from uproot_nb.log.sqlite.failures import naming_damage
from uproot_nb.log.sqlite.log_file import LogFile
from uproot_nb.log.sqlite.readers import FileReaders

__all__ = ["Conditions", "FileEvents", "conditions_of"]

Conditions: TypeAlias = tuple[str, list[str]]
"""Conditions on the columns of events, and the values in them."""

_SELECT = f"""
SELECT {", ".join(Event._fields)}, {{}} FROM events WHERE session = ? AND seq > ? AND seq <= ?"""
_ROWS_A_FETCH = 64
_ROWS_A_PAGE = 1024
_CHARACTERS_A_PAGE = 4_000_000

_value_of: Callable[[Row], str] = itemgetter(Event._fields.index("value"))


def conditions_of(wanted: EventFilter) -> Conditions:
    """Return the conditions under which events are read."""
    conditions, values = "", list[str]()
    if wanted.kinds is not None:
        values += sorted(set(wanted.kinds))
        conditions += f" AND kind IN ({', '.join('?' * len(values))})"
    for name, text in (("subject", wanted.subject), ("field", wanted.field)):
        if text is not None:
            values.append(text)
            conditions += f" AND {name} = ?"
    return conditions, values


class FileEvents:
    """Reads pages of rows with the columns of Event, and a checksum.

        for page in events.between("market", (0, 5000), EventFilter()):
            rows.extend(page)

    Args:
        checksum: the column of checksums, or what stands for it in a file that has none.
    """

    def __init__(self, file: LogFile, readers: FileReaders, checksum: str) -> None:
        self._file, self._readers, self._checksum = file, readers, checksum

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
        conditions, values = conditions_of(wanted)
        order = "DESC" if newest_first else "ASC"
        query = f"{_SELECT.format(self._checksum)}{conditions} ORDER BY seq {order}"

        def fetch(low: int, high: int) -> tuple[list[Row], bool]:
            with naming_damage(self._file.path):
                bound = (session, low, high, *values)
                page, more = self._readers.read(partial(_page, query=query, values=bound))
            damaged = first_damaged(page)
            if damaged is not None:
                raise self._damage(f"event {damaged} is not what was written")
            return page, more

        # A filter leaves out events; without one, every number must be there.
        return walk_pages(fetch, numbers, not conditions, newest_first, self._damage)

    def _damage(self, reason: str) -> CorruptLog:
        return CorruptLog(self._file.path, reason)


def _page(reader: sqlite3.Connection, query: str, values: Sequence[Any]) -> tuple[list[Row], bool]:
    """Return the first rows, bounded in number and size, and whether there may be more."""
    rows: list[Row] = []
    characters = 0
    with closing(reader.execute(query, values)) as cursor:
        while len(rows) < _ROWS_A_PAGE and characters < _CHARACTERS_A_PAGE:
            fetched = cursor.fetchmany(_ROWS_A_FETCH)
            if not fetched:
                return rows, False
            rows += fetched
            with suppress(TypeError):  # damaged rows, which are checked next
                characters += sum(map(len, map(_value_of, fetched)))
    return rows, True
