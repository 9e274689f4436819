"""docs/markets.md: what its snippets come to, not only that they run."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.docs.fences import fences_of
from tests.docs.reader import Reader
from tests.running import serving, until_true
from uproot_nb.market import CallMarketPage, Dividends, InducedValues, MarketPage, Rules
from uproot_nb.market.traders import (
    GD,
    ZIC,
    ZIP,
    ZIU,
    Sniper,
    market_bot,
    simulate_asset_market,
    simulate_market,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "markets.md"
BUYERS, SELLERS = ["b1", "b2", "b3"], ["s1", "s2", "s3"]
VALUES = InducedValues.symmetric(BUYERS, SELLERS, highest=120, lowest=20, step=10, units=2)


def test_what_the_manual_shows_comes_out(tmp_path: Path) -> None:
    with Reader("markets", tmp_path) as reader:
        reader.follow(fences_of(PAGE))
        names: dict[str, Any] = vars(reader.module)
        simulated = names["simulated"].periods
        assert (simulated["efficiency"] > 0.7).all()
        assert (simulated["trades"] > 3).all()
        assert (simulated["alpha"] < 60).all()
        assert names["tables"].trades["price"].tolist() == [12]
        assert names["replayed"].trades["price"].tolist() == [12]
        assert names["replayed"].depth.equals(names["files"].book)
        assert names["replayed"].notes.empty
        halts = names["calm"].order_events.query("event in ('halt', 'resume')")
        assert set(halts["reason"]) == {"band", "over"}
        called = [(one.buyer, one.seller, one.price) for one in names["outcome"].trades]
        assert called == [("ann", "bob", 55), ("cleo", "dan", 55)]
        bubble = names["bubble"].periods
        assert (bubble["trades"] > 0).all()
        assert bubble["mean_price"].iloc[5] > bubble["fundamental_value"].iloc[5]
        assert (names["run"].errors["type"] == "Warning").all()


@pytest.mark.slow
def test_the_agent_of_the_manual_earns_more_and_trades_over_connections(tmp_path: Path) -> None:
    with Reader("robots", tmp_path) as reader:
        reader.follow(fences_of(PAGE.with_name("robots.md")))
        names: dict[str, Any] = vars(reader.module)
        more = names["more"]
        assert more.mean() > 1.96 * more.std(ddof=1) / len(more) ** 0.5
        traders = names["run"].market().traders
        assert traders["units"].sum() > 4
        assert len(set(traders["player"])) > 4


@pytest.mark.parametrize("make", [ZIU, ZIC, lambda: ZIP(Random(1)), GD])
@pytest.mark.parametrize("rules", [None, Rules(no_loss=True), Rules(improvement=True)])
def test_traders_trade_where_no_rule_says_how_high_prices_go(make: Any, rules: Any) -> None:
    """They take the range of values and costs."""
    traders = {name: make() for name in BUYERS + SELLERS}
    periods = simulate_market(traders, VALUES, periods=3, rules=rules, seed=1).periods
    assert (periods["efficiency"] > 0.3).all()
    assert (periods["mean_price"] <= 120).all()


def test_a_highest_price_that_the_rules_name_is_the_traders() -> None:
    rules = Rules(max_price=1_200)
    traders = {name: ZIC() for name in BUYERS + SELLERS}
    orders = simulate_market(traders, VALUES, rules=rules, seed=1, steps=200).order_events
    assert orders["price"].max() > 120


@pytest.mark.long
def test_an_asset_is_traded_where_no_rule_says_how_high_prices_go() -> None:
    held: Any = dict.fromkeys(BUYERS + SELLERS, (100, 2))
    traders = {name: ZIU() for name in held}
    asset = Dividends((0, 10), periods=3)
    periods = simulate_asset_market(traders, asset, held, steps=200, seed=1).periods
    assert (periods["trades"] > 0).all()


class Trading(MarketPage):
    """As in the manual, with nothing said of prices."""

    def open_market(page, market, traders) -> None:
        names = [trader.name for trader in traders]
        market.induce(
            InducedValues.symmetric(names[::2], names[1::2], highest=90, lowest=10, step=10)
        )


class Called(CallMarketPage):
    """Cleared once all are ready."""

    rules = Rules(call=True)
    clear_when_all_ready = True
    open_market = Trading.__dict__["open_market"]


@pytest.mark.long
@pytest.mark.parametrize("page", [Trading, Called])
@pytest.mark.parametrize("make", [ZIC, Sniper])
def test_bots_send_prices_that_somebody_could_take(page: Any, make: Any) -> None:
    """They are told what units are worth at most, as robots in a simulation are."""
    with serving(page, players=6) as run:
        bots = run.bots([market_bot(make(), pace=0.01) for _ in range(6)], seed=1)
        until_true(lambda: len(run.market().order_events) > 1 or not bots.running)
        orders = run.market().order_events
        assert 0 < orders["price"].max() <= 90
        if make is ZIC and page is Trading:
            until_true(lambda: len(run.market().trades) > 0)
        bots.stop()
