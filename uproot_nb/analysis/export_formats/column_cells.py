"""Column cells: a column of a DataFrame as cells of JSON, and their kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.json_cells import Cell, Kind, common, kind_of_value, plain

if TYPE_CHECKING:
    import pandas

__all__ = ["cells_of", "found_kind", "kind_in"]

_KINDS: dict[str, Kind] = {
    "bool": "boolean", "boolean": "boolean", "int64": "integer", "Int64": "integer",
    "float64": "number", "Float64": "number", "string": "text",
}  # fmt: skip


def kind_in(column: pandas.Series[Any], cells: Iterable[Cell]) -> Kind:
    """Return the kind of a column: that of its dtype, else the one of what is in it."""
    if column.dtype.kind == "M":
        return "datetime" if column.dt.tz is None else "moment"
    if str(column.dtype) == "category":
        known = column.cat.categories.tolist()
        found = common(map(kind_of_value, known, map(_cell, known)))
        return "text" if found == "empty" else found
    return _KINDS.get(str(column.dtype)) or found_kind(column, cells)


def found_kind(column: pandas.Series[Any], cells: Iterable[Cell]) -> Kind:
    """Return the kind of what is in a column; "empty" if nothing is."""
    return common(map(kind_of_value, column.tolist(), cells))


def cells_of(column: pandas.Series[Any]) -> list[Cell]:
    """Return a column as JSON; NaN is a number in Float64 and among objects, else missing."""
    if str(column.dtype) in ("Float64", "object"):
        return [_cell(value) for value in column.tolist()]
    gaps = column.isna().tolist()
    return [None if g else _cell(v) for v, g in zip(column.tolist(), gaps, strict=True)]


def _cell(value: Any) -> Cell:
    """Return a value in a DataFrame as JSON."""
    import pandas  # lazy: `import uproot_nb` is to be quick

    if value is None or value is pandas.NA or value is pandas.NaT:
        return None
    if isinstance(value, pandas.Timestamp):
        zoned = value.tz_convert("UTC").tz_localize(None) if value.tzinfo else value
        return f'"{zoned.isoformat(timespec="microseconds")}{"Z" if value.tzinfo else ""}"'
    return plain(value)
