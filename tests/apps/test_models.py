"""The models app: an order book and a ledger of trades, kept as typed entries."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, walking
from uproot_nb.session.model_functions import (
    filter_entries,
    get_entries,
    get_field,
    get_latest_entry,
)

pytestmark = pytest.mark.slow

PLAYERS = 3
ASKED = [("sell", Decimal("4.50")), ("sell", Decimal("4.00")), ("buy", Decimal("3.00"))]


@pytest.fixture(scope="module")
def walked(browser: Browser) -> Iterator[Walk]:
    """The app, walked to its end by two who trade and one who looks on."""
    with walking(browser, "models", players=PLAYERS) as walk:
        walk.until_all_ended()
        yield walk


def test_the_book_keeps_every_order_with_who_made_it(walked: Walk) -> None:
    maker, taker, _ = walked.run.players
    orders = [entry for _, _, entry in get_entries(walked.run.session.book)]
    assert [(order.side, order.price) for order in orders[:3]] == ASKED
    assert [order.pid for order in orders[:3]] == [~maker, ~maker, ~taker]
    assert len(filter_entries(walked.run.session.book, type(orders[0]), side="sell")) == 2


def test_a_raw_entry_is_kept_beside_the_others(walked: Walk) -> None:
    _, _, last = get_latest_entry(walked.run.session.book)
    assert (last["side"], last["price"]) == ("none", 0)


def test_the_ledger_knows_both_sides_of_each_trade(walked: Walk) -> None:
    maker, taker, _ = walked.run.players
    session = walked.run.session
    trades = [entry for _, _, entry in get_entries(session.trades)]
    assert [(trade.buyer, trade.seller, trade.price) for trade in trades] == [
        (~taker, ~maker, Decimal("4.00")),
        (~taker, ~maker, Decimal("3.00")),
    ]
    assert {trade.book for trade in trades} == {~session.book}
    assert {trade.order for trade in trades} < {str(row.id) for row in get_entries(session.book)}


def test_accounts_add_up(walked: Walk) -> None:
    assert list(walked.run.players.each("cash")) == [Decimal(17), Decimal(3), Decimal(10)]
    assert list(walked.run.players.each("goods")) == [0, 4, 2]
    assert walked.run.session.last_price == Decimal("3.00")
    assert get_field(walked.run.session.book, "is_open") is False


def test_everybody_sees_the_book_change_at_once(walked: Walk) -> None:
    events = walked.run.events
    books = [p for p in events[events["kind"] == "notify"]["value"] if p["event"] == "Book"]
    assert len(books) == 5  # three orders and two trades
    assert {name for push in books for name in push["recipients"]} == {
        player.name for player in walked.run.players
    }
    assert [len(push["data"]["sell"]) for push in books] == [1, 2, 2, 1, 1]


def test_everything_was_looked_at_and_nothing_was_wrong(walked: Walk) -> None:
    assert (walked.complaints, list(walked.run.errors["value"])) == ([], [])
    assert walked.unseen == set()
