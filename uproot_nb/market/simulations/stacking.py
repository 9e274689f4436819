"""Stacking: the same table of many markets as one, whose categories do not depend on the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from uproot_nb.market.analysis.columns import frame_of

if TYPE_CHECKING:
    import pandas

__all__ = ["CellStack", "in_order", "stack", "with_cell"]

_TOGETHER = ("buyer", "seller")
"""Columns that keep the same categories, so that one can be compared with the other."""
_AT_ONCE = 2_000
"""How many rows are made a table at once, or more if a market has more."""


def with_cell(cell: int, table: pandas.DataFrame) -> pandas.DataFrame:
    """Return a market's table with its place in the grid as the first column."""
    import numpy  # lazy: it comes with pandas

    made = table.copy()
    made.insert(0, "cell", numpy.full(len(table), cell, dtype="int64"))
    return made


class CellStack:
    """A table of many markets, with their places in the grid as the first column.

    Where markets have lists instead of a table, one table is made for several small ones, which
    takes less time than one for each; not for large ones, whose lists fill the memory.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._columns: dict[str, list[Any]] = {}
        self._cells: list[int] = []
        self._frames: list[pandas.DataFrame] = []

    def add(self, cell: int, part: pandas.DataFrame | dict[str, list[Any]]) -> None:
        """Add a market's table, or its columns."""
        if not isinstance(part, dict):
            self._make_frame()
            self._frames.append(with_cell(cell, part))
            return
        for name, values in part.items():
            self._columns.setdefault(name, []).extend(values)
        self._cells += [cell] * len(next(iter(part.values())))
        if len(self._cells) >= _AT_ONCE:
            self._make_frame()

    def table(self) -> pandas.DataFrame | None:
        """Return the whole table; None if no market was added."""
        self._make_frame()
        return stack(self._frames) if self._frames else None

    def _make_frame(self) -> None:
        """Make a table of the columns that have come since the last one was made."""
        import numpy  # lazy: it comes with pandas

        if not self._columns:
            return
        frame = frame_of(self._name, self._columns)
        frame.insert(0, "cell", numpy.array(self._cells, dtype="int64"))
        self._frames.append(frame)
        self._columns, self._cells = {}, []


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
        return union_categoricals(_with_the_same_kind_of_text(columns))
    if isinstance(dtype, numpy.dtype):
        return numpy.concatenate([column.to_numpy() for column in columns])
    return pandas.concat(columns, ignore_index=True)


def _with_the_same_kind_of_text(columns: list[pandas.Series[Any]]) -> list[pandas.Series[Any]]:
    """Give columns without values the type of the others' texts, which files do not remember."""
    kinds = [column.cat.categories for column in columns]
    none = next((kind for kind in kinds if len(kind)), kinds[0])[:0]
    return [c if len(c.cat.categories) else c.cat.set_categories(none) for c in columns]


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
