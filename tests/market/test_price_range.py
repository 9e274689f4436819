"""A range of prices far beyond what units are worth is warned of where it is written."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.running import Browser, serving, until
from tests.silence import without_warning
from uproot_nb import Page, rerun
from uproot_nb.bots.client import Client
from uproot_nb.errors import BadMarket
from uproot_nb.market import (
    Design,
    Dividends,
    InducedValues,
    Market,
    MarketPage,
    Rules,
    Tax,
)
from uproot_nb.market.orderbook.rules import NO_LIMIT
from uproot_nb.market.traders import ZIC, View, market_bot, simulate_asset_market, simulate_market

VALUES = InducedValues({"b0": [90, 80]}, {"s0": [10, Decimal("20.5")]})
HELD: Any = {"b0": (100, 1), "s0": (500, 1)}
ASSET = Dividends((0, 10), periods=2)


def traders() -> dict[str, Any]:
    return {"b0": ZIC(), "s0": ZIC()}


def simulate(rules: Rules | None) -> None:
    simulate_market(traders(), VALUES, steps=3, rules=rules)


def design(rules: Rules | None) -> None:
    Design(VALUES, ZIC, steps=3, rules=rules)


def simulate_asset(rules: Rules | None) -> None:
    simulate_asset_market(traders(), ASSET, HELD, steps=3, rules=rules)


@pytest.mark.parametrize(("run", "worth"), [(simulate, 90), (design, 90), (simulate_asset, 500)])
def test_a_range_far_beyond_the_values_is_warned_of_at_its_line(run: Any, worth: int) -> None:
    with pytest.warns(UserWarning, match=f"max_price={10 * worth + 1} is far beyond.*{worth}") as w:
        run(Rules(max_price=10 * worth + 1))
    assert [one.filename for one in w] == [__file__]


@pytest.mark.parametrize("run", [simulate, design, simulate_asset])
@pytest.mark.parametrize("most", [None, NO_LIMIT, 200, 900])
def test_other_ranges_are_not_warned_of(run: Any, most: int | None) -> None:
    with without_warning():
        run(None if most is None else Rules(max_price=most))


# ---- over connections ------------------------------------------------------------------------


class Noting(ZIC):
    """A trader that notes the highest price of which it thinks."""

    def __init__(self, ranges: set[Any]) -> None:
        self.ranges = ranges

    def __deepcopy__(self, memo: Any) -> Noting:
        return self

    def quote(self, view: View, chance: Random) -> Any:
        self.ranges.add(view.highest)
        return super().quote(view, chance)


class Over(Page):
    """It is over."""


class Trading(MarketPage):
    """Trade."""

    def open_market(page, market: Market, traders: Any) -> None:
        buyer, seller = (trader.name for trader in traders)
        market.induce(InducedValues({buyer: [90, 80]}, {seller: [10, 20]}))


@pytest.mark.long
@pytest.mark.parametrize(
    ("rules", "highest"),
    [
        (Rules(), 120),
        (Rules(max_price=500), 500),
        (Rules(ceiling=100), 100),
        (Rules(buyer_tax=Tax(-15)), 135),
        (Rules(call=True), 120),
    ],
)
async def test_bots_think_of_the_prices_of_which_the_simulation_thinks(
    rules: Rules, highest: int
) -> None:
    values = InducedValues({"b1": [90, 80], "b2": [120]}, {"s1": [10, 20], "s2": [15]})
    online, offline = set[Any](), set[Any]()
    Design(values, lambda: Noting(offline), steps=9, rules=rules).simulate(seed=1)
    design = Design(values, lambda: Noting(online), periods=2, rules=rules)
    pages = design.pages(seconds=1, clear_when_all_ready=True) if rules.call else design.pages(
        seconds=1)  # fmt: skip
    with serving(*pages, Over, players=4) as run:
        bots = run.bots(design.bots(pace=0.02), seed=1)
        assert await asyncio.to_thread(bots.wait, 60), bots.status.to_string()
    assert online == offline == {highest}


@pytest.mark.long
@pytest.mark.parametrize(("rules", "thought_of"), [(Rules(), 120), (Rules(max_price=100), 100)])
async def test_a_bot_by_a_client_of_ones_own_thinks_of_the_prices_that_it_is_given(
    rules: Rules, thought_of: int
) -> None:
    class Ruled(Trading):
        """Trade."""

    Ruled.rules = rules
    ranges = set[Any]()
    with serving(Ruled, Over, players=2) as run:
        async with Client(run.link(run.players[0])) as client:
            bot = market_bot(Noting(ranges), pace=0.01, highest=120)
            playing = asyncio.create_task(bot(client))
            await until(lambda: bool(ranges))
            playing.cancel()
    assert ranges == {thought_of}


@pytest.mark.parametrize("highest", [0, -5, 12.5, "120", Decimal("nan"), True])
def test_a_highest_price_that_is_no_money_is_refused_at_its_line(highest: Any) -> None:
    with pytest.raises(BadMarket, match="is not an amount of money above 0"):
        market_bot(ZIC(), highest=highest)


async def test_only_a_bot_of_the_run_is_told_what_units_are_worth_at_most() -> None:
    with serving(Trading, Over, players=2) as run:
        ann, bob = [await Browser.open(run, place) for place in (0, 1)]
        (seed,) = (await bob.call("seed_markets"))["markets"]
        assert "90" not in str({**seed, "market": ""}.values())
        note = run._runtime.interventions.note_bot
        note(run.players[1], "robot", True)
        note(run.players[1], "robot", True)
        note(run.players[1], "robot", False)
        for tab, highest in ((ann, None), (bob, 90)):
            told = await tab.call("robots_range", "market")
            assert told == {"market": "market", "highest": highest}
        note(run.players[1], "robot", False)
        assert (await bob.call("robots_range", "market"))["highest"] is None


@pytest.mark.long
async def test_a_session_of_bots_without_a_named_range_is_rerun_without_a_difference() -> None:
    ranges = set[Any]()
    with serving(Trading, Over, names={}, players=2, seed=5) as run:
        bots = run.bots([market_bot(Noting(ranges), pace=0.01) for _ in range(2)], seed=3)
        assert await asyncio.to_thread(bots.wait, 60), bots.status.to_string()
        again = rerun(run, [Trading, Over], namespace={})
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
    assert ranges == {90}
