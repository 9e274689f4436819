"""AssetMarketPage in Chromium: what a period has left is what the next one begins with."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import Browser, Page, expect

from tests.running import serving
from uproot_nb import Rounds, Run
from uproot_nb.market import AssetMarketPage, Dividends, Market


class Trading(AssetMarketPage):
    """Trade."""

    dividends = Dividends((8, 28), periods=15)
    show_value = True

    def endow(page, market, traders):
        for trader in traders:
            market.endow(trader, cash=225, units=3)


class Quiet(Trading):
    """Trade."""

    show_value = False


def in_german(player):
    return "de"


@pytest.fixture
def windows(browser: Browser) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    errors: list[str] = []

    def open_window(link: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(link)
        expect(page.locator(".uproot-market")).to_be_visible(timeout=15_000)
        return page

    yield open_window
    assert errors == []
    context.close()


def amount(page: Page, name: str) -> Any:
    """Return what stands below a name among what a trader has."""
    return page.locator(".uproot-market-mine div").filter(has_text=name).locator("dd").first


def dividend_of(run: Run, period: int) -> int:
    paid = Market.in_session(run.session, period=period).dividend
    assert isinstance(paid, int)
    return paid


@pytest.mark.slow
def test_cash_units_and_dividend_are_there_after_the_period(windows: Any) -> None:
    with serving(Rounds(Trading, n=15)) as run:
        ann, bob = (windows(link) for link in run.links["url"])
        expect(amount(ann, "Cash")).to_have_text("225")
        expect(amount(ann, "Holding a unit pays on average")).to_have_text("270")
        expect(ann.locator(".uproot-market-mine")).not_to_contain_text("Dividend")
        bob.get_by_label("Price", exact=True).fill("40")
        bob.locator(".uproot-market-order").get_by_role("button", name="Sell").click()
        ann.get_by_role("button", name="Buy: 40").click()
        expect(amount(ann, "Units")).to_have_text("4")
        for player in run.players:
            run.advance(player)
        for page, cash, units in ((ann, 185, 4), (bob, 265, 2)):
            expect(page.get_by_role("heading", name="Market · Period 2")).to_be_visible()
            paid = dividend_of(run, 1)
            expect(amount(page, "Units")).to_have_text(str(units))
            expect(amount(page, "Cash")).to_have_text(str(cash + units * paid))
            expect(amount(page, "Dividend of the last period")).to_have_text(str(paid))
            expect(amount(page, "Holding a unit pays on average")).to_have_text("252")
        keep_picture(ann, "asset")
        assert violations(ann) == []


def test_an_author_may_keep_the_value_to_himself_and_speak_german(windows: Any) -> None:
    with serving(Rounds(Quiet, n=15), names={"language": in_german}) as run:
        link = run.links["url"][0]
        ann = windows(link)
        run.advance(run.players[0])
        expect(amount(ann, "Dividende der letzten Periode")).to_be_visible()
        expect(amount(ann, "Dividende der letzten Periode")).to_have_text(str(dividend_of(run, 1)))
        expect(ann.locator(".uproot-market-mine")).not_to_contain_text("Durchschnitt")


def keep_picture(page: Page, name: str) -> None:
    """Keep a screenshot for the documentation, if a folder for them is named."""
    folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"trading_{name}.png"), full_page=True)
