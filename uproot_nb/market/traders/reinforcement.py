"""RothErev: a trader who does again what has paid before."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.call_results import CallResult
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["RothErev"]

_LEAST, _MOST = 1e-12, 1e12
"""The bounds of propensities, so that every action stays possible."""


@dataclass
class _Attempt:
    """An action that is tried for a unit, and how often it was quoted so far."""

    view: View
    action: int
    quotes: int = 0


class RothErev:
    """Learns by reinforcement which margin pays (Erev and Roth 1998, AER 88), as in auctions.

    Of K actions, it chooses action j with probability q_j / (q_1 + … + q_K). After a round in which
    action k earned R, each propensity moves by

        q_j <- (1 - r) q_j + (1 - e) R             for j = k
        q_j <- (1 - r) q_j + e / (K - 1) q_j       for all others

    with recency r and experimentation e: the modified algorithm of Nicolaisen, Petrov and
    Tesfatsion (2001, "Market power and efficiency in a computational electricity market with
    discriminatory double-auction pricing", IEEE Transactions on Evolutionary Computation 5). In
    that of Erev and Roth the others move by e / (K - 1) R, so that who earns nothing learns nothing
    (`modified=False`). Propensities begin with s X / K, where X is the mean of what can be earned.

    Action j = 0, …, K - 1 is a quote at j / K of the way from the unit's limit to the best price
    that there may be: 0 to buy, the highest to sell. R is the gain of the trade, as a share of the
    gain at that best price, so X is 1/2, and nothing depends on the unit of money. Where there is
    no gain to be had, R is 0. It learns for buying and selling apart, and for all units of a side
    together.

    In the paper, a round is a call: each order that is sent is an action, and earns 0 if it does
    not trade. In a double auction, which the paper does not have, a round is an attempt to trade
    one unit. It stands by its quote until the unit is traded, or it has quoted *patience* times, or
    the period is over; in the last two cases it earns 0. Who buys and sells hears of a trade on one
    side when it next sees a unit of that side; the price is then that of the last trade that it has
    heard of. In asset markets, where it has no units of its own to count, it does not know of its
    trades.

    Args:
        actions: K.
        scaling, recency, experimentation: s, r and e. These and K are by default as in the program
            with which Phelps repeats the experiments of the paper of 2001
            (ElectricityAuctionSimulation in JASA, github.com/phelps-sg/jasa).
        patience: how often it quotes before it tries something else.
        modified: whether to learn as in the paper of 2001.

    Raises:
        BadMarket: fewer than two actions, or a number that is out of range.
    """

    def __init__(
        self, actions: int = 30, scaling: float = 9.0, recency: float = 0.1,
        experimentation: float = 0.2, patience: int = 10, modified: bool = True,
    ) -> None:  # fmt: skip
        for name, is_right, range_of_it in (
            ("actions", actions >= 2, "2 or more"), ("scaling", scaling > 0, "more than 0"),
            ("recency", 0 <= recency < 1, "from 0 to below 1"),
            ("experimentation", 0 <= experimentation < 1, "from 0 to below 1"),
            ("patience", patience >= 1, "1 or more"),
        ):  # fmt: skip
            if not is_right:
                raise BadMarket(f"{name} is out of range.", f"Write a number of {range_of_it}.")
        first = scaling * 0.5 / actions
        self.propensities: dict[Side, list[float]] = {
            "buy": [first] * actions, "sell": [first] * actions
        }  # fmt: skip
        """By side: how much each action has paid."""
        self._recency, self._experimentation = recency, experimentation
        self._patience, self._modified = patience, modified
        self._attempts: dict[Side, _Attempt] = {}
        self._sent: dict[tuple[Side, int], int] = {}
        """The actions of the orders for a call, by side and unit."""
        self._last_trade = 0.0

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price of the action that is tried; None if the grid has no such price."""
        if view.in_call:
            action = self._sent[view.side, view.unit] = self._chosen(view.side, chance)
            return self._price(view, action)
        self._see(view)
        attempt = self._attempts.get(view.side)
        if attempt is not None and attempt.quotes == self._patience:
            self._learn(view.side, attempt.action, 0.0)
            attempt = None
        if attempt is None:
            attempt = _Attempt(view, self._chosen(view.side, chance))
            self._attempts[view.side] = attempt
        attempt.quotes += 1
        return self._price(view, attempt.action)

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Learn from the trade of a unit of its own."""
        if not shout.accepted:
            return
        self._last_trade = float(shout.price)
        if view is not None:
            self._see(view)
            return
        for side in list(self._attempts):  # it has no unit left
            self._succeed(side)

    def observe_call(self, result: CallResult, chance: Random) -> None:
        """Learn what each of the orders for a call has earned."""
        for view, _, traded in result.orders:
            action = self._sent.pop((view.side, view.unit), None)
            if action is not None:
                price = result.price if traded else None
                earned = 0.0 if price is None else _gain(view, float(price))
                self._learn(view.side, action, earned)

    def _see(self, view: View) -> None:
        """Learn from attempts that are over: in an earlier period, or of a unit that is traded."""
        for side, attempt in list(self._attempts.items()):
            is_same = side == view.side and attempt.view.period == view.period
            if is_same and attempt.view.unit < view.unit:
                self._succeed(side)
            elif attempt.view.period != view.period or (is_same and attempt.view.unit > view.unit):
                del self._attempts[side]
                self._learn(side, attempt.action, 0.0)

    def _succeed(self, side: Side) -> None:
        attempt = self._attempts.pop(side)
        self._learn(side, attempt.action, _gain(attempt.view, self._last_trade))

    def _price(self, view: View, action: int) -> Price | None:
        limit, count = float(view.limit), len(self.propensities[view.side])
        price = on_grid(limit + (_best(view) - limit) * action / count, view)
        return price if price > 0 else None

    def _chosen(self, side: Side, chance: Random) -> int:
        propensities = self.propensities[side]
        (action,) = chance.choices(range(len(propensities)), propensities)
        return action

    def _learn(self, side: Side, action: int, earned: float) -> None:
        """Move the propensities of a side, after an action has earned so much."""
        before = self.propensities[side]
        share, kept = self._experimentation / (len(before) - 1), 1 - self._recency
        after = [
            kept * one + share * (one if self._modified else earned) for one in before
        ]  # fmt: skip
        after[action] = kept * before[action] + (1 - self._experimentation) * earned
        self.propensities[side] = [min(max(one, _LEAST), _MOST) for one in after]


def _best(view: View) -> float:
    """Return the best price that there may be for a trader."""
    return 0.0 if view.side == "buy" else float(view.highest)


def _gain(view: View, price: float) -> float:
    """Return the gain at a price, as a share of that at the best price; 0 for a loss."""
    limit = float(view.limit)
    most = abs(_best(view) - limit)
    gain = limit - price if view.side == "buy" else price - limit
    return max(0.0, gain / most) if most else 0.0
