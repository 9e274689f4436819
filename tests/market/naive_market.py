"""NaiveMarket: the rules of a book once more, in lists and loops, slow and plain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from uproot_nb.market.orderbook.rules import Rules

__all__ = ["Asked", "NaiveMarket", "Refusal"]


class Refusal(Exception):
    """The naive market does not take it."""


@dataclass
class Asked:
    """A standing order, its price in ticks."""

    number: int
    player: str
    side: str
    price: int
    left: int


@dataclass
class NaiveMarket:
    """A list of orders and a list of trades (buyer, seller, price, quantity, maker, taker)."""

    rules: Rules
    value_of: Callable[[str, str, int], Any]
    endowments: dict[str, tuple[int, int]]
    orders: list[Asked] = field(default_factory=list)
    trades: list[tuple[str, str, int, int, int, int]] = field(default_factory=list)
    numbers: int = 0

    def queue(self, side: str) -> list[Asked]:
        sign = 1 if side == "sell" else -1
        found = [order for order in self.orders if order.side == side]
        return sorted(found, key=lambda order: (sign * order.price, order.number))

    def cash(self, player: str) -> int:
        paid = sum(p * q for buyer, _, p, q, *_ in self.trades if buyer == player)
        got = sum(p * q for _, seller, p, q, *_ in self.trades if seller == player)
        return self.endowments[player][0] + got - paid

    def units(self, player: str) -> int:
        return self.endowments[player][1] + self.done(player, "buy") - self.done(player, "sell")

    def done(self, player: str, side: str) -> int:
        at = 0 if side == "buy" else 1
        return sum(trade[3] for trade in self.trades if trade[at] == player)

    def enter(
        self, player: str, side: str, price: int | None, quantity: int, gone: Asked | None = None
    ) -> None:
        kept = list(self.orders)
        if gone is None and self.rules.lapse == "shout":
            gone = next((o for o in kept if (o.player, o.side) == (player, side)), None)
        if gone is not None:
            self.orders.remove(gone)
        try:
            plan, own = self._plan(player, side, price, quantity)
            self._check(player, side, price, quantity, plan, own, gone)
        except Refusal:
            self.orders = kept
            raise
        self.numbers += 1
        self.orders = [order for order in self.orders if order not in own]
        for maker, count in plan:
            pair = (player, maker.player) if side == "buy" else (maker.player, player)
            paid = self.price_of(maker, price)
            self.trades.append((*pair, paid, count, maker.number, self.numbers))
            maker.left -= count
        self.orders = [order for order in self.orders if order.left]
        rest = quantity - sum(count for _, count in plan)
        if self.rules.lapse == "shout" or (self.rules.lapse == "trade" and plan):
            self.orders = []
        if rest and price is not None and not (self.rules.lapse == "trade" and plan):
            self.orders.append(Asked(self.numbers, player, side, price, rest))

    def price_of(self, maker: Asked, price: int | None) -> int:
        """Return the price of a trade of the order that stood with one at *price*."""
        low, high = sorted((maker.price, maker.price if price is None else price))
        share = {"middle": Fraction(1, 2), "k": Fraction(self.rules.k)}
        if self.rules.trade_price in share:
            return math.floor(low + share[self.rules.trade_price] * (high - low))
        return maker.price if price is None or self.rules.trade_price == "maker" else price

    def _plan(
        self, player: str, side: str, price: int | None, quantity: int
    ) -> tuple[list[tuple[Asked, int]], list[Asked]]:
        plan: list[tuple[Asked, int]] = []
        own: list[Asked] = []
        for maker in self.queue("sell" if side == "buy" else "buy"):
            left = quantity - sum(count for _, count in plan)
            if not left:
                break
            if price is not None and (
                price < maker.price if side == "buy" else price > maker.price
            ):
                break
            if maker.player == player:
                own.append(maker)
            else:
                plan.append((maker, min(left, maker.left)))
        return plan, own

    def _falls_back(self, side: str, price: int, gone: Asked | None) -> bool:
        """Return whether the best quote of a side is replaced by a worse one."""
        if gone is None:
            return False
        others = [order.price for order in self.orders if order.side == side]
        if side == "buy":
            return gone.price > max(others, default=0) and price < gone.price
        return gone.price < min(others, default=10**9) and price > gone.price

    def _check(
        self, player: str, side: str, price: int | None, quantity: int,
        plan: list[tuple[Asked, int]], own: list[Asked], gone: Asked | None,
    ) -> None:  # fmt: skip
        rules, mine = self.rules, [o for o in self.queue(side) if o.player == player]
        if price is not None and price > (rules.ceiling or price):
            raise Refusal("too_high")
        if price is not None and price < (rules.floor or 0):
            raise Refusal("too_low")
        filled = sum(count for _, count in plan)
        cost = sum(self.price_of(maker, price) * count for maker, count in plan)
        if own and rules.self_trade == "refuse":
            raise Refusal("self_trade")
        if price is None and not plan:
            raise Refusal("nobody")
        if price is not None:
            cost += price * (quantity - filled)
            best = self.queue(side)[:1]
            worse = best and (price <= best[0].price if side == "buy" else price >= best[0].price)
            if rules.improvement and (worse or self._falls_back(side, price, gone)):
                raise Refusal("no_improvement")
            if rules.max_orders and filled < quantity and len(mine) >= rules.max_orders:
                raise Refusal("too_many_orders")
        else:
            quantity = filled
        bound = sum(order.price * order.left for order in mine)
        if rules.budget and side == "buy" and cost + bound > self.cash(player):
            raise Refusal("no_cash")
        standing = sum(order.left for order in mine)
        if not rules.short_sales and side == "sell" and quantity + standing > self.units(player):
            raise Refusal("no_units")
        if rules.no_loss:
            worst = plan[-1][0].price if price is None else price
            begin = self.done(player, side)
            offered = sorted(
                [worst] * quantity + [order.price for order in mine for _ in range(order.left)],
                reverse=side == "buy",
            )
            for unit, one in enumerate(offered, begin + 1):
                value = self.value_of(player, side, unit)
                if value is None or (one > value if side == "buy" else one < value):
                    raise Refusal("loss")
