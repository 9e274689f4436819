"""Profit points: what traders have earned against what they would earn in equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uproot_nb.market.plots.sources import (
    LABELS,
    Source,
    check_column,
    check_numbers,
    table_of,
)
from uproot_nb.market.plots.style import GREY, axes_or_new, finished, point_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["profits"]


def profits(tables: Source, *, by: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw each trader's profit against the profit at the equilibrium price, over all periods.

        plots.profits(simulated)
        plots.profits(run.market(), by="side")

    On the line, traders earn what they would earn in competitive equilibrium; above it, more.

    Args:
        tables: with the table `traders`.
        by: the column that has a colour for each of its values; by default the arm, else the side.

    Raises:
        BadMarket: there is no such table or column, or nobody has values, as where an asset is
            traded.
    """
    traders = table_of(tables, "traders", "player", "surplus", "equilibrium_surplus")
    if by is None:
        by = "arm" if "arm" in traders else "side"
    check_column(traders, by, "Give by= a column of it, such as 'side'.")
    check_numbers(
        traders, "surplus", "Profits are those of traders with values and costs, and not of assets."
    )
    ax = axes_or_new(ax)
    names = [name for name in dict.fromkeys([*LABELS, "player", by]) if name in traders]
    earned = traders.groupby(names, sort=False, observed=True)[["surplus", "equilibrium_surplus"]]
    points = earned.sum(min_count=1).dropna().reset_index()
    if len(points):  # through a point near the others: the origin may be far away
        least = points["equilibrium_surplus"].min()
        ax.axline((least, least), slope=1, color=GREY, linewidth=0.9, linestyle="dashed")
    words = {"buy": "buyers", "sell": "sellers"}
    for number, (name, mine) in enumerate(points.groupby(by, sort=False, observed=True)):
        ax.plot(
            mine["equilibrium_surplus"], mine["surplus"], linestyle="none",
            **point_style(number), markersize=4, alpha=0.7, markeredgewidth=0,
            label=words.get(str(name), str(name)),
        )  # fmt: skip
    return finished(ax, "profit in equilibrium", "profit")
