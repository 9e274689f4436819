"""AA: a trader who adapts how aggressively it trades."""

from __future__ import annotations

import math
from collections import deque
from random import Random

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.aggressiveness import (
    aggressiveness_at,
    desired_theta,
    target_price,
)
from uproot_nb.market.traders.call_results import CallResult
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["AA"]


class AA:
    """Adaptive aggressiveness (Vytelingum 2006; Vytelingum, Cliff and Jennings 2008, AIJ 172).

    It estimates the equilibrium price as the mean of the last trades' prices, weighted 1, 0.9,
    0.81, … from the newest on, and aims at the `target_price` for its aggressiveness r.

    Short-term learning: after a trade at q it becomes less aggressive if it aims at q or gives
    more, else more aggressive; after a quote of its own side that gives as much as it aims at, more
    aggressive. r <- r + b1 (d - r), where d is the aggressiveness at that price, plus or minus
    (lr |.| + la). Long-term learning: after each trade theta <- theta + b2 (t - theta), where t is
    the `desired_theta` for the volatility of these prices (the root mean square deviation from the
    estimate, as a share of it; 0 and 1 are the lowest and highest so far).

    It takes the other side's quote if that is no worse than its target, else it improves its own
    side's quote by a third of the way to the target, by one tick at least. Before any trade it goes
    a third of the way to its limit, or to the other side's quote if that is nearer. Where its own
    last quote since the last trade has lapsed, it goes on from there, takes what is no worse, and
    repeats its price once it is as near as that. It waits where it cannot improve the quote of
    somebody else.

    In the paper a trader has one limit; here all its units of a side share one r, since r says
    which part of the gain is given up, whatever the unit's limit. With no units left it learns of
    prices alone. Where public programs have d = (1 + lr) . + la, a passive trader (r < 0) that
    ought to become more aggressive becomes less; hence the absolute value. On a grid of prices, d
    is at least what the next price needs: else targets between two ticks would never trade.

    In a call market, which the paper does not have, it sends its targets, and learns from call to
    call: the price of a call is a trade's, and for each unit that gains at it, the aggressiveness
    moves to where the unit just trades, from either side: a bit above that at this price. Where
    nobody traded, it is a bit above that at its own price.

    Args:
        chance: draws r from -0.3 to 0, b1 and b2 from 0.1 to 0.5, theta from -5 to 0.
        window: how many trades the estimate is made of.
        relative, absolute: lr and la. The defaults are those of a program in the Bristol Stock
            Exchange (Snashall 2019); an older one there (Booth 2012) has 0.02 and 0.01.
        rate: a quote goes 1 / rate of the way; the paper's eta.
    """

    def __init__(
        self, chance: Random, window: int = 5, relative: float = 0.05, absolute: float = 0.05,
        rate: float = 3.0,
    ) -> None:  # fmt: skip
        first = chance.uniform(-0.3, 0.0)
        self.aggressiveness: dict[Side, float] = {"buy": first, "sell": first}
        self.theta = chance.uniform(-5.0, 0.0)
        self._short, self._long = chance.uniform(0.1, 0.5), chance.uniform(0.1, 0.5)
        self._relative, self._absolute, self._rate = relative, absolute, rate
        self._trades: deque[float] = deque(maxlen=window)
        self.equilibrium: float | None = None
        """The estimated price, None before the first trade."""
        self._least, self._most = math.inf, -math.inf
        """The lowest and the highest volatility so far."""
        self._last: dict[Side, tuple[float, int, float]] = {}
        """Its last quotes since the last trade, each with its period and the time left then."""

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the other side's quote, to take it, or a better one of its own side."""
        if view.in_call:
            return on_grid(self.target(view), view)
        price = self._price(view)
        if price is not None and not view.meets(price):
            self._last[view.side] = float(price), view.period, view.time_left
        return price

    def _price(self, view: View) -> Price | None:
        sign = 1 if view.side == "buy" else -1
        here, there, limit, tick = _prices(view)
        aim = self._aim(view, there)
        lapsed = self._lapsed(view, here, aim)
        here, is_free = (here, _is_free_bound(view)) if lapsed is None else (lapsed, True)
        gain = sign * (limit - here)
        if view.own is None and (gain < 0 or (gain == 0 and not is_free)):
            return None
        takes = lapsed if self.equilibrium is None else aim
        if takes is not None and view.meets(on_grid(there, view)) and sign * (takes - there) >= 0:
            return on_grid(there, view)
        step = sign * (aim - here)
        if step >= tick:
            return on_grid(here + sign * max(step / self._rate, tick), view)
        if is_free and step >= 0:
            return on_grid(here, view)
        is_no_loss = view.own is not None and sign * (limit - float(view.own)) >= 0
        return view.own if is_no_loss else None

    def _aim(self, view: View, there: float) -> float:
        """Return its target; before any trade its limit, or about the other side's quote."""
        if self.equilibrium is not None:
            return self.target(view)
        sign, limit = 1 if view.side == "buy" else -1, float(view.limit)
        beyond = there * (1 + sign * self._relative) + sign * self._absolute
        return min(limit, beyond) if sign > 0 else max(limit, beyond)

    def _lapsed(self, view: View, here: float, aim: float) -> float | None:
        """Return its last quote since the last trade, up to its aim, if what stands is worse."""
        last, period, time_left = self._last.get(view.side, (0.0, 0, 0.0))
        if period != view.period or time_left < view.time_left:
            return None  # of another period
        sign = 1 if view.side == "buy" else -1
        last = sign * min(sign * last, sign * aim)
        return last if sign * (last - here) > 0 else None

    def target(self, view: View) -> float:
        """Return the price on the grid that it aims at; before any trade, as if at its limit."""
        limit = float(view.limit)
        known = limit if self.equilibrium is None else self.equilibrium
        target = target_price(
            view.side, limit, known, self.aggressiveness[view.side], self.theta, float(view.highest)
        )
        return float(on_grid(target, view))

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Learn from a trade, or from a quote of its own side."""
        price = float(shout.price)
        if shout.accepted:
            self._last.clear()
            self._learn_price(price)
        elif view is not None and shout.side != view.side:
            return
        if view is None or self.equilibrium is None:
            return
        sign, target = 1 if view.side == "buy" else -1, self.target(view)
        if shout.accepted:
            self._adapt(view, price, more=sign * (target - price) < 0)
        elif sign * (target - price) <= 0:
            self._adapt(view, price, more=True)

    def observe_call(self, result: CallResult, chance: Random) -> None:
        """Learn from the price of a call, and from which of its units traded."""
        if result.price is not None:
            self._learn_price(float(result.price))
        for view, asked, _ in result.orders:
            price = float(asked if result.price is None else result.price)
            sign = 1 if view.side == "buy" else -1
            if sign * (float(view.limit) - price) > 0:
                self._adapt(view, price, more=True)

    def _learn_price(self, price: float) -> None:
        """Estimate the equilibrium price anew, and bend the target as prices are volatile."""
        self._trades.append(price)
        weights = [0.9**age for age in reversed(range(len(self._trades)))]
        total = sum(weight * one for weight, one in zip(weights, self._trades, strict=True))
        self.equilibrium = known = total / sum(weights)
        if known <= 0:
            return
        squares = sum((one - known) ** 2 for one in self._trades) / len(self._trades)
        volatility = math.sqrt(squares) / known
        self._least, self._most = min(self._least, volatility), max(self._most, volatility)
        if self._most > self._least:
            share = (volatility - self._least) / (self._most - self._least)
            self.theta += self._long * (desired_theta(share) - self.theta)

    def _adapt(self, view: View, price: float, more: bool) -> None:
        """Move the aggressiveness towards a bit more, or less, than gives that price."""
        heard = self._aggressiveness_at(view, price)
        bit = self._relative * abs(heard) + self._absolute
        wanted = heard - bit
        if more:
            better = price + (1 if view.side == "buy" else -1) * float(view.tick)
            wanted = max(heard + bit, self._aggressiveness_at(view, better))
        before = self.aggressiveness[view.side]
        after = before + self._short * (wanted - before)
        self.aggressiveness[view.side] = min(1.0, max(-1.0, after))

    def _aggressiveness_at(self, view: View, price: float) -> float:
        limit, highest = float(view.limit), float(view.highest)
        known = limit if self.equilibrium is None else self.equilibrium
        return aggressiveness_at(view.side, limit, known, price, self.theta, highest)


def _prices(view: View) -> tuple[float, float, float, float]:
    """Return the best quotes of its own side and of the other, its limit, and the tick."""
    bid = float(view.lowest if view.bid is None else view.bid)
    ask = float(view.highest if view.ask is None else view.ask)
    here, there = (bid, ask) if view.side == "buy" else (ask, bid)
    return here, there, float(view.limit), float(view.tick)


def _is_free_bound(view: View) -> bool:
    """Return whether nobody of its side has quoted, and its first price is the bound itself."""
    if view.side == "buy":
        return view.bid is None and view.lowest > 0
    return view.ask is None
