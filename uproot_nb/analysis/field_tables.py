"""FieldTable: rows that begin with columns of ours, and go on with a column for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from uproot_nb.analysis.typed_columns import beside, table

if TYPE_CHECKING:
    import pandas

__all__ = ["FieldTable", "field_table"]

Row = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What one of our columns each holds, and the fields with their values."""


class FieldTable(NamedTuple):
    """A table, and which field each of its columns holds; the columns of ours hold none."""

    frame: pandas.DataFrame
    fields: Mapping[str, str]


def field_table(rows: Sequence[Row], head: Mapping[str, str]) -> FieldTable:
    """Return *rows* as a table: the columns of *head* with its dtypes, then each field.

    A field that is named like one of our columns gets a `_` behind its name, in all rows alike.
    """
    names = dict.fromkeys(name for _, fields in rows for name in fields)
    columns = beside(head, names)
    told = [
        {**ours, **{columns[name]: value for name, value in fields.items()}}
        for ours, fields in rows
    ]
    return FieldTable(table(told, head), {columns[name]: name for name in names})
