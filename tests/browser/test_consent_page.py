"""The consent page in a browser: by mouse, by keyboard, without a script, on paper and a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.running import serving
from uproot_nb import Consent
from uproot_nb import Page as OurPage

TEXT = "# Taking part\n\nYou can stop at any time.\n\n## Data\n\n" + "We store prices. " * 60
TEXTS = {"en": TEXT, "ar": "# المشاركة\n\nيمكن التوقف في أي وقت."}


class Play(OurPage):
    """Play!"""


def consent(**given: Any) -> Any:
    return Consent(**{"text": TEXT, "version": "1", **given})


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_a_participant_reads_ticks_and_goes_on(page: Page) -> None:
    with serving(consent(copy=True), Play, players=1) as run:
        page.goto(run.link(run.players[0]))
        expect(page.get_by_role("heading", level=1, name="Taking part")).to_be_visible()
        expect(page.get_by_role("button", name="Print")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("Play!")).not_to_be_visible()
        page.get_by_label("I have read this and agree to take part.").check()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("Play!")).to_be_visible()
        assert run.consents["agreed"].tolist() == [True]


def test_the_keyboard_is_enough_to_decline_after_a_second_press(page: Page) -> None:
    with serving(consent(), Play, players=1) as run:
        page.goto(run.link(run.players[0]))
        page.get_by_text("I do not agree").focus()
        sure = page.get_by_role("button", name="Yes, I do not take part")
        expect(sure).not_to_be_visible()
        page.keyboard.press("Enter")
        expect(sure).to_be_visible()
        assert violations(page) == []
        assert run.consents.empty
        page.keyboard.press("Tab")
        expect(sure).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_function("document.title === 'Thank you'")
        assert run.consents["agreed"].tolist() == [False]
        page.go_back()
        assert run.consents["agreed"].tolist() == [False]
        page.goto(run.link(run.players[0]))
        expect(page.get_by_text("Play!")).not_to_be_visible()


@pytest.mark.parametrize("agrees", [True, False])
@pytest.mark.sample(1)
def test_it_works_without_a_script(browser: Browser, agrees: bool) -> None:
    with serving(consent(copy=True), Play, players=1) as run:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        page.get_by_role("button", name="Take part").click()
        assert "This page needs JavaScript." not in page.content()
        expect(page.get_by_role("button", name="Print")).not_to_be_visible()
        if agrees:
            page.get_by_label("I have read this and agree to take part.").check()
            page.get_by_role("button", name="Next").click()
            expect(page.get_by_text("Play!")).to_be_visible()
        else:
            page.get_by_text("I do not agree").click()
            page.get_by_role("button", name="Yes, I do not take part").click()
            expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        assert run.consents["agreed"].tolist() == [agrees]
        context.close()


@pytest.mark.slow
def test_paper_has_the_text_and_no_buttons(page: Page) -> None:
    with serving(consent(copy=True), Play, players=1) as run:
        page.add_init_script("window.print = () => { window.printed = true; }")
        page.goto(run.link(run.players[0]))  # the page that begins goes on to the consent page
        page.get_by_role("button", name="Print").click()
        assert page.evaluate("printed") is True
        page.emulate_media(media="print")
        expect(page.get_by_text("You can stop at any time.")).to_be_visible()
        for hidden in ("#uproot-buttons", "#uproot-decline", ".uproot-consent-tools"):
            expect(page.locator(hidden)).not_to_be_visible()


@pytest.mark.slow
def test_the_stored_copy_is_a_page_of_its_own(page: Page) -> None:
    with serving(consent(copy=True), Play, players=1) as run:
        page.goto(run.link(run.players[0]))
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Save a copy").click()
        download = downloading.value
        assert download.suggested_filename == "consent-1.html"
        text = download.path().read_text("utf-8")
        assert "<h1>Taking part</h1>" in text
        assert "You can stop at any time." in text


@pytest.mark.slow
def test_a_phone_shows_it_without_scrolling_sideways_also_from_right_to_left(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 568})
    with serving(consent(text=TEXTS), Play, players=1, language="ar") as run:
        page.goto(run.link(run.players[0]))
        expect(page.get_by_text("يمكن التوقف في أي وقت.")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert page.evaluate("document.documentElement.dir") == "rtl"
        page.locator("#uproot-decline summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        box = page.locator("#uproot-decline summary").bounding_box()
        assert box is not None
        assert box["height"] >= 40
        assert violations(page) == []
