"""SimulatedSeat: one trader's place in a simulated period, and what it sees from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from uproot_nb.market.orderbook.accounts import Account
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.traders.trader import Shout, Trader, View, chosen_side, sees_its_unit

__all__ = ["Limits", "PeriodFacts", "SimulatedSeat"]

Limits = Mapping[Side, tuple[Price, ...]]
"""Values and costs of a trader's units, of the sides on which it has any."""


_After = tuple[tuple[Price, ...], ...]


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
        "_account", "_book", "_chance", "_facts", "_glance", "_has_glanced", "_may_glance",
        "_only", "limits", "name", "trader",
    )  # fmt: skip

    def __init__(
        self, name: str, trader: Trader, limits: Limits, book: Book, facts: PeriodFacts,
        chance: Random,
    ) -> None:  # fmt: skip
        self.name, self.trader, self.limits = name, trader, limits
        self._book, self._facts, self._chance = book, facts, chance
        self._account: Account | None = None
        self._only: tuple[Side, tuple[Price, ...], _After] | None = None
        """Side and units of who trades on one side alone: most do, and are faster so."""
        if len(limits) == 1:
            ((side, units),) = limits.items()
            after = tuple(units[place:] for place in range(1, len(units) + 1))
            self._only = side, units, after
        # A coin may decide the side anew each time.
        self._may_glance = self._only is not None and sees_its_unit(trader)
        self._has_glanced = False
        self._glance: View | None = None
        """The last view of a trader who sees no more than its unit."""

    def view(self, time_left: float) -> View | None:
        """Return what the trader sees; None when its units are traded.

        Who has units to buy and to sell chooses, or a coin does.
        """
        if self._only is None:
            able = self.able()
            side = chosen_side(self.trader, self._facts.period, able, self._chance)
            if side is None:
                return None
            units = self.limits[side]
            done = self._done(side)
            later = units[done + 1 :]
        else:
            side, units, after = self._only
            done = self._done(side)
            if done >= len(units):
                return None
            later = after[done]
        own, ladders = self.own(side), self._book.ladders
        bid, ask = ladders["buy"].best, ladders["sell"].best
        tick, highest, lowest, period, periods, improvement = self._facts
        return View(
            side, units[done], None if bid is None else bid.price,
            None if ask is None else ask.price, None if own is None else own.price, tick, highest,
            time_left, period, periods, done + 1, lowest, later, False, improvement,
        )  # fmt: skip

    def units_in_call(self) -> Iterator[View]:
        """Yield what the trader sees of each unit before a call: nothing of others."""
        tick, highest, lowest, period, periods, _ = self._facts
        for side, limits in self.limits.items():
            for unit, limit in enumerate(limits, 1):
                yield View(
                    side, limit, None, None, None, tick, highest, 1.0, period, periods, unit,
                    lowest, limits[unit:], True,
                )  # fmt: skip

    def hear(self, shout: Shout, time_left: float) -> None:
        """Let the trader hear a shout, with what it sees after it."""
        if not self._has_glanced:
            self._glance = self.view(time_left)
            self._has_glanced = self._may_glance
        self.trader.observe(shout, self._glance, self._chance)

    def look_again(self) -> None:
        """See its next unit, after a trade."""
        self._has_glanced = False

    def able(self) -> list[Side]:
        """Return the sides on which the trader has units left."""
        return [side for side, units in self.limits.items() if self._done(side) < len(units)]

    def traded(self) -> dict[Side, int]:
        """Return how many units the trader has traded on each side."""
        return {"buy": self._done("buy"), "sell": self._done("sell")}

    def own(self, side: Side) -> Order | None:
        """Return the trader's standing order on a side; None without one."""
        account = self._account
        if account is not None:
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
