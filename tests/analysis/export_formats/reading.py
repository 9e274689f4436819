"""Exports that are read back: by their own read.py, and cell by cell from JSON lines."""

from __future__ import annotations

import datetime as dt
import json
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas

from tests.analysis.lives import Live
from uproot_nb.analysis.recording import Tables

Table = dict[str, list[Any]]
FORMATS = ("csv", "jsonl", "parquet", "dta", "sav", "xlsx")
WITH_LABELS = ("dta", "sav")


def exported(live: Live, folder: Path, format: str = "csv", **options: Any) -> Path:
    live.world.journal.commit()
    name = folder / f"{format}{'-'.join(options)}"
    return Tables(live.worlds.log, "market").export(name, format, **options)


def codebook(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(
        (folder / "codebook.json").read_text("utf-8")
    )
    return found


def loaded(folder: Path) -> dict[str, pandas.DataFrame]:
    """Return what the export's own read.py makes of it."""
    load: Callable[[], dict[str, pandas.DataFrame]] = runpy.run_path(str(folder / "read.py"))[
        "load"
    ]
    return load()


def cells(folder: Path) -> dict[str, Table]:
    """Return the cells of an export as JSON lines, by table and column; None for gaps."""
    found = {}
    for name, columns in codebook(folder).items():
        text = (folder / f"{name}.jsonl").read_text("utf-8")
        rows = [json.loads(line) for line in text.split("\n")[:-1]]
        found[name] = {column: [row.get(column) for row in rows] for column in columns}
    return found


def expected(value: Any, type: str, format: str) -> Any:
    """Return what a cell is when it was in a file of that format; the README says what is lost."""
    if value is None:
        return None
    if type == "number":
        return _number(float(value), format)
    if type == "text" and format == "sav":
        value = value.rstrip(" ")
    if type == "text" and format in ("csv", "dta", "sav", "xlsx"):
        return value or None
    return value


def _number(value: float, format: str) -> float | None:
    is_kept = format in ("csv", "jsonl", "parquet") or math.isfinite(value)
    largest = 8.98e307 if format == "dta" else math.inf
    return value if is_kept and (abs(value) < largest or not math.isfinite(value)) else None


def same(found: Any, value: Any, type: str, format: str) -> bool:
    """Tell whether what was read is what is expected; NaN and missing are the same to pandas."""
    is_gone = found is None or found is pandas.NA or found is pandas.NaT or found != found
    if value is None or value != value:
        return bool(is_gone)
    if is_gone:
        return False
    if type in ("date", "datetime", "time"):
        exact = dt.datetime.fromisoformat(value)
        return abs(found.to_pydatetime() - exact) <= dt.timedelta(milliseconds=1)
    if type == "number" and format == "xlsx":
        return math.isclose(found, value, rel_tol=1e-15)
    return bool(found == value)
