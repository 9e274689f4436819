"""simulate_market: robot traders in a market without sockets, for many periods at full speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.analysis.order_events import order_event_rows, order_event_table
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.prices import Price
from uproot_nb.market.orderbook.rules import NO_LIMIT, Rules
from uproot_nb.market.traders.trader import Heedless, Shout, Trader, View

__all__ = ["simulate_market"]


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
    its side is not heard; the trader's own quote counts as well, so that nobody takes a quote back.
    The same seed gives the same market. `time` counts the steps of all periods.

    With `Rules(call=True)` each period is a call: one after the other, in an order that is drawn,
    the traders send an order for each of their units without hearing of any other, as `market_bot`
    does on a CallMarketPage; then the market is cleared. Traders who go by what they hear (GD,
    Sniper) have nothing to go by.

    Prices are drawn, believed in and opened with up to `rules.max_price`; where the rules name
    none, up to the highest value or cost.

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
    rows: list[dict[str, Any]] = []
    for period in range(1, periods + 1):
        chance = Random(f"{seed}/{period}")
        one = _Period(traders, values, rules or Rules(), period, periods, clear_after_trade, chance)
        if rules is not None and rules.call:
            one.call((period - 1) * steps, rows)
            continue
        for step in range(steps):
            if not one.step(1 - step / steps, (period - 1) * steps + step, rows):
                break
    frame = values.frame(range(1, periods + 1))
    return MarketTables("simulation", order_event_table(rows), frame)


class _Period:
    """One period: a book, and the traders who may still trade."""

    def __init__(
        self, traders: Mapping[str, Trader], values: InducedValues, rules: Rules, period: int,
        periods: int, clears: bool, chance: Random,
    ) -> None:  # fmt: skip
        self._traders, self._chance = traders, chance
        self._period, self._periods, self._clears = period, periods, clears
        self._values = values
        self._book = Book(rules, values.value_of)
        self._active = sorted(traders)
        self._listeners = {name: one for name, one in traders.items() if _listens(one)}
        self._tick, self._highest = rules.tick, _highest(rules, values)
        self._sides: dict[str, Side] = {
            name: "buy" if values.values.get(name) else "sell" for name in traders
        }
        self._limits: dict[str, Sequence[Price]] = {
            name: values.values.get(name) or values.costs.get(name, ()) for name in traders
        }

    def step(self, time_left: float, time: int, rows: list[dict[str, Any]]) -> bool:
        """Let one trader act; return whether anybody is left who could."""
        if not self._active:
            return False
        name = self._chance.choice(self._active)
        view = self._view(name, time_left)
        if view is None:
            self._active.remove(name)
            return True
        price = self._traders[name].quote(view, self._chance)
        if price is None:
            return True
        if price == view.own:
            self._announce(view, price, None, time_left)  # shouted and heard again
            return True
        if self._book.rules.improvement and not _improves(view, price):
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
            for side, limit in self._units(name):
                view = View(
                    side, limit, None, None, None, self._tick, self._highest, 1.0, self._period,
                    self._periods,
                )  # fmt: skip
                price = self._traders[name].quote(view, self._chance)
                if price is not None:
                    with suppress(OrderRefused):
                        self._record(self._book.limit(name, side, price), time, rows)
        self._record(self._book.clear(), time + 1, rows)

    def _units(self, name: str) -> Iterator[tuple[Side, Price]]:
        for value in self._values.values.get(name, ()):
            yield "buy", value
        for cost in self._values.costs.get(name, ()):
            yield "sell", cost

    def _shout(
        self, name: str, view: View, price: Any, record: Callable[[Outcome], None]
    ) -> Outcome:
        own = next(iter(self._book.account(name).orders.values()), None)
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
        """Return what a trader sees; None when its units are traded."""
        book, side = self._book, self._sides[name]
        account = book.accounts.get(name)
        if account is None:
            done, own = 0, None
        else:
            done = account.bought if side == "buy" else account.sold
            own = next(iter(account.orders.values()), None)
        limits = self._limits[name]
        if done >= len(limits):
            return None
        return View(
            side, limits[done], book.best_bid, book.best_ask, None if own is None else own.price,
            self._tick, self._highest, time_left, self._period, self._periods,
        )  # fmt: skip


def _highest(rules: Rules, values: InducedValues) -> Price:
    """Return the highest price of the rules; if they name none, the highest value or cost.

    A trader who draws from a million prices for units worth a hundred would never trade.
    """
    if rules.max_price != NO_LIMIT:
        return rules.max_price
    units = [*values.values.values(), *values.costs.values()]
    return min(rules.max_price, max((price for one in units for price in one), default=NO_LIMIT))


def _listens(trader: Trader) -> bool:
    # A subclass of Heedless may listen after all.
    return getattr(type(trader), "observe", None) is not Heedless.observe


def _improves(view: View, price: Price) -> bool:
    """Return whether a price is better than the best quote of its side, whosever that is."""
    if view.side == "buy":
        return view.bid is None or price > view.bid
    return view.ask is None or price < view.ask
