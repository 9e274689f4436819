"""ZI-U and ZI-C: traders without intelligence, without and with a budget."""

from __future__ import annotations

from random import Random

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.traders.draws import drawn_below
from uproot_nb.market.traders.trader import Heedless, View

__all__ = ["ZIC", "ZIU"]


class ZIU(Heedless):
    """Zero intelligence, unconstrained: any price from one tick to the highest, at a loss as well.

    The prices are independent draws, uniform over the range of prices that are possible (Gode and
    Sunder 1993, "Allocative efficiency of markets with zero-intelligence traders", JPE 101). Their
    prices are whole numbers from 1 to 200: `Rules(max_price=200)`.
    """

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return a uniform draw."""
        return _drawn(max(view.tick, view.lowest), view.highest, view.tick, chance)


class ZIC(Heedless):
    """Zero intelligence, constrained: as ZIU, but never at a loss (Gode and Sunder 1993).

    A buyer draws from one tick to the value of its unit, a seller from the cost to the highest.
    """

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return a uniform draw among the prices that are no loss; None if there are none."""
        tick, limit, lowest, highest = view.tick, view.limit, view.lowest, view.highest
        if lowest < tick:
            lowest = tick
        if view.side == "buy":
            return _drawn(lowest, highest if highest < limit else limit, tick, chance)
        return _drawn(lowest if lowest > limit else limit, highest, tick, chance)


def _drawn(lowest: Price, highest: Price, tick: Price, chance: Random) -> Price | None:
    first, last = -int(-lowest // tick), int(highest // tick)
    return None if first > last else tick * (first + drawn_below(last - first + 1, chance))
