"""A side of the book is the same however many of its levels are sorted."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.market.orderbook import levels
from uproot_nb.market.orderbook.accounts import Account
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.levels import Ladder
from uproot_nb.market.orderbook.orders import Order, Side

chances = st.integers(0, 2**32).map(Random)


def keys_of(ladder: Ladder) -> list[int]:
    return [level.key for level in ladder]


def facts_of(book: Book) -> dict[str, list[Any]]:
    """Return all that the accounts say."""
    slots = [slot for slot in Account.__slots__ if slot != "_grid"]
    return {name: [getattr(its, slot) for slot in slots] for name, its in book.accounts.items()}


@examples(200)
@given(chances, st.integers(1, 4), st.integers(1, 4))
def test_levels_far_away_are_found_when_they_are_the_best(
    chance: Random, near: int, share: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "_NEAR", near)
        patch.setattr(levels, "_SHARE", share)
        ladder, standing = Ladder(), dict[int, Order]()
        for number in range(80):
            if standing and chance.random() < (0.3 if number < 50 else 0.7):
                best = min(standing.values(), key=lambda order: (order.key, order.number))
                gone = best if chance.random() < 0.6 else chance.choice(list(standing.values()))
                assert gone.number in ladder.take(gone, 1).orders or not gone.remaining
                if not gone.remaining:
                    del standing[gone.number]
            else:
                order = Order(number, "ann", "sell", chance.randint(1, 30), 0, 2, 2)
                standing[number] = order
                ladder.add(order)
            keys = sorted({order.key for order in standing.values()})
            assert keys_of(ladder) == keys
            assert len(ladder) == len(keys)
            assert (None if ladder.best is None else ladder.best.key) == (keys or [None])[0]
            for level in ladder:
                mine = {n: order for n, order in standing.items() if order.key == level.key}
                assert dict(level.orders) == mine
                assert level.quantity == sum(order.remaining for order in mine.values())


@examples(100)
@given(chances)
def test_an_order_moves_as_if_it_were_cancelled_and_another_one_came(chance: Random) -> None:
    books = moving, plain = Book(), Book()
    plain._moves = False
    for _ in range(40):
        player, price, quantity = chance.choice("abc"), chance.randint(1, 12), chance.randint(1, 3)
        old = chance.choice([None, *moving.account(player).orders.values()])
        if old is None:
            side: Side = "buy" if player == "a" else "sell"
            outcomes = [book.limit(player, side, price, quantity) for book in books]
        elif (abs(old.key), old.remaining) != (price, quantity):
            number = old.number
            outcomes = [book.replace(player, number, price, quantity) for book in books]
        assert outcomes[0] == outcomes[1]
        assert list(moving.orders.items()) == list(plain.orders.items())
        assert facts_of(moving) == facts_of(plain)
