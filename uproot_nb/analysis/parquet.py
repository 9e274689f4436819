"""Parquet: a table in a file with typed columns, written by pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from uproot_nb.analysis.arrow_columns import is_array
from uproot_nb.analysis.json_cells import CLOCKS, NOT_FINITE, Cell, Column, Columns, Kind, text_of
from uproot_nb.errors import UprootError

__all__ = ["Parquet", "typed_cells"]

_ROWS_A_GROUP = 65_536
_CELLS_A_GROUP = 8_000_000
_BYTES_A_GROUP = 16_000_000
_DIFFERENT = frozenset({"seq", "time", "timestamp", "value"})
"""Columns whose values rarely repeat: a dictionary would make them larger."""
_NUMBERS = frozenset({"integer", "number"}) | CLOCKS
"""Kinds of columns of which the file names the least and the greatest value of each group."""
_PLACE, _CELL = "place", "cell"


class Parquet:
    """Parquet with a type for each column; nested and mixed values are texts of JSON.

    Rows are gathered to groups, fewer to one where they are wide or long: that bounds what is in
    memory, but for about two kilobytes a column and group, which the file ends with. A thread
    writes one group while the next one is gathered.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        arrow, parquet = _pyarrow()
        types = {
            "boolean": arrow.bool_(), "integer": arrow.int64(), "number": arrow.float64(),
            **_clock_types(),
        }  # fmt: skip
        self._arrow, self._kinds = arrow, list(columns.values())
        self._schema = arrow.schema(
            [(name, types.get(kind, arrow.string())) for name, kind in columns.items()]
        )
        self._file = parquet.ParquetWriter(
            str(path), self._schema, compression="zstd",
            use_dictionary=[name for name in columns if name not in _DIFFERENT],
            write_statistics=[name for name, kind in columns.items() if kind in _NUMBERS],
        )  # fmt: skip
        self._pool = ThreadPoolExecutor(1, "uproot_nb-parquet")
        self._writing: Future[None] | None = None
        self._most = min(_ROWS_A_GROUP, max(1, _CELLS_A_GROUP // len(columns)))
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows."""
        rows = iter(rows)
        while batch := list(islice(rows, self._most)):
            self.write_columns([Column(cells) for cells in zip(*batch, strict=True)])

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows, given as columns."""
        self._add(self._arrow.record_batch(self._arrays(columns), schema=self._schema))

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as arrays."""
        return [Column(array, made=True) for array in self._arrays(columns)]

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        arrow = self._arrow
        arrays = [
            *self._arrays(head), arrow.array(places, arrow.int32()),
            self._cells(cells),
        ]  # fmt: skip
        names = [*self._schema.names[: len(head)], _PLACE, _CELL]
        self._add(arrow.record_batch(arrays, names))

    def _arrays(self, columns: Sequence[Column]) -> list[Any]:
        return [
            column.values if column.made else self._array(column, kind, field.type)
            for column, kind, field in zip(columns, self._kinds, self._schema, strict=False)
        ]

    def _array(self, column: Column, kind: Kind, type_of: Any) -> Any:
        values: Any = column.values
        if not column.plain:
            return typed_cells(self._cells(values), kind)
        if not is_array(values):
            values = self._arrow.array(values, self._arrow.string() if kind in CLOCKS else type_of)
        elif self._arrow.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        return values.cast(type_of)

    def _cells(self, cells: Any) -> Any:
        return cells if is_array(cells) else self._arrow.array(cells, self._arrow.string())

    def _add(self, batch: Any) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= self._most or self._bytes >= _BYTES_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._finish_writing()
            self._writing = self._pool.submit(self._write_group, self._waiting)
            self._waiting, self._rows, self._bytes = [], 0, 0

    def _finish_writing(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def _write_group(self, batches: list[Any]) -> None:
        table = self._arrow.Table.from_batches(batches).combine_chunks()
        self._file.write_table(table if table.schema == self._schema else self._spread(table))

    def _spread(self, table: Any) -> Any:
        """Put each cell of sparse rows into the column of its place."""
        *head, places, cells = (column.combine_chunks() for column in table.columns)
        rows_at = _rows_by_number(places.to_numpy())
        columns = list(head)
        for place, kind in enumerate(self._kinds[len(head) :]):
            if place in rows_at:
                typed = typed_cells(cells.take(self._arrow.array(rows_at[place])), kind)
                columns.append(self._scattered(typed, rows_at[place], len(cells)))
            else:
                columns.append(self._arrow.nulls(len(cells), self._schema.field(len(columns)).type))
        return self._arrow.Table.from_arrays(columns, schema=self._schema)

    def _scattered(self, values: Any, rows: Any, length: int) -> Any:
        """Return an array with these values in these rows, and nothing in all others."""
        import numpy as np  # lazy: see __init__

        origins = np.zeros(length, "int32")
        origins[rows] = np.arange(len(rows))
        gaps = np.ones(length, bool)
        gaps[rows] = False
        return values.take(self._arrow.array(origins, mask=gaps))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
                self._finish_writing()
        finally:
            self._pool.shutdown()
            self._file.close()


def _rows_by_number(numbers: Any) -> dict[int, Any]:
    """Return in which rows each number stands."""
    import numpy as np  # lazy: see __init__

    order = np.argsort(numbers, kind="stable")
    there, starts = np.unique(numbers[order], return_index=True)
    return dict(zip(there.tolist(), np.split(order, starts[1:]), strict=True))


def typed_cells(cells: Any, kind: Kind) -> Any:
    """Return an array of cells as what they hold; those of JSON with texts for NOT_FINITE."""
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    if kind == "boolean":
        return compute.equal(cells, "true")
    if kind == "integer":
        return cells.cast(pyarrow.int64())
    if kind == "number":
        return cells.cast(pyarrow.float64())
    if kind in CLOCKS:
        return compute.utf8_slice_codeunits(cells, 1, -1).cast(_clock_types()[kind])
    if kind == "text":
        escaped = compute.match_substring(cells, "\\")
        texts = [text_of(cell) for cell in cells.filter(escaped).to_pylist()]
        bare = compute.utf8_slice_codeunits(cells, 1, -1)
        return compute.replace_with_mask(bare, escaped, pyarrow.array(texts, pyarrow.string()))
    special = compute.is_in(cells, pyarrow.array(NOT_FINITE))
    return compute.if_else(special, compute.binary_join_element_wise('"', cells, '"', ""), cells)


def _clock_types() -> dict[Kind, Any]:
    import pyarrow  # lazy: it is an extra

    return {
        "date": pyarrow.date32(), "datetime": pyarrow.timestamp("us"),
        "moment": pyarrow.timestamp("us", "UTC"),
    }  # fmt: skip


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # lazy: it is an extra
        import pyarrow.parquet  # lazy: it is an extra
    except ImportError:
        raise UprootError(
            "Parquet needs the package pyarrow, which is not installed.\n"
            'Install it (pip install "uproot_nb[parquet]"), or export as format="csv".'
        ) from None
    return pyarrow, pyarrow.parquet
