"""StataTable: a table as a file of Stata, with the labels of its variables and values."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from uproot_nb.analysis.export_formats.codebook_entries import Entries
from uproot_nb.analysis.export_formats.column_labels import (
    column_label,
    cut_letters,
    value_labels,
)
from uproot_nb.analysis.export_formats.gathered_table import GatheredTable, floats
from uproot_nb.analysis.export_formats.legal_names import STATA, legal_names
from uproot_nb.analysis.json_cells import Columns
from uproot_nb.errors import UprootError

__all__ = ["StataTable"]

_LONGEST_LABEL, _LONGEST_VALUE_LABEL = 80, 32_000
_MOST_COLUMNS = 32_767
_LARGEST_LONG = 2_147_483_620
"""The largest whole number of Stata's type long; those above are codes of missing values."""
_LARGEST_DOUBLE = 8.98e307


class StataTable(GatheredTable):
    """A file for Stata 14 and later, written by pandas.

    Truth is 0 and 1 with the labels FALSE and TRUE, dates are %td, times are %tc (those with a time
    zone in UTC), missing texts are empty.
    """

    _first_day = dt.date(100, 1, 1)

    def __init__(self, path: Path, columns: Columns, entries: Entries) -> None:
        super().__init__(path, columns, entries)
        if len(columns) > _MOST_COLUMNS:
            raise UprootError(
                f"{path.name} would have {len(columns):,} columns; Stata can hold "
                f'{_MOST_COLUMNS:,}, and Stata/BE 2,048.\nUse filters=, or export as format="csv".'
            )
        for column, name in legal_names(columns, STATA).items():
            if column != name:
                entries[column]["name"] = name

    def _save(self) -> None:
        frame = self._frame()
        labels = {
            entry.get("name", column): cut_letters(column_label(column, entry), _LONGEST_LABEL)
            for column, entry in self._entries.items()
        }
        frame.to_stata(
            self._path, write_index=False, version=118, variable_labels=labels,
            value_labels=self._value_labels(frame), convert_dates=self._moments(frame),
        )  # fmt: skip

    def _value_labels(self, frame: Any) -> dict[Any, dict[float, str]]:
        found: dict[Any, dict[float, str]] = {}
        for column, entry in self._entries.items():
            name = entry.get("name", column)
            labels = value_labels(entry)
            if labels and frame[name].dtype != object:
                found[name] = {
                    value: cut_letters(label, _LONGEST_VALUE_LABEL)
                    for value, label in labels.items()
                }
        return found

    def _moments(self, frame: Any) -> dict[Any, Any]:
        kinds = {self._entries[c].get("name", c): kind for c, kind in self._kinds.items()}
        return {
            name: "td" if kinds[name] == "date" else "tc"
            for name in frame.columns if frame[name].dtype.kind == "M"
        }  # fmt: skip

    def _is_storable(self, value: float) -> bool:
        return abs(value) < _LARGEST_DOUBLE

    def _whole(self, column: Any) -> Any:
        import numpy as np  # lazy: see __init__
        import pandas

        if any(abs(value) > _LARGEST_LONG for value in column.values):
            return floats(column.rows, column.values, self._count)
        found, gaps = np.zeros(self._count, "int32"), np.ones(self._count, bool)
        found[column.rows], gaps[column.rows] = column.values, False
        return pandas.arrays.IntegerArray(found, gaps)
