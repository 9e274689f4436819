"""Price lines: the prices and the best quotes of one market, in the order in which they came."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uproot_nb.market.plots.sources import Source, check_period, has_table, one_market
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

_BOUNDS = ("equilibrium_price_low", "equilibrium_price_high")


def price_path(tables: Source, *, ax: Axes | None = None) -> Axes:
    """Draw a market's prices trade by trade, with the equilibrium prices of each period.

        plots.price_path(run.market())
        plots.price_path(plots.select(simulated, session="call 3"))

    Args:
        tables: those of one market, with `trades` and `periods`.

    Raises:
        BadMarket: a table is missing, or there are several markets.
    """
    trades = one_market(tables, "trades", "period", "price")
    periods = one_market(tables, "periods", "period", *_BOUNDS)
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
    rows = periods.sort_values("period")[["period", *_BOUNDS]].itertuples(index=False, name=None)
    return [(int(period), float(low), float(high)) for period, low, high in rows]


def bid_ask_history(tables: Source, *, period: int = 1, ax: Axes | None = None) -> Axes:
    """Draw the best bid and ask of a period over time, and its trades.

        plots.bid_ask_history(run.market(), period=2)

    Time is in seconds from the period's first event; in a simulation, in steps. Quotes stand until
    the period closes, or, while it is open, until its last event. `order_events` says when that is;
    without that table, the lines end at the last change of a quote.

    Args:
        tables: those of one market, with `book` and `trades`, and better `order_events`, too.

    Raises:
        BadMarket: a table or the period is missing, or there are several markets.
    """
    book = one_market(tables, "book", "period", "time", "bid", "ask")
    trades = one_market(tables, "trades", "period", "time", "price")
    further = [
        one_market(tables, name, "period") for name in ("order_events", "periods")
        if has_table(tables, name)
    ]  # fmt: skip
    check_period(period, book, trades, *further)
    ax = axes_or_new(ax)
    unit = "seconds" if "timestamp" in book else "steps"
    book, trades = book[book["period"] == period], trades[trades["period"] == period]
    begin = 0.0 if book.empty else book["time"].iloc[0]
    times = [*(book["time"] - begin), *(end - begin for end in _ends(tables, book, period))]
    for side, colour in (("ask", COLOURS[1]), ("bid", COLOURS[0])):
        prices = book[side].tolist()
        ax.step(
            times, prices + prices[-1:] * (len(times) - len(prices)), where="post", color=colour,
            linewidth=1.1, label=f"best {side}",
        )  # fmt: skip
    ax.plot(
        trades["time"] - begin, trades["price"], linestyle="none", marker="o", markersize=3.5,
        color=BLACK, label="trades", zorder=3,
    )  # fmt: skip
    return finished(ax, f"{unit} from the period's first order", "price")


def _ends(tables: Source, book: pandas.DataFrame, period: int) -> list[float]:
    """Return until when the last quotes of a period stand, if the tables say so; else nothing."""
    if book.empty or not has_table(tables, "order_events"):
        return []
    events = one_market(tables, "order_events", "period", "time", "event")
    events = events[events["period"] == period]
    closes = events.loc[events["event"] == "close", "time"]
    times = closes if len(closes) else events["time"]
    return [float(time) for time in times.iloc[-1:]]
