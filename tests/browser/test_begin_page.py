"""The first page of a personal link: it goes on by itself, or by its button."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe import violations
from playwright.sync_api import BrowserContext, Page, expect

from tests.running import serving
from uproot_nb import Page as UprootPage
from uproot_nb import Run


class Hello(UprootPage):
    """Hello!"""


BLOCKED = "window.WebSocket = function () { this.close = () => {}; };"
"""A network on which no socket ever opens."""


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Hello, players=1) as run:
        yield run


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_a_browser_goes_on_by_itself(run: Run, page: Page) -> None:
    page.goto(run.link(run.players[0]) + "?source=mail")
    expect(page.get_by_text("Hello!")).to_be_visible()
    assert dict(run.players[0].query) == {"source": "mail"}
    page.goto(run.link(run.players[0]) + "?source=web")
    expect(page.get_by_text("Hello!")).to_be_visible()
    assert dict(run.players[0].query) == {"source": "mail"}


def test_who_accepts_the_task_again_goes_on_by_itself_with_the_new_assignment(page: Page) -> None:
    with serving(Hello, players=0) as run:
        study = run.room("mturk", recruiter="mturk")
        page.goto(f"{study.url}?workerId=A1&assignmentId=3FIRST")
        page.get_by_role("button", name="Take part").click()
        expect(page.get_by_text("Hello!")).to_be_visible()
        page.goto(f"{study.url}?workerId=A1&assignmentId=3AGAIN")
        expect(page.get_by_text("Hello!")).to_be_visible()
        (player,) = run.players
        assert dict(player.query) == {"workerId": "A1", "assignmentId": "3AGAIN"}
        assert "3AGAIN" not in page.url


@pytest.mark.slow
def test_it_goes_on_when_the_pause_is_over(run: Run, page: Page) -> None:
    run.pause()
    page.goto(run.link(run.players[0]))
    expect(page.get_by_role("button", name="Take part")).to_be_visible()
    run.resume()
    expect(page.get_by_text("Hello!")).to_be_visible()


@pytest.mark.slow
def test_without_a_socket_there_is_a_button(run: Run, page: Page) -> None:
    page.add_init_script(BLOCKED)
    page.goto(run.link(run.players[0]) + "?source=mail")
    page.get_by_role("button", name="Take part").dblclick()
    expect(page.get_by_text("Hello!")).to_be_visible()
    assert dict(run.players[0].query) == {"source": "mail"}


def test_without_scripts_there_is_a_button(run: Run, context: BrowserContext) -> None:
    assert context.browser is not None
    plain = context.browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(run.link(run.players[0]))
    page.get_by_role("button", name="Take part").click()
    expect(page.get_by_text("Hello!")).to_be_visible()
    plain.close()


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_it_is_accessible_on_a_phone(run: Run, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 740})
    page.add_init_script(BLOCKED)
    page.goto(run.link(run.players[0]))
    expect(page.get_by_role("button", name="Take part")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
