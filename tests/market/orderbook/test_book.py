"""The book does what a plain list of orders would do, and keeps its promises."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.examples import examples
from tests.market.book_snapshots import execute_all, restore, snapshot
from tests.market.naive_market import NaiveMarket, Refusal
from uproot_nb.errors import BadMarket, OrderRefused, Refused
from uproot_nb.market.orderbook.amounts import plain
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.charges import Fees, Tax
from uproot_nb.market.orderbook.circuit_breaker import CircuitBreaker
from uproot_nb.market.orderbook.commands import (
    Cancel,
    CancelAll,
    Command,
    Endow,
    Halt,
    LimitOrder,
    MarketOrder,
    Replace,
    Resume,
    due_commands,
    from_plain_command,
    plain_command,
)
from uproot_nb.market.orderbook.depth import Depth, plain_changes
from uproot_nb.market.orderbook.matching import match
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import Rules

PLAYERS = ("ann", "bob", "cem")
VALUES = {"ann": [9, 7, 4, 4], "bob": [8, 8, 8], "cem": [10, 3, 6, 5, 2]}
COSTS = {"ann": [2, 3, 5, 9], "bob": [4, 4, 4], "cem": [1, 7, 2, 6]}
TICKS = (1, Decimal("0.05"), 5)

players = st.sampled_from(PLAYERS)
sides = st.sampled_from(("buy", "sell"))
prices = st.integers(1, 12)
quantities = st.integers(1, 4)


RATES = (0, Decimal("0.25"), Decimal("-0.2"), Decimal("0.07"))


def in_money(charge: Tax | Fees, tick: Any) -> Any:
    """Return a tax or fees given in ticks in money."""
    if isinstance(charge, Tax):
        return Tax(charge.per_unit * tick, charge.rate)
    return Fees(charge.maker * tick, charge.taker * tick)


METHODS = {CancelAll: "cancel_all", LimitOrder: "limit", MarketOrder: "market"}
"""The book's methods whose commands have other names."""


class BookAgainstList(RuleBasedStateMachine):
    """Random commands to the book and to a list, under every combination of rules."""

    @initialize(
        tick=st.sampled_from(TICKS),
        self_trade=st.sampled_from(("refuse", "cancel_oldest")),
        improvement=st.booleans(), no_loss=st.booleans(), budget=st.booleans(),
        short_sales=st.booleans(), max_orders=st.sampled_from((None, 1, 2)),
        lapse=st.sampled_from((None, None, "trade", "shout", "own")),
        trade_price=st.sampled_from(("maker", "taker", "middle", "k")),
        k=st.sampled_from((0, Decimal("0.3"), 1)),
        terms=st.sampled_from(((), ("ioc", "fok"), ("ioc", "gft", "iceberg", "fok"))),
        good_for=st.sampled_from((None, None, 3)),
        breaker=st.none() | st.builds(
            CircuitBreaker, st.sampled_from((Decimal("0.2"), Decimal("0.5"))), st.integers(1, 3),
            st.sampled_from((None, 6))),
        controls=st.sampled_from(((None, None), (3, None), (None, 8), (4, 9))),
        charges=st.just({}) | st.fixed_dictionaries(
            {name: st.builds(Tax, st.integers(-2, 2), st.sampled_from(RATES))
             for name in ("buyer_tax", "seller_tax")}
            | {"fees": st.builds(Fees, st.integers(-1, 2), st.integers(-1, 2))}),
    )  # fmt: skip
    def begin(self, tick: Any, controls: Any, charges: Any, breaker: Any, **options: Any) -> None:
        self.tick = tick
        if options["trade_price"] != "k":
            del options["k"]
        first = breaker and breaker.reference
        options["breaker"] = breaker and replace(breaker, reference=first and first * tick)
        options["improvement"] &= options["lapse"] != "shout"
        floor, ceiling = (None if price is None else price * tick for price in controls)
        self.rules = Rules(
            tick=tick, max_price=1_000 * tick, floor=floor, ceiling=ceiling, **options,
            **{name: in_money(charge, tick) for name, charge in charges.items()},
        )  # fmt: skip
        self.book = Book(self.rules, self.value_of)
        in_ticks: Any = {"tick": 1, "floor": controls[0], "ceiling": controls[1]}
        if breaker is not None:
            in_ticks["breaker"] = breaker
        in_ticks |= charges
        self.naive = NaiveMarket(replace(self.rules, **in_ticks), self.value_in_ticks, {})
        self.naive.reference = first
        self.commands: list[tuple[float, Command]] = []
        self.statuses: list[tuple[str, str, Any]] = []
        for number, player in enumerate(PLAYERS):
            self.naive.endowments[player] = (30 * number + 20, 2 * number)
            command = Endow(player, self.naive.endowments[player][0] * tick, 2 * number)
            self.book.endow(player, command.cash, command.units)
            self.commands.append((0.0, command))
        self.depth, self.charged = Depth.of(self.book), Decimal(0)
        self.filled: dict[int, int] = {}
        self.submitted: dict[int, int] = {}

    def value_in_ticks(self, player: str, side: str, unit: int) -> int | None:
        units = (VALUES if side == "buy" else COSTS)[player]
        return units[unit - 1] if unit <= len(units) else None

    def value_of(self, player: str, side: str, unit: int) -> Any:
        value = self.value_in_ticks(player, side, unit)
        return None if value is None else value * self.tick

    @rule(
        player=players, side=sides, price=prices, quantity=quantities,
        terms=st.sampled_from((None, None, None, "ioc", "fok")),
    )  # fmt: skip
    def limit(self, player: str, side: Any, price: int, quantity: int, terms: Any) -> None:
        self.both(
            LimitOrder(player, side, price * self.tick, quantity, terms),
            lambda: self.naive.enter(player, side, price, quantity, None, terms),
        )

    @rule(
        player=players, side=sides, price=prices, quantity=st.integers(1, 6),
        terms=st.sampled_from((None, None, None, None, "ioc")),
        good_for=st.sampled_from((None, 1, 2, 5)), shown=st.sampled_from((None, 1, 2, 5)),
    )  # fmt: skip
    def stand_for_a_time_or_in_parts(
        self, player: str, side: Any, price: int, quantity: int, terms: Any, good_for: Any,
        shown: Any,
    ) -> None:  # fmt: skip
        self.both(
            LimitOrder(player, side, price * self.tick, quantity, terms, good_for, shown),
            lambda: self.naive.enter(player, side, price, quantity, None, terms, good_for, shown),
        )

    @rule(seconds=st.sampled_from((0, 1, 2)))
    def wait(self, seconds: float) -> None:
        self.naive.wait(seconds)
        for command in due_commands(self.book, self.book.now + seconds):
            self.commands.append((self.book.now, command))
            outcome = self.execute(command)
            self.follow(outcome)
            assert {event.reason for event in outcome.events} <= {"expired"}

    @rule(length=st.sampled_from((None, 1, 2)))
    def halt(self, length: float | None) -> None:
        self.both(Halt(length), lambda: self.naive.set_halted(True, length, "asked"))

    @rule()
    def resume(self) -> None:
        self.both(Resume(), lambda: self.naive.set_halted(False, None, "asked"))

    @rule(player=players, side=sides, quantity=quantities)
    def market(self, player: str, side: Any, quantity: int) -> None:
        self.both(
            MarketOrder(player, side, quantity),
            lambda: self.naive.enter(player, side, None, quantity),
        )

    @rule(player=players, order=st.integers(1, 30))
    def cancel(self, player: str, order: int) -> None:
        self.both(Cancel(player, order), lambda: self.cancel_naively(player, order))

    @rule(player=st.sampled_from((None, *PLAYERS)))
    def cancel_all(self, player: str | None) -> None:
        def naively() -> None:
            kept = [o for o in self.naive.orders if player not in (None, o.player)]
            self.naive.orders = kept

        self.both(CancelAll(player), naively)

    @rule(data=st.data(), price=st.none() | prices, quantity=st.none() | quantities)
    def replace(self, data: st.DataObject, price: int | None, quantity: int | None) -> None:
        numbers = [order.number for order in self.naive.orders] or [1]
        number = data.draw(st.sampled_from(numbers))
        owners = [order.player for order in self.naive.orders if order.number == number]
        player = owners[0] if owners else "ann"
        money = None if price is None else price * self.tick
        self.both(
            Replace(player, number, money, quantity),
            lambda: self.replace_naively(player, number, price, quantity),
        )

    def find(self, player: str, number: int) -> Any:
        found = [order for order in self.naive.orders if order.number == number]
        if not found:
            raise Refusal("no_order")
        if found[0].player != player:
            raise Refusal("not_yours")
        return found[0]

    def cancel_naively(self, player: str, number: int) -> None:
        self.naive.orders.remove(self.find(player, number))

    def replace_naively(
        self, player: str, number: int, price: int | None, quantity: int | None
    ) -> None:
        old = self.find(player, number)
        price = old.price if price is None else price
        quantity = old.left if quantity is None else quantity
        if price == old.price and quantity == old.left:
            raise Refusal("no_change")
        if price == old.price and quantity < old.left:
            old.reduce(old.left - quantity)
        else:
            peak = old.peak if old.peak < quantity else 0
            self.naive.enter(player, old.side, price, quantity, old, peak=peak)

    def both(self, command: Command, naively: Any) -> None:
        """Give a command to both; both take it or neither does, and then nothing has changed."""
        before = snapshot(self.book)
        self.commands.append((self.book.now, command))
        outcomes: list[Outcome] = []
        code = code_of(naively)
        if code is not None:
            with pytest.raises(OrderRefused) as refused:
                self.execute(command)
            # A price that is none is refused first, halted or not.
            assert code in ("loss", "halted", refused.value.code)
            assert snapshot(self.book) == before
        else:
            outcomes.append(self.execute(command))
            self.follow(outcomes[0])

    def execute(self, command: Command) -> Outcome:
        given = from_plain_command(json.loads(json.dumps(plain_command(command))))
        assert given == command
        name = METHODS.get(type(command), type(command).__name__)
        fields = [getattr(given, field) for field in given.__struct_fields__]
        made: Outcome = getattr(self.book, name.lower())(*fields)
        return made

    def follow(self, outcome: Outcome) -> None:
        """What a command tells is consistent, and enough to follow the book."""
        assert [e.seq for e in outcome.events] == [*range(outcome.before + 1, outcome.seq + 1)]
        self.depth.apply(outcome)
        json.dumps(plain_changes(outcome))
        places = [(change.side, change.price) for change in outcome.changes]
        assert len(places) == len(set(places))
        for event in outcome.events:
            if event.event == "submit":
                self.submitted[event.order] = event.quantity
                assert event.good_for is None or self.rules.is_timed
            elif event.event != "cancel":
                self.filled[event.order] = self.filled.get(event.order, 0) + event.quantity
                assert self.filled[event.order] <= self.submitted[event.order]
                assert (event.event == "fill") == (event.remaining == 0)
        for event in outcome.events:
            if event.tax is not None and event.fee is not None:
                self.charged += Decimal(event.tax + event.fee) / Decimal(self.tick)
        if outcome.status is not None:
            status, tick = outcome.status, self.tick
            price = None if status.price is None else int(status.price / tick)
            self.statuses.append((status.event, status.reason, price))
        if outcome.order is not None:
            assert (outcome.resting > 0) == (outcome.order in self.book.orders)
        told = [(t.buyer, t.seller, t.price, t.quantity, t.maker_order, t.taker_order)
                for t in outcome.trades]  # fmt: skip
        expected = self.naive.trades[len(self.naive.trades) - len(told) :]
        assert told == [(b, s, p * self.tick, *rest) for b, s, p, *rest in expected]

    @invariant()
    def the_same_orders_stand_in_the_same_order(self) -> None:
        for side in ("buy", "sell"):
            assert [
                (o.number, o.player, o.price, o.remaining) for o in self.book.standing(side)
            ] == [(o.number, o.player, o.price * self.tick, o.left) for o in self.naive.queue(side)]

    @invariant()
    def the_public_book_has_what_is_shown_and_no_more(self) -> None:
        for side in ("buy", "sell"):
            found: dict[Any, list[int]] = {}
            for order in self.naive.queue(side):
                level = found.setdefault(order.price * self.tick, [0, 0])
                level[0] += order.shown if order.peak else order.left
                level[1] += 1
            assert self.depth.levels(side) == [
                (price, *amounts) for price, amounts in found.items()
            ]

    @invariant()
    def orders_leave_and_halts_end_at_their_time(self) -> None:
        ends = {order.number: order.ends for order in self.naive.orders}
        assert {number: order.expires for number, order in self.book.orders.items()} == ends
        times = [end for end in (*ends.values(), self.naive.halt_ends) if end is not None]
        assert self.book.next_time == min(times, default=None)
        assert self.book.halted == self.naive.halted
        assert self.statuses == self.naive.statuses

    @invariant()
    def the_book_is_not_crossed(self) -> None:
        bid, ask = self.book.best_bid, self.book.best_ask
        assert bid is None or ask is None or bid < ask

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        accounts = [self.book.account(player) for player in PLAYERS]
        for account in accounts:
            assert account.cash == self.naive.cash(account.player) * self.tick
            assert account.units == self.naive.units(account.player)
            assert not self.rules.budget or account.free_ticks >= 0
            assert self.rules.short_sales or account.free_units >= 0
        cash, units = zip(*self.naive.endowments.values(), strict=True)
        charged = sum(account.charged for account in accounts)
        assert sum(account.cash for account in accounts) == (sum(cash) - charged) * self.tick
        assert charged == self.charged
        assert sum(account.units for account in accounts) == sum(units)

    @invariant()
    def no_unit_was_traded_at_a_loss(self) -> None:
        if not self.rules.no_loss:
            return
        for side, at, sign in (("buy", 0, 1), ("sell", 1, -1)):
            for player in PLAYERS:
                paid = [t[2] for t in self.naive.trades if t[at] == player for _ in range(t[3])]
                for unit, price in enumerate(paid, 1):
                    value = self.value_in_ticks(player, side, unit)
                    assert value is not None
                    # Of the two fees the lower may have been charged.
                    paid_due = min(self.naive.due(side, price, takes) for takes in (True, False))
                    assert sign * (value - price) >= paid_due

    @invariant()
    def changes_lead_from_one_depth_to_the_next(self) -> None:
        assert self.depth == Depth.of(self.book)

    @invariant()
    def a_snapshot_gives_the_same_book(self) -> None:
        told = json.loads(json.dumps(snapshot(self.book)))
        assert snapshot(restore(told, self.value_of)) == snapshot(self.book)
        assert told == snapshot(self.book)

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        again = Book(self.rules, self.value_of)
        for now, command in self.commands:
            again.now = now
            execute_all(again, [command])
        again.now = self.book.now
        assert snapshot(again) == snapshot(self.book)


def code_of(naively: Any) -> str | None:
    """Return the reason for which the naive market refuses."""
    try:
        naively()
    except Refusal as refusal:
        return str(refusal.args[0])
    return None


TestBookAgainstList = BookAgainstList.TestCase
TestBookAgainstList.settings = examples(150, stateful_step_count=40)


def refused(code: str, command: Any, *arguments: Any, **named: Any) -> str:
    """Return what the participant reads."""
    with pytest.raises(OrderRefused) as refusal:
        command(*arguments, **named)
    assert isinstance(refusal.value, Refused)
    assert refusal.value.code == code
    return str(refusal.value)


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (1.5, "no_price"), (float("nan"), "no_price"), (float("inf"), "no_price"),
        ("3", "no_price"), (True, "no_price"), (None, "no_price"),
        (Decimal("NaN"), "no_price"), (Decimal("sNaN"), "no_price"),
        (Decimal("Infinity"), "no_price"), (0, "not_positive"), (-3, "not_positive"),
        (Decimal("-0.00"), "not_positive"), (Decimal("0.04"), "off_tick"),
        (Decimal("1e-999999"), "off_tick"), (Decimal("1e999999"), "too_high"),
        (10**400, "too_high"), (Decimal("1.050000000000000000000000000000000001"), "off_tick"),
        (101, "too_high"),
    ],
)  # fmt: skip
def test_a_price_that_is_none_is_refused_and_changes_nothing(price: Any, code: str) -> None:
    book = Book(Rules(tick=Decimal("0.05"), max_price=100))
    book.limit("ann", "sell", Decimal("1.05"))
    before = snapshot(book)
    refused(code, book.limit, "bob", "buy", price)
    refused(code, book.replace, "ann", 1, price) if price is not None else None
    assert snapshot(book) == before


@pytest.mark.parametrize("quantity", [0, -1, 1.0, True, "2", None, Decimal(2)])
def test_a_quantity_that_is_none_is_refused(quantity: Any) -> None:
    book = Book()
    refused("no_quantity", book.limit, "ann", "buy", 3, quantity)
    refused("no_quantity", book.market, "ann", "buy", quantity)


def test_too_large_a_quantity_is_refused() -> None:
    book = Book(Rules(max_quantity=5))
    assert "5" in refused("too_many", book.limit, "ann", "buy", 3, 6)
    assert book.limit("ann", "buy", 3, 5).resting == 5


@pytest.mark.parametrize("side", ["bid", None, 1, []])
def test_a_side_that_is_none_is_refused(side: Any) -> None:
    refused("no_side", Book().limit, "ann", side, 3)


def test_somebody_elses_order_is_not_to_be_touched() -> None:
    book = Book()
    book.limit("ann", "buy", 3)
    refused("not_yours", book.cancel, "bob", 1)
    refused("not_yours", book.replace, "bob", 1, 4)
    refused("no_order", book.cancel, "ann", 2)
    refused("no_order", book.cancel, "ann", [1])


def test_a_refused_stranger_does_not_come_into_the_book() -> None:
    book = Book(Rules(budget=True))
    refused("no_cash", book.limit, "ann", "buy", 3)
    assert book.accounts == {}


@pytest.mark.parametrize("produces", [False, True])
def test_cash_that_another_bid_has_reserved_buys_nothing_more(produces: bool) -> None:
    def cost_of(player: str, side: str, unit: int) -> int | None:
        return 5 if produces and side == "sell" else None

    book = Book(Rules(budget=True), cost_of)
    book.endow("ann", 100)
    book.limit("ann", "buy", 60)
    refused("no_cash", book.limit, "ann", "buy", 41)
    book.limit("ann", "buy", 40)


def test_the_older_of_two_orders_at_a_price_is_filled_first_at_its_price() -> None:
    book = Book()
    book.limit("ann", "sell", 12)
    book.limit("bob", "sell", 12)
    book.limit("cem", "sell", 11)
    outcome = book.limit("dot", "buy", 15, 2)
    assert [(trade.seller, trade.price) for trade in outcome.trades] == [("cem", 11), ("ann", 12)]
    assert [(e.event, e.player, e.remaining) for e in outcome.events] == [
        ("submit", "dot", 2), ("fill", "cem", 0), ("partial_fill", "dot", 1),
        ("fill", "ann", 0), ("fill", "dot", 0),
    ]  # fmt: skip
    assert outcome.trades[0].initiator == "buy"


def test_what_a_market_order_does_not_find_is_cancelled() -> None:
    book = Book()
    book.limit("ann", "sell", 12)
    outcome = book.market("bob", "buy", 3)
    last = outcome.events[-1]
    assert (last.event, last.quantity, last.remaining, last.reason) == ("cancel", 2, 0, "unfilled")
    assert refused("nobody", book.market, "bob", "buy") == "Nobody else is selling at the moment."


def test_less_at_the_same_price_keeps_its_place_and_more_loses_it() -> None:
    book = Book()
    book.limit("ann", "buy", 5, 3)
    book.limit("bob", "buy", 5, 3)
    assert book.replace("ann", 1, quantity=2).order == 1
    assert [order.player for order in book.standing("buy")] == ["ann", "bob"]
    assert book.replace("ann", 1, quantity=4).order == 3
    assert [order.player for order in book.standing("buy")] == ["bob", "ann"]


@pytest.mark.parametrize(("side", "sign"), [("buy", 1), ("sell", -1)])
def test_the_best_quote_never_falls_back_under_the_improvement_rule(side: Side, sign: int) -> None:
    book = Book(Rules(improvement=True))
    book.limit("ann", side, 50 + 5 * sign)
    book.limit("bob", side, 50 + 7 * sign)
    for worse in (5, 6):
        assert str(50 + 7 * sign) in refused(
            "no_improvement", book.replace, "bob", 2, 50 + worse * sign
        )
    refused("no_improvement", book.replace, "bob", 2, 50 + 6 * sign, 3)
    refused("no_improvement", book.limit, "ann", side, 50 + 7 * sign)
    refused("no_improvement", book.replace, "ann", 1, 50 + 6 * sign)
    book.replace("bob", 2, None, 3)
    book.replace("bob", 3, 50 + 8 * sign)
    assert (book.best_bid if side == "buy" else book.best_ask) == 50 + 8 * sign
    book.replace("ann", 1, 50 + 9 * sign)
    assert [order.player for order in book.standing(side)] == ["ann", "bob"]


def test_commands_of_a_log_are_executed_as_they_were() -> None:
    """A rule that has become stricter does not stop an older session."""
    book = Book(Rules(improvement=True))
    book.limit("ann", "buy", 7)
    with book.as_recorded():
        book.replace("ann", 1, 6)
    assert book.best_bid == 6
    refused("no_improvement", book.replace, "ann", 2, 5)


def test_the_best_price_is_for_the_next_unit_and_the_second_best_for_the_one_after() -> None:
    """Whichever of a trader's orders came first."""
    for side, sign in (("buy", 1), ("sell", -1)):
        values = {1: 95 * sign + 100, 2: 60 * sign + 100, 3: 55 * sign + 100}
        book = Book(Rules(no_loss=True), lambda player, side, unit, v=values: v.get(unit))
        book.limit("ann", side, 50 * sign + 100)
        book.limit("ann", side, 75 * sign + 100)
        refused("loss", book.limit, "ann", side, 61 * sign + 100)
        book.replace("ann", 2, 95 * sign + 100)
        refused("loss", book.replace, "ann", 1, 61 * sign + 100)
        book.replace("ann", 1, 60 * sign + 100)
        refused("no_unit", book.limit, "ann", side, 10 * sign + 100, 2)
        book.limit("ann", side, 55 * sign + 100)


def test_a_bid_that_trades_at_once_is_for_the_next_unit() -> None:
    book = Book(Rules(no_loss=True), lambda player, side, unit: {1: 95, 2: 60, 3: 55}.get(unit))
    book.limit("ann", "buy", 50)
    Book.limit(book, "cem", "sell", 95)
    assert book.limit("ann", "buy", 95).trades[0].price == 95


def test_money_is_bound_by_standing_bids_and_free_again_afterwards() -> None:
    book = Book(Rules(budget=True, short_sales=False))
    book.endow("ann", cash=Decimal("10.5"))
    book.endow("bob", units=1)
    book.limit("ann", "buy", 6)
    refused("no_cash", book.limit, "ann", "buy", 5)
    book.replace("ann", 1, 10)
    book.limit("bob", "sell", 9)
    refused("no_units", book.limit, "bob", "sell", 9)
    assert (book.account("ann").cash, book.account("ann").units) == (Decimal("0.5"), 1)
    assert (book.account("bob").cash, book.account("bob").units) == (10, 0)


def test_a_book_is_set_up_once_and_sensibly() -> None:
    with pytest.raises(BadMarket, match="values"):
        Book(Rules(no_loss=True))
    for wrong in (
        {"max_price": 10**13},
        {"tick": 0.1},
        {"tick": 0},
        {"self_trade": "allow"},
        {"max_orders": 0},
    ):
        with pytest.raises(BadMarket):
            Rules(**wrong)  # type: ignore[arg-type]
    book = Book()
    book.endow("ann", 10)
    with pytest.raises(BadMarket, match="once"):
        book.endow("ann", 10)
    book = Book(Rules(short_sales=False))
    for cash, units in ((1.5, 0), (1, -1), (1, 1.0), (Decimal("NaN"), 0)):
        with pytest.raises(BadMarket, match="begin"):
            book.endow("bob", cash, units)  # type: ignore[arg-type]


def test_a_gap_in_the_changes_is_noticed() -> None:
    book = Book()
    depth = Depth.of(book)
    book.limit("ann", "buy", 3)
    with pytest.raises(BadMarket, match="at 0"):
        depth.apply(book.limit("ann", "buy", 4))


def test_depth_shows_only_the_best_levels_that_were_asked_for() -> None:
    book = Book(Rules(tick=Decimal("0.5")))
    for price in ("1.0", "2.5", "2.0", "2.5"):
        book.limit("ann", "buy", Decimal(price))
    assert Depth.of(book, 2).plain() == {
        "seq": 4, "bids": [["2.5", 2, 2], ["2.0", 1, 1]], "asks": []
    }  # fmt: skip


def test_who_was_endowed_spends_no_more_than_that_unless_the_rules_give_credit() -> None:
    """Others are not held to a budget that nobody gave them."""
    for budget in (None, True, False):
        book = Book(Rules(budget=budget))
        book.endow("ann", cash=100, units=1)
        if budget is not False:
            with pytest.raises(OrderRefused, match="money") as refusal:
                book.limit("ann", "buy", 60, 2)
            assert refusal.value.code == "no_cash"
        else:
            book.limit("ann", "buy", 60, 2)
    book = Book(Rules())
    book.limit("bob", "buy", 500)
    book.endow("cleo", 100, credit=True)
    assert book.limit("cleo", "buy", 500).resting == 1


@pytest.mark.parametrize(
    ("trade_price", "k", "price"),
    [("maker", None, 10), ("taker", None, 15), ("middle", None, 12), ("k", Decimal("0.9"), 14)],
)
def test_the_rules_say_whose_price_a_trade_takes(trade_price: Any, k: Any, price: int) -> None:
    for maker, taker in (("sell", "buy"), ("buy", "sell")):
        ask, bid = ("ann", "bob") if maker == "sell" else ("bob", "ann")
        limits = {ask: 10, bid: 15}
        book = Book(Rules(trade_price=trade_price, **({} if k is None else {"k": k})))
        book.limit("ann", maker, limits["ann"])  # type: ignore[arg-type]
        (trade,) = book.limit("bob", taker, limits["bob"]).trades  # type: ignore[arg-type]
        between = {"maker": limits["ann"], "taker": limits["bob"]}.get(trade_price, price)
        assert trade.price == between
        assert (book.account(ask).cash, book.account(bid).cash) == (between, -between)
    book.limit("ann", "sell", 8)
    assert book.market("bob", "buy").trades[0].price == 8


def test_all_quotes_lapse_after_a_trade() -> None:
    book = Book(Rules(lapse="trade"))
    for player, price in (("ann", 20), ("bob", 21), ("cem", 21)):
        book.limit(player, "sell", price)
    book.limit("dot", "buy", 10)
    outcome = book.limit("eve", "buy", 20, 3)
    assert (len(outcome.trades), outcome.resting, book.orders) == (1, 0, {})
    assert [(e.event, e.player, e.reason) for e in outcome.events[3:]] == [
        ("cancel", "bob", "lapsed"), ("cancel", "cem", "lapsed"), ("cancel", "dot", "lapsed"),
        ("cancel", "eve", "lapsed"),
    ]  # fmt: skip
    assert {(c.side, c.price, c.quantity) for c in outcome.changes} == {
        ("sell", 20, 0), ("sell", 21, 0), ("buy", 10, 0), ("buy", 20, 0)
    }  # fmt: skip


def test_a_quote_stands_until_the_next_shout_whoever_sends_it() -> None:
    book = Book(Rules(lapse="shout", max_orders=1))
    book.endow("ann", 10)
    book.limit("ann", "buy", 10)
    book.limit("ann", "buy", 9)
    assert [order.price for order in book.standing("buy")] == [9]
    book.limit("bob", "sell", 12)
    assert (book.best_bid, book.best_ask) == (None, 12)
    book.limit("cem", "buy", 12, 2)
    assert [(order.player, order.remaining) for order in book.standing("buy")] == [("cem", 1)]


def test_at_least_a_twentieth_of_an_order_is_shown() -> None:
    book = Book(Rules(terms=("iceberg",)))
    assert "at least 2" in refused("too_few_shown", book.limit, "ann", "sell", 10, 21, shown=1)
    assert "at least 500" in refused(
        "too_few_shown", book.limit, "ann", "sell", 10, 10_000, shown=499
    )
    order = book.limit("ann", "sell", 10, 20, shown=1).order
    refused("too_few_shown", book.replace, "ann", order, 11, 21)
    assert book.replace("ann", order, 11, 20).resting == 20
    with book.as_recorded():  # older logs have such orders
        assert book.limit("ann", "sell", 12, 21, shown=1).resting == 21


def test_ones_own_hidden_orders_are_met_once_each() -> None:
    book = Book(Rules(terms=("iceberg",), self_trade="cancel_oldest"))
    orders = [book.limit("ann", "sell", 10, 20, shown=1).order for _ in range(3)]
    book.limit("bob", "sell", 10, 20, shown=1)
    own = book.ladders["sell"].best
    assert own is not None
    assert [one.number for one, _ in own.parts("ann")][:3] == orders
    assert len(list(own.parts("ann"))) == 3 + 20
    outcome = book.limit("ann", "buy", 10, 30)
    cancelled = [e.order for e in outcome.events if e.reason == "self_trade"]
    assert (cancelled, len(outcome.trades), outcome.resting) == (orders, 20, 10)
    refusing = Book(Rules(terms=("iceberg",)))
    for _ in range(3):
        refusing.limit("ann", "sell", 10, 20, shown=1)
    assert len(match(refusing.ladders["sell"], "ann", -10, 5, None, True).own) == 1
    refused("self_trade", refusing.limit, "ann", "buy", 10)


def test_what_is_not_filled_at_once_is_cancelled_or_nothing_is_filled() -> None:
    book = Book(Rules(terms=("ioc", "fok"), budget=True))
    for player in ("ann", "bob"):
        book.endow(player, cash=30, units=5)
    book.limit("ann", "sell", 10, 3)
    before = snapshot(book)
    assert "available" in refused("gone", book.limit, "bob", "buy", 9, 1, "ioc")
    assert "not enough units" in refused("not_all", book.limit, "bob", "buy", 10, 4, "fok")
    assert snapshot(book) == before
    outcome = book.limit("bob", "buy", 10, 1, "fok")
    assert (outcome.resting, len(outcome.trades), outcome.events[0].kind) == (0, 1, "fok")
    # The money is needed for what is traded only.
    outcome = book.limit("bob", "buy", 10, 400, "ioc")
    assert [(e.event, e.quantity, e.reason) for e in outcome.events if e.player == "bob"] == [
        ("submit", 400, None), ("partial_fill", 2, None), ("cancel", 398, "unfilled")
    ]  # fmt: skip
    assert (book.account("bob").cash, book.orders) == (0, {})
    refused("no_terms", Book().limit, "ann", "buy", 9, 1, "ioc")
    refused("no_terms", book.limit, "ann", "buy", 9, 1, ["ioc"])
    for wrong in (None, 5, [["ioc"]]):
        with pytest.raises(BadMarket, match="are no terms"):
            Rules(terms=wrong)  # type: ignore[arg-type]
    for wrong in ({"terms": ("gtc",)}, {"terms": "ioc"}, {"terms": ("ioc",), "call": True}):
        with pytest.raises(BadMarket):
            Rules(**wrong)  # type: ignore[arg-type]


def test_prices_stay_between_floor_and_ceiling() -> None:
    book = Book(Rules(floor=4, ceiling=9, max_price=200))
    assert "4" in refused("too_low", book.limit, "ann", "buy", 3)
    assert "9" in refused("too_high", book.limit, "ann", "sell", 10)
    assert book.limit("ann", "buy", 4).resting == 1
    assert book.limit("ann", "sell", 9).resting == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"lapse": "never"}, {"trade_price": "best"}, {"timing": "soon"}, {"floor": 0},
        {"ceiling": Decimal("0.5")}, {"floor": 9, "ceiling": 8}, {"floor": 9, "max_price": 8},
        {"timing": "answers"}, {"timing": "steps", "lapse": "trade"},
        {"improvement": True, "lapse": "shout"}, {"call": True, "lapse": "trade"},
        {"call": True, "trade_price": "taker"}, {"call": True, "timing": "turns"},
        {"k": Decimal("0.3")}, {"k": 0, "trade_price": "middle"},
    ],
)  # fmt: skip
def test_rules_that_contradict_each_other_are_refused(wrong: Any) -> None:
    with pytest.raises(BadMarket):
        Rules(**wrong)


def test_the_rules_come_back_from_their_plain_data() -> None:
    rules = Rules(
        tick=Decimal("0.5"), floor=Decimal("1.5"), ceiling=3, lapse="shout", timing="answers",
        trade_price="k", k=Decimal("0.25"),
    )  # fmt: skip
    assert Rules.from_plain(json.loads(json.dumps(rules.plain()))) == rules
    assert Rules.recorded(rules.plain()) == rules
    assert Rules.recorded(Rules().plain() | {"k": "0.3"}) == Rules()  # it was allowed once
    assert Rules.recorded(Rules(budget=False).plain() | {"margin": 5}) == Rules(budget=False)
    old = {"tick": 1, "max_price": 100, "improvement": True}
    assert Rules.from_plain(old) == Rules(max_price=100, improvement=True)


def test_rules_of_older_logs_give_credit_as_they_did() -> None:
    told = Rules().plain()
    assert told["budget"] is None
    assert Rules.from_plain(told) == Rules()
    old = Book(Rules.from_plain({**told, "budget": False}))
    old.endow("ann", 10)
    assert old.limit("ann", "buy", 500).resting == 1


def test_orders_that_are_gone_are_forgotten_though_an_older_one_stands() -> None:
    book = Book(Rules(terms=("gft",)))
    book.limit("ann", "buy", 9, good_for=1)
    for _ in range(100):
        order = book.limit("bob", "buy", 8, good_for=50).order
        assert order is not None
        book.cancel("bob", order)
    assert len(book.expiries._ends) < 20
    assert book.next_time == 1


@pytest.mark.parametrize("name", ["improvement", "no_loss", "short_sales", "call", "budget"])
def test_a_rule_that_holds_or_not_is_no_word(name: str) -> None:
    """Python takes "no" for true."""
    with pytest.raises(BadMarket, match=rf"{name}='no' is not a rule.\nWrite True or False"):
        Rules(**{name: "no"})  # type: ignore[arg-type]


def test_a_price_with_an_exponent_is_written_with_its_digits() -> None:
    assert plain(Decimal("1E+2")) == "100"
    assert plain(Decimal("1E-7")) == "0.0000001"
    assert plain(Decimal("0.50")) == "0.50"
