"""A room as somebody before it sees it: what the page's script does, and how it looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import BrowserContext, Page, expect

from tests.running import serving
from uproot_nb import Page as UprootPage
from uproot_nb import Run


class Hello(UprootPage):
    """Hello!"""


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Hello, players=0) as run:
        yield run


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_whoever_waits_goes_in_when_the_room_opens(run: Run, page: Page) -> None:
    lab = run.room("lab", ["p01"], open=False)
    page.goto(lab.url)
    page.get_by_label("Label").fill("p01")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("One moment, please")
    assert page.url.endswith("?label=p01")
    lab.open()
    expect(page.get_by_text("Hello!")).to_be_visible()
    assert [player.label for player in lab.admitted] == ["p01"]


@pytest.mark.slow
def test_two_clicks_are_one(run: Run, page: Page) -> None:
    lab = run.room("lab")
    page.goto(lab.url)
    page.get_by_role("button", name="Take part").dblclick()
    expect(page.get_by_text("Hello!")).to_be_visible()
    assert len(run.players) == 1


@pytest.mark.slow
def test_an_unknown_label_is_said_at_the_input(run: Run, page: Page) -> None:
    page.goto(run.room("lab", ["p01"]).url)
    page.get_by_label("Label").fill("p02")
    page.keyboard.press("Enter")
    label = page.get_by_label("Label")
    expect(label).to_have_value("p02")
    expect(label).to_have_accessible_description(re.compile("We do not know this label."))
    assert violations(page) == []


BREAKABLE = """
const Plain = WebSocket;
window.WebSocket = function (...given) {
    const dead = { readyState: 3, close() {} };
    return window.line = window.broken ? dead : new Plain(...given);
};
window.WebSocket.OPEN = Plain.OPEN;
"""
"""Lets a test keep the page's sockets from opening."""


@pytest.mark.slow
def test_a_lost_line_is_said_calmly_and_mends_itself(run: Run, page: Page) -> None:
    lab = run.room("lab", open=False)
    page.add_init_script(BREAKABLE)
    page.goto(lab.url)
    page.wait_for_function("window.line.readyState === 1")
    page.evaluate("() => { window.broken = true; window.line.close(); }")
    expect(page.get_by_role("status").get_by_text("The connection was lost")).to_be_visible()
    lab.open()
    page.evaluate("() => { window.broken = false; window.dispatchEvent(new Event('online')); }")
    expect(page.get_by_text("Hello!")).to_be_visible()


def test_a_full_room_has_a_code_and_a_way_on_and_may_be_stayed_in(page: Page) -> None:
    exits = {"full": {"url": "https://exit.example/?a=1", "code": "FULL-1"}}
    page.clock.install()
    page.set_viewport_size({"width": 360, "height": 740})
    with serving(Hello, players=0, names={"exits": exits}) as run:
        lab = run.room("lab", ["p01", "p02"], capacity=1)
        page.goto(f"{lab.url}?label=p01")
        page.get_by_role("button").click()
        expect(page.get_by_text("Hello!")).to_be_visible()
        page.goto(f"{lab.url}?label=p02")
        expect(page.get_by_role("timer")).to_be_visible()
        expect(page.get_by_text("FULL-1")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Stay on this page").click()
        way = page.get_by_role("link", name="Continue")
        assert way.get_attribute("href") == "https://exit.example/?a=1"


TITLES = {
    "wait": "One moment, please", "used": "This label has been used",
    "full": "All places are taken", "again": "You have already begun. Do you want to go on?",
    "preview": "This is a preview", "begun": "Somebody has already begun in this browser",
    "several": "This link has two different labels",
}  # fmt: skip


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
@pytest.mark.parametrize(
    "part",
    ["enter", "wait", "label", "used", "full", "again", "preview", "begun", "several"],
)
@pytest.mark.sample(3)
def test_every_part_of_a_room_is_accessible_on_a_phone(
    run: Run, page: Page, part: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 740})
    lab = run.room("lab", ["p01"], capacity=1, open=part != "wait")
    if part in ("used", "full", "again"):
        page.goto(f"{lab.url}?label=p01")
        page.get_by_role("button").click()
        expect(page.get_by_text("Hello!")).to_be_visible()
        wish: Any = {"used": "refuse", "again": "ask"}.get(part)
        run.room("lab", ["p01", "p02"], capacity=1, returning=wish)
    if part == "begun":
        run.room("lab", returning="refuse")
        page.goto(lab.url)
        page.get_by_role("button").click()
        expect(page.get_by_text("Hello!")).to_be_visible()
    if part == "preview":
        run.room("lab", recruiter="mturk")
    preview = "?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE"
    others = {"full": "?label=p02", "preview": preview, "several": "?label=p01&label=p02"}
    label = {"label": "", "begun": "", **others}.get(part, "?label=p01")
    page.goto(lab.url + label)
    expect(page.get_by_role("heading")).to_have_text(TITLES.get(part, "Welcome"))
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
