"""SpssTable: a table as a file of SPSS, with the labels of its variables and values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uproot_nb.analysis.export_formats.codebook_entries import Entries, note
from uproot_nb.analysis.export_formats.column_labels import column_label, cut_bytes, value_labels
from uproot_nb.analysis.export_formats.gathered_table import GatheredTable
from uproot_nb.analysis.export_formats.legal_names import SPSS, legal_names
from uproot_nb.analysis.json_cells import Columns
from uproot_nb.errors import UprootError

__all__ = ["SpssTable"]

_LONGEST_LABEL, _LONGEST_VALUE_LABEL, _LONGEST_TEXT = 255, 120, 32_767
_MEASURES = {"boolean": "nominal", "text": "nominal", "JSON": "nominal"}

_FORMATS = {
    "integer": "F16.0", "date": "DATE11", "datetime": "DATETIME23.3", "time": "DATETIME23.3",
}  # fmt: skip
_EPOCH = 12_219_379_200
"""Seconds from SPSS's beginning of time, 14 October 1582, to that of Unix."""


class SpssTable(GatheredTable):
    """A file for SPSS, written by pyreadstat.

    Truth is 0 and 1 with the labels FALSE and TRUE, times that had a time zone are in UTC, missing
    texts are empty.
    """

    _first_day = dt.date(1582, 10, 15)

    def __init__(self, path: Path, columns: Columns, entries: Entries) -> None:
        super().__init__(path, columns, entries)
        self._package = _pyreadstat()
        for column, name in legal_names(columns, SPSS).items():
            if column != name:
                entries[column]["name"] = name

    def _save(self) -> None:
        frame = self._frame()
        named = {entry.get("name", column): entry for column, entry in self._entries.items()}
        try:
            self._package.write_sav(
                frame, str(self._path), column_labels=self._labels(),
                variable_value_labels={
                    name: self._value_labels(entry) for name, entry in named.items()
                    if value_labels(entry) and frame[name].dtype != object
                },
                variable_measure={n: _MEASURES.get(e["type"], "scale") for n, e in named.items()},
                variable_format={
                    name: _FORMATS[entry["type"]] for name, entry in named.items()
                    if entry["type"] in _FORMATS and frame[name].dtype != object
                },
            )  # fmt: skip
        except self._package.ReadstatError as failure:
            raise OSError(f"{self._path.name} cannot be written: {failure}.") from failure

    def _labels(self) -> dict[str, str]:
        return {
            entry.get("name", column): cut_bytes(column_label(column, entry), _LONGEST_LABEL)
            for column, entry in self._entries.items()
        }

    def _value_labels(self, entry: Any) -> dict[int, str]:
        labels = value_labels(entry)
        return {value: cut_bytes(label, _LONGEST_VALUE_LABEL) for value, label in labels.items()}

    def _times(self, rows: Sequence[int], values: Sequence[str]) -> Any:
        """Return SPSS's seconds, to the millisecond: datetimes would be shown to the second."""
        import numpy as np  # lazy: `import uproot_nb` is to be quick

        moments = super()._times(rows, values)
        seconds = moments.astype("int64") / 1000 + _EPOCH
        return np.where(np.isnat(moments), np.nan, seconds)

    def _text(self, name: str, text: str) -> str:
        text = super()._text(name, text)
        cut = cut_bytes(text, _LONGEST_TEXT)
        if cut != text:
            note(self._entries[name], f"texts of more than {_LONGEST_TEXT:,} bytes are cut")
        return cut


def _pyreadstat() -> Any:
    try:
        import pyreadstat  # lazy: it is an extra
    except ImportError:
        raise UprootError(
            "SPSS files need the package pyreadstat, which is not installed.\n"
            'Install it (pip install "uproot_nb[spss]"), or export as format="csv".'
        ) from None
    return pyreadstat
