"""Asset markets: what traders hold is paid and carried from period to period, whatever happens."""
# ruff: noqa: ANN001, ANN201  (pages as authors write them)

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, Clocks, Rejected, serving, until
from tests.worlds_at_rest import Worlds
from uproot_nb import GroupCreatingWait, Page, Rounds, Run
from uproot_nb.errors import BadMarket, BadPage, OrderRefused
from uproot_nb.market import (
    AssetMarketPage,
    Dividends,
    InducedValues,
    Market,
    MarketPage,
    Rules,
)
from uproot_nb.market.analysis.records import rows_in
from uproot_nb.market.traders import NearZeroIntelligence, View, market_bot
from uproot_nb.session.world import World

ASSET = Dividends((4, 10), periods=3, terminal=5)
RULES = Rules(budget=True, short_sales=False)


class Trading(AssetMarketPage):
    """Trade."""

    dividends = ASSET
    show_value = True

    def endow(page, market, traders):
        for trader in traders:
            market.endow(trader, cash=100, units=2)


class Hurried(Trading):
    """Trade."""

    seconds = 60.0


class Pair(GroupCreatingWait):
    group_size = 2


class Thanks(Page):
    """Thank you."""


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    made = Worlds()
    yield made
    made.close()


def test_a_short_seller_whose_cash_the_dividend_takes_is_bankrupt_and_can_cover(
    worlds: Worlds,
) -> None:
    world = worlds.open()
    one, two = (
        Market.in_session(world.session, name="x", period=t, rules=Rules(max_short=4))
        for t in (1, 2)
    )
    one.endow("ann", cash=100)
    one.endow("bob", cash=900, units=4)
    one.limit("bob", "buy", 50, 2)
    one.limit("ann", "sell", 50, 2)
    assert one.holdings("ann")["held"] == 100
    one.settle(200)
    two.carry_over(one)
    assert (two.holdings("ann")["cash"], two.holdings("ann")["units"]) == (-200, -2)
    assert two.holdings("ann")["held"] == 100
    with pytest.raises(OrderRefused, match="money"):
        two.limit("ann", "buy", 40, 3)
    with pytest.raises(OrderRefused, match="money"):
        two.limit("ann", "sell", 40)
    two.limit("ann", "buy", 40, 2)
    two.limit("bob", "sell", 40, 2)
    assert (two.holdings("ann")["cash"], two.holdings("ann")["units"]) == (-280, 0)
    world.journal.commit()
    rows = [r for _, time, e in one.model.entries for r in rows_in(e, time, 1)]
    told = [(row["player"], row["price"], row["quantity"]) for row in rows[-1:]]
    assert [row["event"] for row in rows[-2:]] == ["close", "bankrupt"]
    assert told == [("ann", -200, 2)]
    again = Market.in_session(worlds.open().session, name="x", period=2)
    assert again.holdings("ann") == two.holdings("ann")
    assert len(again.previous.model.entries) == len(one.model.entries)  # type: ignore[union-attr]


def opened(world: World, period: int, **options: Any) -> Market:
    market = Market.in_session(world.session, period=period, **{"rules": RULES, **options})
    if market.dividends is None:
        market.promise(ASSET)
    return market


def first_period(worlds: Worlds) -> tuple[World, Market]:
    """Ann sells bob a unit for 30; cleo does nothing at all."""
    world = worlds.open()
    market = opened(world, 1)
    for name in ("ann", "bob", "cleo"):
        market.endow(name, cash=100, units=2)
    market.limit("ann", "sell", 30)
    market.limit("bob", "buy", 30)
    return world, market


def held(market: Market, *names: str) -> list[tuple[Any, int]]:
    told = [market.holdings(name) for name in names]
    return [(one["cash"], one["units"]) for one in told]


# ---- by hand ----


def test_everybody_begins_with_cash_dividends_and_units(worlds: Worlds) -> None:
    """Also cleo, who has not traded and perhaps never comes again."""
    world, one = first_period(worlds)
    two = opened(world, 2)
    assert two.previous is one
    assert one.previous is None
    two.carry_over(one)
    paid = one.dividend
    assert paid in ASSET.possible
    assert not one.is_open
    assert held(two, "ann", "bob", "cleo") == [
        (130 + paid, 1), (70 + 3 * paid, 3), (100 + 2 * paid, 2),
    ]  # fmt: skip
    with pytest.raises(OrderRefused, match="closed"):
        one.limit("ann", "buy", 5)


def test_carrying_over_again_changes_nothing_also_after_a_restart(worlds: Worlds) -> None:
    world, one = first_period(worlds)
    two = opened(world, 2)
    two.carry_over(one)
    two.carry_over(one)
    two.limit("ann", "buy", 12)
    before, entries = held(two, "ann", "bob", "cleo"), len(two.model)
    world.journal.commit()
    world = worlds.open()
    again = opened(world, 2)
    assert again.previous is not None
    again.carry_over(again.previous)
    assert held(again, "ann", "bob", "cleo") == before
    assert len(again.model) == entries
    assert again.previous.dividend == one.dividend


def test_a_restart_between_the_end_of_a_period_and_the_next_pays_the_same(worlds: Worlds) -> None:
    world, one = first_period(worlds)
    paid = one.settle()
    world.journal.commit()
    world = worlds.open()
    two = opened(world, 2)
    assert two.previous is not None
    two.carry_over(two.previous)
    assert two.previous.dividend == paid
    assert held(two, "cleo") == [(100 + 2 * paid, 2)]


def test_what_was_begun_is_finished_for_those_who_are_missing(worlds: Worlds) -> None:
    """As after a kernel that died in the middle of a cell."""
    world, one = first_period(worlds)
    two = opened(world, 2)
    two.carry_over(one)
    kept = list(two.model._records())[:1]
    world.state.fields[two.model.subject]["entries"] = kept
    assert held(two, "cleo") == [(0, 0)]
    two.carry_over(one)
    assert held(two, "cleo") == [(100 + 2 * one.settle(), 2)]


def test_a_dividend_may_be_said_and_is_paid_once(worlds: Worlds) -> None:
    world, one = first_period(worlds)
    assert one.settle(7) == one.settle() == one.settle(7) == 7
    with pytest.raises(BadMarket, match="has paid 7"):
        one.settle(8)
    other = opened(world, 1, name="other")
    with pytest.raises(BadMarket, match="not an amount of money"):
        other.settle(0.5)  # type: ignore[arg-type]
    with pytest.raises(BadMarket, match="not settled"):
        opened(world, 1, name="third").settled("ann")


def test_the_last_period_buys_units_out(worlds: Worlds) -> None:
    world = worlds.open()
    last = opened(world, 3)
    last.endow("ann", cash=Decimal("1.5"), units=2)
    paid = last.settle()
    assert last.settled("ann") == {"cash": str(Decimal("1.5") + 2 * (paid + 5)), "units": 0}
    with pytest.raises(BadMarket, match="periods 1 to 3"):
        opened(world, 4)


def test_who_has_traded_already_is_not_carried_over(worlds: Worlds) -> None:
    world, one = first_period(worlds)
    two = opened(world, 2)
    two.endow("dora", cash=5)
    with pytest.raises(BadMarket, match="has traders already"):
        two.carry_over(one)
    third = opened(world, 3)
    third.carry_over(one)
    with pytest.raises(BadMarket, match="has traders already"):
        third.carry_over(two)
    two.limit("dora", "buy", 5)
    with pytest.raises(BadMarket, match="sent already"):
        two.promise(ASSET)


def test_short_sales_are_carried_over_and_owe_the_dividend(worlds: Worlds) -> None:
    world = worlds.open()
    one = opened(world, 1, rules=Rules())
    one.limit("ann", "sell", 30, 2)
    one.limit("bob", "buy", 30, 2)
    two = opened(world, 2, rules=Rules())
    two.carry_over(one)
    paid = one.settle()
    assert held(two, "ann", "bob") == [(60 - 2 * paid, -2), (-60 + 2 * paid, 2)]


def test_a_market_without_promises_carries_over_what_there_is(worlds: Worlds) -> None:
    world = worlds.open()
    one, two = (Market.in_session(world.session, name="x", period=t) for t in (1, 2))
    one.endow("ann", cash=10, units=1)
    two.carry_over(one)
    assert held(two, "ann") == [(10, 1)]
    other = Market.in_session(world.session, name="x", period=3)
    other.carry_over(two, dividend=4)
    assert held(other, "ann") == [(14, 1)]


steps = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cleo"]), st.sampled_from(["buy", "sell"]),
        st.integers(1, 60), st.integers(1, 3), st.sampled_from(["limit", "market", "restart"]),
    ),
    max_size=12,
)  # fmt: skip


@examples(40)
@given(st.lists(steps, min_size=3, max_size=3))
def test_nothing_is_made_or_lost_on_the_way(given: list[list[Any]]) -> None:
    """Units stay; cash grows by the dividends alone; nobody owes anything; restarts are unseen."""
    worlds = Worlds()
    world, names = worlds.open(), ("ann", "bob", "cleo")
    cash, units = 300, 6
    for period, moves in enumerate(given, 1):
        market = opened(world, period)
        if market.previous is None:
            for name in names:
                market.endow(name, cash=100, units=2)
        else:
            market.carry_over(market.previous)
        for who, side, price, quantity, what in moves:
            if what == "restart":
                world.journal.commit()
                world = worlds.open()
                market = opened(world, period)
                continue
            try:
                if what == "limit":
                    market.limit(who, side, price, quantity)
                else:
                    market.market(who, side, quantity)
            except OrderRefused:
                pass
        now = held(market, *names)
        assert (sum(c for c, _ in now), sum(u for _, u in now)) == (cash, units)
        assert all(c >= 0 and u >= 0 for c, u in now)
        cash += units * (market.settle() + (ASSET.terminal if period == 3 else 0))
    assert sum(market.settled(name)["cash"] for name in names) == cash
    worlds.close()


# ---- on the page ----


async def told(browser: Browser) -> dict[str, Any]:
    """Return what the page shows a trader, after it has loaded its page anew."""
    await browser.load()
    await browser.connect()
    [market] = (await browser.call("seed_markets"))["markets"]
    return dict(market)


def next_page(run: Run, *places: int) -> None:
    for place in places:
        run.advance(run.players[place])


def market_of(run: Run, period: int) -> Market:
    return Market.in_session(run.session, period=period)


@pytest.mark.long
async def test_the_page_shows_what_a_period_has_left() -> None:
    with serving(Rounds(Trading, n=3), Thanks, seed=4) as run:
        ann, bob = Browser(run.link(run.players[0])), Browser(run.link(run.players[1]))
        first = await told(ann)
        assert (first["mine"]["cash"], first["mine"]["units"]) == (100, 2)
        assert first["facts"] == {"Holding a unit pays on average": 26}
        assert first["sides"] == ["buy", "sell"]
        await ann.call("send_order", "market", "sell", 30)
        await told(bob)
        await bob.call("take_price", "market", "buy", 30)
        next_page(run, 0)
        second = await told(ann)
        paid = market_of(run, 1).dividend
        assert second["facts"] == {
            "Dividend of the last period": paid, "Holding a unit pays on average": 19,
        }  # fmt: skip
        assert (second["mine"]["cash"], second["mine"]["units"]) == (130 + paid, 1)
        with pytest.raises(Rejected, match="closed"):
            await bob.call("send_order", "market", "buy", 5)
        next_page(run, 1)
        late = await told(bob)
        assert (late["mine"]["cash"], late["mine"]["units"]) == (70 + 3 * paid, 3)


async def test_two_who_arrive_at_once_are_carried_over_once() -> None:
    with serving(Rounds(Trading, n=2)) as run:
        pair = [Browser(run.link(player)) for player in run.players]
        await asyncio.gather(*map(told, pair))
        next_page(run, 0, 1)
        both = await asyncio.gather(*map(told, pair))
        paid = market_of(run, 1).dividend
        assert [one["mine"]["cash"] for one in both] == [100 + 2 * paid] * 2
        assert len(market_of(run, 2).model) == 2


@pytest.mark.long
async def test_the_holdings_of_who_never_comes_again_are_kept() -> None:
    """Bob was in the first period and is gone in the second; in the third he still has all."""
    with serving(Rounds(Trading, n=3)) as run:
        ann, bob = (Browser(run.link(player)) for player in run.players)
        await told(ann)
        await told(bob)
        await bob.disconnect()
        for _ in range(2):
            next_page(run, 0)
            await told(ann)
        paid = sum(market_of(run, t).settle() for t in (1, 2))
        assert held(market_of(run, 3), run.players[1].name) == [(100 + 2 * paid, 2)]
        next_page(run, 1, 1)
        assert (await told(bob))["mine"]["cash"] == 100 + 2 * paid


@pytest.mark.long
async def test_a_period_that_nobody_comes_to_pays_as_well() -> None:
    """The researcher moves everybody on by two periods at once: nothing is lost, nothing new."""
    with serving(Rounds(Trading, n=3)) as run:
        pair = [Browser(run.link(player)) for player in run.players]
        for browser in pair:
            await told(browser)
        next_page(run, 0, 0, 1, 1)
        third = await told(pair[0])
        paid = [market_of(run, t).settle() for t in (1, 2)]
        assert third["mine"]["cash"] == 100 + 2 * sum(paid)
        assert third["facts"]["Dividend of the last period"] == paid[1]
        assert list(run.market().periods.dividend)[:2] == paid


@pytest.mark.long
async def test_who_comes_late_finds_a_skipped_period_closed() -> None:
    """Bob is still in the first period when ann opens the third; the second is over for him."""
    with serving(Rounds(Trading, n=3)) as run:
        ann, bob = (Browser(run.link(player)) for player in run.players)
        await told(ann)
        await told(bob)
        next_page(run, 0, 0)
        await told(ann)
        next_page(run, 1)
        second = await told(bob)
        assert second["mine"]["cash"] == 100 + 2 * market_of(run, 1).settle()
        assert not second["open"]
        with pytest.raises(Rejected, match="closed"):
            await bob.call("send_order", "market", "buy", 5)


class Earned(Page):
    """You have {{ cash }} cents."""

    def templatevars(page, player):
        last = Market.in_session(player.session, period=3)
        last.settle()
        return last.settled(player)


async def test_a_page_of_ones_own_tells_what_was_earned() -> None:
    """Also where the researcher ended the last period."""
    with serving(Rounds(Trading, n=3), Earned) as run:
        ann = Browser(run.link(run.players[0]))
        for _ in range(3):
            await told(ann)
            next_page(run, 0)
        text = await ann.load()
        paid = sum(market_of(run, t).settle() for t in (1, 2, 3))
        assert f"You have {100 + 2 * (paid + 5)} cents." in text


class Roles(MarketPage):
    """Trade."""

    def facts(page, player, market):
        return {"Role": "AB"[player.id]}


async def test_authors_say_what_else_is_to_be_read() -> None:
    with serving(Roles) as run:
        for place, role in enumerate("AB"):
            assert (await told(Browser(run.link(run.players[place]))))["facts"] == {"Role": role}


async def test_time_that_is_up_pays_the_dividend() -> None:
    with serving(Hurried, Thanks) as run:
        clocks = Clocks(run)
        await Browser(run.link(run.players[0])).load()
        market = market_of(run, 1)
        assert market.dividend is None
        clocks.wall += Hurried.seconds
        clocks.steady += Hurried.seconds
        run.pause()
        run.resume()  # deadlines are armed anew, and are reached
        await until(lambda: run.players[0].page == "Thanks")
        assert market.dividend in ASSET.possible
        assert not market.is_open


@pytest.mark.long
async def test_each_group_has_a_market_and_holdings_of_its_own() -> None:
    with serving(Pair, Rounds(Trading, n=2), players=4, seed=1) as run:
        four = [Browser(run.link(player)) for player in run.players]
        for browser in four:
            await browser.load()
            await browser.connect()
        await until(lambda: all(player.page == "Trading" for player in run.players))
        first = await asyncio.gather(*map(told, four))
        names = [one["market"] for one in first]
        assert len(set(names)) == 2
        seller = 0
        buyer = next(n for n in range(1, 4) if names[n] == names[seller])
        await four[seller].call("send_order", names[seller], "sell", 40)
        await four[buyer].call("send_order", names[seller], "buy", 40)
        next_page(run, 0, 1, 2, 3)
        second = await asyncio.gather(*map(told, four))
        for place, one in enumerate(second):
            paid = one["facts"]["Dividend of the last period"]
            units = {seller: 1, buyer: 3}.get(place, 2)
            assert one["mine"]["units"] == units
            assert one["mine"]["cash"] == 100 + 40 * (2 - units) + units * paid
        [other] = set(names) - {names[seller]}
        tables = run.market(other)
        assert list(tables.periods.volume) == [0, 0]
        assert list(tables.periods.fundamental_value) == [26, 19]


@pytest.mark.long
async def test_the_session_goes_on_after_a_restart_in_the_middle(tmp_path: Path) -> None:
    options: dict[str, Any] = {"db": tmp_path / "log.sqlite3", "seed": 2}
    with serving(Rounds(Trading, n=3), **options) as run:
        ann = Browser(run.link(run.players[0]))
        await told(ann)
        paid = market_of(run, 1).settle()
    with serving(Rounds(Trading, n=3), **options) as run:
        next_page(run, 0)
        ann = Browser(run.link(run.players[0]))
        now = await told(ann)
        assert now["mine"]["cash"] == 100 + 2 * paid
        assert now["facts"]["Dividend of the last period"] == paid


@pytest.mark.long
async def test_the_same_seed_pays_the_same_dividends() -> None:
    async def dividends(seed: int) -> list[Any]:
        with serving(Rounds(Trading, n=3), seed=seed) as run:
            ann = Browser(run.link(run.players[0]))
            for _ in range(3):
                await told(ann)
                next_page(run, 0)
            return [market_of(run, t).settle() for t in (1, 2, 3)]

    drawn = [await dividends(seed) for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len({*map(tuple, drawn)}) > 1


class Busy(Trading):
    """Trade."""

    rules = Rules(max_price=100, budget=True, short_sales=False)
    seconds = 1.5


@pytest.mark.long
async def test_bots_trade_from_period_to_period_and_nothing_is_lost() -> None:
    """They know what holding is worth from the page, and go on when their time is up."""
    with serving(Rounds(Busy, n=3), Thanks, players=4, seed=1) as run:
        limits: list[Any] = []

        class Noted(NearZeroIntelligence):
            def quote(self, view: View, chance: Random) -> Any:
                limits.append(view.limit)
                return super().quote(view, chance)

        run.bots([market_bot(Noted(), pace=0.05) for _ in range(4)], seed=1)
        await until(lambda: all(player.page == "Thanks" for player in run.players), 40)
        assert set(limits) == {26, 19, 12}
        tables = run.market()
        assert tables.periods.volume.sum() > 0
        last = market_of(run, 3)
        paid = sum(market_of(run, t).settle() for t in (1, 2, 3))
        cash = sum(last.settled(player.name)["cash"] for player in run.players)
        assert cash == 4 * 100 + 8 * (paid + ASSET.terminal)


@pytest.mark.long
async def test_what_the_log_tells_is_enough_for_mispricing(tmp_path: Path) -> None:
    """Worked out by hand: mean prices 40 and 10 where holding is worth 26 and 19."""
    with serving(Rounds(Trading, n=3), Thanks) as run:
        pair = [Browser(run.link(player)) for player in run.players]
        for price in (40, 10):
            for browser in pair:
                await told(browser)
            await pair[0].call("send_order", "market", "sell", price)
            await pair[1].call("send_order", "market", "buy", price)
            next_page(run, 0, 1)
        await told(pair[0])
        tables = run.market()
        paid = [market_of(run, t).dividend for t in (1, 2)]
        periods = tables.periods
        assert list(periods.fundamental_value) == [26, 19, 12]
        assert list(periods.dividend)[:2] == paid
        assert periods.dividend.isna().tolist() == [False, False, True]
        assert periods[["surplus", "efficiency"]].isna().values.tolist()[:2] == [[True, True]] * 2
        [row] = tables.mispricing.to_dict("records")
        assert (row["periods"], row["traded_periods"]) == (3, 2)
        assert row["rd"] == pytest.approx(((40 - 26) + (10 - 19)) / 2 / 19)
        assert row["rad"] == pytest.approx((14 + 9) / 2 / 19)
        assert row["amplitude"] == pytest.approx((14 + 9) / 26)
        assert row["turnover"] == 2 / 4
        run.export(tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as made:
            [name] = [one for one in made.namelist() if "mispricing" in one]
            assert made.read(name).decode().startswith("session,periods,traded_periods,mean_fund")


class Plain(MarketPage):
    """Trade."""


@pytest.mark.long
async def test_a_market_without_an_asset_has_no_mispricing(tmp_path: Path) -> None:
    with serving(Plain) as run:
        await told(Browser(run.link(run.players[0])))
        assert len(run.market().mispricing) == 0
        assert run.market().periods.fundamental_value.isna().all()
        run.export(tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as made:
            assert not [name for name in made.namelist() if "mispricing" in name]


def test_a_page_without_dividends_is_refused_where_it_is_written() -> None:
    with pytest.raises(BadPage, match="dividends"):
        type("Odd", (AssetMarketPage,), {"__doc__": "Trade."})


def test_a_page_on_which_nobody_could_trade_is_refused_where_it_is_written() -> None:
    own = {"__doc__": "Trade.", "dividends": ASSET, "rules": Rules(no_loss=True)}
    with pytest.raises(BadPage, match="no_loss=True needs values"):
        type("Odd", (AssetMarketPage,), own)
    type("Valued", (AssetMarketPage,), own | {"open_market": lambda page, market, traders: None})


def test_who_produced_what_was_sold_owes_nothing_in_the_next_period(worlds: Worlds) -> None:
    rules, values = Rules(short_sales=False), InducedValues({"b": [50]}, {"s": [20, 30]})
    one = Market.in_session(worlds.open().session, rules=rules, values=values)
    one.endow("s", units=1)
    for price in (40, 41):
        one.limit("b", "buy", price)
        one.limit("s", "sell", price)
    one.settle(dividend=10)
    assert one.settled("s") == {"cash": 81, "units": 0}
    two = Market.in_session(one.model.session, period=2, rules=rules, values=values)
    two.carry_over(one)
    assert two.book.account("s").free_units == 2


def test_what_is_owed_is_produced_once_there_are_costs(worlds: Worlds) -> None:
    market = Market.in_session(worlds.open().session)
    market.endow("s", cash=5)
    for price in (40, 60):
        market.limit("b", "buy", price)
        market.limit("s", "sell", price)
    assert market.holdings("s")["held"] == 100
    market.induce_for("s", costs=[20])
    assert market.holdings("s")["held"] == 60  # the first was produced, as a restart finds, too
    assert market.again().holdings("s")["held"] == 60


def test_who_had_no_credit_has_none_in_the_next_period_and_the_other_way_round(
    worlds: Worlds,
) -> None:
    world = worlds.open()
    one, two = (Market.in_session(world.session, name="x", period=t) for t in (1, 2))
    one.endow("ann", cash=10, units=1)
    one.limit("bob", "buy", 50)
    two.carry_over(one)
    with pytest.raises(OrderRefused, match="money"):
        two.limit("ann", "buy", 11)
    two.limit("bob", "buy", 50)
    world.journal.commit()
    found = Market.in_session(worlds.open().session, name="x", period=2)
    assert [account.endowed for account in found.book.accounts.values()] == [True, False]
