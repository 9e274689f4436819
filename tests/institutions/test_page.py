"""InstitutionPage over real sockets: each institution, restarts, dropouts, pauses, and reruns."""
# ruff: noqa: ANN001, ANN201, ANN202  (as authors write)

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving, set_clock, until
from tests.silence import without_warning
from uproot_nb import GroupCreatingWait, Page, Rounds, Run, move_to_page, rerun
from uproot_nb.errors import BadMarket, BadPage
from uproot_nb.institutions import (
    BertrandMarket,
    CournotMarket,
    DutchClock,
    Endowment,
    EnglishClock,
    InstitutionPage,
    LinearDemand,
    LiveGame,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
)


class Auction(InstitutionPage):
    """Bid."""

    institution = SealedBidAuction("first", PrivateValues(0, 100), tick=Decimal("0.5"))

    def endow(page, players, period):
        return {p.name: Endowment(values=(60 + 10 * p.id,)) for p in players}


class Forecast(InstitutionPage):
    """Trade."""

    institution = PredictionMarket(("rain", "sun"), liquidity=50, payout=100)


class Over(Page):
    """It is over."""


async def opened(run: Run, count: int = 2) -> list[Browser]:
    browsers = [await Browser.open(run, place) for place in range(count)]
    for browser in browsers:
        await seed(browser)
    return browsers


async def seed(browser: Browser) -> dict[str, Any]:
    data: dict[str, Any] = await browser.call("seed_institution")
    return data


async def decide(browser: Browser, action: str, *amounts: Any, target: str = "") -> Any:
    return await browser.call("send_decision", action, list(amounts), target, 5.0, "en")


def facts(data: dict[str, Any]) -> dict[str, Any]:
    return dict(data["facts"])


def elapsed(data: dict[str, Any]) -> float:
    assert data["clock"] is not None
    return float(data["now"] - data["started"])


async def refused(browser: Browser, action: str, *amounts: Any, target: str = "") -> str:
    with pytest.raises(Rejected) as refusal:
        await decide(browser, action, *amounts, target=target)
    return refusal.value.message


# ---- sealed bids ----------------------------------------------------------------------------


@pytest.mark.long
async def test_nobody_learns_of_a_sealed_bid_before_all_have_bid() -> None:
    with serving(Auction, Over) as run:
        ann, bob = await opened(run)
        before = await seed(bob)
        answer = await decide(ann, "bid", "55.5")
        assert (answer["open"], answer["actions"]) == (True, [])
        assert answer["status"] == "Please wait for the others."
        await bob.settle()
        after = await seed(bob)
        assert bob.events == []
        for name in ("clock", "facts", "actions", "public", "report", "own", "decisions"):
            assert after[name] == before[name]
        await ann.submit()
        assert run.players[0].page == "Auction"  # nobody goes on before the end
        answer = await decide(bob, "bid", 40)
        assert answer["open"] is False
        await ann.settle()
        data = ann.data()[-1]
        assert facts(data)["Price"] == "55.5"
        assert facts(data)["Profit"] == "14.5" if run.players[0].id == 1 else "4.5"
        assert (await ann.submit()).code == 303
        assert list(run.institution().periods["revenue"]) == [55.5]


@pytest.mark.long
@pytest.mark.parametrize("is_sealed", [True, False])
async def test_a_second_tab_of_who_decides_shows_the_decision(is_sealed: bool) -> None:
    with serving(Auction if is_sealed else Forecast, Over) as run:
        ann, bob = await opened(run)
        second = await Browser.open(run, 0)
        assert (await seed(second))["own"] == []
        if is_sealed:
            answer = await decide(ann, "bid", 40)
        else:
            answer = await decide(ann, "buy", 3, target="rain")
        await second.settle()
        (data,) = second.data()
        for name in ("actions", "decisions", "facts", "own", "status"):
            assert data[name] == answer[name]
        await bob.settle()
        assert bool(bob.data()) is not is_sealed


@pytest.mark.long
async def test_what_is_no_bid_is_refused_and_in_the_data() -> None:
    class Own(Auction):
        texts = {"too_high": "Zu viel."}  # noqa: RUF012

    with serving(Own, Over) as run:
        (ann,) = await opened(run, 1)
        assert "plain number" in await refused(ann, "bid", "abc")
        assert "multiple of 0.5" in await refused(ann, "bid", "3.3")
        assert "below 0" in await refused(ann, "bid", -1)
        assert await refused(ann, "bid", 10**30) == "Zu viel."
        for odd in (["bid"], ["bid", {"a": 1}, "x"], [None, None], ["bid", [[1]]], [7, [5], []]):
            with pytest.raises(Rejected) as wrong:
                await ann.call("send_decision", *odd)
            assert "went wrong" not in wrong.value.message
        await decide(ann, "bid", 5)
        assert "already" in await refused(ann, "bid", 6)
        reasons = list(run.institution("sealed_bid").decisions["reason"].dropna())
        assert reasons[:4] == ["no_amount", "off_tick", "too_low", "too_high"]
        assert reasons[-1] == "already"
        assert run.errors.empty


async def test_numbers_are_read_in_the_language_of_the_page() -> None:
    with serving(Auction, Over) as run:
        (ann,) = await opened(run, 1)
        answer = await ann.call("send_decision", "bid", ["45,5"], "", None, "de")
        assert answer["own"] == [["bid", "", ["45.5"]]]


# ---- periods, groups, restarts --------------------------------------------------------------


@pytest.mark.long
async def test_each_round_is_a_period_with_its_own_values() -> None:
    class Drawn(InstitutionPage):
        institution = SealedBidAuction("second", PrivateValues(0, 100))
        game_name = "drawn"

    with serving(Rounds(Drawn, n=2), Over) as run:  # type: ignore[arg-type]
        values = []
        for _ in range(2):
            browsers = await opened(run)
            values.append([facts(await seed(browser))["Your value"] for browser in browsers])
            for browser in browsers:
                await decide(browser, "bid", 10)
            for browser in browsers:
                assert (await browser.submit()).code == 303
        assert values[0] != values[1]
        assert list(run.institution("drawn").periods["period"]) == [1, 2]


@pytest.mark.long
async def test_people_know_which_of_how_many_periods_it_is_and_what_is_practice() -> None:
    class Trial(Auction):
        """Bid."""

        game_name, practice = "trial", True

    with serving(Trial, Rounds(Auction, n=2), Over) as run:
        seen = []
        for _ in range(3):
            (ann,) = await opened(run, 1)
            data = await seed(ann)
            seen.append((data["period"], data["periods"], data["practice"]))
            await ann.disconnect()
            run.advance(run.players[0])
        assert seen == [(1, 1, True), (1, 2, False), (2, 2, False)]


@pytest.mark.long
async def test_a_restart_keeps_bids_and_endowments(tmp_path: Path) -> None:
    """And a rerun says the same."""
    log = str(tmp_path / "log.sqlite3")
    with serving(Auction, Over, db=log) as run:
        ann, bob = await opened(run)
        value = facts(await seed(ann))["Your value"]
        await decide(ann, "bid", 50)
    with serving(Auction, Over, db=log) as run:
        ann, bob = await opened(run)
        assert facts(await seed(ann))["Your value"] == value
        assert (await seed(ann))["actions"] == []
        await decide(bob, "bid", 20)
        assert (await seed(ann))["open"] is False
        again = rerun(run, [Auction, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"


@pytest.mark.long
async def test_a_period_keeps_the_rules_with_which_it_began() -> None:
    with serving(Auction, Over) as run:
        await opened(run, 1)
        with pytest.raises(BadMarket, match="different rules"):
            LiveGame.in_session(run.session, SealedBidAuction("second"))


def test_a_page_without_an_institution_is_a_mistake() -> None:
    with pytest.raises(BadPage, match="no institution"):

        class Nothing(InstitutionPage):
            pass

    with pytest.raises(BadPage, match="institution"):

        class Wrong(InstitutionPage):
            institution = "auction"  # type: ignore[assignment]


# ---- who is not there -----------------------------------------------------------------------


@pytest.mark.long
async def test_who_is_moved_on_is_not_waited_for() -> None:
    with serving(Auction, Over, players=3) as run:
        ann, bob, _ = await opened(run, 3)
        await decide(ann, "bid", 50)
        await decide(bob, "bid", 20)
        assert (await seed(ann))["open"]
        move_to_page(run.players[2], Over)
        assert not (await seed(ann))["open"]
        tables = run.institution()
        assert list(tables.decisions["action"]) == ["bid", "bid", "absent"]
        assert list(tables.allocations["units"]) == [1, 0, 0]


@pytest.mark.long
async def test_who_has_left_before_a_period_is_no_bidder_in_it() -> None:
    with serving(Auction, Over, players=4) as run:
        run.mark_dropout(run.players[2])
        await until(lambda: run.players[2].has_dropped_out)
        move_to_page(run.players[3], Over)
        ann, bob = await opened(run)
        data = await seed(ann)
        assert (facts(data)["Bidders"], data["players"]) == (2, {"bidder": 2})
        await decide(ann, "bid", 50)
        assert (await decide(bob, "bid", 40))["open"] is False
        assert len(run.institution().allocations) == 2


async def test_a_seller_who_has_left_before_a_period_keeps_the_place_but_is_not_counted() -> None:
    with serving(Offers, Over, players=3) as run:
        move_to_page(run.players[0], Over)
        two, buyer = [await Browser.open(run, place) for place in (1, 2)]
        assert facts(await seed(two))["Sellers"] == 1
        await decide(two, "offer", 45)
        (buy, _) = (await seed(buyer))["actions"]
        assert buy["targets"] == [["2", "2", 45]]


@pytest.mark.long
async def test_a_period_that_all_are_moved_from_has_an_outcome() -> None:
    with serving(Auction, Over, players=3) as run:
        ann, *_ = await opened(run, 2)
        await decide(ann, "bid", 50)
        move_to_page(run.players[0], Over)
        move_to_page(run.players[1], Over)
        assert run.institution().periods.empty  # the third may still come
        move_to_page(run.players[2], Over)
        tables = run.institution()
        assert list(tables.periods["price"]) == [50]
        assert tables.allocations["units"].sum() == 1


@pytest.mark.long
async def test_a_round_that_all_are_moved_from_has_an_outcome() -> None:
    with serving(Rounds(Forecast, n=2), Over) as run:  # type: ignore[arg-type]
        ann, _ = await opened(run)
        await decide(ann, "buy", 10, target="rain")
        run.advance(run.players)
        assert list(run.institution().periods["period"]) == [1]
        ann, _ = await opened(run)
        assert (await seed(ann))["open"]


@pytest.mark.long
async def test_who_drops_out_has_left_a_rising_clock_at_its_price() -> None:
    with serving(Rising, Over, players=3) as run:
        hand = Hand(run)
        ann, bob, _ = await opened(run, 3)
        hand.seconds = 4 + 13
        run.mark_dropout(run.players[2])
        await until(lambda: len(run.institution().decisions) == 1)
        await ann.settle()
        assert facts(ann.data()[-1])["Still in the auction"] == 2
        hand.seconds = 4 + 15
        await decide(bob, "leave")
        tables = run.institution()
        assert list(tables.decisions["action"]) == ["absent", "leave"]
        assert list(tables.decisions["amount"]) == [16, 17]
        assert list(tables.periods["price"]) == [17]


async def test_when_the_time_is_up_the_bids_that_are_there_count() -> None:
    class Timed(Auction):
        seconds = 60

    with serving(Timed, Over) as run:
        ann, _ = await opened(run)
        await decide(ann, "bid", 50)
        now = time.time()
        set_clock(run, lambda: now + 61)
        with pytest.raises(Rejected):
            await decide(ann, "bid", 50)
        Timed.end_now(run.players[0])
        assert list(run.institution().periods["price"]) == [50]


@pytest.mark.long
async def test_everybody_sees_the_outcome_when_the_time_to_decide_is_up() -> None:
    class Timed(Auction):
        seconds = 60
        review = 20

    with serving(Timed, Over) as run:
        hand = Hand(run)
        ann, bob = await opened(run)
        assert (await decide(ann, "bid", 50))["left"] == pytest.approx(60)
        assert Timed.timeout(run.players[0]) == pytest.approx(80)
        hand.seconds = 59
        assert (await seed(bob))["open"]
        hand.seconds = 61
        assert "closed" in await refused(bob, "bid", 70)
        data = await seed(bob)
        assert (data["open"], data["left"], facts(data)["Price"]) == (False, None, 50)
        await ann.settle()
        assert ann.data()[-1]["report"]["price"] == 50
        assert run.players[0].page == "Timed"
        assert (await bob.submit()).code == 303


async def test_after_a_pause_a_sealed_period_has_as_much_time_left() -> None:
    class Timed(Auction):
        seconds = 60

    with serving(Timed, Over) as run:
        hand = Hand(run)
        (ann,) = await opened(run, 1)
        hand.seconds = 10
        run.pause()
        hand.seconds = 110
        run.resume()
        await ann.settle()
        assert ann.data()[-1]["left"] == pytest.approx(50)


async def test_who_comes_after_the_beginning_looks_on() -> None:
    with serving(Auction, Over, players=1) as run:
        await opened(run, 1)
        await Browser(run.join_link).fetch(body={})
        late = await Browser.open(run, 1)
        data = await seed(late)
        assert (data["endowment"], data["actions"]) == (None, [])
        assert "cannot do this" in await refused(late, "bid", 5)


# ---- clocks ---------------------------------------------------------------------------------


class Rising(InstitutionPage):
    """Stay."""

    institution = EnglishClock(PrivateValues(0, 100), lowest=10, highest=60, seconds_per_tick=2)
    lead = 4.0

    def endow(page, players, period):
        return {p.name: Endowment(values=(50,)) for p in players}


class Falling(Rising):
    """Accept."""

    institution = DutchClock(PrivateValues(0, 100), lowest=10, highest=60, seconds_per_tick=2)


class Hand:
    """A clock in the test's hand: seconds since it was taken."""

    def __init__(self, run: Run) -> None:
        self._begin, self.seconds = time.time(), 0.0
        set_clock(run, lambda: self._begin + self.seconds)


@pytest.mark.long
async def test_the_servers_clock_says_the_price_and_the_first_to_arrive_leaves() -> None:
    with serving(Rising, Over, players=3) as run:
        hand = Hand(run)
        ann, bob, cleo = await opened(run, 3)
        data = await seed(ann)
        assert (elapsed(data), data["actions"]) == (-4.0, [])
        assert data["status"] == "The clock starts in a moment."
        assert "cannot do this" in await refused(ann, "leave")
        hand.seconds = 4 + 21
        assert (await seed(ann))["status"] == "The clock is running."
        data = await decide(cleo, "leave")
        assert facts(data)["Still in the auction"] == 2
        await bob.settle()
        assert facts(bob.data()[-1])["Still in the auction"] == 2
        hand.seconds = 4 + 30.5
        both = await asyncio.gather(
            decide(ann, "leave"), decide(bob, "leave"), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in both) == ["Rejected", "dict"]
        tables = run.institution()
        assert list(tables.periods["price"]) == [25]
        accepted = tables.decisions[tables.decisions["reason"].isna()]
        assert list(accepted["amount"]) == [20, 25]
        winner = tables.allocations.query("units == 1")["player"].item()
        first = tables.decisions.query("amount == 25")["player"].iloc[0]
        assert winner in (run.players[0].name, run.players[1].name)
        assert winner != first


@pytest.mark.parametrize("stays", [True, False])
async def test_who_is_left_at_the_first_price_decides_until_it_has_been_shown(stays: bool) -> None:
    """Who stays has agreed to pay it; pages and robots look again when it has been shown."""
    with serving(Rising, Over) as run:
        hand = Hand(run)
        ann, bob = await opened(run)
        assert (await seed(bob))["clock"]["length"] == 102
        hand.seconds = 4 + 0.5
        await decide(ann, "leave")
        await bob.settle()
        data = bob.data()[-1]
        assert (data["open"], data["clock"]["length"]) == (True, 2)
        if stays:
            hand.seconds = 4 + 2
            data = await seed(bob)
        else:
            hand.seconds = 4 + 1.5
            data = await decide(bob, "leave")
        assert data["open"] is False
        tables = run.institution()
        assert list(tables.periods["units"]) == [int(stays)]
        assert list(tables.periods["revenue"]) == [10 if stays else 0]


async def test_a_single_bidder_need_not_buy_on_a_rising_clock() -> None:
    with serving(Rising, Over, players=1) as run:
        hand = Hand(run)
        (ann,) = await opened(run, 1)
        hand.seconds = 4 + 1
        assert (await seed(ann))["open"]
        assert (await decide(ann, "leave"))["open"] is False
        assert list(run.institution().periods["units"]) == [0]


@pytest.mark.long
async def test_two_who_accept_at_once_are_told_apart_by_their_arrival() -> None:
    with serving(Falling, Over) as run:
        hand = Hand(run)
        ann, bob = await opened(run)
        hand.seconds = 4 + 41.9
        both = await asyncio.gather(
            decide(ann, "accept"), decide(bob, "accept"), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in both) == ["Rejected", "dict"]
        tables = run.institution()
        assert list(tables.periods["price"]) == [40]
        assert tables.allocations["units"].sum() == 1
        winner = tables.allocations.query("units == 1")["player"].item()
        assert tables.decisions.query("action == 'accept'")["player"].iloc[0] == winner


@pytest.mark.long
async def test_a_clock_goes_on_when_the_kernel_is_restarted(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Rising, Over, db=log, players=3) as run:
        hand = Hand(run)
        *_, cleo = await opened(run, 3)
        hand.seconds = 4 + 10
        await decide(cleo, "leave")
        began, now = hand._begin, hand._begin + 14
    with serving(Rising, Over, db=log, players=3) as run:
        set_clock(run, lambda: now + 20)
        ann, *_ = await opened(run, 3)
        data = await seed(ann)
        assert elapsed(data) == pytest.approx(now + 20 - began - 4)
        assert facts(data)["Still in the auction"] == 2
        await decide(ann, "leave")
        assert list(run.institution().periods["price"]) == [25]


async def test_a_clock_without_a_bid_ends_by_itself() -> None:
    """Whoever looks finds it over; the page's own timeout ends it where nobody looks."""
    with serving(Falling, Over) as run:
        hand = Hand(run)
        (ann,) = await opened(run, 1)
        ends = LiveGame.in_session(run.session, Falling.institution).model.ends
        assert ends - hand._begin == pytest.approx(4 + 102 + 30)
        hand.seconds = 4 + 102
        assert (await seed(ann))["open"] is False
        assert run.institution().periods["price"].isna().all()


@pytest.mark.long
async def test_who_ends_a_clock_early_sells_at_the_price_shown() -> None:
    with serving(Rising, Over) as run:
        hand = Hand(run)
        await opened(run)
        hand.seconds = 4 + 21
        Rising.end_now(run.players[0])
        hand.seconds = 4 + 90
        tables = run.institution()
        assert list(tables.periods["price"]) == [20]
        result = LiveGame.in_session(run.session, Rising.institution).result
        assert result is not None
        assert result.price == 20


def test_a_page_lasts_as_long_as_its_clock() -> None:
    with pytest.raises(BadPage, match=r"106\.0 or more"):

        class Short(Rising):
            seconds = 105


async def test_who_ends_a_clock_in_a_pause_sells_at_the_price_at_which_it_stands() -> None:
    with serving(Rising, Over) as run:
        hand = Hand(run)
        await opened(run)
        hand.seconds = 4 + 21
        run.pause()
        hand.seconds = 4 + 90
        Rising.end_now(run.players[0])
        assert list(run.institution().periods["price"]) == [20]


async def test_a_pause_stops_the_clock() -> None:
    with serving(Rising, Over) as run:
        hand = Hand(run)
        (ann,) = await opened(run, 1)
        hand.seconds = 14
        run.pause()
        hand.seconds = 114
        run.resume()
        assert elapsed(await seed(ann)) == pytest.approx(10)


@pytest.mark.long
async def test_a_pause_right_after_a_restart_stops_the_clock(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Rising, Over, db=log) as run:
        hand = Hand(run)
        await opened(run, 1)
        began = hand._begin
    with serving(Rising, Over, db=log) as run:
        set_clock(run, lambda: began + 14)
        run.pause()
        set_clock(run, lambda: began + 114)
        run.resume()
        (ann,) = await opened(run, 1)
        assert elapsed(await seed(ann)) == pytest.approx(10)


# ---- the others -----------------------------------------------------------------------------


class Offers(InstitutionPage):
    """Offer."""

    institution = PostedOffer(values=((90, 70),), costs=((20, 50), (30,)))


@pytest.mark.long
async def test_offers_are_posted_and_then_taken() -> None:
    with serving(Offers, Over, players=3) as run:
        one, two, buyer = await opened(run, 3)
        assert (await seed(buyer))["actions"] == []
        await decide(one, "offer", 60)
        for browser in (two, buyer):  # nobody sees it before all have posted
            assert await browser.settle() == []
        await decide(two, "offer", 45)
        await buyer.settle()
        (buy, done) = buyer.data()[-1]["actions"]
        assert buy["targets"] == [["1", "1", 60], ["2", "2", 45]]
        assert buyer.data()[-1]["status"] == "You can decide now."
        data = await decide(buyer, "buy", target="2")
        assert [row[0] for row in data["actions"][0]["targets"]] == ["1"]  # the other is sold out
        assert "cannot do this" in await refused(buyer, "buy", target="2")
        data = await decide(buyer, "buy", target="1")
        assert data["open"] is False
        assert facts(data)["Profit"] == (90 - 45) + (70 - 60)
        (row,) = run.institution().periods.to_dict("records")
        assert (row["surplus"], row["maximum_surplus"]) == (110, 110)
        assert done["word"] == "Trade nothing more"


@pytest.mark.long
async def test_two_firms_compete() -> None:
    class Quantities(InstitutionPage):
        institution = CournotMarket(LinearDemand(100, 1), costs=(10,))

    class Prices(InstitutionPage):
        institution = BertrandMarket(LinearDemand(100, 1), costs=(10,))

    with serving(Quantities, Prices, Over) as run:
        browsers = await opened(run)
        await decide(browsers[0], "quantity", "30")
        data = await decide(browsers[1], "quantity", "20")
        assert (facts(data)["Price"], facts(data)["Profit"]) == (50, 800)
        assert facts(data)["Demand"] == "P = 100 − Q"
        for browser in browsers:
            await browser.submit()
        browsers = await opened(run)
        await decide(browsers[0], "price", "30")
        data = await decide(browsers[1], "price", "20")
        assert (facts(data)["Price"], facts(data)["Profit"]) == (20, 800)
        assert run.institution("cournot").periods["equilibrium_price"].item() == 40
        assert run.institution("bertrand").periods["equilibrium_price"].item() == 11


@pytest.mark.long
async def test_several_units_are_sold() -> None:
    class Units(InstitutionPage):
        institution = MultiUnitAuction("uniform", PrivateValues(0, 100, units=2), supply=2)

        def endow(page, players, period):
            return {p.name: Endowment(values=(80, 60)) for p in players}

    with serving(Units, Over) as run:
        ann, bob = await opened(run)
        assert len((await seed(ann))["actions"][0]["inputs"]) == 2
        assert "plain number" in await refused(ann, "bid", 70)
        await decide(ann, "bid", 70, 50)
        data = await decide(bob, "bid", 55, 40)
        assert facts(data)["Price"] == 50
        assert facts(data)["You have bought"] == 1


@pytest.mark.long
async def test_shares_are_bought_sold_and_paid() -> None:
    with serving(Forecast, Over) as run:
        ann, bob = await opened(run)
        data = await decide(ann, "buy", 10, target="rain")
        assert facts(data)["rain"] == 10
        await bob.settle()
        prices = {row[0]: row[2] for row in bob.data()[-1]["actions"][0]["targets"]}
        assert prices["rain"] > 50 > prices["sun"]
        data = await decide(ann, "sell", 4, target="rain")
        assert facts(data)["rain"] == 6
        assert "units left" in await refused(ann, "sell", 7, target="rain")
        for browser in (ann, bob):
            data = await decide(browser, "done")
        assert data["open"] is False
        assert facts(data)["Outcome"] in ("rain", "sun")
        profits = run.institution().allocations["profit"].sum()
        assert run.institution().periods["revenue"].item() == -profits


@pytest.mark.long
async def test_the_researcher_is_warned_once_that_nobody_can_buy_a_share() -> None:
    class Poor(InstitutionPage):
        """Trade."""

        institution = PredictionMarket(("rain", "sun"), liquidity=50, payout=100, cash=50)

    with serving(Rounds(Poor, n=2), Over) as run:
        ann, bob = await opened(run)
        assert "enough money left" in await refused(ann, "buy", 1, target="rain")
        for browser in (ann, bob):
            await decide(browser, "done")
        move_to_page(run.players[0], 1)
        await seed(await Browser.open(run, 0))
        (text,) = run.errors["message"].tolist()
        assert text.startswith("Poor: nobody has the 51 that a share costs")
        assert "cash=10_000" in text


@pytest.mark.long
async def test_who_is_given_no_sum_of_cash_has_no_limit() -> None:
    class Free(Forecast):
        """Trade."""

        def endow(page, players, period):
            return {player.name: Endowment("trader", signal="rain") for player in players}

    with serving(Free, Over) as run:
        ann, _ = await opened(run)
        data = await decide(ann, "buy", 300, target="rain")
        assert dict(data["facts"]) == {"Traders": 2, "Your hint": "rain", "rain": 300}
        assert run.errors.empty


async def test_a_number_of_players_that_cannot_trade_is_warned_of_at_the_cell() -> None:
    class Offers(InstitutionPage):
        """Trade."""

        institution = PostedOffer(costs=((10, 20),), values=((90, 70), (80, 60)))

    class Endowed(Offers):
        """Trade."""

        def endow(page, players, period) -> Any:
            return {}

    class Groups(GroupCreatingWait):
        group_size = 3

    told = "values and costs for 3 participants, and 2 take part"
    with pytest.warns(UserWarning, match=told), serving(Offers, Over, players=2):
        pass
    with without_warning():
        for pages, players in (
            ([Offers], 3), ([Offers], 0), ([Endowed], 2), ([Groups, Offers], 6),
        ):  # fmt: skip
            with serving(*pages, Over, players=players):
                pass
