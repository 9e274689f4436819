"""ArrayPages: many events of a PostgreSQL log at once, as Arrow has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from uproot_nb.log.arrow_pages import EventArrays, page_of, read_ahead
from uproot_nb.log.postgres.connections import ReadConnections, TimedConnection, naming_failures
from uproot_nb.log.postgres.event_pages import Filters
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import to_stored

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ArrayPages", "has_arrow"]

_NUMBERS_A_PAGE = 16_384
_LONGEST_VALUE = 2_000
"""Bytes. Pages with longer values are read another way: so a page takes some 30 MB at most."""
_NAMES = ["seq", "time", "checksum", "head", "value", "tail"]
# The server makes one row of a page, which costs a message and some Python objects for thousands
# of events. Columns that repeat come as two texts, as in `arrow_pages`. PostgreSQL has no zero byte
# in a text: a byte 1 stands between columns, and a byte 2 between events; a text with one inside is
# found when they are split. The aggregates take events in the subquery's order, and their checksums
# show whether they did.
_SELECT = f"""
SELECT count(*), coalesce(max(bytes), 0), array_agg(seq), array_agg("time"), array_agg(checksum),
    string_agg(head, E'\\x02'), string_agg(value, E'\\x02'), string_agg(tail, E'\\x02')
FROM (
    SELECT seq, "time", checksum, kind || E'\\x01' || subject || E'\\x01' || field AS head,
        octet_length(value) AS bytes,
        CASE WHEN octet_length(value) <= {_LONGEST_VALUE} THEN value ELSE '' END AS value,
        actor || E'\\x01' || page || E'\\x01' || cause || E'\\x01' || code AS tail
    FROM {{{{events}}}}
    WHERE session = %(session)s AND seq > %(low)s AND seq <= %(high)s{{conditions}} ORDER BY seq
) AS page
"""
_HEADER = 20
"""Bytes before the elements of an array as PostgreSQL sends it; each has its length before it."""


@cache
def has_arrow() -> bool:
    """Return whether pyarrow, of the extra `fast`, is installed."""
    return find_spec("pyarrow") is not None


class ArrayPages:
    """Reads events as pages of arrays; None stands for a page that must be read another way.

    for page in pages.between("market", (0, 1_000_000), filters_of(EventFilter())):
        if page is not None:
            values.append(page.value)
    """

    def __init__(self, connections: ReadConnections, tables: SchemaTables, path: str) -> None:
        self._connections, self._tables, self._path = connections, tables, path

    def between(
        self, session: str, numbers: tuple[int, int], filters: Filters
    ) -> Iterator[EventArrays | None]:
        """Yield the events with numbers[0] < seq <= numbers[1]; the server is one page ahead."""
        conditions, values = filters
        query = self._tables.query(_SELECT.format(conditions=conditions))
        bounds = [
            {"session": to_stored(session), "low": low, "high": high, **values}
            for low, high in _stretches(*numbers)
        ]
        with (
            naming_failures(self._path, "read events"),
            self._connections.lend() as connection,
            closing(read_ahead(_fetched(connection, query, bounds))) as rows,
        ):
            for row in rows:
                if any(row[0]):  # there are events
                    yield _page(row, session, is_gapless=not conditions)


def _stretches(low: int, high: int) -> Iterator[tuple[int, int]]:
    while low < high:
        yield low, min(low + _NUMBERS_A_PAGE, high)
        low += _NUMBERS_A_PAGE


def _fetched(
    connection: TimedConnection, query: bytes, bounds: Sequence[dict[str, Any]]
) -> Iterator[list[bytes]]:
    """Yield the server's row for each page, as it was sent."""
    with connection.cursor(binary=True) as cursor:
        for bound in bounds:
            cursor.execute(query, bound, prepare=True)
            assert cursor.pgresult is not None
            yield [cursor.pgresult.get_value(0, place) or b"" for place in range(8)]


def _page(row: list[bytes], session: str, is_gapless: bool) -> EventArrays | None:
    import pyarrow  # lazy: it is an extra

    count, longest = int.from_bytes(row[0], "big"), int.from_bytes(row[1], "big")
    numbers = [_elements(row[2], ">i8"), _elements(row[3], ">f8"), _elements(row[4], ">i8")]
    texts = [_texts(content) for content in row[5:]]
    if longest > _LONGEST_VALUE or {*map(len, numbers), *map(len, texts)} != {count}:
        return None
    if (numbers[0][1:] <= numbers[0][:-1]).any():
        return None
    head, value, tail = texts
    columns = [*map(pyarrow.array, numbers), _with_zeros(head), value, _with_zeros(tail)]
    return page_of(pyarrow.RecordBatch.from_arrays(columns, names=_NAMES), session, is_gapless)


def _elements(content: bytes, kind: str) -> np.ndarray[Any, Any]:
    """Return an array of PostgreSQL's whose elements have eight bytes."""
    import numpy as np  # lazy: see __init__

    found = np.frombuffer(content, [("length", ">i4"), ("value", kind)], offset=_HEADER)
    return found["value"].astype(kind[1:])


def _texts(content: bytes) -> Any:
    """Return joined texts as a pyarrow.StringArray."""
    import pyarrow  # lazy: it is an extra
    from pyarrow import compute  # lazy: it is an extra

    bounds = pyarrow.array([0, len(content)], pyarrow.int32()).buffers()[1]
    joined = pyarrow.StringArray.from_buffers(1, bounds, pyarrow.py_buffer(content))
    return compute.split_pattern(joined, "\x02").values


def _with_zeros(texts: Any) -> Any:
    from pyarrow import compute  # lazy: it is an extra

    return compute.replace_substring(texts, "\x01", "\0")
