"""The table of simulated markets: one row per market, over all its periods."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from uproot_nb.market.analysis import statistics
from uproot_nb.market.analysis.columns import COLUMNS, frame_of
from uproot_nb.market.analysis.results import MarketTables

if TYPE_CHECKING:
    import pandas

__all__ = [
    "STATISTICS", "SUMMARY", "MarketRow", "empty_table", "failed_row", "finished_row",
    "summary_table",
]  # fmt: skip

_SUMS = (
    "maximum_surplus", "surplus", "buyer_surplus", "seller_surplus", "lost_surplus",
    "displaced_surplus",
)  # fmt: skip
_MEANS = ("alpha", "rmsd", "volatility", "profit_dispersion", "volume_ratio", "mean_spread")

STATISTICS = ("trades", "volume", "mean_price", "efficiency", *_SUMS, *_MEANS)
"""What a market is summed up by, in the order of the columns."""

SUMMARY = {
    "cell": "int64", "trades": "Int64", "volume": "Int64",
    **dict.fromkeys(STATISTICS[2:], "float64"), "error": "string", "message": "string",
}  # fmt: skip
"""The dtypes; `cell` is the market's place in the grid."""


class MarketRow(NamedTuple):
    """One market of the grid: its place there, and what came of it."""

    cell: int
    numbers: tuple[float | None, ...]
    """As in STATISTICS; all None if it failed."""
    error: str | None = None
    message: str | None = None


def finished_row(cell: int, tables: MarketTables) -> MarketRow:
    """Return the row of a market."""
    rows = tables.period_rows
    counts = {name: [row[name] for row in rows] for name in ("trades", "volume")}
    wanted = ("mean_price", *_SUMS, *_MEANS)
    periods = counts | {name: [_number(row[name]) for row in rows] for name in wanted}
    sums = [math.fsum(periods[name]) for name in _SUMS]
    means = [_mean(periods[name]) for name in _MEANS]
    price = _mean(periods["mean_price"], periods["volume"])
    efficiency = statistics.efficiency(math.fsum(_number(row["welfare"]) for row in rows), sums[0])
    trades, volume = sum(periods["trades"]), sum(periods["volume"])
    return MarketRow(cell, (trades, volume, price, efficiency, *sums, *means))


def failed_row(cell: int, error: BaseException) -> MarketRow:
    """Return the row of a market that could not be simulated."""
    return MarketRow(cell, (None,) * len(STATISTICS), type(error).__name__, str(error))


def summary_table(rows: Iterable[MarketRow]) -> pandas.DataFrame:
    """Return rows as a table with the columns of SUMMARY."""
    import pandas  # lazy: an experiment that makes no table does not need it

    plain = [(row.cell, *row.numbers, row.error, row.message) for row in rows]
    frame = pandas.DataFrame(plain, columns=list(SUMMARY), dtype=object)
    return frame.astype(cast("Any", SUMMARY))


def empty_table(name: str) -> pandas.DataFrame:
    """Return the table of no market: `markets`, or one of MARKET_TABLES with `cell` in front."""
    import pandas  # lazy: an experiment that makes no table does not need it

    if name == "markets":
        return summary_table([])
    frame = frame_of(name, {column: [] for column in COLUMNS[name]})
    frame.insert(0, "cell", pandas.Series([], dtype="int64"))
    return frame


def _number(value: float | None) -> float:
    """Return a number as the table `periods` has it: NaN for None, and no negative zero."""
    return math.nan if value is None else float(value) + 0.0


def _mean(numbers: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Return the mean over the periods that have such a number."""
    known = [place for place, number in enumerate(numbers) if not math.isnan(number)]
    chosen = None if weights is None else [weights[place] for place in known]
    return statistics.mean([numbers[place] for place in known], chosen)
