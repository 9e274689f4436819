"""The rooms app: participants come through a room, by label or as long as there is a place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.apps.driving import PATIENCE, Walk, walking
from tests.apps.mistakes import mistakes
from tests.browser.axe import violations
from uproot_nb import room
from uproot_nb.notebook.rooms import RoomHandle

pytestmark = pytest.mark.slow

SEATS = ["blue-1", "blue-2", "green-1", "green-2"]


def test_who_waits_with_a_label_comes_in_when_the_room_opens(browser: Browser) -> None:
    with walking(browser, "rooms", players=0) as walk:
        lab = walk.run.room("lab", labels=SEATS, open=False)
        for seat in SEATS:
            tab = stand_before(walk, f"{lab.url}?label={seat}")
            tab.get_by_role("heading", name="One moment, please").wait_for()
        walk.until(lambda: lab.waiting == 4)
        assert violations(walk.pages[0]) == []
        assert len(walk.run.players) == 0
        lab.open()
        walk.until(lambda: len(walk.run.players) == 4)
        walk.until_all_ended()
        assert_nothing_went_wrong(walk)
        assert walk.unseen == set()
        state = walk.run.state
        assert sorted(state["label"]) == SEATS
        teams = dict(zip(state["label"], state["team"], strict=True))
        assert teams == {seat: seat.partition("-")[0] for seat in SEATS}
        assert state["votes"].tolist() == [2] * 4
        assert sorted(lab.admitted.each("label")) == SEATS
        assert [len(group.players) for group in walk.run.session.groups] == [2, 2]


def test_a_label_lets_in_once_and_an_unknown_one_never(browser: Browser) -> None:
    with walking(browser, "rooms", players=0, rooms=[room("lab", labels=SEATS)]) as walk:
        lab = walk.run.room("lab", labels=SEATS)
        go_in(walk, f"{lab.url}?label=blue-1")
        with visiting(browser, lab, "blue-1") as twin:
            asked = "You have already begun. Do you want to go on?"
            twin.get_by_role("heading", name=asked).wait_for()
            twin.get_by_text("You can go on where you stopped").wait_for()
            assert violations(twin) == []
        with visiting(browser, lab) as stranger:
            stranger.get_by_label("Label").fill("red-7")
            stranger.get_by_role("button", name="Continue").click()
            stranger.get_by_role("alert").get_by_text("check it and try again").wait_for()
            assert violations(stranger) == []
        assert walk.run.players.each("label") == ["blue-1"]
        assert_nothing_went_wrong(walk)


def test_who_comes_to_a_full_room_is_told_so(browser: Browser) -> None:
    with walking(browser, "rooms", players=0, rooms=[room("hall", capacity=2)]) as walk:
        hall = walk.run.room("hall", capacity=2)
        go_in(walk, hall.url)
        go_in(walk, f"{hall.url}?label=green-1")
        with visiting(browser, hall) as late:
            late.get_by_role("heading", name="All places are taken").wait_for()
            late.get_by_text("Thank you for your interest").wait_for()
            assert late.get_by_role("button").count() == 0
            assert violations(late) == []
        walk.until(lambda: all(player.get("team") for player in walk.run.players))
        assert walk.run.players.each("team") == ["guests", "green"]
        assert hall.capacity == len(walk.run.players) == 2
        assert_nothing_went_wrong(walk)


def go_in(walk: Walk, address: str) -> None:
    """Come to an open room, and press its button."""
    before = len(walk.run.players)
    stand_before(walk, address).get_by_role("button", name="Take part").click()
    walk.until(lambda: len(walk.run.players) == before + 1)


def stand_before(walk: Walk, address: str) -> Page:
    """Come to a room; its form goes off at once, for it is no page of the app that waits."""
    tab = walk.enter(address)
    tab.evaluate("window.looks = { letsGo: true }")
    return tab


@contextmanager
def visiting(browser: Browser, handle: RoomHandle, label: str = "") -> Iterator[Page]:
    """Look at a room in a browser of its own, by which nobody plays."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(f"{handle.url}?label={label}" if label else handle.url)
    yield page
    context.close()


def assert_nothing_went_wrong(walk: Walk) -> None:
    """See that neither scripts nor hooks failed."""
    assert walk.complaints == []
    assert mistakes(walk.run) == []
