"""Plain tables: a DataFrame for programs that know only numbers, booleans, texts and times."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.export_formats.column_cells import cells_of, found_kind, kind_in
from uproot_nb.analysis.export_formats.full_disk import explained
from uproot_nb.analysis.export_formats.gathered_table import moments, stored_value
from uproot_nb.analysis.json_cells import CLOCKS, Kind
from uproot_nb.analysis.table_writers import FORMATS, open_writer
from uproot_nb.analysis.typed_columns import beside
from uproot_nb.errors import UprootError

if TYPE_CHECKING:
    import pandas

__all__ = ["plain_table", "save_table"]

_DTYPES: dict[Kind, Any] = {
    "boolean": "boolean", "integer": "Int64", "number": "float64", "text": "string",
    "json": "string", "empty": "float64",
}  # fmt: skip
_TYPES: dict[Kind, str] = {"empty": "never had a value", "json": "JSON", "moment": "time"}


def plain_table(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Return a table with plain columns, for polars, DuckDB, itables, Parquet, Excel and others.

        plain_table(run.state).to_excel("state.xlsx")
        polars.from_pandas(plain_table(run.events))

    The index becomes columns. dtypes: boolean, Int64, float64 (also for a column without values),
    string, and datetime64 without a zone, in UTC if there was one; dates are datetime64, too.
    Lists, dicts and columns that hold several types are JSON texts; time intervals are seconds.
    *frame* is not changed.
    """
    import pandas  # lazy: `import uproot_nb` is to be quick

    flat = _flat(frame)
    return pandas.DataFrame({name: _plain(flat[name]) for name in flat.columns}, index=flat.index)


def save_table(frame: pandas.DataFrame, path: str | Path) -> Path:
    """Save a table as a file for Stata, SPSS, Excel and others, and return its path.

        save_table(run.state, "state.dta")
        save_table(run.page_times[run.page_times["seconds"] > 60], "slow.xlsx")

    Columns are written as `run.export` does. An earlier file of that name is replaced once the
    new one is complete.

    Args:
        path: ends in .csv, .jsonl, .parquet, .dta, .sav or .xlsx.

    Raises:
        UprootError: the name has another ending, or a package for the format is missing.
        ExportFailed: it could not be written, as on a full disk.
    """
    target = Path(path).expanduser().absolute()
    format = target.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        ends = ", ".join(f".{name}" for name in FORMATS)
        raise UprootError(
            f"{target.name} has no ending that names a format.\nChoose one of {ends}."
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {target.parent}. Make it first.")
    with (
        explained(target),
        tempfile.TemporaryDirectory(prefix=".", suffix=".unfinished", dir=target.parent) as made,
    ):
        _write(_flat(frame), Path(made) / "table", format)
        os.replace(Path(made) / f"table.{format}", target)
    return target


def _write(flat: pandas.DataFrame, path: Path, format: str) -> None:
    cells = [cells_of(flat[name]) for name in flat.columns]
    kinds = {
        name: kind_in(flat[name], column)
        for name, column in zip(flat.columns, cells, strict=True)
    }  # fmt: skip
    entries = {
        name: {
            "meaning": "", "unit": "",
            "type": _TYPES.get(kind, kind),
        }
        for name, kind in kinds.items()
    }  # fmt: skip
    with open_writer(path, format, kinds, entries) as file:
        file.write(zip(*cells, strict=True))


def _flat(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Return a table with numbered rows, whose index is its first columns, if it is a named one."""
    columns = ["_".join(map(str, n)) if isinstance(n, tuple) else str(n) for n in frame.columns]
    flat = frame.set_axis(columns, axis="columns")
    names = [str(name) for name in frame.index.names if name is not None]
    if len(names) < frame.index.nlevels:
        return flat.reset_index(drop=True)
    flat.columns = list(beside(names, columns).values())
    return flat.reset_index()


def _plain(column: pandas.Series[Any]) -> Any:
    import pandas  # lazy: see above

    if column.dtype.kind == "M":
        zoned = column.dt.tz is not None
        return column.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else column
    if column.dtype.kind == "m":
        return column.dt.total_seconds()
    cells = cells_of(column)
    kind = found_kind(column, cells)
    values = [stored_value(cell, kind) for cell in cells]
    if kind in ("number", "empty"):
        values = [float("nan") if value is None else value for value in values]
    if kind in CLOCKS:
        there = [place for place, value in enumerate(values) if value is not None]
        return moments(there, [values[place] for place in there], len(values))
    return pandas.array(values, dtype=_DTYPES[kind])
