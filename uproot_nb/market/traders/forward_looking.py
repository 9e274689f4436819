"""GDX: a trader with beliefs who knows that there will be other chances to trade."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from random import Random

from msgspec.structs import replace

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.traders.belief import GD, Beliefs
from uproot_nb.market.traders.trader import View

__all__ = ["GDX"]


class GDX(GD):
    """Quotes as GD, but gives away no unit that is worth more later (Tesauro and Bredin 2002).

    "Strategic sequential bidding in auctions using dynamic programming", AAMAS 2002. Who has m
    units left and n chances to quote expects V(0, n) = V(m, 0) = 0 and

        V(m, n) = max_p { f(p) [s_m(p) + d V(m - 1, n - 1)] + (1 - f(p)) d V(m, n - 1) }

    where f is GD's belief, s_m(p) the gain from the next unit at price p, and d the discount. In
    other words

        V(m, n) = d V(m, n - 1) + max_p f(p) [s_m(p) - d (V(m, n - 1) - V(m - 1, n - 1))]:

    it quotes as a GD trader whose limit is better by what the unit is worth if it is kept for now.
    With d = 0 it is GD. No unit is thought to be better than the one before. The program is solved
    anew for each quote; the best price for any limit lies on a convex hull that is made once.

    The paper's beliefs are a function of time. Here all quotes have the belief of GD, which
    leaves out the outstanding quotes; these bound the next quote alone, since they will be gone
    later. Its n is the share of the period that is left, times the number of quotes
    that it has made in a whole period so far. The paper's auctions have an end. Where the clock
    stands still, as on a page without one, it expects to make that many quotes in the period, which
    is `chances` at first: n falls by one with each quote, and it is GD when it has made them all.

    Args:
        memory: as for GD.
        discount: d, from 0 to 1; public implementations have 0.9.
        chances: how many quotes in a period it expects at first. This counts as much as a fifth of
            a period of its own experience.
    """

    def __init__(self, memory: int = 5, discount: float = 0.9, chances: float = 25) -> None:
        super().__init__(memory)
        self._discount, self._chances = discount, chances
        self._quotes = self._stood = 0
        """How often it has quoted, and how often again while the clock of a period stood still."""
        self._period: int | None = None
        self._before, self._elapsed = 0.0, 0.0
        """What of the periods before this one it was there, and of this one."""

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price of the greatest expected gain over waiting; None if none has one."""
        is_new, elapsed = view.period != self._period, 1 - view.time_left
        if is_new:
            self._period, self._before = view.period, self._before + self._elapsed
            self._stood = 0
        if elapsed or is_new:
            self._quotes += 1 + self._stood
            self._stood = 0
        else:
            self._stood += 1
        self._elapsed = elapsed
        return super().quote(view, chance)

    def chances_left(self, view: View) -> int:
        """Return how many quotes it expects to make after this one."""
        elapsed, expected = self._before + self._elapsed, self._chances
        if elapsed:
            expected = (0.2 * expected + self._quotes) / (0.2 + elapsed)
        return max(0, int(expected * view.time_left) - self._stood)

    def _best(self, view: View) -> tuple[float | None, float]:
        beliefs = self._beliefs(view.side, view.highest, view.bid, view.ask)
        return self._search(view, self._reserve(view, beliefs))

    def _reserve(self, view: View, beliefs: Beliefs) -> float:
        """Return the price from which it gains: its limit, and what keeping the unit is worth."""
        sign = 1 if view.side == "sell" else -1
        limits = [sign * float(one) for one in (view.limit, *view.later)]
        return sign * (limits[0] + self._worth_of_waiting(view, limits, beliefs))

    def _worth_of_waiting(self, view: View, limits: list[float], beliefs: Beliefs) -> float:
        """Return d (V(m, n - 1) - V(m - 1, n - 1)); *limits* are negative for who buys."""
        discount, count = self._discount, self.chances_left(view)
        worth = [0.0] * (len(limits) + 1)  # of the last 0, 1, 2, … units
        if not discount or not count:
            return 0.0
        prices = self._candidates(replace(view, bid=None, ask=None))
        gains = _Gains(prices, beliefs.along(prices), view.side == "sell")
        close = float(view.tick) / 1_000
        for _ in range(count):
            before, fewer = worth, 0.0
            worth = [0.0]
            for waiting, limit in zip(before[1:], reversed(limits), strict=True):
                keeping = discount * waiting
                worth.append(keeping + gains.best(limit + keeping - fewer))
                fewer = keeping
            if all(after - one < close for one, after in zip(before, worth, strict=True)):
                break
        return discount * (worth[-1] - worth[-2])


class _Gains:
    """The greatest expected gain for any limit: of f(p) (p - limit), with prices negated to buy.

    As a function of the limit each price gives a line; the greatest of them are the upper hull of
    the points (f, f p).
    """

    def __init__(self, prices: Iterable[float], beliefs: Iterable[float], sells: bool) -> None:
        sign = 1 if sells else -1
        points = sorted((f, sign * f * p) for p, f in zip(prices, beliefs, strict=True))
        hull, falls = [(0.0, 0.0)], list[float]()  # with no trade there is no gain
        for f, height in dict(points).items():  # of the same belief only the highest
            if f <= 0:
                continue
            while True:
                last, top = hull[-1]
                fall = (top - height) / (f - last)
                if not falls or fall > falls[-1]:
                    break
                hull.pop()
                falls.pop()
            hull.append((f, height))
            falls.append(fall)
        self._hull, self._falls = hull, falls

    def best(self, limit: float) -> float:
        """Return the greatest expected gain, 0 if no price has one."""
        f, height = self._hull[bisect_left(self._falls, -limit)]
        return height - f * limit
