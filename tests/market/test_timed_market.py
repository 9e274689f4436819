"""Orders that stand for a time, and halts of trade: in a session, and in simulations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.market.book_snapshots import snapshot
from tests.running import Browser, Rejected, serving, set_clock, until_true
from tests.worlds_at_rest import Worlds
from uproot_nb import Page, rerun
from uproot_nb.errors import BadMarket, BadPage, OrderRefused
from uproot_nb.market import (
    CallMarketPage,
    CircuitBreaker,
    Dividends,
    InducedValues,
    Market,
    MarketPage,
    Rules,
)
from uproot_nb.market.analysis.records import rows_in
from uproot_nb.market.traders import ZIC, NearZeroIntelligence, simulate_market
from uproot_nb.market.traders.asset_simulation import simulate_asset_market
from uproot_nb.market.traders.seat import MarketSeat
from uproot_nb.session.world import World

TIMED = Rules(terms=("gft", "iceberg"))
HALTING = Rules(breaker=CircuitBreaker(Decimal("0.1"), length=30, reference=50))


class Trading(MarketPage):
    """Trade."""

    rules = TIMED


class Over(Page):
    """It is over."""


class Clock:
    """The time of a world at rest, in a test's hands."""

    def __init__(self) -> None:
        self.worlds, self.now = Worlds(), 1000.0

    def open(self, rules: Rules | None = None) -> tuple[World, Market]:
        world = self.worlds.open()
        world.clock = lambda: self.now  # type: ignore[assignment]
        return world, Market.in_session(world.session, rules=rules)


@pytest.fixture
def clock() -> Iterator[Clock]:
    made = Clock()
    yield made
    made.worlds.close()


def said(market: Market) -> list[tuple[Any, ...]]:
    """Return event, player and reason of each row of `order_events` that the log has."""
    rows = (
        row
        for _, time, entry in market.model.entries
        for row in rows_in(entry, time, market.period)
    )
    return [(row["event"], row["player"], row["reason"]) for row in rows]


# ---- good for time ---------------------------------------------------------------------------


def test_an_order_meets_nothing_whose_time_is_over(clock: Clock) -> None:
    _, market = clock.open(TIMED)
    market.limit("ann", "sell", 40, good_for=10)
    market.limit("bob", "sell", 45, good_for=Decimal("20.5"))
    times = {"ends": 1010.0, "now": 1000.0}
    assert market.holdings("ann")["orders"] == [[1, "sell", 40, 1, times]]
    clock.now += 10
    assert market.limit("cem", "buy", 50).trades[0].price == 45
    assert ("cancel", "ann", "expired") in said(market)
    assert market.orders_of("ann") == []


@pytest.mark.parametrize(
    "length", [0, -1, True, "long", float("inf"), float("nan"), 10**400, Decimal("1e-400")]
)
def test_a_time_that_is_none_is_refused(clock: Clock, length: Any) -> None:
    _, market = clock.open(TIMED)
    with pytest.raises(OrderRefused, match="above zero"):
        market.limit("ann", "buy", 40, good_for=length)
    assert said(market) == [("reject", "ann", "no_time")]


def test_what_the_rules_do_not_have_is_refused(clock: Clock) -> None:
    _, market = clock.open(Rules(good_for=30))
    for more in ({"good_for": 5}, {"shown": 1}):
        with pytest.raises(OrderRefused, match="not allowed"):
            market.limit("ann", "buy", 40, 3, **more)  # type: ignore[arg-type]
    market.limit("ann", "buy", 40, 3)
    clock.now += 30
    market.wake()
    assert said(market)[-1] == ("cancel", "ann", "expired")


def test_a_time_beyond_that_of_the_rules_is_refused(clock: Clock) -> None:
    _, market = clock.open(Rules(good_for=30, terms=("gft",)))
    with pytest.raises(OrderRefused, match="at most") as refusal:
        market.limit("ann", "buy", 40, good_for=31)
    assert "30 seconds" in str(refusal.value)
    assert market.limit("ann", "buy", 40, good_for=30).resting == 1


def test_after_a_restart_an_order_leaves_at_its_time(clock: Clock) -> None:
    first, market = clock.open(TIMED)
    market.limit("ann", "buy", 40, 5, good_for=10, shown=2)
    market.limit("bob", "buy", 41)
    before = snapshot(market.book)
    first.journal.commit()
    world, again = clock.open()
    assert snapshot(again.book) == before
    clock.now += 10
    again.wake()
    assert [order.player for order in again.book.standing("buy")] == ["bob"]
    world.journal.commit()
    assert snapshot(clock.open()[1].book) == snapshot(again.book)
    assert said(clock.open()[1])[-1] == ("cancel", "ann", "expired")


def test_a_pause_postpones_the_end_of_an_order_and_of_a_halt(clock: Clock) -> None:
    world, market = clock.open(TIMED)
    market.limit("ann", "buy", 40, good_for=10)
    market.halt(5)
    clock.now += 100
    market.shift(96)
    market.wake()
    assert (market.is_halted, len(market.book.orders)) == (True, 1)
    clock.now += 1
    market.wake()
    assert (market.is_halted, len(market.book.orders)) == (False, 1)
    world.journal.commit()
    _, again = clock.open()
    clock.now += 4.9
    again.wake()
    assert len(again.book.orders) == 1
    clock.now += 0.1
    again.wake()
    assert len(again.book.orders) == 0


def test_an_order_leaves_though_nothing_happens_and_a_rerun_knows_when() -> None:
    with serving(Trading, Over) as run:
        market = Market.in_session(run.session, rules=TIMED)
        market.limit("ann", "buy", 40, good_for=0.01)
        until_true(lambda: not market.book.orders)
        events = run.market().order_events
        assert list(events.event) == ["submit", "cancel"]
        assert list(events.good_for.dropna()) == [0.01]
        again = rerun(run, [Trading, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"


@pytest.mark.long
def test_a_session_that_is_opened_again_lets_orders_leave(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Trading, Over, db=log) as run:
        Market.in_session(run.session, rules=TIMED).limit("ann", "buy", 40, good_for=0.3)
    with serving(Trading, Over, db=log) as run:
        until_true(lambda: list(run.market().order_events.reason)[-1] == "expired")


def test_nothing_leaves_in_a_pause_of_the_session() -> None:
    with serving(Trading, Over) as run:
        now = time.time()
        set_clock(run, lambda: now)
        market = Market.in_session(run.session, rules=TIMED)
        market.limit("ann", "buy", 40, good_for=30)
        run.pause()
        set_clock(run, lambda: now + 100)
        market.limit("bob", "sell", 50)
        assert len(market.book.orders) == 2
        run.resume()
        times = market.holdings("ann")["orders"][0][4]
        assert times["ends"] - times["now"] == pytest.approx(30)
        set_clock(run, lambda: now + 130)
        market.limit("bob", "sell", 40)
        assert [order.player for order in market.book.standing("buy")] == []


@pytest.mark.long
async def test_people_send_orders_for_a_time_and_in_parts() -> None:
    with serving(Trading, Over) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        for browser in (ann, bob):
            (data,) = (await browser.call("seed_markets"))["markets"]
            assert (data["terms"], data["good_for"]) == (["gft", "iceberg"], None)
        reply = await ann.call("send_order", "market", "sell", "40", "6", good_for="60", shown="2")
        (order,) = reply["mine"]["orders"]
        assert order[:4] == [1, "sell", 40, 6]
        assert (order[4]["shown"], round(order[4]["ends"] - order[4]["now"])) == (2, 60)
        with pytest.raises(Rejected, match="whole number from 1"):
            await ann.call("send_order", "market", "sell", "41", "2", shown="3")
        (data,) = (await bob.call("seed_markets"))["markets"]
        assert data["depth"]["asks"] == [[40, 2, 1]]
        reply = await bob.call("send_order", "market", "buy", "40", "3")
        assert (reply["traded"], reply["resting"]) == (3, 0)
        (data,) = (await bob.call("seed_markets"))["markets"]
        assert data["depth"]["asks"] == [[40, 1, 1]]
        tables = run.market()
        assert list(tables.book.ask_depth) == [2, 1]
        assert list(tables.order_events.shown.dropna()) == [2, 2, 1]
        again = rerun(run, [Trading, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"


async def two_traders(run: Any, rules: Rules) -> tuple[Any, ...]:
    """Return two people in a market with these rules, whose time is in a test's hands."""
    now = time.time()
    set_clock(run, lambda: now)
    market = Market.in_session(run.session, rules=rules)
    ann, bob = [await Browser.open(run, place) for place in (0, 1)]
    for browser in (ann, bob):
        await browser.call("seed_markets")
    return market, ann, bob, lambda seconds: set_clock(run, lambda: now + seconds)


@pytest.mark.long
async def test_whose_order_leaves_hears_of_it_even_by_a_command_that_is_refused() -> None:
    with serving(Trading, Over) as run:
        _, ann, _, after = await two_traders(run, Rules(good_for=30))
        await ann.call("send_order", "market", "sell", 40)
        await ann.settle()
        heard = len(ann.data())
        after(31)
        with pytest.raises(Rejected, match="no longer in the market"):
            await ann.call("replace_order", "market", 1, 39)
        mine = [news["mine"] for news in (await ann.settle())[heard:] if "mine" in news]
        assert [one["orders"] for one in mine] == [[]]
        again = rerun(run, [Trading, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"


@pytest.mark.long
async def test_what_is_taken_or_shouted_again_has_not_left() -> None:
    with serving(Trading, Over) as run:
        market, ann, bob, after = await two_traders(run, Rules(good_for=30))
        await ann.call("send_order", "market", "sell", 40)
        after(31)
        with pytest.raises(Rejected, match="no longer available"):
            await bob.call("take_price", "market", "buy", 40)
        assert not market.book.orders
        await ann.call("send_order", "market", "sell", 41)
        after(62)
        with pytest.raises(Rejected, match="no longer in the market"):
            await ann.call("repeat_order", "market", 2)


@pytest.mark.long
async def test_a_halt_that_is_over_stops_nobody() -> None:
    with serving(Trading, Over) as run:
        market, ann, bob, after = await two_traders(run, Rules())
        await ann.call("send_order", "market", "sell", 40)
        market.halt(10)
        after(11)
        await ann.call("repeat_order", "market", 1)
        market.halt(10)
        after(22)
        assert (await bob.call("take_price", "market", "buy", 40))["traded"] == 1


def test_a_market_that_closes_lets_leave_what_is_over(clock: Clock) -> None:
    _, market = clock.open(TIMED)
    market.limit("ann", "sell", 40, good_for=10)
    clock.now += 10
    market.close()
    assert [event for event, *_ in said(market)] == ["submit", "cancel", "close"]


# ---- halts -----------------------------------------------------------------------------------


def test_while_trade_is_halted_orders_are_refused_and_may_be_withdrawn(clock: Clock) -> None:
    _, market = clock.open()
    market.limit("ann", "buy", 40, 3)
    market.limit("bob", "buy", 41)
    market.halt()
    for act in (
        lambda: market.limit("bob", "sell", 40),
        lambda: market.market("bob", "sell"),
        lambda: market.replace("ann", 1, 45),
    ):
        with pytest.raises(OrderRefused, match="halted for the moment") as refusal:
            act()
        assert refusal.value.code == "halted"
    market.replace("ann", 1, quantity=2)
    market.cancel("bob", 2)
    clock.now += 10_000
    with pytest.raises(OrderRefused, match="halted"):
        market.limit("bob", "sell", 40)
    market.resume()
    market.resume()
    assert market.limit("bob", "sell", 40).trades[0].quantity == 1
    assert [row[0] for row in said(market) if row[0] in ("halt", "resume")] == ["halt", "resume"]


def test_a_price_beyond_the_band_halts_for_some_time(clock: Clock) -> None:
    first, market = clock.open(HALTING)
    for price in (55, 56, 57):
        market.limit("ann", "sell", price)
    market.limit("bob", "buy", 55)
    assert not market.is_halted
    outcome = market.limit("bob", "buy", 57, 2)
    assert [trade.price for trade in outcome.trades] == [56, 57]
    assert market.is_halted
    first.journal.commit()
    _, again = clock.open()
    assert again.is_halted
    clock.now += 29.9
    with pytest.raises(OrderRefused, match="halted"):
        again.limit("bob", "buy", 60)
    clock.now += 0.1
    again.limit("ann", "sell", 62)
    again.limit("bob", "buy", 62)  # within a tenth of 57, the last price before the halt
    assert not again.is_halted
    assert ("halt", None, "band") in said(again)
    assert ("resume", None, "over") in said(again)


def test_only_an_open_market_can_be_halted_for_a_time(clock: Clock) -> None:
    _, market = clock.open()
    with pytest.raises(BadMarket, match="not a time"):
        market.halt(-1)
    market.close()
    with pytest.raises(BadMarket, match="closed"):
        market.halt()


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ({"good_for": 0}, "not a time"), ({"good_for": "30"}, "not a time"),
        ({"breaker": 0.1}, "no CircuitBreaker"), ({"terms": ("gtc",)}, "no terms"),
        ({"call": True, "good_for": 3}, "good_for"),
        ({"call": True, "terms": ("iceberg",)}, "terms"),
        ({"call": True, "breaker": CircuitBreaker(1, 3)}, "breaker"),
    ],
)  # fmt: skip
def test_rules_that_mean_nothing_are_refused(rules: dict[str, Any], what: str) -> None:
    with pytest.raises(BadMarket, match=what):
        Rules(**rules)


@pytest.mark.parametrize(
    "arguments", [(0.1, 30), (0, 30), (1, 0), (1, "x"), (1, 5, 0), (1, 5, 0.5)]
)
def test_a_circuit_breaker_that_means_nothing_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(BadMarket):
        CircuitBreaker(*arguments)


def test_rules_about_time_are_read_as_they_were_written() -> None:
    for rules in (HALTING, TIMED, Rules(good_for=2.5, breaker=CircuitBreaker(1, 3))):
        assert Rules.from_plain(rules.plain()) == rules


async def test_people_see_that_trade_is_halted_and_goes_on() -> None:
    with serving(Trading, Over) as run:
        ann = await Browser.open(run)
        (data,) = (await ann.call("seed_markets"))["markets"]
        seat = MarketSeat(ZIC(), data, None, lambda: 1.0)  # type: ignore[arg-type]
        assert not data["halted"]
        market = Market.in_session(run.session)
        market.halt(3600)
        push = await ann.event()
        assert (push["event"], push["data"]["halted"]) == ("UprootMarketHalted", True)
        seat.take(push["event"], push["data"])
        assert seat.view() is None
        for call in (("send_order", "market", "buy", 40), ("take_price", "market", "buy", 40)):
            with pytest.raises(Rejected, match="halted for the moment"):
                await ann.call(*call)
        market.resume()
        assert (await ann.event())["data"]["halted"] is False
        await ann.call("send_order", "market", "buy", 40)
        assert list(run.market().order_events.event) == [
            "halt", "reject", "reject", "resume", "submit",
        ]  # fmt: skip


async def test_a_halted_call_market_can_still_be_cleared() -> None:
    class Call(CallMarketPage):
        """Trade."""

    with serving(Call, Over) as run:
        ann = await Browser.open(run)
        await ann.call("send_order", "market", "buy", 50)
        market = Market.in_session(run.session)
        market.limit("bob", "sell", 40)
        market.halt()
        with pytest.raises(Rejected, match="halted"):
            await ann.call("send_order", "market", "buy", 51)
        Call.clear_now(run.players[0])
        assert [trade.price for _, trade in market.trades] == [45]


def test_a_timed_page_says_at_the_cell_what_it_cannot_do() -> None:
    with pytest.raises(BadPage, match="call market"):

        class Call(CallMarketPage):
            """Trade."""

            rules = TIMED


@pytest.mark.long
async def test_a_rerun_repeats_what_a_call_found_to_be_over() -> None:
    with serving(Trading, Over) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        now = time.time()
        set_clock(run, lambda: now)
        for browser in (ann, bob):
            await browser.call("seed_markets")
        await ann.call("send_order", "market", "sell", 40, good_for=30)
        set_clock(run, lambda: now + 31)
        reply = await bob.call("send_order", "market", "buy", 45)
        assert (reply["traded"], reply["resting"]) == (0, 1)
        Market.in_session(run.session).halt(5)
        with pytest.raises(Rejected, match="halted"):
            await ann.call("send_order", "market", "sell", 40)
        set_clock(run, lambda: now + 40)
        assert (await ann.call("send_order", "market", "sell", 40))["traded"] == 1
        assert list(run.market().order_events.event) == [
            "submit", "cancel", "submit", "halt", "reject", "resume", "submit", "fill", "fill",
        ]  # fmt: skip
        again = rerun(run, [Trading, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}"


# ---- simulations -----------------------------------------------------------------------------

NAMES = ["b1", "b2", "b3", "s1", "s2", "s3"]
VALUES = InducedValues.symmetric(NAMES[:3], NAMES[3:], highest=90, lowest=10, step=5, units=3)


def simulated(seed: int, rules: Rules) -> Any:
    tables = simulate_market(
        {name: ZIC() for name in NAMES}, VALUES, steps=50, rules=rules, seed=seed
    )
    return tables.order_events


@examples(20)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_in_a_simulation_no_order_stands_longer_than_the_rules_say(seed: int, life: int) -> None:
    events = simulated(seed, Rules(good_for=life))
    begun: dict[int, float] = {}
    for row in events[events.order.notna()].itertuples():
        if row.event == "submit":
            begun[row.order] = row.time
        lived = row.time - begun[row.order]
        assert lived == life if row.reason == "expired" else lived < life
    left = events[events.order.notna()].groupby("order").last()
    standing = left[left.remaining > 0]
    assert all(49 - begun[order] < life for order in standing.index)


@examples(20)
@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from(["0.1", "0.3"]))
def test_in_a_simulation_halts_are_where_prices_leave_the_band(
    seed: int, length: int, band: str
) -> None:
    events = simulated(seed, Rules(breaker=CircuitBreaker(Decimal(band), length)))
    reference, halted, expected = None, -100.0, []
    for row in events.itertuples():
        if row.event in ("fill", "partial_fill"):
            reference = reference or row.price
            far = abs(row.price - reference) > float(band) * reference + 1e-9
            if far and halted < row.time:
                expected.append((row.time, row.price))
                reference, halted = row.price, row.time
        elif row.event not in ("halt", "resume", "close"):
            assert not halted < row.time < halted + length
    halts, resumes = (events[events.event == name] for name in ("halt", "resume"))
    assert list(zip(halts.time, halts.price, strict=True)) == expected
    assert all(
        after - before == length for before, after in zip(halts.time, resumes.time, strict=False)
    )


def test_asset_markets_know_time_too() -> None:
    endowments = {f"t{n}": (500, 3) for n in range(4)}
    traders = {name: NearZeroIntelligence() for name in endowments}
    rules = Rules(
        budget=True, short_sales=False, self_trade="cancel_oldest", good_for=5,
        breaker=CircuitBreaker(Decimal("0.05"), 7),
    )  # fmt: skip
    tables = simulate_asset_market(
        traders, Dividends((0, 8, 28, 60), 3), endowments, steps=60, rules=rules, seed=4
    )
    events = tables.order_events
    assert (events.reason == "expired").any()
    assert set(events.loc[events.event == "halt", "reason"]) == {"band"}
    halts, resumes = (events[events.event == name] for name in ("halt", "resume"))
    assert len(halts)
    assert set(resumes.time) <= set(halts.time + 7)
    assert len(tables.periods) == 3
