"""Schedule steps: supply and demand, and what was traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.units import Units, constraint_rows, units_by_period
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.constraints import Constrained
from uproot_nb.market.plots.sources import (
    Source,
    check_period,
    has_table,
    one_market,
    table_of,
)
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
    rules: Constrained | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw supply and demand as steps, and a period's trades in their order.

        plots.supply_and_demand(design.values_in(1), rules=design.rules_in(1))
        plots.supply_and_demand(run.market(), period=3)

    The n-th unit traded is above the n-th unit of the schedules. The band is the interval of
    competitive equilibrium prices under the period's taxes, fees and price controls. Prices are
    those that traders name. Taxes and fees lower demand and raise supply; dotted lines are the
    values and costs without them.

    Args:
        values: the values, or a market's tables, including its trades.
        trades: the table `trades`, if it is not among the tables.
        period: which period of the tables.
        rules: the rules for values alone; tables have their own.

    Raises:
        BadMarket: there are several markets, or rules besides tables, or nobody has values or
            costs in the period.
    """
    if not isinstance(values, InducedValues) and trades is None and has_table(values, "trades"):
        trades = one_market(values, "trades")
    if trades is not None:
        trades = table_of(trades, "trades", "period", "price", "quantity")
    units = _units(values, period, rules)
    schedules = tuple(zip(units.schedules(), units.schedules(constrained=False), strict=True))
    if not any(heights for pair in schedules for heights in pair):
        raise BadMarket(
            f"Nobody has values or costs in period {period}: there is no supply and demand.",
            "Draw a market with induced values. For an asset there is plots.bubble(…).",
        )
    ax, at = axes_or_new(ax), units.equilibrium()
    longest = max(*(len(heights) for heights, _ in schedules), 1)
    if at.price is not None:
        draw_equilibrium(ax, at.price_low, at.price_high, 0, longest, "equilibrium price")
    note = "before taxes and fees"
    for label, (heights, untaxed), colour in zip(
        ("demand", "supply"), schedules, COLOURS, strict=False
    ):
        if heights != untaxed:
            _draw_steps(ax, untaxed, note, colour, linestyle="dotted", linewidth=1.0)
            note = ""
        if heights:
            _draw_steps(ax, heights, label, colour, linewidth=1.5)
    if trades is not None:
        _draw_trades(ax, trades[trades["period"] == period])
    ax.set_xlim(0, None)
    return finished(ax, "units", "price")


def _units(values: InducedValues | Source, period: int, rules: Constrained | None) -> Units:
    """Return a period's units, with the rules that move their equilibrium."""
    if isinstance(values, InducedValues):
        moving = constraint_rows(rules, [period], values)
        return units_by_period([*values.rows([period]), *moving])[period]
    if rules is not None:
        raise BadMarket(
            "Tables have their own rules in induced_values, and rules= was given, too.",
            "Leave out rules=, or give InducedValues instead of tables.",
        )
    table = one_market(values, "induced_values", "period", "player", "side", "unit", "value")
    check_period(period, table)
    return units_by_period(table[table["period"] == period])[period]


def _draw_steps(ax: Axes, heights: list[float], label: str, colour: str, **line: Any) -> None:
    edges = [float(edge) for edge in range(len(heights) + 1)]
    ax.stairs(heights, edges, baseline=None, label=label, color=colour, **line)


def _draw_trades(ax: Axes, trades: Any) -> None:
    """Draw each unit traded at its number: half way through its step."""
    prices = trades["price"].repeat(trades["quantity"]).tolist()
    places = [number + 0.5 for number in range(len(prices))]
    label = "trades, in order"
    ax.plot(places, prices, marker="o", markersize=3, linewidth=0.7, color=BLACK, label=label)
