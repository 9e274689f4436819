"""MarketPage in Chromium: two people trade, one of them misses something, and time runs out."""
# ruff: noqa: ANN001, ANN201, RUF012  (as authors write)

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect

from tests.running import serving
from uproot_nb import Page as ExperimentPage
from uproot_nb import Run
from uproot_nb.market import Fees, InducedValues, Market, MarketPage, Rules, Tax


class Trading(MarketPage):
    """Trade."""

    rules = Rules(no_loss=True)
    texts = {"no_price": "Please write a number."}

    def open_market(page, market, traders):
        ann, bob = (trader.name for trader in traders)
        market.induce(InducedValues({ann: [90, 70, 50]}, {bob: [20, 40, 60]}))


class Cheap(Trading):
    """Trade."""

    def open_market(page, market, traders):
        ann, bob = (trader.name for trader in traders)
        market.induce(InducedValues({ann: [90, 70, 50]}, {bob: [20, 30, 40]}))


class Assets(MarketPage):
    """Trade."""

    rules = Rules(budget=True, short_sales=False)
    market_names = ("red", "blue")

    def open_market(page, market, traders):
        for trader in traders:
            market.endow(trader, cash=100, units=2)


class Short(MarketPage):
    """Trade."""

    seconds = 600


class Taxed(MarketPage):
    """Trade."""

    rules = Rules(
        buyer_tax=Tax(5, Decimal("0.1")), seller_tax=Tax(-3), fees=Fees(1, 2), terms=("ioc", "fok")
    )

    def open_market(page, market, traders):
        ann, bob = (trader.name for trader in traders)
        market.induce(InducedValues({ann: [90, 70, 50]}, {bob: [20, 40, 60]}))


class Timed(MarketPage):
    """Trade."""

    rules = Rules(good_for=600, terms=("ioc", "gft", "iceberg"))


class Over(ExperimentPage):
    """It is over."""


class Window:
    """A trader's browser."""

    def __init__(self, context: BrowserContext, link: str) -> None:
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(link)
        expect(self.page.locator(".uproot-market").first).to_be_visible(timeout=15_000)

    def part(self, name: str, market: int = 0) -> Any:
        """Return one of the lists: Bids, Asks, Your orders, Trades."""
        section = self.page.locator(".uproot-market").nth(market)
        return section.locator(".uproot-market-grid > div").filter(
            has=self.page.get_by_role("heading", name=name, exact=True)
        )

    def order(self, side: str, price: str, quantity: str = "1", market: int = 0) -> None:
        section = self.page.locator(".uproot-market").nth(market)
        section.get_by_label("Price", exact=True).fill(price)
        section.get_by_label("Quantity").fill(quantity)
        button = section.locator(".uproot-market-order").get_by_role(
            "button", name=side, exact=True
        )
        button.click(force=True)  # also where it says that it would do nothing

    def amount(self, name: str) -> Any:
        shown = self.page.locator(".uproot-market-mine div").filter(has_text=name)
        return shown.locator("dd:not(.uproot-market-free)")


@pytest.fixture
def windows(browser: Browser) -> Iterator[Any]:
    contexts: list[BrowserContext] = []
    opened: list[Window] = []

    def open_window(link: str, **options: Any) -> Window:
        context = browser.new_context(**{"viewport": {"width": 390, "height": 844}, **options})
        context.set_default_timeout(10_000)
        contexts.append(context)
        opened.append(Window(context, link))
        return opened[-1]

    yield open_window
    assert [window.errors for window in opened] == [[] for _ in opened]
    for context in contexts:
        context.close()


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Trading, Over) as run:
        yield run


def links_of(run: Run) -> list[str]:
    return list(run.links["url"])


def test_people_see_their_taxes_and_may_say_what_becomes_of_the_rest(windows: Any) -> None:
    with serving(Taxed, Over) as run:
        ann, bob = (windows(link) for link in links_of(run))
        expect(ann.amount("Tax per unit bought")).to_have_text("5 + 10 %")
        expect(bob.amount("Subsidy per unit sold")).to_have_text("3")
        expect(bob.amount("Fee per unit if your order waits")).to_have_text("1")
        expect(bob.amount("Fee per unit if you trade at once")).to_have_text("2")
        bob.order("Sell", "40", "2")
        ann.page.get_by_label("If not all is traded at once").select_option("nothing is traded")
        ann.order("Buy", "40", "3")
        expect(ann.page.get_by_role("alert")).to_have_text(
            "There are not enough units at this price."
        )
        ann.page.get_by_label("If not all is traded at once").select_option("the rest is withdrawn")
        ann.order("Buy", "40", "3")
        expect(ann.part("Your orders")).to_contain_text("Nothing yet.")
        # Two units at 40, each with 5 + 4 in taxes and a fee of 2.
        expect(ann.amount("Profit")).to_have_text(str(90 + 70 - 2 * 51))
        expect(ann.amount("Taxes and fees so far")).to_have_text("22")
        expect(bob.amount("Profit")).to_have_text(str(2 * 42 - 20 - 40))
        assert violations(ann.page) == []
        traders = run.market().traders.set_index("player")["surplus"]
        names = [player.name for player in run.players]
        assert list(traders[names]) == [58, 24]


def test_two_people_trade(run: Run, windows: Any) -> None:
    """An ask is posted, seen, taken; both see the trade and what they have earned."""
    ann, bob = map(windows, links_of(run))
    expect(ann.amount("Next unit is worth")).to_have_text("90")
    expect(ann.page.get_by_role("button", name="Sell")).to_have_count(0)
    bob.order("Sell", "60")
    expect(bob.part("Your orders")).to_contain_text("Sell 60")
    expect(bob.part("Asks")).to_contain_text("60Yours")
    ann.part("Asks").get_by_role("button", name="Buy: 60").click()
    for window, profit in ((ann, "30"), (bob, "40")):
        expect(window.part("Trades")).to_contain_text("1.60")
        expect(window.amount("Profit")).to_have_text(profit)
        expect(window.part("Asks")).to_contain_text("Nothing yet.")
    expect(bob.amount("Next unit costs")).to_have_text("40")
    keep_picture(ann, "traded")
    tables = run.market()
    assert list(tables.trades["price"]) == [60]
    assert list(tables.periods["surplus"]) == [70]
    assert tables.order_events["client_time"].notna().all()


@pytest.mark.slow
def test_an_order_is_changed_and_taken_back(run: Run, windows: Any) -> None:
    ann = windows(links_of(run)[0])
    ann.order("Buy", "30", "2")
    ann.part("Your orders").get_by_role("button", name="Change").click()
    expect(ann.page.get_by_label("Price", exact=True)).to_have_value("30")
    ann.page.get_by_label("Price", exact=True).fill("35")
    ann.page.get_by_label("Price", exact=True).press("Enter")
    expect(ann.part("Your orders")).to_contain_text("Buy 35 × 2")
    expect(ann.part("Bids")).to_contain_text("35 × 2")
    ann.part("Your orders").get_by_role("button", name="Withdraw").click()
    expect(ann.part("Bids")).to_contain_text("Nothing yet.")


def test_refusals_are_shown_beside_the_order(run: Run, windows: Any) -> None:
    """Also those for which the page has words of its own; those of the server are in the data."""
    ann = windows(links_of(run)[0])
    problem = ann.page.get_by_role("alert")
    for price, quantity, words in (
        ("a lot", "1", "Please write a number."),
        ("1,5", "1", "multiple of 1"),
        ("1,000", "1", "Please write a number."),
        ("10", "1.5", "whole number"),
        ("10", "two", "whole number"),
    ):
        ann.order("Buy", price, quantity)
        expect(problem).to_have_text(re.compile(words))
    keep_picture(ann, "refused")
    events = run.market().order_events
    assert (set(events["event"]), len(events)) == ({"reject"}, 5)


def test_no_button_offers_what_would_be_refused_anyway(run: Run, windows: Any) -> None:
    """It says why, stays where the keyboard is, and sends nothing."""
    ann, bob = map(windows, links_of(run))
    entry = ann.page.locator(".uproot-market-order")
    buy = entry.get_by_role("button", name="Buy", exact=True)
    hint = ann.page.locator(".uproot-market-hint")
    for price, quantity, words in (
        ("91", "1", "Your bid is above your value of 90."),
        ("71", "2", "Your bid is above your value of 70."),
        ("-3", "1", "A price must be above zero."),
        ("10", "4", "You do not have enough units left for this order."),
        ("", "1", "Please enter a price."),
    ):
        ann.page.get_by_label("Price", exact=True).fill(price)
        ann.page.get_by_label("Quantity").fill(quantity)
        expect(hint).to_have_text(words)
        expect(buy).to_have_attribute("aria-disabled", "true")
        buy.focus()
        buy.press("Enter")
        expect(ann.page.get_by_role("alert")).to_have_text(words)
    ann.page.get_by_label("At the best price").check()
    expect(ann.page.get_by_label("Price", exact=True)).to_be_disabled()
    expect(hint).to_have_text("Nobody else is selling at the moment.")
    for price in ("95", "85"):
        bob.order("Sell", price)
    expect(ann.part("Asks").get_by_role("button")).to_have_count(1)
    expect(buy).not_to_have_attribute("aria-disabled", "true")
    assert set(run.market().order_events["event"]) == {"submit"}
    assert violations(ann.page) == []


class Improving(Assets):
    """Trade."""

    rules = Rules(budget=True, improvement=True, short_sales=False)
    texts = {"halted": "Please wait."}


@pytest.mark.slow
def test_a_reason_is_shown_as_long_as_it_holds(windows: Any) -> None:
    """After an order was taken, nothing that it changed is held against it."""
    with serving(Improving) as run:
        ann, bob = map(windows, links_of(run))
        problem = ann.page.get_by_role("alert").first
        hint = ann.page.locator(".uproot-market-hint").first
        ann.order("Buy", "150")
        expect(hint).to_have_text("Please enter a price.")
        ann.order("Buy", "60", market=1)
        expect(ann.page.get_by_role("alert").nth(1)).to_contain_text("money")
        ann.part("Your orders", 0).get_by_role("button", name="Withdraw").click()
        expect(ann.page.get_by_role("alert").nth(1)).to_be_empty()
        bob.order("Buy", "50")
        ann.order("Buy", "50")
        expect(problem).to_contain_text("best bid, 50")
        bob.part("Your orders", 0).get_by_role("button", name="Withdraw").click()
        expect(problem).to_be_empty()
        Market.in_session(run.session, name="red").halt()
        expect(ann.page.get_by_role("status").filter(has_text="Please wait.")).to_have_count(1)
        ann.order("Buy", "40")
        expect(problem).to_be_empty()


@pytest.mark.slow
def test_a_change_that_trades_at_once_is_no_refusal(run: Run, windows: Any) -> None:
    ann, bob = map(windows, links_of(run))
    bob.order("Sell", "60")
    expect(ann.part("Asks")).to_contain_text("60")
    ann.order("Buy", "50")
    ann.part("Your orders").get_by_role("button", name="Change").click()
    ann.page.get_by_label("Price", exact=True).fill("60")
    ann.page.locator(".uproot-market-order").get_by_role("button", name="Change").click()
    expect(ann.part("Trades")).to_contain_text("60")
    expect(ann.page.get_by_label("Price", exact=True)).to_have_value("")
    expect(ann.page.get_by_role("alert")).to_be_empty()


@pytest.fixture
def cheap() -> Iterator[Run]:
    with serving(Cheap, Over) as run:
        yield run


@pytest.mark.slow
def test_own_trades_are_said_once_and_marked(cheap: Run, windows: Any) -> None:
    """Also those that were made while the page was away; a reload says nothing again."""
    ann, bob = map(windows, links_of(cheap))
    said, theirs = (
        window.page.locator(".uproot-market-said[role=status]") for window in (ann, bob)
    )
    ann.order("Buy", "60")
    bob.order("Sell", "55")
    expect(said).to_have_text("▲ You bought at 60.")
    expect(theirs).to_have_text("▼ You sold at 60.")
    expect(ann.part("Trades")).to_contain_text("▲ Bought")
    expect(bob.part("Trades")).to_contain_text("▼ Sold")
    expect(ann.page.locator("polygon.uproot-market-buy-mark")).to_have_count(1)
    expect(ann.amount("Units left to buy")).to_have_text("2")
    expect(ann.amount("Your other units are worth")).to_have_text("50")
    expect(ann.page.get_by_role("heading", name="Market · Period 1")).to_be_visible()
    ann.page.reload()
    expect(ann.part("Trades")).to_contain_text("▲ Bought")
    expect(said).to_be_empty()
    ann.order("Buy", "50", "2")
    expect(ann.part("Your orders")).to_contain_text("Buy 50 × 2")
    ann.page.goto("about:blank")
    bob.order("Sell", "45", "2")
    expect(theirs).to_have_text("▼ You sold 2 at 50.")
    ann.page.go_back()
    expect(said).to_have_text("▲ You bought 2 at 50.")
    expect(ann.page.locator(".uproot-market-hint")).to_have_text("You have no more units to trade.")
    ann.page.reload()
    expect(ann.part("Trades")).to_contain_text("Bought")
    expect(said).to_be_empty()


@pytest.mark.slow
def test_a_trade_during_a_lost_connection_is_said_when_it_is_back(
    cheap: Run, windows: Any, browser: Browser
) -> None:
    first, second = links_of(cheap)
    bob, lines = windows(second), list[WebSocketRoute]()
    context = browser.new_context()
    page = context.new_page()

    def between(near: WebSocketRoute) -> None:
        lines.append(near)
        near.connect_to_server()

    page.route_web_socket(re.compile(".*"), between)
    page.goto(first)
    page.get_by_label("Price", exact=True).fill("60")
    page.get_by_label("Price", exact=True).press("Enter")
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()
    lines[-1].close(code=1012)
    bob.order("Sell", "55")
    expect(page.locator(".uproot-market-said")).to_have_text("▲ You bought at 60.")
    assert len(lines) > 1
    context.close()


@pytest.mark.slow
def test_readers_hear_of_others_trades_in_words(windows: Any) -> None:
    with serving(Short, Over) as run:
        watcher, market = windows(links_of(run)[0]), Market.in_session(run.session)
        with run.lock:
            market.limit("x", "sell", 40)
            market.limit("y", "buy", 40)
        spoken = watcher.page.locator(".uproot-market [aria-live=polite]")
        expect(spoken).to_have_text("Traded at 40.")
        expect(watcher.page.locator(".uproot-market-said")).to_be_empty()


class Fine(MarketPage):
    """Trade."""

    rules = Rules(tick=Decimal("0.001"))


@pytest.mark.slow
def test_prices_are_shown_and_read_as_the_pages_language_writes_them(windows: Any) -> None:
    """What one sees is what one may type, and what one changes is what one has sent."""
    with serving(Fine, Over, language="de") as run:
        ann = windows(links_of(run)[0])
        price = ann.page.get_by_label("Preis", exact=True)
        price.fill("1,500")
        ann.page.get_by_role("button", name="Kaufen", exact=True).click()
        expect(ann.part("Kaufgebote")).to_contain_text("1,500")
        ann.part("Ihre Orders").get_by_role("button", name="Ändern").click()
        expect(price).to_have_value("1,500")
        price.fill("−5")
        price.press("Enter")
        expect(ann.page.get_by_role("alert")).not_to_be_empty()
        price.fill("１,25")
        price.press("Enter")
        expect(ann.part("Kaufgebote")).to_contain_text("1,250")
        price.fill("2.500")
        ann.page.get_by_role("button", name="Kaufen", exact=True).click()
        expect(ann.page.get_by_role("alert")).not_to_be_empty()
        events = run.market().order_events
        assert list(events["price"].dropna())[:2] == [1.5, -5.0]
        assert list(events["event"]).count("reject") == 2


MINUS_STANDS_FIRST = """element => {
    element.textContent = "-20";
    const left = index => {
        const range = document.createRange();
        range.setStart(element.firstChild, index);
        range.setEnd(element.firstChild, index + 1);
        return range.getBoundingClientRect().left;
    };
    return left(0) < left(1);
}"""


@pytest.mark.parametrize(
    "language",
    [pytest.param("de", marks=pytest.mark.slow), "ar", pytest.param("he", marks=pytest.mark.slow)],
)
@pytest.mark.slow
def test_numbers_and_charts_run_from_left_to_right(windows: Any, language: str) -> None:
    with serving(Trading, Over, language=language) as run:
        ann, bob = (windows(link) for link in links_of(run))
        for trader in (bob, ann):
            trader.page.locator("input[id$=-price]").fill("55")
            trader.page.locator("input[id$=-price]").press("Enter")
            expect(
                trader.page.locator(".uproot-market-chart text")
                .or_(trader.page.locator(".uproot-market-book button"))
                .first
            ).to_be_visible()
        label = ann.page.locator(".uproot-market-chart text")
        ends = label.first.evaluate("label => label.getBBox().x + label.getBBox().width")
        assert ends < ann.page.locator("polyline").evaluate("line => line.points[0].x - 3")
        for amount in (".uproot-market-mine dd", ".uproot-market-book span"):
            assert ann.page.locator(amount).first.evaluate(MINUS_STANDS_FIRST)


@pytest.mark.slow
def test_refusals_are_said_in_the_pages_language(windows: Any) -> None:
    with serving(Trading, Over, language="de") as run:
        ann = windows(links_of(run)[0])
        ann.page.get_by_label("Preis", exact=True).fill("91")
        ann.page.get_by_label("Preis", exact=True).press("Enter")
        problem = ann.page.get_by_role("alert")
        expect(problem).to_have_text("Ihr Gebot liegt über Ihrem Wert von 90.")


@pytest.mark.slow
def test_a_double_click_is_one_order(run: Run, windows: Any) -> None:
    """And a click too many finds an empty price, which is no order either."""
    ann, bob = map(windows, links_of(run))
    bob.order("Sell", "80")
    expect(ann.part("Asks")).to_contain_text("80")
    ann.page.get_by_label("Price", exact=True).fill("30")
    buy = ann.page.locator(".uproot-market-order").get_by_role("button", name="Buy", exact=True)
    buy.dblclick()
    expect(ann.part("Your orders")).to_contain_text("Buy 30")
    buy.click(force=True)
    expect(ann.page.get_by_role("alert")).to_have_text("Please enter a price.")
    assert list(run.market().order_events["event"]) == ["submit", "submit"]


HOLD = """() => {
    const invoke = uproot.invoke;
    const gate = new Promise((open) => { window.letThrough = open; });
    uproot.invoke = (...args) => gate.then(() => invoke(...args));
}"""
"""Let calls wait as on a slow line, until the page calls letThrough()."""


@pytest.mark.slow
def test_a_fast_second_click_is_done_in_its_turn_or_answered_in_words(
    run: Run, windows: Any
) -> None:
    """Another order waits until the first is answered; the same again is said to be on its way."""
    ann, bob = map(windows, links_of(run))
    for price in ("80", "85"):
        bob.order("Sell", price)
    expect(ann.part("Asks")).to_contain_text("85")
    ann.page.evaluate(HOLD)
    problem = ann.page.get_by_role("alert")
    first = ann.part("Asks").get_by_role("button", name="Buy: 80")
    first.click()
    expect(problem).to_be_empty()
    first.click()
    expect(problem).to_have_text("Your last order is still on its way. Please wait a moment.")
    ann.page.get_by_label("Price", exact=True).fill("30")
    ann.page.locator(".uproot-market-order").get_by_role("button", name="Buy", exact=True).click()
    ann.page.evaluate("letThrough()")
    expect(ann.part("Your orders")).to_contain_text("Buy 30")
    expect(problem).to_be_empty()
    assert run.market().trades["price"].tolist() == [80]
    assert ann.page.get_by_label("Price", exact=True).input_value() == ""


@pytest.mark.slow
def test_a_refusal_is_not_lost_when_another_order_waits(run: Run, windows: Any) -> None:
    ann, _ = map(windows, links_of(run))
    ann.page.evaluate(HOLD)
    price, buy = (
        ann.page.get_by_label("Price", exact=True),
        ann.page.get_by_role("button", name="Buy"),
    )
    for amount in ("1,5", "30"):
        price.fill(amount)
        buy.first.click()
    ann.page.evaluate("letThrough()")
    expect(ann.part("Your orders")).to_contain_text("Buy 30")
    expect(ann.page.get_by_role("alert")).to_contain_text("multiple of 1")


@pytest.mark.slow
def test_an_order_that_is_traded_while_one_changes_it_is_not_sent_anew(
    run: Run, windows: Any
) -> None:
    ann, bob = map(windows, links_of(run))
    ann.order("Buy", "30")
    ann.part("Your orders").get_by_role("button", name="Change").click()
    bob.order("Sell", "30")
    expect(ann.page.get_by_role("alert")).to_have_text(re.compile("no longer in the market"))
    expect(ann.page.get_by_label("Price", exact=True)).to_have_value("")
    expect(ann.part("Trades")).to_contain_text("1.30")


@pytest.mark.slow
def test_the_keyboard_is_not_lost_when_what_had_it_goes(run: Run, windows: Any) -> None:
    ann, bob = map(windows, links_of(run))
    bob.order("Sell", "60")
    ann.part("Asks").get_by_role("button", name="Buy: 60").focus()
    bob.part("Your orders").get_by_role("button", name="Withdraw").click()
    expect(ann.part("Asks")).to_contain_text("Nothing yet.")
    expect(ann.page.locator(".uproot-market")).to_be_focused()


@pytest.mark.slow
def test_what_a_cell_does_is_seen(run: Run, windows: Any) -> None:
    """An order of the author's own, and the end."""
    ann = windows(links_of(run)[0])
    market = Market.in_session(run.session)
    with run.lock:
        market.limit(run.players[1], "sell", 60)
    expect(ann.part("Asks")).to_contain_text("60")
    market.close()
    expect(ann.page.get_by_role("alert")).to_have_text("The market is closed.")
    buy = ann.page.locator(".uproot-market-order").get_by_role("button", name="Buy", exact=True)
    expect(buy).to_be_disabled()


@pytest.mark.slow
def test_what_was_missed_is_asked_for(run: Run, windows: Any, browser: Browser) -> None:
    """A push is lost on the way: the next one does not fit, so the page asks for all of it."""
    first, second = links_of(run)
    bob = windows(second)
    lost: list[str] = []
    context = browser.new_context()
    page = context.new_page()

    def between(near: WebSocketRoute) -> None:
        far = near.connect_to_server()

        def pass_on(message: Any) -> None:
            text = message if isinstance(message, str) else message.decode()
            if "UprootMarket" in text and not lost:
                lost.append(text)
            else:
                near.send(message)

        far.on_message(pass_on)

    page.route_web_socket(re.compile(".*"), between)
    page.goto(first)
    expect(page.locator(".uproot-market")).to_be_visible(timeout=15_000)
    bob.order("Sell", "80")
    expect(bob.part("Your orders")).to_contain_text("Sell 80")
    bob.order("Sell", "75")
    asks = page.locator(".uproot-market-grid > div").filter(has_text="Asks")
    expect(asks).to_contain_text("75")
    expect(asks).to_contain_text("80")
    assert lost
    context.close()


@pytest.mark.slow
def test_a_reload_shows_the_same(run: Run, windows: Any) -> None:
    ann, bob = map(windows, links_of(run))
    bob.order("Sell", "60", "2")
    ann.part("Asks").get_by_role("button", name="Buy: 60").click()
    expect(ann.part("Trades")).to_contain_text("1.60")
    ann.page.reload()
    expect(ann.part("Trades")).to_contain_text("1.60")
    expect(ann.part("Asks")).to_contain_text("60")
    expect(ann.amount("Profit")).to_have_text("30")


@pytest.mark.slow
def test_two_markets_side_by_side(windows: Any) -> None:
    """Each with its own book and units; what is bought in one is paid from the purse of both."""
    with serving(Assets) as run:
        ann, bob = map(windows, links_of(run))
        bob.order("Sell", "40", market=0)
        bob.order("Buy", "30", market=1)
        expect(ann.part("Asks", 0)).to_contain_text("40")
        expect(ann.part("Bids", 1)).to_contain_text("30")
        ann.part("Asks", 0).get_by_role("button", name="Buy: 40").click()
        expect(ann.amount("Cash").first).to_have_text("160")
        expect(ann.amount("Units").first).to_have_text("3")
        expect(ann.amount("Cash").nth(1)).to_have_text("160")
        expect(ann.amount("Units").nth(1)).to_have_text("2")
        ann.order("Buy", "161", market=0)
        expect(ann.page.get_by_role("alert").first).not_to_be_empty()
        assert list(run.market("red").trades["price"]) == [40]
        assert list(run.market("blue").trades["price"]) == []
        keep_picture(ann, "two")


@pytest.mark.slow
def test_everybody_has_the_same_end(windows: Any) -> None:
    """Who comes later has less time; when it is up, everybody leaves and nothing is taken."""
    with serving(Short, Over) as run:
        links = links_of(run)
        ann = windows(links[0])
        timer = ann.page.get_by_role("timer")
        expect(timer).to_contain_text(re.compile("9:[0-9]{2}"))
        bob = windows(links[1])
        expect(bob.page.get_by_role("timer")).to_contain_text("9:")
        deadlines = {player._state.deadline for player in run.players}
        assert max(deadlines) - min(deadlines) < 1.0
        run.advance(run.players[0])
        expect(ann.page.locator("body")).to_contain_text("It is over.")


def test_no_barrier_for_a_screen_reader(run: Run, windows: Any) -> None:
    ann, bob = map(windows, links_of(run))
    bob.order("Sell", "60")
    ann.order("Buy", "30")
    expect(ann.part("Asks")).to_contain_text("60")
    assert violations(ann.page) == []


def keep_picture(window: Window, name: str) -> None:
    """Keep a screenshot for the documentation, if a folder for them is named."""
    folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
    if folder:
        window.page.screenshot(path=str(Path(folder) / f"trading_{name}.png"), full_page=True)


def test_orders_that_leave_or_are_shown_in_parts_and_a_halt(windows: Any) -> None:
    with serving(Timed, Over) as run:
        ann, bob = (windows(link) for link in links_of(run))
        ann.page.get_by_label("Stays for (seconds)").fill("300")
        ann.page.get_by_label("Units shown at a time").fill("2")
        ann.order("Sell", "40", "6")
        expect(ann.page.get_by_label("Units shown at a time")).to_have_value("")
        mine = ann.part("Your orders").locator("li")
        expect(mine).to_have_text(re.compile(r"40 × 6 · 2 of them shown · (299|300) s"))
        expect(ann.amount("An order stays for (seconds)")).to_have_text("600")
        expect(bob.part("Asks").locator("li")).to_contain_text("40 × 2")
        bob.order("Buy", "40", "3")
        expect(bob.part("Asks").locator("li")).to_have_text(re.compile(r"^40(?! ×)"))
        expect(mine).to_contain_text("40 × 3")
        ann.page.get_by_label("If not all is traded at once").select_option("ioc")
        expect(ann.page.get_by_label("Units shown at a time")).to_be_disabled()
        Market.in_session(run.session).halt()
        halted = bob.page.get_by_text("Trading is halted for the moment")
        expect(halted).to_be_visible()
        assert violations(bob.page) == []
        buy = bob.page.locator(".uproot-market-order").get_by_role("button", name="Buy")
        expect(buy).to_be_disabled()
        ann.part("Your orders").get_by_role("button", name="Withdraw").click()
        expect(ann.part("Your orders")).to_contain_text("Nothing yet.")
        keep_picture(bob, "halted")
        Market.in_session(run.session).resume()
        expect(halted).to_have_count(0)
        bob.page.get_by_label("Price", exact=True).fill("39")
        expect(buy).to_be_enabled()
