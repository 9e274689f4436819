"""ExcelTable: a table as a workbook, with a second sheet that says what its columns mean."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from uproot_nb.analysis.export_formats.codebook_entries import (
    CODEBOOK_COLUMNS,
    Entries,
    codebook_row,
    note,
)
from uproot_nb.analysis.export_formats.gathered_table import LARGEST_WHOLE, stored_value
from uproot_nb.analysis.json_cells import CLOCKS, Cell, Column, Columns, Kind
from uproot_nb.errors import UprootError

__all__ = ["ExcelTable"]

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_LONGEST_TEXT = 32_767
"""UTF-16 units that a cell can hold."""
_FIRST_YEAR = 1900
_WIDTH = 16


class ExcelTable:
    """A workbook, written row by row by XlsxWriter: texts are texts, whatever they look like.

    A table that is longer than a sheet goes on in another, "data 2" and so on. Numbers that Excel
    lacks (not-a-number, infinity) are empty cells.
    """

    def __init__(
        self, path: Path, columns: Columns, entries: Entries, most_rows: int = _MOST_ROWS
    ) -> None:
        self._path, self._entries, self._most_rows = path, entries, most_rows
        self._kinds: dict[str, Kind] = dict(columns)
        if len(columns) > _MOST_COLUMNS:
            raise UprootError(
                f"{path.name} would have {len(columns):,} columns; a sheet of Excel can hold "
                f'{_MOST_COLUMNS:,}.\nUse filters=, or export as format="csv".'
            )
        # XlsxWriter leaves a ZIP that it cannot write open; in memory nothing can fail.
        self._packed = io.BytesIO()
        self._book = _xlsxwriter().Workbook(
            self._packed,
            {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True,
             "default_date_format": "yyyy-mm-dd hh:mm:ss.000"},
        )  # fmt: skip
        self._bold = self._book.add_format({"bold": True, "num_format": "@"})
        self._text_format = self._book.add_format({"num_format": "@"})
        self._date_format = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._sheets = 0
        self._add_sheet()

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows."""
        kinds = list(self._kinds.values())
        for row in rows:
            self._put_row(list(map(stored_value, row, kinds)))

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows, given as columns."""
        for row in zip(*(column.values for column in self.made(columns)), strict=True):
            self._put_row(row)

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as values."""
        return [
            column if column.made or column.plain
            else Column([stored_value(cell, kind) for cell in column.values], made=True)
            for column, kind in zip(columns, self._kinds.values(), strict=False)
        ]  # fmt: skip

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        kinds = list(self._kinds.values())[len(head) :]
        heads = zip(*(column.values for column in self.made(head)), strict=True)
        for first, place, cell in zip(heads, places, cells, strict=True):
            self._put_row(first)
            self._put(len(head) + place, stored_value(cell, kinds[place]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._add_codebook()
            _close(self._book)
            self._path.write_bytes(self._packed.getbuffer())
        else:
            with suppress(OSError, _xlsxwriter().exceptions.XlsxWriterException):
                self._book.close()

    def _add_sheet(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(
            "data" if self._sheets == 1 else f"data {self._sheets}"
        )
        for place, kind in enumerate(self._kinds.values()):
            is_text = kind in ("text", "json")
            self._sheet.set_column(place, place, _WIDTH, self._text_format if is_text else None)
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(self._kinds):
            self._sheet.write_string(0, place, self._cut(name, name), self._bold)
        self._columns = list(self._entries.items())
        self._row = 0

    def _put_row(self, values: Sequence[Any]) -> None:
        if self._row + 1 >= self._most_rows:
            self._add_sheet()
        self._row += 1
        for place, value in enumerate(values):
            self._put(place, value)

    def _put(self, place: int, value: Any) -> None:
        if value is None:
            return
        name, entry = self._columns[place]
        if isinstance(value, str):
            self._put_text(place, name, value)
        elif isinstance(value, bool):
            self._sheet.write_boolean(self._row, place, value)
        elif isinstance(value, float) and not math.isfinite(value):
            note(entry, "values that are not-a-number or infinity are missing")
        elif isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            note(entry, "numbers of more than 15 digits are stored as text")
            self._sheet.write_string(self._row, place, str(value), self._text_format)
        else:
            self._sheet.write_number(self._row, place, value)

    def _put_text(self, place: int, name: str, text: str) -> None:
        kind = self._kinds[name]
        if kind in CLOCKS and int(text[:4]) >= _FIRST_YEAR:
            moment = dt.datetime.fromisoformat(text.removesuffix("Z"))
            shown = self._date_format if kind == "date" else None
            self._sheet.write_datetime(self._row, place, moment, shown)
            return
        if kind in CLOCKS:
            note(self._entries[name], f"dates before {_FIRST_YEAR} are stored as text")
        self._sheet.write_string(self._row, place, self._cut(name, text), self._text_format)

    def _cut(self, column: str, text: str) -> str:
        if len(text) * 2 <= _LONGEST_TEXT:
            return text
        units = text.encode("utf-16-le", "surrogatepass")
        if len(units) <= 2 * _LONGEST_TEXT:
            return text
        note(self._entries[column], f"texts of more than {_LONGEST_TEXT:,} characters are cut")
        return units[: 2 * (_LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"

    def _add_codebook(self) -> None:
        sheet = self._book.add_worksheet("codebook")
        rows = [CODEBOOK_COLUMNS, *(codebook_row(*entry) for entry in self._entries.items())]
        sheet.set_column(0, len(CODEBOOK_COLUMNS) - 1, _WIDTH, self._text_format)
        for number, row in enumerate(rows):
            shown = self._bold if number == 0 else self._text_format
            for place, text in enumerate(row):
                sheet.write_string(number, place, text[:_LONGEST_TEXT], shown)


def _close(book: Any) -> None:
    try:
        book.close()
    except _xlsxwriter().exceptions.FileCreateError as failure:
        raise failure.args[0] from failure  # the OSError that XlsxWriter has wrapped


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter  # lazy: it is an extra
        import xlsxwriter.exceptions
    except ImportError:
        raise UprootError(
            "Excel files need the package XlsxWriter, which is not installed.\n"
            'Install it (pip install "uproot_nb[excel]"), or export as format="csv".'
        ) from None
    return xlsxwriter
