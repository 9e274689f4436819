"""Rounding: a price that a formula gives, put on the market's grid without a loss."""

from __future__ import annotations

import math
from decimal import Decimal

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.traders.trader import View

__all__ = ["grid_range", "on_grid"]


def on_grid(price: float, view: View) -> Price:
    """Return the nearest price on the grid that is neither a loss nor out of range."""
    tick = view.tick
    count, (low, high) = math.floor(price / float(tick) + 0.5), grid_range(view)
    count = low if count < low else min(count, high)
    return count * tick if isinstance(tick, int) else Decimal(count) * tick


def grid_range(view: View) -> tuple[int, int]:
    """Return the lowest and the highest price, in ticks, that are no loss and within the range.

    Where there is none, both are the limit's.
    """
    tick, limit = view.tick, view.limit
    least = int(view.lowest // tick) if view.lowest else 1
    most = max(int(view.highest // tick), least)
    if view.side == "buy":
        bound = int(limit // tick)
        return min(least, bound), min(most, bound)
    bound = -int(-limit // tick)
    return max(least, bound), max(most, bound)
