"""One purse for the markets of a period and group: cash is spent once, in whichever market."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, Rejected, serving
from tests.worlds_at_rest import Worlds
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import Dividends, InducedValues, Market, MarketPage, Rules
from uproot_nb.session.world import World


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    made = Worlds()
    yield made
    made.close()


def pair(world: World, **rules: Any) -> tuple[Market, Market]:
    """Return two markets in which the house sells whatever is wanted."""
    allowed = Rules(**rules)
    red, blue = (Market.in_session(world.session, name=n, rules=allowed) for n in ("red", "blue"))
    for market in (red, blue):
        market.endow("house", units=100)
    return red, blue


def buy(market: Market, price: int) -> None:
    market.limit("house", "sell", price)
    try:
        market.limit("ann", "buy", price)
    finally:
        market.cancel_all("house")


def test_cash_is_spent_once(worlds: Worlds) -> None:
    red, blue = pair(worlds.open())
    red.endow("ann", cash=60)
    blue.endow("ann", cash=40)
    buy(red, 80)
    with pytest.raises(OrderRefused, match="money"):
        buy(blue, 21)
    buy(blue, 15)
    assert [one.holdings("ann")["cash"] for one in (red, blue)] == [-20, 25]
    assert [one.holdings("ann")["purse"] for one in (red, blue)] == [5, 5]


def test_markets_of_other_pages_have_another_purse(worlds: Worlds) -> None:
    """Practice money is no money: its market has the period and group of the first paid one."""
    session = worlds.open().session
    practice, red, blue, by_hand = (
        Market.in_session(session, name=name, beside=beside)
        for name, beside in [
            ("practice", ["practice"]), ("red", ["red", "blue"]), ("blue", ["red", "blue"]),
            ("hand", ()),
        ]
    )  # fmt: skip
    assert red.purse_markets() == [blue]
    assert blue.purse_markets() == [red]
    assert practice.purse_markets() == by_hand.purse_markets() == []


def test_rules_for_robots_alone_are_refused_in_a_session(worlds: Worlds) -> None:
    with pytest.raises(BadMarket, match="says when robots act"):
        Market.in_session(worlds.open().session, rules=Rules(timing="turns"))


def test_terms_written_as_a_list_are_the_same_rules(worlds: Worlds) -> None:
    session = worlds.open().session
    for _ in range(2):
        market = Market.in_session(session, rules=Rules(terms=["ioc"]))  # type: ignore[arg-type]
    assert market.rules.terms == ("ioc",)


def test_standing_bids_reserve_cash_in_both_and_sales_are_spent_in_both(worlds: Worlds) -> None:
    red, blue = pair(worlds.open())
    red.endow("ann", cash=100, units=1)
    red.limit("ann", "buy", 70)
    with pytest.raises(OrderRefused, match="money"):
        blue.limit("ann", "buy", 31)
    red.cancel("ann", 1)
    blue.limit("ann", "buy", 100)
    red.limit("eve", "buy", 30)
    red.limit("ann", "sell", 30)
    blue.replace("ann", 1, 130)
    with pytest.raises(OrderRefused, match="money"):
        blue.replace("ann", 2, 131)


def test_what_is_endowed_in_one_of_three_markets_is_spent_once(worlds: Worlds) -> None:
    world = worlds.open()
    red, blue = pair(world)
    green = Market.in_session(world.session, name="green")
    red.endow("ann", cash=100)
    buy(blue, 50)
    green.limit("ann", "buy", 20)
    for market in (red, blue, green):
        with pytest.raises(OrderRefused, match="money"):
            market.limit("ann", "buy", 31)
    red.limit("ann", "buy", 30)
    for market in (red, blue, green):
        with pytest.raises(OrderRefused, match="money"):
            market.limit("ann", "buy", 1)


def test_who_has_a_budget_in_one_market_has_no_credit_in_the_other(worlds: Worlds) -> None:
    red, blue = pair(worlds.open())
    red.endow("ann", cash=10)
    with pytest.raises(OrderRefused, match="money"):
        buy(blue, 11)
    buy(blue, 10)
    blue.limit("bob", "buy", 500)  # nobody has endowed bob


@pytest.mark.parametrize("names", [(None, None), ("a", "b"), ("purse", None)])
def test_purses_of_other_names_are_others(worlds: Worlds, names: Any) -> None:
    world = worlds.open()
    for market, purse in zip(("red", "blue"), names, strict=True):
        one = Market.in_session(world.session, name=market, rules=Rules(purse=purse))
        one.endow("ann", cash=100)
        one.endow("house", units=5)
        buy(one, 100)
        assert one.holdings("ann")["purse"] == 0


def test_another_period_has_another_purse_and_a_restart_the_same(worlds: Worlds) -> None:
    world = worlds.open()
    red, _ = pair(world)
    later = Market.in_session(world.session, name="red", period=2)
    red.endow("ann", cash=100)
    later.endow("ann", cash=50)
    with pytest.raises(OrderRefused, match="money"):
        later.limit("ann", "buy", 51)
    buy(red, 90)
    world.journal.commit()
    again = worlds.open()
    blue = Market.find(again.session, name="blue")
    assert blue is not None
    with pytest.raises(OrderRefused, match="money"):
        buy(blue, 11)
    buy(blue, 10)
    assert blue.holdings("ann")["purse"] == 0


def test_exact_money_of_different_ticks_is_one_purse(worlds: Worlds) -> None:
    world = worlds.open()
    cents = Market.in_session(world.session, name="c", rules=Rules(tick=Decimal("0.05")))
    whole = Market.in_session(world.session, name="w")
    cents.endow("ann", cash=Decimal("10.55"))
    whole.endow("house", units=9)
    with pytest.raises(OrderRefused, match="money"):
        buy(whole, 11)
    buy(whole, 10)
    cents.limit("ann", "buy", Decimal("0.55"))
    assert whole.holdings("ann")["purse"] == "0.55"


def test_who_is_rich_in_another_market_is_not_bankrupt(worlds: Worlds) -> None:
    red, blue = pair(worlds.open())
    red.endow("ann", cash=100)
    buy(blue, 60)
    blue.settle()
    buy(red, 40)
    red.settle()
    events = [r[0] for _, _, e in blue.model.entries for r in e["events"]]
    assert "bankrupt" not in events


def bankrupt_in(market: Market) -> list[tuple[str, Any, int]]:
    events = [row for _, _, entry in market.model.entries for row in entry["events"]]
    return [(row[2], row[5], row[6]) for row in events if row[0] == "bankrupt"]


@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_who_is_bankrupt_is_known_when_all_markets_of_a_purse_have_paid(
    worlds: Worlds, first: int, promised: bool
) -> None:
    red, blue = pair(worlds.open())
    for market in (red, blue) if promised else ():
        market.promise(Dividends((0,), periods=3))
    red.endow("ann", cash=10)
    blue.endow("ann", units=5)
    red.endow("cem", cash=5)
    for trader in ("ann", "cem"):
        red.limit("bank", "buy", 5)
        red.limit(trader, "sell", 5)
    markets = (red, blue) if first == 0 else (blue, red)
    for market in markets:
        market.settle(dividend=30)
    assert (red.settled("ann")["cash"], blue.settled("ann")["cash"]) == (-15, 150)
    assert [bankrupt_in(market) for market in markets] == [[], [("cem", -20, 1)]]
    for market in markets:
        market.settle(dividend=30)
        market.close()
    assert [bankrupt_in(market) for market in markets] == [[], [("cem", -20, 1)]]


def test_a_market_that_pays_nothing_ends_a_purse_by_closing(worlds: Worlds) -> None:
    red, blue = pair(worlds.open())
    red.endow("ann", cash=10)
    red.limit("bank", "buy", 5)
    red.limit("ann", "sell", 5)
    red.settle(dividend=30)
    assert bankrupt_in(red) == []  # what she has in the other market may still save her
    blue.close()
    assert (bankrupt_in(red), bankrupt_in(blue)) == ([], [("ann", -15, 1)])


def test_a_purse_is_its_sum_also_below_a_tick(worlds: Worlds) -> None:
    red, blue = pair(worlds.open(), tick=5)
    red.endow("ann", cash=3)
    blue.endow("ann", cash=2)
    assert red.free_cash("ann") == 5
    buy(red, 5)
    assert blue.holdings("ann")["purse"] == 0


@examples(60)
@given(st.integers(0, 10**9))
def test_a_bid_is_taken_if_the_sum_of_the_purse_pays_for_it(seed: int) -> None:
    worlds, chance = Worlds(), random.Random(seed)
    try:
        session = worlds.open().session
        ticks = [chance.choice([1, 5, Decimal("0.5")]) for _ in range(3)]
        markets = [
            Market.in_session(session, name=f"m{n}", rules=Rules(tick=tick))
            for n, tick in enumerate(ticks)
        ]
        left = Decimal(0)
        for market in markets:
            cash = chance.randint(0, 90) / Decimal(chance.choice([1, 4]))
            market.endow("ann", cash=cash)
            left += cash
        for _ in range(12):
            place = chance.randrange(3)
            price = ticks[place] * chance.randint(1, 12)
            if price <= left:
                markets[place].limit("ann", "buy", price)
                left -= price
            else:
                with pytest.raises(OrderRefused, match="money"):
                    markets[place].limit("ann", "buy", price)
            assert markets[place].free_cash("ann") == left
    finally:
        worlds.close()


@pytest.mark.parametrize("wrong", ["", 3, True])
def test_a_purse_is_a_name(wrong: Any) -> None:
    with pytest.raises(BadMarket, match="purse"):
        Rules(purse=wrong)


@examples(60)
@given(st.integers(0, 10**9))
def test_no_sequence_of_orders_spends_more_than_there_is(seed: int) -> None:
    """Against a purse of plain numbers; sales bring cash, standing bids reserve it."""
    worlds, chance = Worlds(), random.Random(seed)
    try:
        markets = pair(worlds.open())
        cash, units, bids = [chance.randint(0, 80) for _ in range(2)], [3, 3], [0, 0]
        if chance.random() < 0.5:  # the endowment in one market is for both
            cash[1] = units[1] = 0
            markets[0].endow("ann", cash=cash[0], units=3)
        else:
            for market, amount in zip(markets, cash, strict=True):
                market.endow("ann", cash=amount, units=3)
        for _ in range(25):
            place, price = chance.randrange(2), chance.randint(1, 60)
            market, act = markets[place], chance.choice(["bid", "buy", "sell", "cancel"])
            free = sum(cash) - sum(bids)
            if act == "cancel":
                market.cancel_all("ann")
                bids[place] = 0
            elif act == "sell" and units[place] and not bids[place]:
                market.limit("eve", "buy", price)
                market.limit("ann", "sell", price)
                cash[place] += price
                units[place] -= 1
            elif act in ("bid", "buy") and not bids[place]:
                done = bought(market, price, act == "buy")
                assert done == (price <= free)
                if done and act == "buy":
                    cash[place] -= price
                    units[place] += 1
                elif done:
                    bids[place] = price
            assert markets[0].holdings("ann")["purse"] == sum(cash)
    finally:
        worlds.close()


def bought(market: Market, price: int, at_once: bool) -> bool:
    """Return whether the book took it."""
    try:
        if at_once:
            buy(market, price)
        else:
            market.limit("ann", "buy", price)
    except OrderRefused:
        return False
    return True


@pytest.mark.long
async def test_the_page_shows_one_purse_in_both_markets() -> None:
    class Two(MarketPage):
        """Trade."""

        market_names = ("red", "blue")

        def open_market(page, market: Market, traders: Any) -> None:
            for trader in traders:
                market.endow(trader, cash=50, units=2)

    with serving(Two, players=2) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        for browser in (ann, bob):
            await browser.call("seed_markets")
        await bob.call("send_order", "red", "sell", 80)
        await ann.call("send_order", "red", "buy", 80)
        with pytest.raises(Rejected, match="money"):
            await ann.call("send_order", "blue", "buy", 21)
        await ann.settle()
        await bob.settle()
        last = {
            browser: [e["data"] for e in browser.events if e["event"] == "UprootMarketMine"][-1]
            for browser in (ann, bob)
        }
        assert [one["market"] for one in last.values()] == ["blue", "blue"]
        assert [one["mine"]["purse"] for one in last.values()] == [20, 180]


class Two(MarketPage):
    """Trade."""

    market_names = ("red", "blue")

    def open_market(page, market: Market, traders: Any) -> None:
        for trader in traders:
            market.endow(trader, cash=50, units=2)


def latest(browser: Browser, market: str) -> dict[str, Any]:
    """Return the private data that a browser was pushed last."""
    notes = [e["data"] for e in browser.events if e["event"] == "UprootMarketMine"]
    found: dict[str, Any] = [one["mine"] for one in notes if one["market"] == market][-1]
    return found


async def test_an_order_reserves_cash_on_both_markets_of_the_page() -> None:
    """Also without a trade: otherwise the page would stop orders that can be paid again."""
    with serving(Two, players=2) as run:
        ann = await Browser.open(run, 0)
        await ann.call("seed_markets")
        order = await ann.call("send_order", "red", "buy", 90)
        await ann.settle()
        assert latest(ann, "blue")["free"]["cash"] == 10
        await ann.call("cancel_order", "red", order["order"])
        await ann.settle()
        assert latest(ann, "blue")["free"]["cash"] == 100


@pytest.mark.long
async def test_an_endowment_from_a_cell_reaches_open_pages() -> None:
    class Bare(MarketPage):
        """Trade."""

        market_names = ("red", "blue")

    with serving(Bare, players=2) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        await ann.call("seed_markets")
        await bob.call("seed_markets")
        Market.in_session(run.session, name="red").endow(run.players[0], cash=30)
        await ann.settle()
        await bob.settle()
        assert latest(ann, "red")["free"]["cash"] == latest(ann, "blue")["free"]["cash"] == 30
        assert not bob.events


async def test_nobody_is_told_of_what_the_page_starts_with() -> None:
    with serving(Two, players=2) as run:
        ann = await Browser.open(run, 0)
        await ann.call("seed_markets")
        await ann.settle()
        assert not ann.events


async def test_values_induced_from_a_cell_reach_open_pages() -> None:
    class Late(MarketPage):
        """Trade."""

    with serving(Late, players=2) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        await ann.call("seed_markets")
        names = [player.name for player in run.players]
        market = Market.in_session(run.session)
        market.induce(InducedValues({names[0]: [90, 70]}, {names[1]: [20]}))
        await ann.settle()
        news = ann.events[-1]["data"]
        assert (news["mine"]["values"], news["sides"]) == ([90, 70], ["buy"])
        assert news["units"] == {"buy": [90, 70], "sell": []}
        market.induce_for(names[0], costs=[5])
        await ann.settle()
        assert ann.events[-1]["data"]["sides"] == ["buy", "sell"]
        await bob.settle()
        assert len(bob.events) == 1


async def test_another_tab_hears_of_an_order_and_of_its_trades() -> None:
    with serving(Two, players=2) as run:
        ann, tab, bob = [await Browser.open(run, place) for place in (0, 0, 1)]
        await ann.call("seed_markets")
        await bob.call("send_order", "red", "sell", 40)
        await ann.call("send_order", "red", "buy", 40)
        await tab.settle()
        mine = [e["data"] for e in tab.events if "own" in e["data"]]
        assert (mine[-1]["own"], mine[-1]["mine"]["units"]) == ([[1, "buy", 40, 1]], 3)


@pytest.mark.parametrize("endowed", [True, False])
def test_a_margin_between_two_ticks_is_held_back_elsewhere_too(
    worlds: Worlds, endowed: bool
) -> None:
    """Also of whom only the other market has endowed."""
    red, blue = pair(worlds.open(), margin=Decimal("0.5"))
    red.endow("ann", cash=10)
    if endowed:
        blue.endow("ann")
    blue.limit("eve", "buy", 5, 4)
    blue.limit("ann", "sell", 5, 4)
    with pytest.raises(OrderRefused, match="money"):
        buy(red, 10)
    assert red.free_cash("ann") == 6


def test_a_dividend_below_a_tick_is_spent_in_whichever_market(worlds: Worlds) -> None:
    session = worlds.open().session
    names = ("red", "blue", "green")
    first, then = (
        [Market.in_session(session, name=name, period=period) for name in names]
        for period in (1, 2)
    )
    first[0].endow("ann", cash=61)
    for market in first[1:]:
        market.endow("house", units=1)
        buy(market, 1)
    for before, after, dividend in zip(first, then, (0, *[Decimal("0.5")] * 2), strict=True):
        after.carry_over(before, dividend)
    assert then[0].free_cash("ann") == 60
    then[0].limit("ann", "buy", 60)


def test_a_bid_in_a_closed_market_reserves_nothing(worlds: Worlds) -> None:
    red, blue = pair(worlds.open())
    red.endow("ann", cash=100)
    red.limit("ann", "buy", 80)
    assert blue.free_cash("ann") == 20
    red.close()
    assert blue.free_cash("ann") == 100
    buy(blue, 100)
