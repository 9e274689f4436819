"""Load all tables of this export, each column with the type that the codebook says.

    from read import load

    tables = load()                  # in the export's folder; else load("path/to/the/export")
    tables["latest/players"]

Or `python read.py`, which lists them. Numbers are Int64 or float64, truth is boolean, texts are
strings ("007" and "NA" stay what they are), times are UTC, dates and times without a time zone are
datetime64 without one, and what is JSON in the file is lists, dicts and so on. It needs pandas;
Parquet needs pyarrow, Excel openpyxl, SPSS pyreadstat.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas

__all__ = ["load"]

FORMAT = "csv"
EXCEL = False
HERE = Path(__file__).resolve().parent

_MADE_HARMLESS = re.compile("'+[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_TRUTH = {"TRUE": True, "FALSE": False}


def load(folder: str | Path = HERE) -> dict[str, pandas.DataFrame]:
    """Return all tables by name, such as "latest/players"."""
    folder = Path(folder)
    codebook = json.loads((folder / "codebook.json").read_text("utf-8"))
    return {
        name: _table(folder / f"{name}.{FORMAT}", columns) for name, columns in codebook.items()
    }


def _table(path: Path, columns: dict[str, dict[str, Any]]) -> pandas.DataFrame:
    raw = _READERS[FORMAT](path, list(columns))
    typed = {name: _typed(raw[name], about["type"]) for name, about in columns.items()}
    return pandas.DataFrame(typed, index=pandas.RangeIndex(len(raw)))


# ---- files, with None or NaN where there is no value --------------------------------------------


def _csv(path: Path, names: list[str]) -> pandas.DataFrame:
    return pandas.read_csv(
        path, dtype=object, keep_default_na=False, na_values=[""], skip_blank_lines=False,
        header=0, names=names, index_col=False, encoding="utf-8-sig",
    )  # fmt: skip


def _json_lines(path: Path, names: list[str]) -> pandas.DataFrame:
    with path.open(encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pandas.DataFrame(columns, index=range(len(rows)), dtype=object)


def _parquet(path: Path, names: list[str]) -> pandas.DataFrame:
    return pandas.read_parquet(path, dtype_backend="numpy_nullable").set_axis(names, axis=1)


def _stata(path: Path, names: list[str]) -> pandas.DataFrame:
    found = pandas.read_stata(path, convert_categoricals=False)
    return found.set_axis(names, axis=1)


def _spss(path: Path, names: list[str]) -> pandas.DataFrame:
    import pyreadstat  # lazy: only these files need it

    found, _ = pyreadstat.read_sav(str(path), disable_datetime_conversion=True)
    return found.set_axis(names, axis=1)


def _excel(path: Path, names: list[str]) -> pandas.DataFrame:
    sheets = pandas.read_excel(
        path, sheet_name=None, header=0, dtype=object, keep_default_na=False, na_values=[""]
    )
    parts = [sheet.set_axis(names, axis=1) for name, sheet in sheets.items() if name != "codebook"]
    return parts[0] if len(parts) == 1 else pandas.concat(parts, ignore_index=True)


_READERS = {
    "csv": _csv, "jsonl": _json_lines, "parquet": _parquet, "dta": _stata, "sav": _spss,
    "xlsx": _excel,
}  # fmt: skip


# ---- columns ------------------------------------------------------------------------------------


def _typed(column: pandas.Series[Any], type: str) -> Any:
    values = [None if _is_missing(value) else value for value in column.tolist()]
    if type == "boolean":
        return pandas.array([_TRUTH.get(v, v) for v in map(_truth, values)], dtype="boolean")
    if type == "integer":
        return pandas.array([None if v is None else int(v) for v in values], dtype="Int64")
    if type == "number":
        return [float("nan") if v is None else float(v) for v in values]
    if type == "text":
        return pandas.array([_text(value) for value in values], dtype="string")
    if type in ("date", "datetime", "time"):
        texts = [_iso(value) or "NaT" for value in values]
        moments = pandas.Series(numpy.array(texts, dtype="datetime64[us]"))
        return moments.dt.tz_localize("UTC") if type == "time" else moments
    if type == "JSON":
        return pandas.Series([_parsed(value) for value in values], dtype=object)
    return pandas.Series(values, dtype=object)


def _iso(value: Any) -> Any:
    """Return a date or time as text, of which pandas makes one of any year."""
    if isinstance(value, (int, float)):  # SPSS's seconds, to the millisecond
        ended = dt.timedelta(milliseconds=round(value * 1000))
        return (dt.datetime(1582, 10, 14) + ended).isoformat()
    text = value.isoformat() if isinstance(value, dt.date) else value
    return None if text is None else text.removesuffix("Z").removesuffix("+00:00")


def _is_missing(value: Any) -> bool:
    if value is None or value is pandas.NA or value is pandas.NaT:
        return True
    return (isinstance(value, float) and value != value) or (
        FORMAT in ("dta", "sav") and isinstance(value, str) and not value
    )


def _truth(value: Any) -> Any:
    return bool(value) if isinstance(value, (int, float)) else value


def _text(value: Any) -> Any:
    if value is None:
        return None
    if EXCEL and _MADE_HARMLESS.match(value):
        return value[1:]
    if FORMAT == "xlsx":
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    return value


def _parsed(value: Any) -> Any:
    if value is None or FORMAT == "jsonl":
        return value
    try:
        return json.loads(_text(str(value)))
    except ValueError:  # the file has only the beginning of a long text
        return value


if __name__ == "__main__":
    for name, table in load().items():
        sys.stdout.write(f"{name}: {len(table):,} rows, {len(table.columns)} columns\n")
