"""People trade in the double auction that is written by hand, in real browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant
from tests.driving.robots import Robots

Person = Callable[[str], Participant]


@pytest.fixture
def people(auction: OpenNotebook, person: Person) -> list[Participant]:
    """A buyer, a seller, and a second buyer, all on the page."""
    return [person(link).arrive() for link in auction.links[:3]]


@pytest.mark.slow
def test_a_reply_reaches_the_caller_alone(people: list[Participant]) -> None:
    buyer, seller, other = people
    reply = buyer.call("post_offer", 40)
    assert reply == {"units": [95, 80, 65], "profit": 0, "offer": 1}
    seller.sees("#bids", "40")
    other.sees("#bids", "40")
    assert buyer.results() == [reply]
    assert seller.results() == other.results() == []


@pytest.mark.slow
def test_a_push_to_all_reaches_the_sender_too(people: list[Participant]) -> None:
    buyer, seller, other = people
    buyer.type("#price", "40")
    buyer.reads("#bids li", "40 (yours)")
    seller.reads("#bids li", "40Sell")
    other.reads("#bids li", "40")
    assert [len(one.pushes("Book")) for one in people] == [1, 1, 1]


@pytest.mark.slow
def test_a_push_to_all_but_the_sender_goes_to_the_default_handler(
    people: list[Participant],
) -> None:
    buyer, seller, other = people
    buyer.type("#price", "40")
    seller.reads("#news", "Trader 1 bids 40.")
    other.reads("#news", "Trader 1 bids 40.")
    buyer.sees("#bids", "40")
    assert buyer.pushes(None) == []
    buyer.reads("#news", "")


@pytest.mark.slow
def test_a_push_to_one_reaches_nobody_else(people: list[Participant]) -> None:
    buyer, seller, other = people
    buyer.type("#price", "40")
    seller.find("role=button[name='Sell at 40']").click()
    buyer.reads("#profit", "55")
    seller.reads("#profit", "25")
    other.sees("#trades", "at 40")
    assert buyer.pushes("Filled") == [{"units": [80, 65], "profit": 55}]
    assert seller.pushes("Filled") == other.pushes("Filled") == []


@pytest.mark.slow
def test_a_trade_is_shown_to_everybody_and_becomes_a_row(
    auction: OpenNotebook, people: list[Participant]
) -> None:
    _, seller, other = people
    seller.type("#price", "50")
    other.find("role=button[name='Buy at 50']").click()
    for one in people:
        one.reads("#trades", "1. Trader 3 bought from trader 2 at 50")
        expect(one.find("#asks li")).to_have_count(0)
    auction.kernel.run(auction.cells["trades"])
    assert auction.kernel.value("trades.to_dict('records')") == [
        {"number": 1, "price": 50, "buyer": 2, "seller": 1, "maker": 1, "value": 91, "cost": 15}
    ]


@pytest.mark.slow
def test_an_offer_that_crosses_the_book_trades_at_the_standing_price(
    people: list[Participant],
) -> None:
    buyer, seller, _ = people
    seller.type("#price", "50")
    buyer.sees("#asks", "50")
    assert buyer.call("post_offer", 70)["profit"] == 45


@pytest.mark.slow
def test_a_window_that_opens_late_shows_the_market_as_it_is(
    auction: OpenNotebook, person: Person, people: list[Participant]
) -> None:
    buyer, seller, _ = people
    buyer.call("post_offer", 40)
    seller.call("accept_offer", 1)
    buyer.call("post_offer", 30)
    late = person(auction.links[3]).arrive()
    late.sees("#bids", "30")
    late.sees("#trades", "at 40")
    buyer.page.reload()
    buyer.is_connected().reads("#bids li", "30 (yours)")
    buyer.reads("#profit", "55")


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("0", "Enter a price between 1 and 200."),
        ("96", "Your next unit is worth only 95 to you."),
        pytest.param("201", "Enter a price between 1 and 200.", marks=pytest.mark.slow),
        *(
            pytest.param(price, "price", marks=pytest.mark.slow)
            for price in ("12.5", "", "NaN", "many")
        ),
    ],
)
@pytest.mark.slow
def test_a_bad_price_is_refused_and_changes_nothing(
    auction: OpenNotebook, person: Person, price: str, reason: str
) -> None:
    buyer, watcher = (person(link).arrive() for link in auction.links[:2])
    buyer.type("#price", price)
    buyer.sees("#refusal", reason)
    assert auction.kernel.value("(list(run.session.book), run.session.offers_made)") == [[], 0]
    assert watcher.pushes("Book") == []


def test_two_acceptances_of_one_offer_at_once_make_one_trade(auction: OpenNotebook) -> None:
    with Robots(auction.links[:7]) as robots:
        robots.do(robots[1].invoke("post_offer", 50))
        buyers = [robots[number] for number in (0, 2, 4, 6)]

        async def all_accept() -> list[Any]:
            calls = (buyer.invoke("accept_offer", 1) for buyer in buyers)
            return await asyncio.gather(*calls, return_exceptions=True)

        outcomes = robots.do(all_accept())
    refusals = [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert refusals == ["Refused: That offer is no longer available."] * 3
    assert auction.kernel.value("len(run.session.trades)") == 1


@pytest.mark.slow
def test_the_book_moves_without_taking_the_keyboard_away(people: list[Participant]) -> None:
    buyer, seller, other = people
    buyer.call("post_offer", 40)
    seller.find("role=button[name='Sell at 40']").focus()
    other.call("post_offer", 45)
    seller.sees("#bids", "45")
    expect(seller.find("role=button[name='Sell at 40']")).to_be_focused()
    seller.page.keyboard.press("Enter")
    other.reads("#trades", "1. Trader 1 bought from trader 2 at 40")


@pytest.mark.slow
def test_the_page_fits_a_phone(auction: OpenNotebook, person: Person) -> None:
    buyer, seller = (person(link) for link in auction.links[:2])
    buyer.page.set_viewport_size({"width": 320, "height": 640})
    buyer.arrive()
    seller.arrive().call("post_offer", 50)
    buyer.sees("#asks", "50")
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert buyer.page.evaluate(wider) is False


@pytest.mark.slow
def test_participants_see_neither_names_nor_values_of_others(people: list[Participant]) -> None:
    buyer, seller, other = people
    buyer.call("post_offer", 40)
    seller.call("accept_offer", 1)
    other.sees("#trades", "at 40")
    trade = other.pushes("Trade")[0]
    assert sorted(trade) == ["buyer", "number", "price", "seller"]
