"""Rounding: a price that a formula gives, put on the market's grid without a loss."""

from __future__ import annotations

import math
from decimal import Decimal

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.traders.trader import View

__all__ = ["on_grid"]


def on_grid(price: float, view: View) -> Price:
    """Return the nearest price on the grid that is neither a loss nor out of range."""
    tick = view.tick
    count, most = math.floor(price / float(tick) + 0.5), int(view.highest // tick)
    # Without min and max, which are slow: every robot asks at every shout.
    if count > most:
        count = most
    least = int(view.lowest // tick) if view.lowest else 1
    if count < least:
        count = least
    bound = int(view.limit // tick) if view.side == "buy" else -int(-view.limit // tick)
    if (count > bound) if view.side == "buy" else (count < bound):
        count = bound
    return count * tick if isinstance(tick, int) else Decimal(count) * tick
