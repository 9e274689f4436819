"""The continuous app: the server's clock moves the game, and ends it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import walking
from tests.apps.mistakes import mistakes
from uproot_nb import Run
from uproot_nb.session.entities import Group
from uproot_nb.session.model_functions import get_entries

pytestmark = pytest.mark.slow

TICKS = 12
CATCH, COST, GROWTH, ROOM = 0.01, 0.5, 0.05, 500.0
AWAY = "about:blank"
"""Where a tab goes that leaves."""


def test_two_lakes_are_fished_until_the_server_ends_the_season(browser: Browser) -> None:
    with walking(browser, "continuous", players=4) as walk:
        walk.until_all_ended()
        assert walk.complaints == []
        assert mistakes(walk.run) == []
        assert walk.unseen <= {"continuous/Lake"}  # where the other test looks for long
        groups = walk.run.session.groups
        assert groups.each("over") == [True, True]
        for group in groups:
            assert_every_tick_counts(walk.run, group)
        for player in walk.run.players:
            assert player.heard == list(range(1, len(player.heard) + 1))
        events = walk.run.events
        assert "continuous/Lake" not in set(events[events["kind"] == "submit"]["field"])


def test_who_comes_back_sees_how_far_the_game_has_come(browser: Browser) -> None:
    settings = {"ticks": 1_000_000}
    with walking(browser, "continuous", 2, simulate=False, settings=settings) as walk:
        stays, returns = walk.pages
        day = stays.locator("#day")
        walk.until(lambda: all(player.group for player in walk.run.players))
        [group] = walk.run.session.groups
        walk.until(lambda: group.tick >= 2)
        returns.goto(AWAY)
        left = group.tick
        walk.until(lambda: not walk.run.players[1].online and group.tick > left + 2)
        returns.goto(walk.run.link(walk.run.players[1]))
        assert int(returns.locator("#day").inner_text()) > left + 2
        stays.get_by_label("Hours that you fish a day").fill("7")
        walk.until(lambda: walk.run.players[0].hours == 7)
        walk.until(lambda: int(day.inner_text()) > left + 2)
        walk.until(lambda: "continuous/Lake" in walk.seen)
        assert walk.complaints == []
        assert walk.run.players.each("payoff")[1] == 0
        walk.until(lambda: walk.run.players[0].payoff != 0)
        assert mistakes(walk.run) == []


def assert_every_tick_counts(run: Run, group: Group) -> None:
    """Fish the season once more from what the model has, and compare."""
    ticks = [tick for _, _, tick in get_entries(run.session.ticks) if tick.lake == ~group]
    assert [tick.tick for tick in ticks] == list(range(1, TICKS + 1))
    fish, earned = 400.0, [0.0, 0.0]
    for tick in ticks:
        earned = [
            so_far + hours * (CATCH * fish - COST)
            for so_far, hours in zip(earned, tick.hours, strict=True)
        ]
        fish = max(0.0, fish + GROWTH * fish * (1 - fish / ROOM) - sum(tick.hours) * CATCH * fish)
        assert tick.fish == pytest.approx(fish)
    assert group.fish == pytest.approx(fish)
    assert group.players.each("payoff") == pytest.approx(earned)
    assert any(sum(tick.hours) > 0 for tick in ticks)
    assert pushes(run, group) == list(range(1, TICKS + 1))


def pushes(run: Run, group: Group) -> list[Any]:
    """Return the ticks that a group's members were told of, in order."""
    events = run.events
    told = events[(events["kind"] == "notify") & (events["field"] == "Tick")]
    names = {player.name for player in group.players}
    return [row["data"]["tick"] for row in told["value"] if set(row["recipients"]) == names]
