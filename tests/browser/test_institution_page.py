"""InstitutionPage in Chromium, at a phone's size: bids, offers and clocks by keyboard, with axe."""
# ruff: noqa: ANN001, ANN201, ANN202  (as authors write)

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.running import serving
from uproot_nb import Page as ExperimentPage
from uproot_nb.institutions import (
    CournotMarket,
    Endowment,
    EnglishClock,
    InstitutionPage,
    LinearDemand,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
)


class Over(ExperimentPage):
    """It is over."""


Open = Callable[[str], Page]


@pytest.fixture
def phone_of(browser: Browser) -> Iterator[Open]:
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(link: str) -> Page:
        context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(link)
        expect(page.locator(".uproot-game")).to_be_visible(timeout=15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def fact(page: Page, name: str):
    """What is told under a word: a hint may be the name of a contract, too."""
    there = page.get_by_role("term").filter(has_text=re.compile(f"^{re.escape(name)}$"))
    return page.locator(".uproot-game-facts div").filter(has=there).locator("dd")


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def keep_picture(page: Page, name: str) -> None:
    """Keep a screenshot for the documentation, if a folder for them is named."""
    folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"institution_{name}.png"), full_page=True)


def let_pass(page: Page, seconds: int) -> None:
    """Let the time of a page pass as slowly as its server answers.

    A page connects again, and takes the server's time, if its ping has no answer for ten seconds.
    """
    for begin in range(0, seconds, 5):
        page.clock.run_for(1000 * min(5, seconds - begin))
        page.evaluate("uproot.invoke('seed_institution').then(() => null)")


def test_two_bid_by_keyboard_and_see_the_outcome(phone_of: Open) -> None:
    class Auction(InstitutionPage):
        """Bid."""

        institution = SealedBidAuction("first", PrivateValues(0, 100), reserve=5)
        practice = True

        def endow(page, players, period):
            return {p.name: Endowment(values=(80,)) for p in players}

    with serving(Auction, Over) as run:
        ann, bob = map(phone_of, run.links["url"])
        expect(fact(ann, "Your value")).to_have_text("80")
        expect(ann.get_by_role("heading", name="Practice · Period 1", exact=True)).to_be_visible()
        expect(ann.get_by_text("This is practice: what you earn here is not paid.")).to_be_visible()
        ann.get_by_label("Your bid").fill("x")
        ann.keyboard.press("Enter")
        expect(ann.get_by_role("alert")).to_have_text("Please enter a plain number.")
        assert violations(ann) == []
        assert fits(ann)
        keep_picture(ann, "bidding")
        ann.get_by_label("Your bid").fill("44")
        ann.keyboard.press("Enter")
        expect(ann.get_by_role("status").filter(has_text="Please wait")).to_be_visible()
        expect(ann.get_by_label("Your bid")).to_have_count(0)
        bob.get_by_role("button", name="Do not bid").click()
        expect(ann.get_by_text("You have won.")).to_be_visible()
        expect(fact(ann, "Profit")).to_have_text("36")
        expect(ann.locator("li.uproot-game-own")).to_contain_text("44Yours")
        assert violations(ann) == []
        bob.get_by_role("button", name="Next").click()
        expect(bob.locator("body")).to_contain_text("It is over.")


def test_amounts_beside_each_other_have_as_many_decimals(phone_of: Open) -> None:
    class Auction(InstitutionPage):
        """Bid."""

        institution = SealedBidAuction("first", PrivateValues(0, 100), tick=Decimal("0.05"))

        def endow(page, players, period):
            return {p.name: Endowment(values=(5,)) for p in players}

    with serving(Auction, Over) as run:
        ann, bob = map(phone_of, run.links["url"])
        expect(fact(ann, "Your value")).to_have_text("5.00")
        expect(fact(ann, "Bidders")).to_have_text("2")
        for page, bid in ((ann, "4.5"), (bob, "3")):
            page.get_by_label("Your bid").fill(bid)
            page.keyboard.press("Enter")
        expect(fact(ann, "You pay")).to_have_text("4.50")
        expect(fact(ann, "Profit")).to_have_text("0.50")
        expect(fact(bob, "Profit")).to_have_text("0.00")
        expect(bob.locator("li")).to_have_text(["4.50", "3.00Yours"])
        expect(bob.locator("#uproot-game-spoken")).to_have_text("Price: 4.50; Profit: 0.00")


@pytest.mark.slow
def test_quantities_have_the_decimals_of_their_tick_and_money_its_own(phone_of: Open) -> None:
    class Quantities(InstitutionPage):
        """Choose."""

        institution = CournotMarket(
            LinearDemand(100, Decimal("0.5")), costs=(10,), tick=Decimal("0.1")
        )

    with serving(Quantities, Over, language="de") as run:
        ann, bob = map(phone_of, run.links["url"])
        expect(fact(ann, "Kosten je Einheit")).to_have_text("10")
        for page, quantity in ((ann, "30"), (bob, "30,5")):
            page.get_by_label("Ihre Menge").fill(quantity)
            page.keyboard.press("Enter")
        expect(fact(ann, "Gewinn")).to_have_text("1792,50")
        expect(fact(ann, "Kosten je Einheit")).to_have_text("10,00")
        expect(ann.locator("li")).to_have_text(["30,0Ihres", "30,5"])


def test_who_only_hears_the_page_knows_the_time_to_decide_and_the_outcome(phone_of: Open) -> None:
    class Auction(InstitutionPage):
        """Bid."""

        institution = SealedBidAuction("first", PrivateValues(0, 100))
        seconds = 90
        review = 30

        def endow(page, players, period):
            return {p.name: Endowment(values=(80,)) for p in players}

    with serving(Auction, Over, players=1) as run:
        ann = phone_of(run.links["url"].iloc[0])
        ann.clock.install()
        ann.reload()
        expect(ann.get_by_role("heading", name="Auction")).to_be_visible()
        said = ann.locator("#uproot-announcer")
        left = ann.locator(".uproot-game-left")
        expect(left).to_contain_text("Time remaining: 1:")
        ann.clock.pause_at(ann.evaluate("Date.now()") / 1000 + 1)
        rest = 60 * 1 + int(left.inner_text().rpartition(":")[2])
        let_pass(ann, rest - 65)
        expect(said).to_have_text("")
        let_pass(ann, 10)  # the page's own time is over only half a minute later
        expect(said).to_have_text("One minute left.")
        let_pass(ann, 45)
        expect(said).to_have_text("15 seconds left.")
        run.pause()
        expect(ann.locator("#uproot-banner")).not_to_be_empty()
        stands = left.inner_text()
        ann.clock.run_for(8_000)  # less than a ping is waited for: in a pause calls have no answer
        assert left.inner_text() == stands
        run.resume()
        ann.get_by_label("Your bid").fill("44")
        ann.keyboard.press("Enter")
        following = ann.get_by_role("button", name="Next")
        expect(following).to_be_focused()
        spoken = ann.locator("#uproot-game-spoken")
        expect(spoken).to_have_text("Price: 44; You pay: 44; Profit: 36")


@pytest.mark.slow
def test_a_buyer_takes_an_offer(phone_of: Open) -> None:
    class Offers(InstitutionPage):
        """Offer."""

        institution = PostedOffer(values=((90, 70),), costs=((20, 50),))

    with serving(Offers, Over) as run:
        seller, buyer = map(phone_of, run.links["url"])
        seller.get_by_label("Your price").fill("60")
        seller.get_by_role("button", name="Sell").click()
        row = buyer.get_by_role("listitem").filter(has_text="Seller 1: 60")
        expect(row).to_be_visible()
        assert violations(buyer) == []
        assert fits(buyer)
        keep_picture(buyer, "offers")
        row.get_by_role("button", name="Buy").press("Enter")
        expect(fact(buyer, "You have bought")).to_have_text("1")
        spoken = buyer.locator("#uproot-game-spoken")
        expect(spoken).to_have_text("Your units are worth: 70; You have bought: 1")
        expect(buyer.get_by_role("button", name="Buy")).to_be_focused()
        buyer.get_by_role("button", name="Trade nothing more").press("Enter")
        expect(fact(seller, "Profit")).to_have_text("40")
        rows = seller.locator("li", has_text="60")
        expect(rows).to_have_text(["Sell: 60Yours", "Buy Seller 1: 60"])


@pytest.mark.slow
def test_who_forgets_a_bid_is_led_to_it(phone_of: Open) -> None:
    class Units(InstitutionPage):
        """Bid."""

        institution = MultiUnitAuction("uniform", PrivateValues(0, 100, units=2), supply=2)

    with serving(Units, Over) as run:
        ann = phone_of(run.links["url"].iloc[0])
        ann.get_by_label("Your bid 1").fill("44")
        ann.keyboard.press("Enter")
        expect(ann.get_by_role("alert")).to_have_text("Please enter a plain number.")
        expect(ann.get_by_label("Your bid 2")).to_be_focused()
        assert violations(ann) == []
        ann.keyboard.type("30")
        ann.keyboard.press("Enter")
        expect(ann.get_by_role("status").filter(has_text="Please wait")).to_be_visible()


@pytest.mark.slow
def test_a_clock_rises_until_somebody_leaves(phone_of: Open) -> None:
    class Clock(InstitutionPage):
        """Stay."""

        institution = EnglishClock(PrivateValues(0, 100), highest=1000, seconds_per_tick=0.2)
        lead = 0.5

    with serving(Clock, Over) as run:
        ann, bob = map(phone_of, run.links["url"])
        clock = bob.get_by_role("timer", name="Price")
        expect(clock).to_be_visible()
        bob.wait_for_function(
            "parseInt(document.querySelector('.uproot-game-clock span').textContent) > 3"
        )
        leave = ann.get_by_role("button", name="Leave the auction")
        expect(leave).to_be_visible()
        assert violations(ann) == []
        assert fits(ann)
        keep_picture(ann, "clock")
        leave.press("Enter")
        expect(bob.get_by_text("You have won.")).to_be_visible()
        expect(clock).to_be_hidden()
        price = run.institution().periods["price"].item()
        expect(fact(bob, "Price")).to_have_text(str(int(price)))


@pytest.mark.slow
def test_who_is_alone_when_the_first_price_has_been_shown_has_won(phone_of: Open) -> None:
    class Clock(InstitutionPage):
        """Stay."""

        institution = EnglishClock(PrivateValues(0, 100), lowest=20, seconds_per_tick=1.5)
        lead = 0.5

    with serving(Clock, Over) as run:
        ann, bob = map(phone_of, run.links["url"])
        expect(bob.get_by_role("timer", name="Price")).to_be_visible()
        ann.get_by_role("button", name="Leave the auction").press("Enter")
        expect(bob.get_by_text("You have won.")).to_be_visible()
        expect(fact(bob, "Price")).to_have_text("20")


def test_shares_are_traded(phone_of: Open) -> None:
    class Forecast(InstitutionPage):
        """Forecast."""

        institution = PredictionMarket(("rain", "sun"), liquidity=50, payout=100)

    with serving(Forecast, Over) as run:
        ann, bob = map(phone_of, run.links["url"])
        buying = ann.get_by_role("group", name="Buy")
        buying.get_by_label("Quantity").fill("10")
        offers = ann.get_by_role("list", name="Buy")
        expect(offers.get_by_role("listitem").nth(0)).to_contain_text("rain: 50 You pay: 525")
        expect(offers.get_by_role("button").nth(1)).to_have_accessible_description(
            "sun: 50 You pay: 525"
        )
        offers.get_by_role("listitem").filter(has_text="rain").get_by_role("button").click()
        expect(fact(ann, "rain")).to_have_text("10")
        expect(ann.get_by_role("list", name="Sell")).to_contain_text("rain")
        expect(bob.get_by_role("list", name="Buy")).to_contain_text("rain: 55")
        spoken = bob.locator("#uproot-game-spoken")  # at most every five seconds
        expect(spoken).to_have_text("rain: 55; sun: 45", timeout=15_000)
        ann.get_by_role("group", name="Sell").get_by_label("Quantity").fill("4")
        expect(ann.get_by_role("list", name="Sell")).to_contain_text("You receive: 215")
        ann.get_by_role("group", name="Sell").get_by_label("Quantity").fill("11")
        expect(ann.get_by_role("list", name="Sell")).not_to_contain_text("You receive")
        expect(ann.get_by_label("Sell: Quantity")).to_be_visible()
        assert violations(ann) == []
        assert fits(ann)
        keep_picture(ann, "shares")
        for page in (ann, bob):
            page.get_by_role("button", name="Trade nothing more").click()
        expect(bob.locator("li")).to_have_text(["Buy rain: 10 (525)"])
