"""Price lines: the prices and the best quotes of one market, in the order in which they came."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uproot_nb.market.plots.sources import Source, one_market
from uproot_nb.market.plots.style import (
    BLACK,
    COLOURS,
    GREY,
    axes_or_new,
    draw_equilibrium,
    finished,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["bid_ask_history", "price_path"]


def price_path(tables: Source, *, ax: Axes | None = None) -> Axes:
    """Draw a market's prices trade by trade, with the equilibrium prices of each period.

        plots.price_path(run.market())
        plots.price_path(plots.select(simulated, session="call 3"))

    Args:
        tables: those of one market, with `trades` and `periods`.

    Raises:
        BadMarket: a table is missing, or there are several markets.
    """
    trades, periods = one_market(tables, "trades"), one_market(tables, "periods")
    ax, left, middles = axes_or_new(ax), 0, list[float]()
    for period, low, high in _equilibria(periods):
        prices = trades.loc[trades["period"] == period, "price"].tolist()
        right = left + max(len(prices), 1)
        if not (math.isnan(low) or math.isnan(high)):
            draw_equilibrium(ax, low, high, left, right, "equilibrium price")
        places = [left + number + 0.5 for number in range(len(prices))]
        ax.plot(places, prices, color=COLOURS[0], marker="o", markersize=2.5, linewidth=0.9)
        if left:
            ax.axvline(left, color=GREY, linewidth=0.6, linestyle="dotted")
        middles.append((left + right) / 2)
        left = right
    names = [str(period) for period in sorted(periods["period"])]
    every = 1 + len(names) // 12  # else they run into each other in a narrow column
    ax.set_xticks(middles[::every], names[::every])
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(0, max(left, 1))
    return finished(ax, "period (its trades in order)", "price")


def _equilibria(periods: pandas.DataFrame) -> list[tuple[int, float, float]]:
    """Return the number of each period, and the bounds of its equilibrium prices."""
    names = ["period", "equilibrium_price_low", "equilibrium_price_high"]
    rows = periods.sort_values("period")[names].itertuples(index=False, name=None)
    return [(int(period), float(low), float(high)) for period, low, high in rows]


def bid_ask_history(tables: Source, *, period: int = 1, ax: Axes | None = None) -> Axes:
    """Draw the best bid and ask of a period over time, and its trades.

        plots.bid_ask_history(run.market(), period=2)

    Time is in seconds from the period's first event; in a simulation, in steps.

    Args:
        tables: those of one market, with `book` and `trades`.

    Raises:
        BadMarket: a table is missing, or there are several markets.
    """
    book, trades = one_market(tables, "book"), one_market(tables, "trades")
    ax = axes_or_new(ax)
    unit = "seconds" if "timestamp" in book else "steps"
    book, trades = book[book["period"] == period], trades[trades["period"] == period]
    begin = 0.0 if book.empty else book["time"].iloc[0]
    for side, colour in (("ask", COLOURS[1]), ("bid", COLOURS[0])):
        ax.step(
            book["time"] - begin, book[side], where="post", color=colour, linewidth=1.1,
            label=f"best {side}",
        )  # fmt: skip
    ax.plot(
        trades["time"] - begin, trades["price"], linestyle="none", marker="o", markersize=3.5,
        color=BLACK, label="trades", zorder=3,
    )  # fmt: skip
    return finished(ax, f"{unit} from the period's first order", "price")
