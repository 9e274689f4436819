"""A robot trader is the same offline and online: asked for the same calls, in the same order."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace as changed

from tests.running import Browser, Rejected, serving, set_clock
from uproot_nb import Page
from uproot_nb.errors import OrderRefused
from uproot_nb.market import (
    AssetMarketPage,
    CallMarketPage,
    CircuitBreaker,
    Dividends,
    Fees,
    InducedValues,
    Market,
    MarketPage,
    Rules,
    Tax,
)
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.rules import NO_LIMIT
from uproot_nb.market.policy import PolicyTrader
from uproot_nb.market.traders import (
    AA,
    GD,
    GDX,
    ZIC,
    ZIP,
    ZIU,
    CallResult,
    CallTrader,
    NearZeroIntelligence,
    RothErev,
    Shout,
    Sniper,
    View,
    asset_simulation,
    simulate_asset_market,
    simulate_market,
    simulated_timing,
    simulation,
)
from uproot_nb.market.traders.draws import one_of
from uproot_nb.market.traders.market_bot import _Play
from uproot_nb.market.traders.seat import MarketSeat


def by_numbers(observation: Any, mask: Any) -> int:
    """A policy whose actions follow from all that it sees."""
    legal = [action for action, is_legal in enumerate(mask) if is_legal]
    return int(legal[int(1e4 * observation.sum()) % len(legal)])


MAKERS: dict[str, Callable[[int], Any]] = {
    "ZIU": lambda n: ZIU(), "ZIC": lambda n: ZIC(), "GD": lambda n: GD(), "GDX": lambda n: GDX(),
    "ZIP": lambda n: ZIP(Random(n), absolute=1.0), "Sniper": lambda n: Sniper() if n % 2 else ZIC(),
    "NearZeroIntelligence": lambda n: NearZeroIntelligence(), "AA": lambda n: AA(Random(n)),
    "PolicyTrader": lambda n: PolicyTrader(by_numbers), "RothErev": lambda n: RothErev(patience=3),
}  # fmt: skip
STEPS = 60


@dataclass
class Noting:
    """A trader that notes its calls, and draws from numbers of its own.

    What the clock shows is left out: it goes by steps offline, and by seconds online.
    """

    inner: Any
    name: str
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def _chance(self) -> Random:
        return Random(f"{self.name}/{len(self.calls)}")

    def side(self, period: int, chance: Random) -> Side:
        drawn = self._chance()
        if hasattr(self.inner, "side"):
            side = self.inner.side(period, drawn)
        else:
            side = drawn.choice(("buy", "sell"))
        self.calls.append(("side", period, side))
        return side  # type: ignore[no-any-return]

    def quote(self, view: View, chance: Random) -> Any:
        seen = changed(view, time_left=1.0, periods=1)
        price = self.inner.quote(seen, self._chance())
        self.calls.append(("quote", seen, price))
        return price

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        seen = None if view is None else changed(view, time_left=1.0, periods=1)
        self.inner.observe(shout, seen, self._chance())
        self.calls.append(("observe", shout, seen))

    def observe_call(self, result: CallResult, chance: Random) -> None:
        orders = tuple(
            one._replace(view=changed(one.view, time_left=1.0, periods=1)) for one in result.orders
        )
        heard = replace(result, orders=orders)
        if isinstance(self.inner, CallTrader):
            self.inner.observe_call(heard, self._chance())
        self.calls.append(("observe_call", heard, self.quotes_after()))

    def quotes_after(self) -> list[Any]:
        """Return what it would send to the next call: what it has learned."""
        asked = [call[1] for call in self.calls if call[0] == "quote"]
        return [copy.deepcopy(self.inner).quote(view, Random(1)) for view in asked]


def noting(kind: str, names: Iterable[str]) -> dict[str, Noting]:
    return {name: Noting(MAKERS[kind](n), name) for n, name in enumerate(names)}


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the names of those whose turn it is in simulations."""
    drawn: list[str] = []

    class NotedRandom(Random):
        def choice(self, names: Any) -> Any:
            drawn.append(super().choice(names))
            return drawn[-1]

        def shuffle(self, names: Any) -> None:  # of a call
            super().shuffle(names)
            drawn.extend(names)

    def noted_one_of(names: Any, chance: Random) -> Any:
        drawn.append(one_of(names, chance))
        return drawn[-1]

    for module in (simulation, asset_simulation):
        monkeypatch.setattr(module, "Random", NotedRandom)
    monkeypatch.setattr(simulated_timing, "one_of", noted_one_of)
    return drawn


def calls_of(traders: Mapping[str, Noting]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: trader.calls for name, trader in traders.items()}


class Tab:
    """A bot's place on a page, by a real socket."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.rng = browser, Random(1)
        self.call = browser.call

    async def next_note(self, timeout: float | None = None) -> Any:
        note = await asyncio.wait_for(self.browser.event(), timeout)
        return SimpleNamespace(event=note["event"], data=note["data"])


async def seated(run: Any, traders: Mapping[str, Noting]) -> dict[str, _Play]:
    plays = {}
    for place, name in enumerate(traders):
        tab: Any = Tab(await Browser.open(run, place))
        seed = await tab.call("seed_markets")
        plays[name] = _Play(tab, traders[name], seed["markets"][0], 1e-9, None, None, None)
        run._runtime.interventions.note_bot(run.players[place], "robot", True)
        await plays[name].learn_range()
    return plays


async def hear(play: _Play) -> None:
    """Hear all that has come."""
    browser = play._here.browser  # type: ignore[attr-defined]
    await browser.settle()
    while any(frame["op"] == "event" for frame in browser._waiting):
        await play._hear_of(await play._here.next_note())


async def let_trade(run: Any, traders: Mapping[str, Noting], turns: Iterable[str]) -> None:
    """Let the traders act in the order in which they acted offline; everybody hears it."""
    plays = await seated(run, traders)
    for name in turns:
        await plays[name].act(Rejected)
        await asyncio.gather(*map(hear, plays.values()))


class Over(Page):
    """It is over."""


def values_of(names: list[str]) -> InducedValues:
    """Two who buy, one who sells, and one who does both."""
    ann, bob, cem, dot = names
    return InducedValues({ann: [120, 90], bob: [110, 80], dot: [100]}, {cem: [40, 60], dot: [50]})


EVERY_RULE = [
    (kind, rules)
    for rules in (Rules(max_price=200), Rules(max_price=200, improvement=True))
    for kind in MAKERS
]
TAXED = Rules(
    max_price=200,
    buyer_tax=Tax(7),
    seller_tax=Tax(rate=Decimal("0.1")),
    fees=Fees(maker=1, taker=2),
)
SUBSIDIZED = Rules(buyer_tax=Tax(-30, Decimal("-0.2")), seller_tax=Tax(4), fees=Fees(taker=2))
NO_RANGE = [
    *((kind, Rules()) for kind in ("ZIU", "ZIC", "GD", "GDX", "AA", "Sniper")),
    ("ZIC", Rules(improvement=True, floor=45)),
    ("GD", Rules(lapse="trade", improvement=True)),
    ("ZIU", SUBSIDIZED),
    ("Sniper", SUBSIDIZED),
]
"""Rules without a highest price: it is what a unit is worth at most."""
OTHER_RULES = [
    ("ZIC", Rules(lapse="trade", trade_price="middle", max_price=200)),
    ("ZIP", Rules(lapse="shout", trade_price="taker", max_price=200)),
    ("GD", Rules(lapse="trade", trade_price="k", k=Decimal("0.8"), floor=50, ceiling=90)),
    ("ZIU", Rules(lapse="shout", floor=50, ceiling=90)),
    ("ZIC", replace(TAXED, no_loss=True)),
    ("GD", replace(TAXED, trade_price="middle")),
    ("GDX", TAXED),
    ("AA", replace(TAXED, lapse="trade", floor=50)),
    ("AA", Rules(max_price=200, lapse="shout")),
    ("ZIP", replace(TAXED, seller_tax=Tax(-9), lapse="trade")),
]


def trading_by(rules: Rules) -> type[MarketPage]:
    """Return a market page with these rules and the values of these tests."""

    class Trading(MarketPage):
        """Trade."""

        def open_market(page, market: Market, traders: Any) -> None:
            market.induce(values_of([trader.name for trader in traders]))

    Trading.rules = rules
    return Trading


@pytest.mark.long
@pytest.mark.parametrize(("kind", "rules"), [*EVERY_RULE, *NO_RANGE, *OTHER_RULES])
async def test_a_double_auction_is_the_same_to_a_trader(
    kind: str, rules: Rules, turns: list[str]
) -> None:
    with serving(trading_by(rules), Over, players=4) as run:
        names = [player.name for player in run.players]
        offline, online = noting(kind, names), noting(kind, names)
        simulate_market(offline, values_of(names), steps=STEPS, rules=rules, seed=3)
        await let_trade(run, online, turns)
        assert all(any(c[0] == "observe" for c in calls) for calls in calls_of(online).values())
        assert calls_of(online) == calls_of(offline)


TIMED_RULES = [
    ("ZIC", Rules(max_price=200, good_for=6)),
    ("AA", Rules(max_price=200, good_for=3)),
    ("GD", Rules(max_price=200, breaker=CircuitBreaker(Decimal("0.02"), 5, 80))),
    ("ZIP", Rules(max_price=200, good_for=9, breaker=CircuitBreaker(Decimal("0.03"), 4, 80))),
]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "rules"), TIMED_RULES)
async def test_orders_leave_and_halts_end_alike_for_a_trader(
    kind: str, rules: Rules, turns: list[str]
) -> None:
    """A step offline is a second online."""
    with serving(trading_by(rules), Over, players=4, seed=1) as run:
        names = [player.name for player in run.players]
        offline, online = noting(kind, names), noting(kind, names)
        values = values_of(names)
        events = simulate_market(
            offline, values, steps=STEPS, rules=rules, seed=3
        ).order_events  # fmt: skip
        halts, length = events[events.event == "halt"].time, rules.breaker and rules.breaker.length
        steps = [s for s in range(STEPS) if not any(at < s < at + length for at in halts)]
        assert len(halts) or (events.reason == "expired").any()
        plays, begin = await seated(run, online), float(int(time.time()) + 1)
        for step, name in zip(steps, turns, strict=False):
            set_clock(run, lambda now=begin + step: now)
            Market.in_session(run.session).wake()
            await asyncio.gather(*map(hear, plays.values()))
            await plays[name].act(Rejected)
            await asyncio.gather(*map(hear, plays.values()))
        assert calls_of(online) == calls_of(offline)
        # Offline what the rules do not take is in no table, and online nobody closes the market.
        found = run.market().order_events.event
        assert list(found[found != "reject"]) == list(events.event[events.event != "close"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "most"),
    [*((kind, 200) for kind in MAKERS), *((kind, NO_LIMIT) for kind in ("ZIU", "GD", "Sniper"))],
)
async def test_an_asset_market_is_the_same_to_a_trader(
    kind: str, most: int, turns: list[str]
) -> None:
    rules_of_it = Rules(max_price=most, budget=True, short_sales=False, self_trade="cancel_oldest")
    held: Any = [(225, 3), (585, 2), (945, 1)]

    class Stocks(AssetMarketPage):
        """Trade."""

        dividends: ClassVar[Dividends] = Dividends((0, 8, 28, 60), periods=1, terminal=40)
        show_value = True
        rules = rules_of_it

        def endow(page, market: Market, traders: Any) -> None:
            for trader, (cash, units) in zip(traders, held, strict=True):
                market.endow(trader, cash, units)

    with serving(Stocks, Over, players=3) as run:
        names = [player.name for player in run.players]
        offline, online = noting(kind, names), noting(kind, names)
        simulate_asset_market(
            offline, Stocks.dividends, dict(zip(names, held, strict=True)), steps=STEPS,
            rules=rules_of_it, seed=3,
        )  # fmt: skip
        await let_trade(run, online, turns)
        assert calls_of(online) == calls_of(offline)
        assert all(any(c[0] == "observe" for c in calls) for calls in calls_of(online).values())


@pytest.mark.long
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    ("kind", "rules_of_it"),
    [
        *(
            (kind, Rules(max_price=200, call=True))
            for kind in ("ZIC", "ZIP", "GDX", "AA", "RothErev")
        ),
        *((kind, Rules(call=True)) for kind in ("ZIC", "AA")),
        ("ZIU", replace(SUBSIDIZED, call=True)),
        ("ZIP", replace(TAXED, call=True, rationing="pro rata", floor=30)),
    ],
)
async def test_a_call_is_the_same_to_a_trader(
    kind: str, rules_of_it: Rules, sealed: bool, turns: list[str]
) -> None:

    class Call(CallMarketPage):
        """Trade."""

        rules = rules_of_it

        def open_market(page, market: Market, traders: Any) -> None:
            market.induce(values_of([trader.name for trader in traders]))

    Call.sealed = sealed
    with serving(Call, Over, players=4) as run:
        names = [player.name for player in run.players]
        offline, online = noting(kind, names), noting(kind, names)
        simulate_market(offline, values_of(names), rules=rules_of_it, seed=3)
        plays = await seated(run, online)
        for name in turns:
            await plays[name].send_all(Rejected)
        Call.clear_now(run.players[0])
        await asyncio.gather(*map(hear, plays.values()))
        assert all(calls[-1][0] == "observe_call" for calls in calls_of(online).values())
        assert calls_of(online) == calls_of(offline)


# ---- what is heard, and what not -------------------------------------------------------------


async def test_withdrawals_are_no_shouts_and_a_changed_order_is_one() -> None:
    with serving(MarketPage, players=2) as run:
        listener = noting("ZIC", [run.players[0].name])
        (play,) = (await seated(run, listener)).values()
        market = Market.in_session(run.session)
        for trader in ("cem", "dot"):
            market.limit(trader, "sell", 60)
        market.cancel("dot", 2)
        market.replace("cem", 1, 55)
        market.limit("dot", "sell", 55, 3)
        market.replace("dot", 4, quantity=2)
        market.market("eve", "buy", 2)
        market.cancel_all()
        await hear(play)
        (calls,) = calls_of(listener).values()
        shouts = [
            (one.side, one.price, one.accepted) for kind, one, _ in calls if kind == "observe"
        ]
        assert shouts == [
            ("sell", 60, False), ("sell", 60, False), ("sell", 55, False), ("sell", 55, False),
            ("buy", 55, True), ("buy", 55, True),
        ]  # fmt: skip


async def test_only_a_standing_order_of_ones_own_is_repeated() -> None:
    with serving(MarketPage, players=2) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        for browser in (ann, bob):
            await browser.call("seed_markets")
        sent = await ann.call("send_order", "market", "buy", 40)
        assert await ann.call("repeat_order", "market", sent["order"]) == {"market": "market"}
        for order in (sent["order"], 7, True, "1", None, [], 1e300):
            with pytest.raises(Rejected, match="no longer in the market"):
                await bob.call("repeat_order", "market", order)
        await bob.settle()
        shouted = [event["data"] for event in bob.events if event["event"] == "UprootMarketShout"]
        assert [(one["side"], one["price"]) for one in shouted] == [("buy", 40)]
        Market.in_session(run.session).close()
        with pytest.raises(Rejected, match="closed"):
            await ann.call("repeat_order", "market", sent["order"])
        assert Market.in_session(run.session).book.seq == 1


def seat(data: dict[str, Any], trader: Any) -> MarketSeat:
    mine = {"orders": [], "bought": 0, "sold": 0, "value": 90, "cost": None, "profit": 0, "cash": 0}
    depth = {"seq": 0, "bids": [], "asks": []}
    whole = {
        "mine": mine, "market": "market", "timed": False, "depth": depth, "trades": [],
        "facts": {}, "open": True, "tick": 1, "min_price": 0, "max_price": 200,
        "period": 1, "sides": ["buy"], "charges": None, "units": {"buy": [90, 70], "sell": []},
    }  # fmt: skip
    return MarketSeat(trader, whole | data, Random(1), lambda: 1.0)


def push(before: int, price: int, trades: Any = ()) -> dict[str, Any]:
    quote = ["buy", price]
    return {"before": before, "seq": before + 1, "changes": [["buy", price, 1, 1]],
            "trades": list(trades), "quote": quote}  # fmt: skip


def test_what_came_before_ones_own_order_is_heard_with_what_one_had_then() -> None:
    """A reply is there before the pushes that were on their way."""
    listener = noting("ZIC", ["ann"])["ann"]
    here = seat({}, listener)
    here.expect({"seq": 2, "mine": {**here.mine, "value": 70, "bought": 1}})
    assert here.take("UprootMarket", push(0, 40))
    assert here.take("UprootMarket", push(1, 50))
    seen = [(call[2].limit, call[2].unit, call[2].later) for call in listener.calls]
    assert seen == [(90, 1, (70,)), (70, 2, ())]
    assert not here.take("UprootMarket", push(3, 60))
    assert here.take("UprootMarket", push(1, 50))  # known already
    assert len(listener.calls) == 2


def test_a_refusal_loses_nothing_that_is_on_its_way() -> None:
    """What the book refuses changes nothing, and nothing has to be asked for again."""

    class Here:
        rng = Random(1)
        calls: ClassVar[list[str]] = []

        async def call(self, method: str, *args: Any) -> Any:
            self.calls.append(method)
            raise OrderRefused("no_order", "Somebody was faster.")

    listener = noting("ZIC", ["ann"])["ann"]
    play = _Play(Here(), listener, seat({}, ZIC()).data, 1.0, None, None, None)  # type: ignore[arg-type]
    asyncio.run(play.act(OrderRefused))
    assert Here.calls == ["send_order"]
    assert play.seat.take("UprootMarket", push(0, 40))
    assert [call[0] for call in listener.calls] == ["quote", "observe"]
