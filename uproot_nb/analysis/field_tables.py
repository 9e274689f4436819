"""FieldTable: built-in columns, followed by a column for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from uproot_nb.analysis.typed_columns import beside, table

if TYPE_CHECKING:
    import pandas

__all__ = ["FieldTable", "field_table"]

Row = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The values of the built-in columns, and those of the fields."""


class FieldTable(NamedTuple):
    """A table, and the field in each column; built-in columns are not in `fields`."""

    frame: pandas.DataFrame
    fields: Mapping[str, str]


def field_table(rows: Sequence[Row], head: Mapping[str, str]) -> FieldTable:
    """Return *rows* as a table: the columns of *head* with its dtypes, then each field.

    A field with the name of a built-in column gets a `_` appended, in all rows.
    """
    names = dict.fromkeys(name for _, fields in rows for name in fields)
    columns = beside(head, names)
    flat = [
        {**ours, **{columns[name]: value for name, value in fields.items()}}
        for ours, fields in rows
    ]
    return FieldTable(table(flat, head), {columns[name]: name for name in names})
