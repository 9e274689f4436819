"""The dropout app: one browser leaves for good, another comes back in time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, finished, walking
from tests.apps.mistakes import mistakes
from uproot_nb.session.entities import Player

pytestmark = pytest.mark.slow

AWAY = "about:blank"
"""Where a tab goes that leaves."""


def test_who_is_left_alone_goes_on_and_who_comes_back_plays_on(browser: Browser) -> None:
    with walking(browser, "dropout", players=4) as walk:
        everybody = walk.run.players
        first, distracted, partner, leaver = everybody
        walk.until(lambda: distracted.watched and leaver.watched)
        walk.until(lambda: {first.page, partner.page} == {"dropout/Compare"})
        leave_and_come_back(walk, distracted)
        leave_for_good(walk, leaver)
        walk.until(lambda: all(map(finished, everybody)))
        assert everybody.each("gone") == [False, False, False, True]
        assert [player.has_dropped_out for player in everybody] == [False, False, False, True]
        assert everybody.each("payoff") == [*[Decimal("10.00")] * 2, Decimal("5.00"), Decimal(0)]
        assert walk.run.session.groups.each("broken") == [False, True]
        assert everybody.each("ran_out") == [True, True, False, False]
        assert (first.word, partner.word, leaver.get("word")) == ("pear", "pear", None)
        assert dropouts(walk) == [leaver.subject]
        come_too_late(walk, leaver)
        assert walk.complaints == []
        assert mistakes(walk.run) == []
        assert walk.unseen <= {"dropout/Look"}  # which may be over before it was looked at


def leave_and_come_back(walk: Walk, player: Player) -> None:
    """Let a player's tab go elsewhere, and come back when the server has noticed."""
    tab = walk.pages[player.id]
    tab.goto(AWAY)
    walk.until(lambda: not player.online)
    tab.goto(walk.run.link(player))
    walk.until(lambda: player.online)


def leave_for_good(walk: Walk, player: Player) -> None:
    """Close a player's browser, and wait until the author's handler has done its work."""
    walk.contexts[player.id].close()
    walk.until(lambda: player.gone)
    assert finished(player)


def come_too_late(walk: Walk, player: Player) -> None:
    """Let a player who was given up come back: the end is all there is to see."""
    tab = walk.enter(walk.run.link(player))
    tab.get_by_role("heading", name="Thank you").wait_for()
    walk.until(lambda: player.online)
    assert player.payoff == 0


def dropouts(walk: Walk) -> list[str]:
    """Return who was found to have dropped out, in their order."""
    events = walk.run.events
    found = events[events["kind"] == "dropout"]
    return [row.subject for row in found.itertuples() if row.value.get("dropped")]
