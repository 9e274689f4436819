"""Who serves a market in which nobody has cash reads why no bid is taken."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.market.pages.test_trader_data import Over, seed
from tests.running import Browser, serving, until
from uproot_nb import Rounds, Run
from uproot_nb.market import (
    AssetMarketPage,
    CallMarketPage,
    Dividends,
    InducedValues,
    Market,
    MarketPage,
    Rules,
)


class Poor(MarketPage):
    """Trade."""

    rules: ClassVar[Rules] = Rules(budget=True)

    def open_market(page, market, traders) -> None:
        ann, bob = (trader.name for trader in traders)
        market.induce(InducedValues({ann: [90]}, {bob: [20]}))


class PoorAssets(AssetMarketPage):
    """Trade."""

    dividends = Dividends((0, 10), periods=2)


class PoorCall(CallMarketPage):
    """Trade."""

    rules = Rules(call=True, budget=True)


class OnlyUnits(MarketPage):
    """Trade."""

    def open_market(page, market, traders) -> None:
        for trader in traders:
            market.endow(trader, units=2)


class EndowedBefore(Poor):
    """Trade."""

    def before_once(page, player) -> None:
        market = Market.in_session(player.session, rules=page.rules)
        market.endow(player, cash=100 if player.id else 0)


class EndowedLate(Poor):
    """Trade."""

    def late_trader(page, market, trader) -> None:
        market.endow(trader, cash=100)


class OnCredit(Poor):
    """Trade."""

    rules = Rules()


class Rich(Poor):
    """Trade."""

    def open_market(page, market, traders) -> None:
        for trader in traders:
            market.endow(trader, cash=100)


def warned(run: Run) -> list[str]:
    rows = run.errors
    return list(rows["message"][rows["type"] == "Warning"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "giver"),
    [(Poor, "open_market"), (PoorAssets, "endow"), (PoorCall, "open_market"),
     (OnlyUnits, "open_market")],
)  # fmt: skip
async def test_the_researcher_is_warned_once_that_no_bid_can_be_taken(
    page: type[MarketPage], giver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Rounds(page, n=2), Over) as run:
        for place in (0, 1, 0):
            browser = await Browser.open(run, place)
            assert (await seed(browser))["mine"]["cannot"]["buy"]
        await until(lambda: bool(warned(run)))
        (text,) = warned(run)
        assert "nobody in the market 'market' has cash" in text
        assert f"market.endow(trader, cash=100) in {giver}()" in text
        assert run.errors["count"].tolist() == [1]
    assert capsys.readouterr().err.count("nobody in the market") == 1


@pytest.mark.long
@pytest.mark.parametrize("page", [Rich, OnCredit, EndowedBefore, EndowedLate])
async def test_nobody_is_warned_where_somebody_has_cash_or_may_get_it(
    page: type[MarketPage],
) -> None:
    with serving(page, Over) as run:
        for place in (0, 1):
            await seed(await Browser.open(run, place))
        ann = await Browser.open(run, 0)
        await ann.settle()
        assert warned(run) == []


@pytest.mark.long
async def test_who_has_bid_all_cash_is_not_poor() -> None:
    with serving(Rich, Over) as run:
        pair = [await Browser.open(run, place) for place in (0, 1)]
        for browser in pair:
            await browser.call("send_order", "market", "buy", 100)
        await seed(pair[0])
        await pair[0].settle()
        assert warned(run) == []
