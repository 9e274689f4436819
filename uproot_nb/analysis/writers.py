"""Writers: rows of cells as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import orjson

from uproot_nb.analysis.cells import NOT_FINITE, Cell, Column, Kind, in_json
from uproot_nb.errors import UprootError

__all__ = ["FORMATS", "Columns", "Writer", "open_writer"]

Columns = Mapping[str, Kind]
Row = Sequence[Cell]
_ROWS_A_GROUP = 65_536


class Writer(Protocol):
    """A file of one table that is being written."""

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; each has a cell for each column."""

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows that are told column by column."""

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*: in the column of that place after it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class _Text:
    """A file of text."""

    suffix = ""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._columns = columns
        self._file: IO[str] = path.open("w", encoding="utf-8", newline="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class _Csv(_Text):
    """CSV: TRUE and FALSE, empty where there is no value, JSON where values are nested.

    An empty text cannot be told from no value. Columns of several kinds hold JSON. Numbers may be
    NaN, inf and -inf.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        csv.writer(self._file).writerow(list(columns))
        shown: dict[str, Callable[[str], str]] = {
            "json": _shown_json, "text": _shown_text, "boolean": _shown_truth,
            "number": _shown_number,
        }  # fmt: skip
        self._shown: list[Callable[[str], str]] = [
            shown.get(kind, str) for kind in columns.values()
        ]

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        shown = self._shown
        self._file.writelines(
            ",".join(
                ["" if cell is None else show(cell) for cell, show in zip(row, shown, strict=True)]
            )
            + "\r\n"
            for row in rows
        )

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows that are told column by column."""
        texts = map(_csv_texts, columns, self._columns.values(), self._shown)
        self._file.writelines([f"{line}\r\n" for line in map(",".join, zip(*texts, strict=True))])

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        first = len(head)
        shown, width = self._shown[first:], len(self._shown) - first
        kinds = list(self._columns.values())[:first]
        texts = map(_csv_texts, head, kinds, self._shown[:first])
        heads = map(",".join, zip(*texts, strict=True))
        before = ["," * (place + 1) for place in range(width)]
        after = ["," * (width - place - 1) + "\r\n" for place in range(width)]
        self._file.writelines([
            f"{told}{before[place]}{'' if cell is None else shown[place](cell)}{after[place]}"
            for told, place, cell in zip(heads, places, cells, strict=True)
        ])  # fmt: skip


def _csv_texts(column: Column, kind: Kind, shown: Callable[[str], str]) -> Iterable[str]:
    if not column.plain:
        return ["" if cell is None else shown(cell) for cell in column.values]
    if kind == "integer":
        return map(str, column.values)
    if kind == "number":
        return map(repr, column.values)
    return map(_shown_plain, column.values)


@lru_cache(65_536)
def _shown_plain(text: str | None) -> str:
    return "" if text is None else _protected(text)


_SHOWN = {"true": "TRUE", "false": "FALSE"}
_NUMBERS = {"Infinity": "inf", "-Infinity": "-inf"}
_TO_PROTECT = re.compile('[",\r\n]')


def _bare(cell: str) -> str:
    """Return the text that a cell holds."""
    return str(orjson.loads(cell)) if "\\" in cell else cell[1:-1]


def _shown_number(cell: str) -> str:
    return _NUMBERS.get(cell, cell)


def _shown_json(cell: str) -> str:
    if _TO_PROTECT.search(cell) is None and cell not in NOT_FINITE:
        return cell
    return '"' + in_json(cell).replace('"', '""') + '"'


def _shown_truth(cell: str) -> str:
    return _SHOWN[cell]


@lru_cache(16_384)
def _shown_text(cell: str) -> str:
    return _protected(_bare(cell))


def _protected(text: str) -> str:
    """Return a field of CSV (RFC 4180)."""
    if _TO_PROTECT.search(text) is None:
        return text
    return '"' + text.replace('"', '""') + '"'


class _JsonLines(_Text):
    """A JSON object a line, with those columns that have a value.

    JSON has no NaN and no infinity: they are the texts "NaN", "Infinity" and "-Infinity".
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        self._names = [orjson.dumps(name).decode() + ":" for name in columns]

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        names, put = self._names, self._file.write
        for row in rows:
            told = [n + in_json(c) for n, c in zip(names, row, strict=True) if c is not None]
            put("{" + ",".join(told) + "}\n")

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows that are told column by column."""
        self.write(zip(*map(_json_texts, columns, self._columns.values()), strict=True))

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        texts = map(_json_texts, head, self._columns.values())
        rest = self._names[len(head) :]
        for row, place, cell in zip(zip(*texts, strict=True), places, cells, strict=True):
            told = [n + text for n, text in zip(self._names, row, strict=False) if text is not None]
            if cell is not None:
                told.append(rest[place] + in_json(cell))
            self._file.write("{" + ",".join(told) + "}\n")


def _json_texts(column: Column, kind: Kind) -> Iterable[Cell]:
    if not column.plain:
        return column.values
    if kind in ("integer", "number"):
        return map(str if kind == "integer" else repr, column.values)
    return map(_quoted, column.values)


@lru_cache(65_536)
def _quoted(text: str | None) -> Cell:
    return None if text is None else orjson.dumps(text).decode()


class _Parquet:
    """Parquet with a type for each column; nested and mixed values are texts of JSON."""

    def __init__(self, path: Path, columns: Columns) -> None:
        arrow, parquet = _pyarrow()
        types = {
            "boolean": arrow.bool_(), "integer": arrow.int64(), "number": arrow.float64(),
        }  # fmt: skip
        self._arrow, self._columns = arrow, columns
        self._schema = arrow.schema(
            [(name, types.get(kind, arrow.string())) for name, kind in columns.items()]
        )
        self._file = parquet.ParquetWriter(str(path), self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        rows = iter(rows)
        while batch := list(islice(rows, _ROWS_A_GROUP)):
            self.write_columns([Column(cells) for cells in zip(*batch, strict=True)])

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows that are told column by column."""
        kinds = self._columns.values()
        self._add([
            self._array(column, kind, field.type)
            for column, kind, field in zip(columns, kinds, self._schema, strict=True)
        ])  # fmt: skip

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        rows, first = len(places), len(head)
        kinds = list(self._columns.values())
        told = [self._array(c, kinds[n], self._schema.field(n).type) for n, c in enumerate(head)]
        there: dict[int, list[int]] = {}
        for row, place in enumerate(places):
            there.setdefault(place, []).append(row)
        for place, kind in enumerate(kinds[first:]):
            type_of = self._schema.field(first + place).type
            filled = there.get(place)
            if filled is None:
                told.append(self._arrow.nulls(rows, type_of))
                continue
            read, values = _READ[kind], [None] * rows
            for row in filled:
                values[row] = read(cells[row])
            told.append(self._arrow.array(values, type=type_of))
        self._add(told)

    def _array(self, column: Column, kind: Kind, type_of: Any) -> Any:
        values = column.values if column.plain else list(map(_READ[kind], column.values))
        return self._arrow.array(values, type=type_of)

    def _add(self, arrays: Sequence[Any]) -> None:
        batch = self._arrow.record_batch(arrays, schema=self._schema)
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(self._arrow.Table.from_batches(self._waiting))
        self._waiting, self._rows = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()


def _as_json(cell: Cell) -> Any:
    return None if cell is None else in_json(cell)


_READ: dict[str, Any] = {
    "boolean": {"true": True, "false": False, None: None}.__getitem__,
    "integer": lambda cell: None if cell is None else int(cell),
    "number": lambda cell: None if cell is None else float(cell),
    "text": lambda cell: None if cell is None else _bare(cell),
    "json": _as_json, "empty": _as_json,
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


FORMATS: dict[str, type[_Csv] | type[_JsonLines] | type[_Parquet]] = {
    "csv": _Csv, "jsonl": _JsonLines, "parquet": _Parquet,
}  # fmt: skip


def open_writer(path: Path, format: str, columns: Columns) -> Writer:
    """Begin a table's file; the format is the end of its name.

    Raises:
        UprootError: there is no such format, or a package for it is missing.
    """
    return FORMATS[format](path.with_name(f"{path.name}.{format}"), columns)
