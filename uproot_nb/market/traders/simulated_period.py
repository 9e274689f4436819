"""SimulatedPeriod: a book and robot traders, for one period of a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random

from uproot_nb.errors import OrderRefused
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.charges import UnitCharges
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.traders.price_range import highest_price, highest_value
from uproot_nb.market.traders.trader import (
    Heedless,
    Shout,
    Trader,
    View,
    chosen_side,
    expected_surplus,
)

__all__ = ["SimulatedPeriod"]


class SimulatedPeriod:
    """One period: a book, and the traders who may still trade.

    `active` are the names of those who still have units, in alphabetical order. Who acts when is a
    matter of timing (`step_of`).
    """

    def __init__(
        self, traders: Mapping[str, Trader], values: InducedValues, rules: Rules, period: int,
        periods: int, clears: bool, chance: Random,
    ) -> None:  # fmt: skip
        self._traders, self.chance, self.rules = traders, chance, rules
        self._period, self._periods, self._clears = period, periods, clears
        self._lowest = rules.lowest
        self.noted = PeriodEvents(period)
        self.book = Book(rules, values.value_of)
        self.active = sorted(traders)
        self._listeners = {name: one for name, one in traders.items() if _listens(one)}
        self._limits: dict[str, dict[Side, Sequence[Price]]] = {
            name: _limits(values, name, self.book.charges) for name in traders
        }
        self._tick, self._highest = rules.tick, highest_price(rules, self._worth(values))
        self._only = {
            name: next(iter(limits.items()))
            for name, limits in self._limits.items()
            if len(limits) == 1
        }
        """Side and units of those who trade on one side alone: most do, and are faster so."""

    def _worth(self, values: InducedValues) -> Price | None:
        """Return what a unit is worth at most; a subsidy makes it more."""
        worth = highest_value(values)
        if worth is None or self.book.charges is None:
            return worth
        return max([worth, *(v for units in self._limits.values() for v in units.get("buy", ()))])

    def act(self, name: str, view: View, time_left: float, time: float) -> bool:
        """Let a trader shout; return whether its quote stands now, and can be answered."""
        price = self._traders[name].quote(view, self.chance)
        if price is None:
            return False
        if price == view.own:
            self.announce(view.side, price, None, time_left)  # shouted and heard again
            return False
        outcome = self.shout(name, view, price, time)
        if outcome is None:
            return False
        if self._listeners and (self.rules.timing != "answers" or outcome.trades):
            self.announce(view.side, price, outcome, time_left)
        if outcome.trades and self._clears:
            self.withdraw_all(time)
        return outcome.resting > 0

    def quote(self, name: str, view: View) -> Price | None:
        """Ask a trader for its price."""
        return self._traders[name].quote(view, self.chance)

    def expected_surplus(self, name: str, view: View) -> float:
        """Return what a trader expects to gain."""
        return expected_surplus(self._traders[name], view)

    def view_of(self, name: str, time_left: float) -> View | None:
        """Return what an active trader sees; without units it is active no more."""
        view = self.view(name, time_left)
        if view is None:
            self.retire(name)
        return view

    def retire(self, name: str) -> None:
        """Let a trader act no more if it has no units left."""
        if not self._able(name):
            self.active.remove(name)

    def call(self, time: float) -> None:
        """Let everybody send orders for all units, and clear the market at the next step."""
        names = sorted(self._traders)
        self.chance.shuffle(names)
        for name in names:
            for side, unit, limit in self._units(name):
                view = View(
                    side, limit, None, None, None, self._tick, self._highest, 1.0, self._period,
                    self._periods, unit, self._lowest,
                )  # fmt: skip
                price = self._traders[name].quote(view, self.chance)
                if price is not None:
                    with suppress(OrderRefused):
                        self.noted.add(self.book.limit(name, side, price), time)
        lot = self.chance.getrandbits(53) if self.rules.rationing == "random" else None
        self.noted.add(self.book.clear(lot), time + 1)

    def _units(self, name: str) -> Iterator[tuple[Side, int, Price]]:
        for side, limits in self._limits[name].items():
            for unit, limit in enumerate(limits, 1):
                yield side, unit, limit

    def shout(self, name: str, view: View, price: Price, time: float) -> Outcome | None:
        """Send a trader's order, in place of its last one; None if the rules do not take it."""
        own = self._own(name, view.side)
        try:
            if own is None:
                outcome = self.book.limit(name, view.side, price)
            else:
                outcome = self.book.replace(name, own.number, price)
        except OrderRefused:
            return None
        self.noted.add(outcome, time)
        return outcome

    def withdraw_all(self, time: float) -> None:
        """Take all standing orders away."""
        self.noted.add(self.book.cancel_all(), time)

    def announce(
        self, side: Side, price: Price, outcome: Outcome | None, time_left: float,
        answered: bool = False,
    ) -> None:  # fmt: skip
        """Let everybody hear a shout of a side, with the trades that it made."""
        if not self._listeners:
            return
        trades = [] if outcome is None else outcome.trades
        heard = Shout(side, trades[0].price if trades else price, bool(trades), answered)
        for name, trader in self._listeners.items():
            trader.observe(heard, self.view(name, time_left), self.chance)

    def view(self, name: str, time_left: float) -> View | None:
        """Return what a trader sees; None when its units are traded.

        Who has units to buy and to sell chooses, or a coin does.
        """
        only = self._only.get(name)
        if only is None:
            able = self._able(name)
            side = self._chosen(name, able) if able else None
            if side is None:
                return None
            units = self._limits[name][side]
        else:
            side, units = only
        book, own, done = self.book, None, 0
        account = book.accounts.get(name)
        if account is not None:
            done = account.bought if side == "buy" else account.sold
            if account.counts[side]:
                own = next(o.price for o in account.orders.values() if o.side == side)
        if done >= len(units):
            return None
        return View(
            side, units[done], book.best_bid, book.best_ask, own, self._tick, self._highest,
            time_left, self._period, self._periods, done + 1, self._lowest,
        )  # fmt: skip

    def _able(self, name: str) -> list[Side]:
        """Return the sides on which a trader has units left."""
        limits = self._limits[name]
        return [side for side, units in limits.items() if self._done(name, side) < len(units)]

    def _done(self, name: str, side: Side) -> int:
        account = self.book.accounts.get(name)
        if account is None:
            return 0
        return account.bought if side == "buy" else account.sold

    def _chosen(self, name: str, able: Sequence[Side]) -> Side | None:
        return chosen_side(self._traders[name], self._period, able, self.chance)

    def _own(self, name: str, side: Side) -> Order | None:
        account = self.book.accounts.get(name)
        orders = () if account is None else account.orders.values()
        return next((order for order in orders if order.side == side), None)


def _limits(
    values: InducedValues, name: str, charges: UnitCharges | None
) -> dict[Side, Sequence[Price]]:
    """Return a trader's values and costs, of the sides on which there are any.

    With taxes and fees, they are the worst prices at which its units are no loss.
    """
    found: dict[Side, Sequence[Price]] = {}
    if values.values.get(name):
        found["buy"] = values.values[name]
    if values.costs.get(name) or not found:
        found["sell"] = values.costs.get(name, ())
    if charges is None:
        return found
    return {side: [charges.limit(side, one) for one in units] for side, units in found.items()}


def _listens(trader: Trader) -> bool:
    # A subclass of Heedless may listen after all.
    return getattr(type(trader), "observe", None) is not Heedless.observe
