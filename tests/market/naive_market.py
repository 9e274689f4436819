"""NaiveMarket: the rules of a book once more, in lists and loops, slow and plain."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
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
    turn: int = 0
    """Its place in the queue at its price."""
    peak: int = 0
    shown: int = 0
    ends: float | None = None
    good_for: float | None = None

    def fill(self, count: int, turn: int) -> None:
        """Fill a part that is shown; the next part gets another turn."""
        self.left -= count
        if self.peak:
            self.shown -= count
            if not self.shown:
                self.shown, self.turn = min(self.peak, self.left), turn

    def reduce(self, count: int) -> None:
        """Take off what is not shown, then what is."""
        self.left -= count
        self.shown = min(self.shown, self.left)


@dataclass
class NaiveMarket:
    """A list of orders and a list of trades (buyer, seller, price, quantity, maker, taker)."""

    rules: Rules
    value_of: Callable[[str, str, int], Any]
    endowments: dict[str, tuple[int, int]]
    orders: list[Asked] = field(default_factory=list)
    trades: list[tuple[str, str, int, int, int, int]] = field(default_factory=list)
    numbers: int = 0
    sides: dict[int, str] = field(default_factory=dict)
    """The side of each order."""
    turns: int = 0
    now: float = 0.0
    halted: bool = False
    halt_ends: float | None = None
    reference: int | None = None
    statuses: list[tuple[str, str, int | None]] = field(default_factory=list)
    """Halts and their ends: what happened, why, and at which price."""

    def next_turn(self) -> int:
        self.turns += 1
        return self.turns

    def wait(self, seconds: float) -> None:
        """Let time pass: orders leave, a halt ends."""
        self.now += seconds
        self.orders = [o for o in self.orders if o.ends is None or o.ends > self.now]
        if self.halt_ends is not None and self.halt_ends <= self.now:
            self.set_halted(False, None, "over")

    def set_halted(
        self, halted: bool, length: float | None, reason: str, price: int | None = None
    ) -> None:
        self.halted = halted
        self.halt_ends = None if length is None else self.now + length
        self.statuses.append(("halt" if halted else "resume", reason, price))

    def look_at_prices(self, prices: list[int]) -> None:
        """Halt trade if a price is beyond the band."""
        breaker = self.rules.breaker
        if breaker is None or not prices:
            return
        reference = prices[0] if self.reference is None else self.reference
        self.reference = reference
        far = [p for p in prices if abs(p - reference) > Fraction(breaker.band) * reference]
        if far:
            self.reference = prices[-1]
            self.set_halted(True, breaker.length, "band", far[0])

    def queue(self, side: str) -> list[Asked]:
        sign = 1 if side == "sell" else -1
        found = [order for order in self.orders if order.side == side]
        return sorted(found, key=lambda order: (sign * order.price, order.turn))

    def cash(self, player: str) -> int:
        money = self.endowments[player][0]
        for buyer, seller, price, quantity, _, taker in self.trades:
            takes = {side: self.sides[taker] == side for side in ("buy", "sell")}
            due = {side: self.due(side, price, takes[side]) for side in takes}
            money -= (price + due["buy"]) * quantity * (buyer == player)
            money += (price - due["sell"]) * quantity * (seller == player)
        return money

    def due(self, side: str, price: int, takes: bool) -> int:
        """Return the tax and the fee on one unit, in ticks."""
        tax = self.rules.buyer_tax if side == "buy" else self.rules.seller_tax
        fee = self.rules.fees.taker if takes else self.rules.fees.maker
        return int(tax.per_unit + fee) + math.floor(Fraction(tax.rate) * price + Fraction(1, 2))

    def most_due(self, side: str, price: int) -> int:
        return max(self.due(side, price, takes) for takes in (True, False))

    def spends(self, price: int) -> int:
        """Return what a bidder must have for a unit at a price; a subsidy comes only later."""
        return max(0, price + self.most_due("buy", price))

    def units(self, player: str) -> int:
        return self.endowments[player][1] + self.done(player, "buy") - self.done(player, "sell")

    def made(self, player: str) -> int:
        """Return how many units have a cost: so many are produced, and not owed."""
        return next(n for n in range(10**6) if self.value_of(player, "sell", n + 1) is None)

    def owed(self, player: str) -> int:
        return max(0, -self.units(player) - self.made(player))

    def held(self, player: str) -> int:
        """Return what the units owed were sold for, at their average when some are bought back."""
        there, held = self.endowments[player][1] + self.made(player), 0
        for buyer, seller, price, quantity, _, taker in self.trades:
            if buyer == player:
                owed = max(0, -there)
                held = held * max(0, owed - quantity) // owed if owed else 0
                there += quantity
            if seller == player:
                there -= quantity
                each = price - self.due("sell", price, self.sides[taker] == "sell")
                held += each * min(quantity, max(0, -there))
        return held

    def done(self, player: str, side: str) -> int:
        at = 0 if side == "buy" else 1
        return sum(trade[3] for trade in self.trades if trade[at] == player)

    def enter(
        self, player: str, side: str, price: int | None, quantity: int, gone: Asked | None = None,
        terms: str | None = None, good_for: float | None = None, shown: int | None = None,
        peak: int = 0,
    ) -> None:  # fmt: skip
        if self.halted:
            raise Refusal("halted")
        if terms is not None and terms not in self.rules.terms:
            raise Refusal("no_terms")
        self._check_standing(price, quantity, terms, good_for, shown)
        if shown is not None and shown < quantity:
            peak = shown
        if good_for is None:
            good_for = self.rules.good_for if gone is None else gone.good_for
        kept = list(self.orders)
        if gone is None and self.rules.lapse in ("shout", "own"):
            gone = next((o for o in kept if (o.player, o.side) == (player, side)), None)
        if gone is not None:
            self.orders.remove(gone)
        try:
            plan, own = self._plan(player, side, price, quantity)
            at_once = sum(count for _, count in plan)
            if terms is not None:
                self._check_at_once(side, price, quantity, at_once, own, terms)
            needed = quantity if terms is None else at_once
            self._check(player, side, price, needed, plan, own, gone)
        except Refusal:
            self.orders = kept
            raise
        self.numbers += 1
        self.sides[self.numbers] = side
        self.orders = [order for order in self.orders if order not in own]
        for maker, count in plan:
            pair = (player, maker.player) if side == "buy" else (maker.player, player)
            paid = self.price_of(maker, price)
            self.trades.append((*pair, paid, count, maker.number, self.numbers))
            maker.fill(count, self.next_turn())
        self.look_at_prices([self.price_of(maker, price) for maker, _ in plan])
        self.orders = [order for order in self.orders if order.left]
        rest = quantity - sum(count for _, count in plan)
        if self.rules.lapse == "shout" or (self.rules.lapse == "trade" and plan):
            self.orders = []
        if (
            rest
            and price is not None
            and terms is None
            and not (self.rules.lapse == "trade" and plan)
        ):
            ends = None if good_for is None else self.now + good_for
            made = Asked(self.numbers, player, side, price, rest, self.next_turn(), peak)
            made.shown, made.ends, made.good_for = min(peak, rest), ends, good_for
            self.orders.append(made)

    def _check_standing(
        self, price: int | None, quantity: int, terms: str | None, good_for: float | None,
        shown: int | None,
    ) -> None:  # fmt: skip
        if good_for is None and shown is None:
            return
        self._check_price(price)
        if good_for is not None and "gft" not in self.rules.terms:
            raise Refusal("no_terms")
        if good_for is not None and good_for > (self.rules.good_for or good_for):
            raise Refusal("too_long")
        if shown is not None and "iceberg" not in self.rules.terms:
            raise Refusal("no_terms")
        if shown is not None and shown > quantity:
            raise Refusal("no_shown")
        if terms is not None:
            raise Refusal("no_terms")

    def _check_at_once(
        self, side: str, price: int | None, quantity: int, at_once: int, own: list[Asked],
        terms: str,
    ) -> None:  # fmt: skip
        self._check_price(price)
        if own and self.rules.self_trade == "refuse":
            raise Refusal("self_trade")
        if not at_once or (terms == "fok" and at_once < quantity):
            raise Refusal("not_all" if at_once else "gone")

    def _check_price(self, price: int | None) -> None:
        if price is not None and price > (self.rules.ceiling or price):
            raise Refusal("too_high")
        if price is not None and price < (self.rules.floor or 0):
            raise Refusal("too_low")

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
        sign, turn = (1 if side == "buy" else -1), self.turns
        waiting = [(maker, copy(maker)) for maker in self.orders if maker.side != side]
        while True:
            left = quantity - sum(count for _, count in plan)
            waiting = [(maker, now) for maker, now in waiting if now.left]
            if not left or not waiting:
                return plan, own
            maker, now = min(waiting, key=lambda pair: (sign * pair[1].price, pair[1].turn))
            if price is not None and sign * (price - maker.price) < 0:
                return plan, own
            if maker.player == player:
                own.append(maker)
                now.left = 0
            else:
                count = min(left, now.shown if now.peak else now.left)
                plan.append((maker, count))
                turn += 1
                now.fill(count, turn)

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
        self._check_price(price)
        filled = sum(count for _, count in plan)
        cost = sum(self.spends(self.price_of(maker, price)) * count for maker, count in plan)
        if own and rules.self_trade == "refuse":
            raise Refusal("self_trade")
        if price is None and not plan:
            raise Refusal("nobody")
        if price is not None:
            cost += self.spends(price) * (quantity - filled)
            best = self.queue(side)[:1]
            worse = best and (price <= best[0].price if side == "buy" else price >= best[0].price)
            if rules.improvement and (worse or self._falls_back(side, price, gone)):
                raise Refusal("no_improvement")
            if rules.max_orders and filled < quantity and len(mine) >= rules.max_orders:
                raise Refusal("too_many_orders")
        else:
            quantity = filled
        standing = sum(order.left for order in mine)
        if rules.budget and side == "buy":
            bound = sum(self.spends(order.price) * order.left for order in mine)
            owed, held = self.owed(player), self.held(player)
            covered = min(quantity, max(0, owed - standing))
            kept = held * (owed - covered) // owed if covered else held
            if covered < quantity and cost + bound > self.cash(player) - kept:
                raise Refusal("no_cash")
        there = self.units(player) + self.made(player)
        if not rules.short_sales and side == "sell" and quantity + standing > there:
            raise Refusal("no_units")
        worst = plan[-1][0].price if price is None else price
        if side == "sell" and worst < self.most_due("sell", worst):
            raise Refusal("no_proceeds")
        if rules.no_loss:
            begin = self.done(player, side)
            offered = sorted(
                [worst] * quantity + [order.price for order in mine for _ in range(order.left)],
                reverse=side == "buy",
            )
            for unit, one in enumerate(offered, begin + 1):
                value, due = self.value_of(player, side, unit), self.most_due(side, one)
                if value is None or (one + due > value if side == "buy" else one - due < value):
                    raise Refusal("loss")
