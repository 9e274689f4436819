"""Insider trading: RD and RAD of 384 published asset markets, from their recorded trades.

Schmidt, Stöckl and Palan (2024), "Voting for insider trading regulation", Journal of Banking and
Finance, have put their data online (github.com/domidt/VotingForInsiderTradingRegulation, MIT
License). They are not part of this package: the variable names the folder of a copy.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.statistics import (
    mean,
    relative_absolute_deviation,
    relative_deviation,
)
from uproot_nb.market.replications.ztree import ztree_table

if TYPE_CHECKING:
    import pandas

__all__ = ["DATA", "TradedUnits", "mispricing_by_market", "mispricing_figures", "unit_mispricing"]

DATA = "UPROOT_NB_REPLICATION_DATA"
"""The environment variable with the folder of published data."""

TradedUnits = Sequence[tuple[float, int]]
"""The trades of a market: price and units."""

_REPOSITORY = "https://github.com/domidt/VotingForInsiderTradingRegulation"


def unit_mispricing(trades: TradedUnits, value: float) -> tuple[float, float]:
    """Return RD and RAD of one period's market as Schmidt, Stöckl and Palan (2024, p. 55) do.

        unit_mispricing([(60, 1), (53, 5)], value=32)   # 0.692…, 0.692…

    RD is that of the volume-weighted mean price. RAD weighs each unit's own distance from the
    value: it is that of Stöckl, Huber and Kirchler (2010) if each unit traded is a period. Both are
    0 without a trade, as in their table.
    """
    units = [price for price, count in trades for _ in range(count)]
    if not units:
        return 0.0, 0.0
    rd = relative_deviation([mean(units)], [value])
    return rd, relative_absolute_deviation(units, [value] * len(units))


def mispricing_by_market(folder: Path) -> pandas.DataFrame:
    """Return RD and RAD of each market, computed from the trades in its z-Tree file.

    Columns: group, period, value (what the asset was bought back for), volume (in units), rd, rad.

    Args:
        folder: with a z-Tree file for each group, `G01FluctRN.xls` to `G32FixedRN.xls`.
    """
    import pandas  # lazy: an experiment that makes no table does not need it

    files = sorted(folder.glob("G[0-9][0-9]*.xls"))
    return pandas.DataFrame([row for path in files for row in _markets_in(path)])


def _markets_in(path: Path) -> Iterator[dict[str, float]]:
    values = {
        int(row["Period"]): float(row["BBV[1]"])
        for row in ztree_table(path, "globals")
        if int(row["Period"]) > 0  # those up to 0 were for training
    }
    trades: dict[int, list[tuple[float, int]]] = {period: [] for period in values}
    for row in ztree_table(path, "contracts"):
        period = int(row["Period"])
        if period > 0 and int(row["Buyer"]) > 0 and int(row["Seller"]) > 0:
            trades[period].append((float(row["p"]), int(row["q"])))
    for period, value in values.items():
        rd, rad = unit_mispricing(trades[period], value)
        volume = sum(count for _, count in trades[period])
        yield {
            "group": int(path.name[1:3]), "period": period, "value": value, "volume": volume,
            "rd": rd, "rad": rad,
        }  # fmt: skip


_SUMMARIES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean, "standard deviation": statistics.stdev, "median": statistics.median,
    "minimum": min, "maximum": max,
}  # fmt: skip
"""What the published table has of all markets."""


def mispricing_figures() -> dict[tuple[str, str], float]:
    """Return mean, spread, median, minimum and maximum of RD and RAD over all markets.

    Raises:
        BadMarket: the data are not there.
    """
    named = os.environ.get(DATA)
    found = mispricing_by_market(Path(named, "4_data_excel")) if named else None
    if found is None or found.empty:
        where = "No folder of published data is named" if not named else f"No data are in {named!r}"
        raise BadMarket(
            f"{where}.",
            f"Set {DATA} to the folder of a copy of {_REPOSITORY}, with its folder 4_data_excel.",
        )
    return {
        (measure, name): float(summary([float(one) for one in found[measure]]))
        for measure in ("rd", "rad")
        for name, summary in _SUMMARIES.items()
    }
