"""ZIP: zero intelligence plus, which learns its profit margin."""

from __future__ import annotations

from decimal import Decimal
from math import floor
from operator import attrgetter
from random import Random
from typing import cast

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.call_results import CallResult
from uproot_nb.market.traders.rounding import grid_range
from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["ZIP"]


_Unit = tuple[Side, int]
_grid_and_limit = attrgetter("limit", "tick", "lowest", "highest")
"""What a price follows from, beside the margin."""


class _Margin(msgspec.Struct):
    """What a trader wants to gain by a unit, as a share of its limit, and how that last moved."""

    share: float
    gain: float = 0.0


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

    In a call market, which the report does not have, it learns from call to call: the price of each
    unit moves to where it just trades, from either side. Its target is as when it lowers its margin
    after a shout at the price of the call; where nobody traded, at the price that it asked itself.

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
        self._relative, self._absolute = float(relative), float(absolute)
        self._margins: dict[_Unit, _Margin] = {}
        """Those of units that it has traded or tries to, by side and number."""
        self._seen: View | None = None
        """What it saw when it last had a unit; what follows from that is beside it."""
        self._now = _Margin(self._first)
        self._limit, self._price, self._tick = 0.0, 0.0, 1.0
        self._own, self._range = cast("Price", 0), (0, 0)

    @property
    def margin(self) -> float:
        """The margin of the unit that it trades now, or traded last; setting it is for all."""
        return self._now.share

    @margin.setter
    def margin(self, margin: float) -> None:
        self._first = margin
        self._margins.clear()
        self._now = _Margin(margin)
        if self._seen is not None:
            self._find_price(self._seen)

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price with the margin as it is; None if the grid has no such price."""
        self._see(view)
        return self._own if self._own > 0 else None

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Move the margin, if the shout gives reason to."""
        if view is not None and view is not self._seen:
            self._see(view)
        known = self._seen
        if known is None:
            return  # it never had a unit, and has no price to compare
        own, heard, side = self._own, shout.price, known.side
        better = own <= heard if side == "sell" else own >= heard
        if shout.accepted and better:
            self._move(float(heard), side == "sell", chance)
        elif (
            view is not None
            # A trade that was the other side's doing, or a rival's quote that nobody took.
            and shout.accepted != (shout.side == side)
            and (not better or own == heard)
        ):
            self._move(float(heard), side != "sell", chance)

    def observe_call(self, result: CallResult, chance: Random) -> None:
        """Move the margins of all units that were sent to a call."""
        for view, asked, _ in result.orders:
            self._see(view)
            heard = float(asked if result.price is None else result.price)
            self._move(heard, view.side == "buy", chance)

    def _see(self, view: View) -> None:
        before, self._seen = self._seen, view
        if before is None or before.unit != view.unit or before.side != view.side:
            unit = view.side, view.unit
            self._now = self._margins.get(unit) or _Margin(self._first)
            self._margins[unit] = self._now
        elif _grid_and_limit(before) == _grid_and_limit(view):
            return  # its price is what it was
        self._limit, self._tick, self._range = float(view.limit), float(view.tick), grid_range(view)
        self._find_price(view)

    def _find_price(self, view: View) -> None:
        """Find the price with the margin as it is, as it follows and on the grid."""
        share, tick = self._now.share, view.tick
        self._price = price = self._limit * (1 + share if view.side == "sell" else 1 - share)
        count, (low, high) = floor(price / self._tick + 0.5), self._range
        if count > high:
            count = high
        if count < low:
            count = low
        self._own = count * tick if isinstance(tick, int) else Decimal(count) * tick

    def _move(self, heard: float, up: bool, chance: Random) -> None:
        now, limit, view, price = self._now, self._limit, self._seen, self._price
        assert view is not None
        sign, draw, momentum = 1 if up else -1, chance.random, self.momentum
        target = heard * (1 + sign * (self._relative * draw()))
        target += sign * (self._absolute * draw())
        step = self.rate * (target - price)
        now.gain = gain = momentum * now.gain + (1 - momentum) * step
        if not limit:
            return  # no margin makes a price of a limit of nothing
        moved = (price + gain) / limit
        share = moved - 1 if view.side == "sell" else 1 - moved
        if share > 0:
            now.share = share
            self._find_price(view)
