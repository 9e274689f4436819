"""Sniper: waits in the background, and takes a good deal that others have made."""

from __future__ import annotations

from random import Random

from uproot_nb.market.prices import Price
from uproot_nb.market.traders.trader import Shout, View

__all__ = ["Sniper"]


class Sniper:
    """Kaplan's program, which won the Santa Fe tournament (Rust, Miller and Palmer 1994, JEDC 18).

    It takes the other side's best quote if that is a gain and

    - the spread is below *narrow* of the ask, and the gain at least *least* of the limit, or
    - the quote is better than any price of the last period's trades, or
    - less than *late* of the period is left.

    Args:
        narrow, least, late: the paper describes the rule; these shares are those of the program as
            it is commonly rebuilt: 0.1, 0.02 and 0.1.
    """

    def __init__(self, narrow: float = 0.1, least: float = 0.02, late: float = 0.1) -> None:
        self._narrow, self._least, self._late = narrow, least, late
        self._period = 0
        self._now: list[float] = []
        self._before: list[float] = []

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the other side's quote to take it; None to go on waiting."""
        self._turn(view.period)
        there = view.ask if view.side == "buy" else view.bid
        if there is None:
            return None
        gain = view.limit - there if view.side == "buy" else there - view.limit
        if gain < 0:
            return None
        return there if self._is_good(view, float(there), float(gain)) else None

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Remember the prices of trades."""
        if view is not None:
            self._turn(view.period)
        if shout.accepted:
            self._now.append(float(shout.price))

    def _turn(self, period: int) -> None:
        if period != self._period:
            self._period, self._before, self._now = period, self._now, []

    def _is_good(self, view: View, there: float, gain: float) -> bool:
        if view.bid is not None and view.ask is not None:
            spread = float(view.ask - view.bid)
            if spread < self._narrow * float(view.ask) and gain >= self._least * float(view.limit):
                return True
        if self._before:
            best = min(self._before) if view.side == "buy" else max(self._before)
            if there < best if view.side == "buy" else there > best:
                return True
        return view.time_left < self._late
