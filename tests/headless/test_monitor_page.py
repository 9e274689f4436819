"""The monitor's page of `uproot-nb run`, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.headless.test_run import EXPERIMENT, Headless, notebook


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Headless]:
    started = Headless(
        notebook(tmp_path, EXPERIMENT), "--port", "0", "--monitor", "127.0.0.1:0"
    )  # fmt: skip
    yield started
    started.close()


def test_a_link_opens_the_page_and_the_page_outlives_its_kernel(
    run: Headless, browser: Browser
) -> None:
    """The token leaves the address; who comes from another site is let in, too."""
    run.tells_links(2)
    found = dict(re.findall(r"(steward|viewer) +(\S+#token=\S+)", run.text))
    context = browser.new_context()
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(found["viewer"])
    page.get_by_role("link", name="study").click()
    page.wait_for_selector("[data-player]")
    token = found["viewer"].partition("=")[2]
    assert token not in page.url
    (cookie,) = context.cookies()
    assert cookie["httpOnly"]
    assert token not in cookie["value"]
    run.kernel.kill()
    page.wait_for_selector("#link[data-state=away]", state="attached")
    page.wait_for_selector("#link[data-state=here]", state="attached", timeout=60_000)
    assert page.locator("#link").is_hidden()
    assert page.locator("[data-player]").count() == 2
    address = page.url
    page.goto(f"data:text/html,<a href='{address}'>Look</a>")
    page.get_by_role("link").click()
    page.wait_for_selector("[data-player]")
    assert not failures
    stranger = browser.new_context().new_page()
    stranger.goto(address)
    stranger.get_by_label("Token").fill("a guess")
    stranger.keyboard.press("Enter")
    stranger.get_by_text("That is not a token").wait_for()
    stranger.get_by_label("Token").fill(token)
    stranger.keyboard.press("Enter")
    stranger.wait_for_selector("[data-player]")
    assert stranger.url == address


@pytest.mark.slow
def test_who_watches_a_run_that_a_steward_closes_reads_that_it_was_closed(
    run: Headless, browser: Browser
) -> None:
    """The server ends with the run; to those who watch, that is no lost connection."""
    run.tells_links(2)
    found = dict(re.findall(r"(steward|viewer) +(\S+#token=\S+)", run.text))
    pages = {role: browser.new_context().new_page() for role in ("steward", "viewer")}
    for role, page in pages.items():
        page.goto(found[role])
        page.get_by_role("link", name="study").click()
        page.wait_for_selector("[data-player]")
    steward = pages["steward"]
    steward.get_by_role("button", name="Close…").press("Enter")
    steward.keyboard.type("study")
    steward.keyboard.press("Enter")
    assert run.ends() == 0
    for page in pages.values():
        page.get_by_text("closed: participants see that the session has ended").wait_for()
        page.get_by_text("The session was closed, and its server has ended").wait_for()
        assert page.locator("#link").get_attribute("data-state") == "ended"
