"""ZIP: zero intelligence plus, which learns its profit margin."""

from __future__ import annotations

from random import Random
from typing import cast

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["ZIP"]


class ZIP:
    """A trader with a profit margin that follows the market (Cliff and Bruten 1997, HPL-97-91).

    It quotes p = limit * (1 + m) as a seller, limit * (1 - m) as a buyer. After a shout at price q
    that gives it reason to, it moves towards the target t = R * q + A by the Widrow-Hoff rule with
    momentum: G <- g * G + (1 - g) * b * (t - p), p <- p + G. A step that would leave no margin is
    not taken.

    It raises its margin when a trade was possible at its own price or a better one, also when it
    has no unit left. With units left it lowers it when the other side's shout was taken by somebody
    who asked for less, or when a shout of its own side failed that asked for as much or less; its
    own shout is one of these. "Its price" is what it would quote, on the market's grid. In the
    report every trader has one limit; here each of a trader's units has a margin of its own, which
    it learns while it is the next one to be traded, and remembers in later periods.

    Args:
        chance: draws the parameters, uniformly as in the program printed with the report: margin
            0.05 to 0.35, b 0.1 to 0.5, g 0 to 0.1. (For g the report's text has 0.2 to 0.8; the
            program draws that too, and overwrites it.)
        relative, absolute: R is 1 to 1 + relative (or 1 - relative to 1), A is 0 to absolute (or
            -absolute to 0); the report has 0.05 each, with prices of a few units of money.
    """

    def __init__(self, chance: Random, relative: float = 0.05, absolute: float = 0.05) -> None:
        self._first = chance.uniform(0.05, 0.35)
        self.rate, self.momentum = chance.uniform(0.1, 0.5), chance.uniform(0.0, 0.1)
        self._relative, self._absolute = relative, absolute
        self._margins: dict[tuple[Side, int], float] = {}
        self._gains: dict[tuple[Side, int], float] = {}
        """By side and number of the unit, as soon as they are no longer those of the beginning."""
        self._last: View | None = None
        """What it saw when it last had a unit."""
        self._priced: View | None = None
        """The view for which it knows its price, before and after rounding."""
        self._price, self._rounded = 0.0, cast("Price", 0)

    @property
    def margin(self) -> float:
        """The margin of the unit that it trades now, or traded last; setting it is for all."""
        return self._first if self._last is None else self._margin_of(self._last)

    @margin.setter
    def margin(self, margin: float) -> None:
        self._first, self._priced = margin, None
        self._margins.clear()

    def _margin_of(self, view: View) -> float:
        return self._margins.get((view.side, view.unit), self._first)

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price with the margin as it is; None if the grid has no such price."""
        self._last = view
        self._find_price(view)
        return self._rounded if self._rounded > 0 else None

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Move the margin, if the shout gives reason to."""
        known = self._last if view is None else view
        if known is None:
            return  # it never had a unit, and has no price to compare
        self._last = known
        if known is not self._priced:
            self._find_price(known)
        own, heard, side = self._rounded, shout.price, known.side
        better = own <= heard if side == "sell" else own >= heard
        if shout.accepted and better:
            self._move(known, heard, side == "sell", chance)
        elif (
            view is not None
            # A trade that was the other side's doing, or a rival's quote that nobody took.
            and shout.accepted != (shout.side == side)
            and (not better or own == heard)
        ):
            self._move(known, heard, side != "sell", chance)

    def _find_price(self, view: View) -> None:
        margin = self._margin_of(view)
        self._price = float(view.limit) * (1 + margin if view.side == "sell" else 1 - margin)
        self._rounded, self._priced = on_grid(self._price, view), view

    def _move(self, view: View, heard: Price, up: bool, chance: Random) -> None:
        limit, unit, price = float(view.limit), (view.side, view.unit), self._price
        sign = 1 if up else -1
        target = float(heard) * (1 + sign * (self._relative * chance.random()))
        target += sign * (self._absolute * chance.random())
        step = self.rate * (target - price)
        gain = self.momentum * self._gains.get(unit, 0.0) + (1 - self.momentum) * step
        self._gains[unit] = gain
        if not limit:
            return  # no margin makes a price of a limit of nothing
        moved = (price + gain) / limit
        margin = moved - 1 if view.side == "sell" else 1 - moved
        if margin > 0:
            self._margins[unit], self._priced = margin, None
