"""Schedule steps: supply and demand, and what was traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uproot_nb.market.analysis.equilibrium import equilibrium
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.plots.sources import Source, has_table, one_market
from uproot_nb.market.plots.style import (
    BLACK,
    COLOURS,
    axes_or_new,
    draw_equilibrium,
    finished,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["supply_and_demand"]


def supply_and_demand(
    values: InducedValues | Source, trades: pandas.DataFrame | None = None, *, period: int = 1,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw supply and demand as steps, and a period's trades in their order.

        plots.supply_and_demand(design.values_in(1))
        plots.supply_and_demand(run.market(), period=3)

    The n-th unit traded stands above the n-th unit of the schedules. The band is the interval of
    competitive equilibrium prices.

    Args:
        values: the values, or a market's tables, with those of its trades.
        trades: the table `trades`, if it is not among the tables.
        period: which period, of tables.

    Raises:
        BadMarket: there are several markets.
    """
    if not isinstance(values, InducedValues):
        if trades is None and has_table(values, "trades"):
            trades = one_market(values, "trades")
        demand, supply = _schedules(one_market(values, "induced_values"), period)
    else:
        demand = [float(value) for value in values.all_values()]
        supply = [float(cost) for cost in values.all_costs()]
    ax, at = axes_or_new(ax), equilibrium(demand, supply)
    longest = max(len(demand), len(supply), 1)
    if at.price is not None:
        draw_equilibrium(ax, at.price_low, at.price_high, 0, longest, "equilibrium price")
    for heights, label, colour in ((demand, "demand", 0), (supply, "supply", 1)):
        if heights:
            _draw_steps(ax, heights, label, COLOURS[colour])
    if trades is not None:
        _draw_trades(ax, trades[trades["period"] == period])
    ax.set_xlim(0, None)
    return finished(ax, "units", "price")


def _schedules(table: Any, period: int) -> tuple[list[float], list[float]]:
    mine = table[table["period"] == period]
    demand = sorted(mine.loc[mine["side"] == "buy", "value"], reverse=True)
    return demand, sorted(mine.loc[mine["side"] == "sell", "value"])


def _draw_steps(ax: Axes, heights: list[float], label: str, colour: str) -> None:
    edges = [float(edge) for edge in range(len(heights) + 1)]
    ax.stairs(heights, edges, baseline=None, label=label, color=colour, linewidth=1.5)


def _draw_trades(ax: Axes, trades: Any) -> None:
    """Draw each unit traded at its number: half way through its step."""
    prices = trades["price"].repeat(trades["quantity"]).tolist()
    places = [number + 0.5 for number in range(len(prices))]
    label = "trades, in order"
    ax.plot(places, prices, marker="o", markersize=3, linewidth=0.7, color=BLACK, label=label)
