"""Stacking: the same table of many markets as one, whose categories do not depend on the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["in_order", "stack", "stack_cells", "with_cell"]

_TOGETHER = ("buyer", "seller")
"""Columns that keep the same categories, so that one can be compared with the other."""


def with_cell(cell: int, table: pandas.DataFrame) -> pandas.DataFrame:
    """Return a market's table with its place in the grid as the first column."""
    import numpy  # lazy: it comes with pandas

    made = table.copy()
    made.insert(0, "cell", numpy.full(len(table), cell, dtype="int64"))
    return made


def stack_cells(tables: Mapping[int, pandas.DataFrame]) -> pandas.DataFrame:
    """Return markets' tables one below the other, their places in the grid as the first column."""
    import numpy  # lazy: it comes with pandas

    made = stack(list(tables.values())).copy(deep=False)
    cells = numpy.array(list(tables), dtype="int64")
    made.insert(0, "cell", numpy.repeat(cells, [len(table) for table in tables.values()]))
    return made


def stack(tables: Sequence[pandas.DataFrame]) -> pandas.DataFrame:
    """Return tables with the same columns one below the other."""
    import pandas  # lazy: an experiment that makes no table does not need it

    if len(tables) == 1:
        return tables[0]
    columns = zip(*(table.items() for table in tables), strict=True)
    made = {series[0][0]: _joined([one for _, one in series]) for series in columns}
    return pandas.DataFrame(made, copy=False)


def _joined(columns: list[pandas.Series[Any]]) -> Any:
    """Return the values of columns with the same dtype, one after the other."""
    import numpy  # lazy: it comes with pandas
    import pandas  # lazy: an experiment that makes no table does not need it
    from pandas.api.types import union_categoricals  # lazy: likewise

    dtype = columns[0].dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        return union_categoricals(columns)
    if isinstance(dtype, numpy.dtype):
        return numpy.concatenate([column.to_numpy() for column in columns])
    return pandas.concat(columns, ignore_index=True)


def in_order(table: pandas.DataFrame) -> pandas.DataFrame:
    """Sort a stacked table by market, and its categories by their first appearance.

    Then it is the same in whatever order the markets were simulated.
    """
    import pandas  # lazy: an experiment that makes no table does not need it

    table = table.sort_values("cell", kind="stable", ignore_index=True)
    texts = [c for c in table.columns if isinstance(table[c].dtype, pandas.CategoricalDtype)]
    alike = [name for name in _TOGETHER if name in texts]
    for names in [*([name] for name in texts if name not in alike), *([alike] if alike else [])]:
        made = _by_appearance([pandas.Categorical(table[name]) for name in names])
        table = table.assign(**dict(zip(names, made, strict=True)))
    return table


def _by_appearance(columns: Sequence[pandas.Categorical]) -> list[pandas.Categorical]:
    """Return columns with the same categories, in the order in which their values appear."""
    import numpy  # lazy: it comes with pandas
    import pandas  # lazy: an experiment that makes no table does not need it

    known = pandas.Index(list(dict.fromkeys(text for c in columns for text in c.categories)))
    codes = [c.set_categories(known).codes.astype("int64") for c in columns]
    seen = pandas.unique(numpy.concatenate(codes))
    seen = seen[seen >= 0]
    places = numpy.full(len(known) + 1, -1)
    places[seen] = numpy.arange(len(seen))  # the last place stays -1, for what is missing
    first = known[seen].astype("str")
    return [pandas.Categorical.from_codes(places[code], categories=first) for code in codes]
