"""Taxes, subsidies and fees: what a unit costs, and who gets what is paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.charges import Fees, Tax, UnitCharges
from uproot_nb.market.orderbook.prices import PriceGrid
from uproot_nb.market.orderbook.rules import Rules

RATES = st.sampled_from([Decimal("-0.3"), 0, Decimal("0.05"), Decimal("0.25"), Decimal("0.9")])
TAXES = st.builds(Tax, st.integers(-5, 5), RATES)
FEES = st.builds(Fees, st.integers(-2, 3), st.integers(-2, 3))


@given(TAXES, TAXES, FEES, st.integers(1, 60))
def test_a_limit_is_the_worst_price_without_a_loss(
    buyer: Tax, seller: Tax, fees: Fees, value: int
) -> None:
    charges = UnitCharges(buyer, seller, fees, PriceGrid(1, 100))
    prices = range(1, 101)
    most = max((price for price in prices if charges.total("buy", price) <= value), default=0)
    assert max(0, min(100, int(charges.limit("buy", value)))) == most
    least = min((price for price in prices if charges.total("sell", price) >= value), default=101)
    assert max(1, int(charges.limit("sell", value))) == least


@given(TAXES, TAXES, FEES)
def test_a_higher_price_costs_a_buyer_no_less_and_brings_a_seller_no_less(
    buyer: Tax, seller: Tax, fees: Fees
) -> None:
    charges = UnitCharges(buyer, seller, fees, PriceGrid(1, 100))
    for side in ("buy", "sell"):
        totals = [charges.total(side, price) for price in range(101)]  # type: ignore[arg-type]
        assert totals == sorted(totals)


def test_a_share_of_the_price_is_rounded_to_the_nearest_tick_halves_up() -> None:
    grid = PriceGrid(Decimal("0.05"), 100)
    charges = UnitCharges(Tax(rate=Decimal("0.1")), Tax(rate=Decimal("-0.1")), Fees(), grid)
    assert [charges.tax("buy", ticks) for ticks in (4, 5, 14, 15, 24)] == [0, 1, 1, 2, 2]
    assert [charges.tax("sell", ticks) for ticks in (4, 5, 6, 15)] == [0, 0, -1, -1]


def test_buyer_seller_maker_and_taker_each_pay_their_own() -> None:
    rules = Rules(
        buyer_tax=Tax(5), seller_tax=Tax(rate=Decimal("0.1")), fees=Fees(maker=-1, taker=2)
    )
    book = Book(rules)
    book.limit("ann", "sell", 40, 3)
    (trade,) = book.limit("bob", "buy", 50, 2).trades
    assert trade.price == 40
    assert (book.account("bob").cash, book.account("bob").charged) == (-2 * (40 + 5 + 2), 2 * 7)
    assert (book.account("ann").cash, book.account("ann").charged) == (2 * (40 - 4 + 1), 2 * 3)
    fills = book.market("cem", "buy").events[1:]
    assert [(fill.player, fill.tax, fill.fee) for fill in fills] == [
        ("ann", 4, -1), ("cem", 5, 2)
    ]  # fmt: skip


def test_a_bid_reserves_what_taxes_and_fees_would_take() -> None:
    book = Book(Rules(budget=True, buyer_tax=Tax(5), fees=Fees(taker=1)))
    book.endow("ann", cash=100)
    book.endow("bob", cash=0)
    with pytest.raises(OrderRefused, match="money"):
        book.limit("ann", "buy", 45, 2)
    book.limit("ann", "buy", 44, 2)
    assert book.spendable("ann") == 0
    book.limit("bob", "sell", 44, 1)
    assert (book.account("ann").cash, book.spendable("ann")) == (51, 1)
    book.cancel_all()
    assert book.spendable("ann") == 51


def test_a_subsidy_pays_when_the_unit_is_traded_and_not_before() -> None:
    book = Book(Rules(budget=True, buyer_tax=Tax(-30)))
    book.endow("ann", cash=10)
    book.endow("bob", cash=0)
    book.limit("ann", "buy", 40)
    book.limit("bob", "sell", 25)
    assert (book.account("ann").cash, book.account("bob").cash) == (0, 40)
    book.limit("ann", "buy", 20)
    assert book.spendable("ann") == 0


def test_no_unit_is_traded_at_a_loss_after_taxes_and_fees() -> None:
    rules = Rules(no_loss=True, buyer_tax=Tax(5), seller_tax=Tax(7), fees=Fees(1, 2))
    book = Book(rules, lambda player, side, unit: 50)
    with pytest.raises(OrderRefused, match="with taxes and fees is above your value of 50"):
        book.limit("ann", "buy", 44)
    assert book.limit("ann", "buy", 43).resting
    with pytest.raises(OrderRefused, match="less taxes and fees is below your cost of 50"):
        book.limit("bob", "sell", 58)
    assert book.limit("bob", "sell", 59).resting


def test_who_would_get_less_than_nothing_cannot_sell() -> None:
    book = Book(Rules(seller_tax=Tax(10)))
    with pytest.raises(OrderRefused, match="more than you receive") as refusal:
        book.limit("ann", "sell", 9)
    assert refusal.value.code == "no_proceeds"
    book.limit("bob", "buy", 9)
    with pytest.raises(OrderRefused, match="more than you receive"):
        book.market("ann", "sell")
    book.limit("bob", "buy", 10)
    assert book.market("ann", "sell").trades[0].price == 10
    assert book.account("ann").cash == 0


def test_the_money_of_units_sold_short_is_held_back_as_it_was_received() -> None:
    book = Book(Rules(budget=True, seller_tax=Tax(10)))
    book.endow("ann", cash=0)
    book.endow("bob", cash=100)
    book.limit("ann", "sell", 30)
    book.limit("bob", "buy", 30)
    assert (book.account("ann").cash, book.held_back("ann")) == (20, 20)


def test_a_call_charges_all_at_its_one_price() -> None:
    book = Book(Rules(call=True, buyer_tax=Tax(rate=Decimal("0.5")), fees=Fees(1, 3)))
    book.limit("ann", "buy", 50)
    book.limit("bob", "sell", 30)
    (trade,) = book.clear().trades
    assert trade.price == 40
    assert (book.account("ann").cash, book.account("bob").cash) == (-(40 + 20 + 1), 40 - 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"buyer_tax": 5}, {"fees": Tax(1)}, {"buyer_tax": Tax(0.5)}, {"fees": Fees(maker=True)},  # type: ignore[arg-type]
        {"seller_tax": Tax(Decimal("0.5"))}, {"seller_tax": Tax(rate=1)},
        {"buyer_tax": Tax(rate=-1)}, {"buyer_tax": Tax(rate=0.1)},  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_charges_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(BadMarket):
        Rules(**wrong)


def test_charges_come_back_from_their_plain_data() -> None:
    rules = Rules(
        tick=Decimal("0.5"), buyer_tax=Tax(Decimal("1.5"), Decimal("0.07")),
        fees=Fees(maker=Decimal("-0.5"), taker=1),
    )  # fmt: skip
    assert Rules.from_plain(rules.plain()) == rules
