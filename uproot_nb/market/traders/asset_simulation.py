"""simulate_asset_market: robot traders of an asset that lives for several periods."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.analysis.dividends import Dividends, as_price
from uproot_nb.market.analysis.order_events import (
    bankrupt_row,
    closing_row,
    order_event_rows,
    order_event_table,
)
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.analysis.units import constraint_rows
from uproot_nb.market.analysis.values import induced_value_table
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.commands import due_commands, execute
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import NO_COSTS, Rules
from uproot_nb.market.traders.price_range import highest_price, warn_of_range
from uproot_nb.market.traders.trader import Shout, Trader, View, chosen_side

__all__ = ["simulate_asset_market"]

Holdings = Mapping[str, tuple[Price, int]]
"""Cash and units of each trader, by name."""


def simulate_asset_market(
    traders: Mapping[str, Trader],
    dividends: Dividends,
    endowments: Holdings,
    *,
    periods: int | None = None,
    steps: int = 100,
    rules: Rules | None = None,
    seed: int | str = 0,
) -> MarketTables:
    """Simulate trade in an asset that pays dividends, and return the market's tables.

        classes = [(225, 3), (585, 2), (945, 1)]
        endowments = {f"t{n}": classes[n % 3] for n in range(9)}
        traders = {name: NearZeroIntelligence() for name in endowments}
        tables = simulate_asset_market(traders, Dividends((0, 8, 28, 60), 15), endowments, seed=1)
        tables.mispricing

    In each step one trader is drawn, all with equal probability, and may shout one price for one
    unit. Its `side` decides whether to buy or sell, else a coin does. It has at most one order: a
    new one replaces the last. An order that the rules refuse, such as a bid above its cash, is
    ignored. `view.limit` is
    the fundamental value. Each period begins with an empty book and with what the last one has
    left; its dividend is drawn from the seed. The same seed gives the same market. `time` counts
    the steps of all periods.

    Args:
        endowments: cash and units of each trader in the beginning.
        periods: how many to trade; by default all that the asset has.
        steps: how many chances to shout a period has, for all traders together.
        rules: by default a budget, no short sales, and the older order is cancelled if a trader
            would trade with itself.

    Raises:
        BadMarket: a trader has no endowment, an endowment no trader, or the asset too few periods.
    """
    if set(endowments) != set(traders):
        odd = ", ".join(sorted(set(endowments) ^ set(traders)))
        raise BadMarket(
            f"Endowments and traders do not fit: {odd}.", "Give each trader cash and units."
        )
    allowed = rules or Rules(budget=True, short_sales=False, self_trade="cancel_oldest")
    if allowed.timing != "uniform":
        raise BadMarket(
            f"timing={allowed.timing!r} is for traders with induced values, who know what they "
            "gain and on which side they are; an asset's traders are drawn all alike.",
            "Write rules without timing.",
        )
    if allowed.call:
        raise BadMarket(
            "An asset is traded all the time in a simulation, and call=True would clear no order.",
            "Write rules without call.",
        )
    if allowed.no_loss:
        raise BadMarket(f"{NO_COSTS}.", "Write rules without no_loss.")
    first = as_price(dividends.fundamental_value(1))
    warn_of_range(rules, _most(endowments, first), stacklevel=2)
    rows: list[dict[str, Any]] = []
    paid: dict[int, Price | None] = {}
    held, short = dict(endowments), dict[str, Price]()
    for period in range(1, (periods or dividends.periods) + 1):
        one = _AssetPeriod(traders, dividends, held, short, allowed, period, seed)
        for step in range(steps):
            if allowed.is_timed and not one.pass_time((period - 1) * steps + step, rows):
                continue
            one.step(1 - step / steps, (period - 1) * steps + step, rows)
        rows.append(closing_row(float(period * steps), period))
        paid[period] = dividend = dividends.draw(period, seed)
        held, short = one.settled(dividend), one.short_proceeds()
        rows.extend(one.bankrupt(held, float(period * steps)))
    units = sum(units for _, units in endowments.values())
    frame = induced_value_table(dividends.rows(paid, units) + constraint_rows(allowed, paid))
    return MarketTables("simulation", order_event_table(rows), frame)


def _most(held: Holdings, value: Price) -> Price:
    """Return what a unit can cost at most: nobody pays more than the richest has."""
    return max([value, *(cash for cash, _ in held.values())])


class _AssetPeriod:
    """One period: a book, and what everybody brings to it."""

    def __init__(
        self, traders: Mapping[str, Trader], dividends: Dividends, held: Holdings,
        short: Mapping[str, Price], rules: Rules, period: int, seed: int | str,
    ) -> None:  # fmt: skip
        self._traders, self._dividends, self._period = traders, dividends, period
        self._value = as_price(dividends.fundamental_value(period))
        self._chance = Random(f"{seed}/{period}")
        self._names = sorted(traders)
        self._book = Book(rules)
        self._highest = highest_price(rules, _most(held, self._value))
        for name in self._names:
            self._book.endow(name, *held[name], held=short.get(name, 0))

    def pass_time(self, time: int, rows: list[dict[str, Any]]) -> bool:
        """Let orders leave and a halt end at their time; return whether anybody may act now."""
        for command in due_commands(self._book, float(time)):
            outcome = execute(self._book, command)
            assert outcome is not None
            rows.extend(order_event_rows(outcome, float(time), self._period))
        return not self._book.halted

    def step(self, time_left: float, time: int, rows: list[dict[str, Any]]) -> None:
        """Let one trader act."""
        name = self._chance.choice(self._names)
        trader = self._traders[name]
        side = chosen_side(trader, self._period, ("buy", "sell"), self._chance)
        if side is None:
            return
        price = trader.quote(self._view(name, side, time_left), self._chance)
        if price is None:
            return
        own = self._own(name)
        try:
            outcomes = self._shout(name, side, price, own)
        except OrderRefused:
            return
        self._announce(side, price, outcomes, time_left)
        # Taken back only after the new one is accepted; it reserves nothing that one needs.
        if own is not None and own.side != side and own.remaining:
            outcomes.append(self._book.cancel(name, own.number))
        for outcome in outcomes:
            rows.extend(order_event_rows(outcome, float(time), self._period))

    def settled(self, dividend: Price) -> dict[str, tuple[Price, int]]:
        """Return what everybody has when the period has paid."""
        tick, accounts = self._book.rules.tick, self._book.accounts
        return {
            name: self._dividends.settle(self._period, own.cash, own.units, dividend, tick)
            for name, own in accounts.items()
        }

    def short_proceeds(self) -> dict[str, Price]:
        """Return what the units that traders owe were sold for."""
        grid, accounts = self._book.grid, self._book.accounts
        return {name: grid.price(own.held_ticks) for name, own in accounts.items()}

    def bankrupt(self, settled: Holdings, time: float) -> list[dict[str, Any]]:
        """Return the rows of those who have less than no cash, unless the rules give credit."""
        if self._book.rules.budget is False:
            return []
        return [
            bankrupt_row(time, self._period, name, cash, max(0, -units))
            for name, (cash, units) in settled.items()
            if cash < 0
        ]

    def _shout(self, name: str, side: Side, price: Price, own: Order | None) -> list[Outcome]:
        """Replace the trader's last order; if the new one is refused, the last one stays."""
        if own is None or own.side != side:
            return [self._book.limit(name, side, price)]
        return [] if own.price == price else [self._book.replace(name, own.number, price)]

    def _announce(
        self, side: Side, price: Price, outcomes: list[Outcome], time_left: float
    ) -> None:
        trades = [trade for outcome in outcomes for trade in outcome.trades]
        heard = Shout(side, trades[0].price if trades else price, bool(trades))
        for name, trader in self._traders.items():
            trader.observe(heard, self._view(name, side, time_left), self._chance)

    def _view(self, name: str, side: Side, time_left: float) -> View:
        book = self._book
        # While a new order is heard, one of the other side may still stand.
        mine = (o.price for o in book.account(name).orders.values() if o.side == side)
        return View(
            side, self._value, book.best_bid, book.best_ask, next(mine, None),
            book.rules.tick, self._highest, time_left, self._period,
            self._dividends.periods, lowest=book.rules.lowest,
            improvement=book.rules.improvement,
        )  # fmt: skip

    def _own(self, name: str) -> Order | None:
        return next(iter(self._book.account(name).orders.values()), None)
