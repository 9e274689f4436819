"""simulate_market: robot traders in a market without sockets, for many periods at full speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.analysis.order_events import closing_row, order_event_rows
from uproot_nb.market.analysis.results import MarketTables, SimulatedMarket
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.prices import Price
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.traders.price_range import highest_price, highest_value, warn_of_range
from uproot_nb.market.traders.trader import Heedless, Shout, Trader, View, chosen_side

__all__ = ["PlannedPeriod", "simulate_market", "simulate_periods"]


@dataclass(frozen=True)
class PlannedPeriod:
    """One period of a market: its values, its rules, and whether it is for practice.

    A practice period is traded, and traders learn in it, but no table has it.
    """

    number: int
    values: InducedValues
    rules: Rules
    is_practice: bool = False


def simulate_market(
    traders: Mapping[str, Trader],
    values: InducedValues,
    *,
    periods: int = 1,
    steps: int = 1_000,
    rules: Rules | None = None,
    seed: int | str = 0,
    clear_after_trade: bool = False,
) -> MarketTables:
    """Let traders trade for some periods, each with new units, and return the market's tables.

        values = InducedValues.symmetric(["b1", "b2"], ["s1", "s2"], highest=90, lowest=10, step=10)
        tables = simulate_market({name: ZIC() for name in ["b1", "b2", "s1", "s2"]}, values, seed=1)
        tables.periods["efficiency"]

    In each step one of those who still have units is drawn, all alike, and may shout one price for
    one unit. Where `rules.improvement` asks for better quotes, what is no better than the best of
    its side is not heard; nobody takes a quote back.
    The same seed gives the same market. `time` counts the steps of all periods. A trader who has
    both values and costs buys and sells: its `side` decides which, else a coin does.

    With `Rules(call=True)` each period is a call: one after the other, in an order that is drawn,
    the traders send an order for each of their units without hearing of any other, as `market_bot`
    does on a CallMarketPage; then the market is cleared. Traders who go by what they hear (GD,
    Sniper) have nothing to go by.

    Prices are drawn, believed in and opened with up to `rules.max_price`; where the rules name
    none, up to the highest value or cost. More than ten times that is warned of.

    Args:
        traders: by name; each is there for all periods, and may learn from one to the next.
        steps: how many shouts (or chances to shout) a period has, unless it is a call.
        clear_after_trade: take all standing orders away after each trade. Together with
            `Rules(improvement=True)` it is the double auction of Gode and Sunder (1993).

    Raises:
        BadMarket: a trader has no units, or units have no trader.
    """
    named = {*values.values, *values.costs}
    if named != set(traders):
        odd = ", ".join(sorted(named ^ set(traders)))
        raise BadMarket(f"Units and traders do not fit: {odd}.", "Give each trader units.")
    warn_of_range(rules, highest_value(values), stacklevel=2)
    plans = [PlannedPeriod(period, values, rules or Rules()) for period in range(1, periods + 1)]
    return simulate_periods(
        traders, plans, steps=steps, seed=seed, clear_after_trade=clear_after_trade
    )


def simulate_periods(
    traders: Mapping[str, Trader],
    plans: Sequence[PlannedPeriod],
    *,
    steps: int,
    seed: int | str,
    clear_after_trade: bool,
) -> MarketTables:
    """Let traders trade for the planned periods, in their order; see `simulate_market`.

    The tables have the periods that are not for practice. The draws of a period follow from the
    seed and its number, so practice changes no other draw.
    """
    rows: list[dict[str, Any]] = []
    values: list[tuple[int, str | None, str, int, float]] = []
    periods = sum(not plan.is_practice for plan in plans)
    for plan in plans:
        kind = "practice/" if plan.is_practice else ""
        chance = Random(f"{seed}/{kind}{plan.number}")
        one = _Period(traders, plan, periods, clear_after_trade, chance)
        made: list[dict[str, Any]] = []
        _simulate(one, plan, steps, made)
        if not plan.is_practice:
            rows += made
            values += plan.values.rows([plan.number])
    return SimulatedMarket(rows, values)


def _simulate(one: _Period, plan: PlannedPeriod, steps: int, rows: list[dict[str, Any]]) -> None:
    """Let the traders of a period act until it ends."""
    begin = (plan.number - 1) * steps
    if plan.rules.call:
        one.call(begin, rows)
        rows.append(closing_row(float(begin + 1), plan.number))
        return
    for step in range(steps):
        if not one.step(1 - step / steps, begin + step, rows):
            break
    rows.append(closing_row(float(begin + steps), plan.number))


class _Period:
    """One period: a book, and the traders who may still trade."""

    def __init__(
        self, traders: Mapping[str, Trader], plan: PlannedPeriod, periods: int, clears: bool,
        chance: Random,
    ) -> None:  # fmt: skip
        self._traders, self._chance = traders, chance
        self._period, self._periods, self._clears = plan.number, periods, clears
        values, rules = plan.values, plan.rules
        self._values = values
        self._book = Book(rules, values.value_of)
        self._active = sorted(traders)
        self._listeners = {name: one for name, one in traders.items() if _listens(one)}
        self._tick, self._highest = rules.tick, highest_price(rules, highest_value(values))
        self._limits: dict[str, dict[Side, Sequence[Price]]] = {
            name: _limits(values, name) for name in traders
        }
        self._only = {
            name: next(iter(limits.items()))
            for name, limits in self._limits.items()
            if len(limits) == 1
        }
        """Side and units of those who trade on one side alone: most do, and are faster so."""

    def step(self, time_left: float, time: int, rows: list[dict[str, Any]]) -> bool:
        """Let one trader act; return whether anybody is left who could."""
        if not self._active:
            return False
        name = self._chance.choice(self._active)
        view = self._view(name, time_left)
        if view is None:
            if not self._able(name):
                self._active.remove(name)
            return True
        price = self._traders[name].quote(view, self._chance)
        if price is None:
            return True
        if price == view.own:
            self._announce(view, price, None, time_left)  # shouted and heard again
            return True
        try:
            outcome = self._shout(name, view, price, lambda o: self._record(o, time, rows))
        except OrderRefused:
            return True
        self._announce(view, price, outcome, time_left)
        if outcome.trades and self._clears:
            self._record(self._book.cancel_all(), time, rows)
        return True

    def call(self, time: int, rows: list[dict[str, Any]]) -> None:
        """Let everybody send orders for all units, and clear the market at the next step."""
        names = sorted(self._traders)
        self._chance.shuffle(names)
        for name in names:
            for side, unit, limit in self._units(name):
                view = View(
                    side, limit, None, None, None, self._tick, self._highest, 1.0, self._period,
                    self._periods, unit,
                )  # fmt: skip
                price = self._traders[name].quote(view, self._chance)
                if price is not None:
                    with suppress(OrderRefused):
                        self._record(self._book.limit(name, side, price), time, rows)
        self._record(self._book.clear(), time + 1, rows)

    def _units(self, name: str) -> Iterator[tuple[Side, int, Price]]:
        for side, limits in self._limits[name].items():
            for unit, limit in enumerate(limits, 1):
                yield side, unit, limit

    def _shout(
        self, name: str, view: View, price: Any, record: Callable[[Outcome], None]
    ) -> Outcome:
        own = self._own(name, view.side)
        if own is None:
            outcome = self._book.limit(name, view.side, price)
        else:
            outcome = self._book.replace(name, own.number, price)
        record(outcome)
        return outcome

    def _record(self, outcome: Outcome, time: int, rows: list[dict[str, Any]]) -> None:
        rows.extend(order_event_rows(outcome, float(time), self._period))

    def _announce(self, view: View, price: Any, outcome: Outcome | None, time_left: float) -> None:
        if not self._listeners:
            return
        trades = [] if outcome is None else outcome.trades
        heard = Shout(view.side, trades[0].price if trades else price, bool(trades))
        for name, trader in self._listeners.items():
            trader.observe(heard, self._view(name, time_left), self._chance)

    def _view(self, name: str, time_left: float) -> View | None:
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
        book, own, done = self._book, None, 0
        account = book.accounts.get(name)
        if account is not None:
            done = account.bought if side == "buy" else account.sold
            if account.counts[side]:
                own = next(o.price for o in account.orders.values() if o.side == side)
        if done >= len(units):
            return None
        return View(
            side, units[done], book.best_bid, book.best_ask, own, self._tick, self._highest,
            time_left, self._period, self._periods, done + 1,
        )  # fmt: skip

    def _able(self, name: str) -> list[Side]:
        """Return the sides on which a trader has units left."""
        limits = self._limits[name]
        return [side for side, units in limits.items() if self._done(name, side) < len(units)]

    def _done(self, name: str, side: Side) -> int:
        account = self._book.accounts.get(name)
        if account is None:
            return 0
        return account.bought if side == "buy" else account.sold

    def _chosen(self, name: str, able: Sequence[Side]) -> Side | None:
        return chosen_side(self._traders[name], self._period, able, self._chance)

    def _own(self, name: str, side: Side) -> Order | None:
        account = self._book.accounts.get(name)
        orders = () if account is None else account.orders.values()
        return next((order for order in orders if order.side == side), None)


def _limits(values: InducedValues, name: str) -> dict[Side, Sequence[Price]]:
    """Return a trader's values and costs, of the sides on which there are any."""
    found: dict[Side, Sequence[Price]] = {}
    if values.values.get(name):
        found["buy"] = values.values[name]
    if values.costs.get(name) or not found:
        found["sell"] = values.costs.get(name, ())
    return found


def _listens(trader: Trader) -> bool:
    # A subclass of Heedless may listen after all.
    return getattr(type(trader), "observe", None) is not Heedless.observe
