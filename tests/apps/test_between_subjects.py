"""The app between_subjects: every player sees one frame, and the treatments are balanced."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, walking
from uproot_nb import Player

pytestmark = pytest.mark.slow

PLAYERS = 4
FRAMES = {
    "gain": ["between_subjects/Gain"],
    "loss": ["between_subjects/Loss", "between_subjects/LossQuiz"],
}


@pytest.fixture(scope="module")
def walked(browser: Browser) -> Iterator[Walk]:
    """The app, walked to its end; with this seed there are players in either frame."""
    with walking(browser, "between_subjects", players=PLAYERS, seed=3) as walk:
        walk.until_all_ended()
        yield walk


def pages_of(walk: Walk, player: Player) -> list[str]:
    """Return the pages that a player has sent, in their order."""
    events = walk.run.events
    return list(events[(events["kind"] == "submit") & (events["actor"] == player.name)]["page"])


def test_everybody_gets_one_frame_and_all_of_it(walked: Walk) -> None:
    frames = list(walked.run.players.each("frame"))
    assert set(frames) == {"gain", "loss"}
    for player, frame in zip(walked.run.players, frames, strict=True):
        assert player.between_showed == FRAMES[frame][:1]
        framing = {page for pages in FRAMES.values() for page in pages}
        assert [page for page in pages_of(walked, player) if page in framing] == FRAMES[frame]


def test_as_many_players_are_in_each_treatment(walked: Walk) -> None:
    arms = list(walked.run.players.each("treatment"))
    assert [set(arms[:2]), set(arms[2:])] == [{"plain", "reminder"}] * 2


def test_only_who_is_to_be_reminded_is(walked: Walk) -> None:
    for player in walked.run.players:
        is_reminded = player.treatment == "reminder"
        assert ("between_subjects/Reminder" in pages_of(walked, player)) == is_reminded
        assert player.give == Decimal("7.5" if is_reminded else "5")


def test_what_is_never_shown_still_does_its_work(walked: Walk) -> None:
    assert all(player.payoff == 20 - player.give for player in walked.run.players)
    assert "between_subjects/Assess" not in walked.seen


def test_the_digest_compares_the_treatments(walked: Walk) -> None:
    gifts = {"plain": [Decimal(5)] * 2, "reminder": [Decimal("7.5")] * 2}
    assert walked.run.digest() == gifts


def test_nothing_keeps_people_from_going_on(walked: Walk) -> None:
    assert (walked.complaints, list(walked.run.errors["value"])) == ([], [])
    assert walked.unseen == set()
