"""Writers: rows of cells as CSV or JSON lines, or by a package as one of the other formats."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import orjson

from uproot_nb.analysis.export_formats.codebook_entries import Entries
from uproot_nb.analysis.export_formats.excel import ExcelTable
from uproot_nb.analysis.export_formats.harmless_text import harmless
from uproot_nb.analysis.export_formats.spss import SpssTable
from uproot_nb.analysis.export_formats.stata import StataTable
from uproot_nb.analysis.json_cells import (
    CLOCKS,
    NOT_FINITE,
    Cell,
    Column,
    Columns,
    Kind,
    in_json,
    text_of,
)
from uproot_nb.analysis.parquet import Parquet

__all__ = ["FORMATS", "TableWriter", "open_writer", "protected", "shown_number"]

Row = Sequence[Cell]


class TableWriter(Protocol):
    """A file of one table that is being written."""

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; each has a cell for each column."""

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows, given as columns."""

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as the format has them: to be written to several files."""

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


class _TextFile:
    """A file of text."""

    def __init__(self, path: Path, columns: Columns, encoding: str = "utf-8") -> None:
        self._columns = columns
        self._file: IO[str] = path.open("w", encoding=encoding, newline="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class _Csv(_TextFile):
    """CSV: TRUE and FALSE, empty where there is no value, JSON where values are nested.

    An empty text looks like a missing value. Columns of several kinds hold JSON. Numbers may be
    NaN, inf and -inf.

    Args:
        excel: whether to begin with a byte order mark, by which Excel knows UTF-8, and to put an
            apostrophe before texts that Excel would run.
    """

    def __init__(self, path: Path, columns: Columns, excel: bool = False) -> None:
        super().__init__(path, columns, "utf-8-sig" if excel else "utf-8")
        csv.writer(self._file).writerow(map(harmless, columns) if excel else columns)
        shown: dict[str, Callable[[str], str]] = {
            "json": _shown_json, "text": _shown_harmless if excel else _shown_text,
            "boolean": _shown_truth, "number": shown_number, **dict.fromkeys(CLOCKS, _shown_text),
        }  # fmt: skip
        self._plain = _plain_harmless if excel else _shown_plain
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
        """Add rows, given as columns."""
        texts = self._texts(columns)
        self._file.writelines([f"{line}\r\n" for line in map(",".join, zip(*texts, strict=True))])

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as fields of CSV."""
        return [Column(list(texts), made=True) for texts in self._texts(columns)]

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        shown, width = self._shown[len(head) :], len(self._shown) - len(head)
        heads = map(",".join, zip(*self._texts(head), strict=True))
        before = ["," * (place + 1) for place in range(width)]
        after = ["," * (width - place - 1) + "\r\n" for place in range(width)]
        self._file.writelines([
            f"{first}{before[place]}{'' if cell is None else shown[place](cell)}{after[place]}"
            for first, place, cell in zip(heads, places, cells, strict=True)
        ])  # fmt: skip

    def _texts(self, columns: Sequence[Column]) -> Iterable[Iterable[str]]:
        return map(self._texts_of, columns, self._columns.values(), self._shown)

    def _texts_of(self, column: Column, kind: Kind, shown: Callable[[str], str]) -> Iterable[str]:
        return _csv_texts(column, kind, shown, self._plain)


def _csv_texts(
    column: Column,
    kind: Kind,
    shown: Callable[[str], str],
    plain: Callable[[str | None], str],
) -> Iterable[str]:
    if column.made:
        return column.values
    if not column.plain:
        return ["" if cell is None else shown(cell) for cell in column.values]
    if kind == "integer":
        return map(str, column.values)
    if kind == "number":
        return map(repr, column.values)
    return map(plain, column.values)


@lru_cache(65_536)
def _shown_plain(text: str | None) -> str:
    return "" if text is None else protected(text)


@lru_cache(65_536)
def _plain_harmless(text: str | None) -> str:
    return "" if text is None else protected(harmless(text))


_SHOWN = {"true": "TRUE", "false": "FALSE"}
_NUMBERS = {"Infinity": "inf", "-Infinity": "-inf"}
_TO_PROTECT = re.compile('[",\r\n]')


def shown_number(cell: str) -> str:
    """Return a cell of a number as CSV has it."""
    return _NUMBERS.get(cell, cell)


def _shown_json(cell: str) -> str:
    if _TO_PROTECT.search(cell) is None and cell not in NOT_FINITE:
        return cell
    return '"' + in_json(cell).replace('"', '""') + '"'


def _shown_truth(cell: str) -> str:
    return _SHOWN[cell]


def _shown_text(cell: str) -> str:
    return protected(text_of(cell))


def _shown_harmless(cell: str) -> str:
    return protected(harmless(text_of(cell)))


def protected(text: str) -> str:
    """Return a text as a field of CSV (RFC 4180)."""
    if _TO_PROTECT.search(text) is None:
        return text
    return '"' + text.replace('"', '""') + '"'


class _JsonLines(_TextFile):
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
            pairs = [n + in_json(c) for n, c in zip(names, row, strict=True) if c is not None]
            put("{" + ",".join(pairs) + "}\n")

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows, given as columns."""
        self.write(zip(*self._texts(columns), strict=True))

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as JSON."""
        return [Column(list(texts), made=True) for texts in self._texts(columns)]

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        heads, rest = zip(*self._texts(head), strict=True), self._names[len(head) :]
        for row, place, cell in zip(heads, places, cells, strict=True):
            filled = zip(self._names, row, strict=False)
            pairs = [name + text for name, text in filled if text is not None]
            if cell is not None:
                pairs.append(rest[place] + in_json(cell))
            self._file.write("{" + ",".join(pairs) + "}\n")

    def _texts(self, columns: Sequence[Column]) -> Iterable[Iterable[Cell]]:
        return map(_json_texts, columns, self._columns.values())


def _json_texts(column: Column, kind: Kind) -> Iterable[Cell]:
    if column.made or not column.plain:
        return column.values
    if kind in ("integer", "number"):
        return map(str if kind == "integer" else repr, column.values)
    return map(_quoted, column.values)


@lru_cache(65_536)
def _quoted(text: str | None) -> Cell:
    return None if text is None else orjson.dumps(text).decode()


FORMATS: dict[str, Callable[[Path, Columns, Entries], TableWriter]] = {
    "csv": lambda path, columns, _: _Csv(path, columns),
    "jsonl": lambda path, columns, _: _JsonLines(path, columns),
    "parquet": lambda path, columns, _: Parquet(path, columns),
    "dta": StataTable,
    "xlsx": ExcelTable,
    "sav": SpssTable,
}


def open_writer(
    path: Path, format: str, columns: Columns, entries: Entries | None = None, excel: bool = False
) -> TableWriter:
    """Begin a table's file; the format is the end of its name.

    Args:
        entries: the table's codebook. Where a format has other names, or lacks values, it is noted
            there.
        excel: whether CSV is made for Excel.

    Raises:
        UprootError: there is no such format, or a package for it is missing.
    """
    path = path.with_name(f"{path.name}.{format}")
    if excel:
        return _Csv(path, columns, excel)
    return FORMATS[format](path, columns, {} if entries is None else entries)
