"""SimulatedPeriod: a book and robot traders, for one period of a simulation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from uproot_nb.errors import OrderRefused
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.charges import UnitCharges
from uproot_nb.market.orderbook.commands import due_commands, execute
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.traders.call_results import hear_call
from uproot_nb.market.traders.price_range import highest_price, highest_value
from uproot_nb.market.traders.simulated_seat import Limits, PeriodFacts, SimulatedSeat
from uproot_nb.market.traders.trader import Heedless, Shout, Trader, View, expected_surplus

__all__ = ["SimulatedPeriod"]


class SimulatedPeriod:
    """One period: a book, and the traders who may still trade.

    `active` are the names of those who still have units, in alphabetical order. Who acts when is a
    matter of timing (`step_of`).

    Args:
        before: the period before, whose traders' limits are those of this one, too, if it has the
            same values and rules.
    """

    def __init__(
        self, traders: Mapping[str, Trader], values: InducedValues, rules: Rules, period: int,
        periods: int, clears: bool, chance: Random, before: SimulatedPeriod | None = None,
    ) -> None:  # fmt: skip
        self.chance, self.rules, self.values, self._clears = chance, rules, values, clears
        self.book, self.noted = Book(rules, values.value_of), PeriodEvents(period)
        hides = rules.call or self.book.is_detailed
        self._ladders = None if hides else self.book.ladders
        """Both sides, whose best quotes are noted unless they may cross or are not all shown."""
        self.active = sorted(traders)
        self.limits: dict[str, Limits]
        self.highest: Price
        if before is not None and before.values is values and before.rules is rules:
            self.limits, self.highest = before.limits, before.highest
        else:
            self.limits = {name: _limits(values, name, self.book.charges) for name in traders}
            self.highest = highest_price(rules, self._worth(values, self.limits.values()))
        limits, highest = self.limits, self.highest
        facts = PeriodFacts(rules.tick, highest, rules.lowest, period, periods, rules.improvement)
        self.seats = {
            name: SimulatedSeat(name, trader, limits[name], self.book, facts, chance)
            for name, trader in traders.items()
        }
        self._listeners = [seat for seat in self.seats.values() if _listens(seat.trader)]

    def _worth(self, values: InducedValues, limits: Iterable[Limits]) -> Price | None:
        """Return what a unit is worth at most; a subsidy makes it more."""
        worth = highest_value(values)
        if worth is None or self.book.charges is None:
            return worth
        return max([worth, *(price for its in limits for price in its.get("buy", ()))])

    def pass_time(self, time: float) -> bool:
        """Let orders leave and a halt end at their time; return whether anybody may act now."""
        for command in due_commands(self.book, time):
            outcome = execute(self.book, command)
            assert outcome is not None
            self.noted.add(outcome, time, self._ladders)
        return not self.book.halted

    def act(self, name: str, view: View, time_left: float, time: float) -> bool:
        """Let a trader shout; return whether its quote stands now, and can be answered."""
        price = self.seats[name].trader.quote(view, self.chance)
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
        return self.seats[name].trader.quote(view, self.chance)

    def expected_surplus(self, name: str, view: View) -> float:
        """Return what a trader expects to gain."""
        return expected_surplus(self.seats[name].trader, view)

    def view_of(self, name: str, time_left: float) -> View | None:
        """Return what an active trader sees; without units it is active no more."""
        view = self.seats[name].view(time_left)
        if view is None:
            self.retire(name)
        return view

    def retire(self, name: str) -> None:
        """Let a trader act no more if it has no units left."""
        if not self.seats[name].able():
            self.active.remove(name)

    def call(self, time: float) -> None:
        """Let everybody send orders for all units, clear the market at the next step, and hear."""
        names = sorted(self.seats)
        self.chance.shuffle(names)
        sent = {name: list(self._sent(self.seats[name], time)) for name in names}
        lot = self.chance.getrandbits(53) if self.rules.rationing == "random" else None
        outcome = self.book.clear(lot)
        self.noted.add(outcome, time + 1)
        price = outcome.trades[0].price if outcome.trades else None
        quantity = sum(trade.quantity for trade in outcome.trades)
        for name in sorted(names):
            seat = self.seats[name]
            hear_call(seat.trader, price, quantity, sent[name], seat.traded(), self.chance)

    def _sent(self, seat: SimulatedSeat, time: float) -> Iterator[tuple[View, Price]]:
        """Send a trader's orders for a call, and yield those that the rules take."""
        for view in seat.units_in_call():
            price = seat.trader.quote(view, self.chance)
            if price is None:
                continue
            try:
                self.noted.add(self.book.limit(seat.name, view.side, price), time)
            except OrderRefused:
                continue
            yield view, price

    def shout(self, name: str, view: View, price: Price, time: float) -> Outcome | None:
        """Send a trader's order, in place of its last one; None if the rules do not take it."""
        own = None if view.own is None else self.seats[name].own(view.side)
        try:
            if own is None:
                outcome = self.book.limit(name, view.side, price)
            else:
                outcome = self.book.replace(name, own.number, price)
        except OrderRefused:
            return None
        self.noted.add(outcome, time, self._ladders)
        for trade in outcome.trades:
            self.seats[trade.buyer].look_again()
            self.seats[trade.seller].look_again()
        return outcome

    def withdraw_all(self, time: float) -> None:
        """Take all standing orders away."""
        self.noted.add(self.book.cancel_all(), time, self._ladders)

    def announce(
        self, side: Side, price: Price, outcome: Outcome | None, time_left: float,
        answered: bool = False,
    ) -> None:  # fmt: skip
        """Let everybody hear a shout of a side, with the trades that it made."""
        if not self._listeners:
            return
        trades, chance = [] if outcome is None else outcome.trades, self.chance
        heard = Shout(side, trades[0].price if trades else price, bool(trades), answered)
        for seat in self._listeners:
            if not seat.has_glanced:
                seat.look(time_left)
            seat.trader.observe(heard, seat.glance, chance)


def _limits(values: InducedValues, name: str, charges: UnitCharges | None) -> Limits:
    """Return a trader's values and costs, of the sides on which there are any.

    With taxes and fees, they are the worst prices at which its units are no loss.
    """
    found: dict[Side, tuple[Price, ...]] = {}
    if values.values.get(name):
        found["buy"] = tuple(values.values[name])
    if values.costs.get(name) or not found:
        found["sell"] = tuple(values.costs.get(name, ()))
    if charges is None:
        return found
    return {
        side: tuple([charges.limit(side, one) for one in units]) for side, units in found.items()
    }


def _listens(trader: Trader) -> bool:
    # A subclass of Heedless may listen after all.
    return getattr(type(trader), "observe", None) is not Heedless.observe
