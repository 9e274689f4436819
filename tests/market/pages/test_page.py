"""MarketPage over real sockets: what authors and participants may get wrong, and what they see."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Clocks, Rejected, serving, set_clock, until_true
from uproot_nb import Page, Rounds, Run, rerun
from uproot_nb.errors import BadMarket, BadPage
from uproot_nb.market import Fees, InducedValues, Market, MarketPage, Rules, Tax
from uproot_nb.market.market import SHOWN_ORDERS
from uproot_nb.market.pages.page import markets_of
from uproot_nb.market.traders import ZIC, market_bot
from uproot_nb.session.model_functions import create_model


class Trading(MarketPage):
    """Trade."""


class Over(Page):
    """It is over."""


def test_robots_timing_is_refused_where_people_trade() -> None:
    with pytest.raises(BadPage, match="everybody acts at any time"):

        class Eager(MarketPage):
            """Trade."""

            rules = Rules(timing="turns")


async def test_a_new_quote_takes_the_place_of_ones_last_where_quotes_lapse() -> None:
    class Outcry(MarketPage):
        """Trade."""

        rules = Rules(lapse="shout", trade_price="taker", floor=20)

        def open_market(page, market, traders) -> None:
            first, second = traders
            market.induce(InducedValues({first.name: [90]}, {second.name: [10]}))

    with serving(Outcry, Over, players=2) as run:
        ann, bob = await opened(run)
        for browser in (ann, bob):
            await seed(browser)
        with pytest.raises(Rejected, match="must not be below 20"):
            await ann.call("send_order", "market", "buy", 19)
        for price in (40, 50):
            reply = await ann.call("send_order", "market", "buy", price)
            assert [row[2] for row in reply["mine"]["orders"]] == [price]
        assert (await bob.call("send_order", "market", "sell", 45))["mine"]["profit"] == 35
        assert (await seed(ann))["mine"]["profit"] == 45
        assert list(run.market().trades.price) == [45]


async def test_what_only_its_owner_sees_is_pushed_to_nobody_else_and_leaves_no_gap() -> None:
    class Icebergs(MarketPage):
        """Trade."""

        rules = Rules(terms=("iceberg",))

    with serving(Icebergs, Over, players=2) as run:
        ann, bob = await opened(run)
        first = (await seed(bob))["depth"]["seq"]
        sent = await ann.call(
            "send_order", "market", "buy", 40, 40, None, "en", None, None, 4
        )  # fmt: skip
        reply = await ann.call("replace_order", "market", sent["order"], None, 30)
        assert [row[3] for row in reply["mine"]["orders"]] == [30]
        assert reply["seq"] == sent["seq"] == first + 1
        market = Market.in_session(run.session)
        with run.lock:
            market.cancel_all("nobody")
        await ann.settle()
        mine = [data["mine"]["orders"] for data in ann.data() if "mine" in data]
        assert [row[3] for rows in mine for row in rows] == [40, 30]
        await ann.call("cancel_order", "market", sent["order"])
        await bob.settle()
        numbers = [(data["before"], data["seq"], data["changes"]) for data in bob.data()]
        assert numbers == [
            (first, first + 1, [["buy", 40, 4, 1]]), (first + 1, first + 2, [["buy", 40, 0, 0]])
        ]  # fmt: skip
        assert (await seed(bob))["depth"]["seq"] == market.again().public_changes == first + 2


@pytest.mark.long
async def test_the_money_that_people_see_is_what_they_are_paid() -> None:
    class Taxed(MarketPage):
        """Trade."""

        rules = Rules(
            no_loss=True, buyer_tax=Tax(5), seller_tax=Tax(rate=Decimal("0.1")), fees=Fees(1, 2)
        )

        def open_market(page, market, traders) -> None:
            first, second = traders
            market.induce(InducedValues({first.name: [90, 70]}, {second.name: [10, 20]}))

    with serving(Taxed, Over, players=2) as run:
        ann, bob = await opened(run)
        data = await seed(ann)
        assert data["charges"] == {
            "buyer_tax": {"per_unit": 5, "rate": 0}, "seller_tax": {"per_unit": 0, "rate": "0.1"},
            "fees": {"maker": 1, "taker": 2},
        }  # fmt: skip
        with pytest.raises(Rejected, match="with taxes and fees is above your value of 90"):
            await ann.call("send_order", "market", "buy", 84)
        await bob.call("send_order", "market", "sell", 40)
        mine = (await ann.call("send_order", "market", "buy", 50))["mine"]
        assert (mine["profit"], mine["charged"], mine["cash"]) == (90 - 47, 7, -47)
        theirs = (await seed(bob))["mine"]
        assert (theirs["profit"], theirs["charged"], theirs["cash"]) == (40 - 5 - 10, 5, 35)
        tables = run.market()
        assert list(tables.traders["surplus"]) == [43, 25]
        assert list(tables.traders["cash"]) == [-47, 35]
        assert list(tables.order_events["tax_paid"].dropna()) == [4, 5]
        row = tables.periods.iloc[0]
        assert (row["tax_revenue"], row["fee_revenue"], row["welfare"]) == (9, 3, 80)
        assert row["equilibrium_welfare"] == 80 + 50
        again = rerun(run, [Taxed, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"


@pytest.mark.long
async def test_an_order_that_does_not_stand_is_one_where_the_rules_say_so() -> None:
    class Immediate(MarketPage):
        """Trade."""

        rules = Rules(terms=("ioc",))

    with serving(Immediate, Over, players=2) as run:
        ann, bob = await opened(run)
        assert (await seed(ann))["terms"] == ["ioc"]
        await seed(bob)
        await ann.call("send_order", "market", "sell", 40, 2)
        reply = await bob.call("send_order", "market", "buy", 45, 3, terms="ioc")
        assert (reply["traded"], reply["resting"], reply["mine"]["orders"]) == (2, 0, [])
        for terms in ("fok", "", 7, ["ioc"], {}):
            with pytest.raises(Rejected, match="Orders of this kind are not allowed here"):
                await bob.call("send_order", "market", "buy", 45, 1, terms=terms)
        with pytest.raises(Rejected, match="no longer available"):
            await bob.call("send_order", "market", "buy", 45, 1, terms="ioc")
        events = run.market().order_events
        refused = events[events["event"] == "reject"]
        assert list(refused["kind"]) == ["fok", *["limit"] * 4, "ioc"]
        assert run.market().book["bid"].isna().all()


async def opened(run: Run, count: int = 2) -> list[Browser]:
    return [await Browser.open(run, place) for place in range(count)]


async def seed(browser: Browser, at: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = (await browser.call("seed_markets"))["markets"][at]
    return told


def rejected(run: Run) -> list[str]:
    events = run.market().order_events
    return list(events[events["event"] == "reject"]["reason"])


# ---- one market for each period ------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    [
        lambda page, other: [page, Over, page],
        lambda page, other: [Rounds(page, n=2), Over, Rounds(page, n=2)],
        lambda page, other: [Rounds(Rounds(page, n=2), n=2)],
        lambda page, other: [page, other, Over],
    ],
)
async def test_each_time_on_a_page_is_a_period_of_its_own(order: Any) -> None:
    """Whatever the page order, and also if another page trades in markets of the same name."""

    class Other(MarketPage):
        """Trade."""

    with serving(*order(Trading, Other)) as run:
        player, seen = run.players[0], []
        while player.position < len(run._runtime.flow.journeys.steps(player)):
            await Browser(run.link(player)).fetch()
            if player.page in ("Trading", "Other"):
                (found,) = (
                    m.period
                    for m in run._runtime.world.models.bound.values()
                    if m.period not in seen
                )
                seen.append(found)
            run.advance(player)
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) >= 2


async def test_markets_of_other_names_are_counted_apart() -> None:
    class Practice(MarketPage):
        """Trade."""

        market_names = ("practice",)

    with serving(Practice, Trading) as run:
        (ann,) = await opened(run, 1)
        assert ((await seed(ann))["title"], (await seed(ann))["period"]) == ("practice", 1)
        run.advance(run.players[0])
        await ann.load()
        await ann.reconnect()
        assert ((await seed(ann))["title"], (await seed(ann))["period"]) == ("market", 1)


# ---- what authors do -----------------------------------------------------------------------


@pytest.mark.long
async def test_a_market_whose_set_up_fails_can_be_opened_once_it_is_mended(tmp_path: Path) -> None:
    """Also after another restart: the orders are there."""

    class Broken(MarketPage):
        """Trade."""

        is_broken = True

        def open_market(page, market, traders) -> None:
            market.endow(next(iter(traders)), cash=7)
            if page.is_broken:
                raise KeyError("oh")

    log = str(tmp_path / "log.sqlite3")
    with serving(Broken, db=log) as run:
        assert (await Browser(run.link(run.players[0])).fetch()).code == 500
        Broken.is_broken = False
        (ann,) = await opened(run, 1)
        assert (await seed(ann))["mine"]["cash"] == 7
        await ann.call("send_order", "market", "buy", 3)
    with serving(Broken, db=log) as run:
        (ann,) = await opened(run, 1)
        told = await seed(ann)
        assert ([row[2] for row in told["mine"]["orders"]], told["mine"]["cash"]) == ([3], 7)


async def test_a_hook_that_fails_takes_its_market_along() -> None:
    class First(Page):
        """First."""

        is_broken = True

        def before_once(page, player) -> None:
            market = Market.in_session(player.session, name="bonds")
            if page.is_broken:
                raise KeyError("oh")
            market.limit(player, "sell", 5)

    with serving(First) as run:
        ann = Browser(run.link(run.players[0]))
        assert (await ann.fetch()).code == 500
        First.is_broken = False
        assert (await ann.fetch()).code == 200
        assert Market.in_session(run.session, name="bonds").book.best_ask == 5


class Open(MarketPage):
    """Trade."""

    rules = Rules(no_loss=True)

    def open_market(page, market, traders) -> None:
        market.induce(InducedValues({trader.name: [90] for trader in traders}, {}))

    def late_trader(page, market, trader) -> None:
        if trader.get("is_unwanted"):
            raise KeyError("oh")
        market.induce_for(trader, costs=[10, 20])
        market.endow(trader, cash=5)


@pytest.mark.long
async def test_who_comes_late_is_let_in_once(tmp_path: Path) -> None:
    """And the same after a restart, in the tables, and in a rerun."""
    log = str(tmp_path / "log.sqlite3")
    with serving(Open, Over, db=log, players=1) as run:
        (ann,) = await opened(run, 1)
        await ann.call("send_order", "market", "buy", 60)
        await asyncio.gather(*(Browser(run.join_link).fetch(body={}) for _ in range(2)))
        bob, cleo = await asyncio.gather(Browser.open(run, 1), Browser.open(run, 2))
        for late in (bob, cleo):
            told = await seed(late)
            assert (told["sides"], told["mine"]["cost"], told["mine"]["cash"]) == (["sell"], 10, 5)
        assert (await bob.call("send_order", "market", "sell", 60))["traded"] == 1
        assert (await seed(ann))["sides"] == ["buy"]
        again = rerun(run, [Open, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"
    with serving(Open, Over, db=log) as run:
        told = await seed(await Browser.open(run, 1))
        assert (told["mine"]["cost"], told["mine"]["cash"]) == (20, 5 + 60)
        market = run.market()
        assert market.induced_values["side"].value_counts().to_dict() == {"sell": 4, "buy": 1}


async def test_whom_the_author_fails_to_let_in_is_let_in_once_that_is_mended() -> None:
    with serving(Open, players=1) as run:
        await opened(run, 1)
        await Browser(run.join_link).fetch(body={})
        run.players[1].is_unwanted = True
        assert (await Browser(run.link(run.players[1])).fetch()).code == 500
        run.players[1].is_unwanted = False
        bob = await Browser.open(run, 1)
        assert (await seed(bob))["mine"]["cash"] == 5
        assert (await seed(bob))["mine"]["cash"] == 5


async def test_without_a_word_of_the_author_who_comes_late_looks_on() -> None:
    class Closed(Open):
        """Trade."""

        late_trader = MarketPage.late_trader

    with serving(Closed, players=1) as run:
        await opened(run, 1)
        await Browser(run.join_link).fetch(body={})
        bob = await Browser.open(run, 1)
        assert (await seed(bob))["sides"] == []


def test_values_are_induced_once_for_each() -> None:
    with serving(Trading) as run:
        market = Market.in_session(run.session, values=InducedValues({"ann": [9]}, {}))
        market.induce_for("ann", costs=[3])
        market.induce_for("bob", [8, 7], [2])
        assert market.values == InducedValues({"ann": [9], "bob": [8, 7]}, {"ann": [3], "bob": [2]})
        for units in ({"values": [1]}, {"costs": [1]}):
            with pytest.raises(BadMarket, match="already"):
                market.induce_for("bob", **units)
        with pytest.raises(BadMarket, match="amounts of money"):
            market.induce_for("cleo", [0.5])


async def test_rules_that_an_author_gave_a_market_stay() -> None:
    with serving(Trading) as run:
        Market.in_session(run.session, rules=Rules(improvement=True))
        (ann,) = await opened(run, 1)
        await ann.call("send_order", "market", "buy", 9)
        with pytest.raises(Rejected):
            await ann.call("send_order", "market", "buy", 8)


async def test_a_market_that_was_only_looked_at_gets_the_pages_rules() -> None:
    class Strict(MarketPage):
        """Trade."""

        rules = Rules(max_price=50)

    with serving(Strict) as run:
        Market.in_session(run.session)
        (ann,) = await opened(run, 1)
        assert (await seed(ann))["max_price"] == 50


def test_what_answers_at_once_is_no_coroutine() -> None:
    with pytest.raises(BadPage, match="async def"):

        class Wrong(MarketPage):
            async def open_market(page, market, traders) -> None:
                pass


async def test_a_model_of_ones_own_is_no_market() -> None:
    with serving(Trading) as run:
        create_model(run.session, tag="bonds-1")
        with pytest.raises(BadMarket, match="another name"):
            Market.in_session(run.session, name="bonds")


async def test_what_happens_by_the_authors_code_is_seen_on_the_page() -> None:
    """An order of a cell, a trade with it, and the end."""
    with serving(Trading) as run:
        ann, bob = await opened(run)
        for browser in (ann, bob):
            await seed(browser)
        market = Market.in_session(run.session)
        market.limit("house", "sell", 5)
        market.limit(run.players[0], "buy", 5)
        market.close()
        names = ["UprootMarket", "UprootMarketMine", "UprootMarket", "UprootMarketClosed"]
        await ann.settle()
        await bob.settle()
        assert [event["event"] for event in ann.events] == names
        assert ann.events[1]["data"]["mine"]["units"] == 1
        assert [event["event"] for event in bob.events] == [names[0], names[2], names[3]]
        with pytest.raises(Rejected, match="closed"):
            await ann.call("send_order", "market", "buy", 1)


async def test_a_pause_moves_the_end_of_a_period() -> None:
    class Timed(MarketPage):
        """Trade."""

        seconds = 60

    with serving(Timed, Over, players=2) as run:
        await opened(run, 1)
        ends = Market.in_session(run.session).model.ends
        run.advance(run.players[0])  # nobody is there whose deadline would tell
        run.pause()
        now = time.time()
        set_clock(run, lambda: now + 40)
        run.resume()
        assert Market.in_session(run.session).model.ends >= ends + 39


def test_a_pause_right_after_a_restart_moves_the_end_of_a_period(tmp_path: Path) -> None:
    class Timed(MarketPage):
        """Trade."""

        seconds = 60

    log = str(tmp_path / "log.sqlite3")
    with serving(Timed, Over, db=log) as run:
        ends = markets_of(Timed, run.players[0])[0].model.ends
    with serving(Timed, Over, db=log) as run:
        now = time.time()
        set_clock(run, lambda: now)
        run.pause()
        set_clock(run, lambda: now + 40)
        run.resume()
        assert Market.in_session(run.session).model.ends == pytest.approx(ends + 40, abs=1)


# ---- what participants do ------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("order", "code"),
    [
        (("buy", "NaN"), "no_price"), (("buy", "1e999"), "no_price"), (("buy", "1-"), "no_price"),
        (("buy", "1,000"), "no_price"), (("buy", True), "no_price"), (("buy", []), "no_price"),
        (("buy", "9" * 60_000), "no_price"), (("buy", 10.5), "off_tick"),
        (("buy", "-5"), "not_positive"), (("buy", 2**60), "too_high"), (("buy", 2**70), "too_high"),
        (("buy", 5, 1.5), "no_quantity"), (("buy", 5, "two"), "no_quantity"),
        (("buy", 5, True), "no_quantity"), (("buy", 5, None), "no_quantity"),
        (("buy", 5, -1), "no_quantity"), (("buy", 5, 10**15), "too_many"), (("both", 5), "no_side"),
        ((["buy"], 5), "no_side"), ((None, 5), "no_side"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["send_order", "take_price"])
async def test_whatever_is_no_order_is_refused_and_in_the_data(
    order: Any, code: str, method: str
) -> None:
    with serving(Trading) as run:
        ann, bob = await opened(run)
        await bob.call("send_order", "market", "sell", 7)
        before = await seed(ann)
        with pytest.raises(Rejected) as refused:
            await ann.call(method, "market", *order)
        assert "went wrong" not in refused.value.message
        reasons = rejected(run)
        assert len(reasons) == 1
        assert reasons[0] in (code, "gone")  # take_price: nothing stands at that price
        assert await seed(ann) == before


async def test_what_is_no_change_changes_nothing() -> None:
    with serving(Trading) as run:
        (ann,) = await opened(run, 1)
        number = (await ann.call("send_order", "market", "buy", 5, 2))["order"]
        changes = (number, "6", "abc"), ("x", 6), (None, 6), (number + 1, 6), (number, 2**70)
        for change in changes:
            with pytest.raises(Rejected):
                await ann.call("replace_order", "market", *change)
        assert [row[2:] for row in (await seed(ann))["mine"]["orders"]] == [[5, 2]]
        assert len(rejected(run)) == 5


@pytest.mark.long
async def test_what_was_won_in_practice_is_not_spent_in_the_paid_market() -> None:
    class Practice(MarketPage):
        """Practise."""

        market_names = ("practice",)

        def open_market(page, market, traders) -> None:
            for trader in traders:
                market.endow(trader, cash=100, units=3)

    class Paid(Practice):
        """Trade."""

        market_names = ("market",)

    with serving(Practice, Paid, Over, players=2) as run:
        ann, bob = await opened(run)
        await ann.call("send_order", "practice", "sell", 60)
        await bob.call("send_order", "practice", "buy", 60)
        for browser in (ann, bob):
            await browser.submit()
            await browser.disconnect()
            await browser.load()
            await browser.connect()
        assert (await seed(ann))["mine"]["purse"] == 100
        with pytest.raises(Rejected, match="money"):
            await ann.call("send_order", "market", "buy", 101)
        assert (await seed(bob))["mine"]["purse"] == 100


@pytest.mark.long
async def test_an_order_is_not_changed_to_more_than_the_induced_units() -> None:
    class Induced(MarketPage):
        """Trade."""

        def open_market(page, market, traders) -> None:
            first, second = traders
            market.induce(InducedValues({first.name: [90, 80]}, {second.name: [10, 20, 30]}))

    with serving(Induced, Over, players=2) as run:
        ann, bob = await opened(run)
        number = (await ann.call("send_order", "market", "buy", 50))["order"]
        with pytest.raises(Rejected, match="not have enough units"):
            await ann.call("replace_order", "market", number, 50, 3)
        number = (await ann.call("replace_order", "market", number, 50, 2))["order"]
        await bob.call("send_order", "market", "sell", 50, 1)
        with pytest.raises(Rejected, match="not have enough units"):
            await ann.call("replace_order", "market", number, 55, 2)
        assert (await seed(ann))["mine"]["bought"] == 1


async def test_fill_or_kill_needs_a_price() -> None:
    class Terms(MarketPage):
        """Trade."""

        rules = Rules(terms=("ioc", "fok"))

    with serving(Terms) as run:
        ann, bob = await opened(run)
        await ann.call("send_order", "market", "buy", 50, 1)
        with pytest.raises(Rejected, match="not allowed here"):
            await bob.call("send_order", "market", "sell", None, 2, None, "en", "fok")
        reply = await bob.call("send_order", "market", "sell", None, 2, None, "en", "ioc")
        assert reply["traded"] == 1


async def test_taking_leaves_nothing_standing_even_among_ones_own_orders() -> None:
    class Mixed(MarketPage):
        """Trade."""

        rules = Rules(self_trade="cancel_oldest")

    with serving(Mixed) as run:
        ann, bob = await opened(run)
        await ann.call("send_order", "market", "sell", 11, 5)
        with pytest.raises(Rejected):
            await ann.call("take_price", "market", "buy", 11)  # it is ann's own
        await bob.call("send_order", "market", "sell", 12)
        reply = await ann.call("take_price", "market", "buy", 12, 3)
        assert (reply["traded"], reply["resting"]) == (1, 0)


async def test_a_closed_market_says_so_whatever_one_does() -> None:
    with serving(Trading) as run:
        (ann,) = await opened(run, 1)
        await seed(ann)
        Market.in_session(run.session).close()
        for call in (("send_order", "buy", 1), ("take_price", "buy", 1)):
            with pytest.raises(Rejected, match="closed"):
                await ann.call(call[0], "market", *call[1:])
        with pytest.raises(Rejected, match="closed"):
            await ann.call("cancel_order", "market", 1)
        assert rejected(run) == ["closed"] * 3


@pytest.mark.long
async def test_of_thousands_of_own_orders_the_newest_are_told() -> None:
    with serving(Trading) as run:
        (ann,) = await opened(run, 1)
        await seed(ann)
        market = Market.in_session(run.session)
        with run.lock:
            for price in range(1, 1_001):
                market.limit(run.players[0], "buy", price)
        mine = (await seed(ann))["mine"]
        assert (len(mine["orders"]), mine["more"]) == (SHOWN_ORDERS, 1_000 - SHOWN_ORDERS)
        assert mine["orders"][-1][2] == 1_000


# ---- bots ----------------------------------------------------------------------------------


@pytest.mark.long
def test_bots_trade_on_every_market_page_between_others() -> None:
    class Intro(Page):
        """# Welcome"""

    class Market2(MarketPage):
        """Trade."""

        seconds = 3600

        def open_market(page, market, traders) -> None:
            buyer, seller = (trader.name for trader in traders)
            market.induce(InducedValues({buyer: [90]}, {seller: [10]}))

    with serving(Intro, Rounds(Market2, Over, n=2), players=2) as run:
        clocks = Clocks(run)
        bots = run.bots([market_bot(ZIC(), pace=0.02) for _ in range(2)], seed=1)
        for period in (1, 2):
            until_true(lambda period=period: period in set(run.market().trades["period"]), 60)
            clocks.wall += 3600
            clocks.steady += 3600
            run.pause()
            run.resume()  # deadlines are armed anew, and are reached
        assert bots.wait(60), bots.status.to_string()
        assert bots.status["state"].tolist() == ["done"] * 2, bots.status["error"].tolist()
        events = run.market().order_events
        assert set(events["period"]) == {1, 2}
