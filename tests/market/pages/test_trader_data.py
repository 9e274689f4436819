"""What pages send traders of their own: trades, units left, and why an order would be refused."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, serving
from uproot_nb import Page, Repeat, Rounds
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import BSE, Design, Fees, InducedValues, MarketPage, Rules, Tax
from uproot_nb.market.orderbook.commands import LimitOrder, MarketOrder
from uproot_nb.market.pages.answering import answer
from uproot_nb.market.pages.market_pushes import market_data
from uproot_nb.market.pages.page import markets_of
from uproot_nb.market.pages.trader_data import trader_data


class Trading(MarketPage):
    """Trade."""

    rules = Rules(no_loss=True)

    def open_market(page, market, traders) -> None:
        ann, bob = (trader.name for trader in traders)
        market.induce(InducedValues({ann: [90, 77_321]}, {bob: [20, 40]}))


class Assets(MarketPage):
    """Trade."""

    rules = Rules(budget=True, short_sales=False)
    texts: ClassVar[dict[str, str]] = {"no_cash": "Too poor."}

    def open_market(page, market, traders) -> None:
        ann, bob = (trader.name for trader in traders)
        market.endow(ann, cash=50, units=0)
        market.endow(bob, cash=0, units=2)


class Over(Page):
    """It is over."""


async def seed(browser: Browser) -> dict[str, Any]:
    data: dict[str, Any] = (await browser.call("seed_markets"))["markets"][0]
    return data


@pytest.mark.long
async def test_traders_hear_of_their_own_trades_and_of_nobody_elses_units() -> None:
    with serving(Trading, Over) as run:
        ann, bob = [await Browser.open(run, place) for place in range(2)]
        data = await seed(ann)
        assert (data["mine"]["values"], data["mine"]["costs"]) == ([90, 77_321], [])
        assert data["mine"]["limits"] == {"buy": [90, 77_321], "sell": []}
        await ann.call("send_order", "market", "buy", 60)
        reply = await bob.call("send_order", "market", "sell", 55)
        assert reply["own"] == [[1, "sell", 60, 1]]
        assert (await seed(ann))["own"] == [[1, "buy", 60, 1]]
        assert (await seed(ann))["mine"]["values"] == [77_321]
        await ann.settle()
        mine = [note for note in ann.events if note["event"] == "UprootMarketMine"]
        assert [note["data"]["own"] for note in mine] == [[], [[1, "buy", 60, 1]]]
        await bob.settle()
        assert bob.events
        assert "77321" not in json.dumps([bob.events, await seed(bob)])


@pytest.mark.long
async def test_what_would_be_refused_anyway_is_said_before() -> None:
    with serving(Trading, Over) as run:
        ann, bob = [await Browser.open(run, place) for place in range(2)]
        assert (await seed(ann))["mine"]["cannot"]["buy"] is None
        none_left = "You have no more units to trade."
        for price in (20, 21):
            reply = await ann.call("send_order", "market", "buy", price)
        assert reply["mine"]["cannot"] == {"buy": none_left, "sell": none_left}
        reply = await ann.call("cancel_order", "market", reply["mine"]["orders"][0][0])
        assert reply["mine"]["cannot"]["buy"] is None
    with serving(Assets, Over) as run:
        ann, bob = [await Browser.open(run, place) for place in range(2)]
        mine = (await seed(ann))["mine"]
        assert mine["free"] == {"cash": 50, "units": 0}
        assert mine["cannot"]["sell"] == "You do not have enough units left for this order."
        reply = await ann.call("send_order", "market", "buy", 30)
        assert (reply["mine"]["free"]["cash"], reply["mine"]["purse"]) == (20, 50)
        assert reply["mine"]["cannot"]["buy"] is None
        mine = (await seed(bob))["mine"]
        assert (mine["free"], mine["cannot"]) == (
            {"cash": 0, "units": 2}, {"buy": "Too poor.", "sell": None},
        )  # fmt: skip


def test_limits_are_net_of_taxes_and_fees() -> None:
    class Taxed(Trading):
        """Trade."""

        rules = Rules(no_loss=True, buyer_tax=Tax(5), seller_tax=Tax(3), fees=Fees(1, 2))

    with serving(Taxed, Over) as run:
        ann, bob = run.players
        with run.lock:
            market = markets_of(Taxed, ann)[0]
            assert trader_data(Taxed, ann, market)["limits"]["buy"][0] == 83
            assert trader_data(Taxed, bob, market)["limits"]["sell"] == [25, 45]


@pytest.mark.long
async def test_people_know_which_of_how_many_periods_it_is_and_what_is_practice() -> None:
    low = InducedValues({"b": [90]}, {"s": [20]})
    design = Design(low, practice=1, periods=3, rules={1: Rules(), 3: Rules(improvement=True)})
    with serving(*design.pages(), Over, players=2) as run:
        seen, player = [], run.players[0]
        while player.page != "Over":
            browser = await Browser.open(run, 0)
            data = await seed(browser)
            seen.append((data["period"], data["periods"], data["practice"]))
            await browser.disconnect()
            run.advance(player)
            await Browser(run.link(player)).fetch()
        assert seen == [(1, 1, True), (1, 3, False), (2, 3, False), (3, 3, False)]


@pytest.mark.parametrize(
    ("order", "periods"),
    [([Rounds(Trading, n=4), Over], 4), ([Repeat(Trading), Over], None)],
)
async def test_how_many_periods_there_are_is_said_where_it_is_known(order, periods) -> None:
    with serving(*order) as run:
        assert (await seed(await Browser.open(run, 0)))["periods"] == periods


def test_practice_is_the_designs_to_say() -> None:
    design = Design(InducedValues({"b": [90]}, {"s": [20]}))
    with pytest.raises(BadMarket, match="practice=2"):
        design.pages(practice=True)


def test_on_a_page_a_second_quote_takes_the_place_of_the_first_by_the_rules_of_bristol() -> None:
    class Bristol(MarketPage):
        """Trade."""

        rules = BSE

        def open_market(page, market, traders) -> None:
            ann, bob = traders
            market.induce(InducedValues({ann.name: [90]}, {bob.name: [5]}))

    with serving(Bristol, Over) as run, run.lock:
        market, (ann, bob) = markets_of(Bristol, run.players[0])[0], run.players
        for price in (10, 12, 12, 8):
            answer(Bristol, ann, market, LimitOrder(ann.name, "buy", price), None)
            assert trader_data(Bristol, ann, market)["cannot"]["buy"] is None
            assert [order.price for order in market.orders_of(ann)] == [price]
        answer(Bristol, bob, market, LimitOrder(bob.name, "sell", 30), None)
        reply = answer(Bristol, ann, market, MarketOrder(ann.name, "buy"), None)
        assert (reply["traded"], market.orders_of(ann)) == (1, [])


ORDERS = st.tuples(
    st.integers(0, 1), st.sampled_from(["buy", "sell"]), st.integers(1, 12), st.integers(1, 3)
)
RULES = st.builds(
    Rules,
    max_price=st.just(12),
    budget=st.sampled_from([None, True, False]),
    no_loss=st.booleans(),
    lapse=st.sampled_from([None, "trade", "shout", "own"]),
    floor=st.sampled_from([None, 3]),
    self_trade=st.sampled_from(["refuse", "cancel_oldest"]),
    buyer_tax=st.sampled_from([Tax(), Tax(2), Tax(-2)]),
    max_short=st.sampled_from([None, 1]),
)


@examples(40)
@given(
    RULES, st.booleans(), st.tuples(st.integers(0, 20), st.integers(0, 2)),
    st.lists(ORDERS, max_size=8),
)  # fmt: skip
def test_who_is_said_to_be_unable_is_refused_at_every_price(
    rules, induced, endowed, orders
) -> None:
    """The sentence is never in the way of an order that the market would take."""

    class Random(MarketPage):
        """Trade."""

        def open_market(page, market, traders) -> None:
            ann, bob = traders
            if induced:
                market.induce(InducedValues({ann.name: [11, 7]}, {bob.name: [2, 5]}))
            for trader in traders:
                market.endow(trader, *endowed)

    Random.rules = rules
    with serving(Random, Over) as run, run.lock:
        market = markets_of(Random, run.players[0])[0]
        for place, side, price, quantity in orders:
            order = LimitOrder(run.players[place].name, side, price, quantity)
            with suppress(OrderRefused):
                market.give(order)
            for player in run.players:
                for stopped, why in trader_data(Random, player, market)["cannot"].items():
                    for at in range(1, 13) if why else ():
                        order = LimitOrder(player.name, stopped, at)
                        with pytest.raises(OrderRefused):
                            answer(Random, player, market, order, None)
        json.dumps(market_data(Random, run.players[0], market))
