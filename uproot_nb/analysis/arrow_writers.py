"""Arrow writers: the same CSV and JSON lines as those of `table_writers`, made by Arrow.

Lines are made a page at a time. They take columns of Arrow, and of Python objects as well.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from uproot_nb.analysis.arrow_columns import float_texts, is_array
from uproot_nb.analysis.json_cells import CLOCKS, NOT_FINITE, Cell, Column, Columns, Kind
from uproot_nb.analysis.parquet import Parquet, typed_cells
from uproot_nb.analysis.table_writers import TableWriter, protected, shown_number

__all__ = ["ARRAY_FORMATS", "open_arrow_writer"]

_ROWS = 16_384
_Show = Callable[[Any], Any]
_ALL_BUT_GAPS: dict[str, Any] = {"null_handling": "skip"}
_EMPTY_FOR_GAPS: dict[str, Any] = {"null_handling": "replace", "null_replacement": ""}


class _ArrowLines:
    """A file of lines, each made from the texts of its columns."""

    def __init__(self, path: Path, columns: Columns) -> None:
        import pyarrow  # lazy: it is an extra
        import pyarrow.compute as compute  # lazy: it is an extra

        self._arrow, self._compute = pyarrow, compute
        self._names, self._kinds = list(columns), list(columns.values())
        self._file: IO[bytes] = path.open("wb")

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows."""
        rows = iter(rows)
        while batch := list(islice(rows, _ROWS)):
            self.write_columns([Column(cells) for cells in zip(*batch, strict=True)])

    def write_columns(self, columns: Sequence[Column]) -> None:
        """Add rows, given as columns."""
        self._put(self._lines(self._texts(columns)))

    def made(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the first columns as texts of the format."""
        return [Column(texts, made=True) for texts in self._texts(columns)]

    def write_sparse(self, head: Sequence[Column], places: Sequence[int], cells: Any) -> None:
        """Add rows with one cell each behind the *head*."""
        at = self._arrow.array(places, self._arrow.int32())
        shown = self._shown_by_place(self._kinds[len(head) :], at, self._array(cells))
        self._put(self._sparse_lines(self._texts(head), at, shown))

    def _lines(self, texts: list[Any]) -> Any:
        raise NotImplementedError

    def _sparse_lines(self, head: list[Any], places: Any, cells: Any) -> Any:
        raise NotImplementedError

    def _shown(self, cells: Any, kind: Kind) -> Any:
        raise NotImplementedError

    def _shown_plain(self, values: Any, kind: Kind) -> Any:
        raise NotImplementedError

    def _texts(self, columns: Sequence[Column]) -> list[Any]:
        pairs = zip(columns, self._kinds, strict=False)
        return [self._text(column, kind) for column, kind in pairs]

    def _text(self, column: Column, kind: Kind) -> Any:
        if column.made:
            return column.values
        if not column.plain:
            return self._shown(self._array(column.values), kind)
        if kind in ("integer", "number"):
            exact = self._arrow.int64() if kind == "integer" else self._arrow.float64()
            numbers = self._array(column.values, exact)
            return numbers.cast(self._arrow.string()) if kind == "integer" else float_texts(numbers)
        return self._shown_plain(self._array(column.values), kind)

    def _array(self, values: Any, kind: Any = None) -> Any:
        if is_array(values):
            return values
        return self._arrow.array(values, kind or self._arrow.string())

    def _shown_by_place(self, kinds: Sequence[Kind], places: Any, cells: Any) -> Any:
        """Return cells as the columns at their places show them."""
        if len(set(kinds)) == 1:
            return self._shown(cells, kinds[0])
        shown = cells
        for kind in dict.fromkeys(kinds):
            those = self._arrow.array([other == kind for other in kinds]).take(places)
            some = self._shown(cells.filter(those), kind)
            shown = self._compute.replace_with_mask(shown, those, some)
        return shown

    def _joined(self, *texts: Any, **gaps: Any) -> Any:
        """Return texts joined row by row; the last one stands between them."""
        return self._compute.binary_join_element_wise(*texts, **gaps)

    def _put(self, lines: Any) -> None:
        for chunk in lines.chunks if hasattr(lines, "chunks") else [lines]:
            _, offsets, content = chunk.buffers()
            bounds = memoryview(offsets).cast("i")
            first, end = bounds[chunk.offset], bounds[chunk.offset + len(chunk)]
            self._file.write(memoryview(content)[first:end])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class _ArrowCsv(_ArrowLines):
    """CSV, byte for byte as the plain writer writes it."""

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        first = io.StringIO()
        csv.writer(first).writerow(self._names)
        self._file.write(first.getvalue().encode())

    def _lines(self, texts: list[Any]) -> Any:
        last = self._joined(texts[-1], "\r\n", "", **_EMPTY_FOR_GAPS)
        return self._joined(*texts[:-1], last, ",", **_EMPTY_FOR_GAPS)

    def _sparse_lines(self, head: list[Any], places: Any, cells: Any) -> Any:
        width = len(self._names) - len(head)
        before = self._arrow.array(["," * (place + 1) for place in range(width)])
        behind = self._arrow.array(["," * (width - place - 1) + "\r\n" for place in range(width)])
        heads = self._joined(*head, ",", **_EMPTY_FOR_GAPS)
        return self._joined(
            heads, before.take(places), cells, behind.take(places), "", **_EMPTY_FOR_GAPS
        )

    def _shown(self, cells: Any, kind: Kind) -> Any:
        if kind == "json":
            return self._protected(typed_cells(cells, "json"))
        if kind == "text" or kind in CLOCKS:
            return self._protected(typed_cells(cells, "text"))
        if kind == "boolean":
            return self._compute.if_else(typed_cells(cells, "boolean"), "TRUE", "FALSE")
        if (
            kind == "number"
            and self._compute.any(self._compute.match_substring(cells, "y")).as_py()
        ):
            shown = [None if cell is None else shown_number(cell) for cell in cells.to_pylist()]
            return self._array(shown)
        return cells

    def _shown_plain(self, values: Any, kind: Kind) -> Any:
        if not self._arrow.types.is_dictionary(values.type):
            return self._protected(values)
        known = [
            None if text is None else protected(text) for text in values.dictionary.to_pylist()
        ]
        return self._array(known).take(values.indices)

    def _protected(self, texts: Any) -> Any:
        """Return texts as fields of CSV (RFC 4180)."""
        compute = self._compute
        those = compute.fill_null(compute.match_substring_regex(texts, '[",\r\n]'), False)
        if not compute.any(those).as_py():
            return texts
        doubled = compute.replace_substring(texts.filter(those), '"', '""')
        return compute.replace_with_mask(texts, those, self._joined('"', doubled, '"', ""))


class _ArrowJsonLines(_ArrowLines):
    """JSON lines, byte for byte as the plain writer writes them."""

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        self._keys = [orjson.dumps(name).decode() + ":" for name in columns]

    def _lines(self, texts: list[Any]) -> Any:
        return self._objects(self._pairs(texts))

    def _sparse_lines(self, head: list[Any], places: Any, cells: Any) -> Any:
        keys = self._arrow.array(self._keys[len(head) :]).take(places)
        return self._objects([*self._pairs(head), self._joined(keys, cells, "")])

    def _pairs(self, texts: list[Any]) -> list[Any]:
        pairs = zip(self._keys, texts, strict=False)
        return [self._joined(key, values, "") for key, values in pairs]

    def _objects(self, pairs: list[Any]) -> Any:
        return self._joined("{", self._joined(*pairs, ",", **_ALL_BUT_GAPS), "}\n", "")

    def _shown(self, cells: Any, kind: Kind) -> Any:
        is_special = self._compute.is_in(cells, self._arrow.array(NOT_FINITE))
        if not self._compute.any(is_special).as_py():
            return cells
        return self._compute.if_else(is_special, self._joined('"', cells, '"', ""), cells)

    def _shown_plain(self, values: Any, kind: Kind) -> Any:
        encoded = values.dictionary_encode()
        known = [
            None if t is None else orjson.dumps(t).decode() for t in encoded.dictionary.to_pylist()
        ]
        return self._array(known).take(encoded.indices)


ARRAY_FORMATS: dict[str, type[_ArrowCsv] | type[_ArrowJsonLines] | type[Parquet]] = {
    "csv": _ArrowCsv, "jsonl": _ArrowJsonLines, "parquet": Parquet,
}  # fmt: skip


def open_arrow_writer(path: Path, format: str, columns: Columns) -> TableWriter:
    """Begin a table's file whose columns may be Arrow's; the format is the end of its name."""
    return ARRAY_FORMATS[format](path.with_name(f"{path.name}.{format}"), columns)
