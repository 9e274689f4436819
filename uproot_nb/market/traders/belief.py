"""GD: a trader who believes that what was accepted before will be accepted again."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, MutableSequence
from random import Random

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["GD", "Beliefs"]


class GD:
    """Quotes where belief times gain is largest (Gjerstad and Dickhaut 1998, GEB 22).

    A seller believes that an ask at a is accepted with probability

        (TA(>= a) + B(>= a)) / (TA(>= a) + B(>= a) + RA(<= a))

    where TA are asks that were taken, B all bids and RA asks that were rejected; a buyer, that a
    bid at b is accepted with (TB(<= b) + A(<= b)) / (TB(<= b) + A(<= b) + RB(>= b)). Between prices
    that were heard the belief is a cubic with slope 0 at both. Beyond the outstanding quote of its
    own side the belief is 0 (spread reduction), at the other side's outstanding quote it is 1: that
    is to take it.

    The outstanding bid and ask, the best that stand, do not count: nobody knows yet whether they
    will be accepted (definition 7). A quote that stood and then was taken counts as taken; the
    shout that took it is no quote of its own. In the paper those who expect to gain more are also
    more likely to act next, as with `Rules(timing="surplus")` here.

    Args:
        memory: only shouts since so many trades ago count; 5 in the paper's simulations (p. 21).
    """

    def __init__(self, memory: int = 5) -> None:
        self._shouts: deque[Shout] = deque()
        self._memory = memory
        self._found: dict[tuple[object, ...], Beliefs] = {}
        self._known: dict[tuple[object, ...], tuple[float | None, float]] = {}
        """What follows from all that was heard, until something else is."""

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price of the greatest expected gain; None if no price has one."""
        best, _ = self._best(view)
        return None if best is None else on_grid(best, view)

    def expected_surplus(self, view: View) -> float:
        """Return the greatest expected gain, 0 if no price has one: S in equations 10 and 11."""
        return self._best(view)[1]

    def _best(self, view: View) -> tuple[float | None, float]:
        """Return the best price and its expected gain, the same until it hears something."""
        key = (
            view.side, view.limit, view.bid, view.ask, view.tick, view.highest, view.lowest
        )  # fmt: skip
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._search(view, float(view.limit))
        return found

    def _search(self, view: View, limit: float) -> tuple[float | None, float]:
        """Return the best price and its gain, which is counted from *limit*."""
        sells = view.side == "sell"
        there = view.bid if sells else view.ask
        # Above every difference of two prices where nothing stands to be taken.
        taken, near = (math.inf if there is None else float(there)), float(view.tick) / 2
        best, gain = None, 0.0
        prices = self._candidates(view)
        beliefs = self._beliefs(view.side, view.highest, view.bid, view.ask).along(prices)
        for price, belief in zip(prices, beliefs, strict=True):
            likely = 1.0 if abs(price - taken) < near else belief
            expected = likely * (price - limit if sells else limit - price)
            if expected > gain:
                best, gain = price, expected
        return best, gain

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Remember it, and forget what is older than the last *memory* trades."""
        self._found.clear()
        self._known.clear()
        self._shouts.append(self._taken(shout) if shout.accepted else shout)
        trades = sum(one.accepted for one in self._shouts)
        while trades > self._memory or len(self._shouts) > 500:
            trades -= self._shouts.popleft().accepted

    def _taken(self, shout: Shout) -> Shout:
        """Return the quote that a shout took, which is no longer one that nobody took."""
        if shout.answered:
            return shout
        maker: Side = "sell" if shout.side == "buy" else "buy"
        _forget(self._shouts, maker, shout.price)
        return Shout(maker, shout.price, True)

    def belief(
        self,
        side: Side,
        price: float,
        highest: float,
        bid: Price | None = None,
        ask: Price | None = None,
    ) -> float:
        """Return the believed probability that a quote of that side at *price* is accepted.

        Args:
            bid, ask: the outstanding quotes, None if there are none.
        """
        return self._beliefs(side, highest, bid, ask).at(price)

    def _beliefs(
        self, side: Side, highest: Price | float, bid: Price | None, ask: Price | None
    ) -> Beliefs:
        """Return what it believes of quotes of a side, until it hears something."""
        key = side, highest, bid, ask
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = Beliefs(self._settled(bid, ask), side, float(highest))
        return found

    def _settled(self, bid: Price | None, ask: Price | None) -> list[Shout]:
        """Return what was heard, but for the outstanding quotes."""
        settled = list(self._shouts)
        if bid is not None:
            _forget(settled, "buy", bid)
        if ask is not None:
            _forget(settled, "sell", ask)
        return settled

    def _candidates(self, view: View) -> list[float]:
        """Return prices on the grid from the limit to the outstanding quotes, the lowest first.

        On a fine grid these are some 200 at equal distances, both ends, and all that were heard:
        there the belief has its steps.
        """
        tick, limit = float(view.tick), float(view.limit)
        ask = float(view.highest if view.ask is None else view.ask)
        bid = 0.0 if view.bid is None else float(view.bid)
        low, high = (max(limit, bid), ask - tick) if view.side == "sell" else (
            bid + tick, min(limit, ask))  # fmt: skip
        low = max(low, float(view.lowest))
        count = int((high - low) / tick + 1e-9) + 1
        if count < 1:
            return []
        steps = {*range(0, count, max(1, count // 200)), count - 1}
        heard = (math.floor((float(one.price) - low) / tick + 0.5) for one in self._shouts)
        steps.update(place for place in heard if 0 <= place < count)
        return [low + tick * place for place in sorted(steps)]


def _forget(shouts: MutableSequence[Shout], side: Side, price: Price) -> None:
    """Remove the last quote of a side at a price that nobody has taken, if there is one."""
    for place in reversed(range(len(shouts))):
        one = shouts[place]
        if one.side == side and one.price == price and not one.accepted:
            del shouts[place]
            return


class Beliefs:
    """What was heard, sorted once, so that the belief at any price needs no more than a search.

    Args:
        side: whose quotes the beliefs are about.
    """

    def __init__(self, shouts: Iterable[Shout], side: Side, highest: float) -> None:
        good: list[float] = []
        bad: list[float] = []
        known = {0.0, highest}
        for one in shouts:
            heard, own = float(one.price), one.side == side
            known.add(heard)
            if not own or one.accepted:
                good.append(heard)
            else:
                bad.append(heard)
        self._good, self._bad, self._known = sorted(good), sorted(bad), sorted(known)
        self._sells, self._highest = side == "sell", highest
        self._found: dict[float, float] = {}

    def at(self, price: float) -> float:
        """Return the belief at a price."""
        return next(self.along((price,)))

    def along(self, prices: Iterable[float]) -> Iterator[float]:
        """Yield the belief at each of rising prices: a cubic between those that were heard."""
        known, heard, place = self._known, self._heard, 0
        above = below = high = low = -math.inf
        for price in prices:
            if price > above:
                place = bisect_left(known, price, place)
                above = known[place] if place < len(known) else self._highest
                below = known[place - 1] if place else 0.0
                high, low = heard(above), heard(below)
            if above == price:
                yield high
            elif above <= below:
                yield low
            else:
                share = (price - below) / (above - below)
                yield low + (high - low) * (3 - 2 * share) * share * share

    def _heard(self, price: float) -> float:
        """Return the belief at a price that was heard, or at either end."""
        belief = self._found.get(price)
        if belief is None:
            belief = self._found[price] = self._counted(price)
        return belief

    def _counted(self, price: float) -> float:
        if price <= 0 or price >= self._highest:
            return float((price <= 0) == self._sells)
        if self._sells:
            good = len(self._good) - bisect_left(self._good, price)
            bad = bisect_right(self._bad, price)
        else:
            good = bisect_right(self._good, price)
            bad = len(self._bad) - bisect_left(self._bad, price)
        return good / (good + bad) if good + bad else 0.5
