"""What participants see of a page that requires something of their browser."""

from __future__ import annotations

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, expect

from tests.running import serving
from uproot_nb import IntegerField, Page, Requires


class Trade(Page):
    """Trade."""

    requires = Requires(min_width=900, touch=False)


class Watch(Page):
    """Watch."""

    requires = Requires(fullscreen=True)
    timeout = 300
    fields = dict(age=IntegerField(label="Age"))  # noqa: C408, RUF012


@pytest.mark.slow
def test_a_window_that_is_made_larger_goes_on_by_itself(context: BrowserContext) -> None:
    with serving(Trade, players=1) as run:
        page = context.new_page()
        page.set_viewport_size({"width": 375, "height": 700})
        page.goto(run.link(run.players[0]))
        expect(page.get_by_text("Please make this window larger.")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        page.set_viewport_size({"width": 1200, "height": 800})
        expect(page.get_by_text("Trade.")).to_be_visible()


def test_a_phone_reads_that_a_computer_is_needed_and_may_leave(browser: Browser) -> None:
    context = browser.new_context(
        viewport={"width": 375, "height": 700}, has_touch=True, is_mobile=True, locale="de"
    )
    with serving(Trade, players=1, language="de") as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        expect(
            page.get_by_text("Bitte verwenden Sie für diese Seite einen Computer.")
        ).to_be_visible()
        page.get_by_text("Das ist mir nicht möglich").click()
        page.get_by_role("button", name="Ja, ich nehme nicht teil").click()
        page.wait_for_function("!document.getElementById('uproot-requirements')")
        assert run.players[0].ended_as == "screened"
    context.close()


@pytest.mark.slow
def test_without_a_script_the_page_says_so_and_the_way_out_works(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    with serving(Trade, players=1) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        page.get_by_role("button", name="Take part").click()
        assert "This page needs JavaScript." in page.content()
        page.get_by_text("I cannot do this").click()
        page.get_by_role("button", name="Yes, I do not take part").click()
        expect(page.get_by_text("I cannot do this")).to_have_count(0)
        assert run.players[0].ended_as == "screened"
    context.close()


def test_full_screen_is_asked_for_by_a_button_and_leaving_it_covers_the_page(
    context: BrowserContext,
) -> None:
    with serving(Watch, players=1) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        expect(page.get_by_text("This page is shown in full screen.")).to_be_visible()
        expect(page.get_by_label("Age")).not_to_be_visible()
        assert violations(page) == []
        assert run.players[0]._state.deadline is None
        assert page.evaluate("uproot.pageTimeoutRemainingMs()") == 300_000
        page.get_by_role("button", name="Show in full screen").click()
        page.wait_for_function("uproot.pageTimeoutRemainingMs() < 300_000")
        assert run.players[0]._state.deadline is not None
        expect(page.locator(".uproot-timeout-stopped")).to_have_count(0)
        page.get_by_label("Age").fill("30")
        page.evaluate("document.exitFullscreen()")
        expect(page.get_by_text("Please return to full screen to go on.")).to_be_visible()
        expect(page.get_by_text("Your time is still running.")).to_be_visible()
        expect(page.get_by_label("Age")).not_to_be_visible()
        page.get_by_role("button", name="Show in full screen").click()
        expect(page.get_by_label("Age")).to_have_value("30")


@pytest.mark.slow
def test_a_press_without_a_connection_starts_the_clock_when_it_is_back(
    context: BrowserContext,
) -> None:
    with serving(Watch, players=1) as run:
        page, player = context.new_page(), run.players[0]
        page.goto(run.link(player))
        expect(page.get_by_text("This page is shown in full screen.")).to_be_visible()
        page.wait_for_function("uproot.inner.link.isOpen")
        page.evaluate("uproot.inner.link.rest()")
        page.get_by_role("button", name="Show in full screen").click()
        expect(page.get_by_label("Age")).to_be_visible()
        assert player._state.deadline is None
        page.evaluate("uproot.inner.link.begin()")
        page.wait_for_function("uproot.pageTimeoutRemainingMs() < 300_000")
        assert player._state.deadline is not None
