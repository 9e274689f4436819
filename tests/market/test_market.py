"""Markets in a session: every command is in the log, and the log alone gives the book again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.market.book_snapshots import snapshot
from tests.worlds_at_rest import Worlds, events_of
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import InducedValues, Market, Rules
from uproot_nb.market.analysis.records import rows_in
from uproot_nb.market.orderbook.commands import LimitOrder
from uproot_nb.session.world import World


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    made = Worlds()
    yield made
    made.close()


def rows_of(market: Market) -> list[dict[str, object]]:
    """Return the rows of `order_events` that the log has."""
    return [
        row
        for _, time, entry in market.model.entries
        for row in rows_in(entry, time, market.period)
    ]


def opened(worlds: Worlds, **options: object) -> tuple[World, Market]:
    world = worlds.open()
    return world, Market.in_session(world.session, **options)  # type: ignore[arg-type]


def test_a_market_is_found_again_and_each_period_has_its_own(worlds: Worlds) -> None:
    world, market = opened(worlds, period=1, rules=Rules(improvement=True))
    assert Market.in_session(world.session, period=1) is market
    assert Market.in_session(world.session, period=1, rules=Rules(improvement=True)) is market
    assert Market.in_session(world.session, period=2) is not market
    with pytest.raises(BadMarket, match="other rules"):
        Market.in_session(world.session, period=1, rules=Rules())
    with pytest.raises(BadMarket, match="whole number"):
        Market.in_session(world.session, period="first")  # type: ignore[arg-type]


@pytest.mark.long
def test_a_restart_gives_the_same_book(worlds: Worlds) -> None:
    world, market = opened(worlds, rules=Rules(tick=Decimal("0.5"), budget=True))
    market.endow("ann", cash=100)
    market.limit("bob", "sell", Decimal("12.5"), 3)
    market.limit("ann", "buy", Decimal("12.5"), 2, client_time=1.5)
    market.cancel("bob", 1)
    market.limit("bob", "sell", 20)
    before, trades = snapshot(market.book), market.trades
    world.journal.commit()
    _, again = opened(worlds)
    assert again is not market
    assert snapshot(again.book) == before
    assert again.trades == trades
    assert again.rules == market.rules
    assert rows_of(again) == rows_of(market)
    assert [row["client_time"] for row in rows_of(again)][1:3] == [1.5, 1.5]


def test_a_command_and_its_consequences_are_one_event(worlds: Worlds) -> None:
    world, market = opened(worlds)
    market.limit("bob", "sell", 12)
    before = len(events_of(world))
    market.limit("ann", "buy", 12)
    new = events_of(world)[before:]
    assert [event.kind for event in new] == ["append"]
    assert '"fill"' in new[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (-1, "not_positive"),
        (0, "not_positive"),
        (10**400, "too_high"),
        (Decimal("1.5"), "off_tick"),
        (Decimal("NaN"), "no_price"),
        (Decimal("Infinity"), "no_price"),
        (1.5, "no_price"),
        ("a lot", "no_price"),
        (True, "no_price"),
    ],
)
def test_a_refused_order_is_logged_and_leaves_the_book(
    worlds: Worlds, price: object, code: str
) -> None:
    world, market = opened(worlds)
    market.limit("bob", "sell", 12)
    before = snapshot(market.book)
    with pytest.raises(OrderRefused) as refusal:
        market.limit("ann", "buy", price)  # type: ignore[arg-type]
    assert refusal.value.code == code
    assert snapshot(market.book) == before
    told = rows_of(market)[-1]
    assert (told["event"], told["reason"], told["player"]) == ("reject", code, "ann")
    world.journal.commit()
    assert snapshot(opened(worlds)[1].book) == before


def test_strange_quantities_and_orders_are_refused(worlds: Worlds) -> None:
    _, market = opened(worlds)
    for quantity in (0, -1, 10**9, 1.5, "many", None, True):
        with pytest.raises(OrderRefused):
            market.limit("ann", "buy", 5, quantity)  # type: ignore[arg-type]
    for order in (99, "1", None, 10**400):
        with pytest.raises(OrderRefused):
            market.cancel("ann", order)  # type: ignore[arg-type]
    assert {row["event"] for row in rows_of(market)} == {"reject"}
    assert market.book.seq == 0


def test_a_closed_market_takes_nothing(worlds: Worlds) -> None:
    _, market = opened(worlds)
    market.limit("ann", "buy", 5)
    market.close()
    market.close()
    for act in (lambda: market.limit("ann", "buy", 6), lambda: market.cancel("ann", 1)):
        with pytest.raises(OrderRefused, match="closed") as refusal:
            act()
        assert refusal.value.code == "closed"
    assert len(market.orders_of("ann")) == 1


def test_the_close_is_logged_once_and_outlives_the_kernel(worlds: Worlds) -> None:
    first, market = opened(worlds)
    market.limit("ann", "buy", 5)
    market.close()
    market.close()
    with pytest.raises(OrderRefused):
        market.limit("ann", "buy", 6)
    assert [row["event"] for row in rows_of(market)] == ["submit", "close", "reject"]
    first.journal.commit()
    world, again = opened(worlds)
    again.close()
    assert not again.is_open
    assert [row["event"] for row in rows_of(again)] == ["submit", "close", "reject"]
    assert [order.price for order in again.orders_of("ann")] == [5]
    fresh = Market.in_session(world.session, period=2)
    fresh.settle()
    assert [row["event"] for row in rows_of(fresh)] == ["close"]


def test_ones_own_rule_refuses_and_is_logged(worlds: Worlds) -> None:
    _, market = opened(worlds)
    refusal = market.refuse(LimitOrder("ann", "buy", 5), "too_soon", "Please wait.")
    assert str(refusal) == "Please wait."
    assert rows_of(market)[-1]["reason"] == "too_soon"


def test_values_are_kept_and_counted(worlds: Worlds) -> None:
    values = InducedValues({"ann": [90, 70]}, {"bob": [20, 40]})
    world, market = opened(worlds, rules=Rules(no_loss=True), values=values)
    assert market.values == values
    market.limit("bob", "sell", 50)
    market.limit("ann", "buy", 60)
    ann, bob = market.holdings("ann"), market.holdings("bob")
    assert (ann["profit"], ann["value"], ann["cost"]) == (40, 70, None)
    assert (bob["profit"], bob["cost"], bob["value"]) == (30, 40, None)
    with pytest.raises(BadMarket, match="already"):
        market.induce(values)
    with pytest.raises(OrderRefused):
        market.limit("ann", "buy", 71)
    world.journal.commit()
    again = opened(worlds)[1]
    assert again.holdings("ann") == ann
    with pytest.raises(OrderRefused):
        again.limit("ann", "buy", 71)


def test_what_a_failed_hook_did_is_not_in_the_book(worlds: Worlds) -> None:
    """Undoing gives the model another list of entries; the book follows it."""
    world, market = opened(worlds)
    market.limit("ann", "buy", 5)
    kept = list(market.model._records())
    market.limit("bob", "buy", 6)
    assert market.book.best_bid == 6
    world.state.fields[market.model.subject]["entries"] = kept
    assert market.book.best_bid == 5
    market.limit("cleo", "buy", 7)
    assert [order.player for order in market.book.standing("buy")] == ["cleo", "ann"]


prices = st.integers(-2, 12) | st.sampled_from([Decimal("2.5"), 10**20, "x"])
moves = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["buy", "sell"]), prices, st.integers(0, 3),
    st.sampled_from(["limit", "market", "cancel", "replace", "restart"]),
)  # fmt: skip


@examples(60)
@given(st.lists(moves, max_size=25))
def test_whatever_happens_the_log_gives_the_book(
    given: list[tuple[str, str, object, int, str]],
) -> None:
    worlds = Worlds()
    world, market = opened(worlds)
    for who, side, price, number, what in given:
        try:
            if what == "limit":
                market.limit(who, side, price, number)  # type: ignore[arg-type]
            elif what == "market":
                market.market(who, side, number)  # type: ignore[arg-type]
            elif what == "cancel":
                market.cancel(who, number)
            elif what == "replace":
                market.replace(who, number, price)  # type: ignore[arg-type]
            else:
                expected = snapshot(market.book)
                world.journal.commit()
                world, market = opened(worlds)
                assert snapshot(market.book) == expected
        except OrderRefused:
            assert rows_of(market)[-1]["event"] == "reject"
    assert snapshot(market.again().book) == snapshot(market.book)
    worlds.close()
