"""Short sales: what is held back, what margin is asked for, and how the bankrupt cover."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import InducedValues, Rules
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Side


def refused(code: str, act: Any, *arguments: Any) -> None:
    with pytest.raises(OrderRefused) as refusal:
        act(*arguments)
    assert refusal.value.code == code


def book_of(cash: int, units: int = 0, **rules: Any) -> Book:
    """Return a book in which ann has that, and house everything."""
    book = Book(Rules(**rules))
    book.endow("ann", cash, units)
    book.endow("house", 10_000, 1_000)
    return book


def sell_to_house(book: Book, price: int, quantity: int = 1) -> None:
    book.limit("house", "buy", price, quantity)
    book.limit("ann", "sell", price, quantity)


def test_what_a_short_sale_brings_cannot_be_spent_before_it_is_covered() -> None:
    book = book_of(100)
    sell_to_house(book, 80, 2)
    assert book.account("ann").cash == 260
    assert book.held_back("ann") == 160
    refused("no_cash", book.limit, "ann", "buy", 87, 3)  # two of them cover: 261
    book.limit("ann", "buy", 86, 3)
    book.cancel_all()
    book.limit("house", "sell", 90, 1)
    book.limit("ann", "buy", 90)
    assert book.held_back("ann") == 80
    assert book.account("ann").cash == 170


def test_a_seller_with_units_owes_nothing() -> None:
    book = book_of(10, 2)
    sell_to_house(book, 80, 2)
    assert book.held_back("ann") == 0
    book.limit("ann", "buy", 170)


def test_units_with_a_cost_are_made_and_not_owed() -> None:
    values = InducedValues({"ann": [90]}, {"ann": [20, 30]})
    book = Book(Rules(budget=True, margin=500), values.value_of)
    book.endow("house", 100, 2)
    book.limit("house", "sell", 80)
    refused("no_cash", book.limit, "ann", "buy", 80)
    book = Book(Rules(margin=500), values.value_of)
    book.endow("ann", 5)
    book.endow("house", 100, 2)
    book.limit("house", "buy", 40)
    book.limit("ann", "sell", 40)
    book.limit("ann", "buy", 45)
    assert book.held_back("ann") == 0


def test_producers_sell_what_they_make_where_short_sales_are_limited() -> None:
    values = InducedValues({"house": [90] * 5}, {"ann": [20, 30]})
    for rules in (Rules(short_sales=False), Rules(max_short=1)):
        book = Book(rules, values.value_of)
        more = rules.max_short or 0
        refused("no_units", book.limit, "ann", "sell", 50, 3 + more)
        book.limit("ann", "sell", 50, 2 + more)
        book.limit("house", "buy", 50, 2 + more)
        refused("no_units", book.limit, "ann", "sell", 50)
        refused("no_units", book.limit, "bob", "sell", 50, 1 + more)
        assert book.account("ann").settled_units == -more


def test_a_producer_owes_what_is_sold_beyond_the_units_that_have_a_cost() -> None:
    values = InducedValues({"house": [90] * 5}, {"ann": [20]})
    book = Book(Rules(margin=50), values.value_of)
    book.endow("ann", 90)
    sell_to_house_of(book, 30)
    assert book.held_back("ann") == 0
    sell_to_house_of(book, 40)  # with a margin of 50, of the 120 that she has
    assert book.held_back("ann") == 40 + 50
    assert book.account("ann").owed == 1
    refused("no_cash", book.limit, "ann", "sell", 60, 2)
    refused("no_cash", book.limit, "ann", "buy", 81, 2)
    book.limit("ann", "buy", 170)  # to cover, on credit if need be
    book.limit("house", "sell", 10)
    assert book.held_back("ann") == 0


def test_a_function_of_costs_without_end_makes_any_number_of_units() -> None:
    book = Book(Rules(short_sales=False), lambda player, side, unit: 5 if player == "ann" else None)
    book.limit("ann", "sell", 50, 10_000)
    refused("no_units", book.limit, "bob", "sell", 50)


def sell_to_house_of(book: Book, price: int) -> None:
    book.limit("house", "buy", price)
    book.limit("ann", "sell", price)


@examples(200)
@given(st.integers(0, 10**9), st.integers(0, 3), st.integers(0, 60))
def test_random_producers_owe_what_they_do_not_make(seed: int, made: int, margin: int) -> None:
    """Who makes units is as one who has so many more of them; only those are not counted."""
    chance = random.Random(seed)
    cash, units = chance.randint(0, 300), chance.randint(0, 2)
    costs = {"ann": [chance.randint(1, 99) for _ in range(made)]} if made else {}
    producer = Book(Rules(margin=margin), InducedValues({}, costs).value_of)
    holder = Book(Rules(margin=margin))
    for book, more in ((producer, 0), (holder, made)):
        book.endow("ann", cash, units + more)
        book.endow("house", 10_000, 1_000)
    for _ in range(40):
        side: Side = chance.choice(["buy", "sell"])
        price = chance.randint(1, 120)
        for book in (producer, holder):
            book.limit("house", "sell" if side == "buy" else "buy", price)
        assert taken(producer, side, price) == taken(holder, side, price)
        one, other = producer.account("ann"), holder.account("ann")
        assert (one.cash, one.owed, one.free_units) == (other.cash, other.owed, other.free_units)
        assert one.units == other.units - made
        assert producer.held_back("ann") == holder.held_back("ann")
        assert producer.left_of("ann") == holder.left_of("ann")


def test_margin_is_needed_in_cash_for_each_unit_owed() -> None:
    book = book_of(100, 1, margin=40)
    book.limit("ann", "sell", 90, 3)  # one of them is hers
    refused("no_cash", book.limit, "ann", "sell", 500)
    refused("no_cash", book.limit, "ann", "buy", 21)
    book.limit("ann", "buy", 20)
    book.cancel("ann", 2)
    book.limit("house", "buy", 90, 3)
    assert book.account("ann").units == -2
    assert book.held_back("ann") == 2 * 90 + 2 * 40
    assert book.account("ann").cash - book.held_back("ann") == 100 + 90 - 80


def test_a_trader_owes_no_more_units_than_the_rules_allow() -> None:
    book = book_of(1_000, 1, max_short=2)
    refused("no_units", book.limit, "ann", "sell", 50, 4)
    book.limit("ann", "sell", 50, 3)
    refused("no_units", book.limit, "ann", "sell", 60)
    book.replace("ann", 1, 55)
    book.endow("bea", 10, -5)  # as a period before may have left it
    refused("no_units", book.limit, "bea", "sell", 50)


def test_who_is_bankrupt_can_cover_and_do_nothing_else() -> None:
    book = book_of(1_000)
    book.endow("bea", -200, -2, held=60)
    refused("no_cash", book.limit, "bea", "sell", 50)
    refused("no_cash", book.limit, "bea", "buy", 50, 3)
    book.limit("bea", "buy", 50, 2)
    refused("no_cash", book.limit, "bea", "buy", 1)
    book.limit("house", "sell", 50, 2)
    assert (book.account("bea").units, book.account("bea").cash) == (0, -300)
    assert book.held_back("bea") == 0
    refused("no_cash", book.limit, "bea", "buy", 1)


def test_credit_and_rules_without_short_sales_stay_as_they_were() -> None:
    book = Book(Rules(budget=False))
    book.endow("ann", 0)
    book.limit("house", "buy", 80)
    book.limit("ann", "sell", 80)
    book.limit("ann", "buy", 500)
    assert book.held_back("ann") == 0
    without = Book(Rules(short_sales=False))
    without.endow("ann", 100)
    refused("no_units", without.limit, "ann", "sell", 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin": -1}, {"margin": 0.5}, {"max_short": 0}, {"max_short": True},
        {"short_sales": False, "margin": 5}, {"short_sales": False, "max_short": 5},
        {"budget": False, "margin": 5},
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused_where_they_are_written(wrong: Any) -> None:
    with pytest.raises(BadMarket):
        Rules(**wrong)


def test_margins_survive_the_log() -> None:
    rules = Rules(tick=Decimal("0.5"), margin=Decimal("12.3"), max_short=4)
    assert Rules.from_plain(rules.plain()) == rules
    assert Book(rules)._margin == 25  # whole ticks, rounded up


def taken(book: Book, side: Side, price: int) -> bool:
    """Let ann trade with the house; return whether the book took her order."""
    try:
        book.limit("ann", side, price)
    except OrderRefused:
        book.cancel_all()
        return False
    return True


class Naive:
    """A trader's position, worked out again from its trades: proceeds at average cost."""

    def __init__(self, cash: int, units: int) -> None:
        self.cash, self.units, self.held = cash, units, Fraction(0)

    def trade(self, side: str, price: int) -> None:
        owed = max(0, -self.units)
        if side == "buy":
            if owed:
                self.held = Fraction(int(self.held * (owed - 1) / owed))
            self.cash, self.units = self.cash - price, self.units + 1
        else:
            self.cash, self.units = self.cash + price, self.units - 1
            if self.units < 0:
                self.held += price


@examples(200)
@given(st.integers(0, 10**9), st.integers(0, 60), st.sampled_from((None, 1, 3)))
def test_random_short_sellers_never_spend_what_is_held_back(
    seed: int, margin: int, most: int | None
) -> None:
    chance = random.Random(seed)
    cash, units = chance.randint(0, 300), chance.randint(0, 2)
    book = book_of(cash, units, margin=margin, max_short=most)
    naive = Naive(cash, units)
    for _ in range(40):
        side: Side = chance.choice(["buy", "sell"])
        price = chance.randint(1, 120)
        owed = max(0, -naive.units)
        free = naive.cash - naive.held - margin * owed
        more = side == "sell" and naive.units <= 0
        allowed = (
            (bool(owed) or price <= free) if side == "buy"
            else not more or (margin <= free and (most is None or owed < most))
        )  # fmt: skip
        book.limit("house", "sell" if side == "buy" else "buy", price)
        took = taken(book, side, price)
        assert took == allowed
        if took:
            naive.trade(side, price)
        account = book.account("ann")
        assert (account.cash, account.units) == (naive.cash, naive.units)
        assert book.held_back("ann") == naive.held + margin * max(0, -naive.units)
    assert most is None or naive.units >= -most


def test_a_quote_that_lapses_by_a_new_order_reserves_nothing_whatever_its_side() -> None:
    book = book_of(60, 0, margin=50, lapse="shout")
    book.limit("ann", "buy", 40)
    book.limit("ann", "sell", 70)  # its margin is there once the bid is gone
    book.limit("ann", "buy", 60)
    assert [order.price for order in book.orders.values()] == [60]
    refused("no_cash", book.limit, "ann", "buy", 61)
