"""NearZeroIntelligence: a trader for asset markets, anchored on the last period's price."""

from __future__ import annotations

from random import Random

from msgspec.structs import replace

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.remembering import Remembering
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import View

__all__ = ["NearZeroIntelligence"]


class NearZeroIntelligence(Remembering):
    """Makes bubbles out of noise, an anchor and weak foresight (Duffy and Unver 2006, ET 27).

    In period t it buys with probability max(0.5 - foresight * t, 0), else it sells. Its price is
    (1 - anchor) * u + anchor * p, where p is the mean price of the last period (0 in the first) and
    u is uniform from 0 to *noise* times the asset's fundamental value now (`view.limit`).

    Args:
        noise, anchor, foresight: kappa, alpha and phi; the defaults are the estimates that the
            paper gives for the data of Smith, Suchanek and Williams: 4.0846, 0.8480, 0.01674.
    """

    def __init__(
        self, noise: float = 4.0846, anchor: float = 0.8480, foresight: float = 0.01674
    ) -> None:
        self._noise, self._anchor, self._foresight = noise, anchor, foresight
        self._mean = 0.0
        super().__init__()

    def side(self, period: int, chance: Random) -> Side:
        """Return what it does next in a period."""
        return "buy" if chance.random() < max(0.5 - self._foresight * period, 0.0) else "sell"

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return a price around the anchor."""
        self.turn(view.period)
        noise = chance.uniform(0, self._noise * float(view.limit))
        wanted = (1 - self._anchor) * noise + self._anchor * self._mean
        highest = replace(view, limit=view.highest if view.side == "buy" else 0)
        return on_grid(wanted, highest)

    def turn(self, period: int) -> None:
        """Begin anew if it is another period; without a trade in the last, the anchor stays."""
        super().turn(period)
        if self.before:
            self._mean = sum(self.before) / len(self.before)
