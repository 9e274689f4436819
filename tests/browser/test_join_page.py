"""The join link as somebody sees it who was sent it."""

from __future__ import annotations

from axe import violations
from playwright.sync_api import BrowserContext, expect

from tests.running import serving
from uproot_nb import Page


class Hello(Page):
    """Hello!"""


def test_two_clicks_take_one_place(context: BrowserContext) -> None:
    with serving(Hello, players=0) as run:
        page = context.new_page()
        page.goto(run.join_link)
        assert violations(page) == []
        page.get_by_role("button", name="Take part").dblclick()
        expect(page.get_by_text("Hello!")).to_be_visible()
        assert len(run.players) == 1
