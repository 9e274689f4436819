"""Erasing in a real browser: an open page says so at once, and the room's label is gone."""

from __future__ import annotations

from pathlib import Path

import playwright.sync_api as playwright
import pytest

from tests.running import serving
from uproot_nb import Page, StringField, open_log, rerun
from uproot_nb.log.checking import check_log


class Ask(Page):
    """# Ask"""

    fields = {"word": StringField(label="Word")}  # noqa: RUF012


class End(Page):
    """# The last page"""


def come(browser: playwright.Browser, room: str, label: str, word: str) -> playwright.Page:
    page = browser.new_context().new_page()
    enter(page, room, label)
    page.get_by_label("Word").fill(word)
    page.locator("main button[type=submit]").click()
    page.wait_for_selector("text=The last page")
    return page


def enter(page: playwright.Page, room: str, label: str) -> None:
    page.goto(room)
    page.get_by_label("Label").fill(label)
    page.keyboard.press("Enter")


@pytest.mark.slow
def test_somebody_of_a_room_is_erased_while_the_page_is_open(
    browser: playwright.Browser, tmp_path: Path
) -> None:
    with serving(Ask, End, players=1, db=tmp_path / "log.sqlite3") as run:
        room = run.room("lab", labels=["PC-0041", "PC-0042"]).url
        one = come(browser, room, "PC-0041", "purple zebras dance")
        two = come(browser, room, "PC-0042", "nothing to add")
        run.erase(run.players[0], disconnect=True)
        one.wait_for_selector("text=Your data have been deleted from this study.")
        two.reload()
        two.wait_for_selector("text=The last page")
        enter(one, room, "PC-0041")
        one.wait_for_selector("text=We do not know this label.")
        for page in (one, two):
            page.context.close()
    assert check_log(run.path).faults == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for text in (b"PC-0041", b"zebras"):
        assert not [path.name for path in files if text in path.read_bytes()]
    with open_log(run.path) as log:
        again = rerun(log, [Ask, End])
        assert again.same, again.first
