"""Rounding: a price that a formula gives, put on the market's grid without a loss."""

from __future__ import annotations

import math
from decimal import Decimal

from uproot_nb.market.orderbook.prices import Price
from uproot_nb.market.traders.trader import View

__all__ = ["on_grid"]


def on_grid(price: float, view: View) -> Price:
    """Return the nearest price on the grid that is neither a loss nor out of range."""
    tick = view.tick
    count = max(1, min(math.floor(price / float(tick) + 0.5), int(view.highest // tick)))
    if view.side == "buy":
        count = min(count, int(view.limit // tick))
    else:
        count = max(count, -int(-view.limit // tick))
    return count * tick if isinstance(tick, int) else Decimal(count) * tick
