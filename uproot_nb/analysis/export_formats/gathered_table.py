"""GatheredTable: a table whose rows wait in memory, for formats that are written in one go."""

from __future__ import annotations

import datetime as dt
import math
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from uproot_nb.analysis.export_formats.codebook_entries import Entries, note
from uproot_nb.analysis.json_cells import CLOCKS, Cell, Column, Columns, Kind, in_json, text_of

if TYPE_CHECKING:
    import pandas

__all__ = ["GatheredTable", "floats", "moments", "stored_value"]

_LAST = "9999-12-31T23:59:59.999"
"""Where calendars of four digits end."""
LARGEST_WHOLE = 2**53
"""Up to here every whole number is a floating-point number, too."""


class _Values(NamedTuple):
    """What is in one column: the rows that have a value, and these values."""

    rows: array[int]
    values: list[Any]

    def put(self, row: int, value: Any) -> None:
        if value is not None:
            self.rows.append(row)
            self.values.append(value)


class GatheredTable:
    """Rows of a table, stored by column: those without a value take up no memory.

    A child writes them in `_save`, when all are there.
    """

    _first_day: ClassVar[dt.date]
    """The first date of the format's calendar."""

    def __init__(self, path: Path, columns: Columns, entries: Entries) -> None:
        self._path, self._entries = path, entries
        self._kinds: dict[str, Kind] = dict(columns)
        self._columns = [_Values(array("q"), []) for _ in columns]
        self._count = 0

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows."""
        kinds = list(self._kinds.values())
        for row in rows:
            for column, cell, kind in zip(self._columns, row, kinds, strict=True):
                column.put(self._count, stored_value(cell, kind))
            self._count += 1

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows, given as columns."""
        self._put_head(columns)
        self._count += len(columns[0].values)

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as values."""
        return [
            Column(_values_of(column, kind), made=True)
            for column, kind in zip(columns, self._kinds.values(), strict=False)
        ]

    def write_sparse(
        self, head: Sequence[Column], places: Sequence[int], cells: Sequence[Cell]
    ) -> None:
        """Add rows with one cell each behind the *head*."""
        self._put_head(head)
        kinds, behind = list(self._kinds.values())[len(head) :], self._columns[len(head) :]
        for place, cell in zip(places, cells, strict=True):
            behind[place].put(self._count, stored_value(cell, kinds[place]))
            self._count += 1

    def _put_head(self, columns: Sequence[Column]) -> None:
        first, made = self._count, self.made(columns)
        for column, values in zip(self._columns, made, strict=False):
            for row, value in enumerate(values.values, first):
                column.put(row, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._save()

    def _save(self) -> None:
        raise NotImplementedError

    def _frame(self) -> pandas.DataFrame:
        """Return the table, with the columns that `_column` makes."""
        import pandas  # lazy: `import uproot_nb` is to be quick

        made = {
            self._entries[name].get("name", name): self._column(name, column)
            for name, column in zip(self._kinds, self._columns, strict=True)
        }
        return pandas.DataFrame(made, index=pandas.RangeIndex(self._count))

    def _column(self, name: str, column: _Values) -> Any:
        """Return a column as an array of pandas or NumPy."""
        kind = self._kinds[name]
        if kind == "integer" and any(abs(value) > LARGEST_WHOLE for value in column.values):
            note(self._entries[name], "has numbers of more than 15 digits, and is stored as text")
            return self._texts(name, column.rows, [str(value) for value in column.values])
        if kind in ("text", "json"):
            return self._texts(name, column.rows, column.values)
        if kind in CLOCKS and any(day < str(self._first_day) for day in column.values):
            note(
                self._entries[name],
                f"has dates before {self._first_day}, and is stored as text",
            )
            return self._texts(name, column.rows, column.values)
        if kind in CLOCKS:
            return self._times(column.rows, column.values)
        if kind == "number":
            return self._numbers(name, column)
        return self._whole(column)

    def _times(self, rows: Sequence[int], values: Sequence[str]) -> Any:
        return _milliseconds(moments(rows, values, self._count))

    def _numbers(self, name: str, column: _Values) -> Any:
        gone = sum(not self._is_storable(value) for value in column.values)
        if gone:
            note(self._entries[name], f"{gone} values (not-a-number or infinity) are missing")
        fit = [value if self._is_storable(value) else math.nan for value in column.values]
        return floats(column.rows, fit, self._count)

    def _is_storable(self, value: float) -> bool:
        return math.isfinite(value)

    def _whole(self, column: _Values) -> Any:
        """Return whole numbers, or truth as 0 and 1, as the format has them."""
        return floats(column.rows, column.values, self._count)

    def _texts(self, name: str, rows: array[int], values: list[str]) -> Any:
        import numpy as np  # lazy: see __init__

        found = np.full(self._count, "", dtype=object)
        found[rows] = [self._text(name, value) for value in values]
        return found

    def _text(self, name: str, text: str) -> str:
        """Return a text as the format can have it; neither Stata nor SPSS stores zero bytes."""
        if "\0" in text:
            note(self._entries[name], "zero bytes in texts are shown as �")
            return text.replace("\0", "�")
        return text


def _values_of(column: Column, kind: Kind) -> list[Any]:
    if column.made or column.plain:
        return list(column.values)
    return [stored_value(cell, kind) for cell in column.values]


def stored_value(cell: Cell, kind: Kind) -> Any:
    """Return what a cell holds: bool, int, float, str (JSON and dates as text), or None."""
    if cell is None or kind == "empty":
        return None
    if kind == "boolean":
        return cell == "true"
    if kind == "integer":
        return int(cell)
    if kind == "number":
        return float(cell)
    return text_of(cell) if kind == "text" or kind in CLOCKS else in_json(cell)


def floats(rows: Sequence[int], values: Sequence[float], count: int) -> Any:
    """Return *count* numbers, NaN in all rows but *rows*."""
    import numpy as np  # lazy: see __init__

    found = np.full(count, np.nan)
    found[rows] = values
    return found


def moments(rows: Sequence[int], values: Sequence[str], count: int) -> Any:
    """Return ISO texts as *count* moments without a zone, NaT in all rows but *rows*."""
    import numpy as np  # lazy: see __init__

    found = np.full(count, np.datetime64("NaT", "us"))
    found[rows] = [np.datetime64(value.removesuffix("Z"), "us") for value in values]
    return found


def _milliseconds(moments: Any) -> Any:
    """Return moments rounded to the millisecond."""
    import numpy as np  # lazy: see __init__

    rounded = (moments + np.timedelta64(500, "us")).astype("datetime64[ms]")
    return np.minimum(rounded, np.datetime64(_LAST))
