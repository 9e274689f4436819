"""PolicyTrader: a robot trader that follows a policy, such as a trained one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import numpy
from numpy.typing import NDArray

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import OTHER, Side
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["FEATURES", "Policy", "PolicyTrader"]

FEATURES = (
    "buys", "limit", "bid", "ask", "own", "last_price", "mean_price", "time_left", "units_left",
)  # fmt: skip
"""What an observation has, in its order."""

Policy = Callable[[NDArray[numpy.float32], NDArray[numpy.int8]], int]
"""Takes an observation and the mask of legal actions, and returns an action."""


class PolicyTrader:
    """A trader who asks a policy what to do: in simulations, over connections, and in `MarketEnv`.

        def patient(observation, mask):
            return 1 if mask[1] and observation[7] < 0.1 else 0

        Design(values, {"b1": PolicyTrader(patient), "s1": ZIC}).simulate(seed=1)
        run.bots([market_bot(PolicyTrader(patient))])

    An observation is a float32 array of shape (9,), each number from 0 to 1 (`FEATURES`). Prices
    are shares of the highest price there may be.

    - buys: 1 if it buys next, 0 if it sells.
    - limit: the value or cost of its next unit (with taxes and fees, the worst price without loss).
    - bid, ask: the best quotes; 0 for no bid, 1 for no ask.
    - own: its standing quote on that side; without one 0 to buy, 1 to sell.
    - last_price, mean_price: of the last trade, and of the last five; 0 before any.
    - time_left: the share of the period that is left.
    - units_left: the share of the period's units of that side that it has not traded yet.

    Action 0 is to wait, 1 to take the other side's best quote, and 2, 3, … to quote: 2 the limit,
    and each further one a step nearer to the best price that there may be (0 to buy, the highest
    to sell), of which there are *levels*. An action that is not legal is taken as 0: where its
    price would be a loss or out of range, does not improve the best of its side under
    `Rules(improvement=True)`, or meets a quote that may be the trader's own: who buys and sells
    takes no price at which it has last quoted on the other side in the period.

    Args:
        policy: returns the action.
        levels: how many prices there are to quote.
    """

    def __init__(self, policy: Policy, levels: int = 20) -> None:
        self.policy, self.levels = policy, levels
        self._prices: deque[float] = deque(maxlen=5)
        self._period = 0
        self._own: dict[Side, tuple[Price | None, ...]] = {}
        """By side: the prices at which a quote of its own may stand in this period."""

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price of the action that the policy chooses; None to wait."""
        action = int(self.policy(self.observation(view), self.mask(view)))
        price = self.price(action, view)
        own = {**self._standing(view), view.side: (view.own, price)}  # it may be refused
        self._period, self._own = view.period, own
        return price

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Remember the price of a trade."""
        if shout.accepted:
            self._prices.append(float(shout.price))

    def observation(self, view: View) -> NDArray[numpy.float32]:
        """Return what a policy sees."""
        buys, prices = view.side == "buy", self._prices
        highest, left = float(view.highest), 1 + len(view.later)
        shown: list[Any] = [
            view.limit, view.bid or 0, highest if view.ask is None else view.ask,
            (0 if buys else highest) if view.own is None else view.own,
            prices[-1] if prices else 0, sum(prices) / len(prices) if prices else 0,
        ]  # fmt: skip
        shares = [float(price) / highest for price in shown] if highest else [0.0] * len(shown)
        everything = [float(buys), *shares, view.time_left, left / (left + view.unit - 1)]
        return numpy.clip(everything, 0, 1).astype(numpy.float32)

    def mask(self, view: View) -> NDArray[numpy.int8]:
        """Return which actions are legal, as 1 and 0; shape (levels + 2,)."""
        legal = [True, *(self._is_legal(action, view) for action in range(1, self.levels + 2))]
        return numpy.array(legal, dtype=numpy.int8)

    def price(self, action: int, view: View) -> Price | None:
        """Return the price that an action names; None for who waits."""
        if not 0 < action < self.levels + 2 or not self._is_legal(action, view):
            return None
        return self._named(action, view)

    def _named(self, action: int, view: View) -> Price | None:
        if action == 1:
            return view.ask if view.side == "buy" else view.bid
        best, limit = (0.0 if view.side == "buy" else float(view.highest)), float(view.limit)
        return on_grid(limit + (best - limit) * (action - 2) / self.levels, view)

    def _is_legal(self, action: int, view: View) -> bool:
        price = self._named(action, view)
        if price is None or not max(view.tick, view.lowest) <= price <= view.highest:
            return False
        sign = 1 if view.side == "buy" else -1
        if sign * (view.limit - price) < 0:
            return False
        own = self._standing(view).get(OTHER[view.side], ())
        if own and view.meets(price) and self._named(1, view) in own:
            return False
        here = view.bid if view.side == "buy" else view.ask
        return not (view.improvement and here is not None and sign * (price - here) <= 0)

    def _standing(self, view: View) -> dict[Side, tuple[Price | None, ...]]:
        """Return the prices at which quotes of its own may stand; none in a new period."""
        return self._own if view.period == self._period else {}
