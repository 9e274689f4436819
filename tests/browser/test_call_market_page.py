"""CallMarketPage in Chromium: two people send sealed orders, are ready, and see the price."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect

from tests.running import serving
from uproot_nb import Page as ExperimentPage
from uproot_nb import Run
from uproot_nb.market import CallMarketPage, InducedValues, Rules

SECRET = "77321"
"""A price that is nowhere else on a page or in a frame."""


class Call(CallMarketPage):
    """Trade."""

    rules = Rules(call=True, no_loss=True)
    seconds = 600
    clear_when_all_ready = True

    def open_market(page, market, traders):
        ann, bob = (trader.name for trader in traders)
        market.induce(InducedValues({ann: [99_000, 88_000]}, {bob: [20_000, 90_000]}))


class Open(Call):
    """Trade."""

    sealed = False
    clear_when_all_ready = False


class Over(ExperimentPage):
    """It is over."""


class Window:
    """A trader's browser; `frames` is all that came through its socket."""

    def __init__(self, context: BrowserContext, link: str) -> None:
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.frames: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", self._listen)
        self.page.goto(link)
        expect(self.page.locator(".uproot-market")).to_be_visible(timeout=15_000)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def part(self, name: str) -> Any:
        """Return one of the lists: Your orders, Bids, Asks."""
        return self.page.locator(".uproot-market > div > div").filter(
            has=self.page.get_by_role("heading", name=name, exact=True)
        )

    def order(self, side: str, price: str, quantity: str = "1") -> None:
        self.page.get_by_label("Price", exact=True).fill(price)
        self.page.get_by_label("Quantity").fill(quantity)
        entry = self.page.get_by_role("group", name="New order")
        entry.get_by_role("button", name=side, exact=True).click(force=True)

    def amount(self, name: str) -> Any:
        return self.page.locator(".uproot-market-mine div").filter(has_text=name).locator("dd")

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def holds(self, text: str) -> bool:
        """Say whether a text is anywhere in the page or in what came through its socket."""
        return text in self.page.content() or any(text in frame for frame in self.frames)


@pytest.fixture
def windows(browser: Browser) -> Iterator[Any]:
    contexts: list[BrowserContext] = []
    opened: list[Window] = []

    def open_window(link: str) -> Window:
        context = browser.new_context(viewport={"width": 390, "height": 844})
        context.set_default_timeout(10_000)
        contexts.append(context)
        opened.append(Window(context, link))
        return opened[-1]

    yield open_window
    assert [window.errors for window in opened] == [[] for _ in opened]
    for context in contexts:
        context.close()


def links_of(run: Run) -> list[str]:
    return list(run.links["url"])


def test_two_people_are_cleared_at_one_price(windows: Any) -> None:
    """Nothing of the other's order is in a page or a frame before both are ready."""
    with serving(Call, Over) as run:
        ann, bob = map(windows, links_of(run))
        expect(ann.amount("Your units are worth")).to_have_text("99000, 88000")
        expect(ann.page.get_by_role("heading", name="Bids")).to_have_count(0)
        bob.order("Sell", SECRET)
        expect(bob.part("Your orders")).to_contain_text(f"Sell {SECRET}")
        ann.order("Buy", "91001")
        expect(ann.part("Your orders")).to_contain_text("Buy 91001")
        keep_picture(ann, "collecting")
        bob.button("Ready").click()
        expect(bob.page.get_by_text("Please wait for the others.")).to_be_visible()
        expect(bob.button("Ready")).to_have_attribute("aria-pressed", "true")
        assert not ann.holds(SECRET)
        assert not bob.holds("91001")
        assert violations(ann.page) == []
        ann.button("Ready").click()
        for window, done in ((ann, "bought"), (bob, "sold")):
            expect(window.amount("Clearing price")).to_have_text("84161")
            expect(window.amount("Units traded")).to_have_text("1")
            expect(window.amount(f"You have {done}")).to_have_text("1")
            expect(window.part("Your orders")).to_contain_text("Nothing yet.")
            expect(window.page.get_by_role("group", name="New order")).to_have_count(0)
        expect(ann.amount("Profit")).to_have_text("14839")
        expect(ann.button("Next")).to_be_focused()
        assert violations(ann.page) == []
        keep_picture(ann, "cleared")
        assert not ann.holds(SECRET)
        ann.button("Next").click()
        expect(ann.page.locator("body")).to_contain_text("It is over.")
        assert list(run.market().periods["efficiency"]) == [1]


def test_orders_are_changed_withdrawn_and_there_after_a_reload(windows: Any) -> None:
    with serving(Call, Over) as run:
        ann = windows(links_of(run)[0])
        ann.order("Buy", "300")
        ann.part("Your orders").get_by_role("button", name="Change").click()
        ann.page.get_by_label("Price", exact=True).fill("400")
        ann.page.get_by_label("Price", exact=True).press("Enter")
        expect(ann.part("Your orders")).to_contain_text("Buy 400")
        ann.button("Ready").click()
        expect(ann.button("Ready")).to_have_attribute("aria-pressed", "true")
        ann.page.reload()
        expect(ann.part("Your orders")).to_contain_text("Buy 400")
        expect(ann.button("Ready")).to_have_attribute("aria-pressed", "true")
        ann.button("Ready").click()
        expect(ann.button("Ready")).to_have_attribute("aria-pressed", "false")
        ann.order("Buy", "")
        expect(ann.page.get_by_role("alert")).to_have_text("Please enter a price.")
        ann.part("Your orders").get_by_role("button", name="Withdraw").click()
        expect(ann.part("Your orders")).to_contain_text("Nothing yet.")


@pytest.mark.slow
def test_an_open_book_is_shown_and_nothing_in_it_can_be_taken(windows: Any) -> None:
    with serving(Open, Over) as run:
        ann, bob = map(windows, links_of(run))
        bob.order("Sell", "30000")
        ann.order("Buy", "50000", "2")
        for window in (ann, bob):
            expect(window.part("Asks")).to_contain_text("30000")
            expect(window.part("Bids")).to_contain_text("50000 × 2")
            expect(window.part("Asks").get_by_role("button")).to_have_count(0)
            expect(window.part("Bids").get_by_role("button")).to_have_count(0)
            expect(window.button("Ready")).to_have_count(0)
        assert violations(bob.page) == []
        keep_picture(ann, "open")
        Open.clear_now(run.players[0])
        expect(ann.amount("Clearing price")).to_have_text("50000")
        expect(ann.part("Bids")).to_contain_text("50000")
        expect(ann.part("Asks")).to_contain_text("Nothing yet.")
        bob.button("Next").click()
        expect(bob.page.locator("body")).to_contain_text("It is over.")


def keep_picture(window: Window, name: str) -> None:
    """Keep a screenshot for the documentation, if a folder for them is named."""
    folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
    if folder:
        window.page.screenshot(path=str(Path(folder) / f"call_{name}.png"), full_page=True)
