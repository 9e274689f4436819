"""The page after the last one: the code to copy, the way on, and the countdown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.running import serving
from uproot_nb import Page as UprootPage
from uproot_nb import Run

SITE = "https://exit.example"
CODE = "C0DE-7"


class Hello(UprootPage):
    """Hello!"""


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page whose clock stands still, and for which the exit's site exists."""
    context.route(f"{SITE}/**", _thank)
    page = context.new_page()
    page.clock.install()
    return page


def _thank(route: Route) -> None:
    route.fulfill(body=f"<h1>{route.request.method}: {route.request.post_data or ''}</h1>")


@contextmanager
def at_the_end(page: Page, done: Any) -> Iterator[Run]:
    """Serve a study with an exit, and let a participant come to its end."""
    with serving(Hello, players=1, names={"exits": {"done": done}}) as run:
        page.goto(run.links.url[0])
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        page.wait_for_load_state()  # its script has begun to count
        yield run


def test_the_browser_goes_on_by_itself_after_the_countdown(page: Page) -> None:
    with at_the_end(page, f"{SITE}/?id=1&b=2"):
        expect(page.get_by_role("timer")).to_have_text("The next page opens automatically in 10 s.")
        page.clock.run_for(4000)
        expect(page.get_by_role("timer")).to_have_text("The next page opens automatically in 6 s.")
        page.clock.run_for(7000)
        expect(page.get_by_role("heading")).to_have_text("GET: ")
        assert page.url == f"{SITE}/?id=1&b=2"


@pytest.mark.slow
def test_whoever_stays_is_not_sent_on_and_may_still_go(page: Page) -> None:
    with at_the_end(page, f"{SITE}/"):
        page.get_by_role("button", name="Stay on this page").press("Enter")
        expect(page.get_by_role("status").get_by_text("This page stays open.")).to_be_visible()
        expect(page.get_by_role("link", name="Continue")).to_be_focused()
        page.clock.run_for(60_000)
        expect(page.get_by_role("timer")).to_have_count(0)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading")).to_have_text("GET: ")


@pytest.mark.slow
def test_whoever_comes_back_is_not_sent_on_again(page: Page) -> None:
    with at_the_end(page, {"url": f"{SITE}/", "code": CODE}):
        page.clock.run_for(11_000)
        expect(page.get_by_role("heading")).to_have_text("GET: ")
        page.go_back()
        expect(page.get_by_text(CODE)).to_be_visible()
        page.clock.run_for(60_000)
        expect(page.get_by_text(CODE)).to_be_visible()
        expect(page.get_by_role("timer")).to_be_hidden()


@pytest.mark.slow
def test_an_exit_without_a_countdown_waits_for_the_button(page: Page) -> None:
    with at_the_end(page, {"url": f"{SITE}/", "after": None}):
        page.clock.run_for(600_000)
        page.get_by_role("link", name="Continue").click()
        expect(page.get_by_role("heading")).to_have_text("GET: ")


def test_the_button_posts_what_the_site_asks_for(page: Page) -> None:
    with at_the_end(page, {"url": f"{SITE}/submit", "fields": {"assignmentId": "a&b"}}):
        page.clock.run_for(11_000)
        expect(page.get_by_role("heading")).to_have_text("POST: assignmentId=a%26b")


def test_the_code_is_copied_by_keyboard_and_the_page_says_so(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with at_the_end(page, {"code": CODE}):
        button = page.get_by_role("button", name="Copy")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").get_by_text("Copied.")).to_be_visible()
        expect(button).to_be_focused()
        assert page.evaluate("navigator.clipboard.readText()") == CODE


@pytest.mark.slow
def test_the_code_is_copied_without_the_clipboard_of_secure_pages(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with at_the_end(page, {"code": CODE}):
        page.evaluate("() => { navigator.clipboard.writeText = undefined; }")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == CODE


@pytest.mark.slow
def test_a_code_that_cannot_be_copied_is_selected(page: Page) -> None:
    with at_the_end(page, {"code": CODE}):
        page.evaluate("""() => {
            navigator.clipboard.writeText = () => Promise.reject(new Error("no"));
            document.execCommand = () => false;
        }""")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Please copy the code by hand.")).to_be_visible()
        assert page.evaluate("getSelection().toString()") == CODE


@pytest.mark.slow
def test_the_countdown_does_not_speak_each_second(page: Page) -> None:
    with at_the_end(page, f"{SITE}/"):
        live = page.get_by_role("timer").get_attribute("aria-live")
        assert live in (None, "off")
        said = page.locator("#uproot-countdown-said")
        page.clock.run_for(5000)
        expect(said).to_have_text("")


@pytest.mark.slow
def test_without_a_script_the_button_works(browser: Browser, page: Page) -> None:
    with at_the_end(page, {"url": f"{SITE}/", "code": CODE}) as run:
        plain = browser.new_context(java_script_enabled=False)
        plain.route(f"{SITE}/**", _thank)
        scriptless = plain.new_page()
        scriptless.goto(run.links.url[0])
        expect(scriptless.get_by_text(CODE)).to_be_visible()
        expect(scriptless.get_by_role("button", name="Copy")).to_be_hidden()
        expect(scriptless.get_by_role("timer")).to_be_hidden()
        scriptless.get_by_role("link", name="Continue").click()
        expect(scriptless.get_by_role("heading")).to_have_text("GET: ")
        plain.close()


@pytest.mark.slow
def test_the_site_does_not_learn_the_participants_link(page: Page) -> None:
    asked: list[dict[str, str]] = []
    page.on("request", lambda one: SITE in one.url and asked.append(one.all_headers()))
    with at_the_end(page, f"{SITE}/"):
        page.get_by_role("link", name="Continue").click()
        expect(page.get_by_role("heading")).to_have_text("GET: ")
        assert "referer" not in asked[0]


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.slow), "de", "ar"])
@pytest.mark.sample(1)
def test_the_end_is_accessible_on_a_phone(page: Page, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 740})
    done = {"url": f"{SITE}/", "code": CODE * 12}
    names = {"exits": {"done": done}}
    with serving(Hello, players=1, names=names, language=language) as run:
        run.move_to_end(run.players)
        page.goto(run.links.url[0])
        expect(page.get_by_role("timer")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
