"""A call market trades as a plain list would, at a price that clears it, and has all tables."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.examples import examples
from tests.market.book_snapshots import execute_all, restore, snapshot
from tests.market.naive_market import Asked
from tests.worlds_at_rest import Worlds
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import InducedValues, Market, Rules, equilibrium
from uproot_nb.market.analysis.order_events import order_event_rows, order_event_table
from uproot_nb.market.analysis.records import rows_in
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.commands import (
    Cancel,
    Clear,
    Command,
    Endow,
    LimitOrder,
    Replace,
    execute,
    from_plain_command,
    plain_command,
)
from uproot_nb.market.orderbook.depth import Depth
from uproot_nb.market.orderbook.outcomes import Outcome

PLAYERS = ("ann", "bob", "cem", "dot")
HIGHEST = 12
CALL = Rules(call=True)

players = st.sampled_from(PLAYERS)
sides = st.sampled_from(("buy", "sell"))
prices = st.integers(1, HIGHEST)
quantities = st.integers(1, 4)


# ---- a call in lists and loops -------------------------------------------------------------


def units_of(orders: list[Asked], side: str) -> list[Asked]:
    """Return an entry for each unit, the best price first and the oldest first."""
    sign = 1 if side == "sell" else -1
    queue = sorted(
        (order for order in orders if order.side == side),
        key=lambda order: (sign * order.price, order.number),
    )
    return [order for order in queue for _ in range(order.left)]


def clearing_prices(orders: list[Asked]) -> tuple[int, list[int]]:
    """Return the most that can be traded, and all prices at which nobody better is left over."""
    bids, asks = units_of(orders, "buy"), units_of(orders, "sell")

    def amounts(price: int) -> tuple[int, int]:
        return sum(b.price >= price for b in bids), sum(a.price <= price for a in asks)

    most = max(min(amounts(price)) for price in range(1, HIGHEST + 1))
    found = [
        price
        for price in range(1, HIGHEST + 1)
        if min(amounts(price)) == most
        and sum(b.price > price for b in bids) <= most
        and sum(a.price < price for a in asks) <= most
    ]
    return most, found


def rationed(units: list[Asked], most: int, rules: Rules, lot: int) -> list[Asked]:
    """Return an entry for each unit of a side that trades, where most of them do not."""
    worst = units[most - 1].price if most else None
    orders = list({one.number: one for one in units if one.price == worst}.values())
    better = [one for one in units[:most] if one.price != worst]
    rest, there = most - len(better), sum(order.left for order in orders)
    if rules.rationing == "time" or rest == there:
        return units[:most]
    if rules.rationing == "random":
        Random(lot).shuffle(orders)
        return better + [order for order in orders for _ in range(order.left)][:rest]
    exact = [Fraction(rest * order.left, there) for order in orders]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(
        range(len(orders)), key=lambda n: (shares[n] - exact[n], orders[n].number)
    )
    for place in by_remainder[: rest - sum(shares)]:
        shares[place] += 1
    return better + [o for o, share in zip(orders, shares, strict=True) for _ in range(share)]


def trades_of(orders: list[Asked], rules: Rules, lot: int) -> list[tuple[str, str, int]]:
    """Return buyer, seller and price of every unit that a call trades."""
    most, found = clearing_prices(orders)
    bids, asks = (rationed(units_of(orders, side), most, rules, lot) for side in ("buy", "sell"))
    price = found[0] + (found[-1] - found[0]) // 2
    return [(b.player, a.player, price) for b, a in zip(bids, asks, strict=True)]


class CallAgainstList(RuleBasedStateMachine):
    """Random commands and calls to the book and to a list."""

    @initialize(
        tick=st.sampled_from((1, Decimal("0.05"), 5)),
        self_trade=st.sampled_from(("refuse", "cancel_oldest")),
        means=st.sampled_from(((False, False), (False, True), (True, False))),
        rationing=st.sampled_from(("time", "random", "pro rata")),
    )  # fmt: skip
    def begin(self, tick: Any, means: tuple[bool, bool], **options: Any) -> None:
        """What short sales bring within a budget is held back: see test_short_sales."""
        self.tick, (budget, short_sales) = tick, means
        options |= {"budget": budget, "short_sales": short_sales}
        self.rules = Rules(tick=tick, max_price=HIGHEST * tick, call=True, **options)
        self.book = Book(self.rules)
        self.orders: list[Asked] = []
        self.commands: list[Command] = []
        for number, player in enumerate(PLAYERS):
            self.execute(Endow(player, (30 * number + 20) * tick, 3 * number))
        self.depth = Depth.of(self.book)

    def execute(self, command: Command) -> Outcome | None:
        given = from_plain_command(json.loads(json.dumps(plain_command(command))))
        assert given == command
        outcome = execute(self.book, given)
        self.commands.append(given)
        if outcome is not None and hasattr(self, "depth"):
            self.depth.apply(outcome)
        return outcome

    def own_across(self, player: str, side: str, price: int) -> list[Asked]:
        return [
            order for order in self.orders
            if order.player == player and order.side != side
            and (order.price <= price if side == "buy" else order.price >= price)
        ]  # fmt: skip

    def refusal_of(
        self, player: str, side: str, price: int, quantity: int, gone: Asked | None = None
    ) -> str | None:
        """Return why the list takes no such order, None if it does."""
        mine = [o for o in self.orders if (o.player, o.side) == (player, side) and o is not gone]
        cash, units = holdings_of(self.book, player)
        bound = sum(order.price * order.left for order in mine) + price * quantity
        if self.own_across(player, side, price) and self.rules.self_trade == "refuse":
            return "self_trade"
        if side == "buy" and self.rules.budget and bound * self.tick > cash:
            return "no_cash"
        if side == "sell" and not self.rules.short_sales:
            return "no_units" if sum(o.left for o in mine) + quantity > units else None
        return None

    def enter(
        self, command: Command, expected: str | None, order: Asked, gone: Asked | None = None
    ) -> None:
        """Give an order to the book, and to the list unless it is to be refused."""
        if expected is not None:
            before = snapshot(self.book)
            with pytest.raises(OrderRefused) as refused:
                self.execute(command)
            assert refused.value.code == expected
            assert snapshot(self.book) == before
            return
        outcome = self.execute(command)
        assert outcome is not None
        assert outcome.order is not None
        assert outcome.trades == []
        across = self.own_across(order.player, order.side, order.price)
        self.orders = [one for one in self.orders if one not in across and one is not gone]
        order.number = outcome.order
        self.orders.append(order)

    @rule(player=players, side=sides, price=prices, quantity=quantities)
    def limit(self, player: str, side: Any, price: int, quantity: int) -> None:
        self.enter(
            LimitOrder(player, side, price * self.tick, quantity),
            self.refusal_of(player, side, price, quantity),
            Asked(0, player, side, price, quantity),
        )

    @rule(data=st.data(), price=prices, quantity=quantities)
    def replace(self, data: st.DataObject, price: int, quantity: int) -> None:
        if not self.orders:
            return
        old = data.draw(st.sampled_from(self.orders))
        expected = self.refusal_of(old.player, old.side, price, quantity, old)
        new = Asked(0, old.player, old.side, price, quantity)
        if price == old.price and quantity <= old.left:
            expected = "no_change" if quantity == old.left else None
        self.enter(Replace(old.player, old.number, price * self.tick, quantity), expected, new, old)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.orders:
            gone = data.draw(st.sampled_from(self.orders))
            self.execute(Cancel(gone.player, gone.number))
            self.orders.remove(gone)

    @rule(player=players, side=sides, quantity=quantities)
    def market(self, player: str, side: Any, quantity: int) -> None:
        with pytest.raises(OrderRefused) as refused:
            self.book.market(player, side, quantity)
        assert refused.value.code == "needs_price"

    @rule(lot=st.integers(0, 9))
    def clear(self, lot: int) -> None:
        before = {p: holdings_of(self.book, p) for p in PLAYERS}
        orders = [Asked(o.number, o.player, o.side, o.price, o.left) for o in self.orders]
        outcome = self.execute(Clear(lot))
        assert outcome is not None
        units = [
            (trade.buyer, trade.seller, trade.price)
            for trade in outcome.trades
            for _ in range(trade.quantity)
        ]
        assert units == [
            (b, s, price * self.tick) for b, s, price in trades_of(orders, self.rules, lot)
        ]
        self.agrees_with_equilibrium(orders, outcome)
        self.rations_by_price_and_time(orders, outcome)
        self.moves_what_was_traded(before, outcome)
        self.orders = [order for order in self.orders if order.left]
        assert self.book.clear(lot).events == []

    def agrees_with_equilibrium(self, orders: list[Asked], outcome: Outcome) -> None:
        at = equilibrium(
            [b.price for b in units_of(orders, "buy")], [a.price for a in units_of(orders, "sell")]
        )
        assert sum(trade.quantity for trade in outcome.trades) == at.quantity_high
        if outcome.trades:
            assert len({trade.price for trade in outcome.trades}) == 1
            assert outcome.trades[0].price == math.floor(at.price) * self.tick  # type: ignore[arg-type]

    def rations_by_price_and_time(self, orders: list[Asked], outcome: Outcome) -> None:
        """Nobody beyond the limit; who is better than the price has all; by time older first."""
        for event in outcome.events:
            assert event.event in ("fill", "partial_fill")
            order = next(one for one in self.orders if one.number == event.order)
            order.left -= event.quantity
            assert order.left == event.remaining
            assert event.price is not None
            at = event.price / self.tick
            assert at <= order.price if order.side == "buy" else at >= order.price
        for trade in outcome.trades:
            assert trade.buyer != trade.seller
            assert trade.maker_order < trade.taker_order
            side = next(o.side for o in orders if o.number == trade.taker_order)
            assert trade.initiator == side
        if outcome.trades:
            at = outcome.trades[0].price / self.tick
            for order in self.orders:
                assert not order.left or (
                    order.price <= at if order.side == "buy" else order.price >= at
                )
        for one in self.orders if self.rules.rationing == "time" else ():
            for other in self.orders:
                if (one.side, one.price) == (other.side, other.price) and one.number < other.number:
                    untouched = next(o.left for o in orders if o.number == other.number)
                    assert not one.left or other.left == untouched

    def moves_what_was_traded(self, before: dict[str, Any], outcome: Outcome) -> None:
        for player, (cash, units) in before.items():
            bought = sum(t.quantity for t in outcome.trades if t.buyer == player)
            sold = sum(t.quantity for t in outcome.trades if t.seller == player)
            paid = sum(t.quantity * t.price for t in outcome.trades if t.buyer == player)
            got = sum(t.quantity * t.price for t in outcome.trades if t.seller == player)
            assert holdings_of(self.book, player) == (cash - paid + got, units + bought - sold)

    @invariant()
    def the_same_orders_stand(self) -> None:
        for side in ("buy", "sell"):
            told = [o.number for o in self.book.standing(side) for _ in range(o.remaining)]
            assert told == [order.number for order in units_of(self.orders, side)]

    @invariant()
    def nobody_spends_or_sells_what_is_not_there(self) -> None:
        for player in PLAYERS:
            account = self.book.account(player)
            assert not self.rules.budget or account.free_ticks >= 0
            assert self.rules.short_sales or account.free_units >= 0

    @invariant()
    def others_follow_the_book(self) -> None:
        assert self.depth == Depth.of(self.book)
        told = json.loads(json.dumps(snapshot(self.book)))
        assert snapshot(restore(told)) == told

    def teardown(self) -> None:
        if hasattr(self, "book"):
            again = Book(self.rules)
            execute_all(again, self.commands)
            assert snapshot(again) == snapshot(self.book)


def holdings_of(book: Book, player: str) -> tuple[Any, int]:
    account = book.account(player)
    return account.cash, account.units


TestCallAgainstList = CallAgainstList.TestCase
TestCallAgainstList.settings = examples(120, stateful_step_count=30)


# ---- the rules -----------------------------------------------------------------------------


def filled(*orders: tuple[str, str, int, int], rules: Rules = CALL) -> Book:
    book = Book(rules)
    for player, side, price, quantity in orders:
        book.limit(player, side, price, quantity)  # type: ignore[arg-type]
    return book


def test_orders_are_collected_and_traded_at_one_price() -> None:
    book = filled(
        ("ann", "buy", 90, 1), ("bob", "sell", 20, 1), ("cem", "buy", 70, 1),
        ("dot", "sell", 40, 1), ("eve", "buy", 50, 1), ("fay", "sell", 60, 1),
    )  # fmt: skip
    assert (book.best_bid, book.best_ask) == (90, 20)
    outcome = book.clear()
    assert [(t.buyer, t.seller, t.price, t.initiator) for t in outcome.trades] == [
        ("ann", "bob", 55, "sell"), ("cem", "dot", 55, "sell"),
    ]  # fmt: skip
    assert [(e.event, e.player) for e in outcome.events] == [
        ("fill", "ann"), ("fill", "bob"), ("fill", "cem"), ("fill", "dot"),
    ]  # fmt: skip
    assert (book.best_bid, book.best_ask) == (50, 60)


@pytest.mark.parametrize(
    ("k", "price"), [(0, 50), (1, 61), (Decimal("0.5"), 55), (Decimal("0.99"), 60)]
)
def test_k_says_where_in_the_interval_the_price_is(k: Any, price: int) -> None:
    """The interval is from 50 to 61: between the last bid and ask that trade and the next ones."""
    book = filled(("ann", "buy", 70, 1), ("bob", "sell", 40, 1), ("cem", "buy", 50, 1),
                  ("dot", "sell", 61, 1), rules=Rules(call=True, k=k))  # fmt: skip
    assert [trade.price for trade in book.clear().trades] == [price]


def test_the_longer_side_is_rationed_the_later_orders_first() -> None:
    book = filled(("ann", "buy", 50, 2), ("bob", "buy", 50, 2), ("cem", "sell", 10, 3))
    outcome = book.clear()
    assert [(t.buyer, t.quantity, t.price) for t in outcome.trades] == [
        ("ann", 2, 50), ("bob", 1, 50),
    ]  # fmt: skip
    assert [(o.player, o.remaining) for o in book.standing("buy")] == [("bob", 1)]


def test_rationing_pro_rata_gives_shares_and_the_rest_to_the_largest_remainders() -> None:
    book = filled(
        ("ann", "buy", 9, 5), ("bob", "buy", 9, 3), ("cem", "buy", 9, 2), ("dot", "sell", 4, 7),
        rules=Rules(call=True, rationing="pro rata"),
    )  # fmt: skip
    trades = book.clear().trades  # 3.5, 2.1 and 1.4 units: the half goes up
    assert [(trade.buyer, trade.quantity) for trade in trades] == [
        ("ann", 4), ("bob", 2), ("cem", 1)
    ]  # fmt: skip


@pytest.mark.long
def test_random_rationing_gives_everybody_the_same_chance_and_follows_from_the_lot() -> None:
    rules = Rules(call=True, rationing="random")
    orders = [("ann", "buy", 9, 1), ("bob", "buy", 9, 1), ("cem", "buy", 9, 1)]
    won: Counter[str] = Counter()
    for lot in range(300):
        one, again = (filled(*orders, ("dot", "sell", 4, 1), rules=rules) for _ in range(2))
        trades = one.clear(lot).trades
        assert again.clear(lot).trades == trades
        won.update(trade.buyer for trade in trades)
    assert set(won) == {"ann", "bob", "cem"}
    assert all(70 < count < 130 for count in won.values())
    with pytest.raises(BadMarket, match="needs a lot"):
        filled(*orders, rules=rules).clear()
    with pytest.raises(BadMarket, match="Only a call market rations"):
        Rules(rationing="random")


def test_a_session_draws_the_lot_from_its_seed_and_logs_it(worlds: Worlds) -> None:
    rules = Rules(call=True, rationing="random")
    market = Market.in_session(worlds.open().session, rules=rules)
    for player, side, price in (("ann", "buy", 9), ("bob", "buy", 9), ("cem", "sell", 4)):
        market.limit(player, side, price)  # type: ignore[arg-type]
    (trade,) = market.clear().trades
    *_, (_, _, entry) = market.model.entries
    assert entry["command"] == {"command": "clear", "lot": entry["command"]["lot"]}
    assert type(entry["command"]["lot"]) is int
    assert market.again().trades[0][1] == trade


def test_nothing_is_cleared_where_nothing_crosses() -> None:
    book = filled(("ann", "buy", 10, 1), ("bob", "sell", 11, 1))
    outcome = book.clear()
    assert (outcome.events, outcome.trades, outcome.before) == ([], [], outcome.seq)
    assert Book(CALL).clear().trades == []


def test_ones_own_orders_may_not_cross_though_nothing_is_traded_yet() -> None:
    book = filled(("ann", "sell", 10, 1))
    with pytest.raises(OrderRefused, match="yourself"):
        book.limit("ann", "buy", 10)
    assert book.limit("ann", "buy", 9).resting == 1
    with pytest.raises(OrderRefused, match="yourself"):
        book.replace("ann", 2, 10)
    gives_way = filled(("ann", "sell", 10, 1), rules=Rules(call=True, self_trade="cancel_oldest"))
    outcome = gives_way.limit("ann", "buy", 10)
    assert [(e.event, e.reason) for e in outcome.events] == [
        ("submit", None), ("cancel", "self_trade"),
    ]  # fmt: skip
    assert [order.number for order in gives_way.orders.values()] == [2]


def test_no_unit_is_cleared_at_a_loss() -> None:
    values = InducedValues({"ann": [90, 70]}, {"bob": [20, 40]})
    book = Book(Rules(call=True, no_loss=True), values.value_of)
    book.limit("ann", "buy", 90)
    with pytest.raises(OrderRefused) as refused:
        book.limit("ann", "buy", 71)
    assert refused.value.code == "loss"
    book.limit("ann", "buy", 70)
    book.limit("bob", "sell", 40, 2)
    assert {trade.price for trade in book.clear().trades} == {55}


def test_rules_that_make_no_sense_are_refused_where_they_are_written() -> None:
    for wrong in ({"improvement": True}, {"k": 0.5}, {"k": 2}, {"k": Decimal("-0.1")}):
        with pytest.raises(BadMarket):
            Rules(call=True, **wrong)  # type: ignore[arg-type]
    with pytest.raises(BadMarket, match="call=True"):
        Book().clear()


def test_rules_of_an_older_log_are_read_as_they_were() -> None:
    old = {"tick": "0.05", "max_price": 200, "max_quantity": 5, "self_trade": "refuse",
           "improvement": True, "no_loss": False, "budget": True, "short_sales": True,
           "max_orders": None}  # fmt: skip
    rules = Rules.from_plain(old)
    assert rules == Rules(
        tick=Decimal("0.05"), max_price=200, max_quantity=5, improvement=True, budget=True
    )
    new = Rules(call=True, k=Decimal("0.25"))
    assert Rules.from_plain(json.loads(json.dumps(new.plain()))) == new


@examples(100)
@given(st.lists(st.tuples(sides, prices, quantities), max_size=25), st.integers(0, 4))
def test_any_k_gives_a_price_that_clears(asked: list[tuple[str, int, int]], quarters: int) -> None:
    k = Decimal(quarters) / 4
    orders = [
        Asked(n, f"p{n}", side, price, quantity)
        for n, (side, price, quantity) in enumerate(asked, 1)
    ]
    book = Book(Rules(call=True, k=k))
    for order in orders:
        book.limit(order.player, order.side, order.price, order.left)  # type: ignore[arg-type]
    outcome = book.clear()
    most, found = clearing_prices(orders)
    assert sum(trade.quantity for trade in outcome.trades) == most
    if most:
        price = found[0] + math.floor(k * (found[-1] - found[0]))
        assert {trade.price for trade in outcome.trades} == {price}


# ---- in a session, and in tables -----------------------------------------------------------


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    made = Worlds()
    yield made
    made.close()


def test_a_restart_gives_the_same_book_before_and_after_the_call(worlds: Worlds) -> None:
    world = worlds.open()
    market = Market.in_session(world.session, rules=CALL)
    market.limit("ann", "buy", 60, 2)
    market.limit("bob", "sell", 40)
    collected = snapshot(market.book)
    world.journal.commit()
    world = worlds.open()
    market = Market.in_session(world.session)
    assert snapshot(market.book) == collected
    outcome = market.clear()
    cleared = snapshot(market.book)
    market.close()
    with pytest.raises(OrderRefused, match="closed"):
        market.clear()
    world.journal.commit()
    again = Market.in_session(worlds.open().session)
    assert snapshot(again.book) == cleared
    assert [trade for _, trade in again.trades] == outcome.trades
    kept = [entry for _, _, entry in again.model.entries]
    assert [entry["command"]["command"] for entry in kept[:3]] == ["limit", "limit", "clear"]
    rows = [r for _, time, e in again.model.entries for r in rows_in(e, time, again.period)]
    assert [row["event"] for row in rows] == [
        "submit", "submit", "partial_fill", "fill", "close", "reject",
    ]  # fmt: skip


def called_day() -> MarketTables:
    """Two orders at 1 and 2 that cross, a third at 3, the call at 6, a last order at 8."""
    book, rows = Book(CALL), list[dict[str, Any]]()
    steps: list[tuple[float, Any]] = [
        (1.0, lambda: book.limit("bob", "sell", 20)), (2.0, lambda: book.limit("ann", "buy", 90)),
        (3.0, lambda: book.limit("cem", "buy", 15)), (6.0, book.clear),
        (8.0, lambda: book.limit("dot", "sell", 19)),
    ]  # fmt: skip
    for time, act in steps:
        rows += order_event_rows(act(), time, 1)
    values = InducedValues({"ann": [95], "cem": [30]}, {"bob": [10], "dot": [18]})
    return MarketTables("market", order_event_table(rows), values.frame())


def test_the_tables_of_a_call_are_those_of_any_market() -> None:
    tables = called_day()
    trade = tables.trades.iloc[0]
    assert (trade["price"], trade["buyer"], trade["seller"], trade["initiator"]) == (
        55, "ann", "bob", "buy",
    )  # fmt: skip
    period = tables.periods.iloc[0]
    assert (period["trades"], period["surplus"], period["maximum_surplus"]) == (1, 85, 97)
    assert period["efficiency"] == pytest.approx(85 / 97)
    assert tables.traders["cash"].sum() == 0


def test_a_crossed_book_has_quotes_and_no_spread() -> None:
    table = called_day().book
    assert list(table["time"]) == [1, 2, 6, 8]
    assert table["bid"].fillna(0).tolist() == [0, 90, 15, 15]
    assert table["ask"].fillna(0).tolist() == [20, 20, 0, 19]
    assert table["spread"].isna().tolist() == [True, True, True, False]
    assert table["midpoint"].isna().tolist() == [True, True, True, False]


def test_a_call_that_was_never_cleared_ends_crossed() -> None:
    book = Book(CALL)
    rows = order_event_rows(book.limit("bob", "sell", 20), 1.0, 1)
    rows += order_event_rows(book.limit("ann", "buy", 90), 2.0, 1)
    rows += order_event_rows(book.limit("cem", "buy", 80), 3.0, 1)
    tables = MarketTables("market", order_event_table(rows), InducedValues({}, {}).frame())
    assert list(tables.book["bid"].fillna(0)) == [0, 90]
    assert math.isnan(tables.periods.iloc[0]["mean_spread"])


def test_a_clear_command_is_plain_and_comes_back() -> None:
    assert plain_command(Clear(7)) == {"command": "clear", "lot": 7}
    assert from_plain_command({"command": "clear"}) == Clear()
