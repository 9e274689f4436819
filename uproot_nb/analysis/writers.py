"""Writers: rows of cells as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import orjson

from uproot_nb.analysis.cells import Cell, Kind
from uproot_nb.errors import UprootError

__all__ = ["FORMATS", "Columns", "Writer", "open_writer"]

Columns = Mapping[str, Kind]
Row = Sequence[Cell]
_ROWS_A_GROUP = 65_536


class Writer(Protocol):
    """A file of one table that is being written."""

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; each has a cell for each column."""

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

    An empty text cannot be told from no value. Columns of several kinds hold JSON.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        csv.writer(self._file).writerow(list(columns))
        shown: dict[str, Callable[[str], str]] = {
            "json": _protected, "text": _shown_text, "boolean": _shown_truth,
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


_SHOWN = {"true": "TRUE", "false": "FALSE"}
_TO_PROTECT = re.compile('[",\r\n]')


def _bare(cell: str) -> str:
    """Return the text that a cell holds."""
    return str(orjson.loads(cell)) if "\\" in cell else cell[1:-1]


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
    """A JSON object a line, with those columns that have a value."""

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        self._names = [orjson.dumps(name).decode() + ":" for name in columns]

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        names, put = self._names, self._file.write
        for row in rows:
            told = [n + cell for n, cell in zip(names, row, strict=True) if cell is not None]
            put("{" + ",".join(told) + "}\n")


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
        self._waiting: list[Row] = []

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) >= _ROWS_A_GROUP:
                self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        made = [
            self._arrow.array(list(map(_READ[kind], cells)), type=field.type)
            for cells, kind, field in zip(
                zip(*self._waiting, strict=True), self._columns.values(), self._schema, strict=True
            )
        ]
        self._file.write_batch(self._arrow.record_batch(made, schema=self._schema))
        self._waiting.clear()

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


def _as_it_is(cell: Cell) -> Any:
    return cell


_READ: dict[str, Any] = {
    "boolean": {"true": True, "false": False, None: None}.__getitem__,
    "integer": lambda cell: None if cell is None else int(cell),
    "number": lambda cell: None if cell is None else float(cell),
    "text": lambda cell: None if cell is None else _bare(cell),
    "json": _as_it_is, "empty": _as_it_is,
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
