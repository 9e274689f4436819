"""Designs of assets: robots and people trade them with the same dividends and endowments."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from tests.running import Browser, serving
from uproot_nb import Page
from uproot_nb.errors import BadMarket
from uproot_nb.market import (
    Asset,
    AssetMarketPage,
    Design,
    Dividends,
    Market,
    Rules,
    session_tables,
    simulate_markets,
)
from uproot_nb.market.designs.asset import ASSET_RULES
from uproot_nb.market.traders import NearZeroIntelligence
from uproot_nb.market.traders.asset_simulation import simulate_asset_market

DIVIDENDS = Dividends((0, 8, 28, 60), periods=4)
ENDOWED = {"a": (225, 3), "b": (585, 2), "c": (945, 1)}
DESIGN = Design(Asset(DIVIDENDS, ENDOWED), NearZeroIntelligence, periods=3, steps=40)


class Over(Page):
    """It is over."""


def drawn(chance: Random) -> dict[str, tuple[int, int]]:
    """Return endowments of a group."""
    return {"a": (chance.randint(100, 900), 2), "b": (chance.randint(100, 900), 3)}


def test_a_design_simulates_what_its_asset_and_rules_say() -> None:
    made = DESIGN.simulate(7)
    traders = {name: NearZeroIntelligence() for name in ENDOWED}
    same = simulate_asset_market(traders, DIVIDENDS, ENDOWED, periods=3, steps=40, seed=7)
    assert made.order_events.equals(same.order_events)
    assert made.periods.equals(same.periods)
    assert list(made.periods.fundamental_value) == [24 * left for left in (4, 3, 2)]
    assert (DESIGN.seats, DESIGN.players) == (["a", "b", "c"], 3)


@pytest.mark.long
def test_arms_and_groups_have_their_own_endowments() -> None:
    study = Design(
        Asset(DIVIDENDS, drawn), NearZeroIntelligence, periods=2, steps=30, groups=2,
        arms={"usual": {}, "rich": {"values": Asset(DIVIDENDS, {"a": (9000, 2), "b": (9000, 3)})}},
    )  # fmt: skip
    tables = ["periods", "mispricing"]
    with ThreadPoolExecutor(1) as pool:
        found = simulate_markets(study, range(2), executor=pool, progress=False, tables=tables)
    assert len(found["markets"]) == 8
    assert not found["markets"]["error"].notna().any()
    assert len(found["periods"]) == 16
    assert set(found["mispricing"]["arm"]) == {"usual", "rich"}
    arm = study.arm("usual")
    firsts = [arm.endowments_in(arm.market_seed(1, group)) for group in (1, 2)]
    assert firsts[0] != firsts[1]
    assert firsts[0] == drawn(Random("1/1/endowments"))


@pytest.mark.long
def test_quotes_lapse_after_trades_where_the_design_says_so() -> None:
    events = Design(
        Asset(DIVIDENDS, ENDOWED), NearZeroIntelligence, periods=2, clear_after_trade=True
    ).simulate(3).order_events  # fmt: skip
    assert (events.reason == "lapsed").any()


@pytest.mark.long
async def test_people_begin_with_the_endowments_of_their_seats() -> None:
    design = Design(Asset(DIVIDENDS, ENDOWED), NearZeroIntelligence, periods=2)
    with serving(*design.pages(seconds=600), Over, players=design.players) as run:
        browsers = [await Browser.open(run, place) for place in range(3)]
        seeds = [(await browser.call("seed_markets"))["markets"][0] for browser in browsers]
        held = [(data["mine"]["cash"], data["mine"]["units"]) for data in seeds]
        assert held == list(ENDOWED.values())
        await browsers[0].call("send_order", "market", "sell", 50)
        await browsers[2].call("send_order", "market", "buy", 60)
        market = Market.in_session(run.session)
        assert market.rules == ASSET_RULES
        market.settle(8)
        assert market.settled(run.players[2]) == {"cash": 945 - 50 + 16, "units": 2}
        lab = session_tables(run, design, session="lab", tables=["periods"])
        assert list(lab["periods"]["mean_price"]) == [50]
        assert list(lab["periods"]["fundamental_value"]) == [96]


async def test_who_comes_late_begins_with_the_seats_endowment() -> None:
    design = Design(Asset(DIVIDENDS, ENDOWED), NearZeroIntelligence)
    with serving(*design.pages(), Over, players=1) as run:
        await (await Browser.open(run, 0)).call("seed_markets")
        await Browser(run.join_link).fetch(body={})
        late = await Browser.open(run, 1)
        (data,) = (await late.call("seed_markets"))["markets"]
        assert (data["mine"]["cash"], data["mine"]["units"]) == ENDOWED["b"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"practice": 1}, "practice"), ({"shifts": {2: {"demand": 5}}}, "shifts"),
        ({"rules": {1: Rules(), 2: Rules(tick=5)}}, "same rules"),
        ({"periods": 5}, "periods 1 to 4"),
        ({"rules": Rules(call=True)}, "not in calls"),
        ({"rules": Rules(no_loss=True)}, "no_loss=True needs values"),
    ],
)  # fmt: skip
def test_what_an_asset_cannot_have_is_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(BadMarket, match=what):
        Design(Asset(DIVIDENDS, ENDOWED), NearZeroIntelligence, **options)


@pytest.mark.parametrize(
    "endowments", [{}, {"a": 5}, {"a": (1.5, 2)}, {"a": (5, -1)}, {1: (5, 1)}, [("a", 5, 1)]]
)
def test_endowments_that_are_none_are_refused(endowments: Any) -> None:
    with pytest.raises(BadMarket, match="are not endowments"):
        Asset(DIVIDENDS, endowments)
    with pytest.raises(BadMarket, match="are not endowments"):
        Asset(DIVIDENDS, lambda chance: endowments).endowments_of(1)
    with pytest.raises(BadMarket, match="not dividends"):
        Asset((0, 8), ENDOWED)  # type: ignore[arg-type]


def test_pages_and_files_say_what_they_cannot_do() -> None:
    class Mine(AssetMarketPage):
        """Trade."""

        dividends = DIVIDENDS

        def facts(page, player, market) -> dict[str, Any]:
            return {"Arm": "A"}

    (rounds,) = DESIGN.pages(page=Mine, seconds=5)
    assert issubclass(rounds.entries[0], Mine)
    with pytest.raises(BadMarket, match="endow"):
        DESIGN.pages(endow=lambda page, market, traders: None)

    class Other(Mine):
        """Trade."""

        dividends = Dividends((0, 10), periods=4)

    with pytest.raises(BadMarket, match="dividends would be ignored"):
        DESIGN.pages(page=Other)
    with pytest.raises(BadMarket, match="cannot be written as CSV"):
        DESIGN.to_csv()


def test_an_asset_knows_no_timing_and_no_debts() -> None:
    with pytest.raises(BadMarket, match="timing"):
        Design(Asset(DIVIDENDS, ENDOWED), NearZeroIntelligence, rules=Rules(timing="turns"))
    with pytest.raises(BadMarket, match="at least 0"):
        Asset(DIVIDENDS, {"a": (-1, 3)})
