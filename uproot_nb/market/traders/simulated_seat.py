"""SimulatedSeat: one trader's place in a simulated period, and what it sees from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from uproot_nb.market.orderbook.accounts import Account
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.traders.trader import Trader, View, chosen_side, sees_its_unit

__all__ = ["Limits", "PeriodFacts", "SimulatedSeat"]

Limits = Mapping[Side, tuple[Price, ...]]
"""Values and costs of a trader's units, of the sides on which it has any."""


_Unit = tuple[Side, Price, int, tuple[Price, ...]]
"""A unit's side, limit and number, and the limits of those that come after it."""


class PeriodFacts(NamedTuple):
    """What is the same in all views of a period; see `View`."""

    tick: Price
    highest: Price
    lowest: Price
    period: int
    periods: int
    improvement: bool


class SimulatedSeat:
    """A trader, its units, and its account in the period's book."""

    __slots__ = (
        "_account", "_book", "_chance", "_facts", "_may_glance", "_only", "_unit", "glance",
        "has_glanced", "limits", "name", "trader",
    )  # fmt: skip

    def __init__(
        self, name: str, trader: Trader, limits: Limits, book: Book, facts: PeriodFacts,
        chance: Random,
    ) -> None:  # fmt: skip
        self.name, self.trader, self.limits = name, trader, limits
        self._book, self._facts, self._chance = book, facts, chance
        self._account: Account | None = None
        self._unit: _Unit | None = None
        """The next unit of who trades on one side alone, as most do; None before it is looked at.
        For others a coin may decide the side anew each time."""
        self._only = next(iter(limits)) if len(limits) == 1 else None
        """The side of who trades on one side alone."""
        self._may_glance = self._only is not None and sees_its_unit(trader)
        self.has_glanced = False
        """Whether the last view of a trader who sees no more than its unit is so still."""
        self.glance: View | None = None

    def view(self, time_left: float) -> View | None:
        """Return what the trader sees; None when its units are traded.

        Who has units to buy and to sell chooses, or a coin does.
        """
        unit = self._unit or self._next_unit()
        if unit is None:
            return None
        side, limit, number, later = unit
        own, ladders = self.own(side), self._book.ladders
        bid, ask = ladders["buy"].best, ladders["sell"].best
        tick, highest, lowest, period, periods, improvement = self._facts
        return View(
            side, limit, None if bid is None else bid.price, None if ask is None else ask.price,
            None if own is None else own.price, tick, highest, time_left, period, periods, number,
            lowest, later, False, improvement,
        )  # fmt: skip

    def _next_unit(self) -> _Unit | None:
        """Return the unit that the trader may trade next; None when all are traded."""
        side = self._only
        if side is None:
            side = chosen_side(self.trader, self._facts.period, self.able(), self._chance)
            if side is None:
                return None
        units, done = self.limits[side], self._done(side)
        if done >= len(units):
            return None
        unit = side, units[done], done + 1, units[done + 1 :]
        if self._only is not None:
            self._unit = unit
        return unit

    def units_in_call(self) -> Iterator[View]:
        """Yield what the trader sees of each unit before a call: nothing of others."""
        tick, highest, lowest, period, periods, _ = self._facts
        for side, limits in self.limits.items():
            for unit, limit in enumerate(limits, 1):
                yield View(
                    side, limit, None, None, None, tick, highest, 1.0, period, periods, unit,
                    lowest, limits[unit:], True,
                )  # fmt: skip

    def look(self, time_left: float) -> None:
        """Set `glance` to what the trader sees now, for a shout that it hears."""
        self.glance = self.view(time_left)
        self.has_glanced = self._may_glance

    def look_again(self) -> None:
        """See its next unit, after a trade."""
        self.has_glanced, self._unit = False, None

    def able(self) -> list[Side]:
        """Return the sides on which the trader has units left."""
        return [side for side, units in self.limits.items() if self._done(side) < len(units)]

    def traded(self) -> dict[Side, int]:
        """Return how many units the trader has traded on each side."""
        return {"buy": self._done("buy"), "sell": self._done("sell")}

    def own(self, side: Side) -> Order | None:
        """Return the trader's standing order on a side; None without one."""
        account = self._account
        if account is None:
            account = self._account = self._book.accounts.get(self.name)
            if account is None:
                return None
        for order in account.orders.values():
            if order.side == side:
                return order
        return None

    def _done(self, side: Side) -> int:
        """Return how many units the trader has traded on a side."""
        account = self._account
        if account is None:
            account = self._account = self._book.accounts.get(self.name)
            if account is None:
                return 0
        return account.bought if side == "buy" else account.sold
