"""ZIP: zero intelligence plus, which learns its profit margin."""

from __future__ import annotations

from random import Random

from uproot_nb.market.orders import Side
from uproot_nb.market.prices import Price
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import Shout, View

__all__ = ["ZIP"]


class ZIP:
    """A trader with a profit margin that follows the market (Cliff and Bruten 1997, HPL-97-91).

    It quotes p = limit * (1 + m) as a seller, limit * (1 - m) as a buyer. After a shout at price q
    that gives it reason to, it moves towards the target t = R * q + A by the Widrow-Hoff rule with
    momentum: G <- g * G + (1 - g) * b * (t - p), p <- p + G.

    It raises its margin when a trade was possible at a better price than its own. It lowers it when
    somebody else got a trade that it would have wanted, or was outbid by a quote that failed.

    Args:
        chance: draws the parameters, uniformly as in the paper: margin 0.05 to 0.35, b 0.1 to 0.5,
            g 0 to 0.1.
        relative, absolute: R is 1 to 1 + relative (or 1 - relative to 1), A is 0 to absolute (or
            -absolute to 0); the paper has 0.05 each, with prices of a few units of money.
    """

    def __init__(self, chance: Random, relative: float = 0.05, absolute: float = 0.05) -> None:
        self.margin = chance.uniform(0.05, 0.35)
        self.rate, self.momentum = chance.uniform(0.1, 0.5), chance.uniform(0.0, 0.1)
        self._relative, self._absolute = relative, absolute
        self._gain = 0.0
        self._side: Side | None = None

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price with the margin as it is; None if the grid has no such price."""
        price = on_grid(self._price(view), view)
        return price if price > 0 else None

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Move the margin, if the shout gives reason to."""
        own = self._side if view is None else view.side
        if view is None or own is None:
            return  # only those with units left follow the market
        price, heard, sells = self._price(view), float(shout.price), own == "sell"
        better = price <= heard if sells else price >= heard
        if shout.accepted and better:
            self._move(view, heard, up=sells, chance=chance)
        elif not better or price == heard:
            # A trade that was the other side's doing, or a rival's quote that nobody took.
            rival = shout.side == own
            if (shout.accepted and not rival) or (not shout.accepted and rival):
                self._move(view, heard, up=not sells, chance=chance)

    def _price(self, view: View) -> float:
        self._side = view.side
        return float(view.limit) * (1 + self.margin if view.side == "sell" else 1 - self.margin)

    def _move(self, view: View, heard: float, up: bool, chance: Random) -> None:
        sign = 1 if up else -1
        target = heard * (1 + sign * chance.uniform(0, self._relative))
        target += sign * chance.uniform(0, self._absolute)
        price, limit = self._price(view), float(view.limit)
        step = self.rate * (target - price)
        self._gain = self.momentum * self._gain + (1 - self.momentum) * step
        moved = (price + self._gain) / limit if limit else 1.0
        self.margin = max(0.0, moved - 1 if view.side == "sell" else 1 - moved)
