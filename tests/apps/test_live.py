"""The live app: people who bargain in real time, and hear only what concerns them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, walking

pytestmark = pytest.mark.slow

PLAYERS = 4


@pytest.fixture(scope="module")
def walked(browser: Browser) -> Iterator[Walk]:
    """The app, walked to its end by two pairs."""
    with walking(browser, "live", players=PLAYERS) as walk:
        walk.until_all_ended()
        yield walk


def logged(walk: Walk, kind: str) -> list[Any]:
    events = walk.run.events
    return list(events[events["kind"] == kind]["value"])


def test_each_pair_agrees_on_what_the_second_has_offered(walked: Walk) -> None:
    for group in walked.run.session.groups:
        assert list(group.offers) == [(0, 20), (1, 60)]
        assert group.deal == 60
        assert [player.share for player in group.players] == [60, 40]


def test_offers_are_pushed_to_the_other_of_the_pair_alone(walked: Walk) -> None:
    others = {
        player.name: {other.name for other in player.others_in_group}
        for player in walked.run.players
    }
    pushes = walked.run.events.query("kind == 'notify' and cause == 'Bargain.offer'")
    assert len(pushes) == 2 * 2
    for actor, value in zip(pushes["actor"], pushes["value"], strict=True):
        assert set(value["recipients"]) == others[actor]


def test_deals_are_told_to_all_who_are_in_the_room(walked: Walk) -> None:
    pushes = walked.run.events.query("kind == 'notify' and field == 'DealsInTheRoom'")
    assert [push["data"] for push in pushes["value"]] == [1, 2]
    for actor, push in zip(pushes["actor"], pushes["value"], strict=True):
        pair = walked.run.players.get(actor).group.players
        assert {player.name for player in pair} <= set(push["recipients"])
    assert walked.run.session.deals == 2


def test_what_was_refused_has_changed_nothing(walked: Walk) -> None:
    refused = [call for call in logged(walked, "call") if call.get("error") == "Refused"]
    assert len(refused) == 2 * 2  # an offer of 120, and an offer that never stood


def test_a_failure_is_shown_to_the_researcher_alone(walked: Walk) -> None:
    errors = list(walked.run.errors["value"])
    assert [error["message"] for error in errors] == ["the table is on fire"] * 2
    assert not walked.complaints, walked.report()


def test_everything_was_looked_at(walked: Walk) -> None:
    assert walked.unseen == set()
