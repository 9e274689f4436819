"""CopiedArrays: many events of a PostgreSQL log at once, by COPY, as Arrow reads them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from typing import Any

from psycopg.sql import SQL, Literal

from uproot_nb.log.arrow_pages import EventArrays, page_of, read_ahead
from uproot_nb.log.postgres.connections import ReadConnections, naming_failures
from uproot_nb.log.postgres.event_pages import Filters
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.stored_texts import to_stored

__all__ = ["CopiedArrays", "has_arrow"]

_BYTES_A_PAGE = 4_000_000
"""What is parsed together: some 20,000 rows."""
_NAMES = ["seq", "time", "checksum", "head", "value", "tail"]
# Columns that repeat come as two texts, as in `arrow_pages`. PostgreSQL has no zero byte in a text:
# a byte 1 stands between them, and a text with one inside is found when they are split.
_COPY = """
COPY (
    SELECT seq, "time", checksum, kind || E'\\x01' || subject || E'\\x01' || field, value,
        actor || E'\\x01' || page || E'\\x01' || cause || E'\\x01' || code
    FROM {{events}} WHERE session = {session} AND seq > {low} AND seq <= {high}{conditions}
    ORDER BY seq
) TO STDOUT (FORMAT csv)
"""


@cache
def has_arrow() -> bool:
    """Return whether pyarrow, of the extra `fast`, is installed."""
    return find_spec("pyarrow") is not None


class CopiedArrays:
    """Reads events as pages of arrays; None stands for a page that must be read another way.

    for page in arrays.between("market", (0, 1_000_000), filters_of(None)):
        if page is not None:
            values.append(page.value)
    """

    def __init__(self, connections: ReadConnections, tables: SchemaTables, path: str) -> None:
        self._connections, self._tables, self._path = connections, tables, path

    def between(
        self, session: str, numbers: tuple[int, int], filters: Filters
    ) -> Iterator[EventArrays | None]:
        """Yield the events with numbers[0] < seq <= numbers[1], in one statement."""
        conditions, values = filters
        names = {name: Literal(value) for name, value in values.items()}
        written = conditions.replace("%(", "{").replace(")s", "}")
        bounds = {"low": Literal(numbers[0]), "high": Literal(numbers[1])}
        text = _COPY.replace("{conditions}", written).replace("{{events}}", "{events}")
        statement = SQL(text).format(
            **names,
            **bounds,
            session=Literal(to_stored(session)),
            events=self._tables.name("events"),
        )
        with (
            naming_failures(self._path, "read events"),
            self._connections.lend() as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
            closing(read_ahead(_blocks(copy))) as blocks,
        ):
            for content in blocks:
                yield _page(content, session, is_gapless=not conditions)


def _blocks(copy: Any) -> Iterator[bytes]:
    """Yield rows joined to blocks of some megabytes."""
    rows: list[Any] = []
    size = 0
    for row in copy:
        rows.append(row)
        size += len(row)
        if size >= _BYTES_A_PAGE:
            yield b"".join(rows)
            rows, size = [], 0
    if rows:
        yield b"".join(rows)


def _page(content: bytes, session: str, is_gapless: bool) -> EventArrays | None:
    import pyarrow  # lazy: it is an extra
    from pyarrow import compute, csv  # lazy: it is an extra

    kinds = [pyarrow.int64(), pyarrow.float64(), pyarrow.int64(), *[pyarrow.string()] * 3]
    try:
        table = csv.read_csv(
            io.BytesIO(content),
            csv.ReadOptions(column_names=_NAMES, block_size=len(content) + 1, use_threads=False),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types=dict(zip(_NAMES, kinds, strict=True)), strings_can_be_null=False
            ),
        )
    except pyarrow.ArrowException:
        return None
    columns = [column.combine_chunks() for column in table.columns]
    for place in (_NAMES.index("head"), _NAMES.index("tail")):
        columns[place] = compute.replace_substring(columns[place], "\x01", "\0")
    return page_of(pyarrow.RecordBatch.from_arrays(columns, names=_NAMES), session, is_gapless)
