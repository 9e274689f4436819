"""The rounds app: blocks, rounds in rounds, shuffled brackets, repetition, and waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, walking
from uproot_nb import Player

pytestmark = pytest.mark.slow

PLAYERS = 2


@pytest.fixture(scope="module")
def walked(browser: Browser) -> Iterator[Walk]:
    """The app, walked to its end by a pair."""
    with walking(browser, "rounds", players=PLAYERS) as walk:
        walk.until_all_ended()
        yield walk


@pytest.fixture(params=range(PLAYERS))
def player(walked: Walk, request: pytest.FixtureRequest) -> Player:
    return walked.run.players[request.param]


def rounds_of(player: Player, page: str) -> list[tuple[str, list[int]]]:
    return [(block, rounds) for name, block, rounds, _ in player.trail if name == page]


def test_each_block_counts_from_one(player: Player) -> None:
    assert rounds_of(player, "Practice") == [("practice", [1]), ("practice", [2])]


def test_rounds_within_rounds_are_told_apart(player: Player) -> None:
    rounds = [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert rounds_of(player, "Estimate") == [("jars", numbers) for numbers in rounds]
    numbers = [number for name, _, _, number in player.trail if name == "Estimate"]
    assert numbers == [2, 3, 5, 6]  # in a block, player.round counts nested rounds, too


def test_a_bracket_stays_together_whatever_is_shuffled(player: Player) -> None:
    for jar in (1, 2):
        shown = [name for name, *where, _ in player.trail if where == ["jars", [jar]]]
        assert shown in (["Colour", "Confidence", "Shape"], ["Shape", "Colour", "Confidence"])


def test_pages_repeat_as_long_as_a_player_wants(player: Player) -> None:
    wanted = 1 if player.id % 2 else 3  # windows of tabs with odd numbers are a phone's
    assert rounds_of(player, "Extra") == [("extra", [number]) for number in range(1, wanted + 1)]
    assert player.points == 10 * wanted
    assert player.round == wanted


def test_a_hook_that_runs_once_runs_in_each_round(player: Player) -> None:
    assert player.extras == player.round == (1 if player.id % 2 else 3)


def test_a_pair_compares_after_each_jar(walked: Walk) -> None:
    groups = walked.run.session.groups
    assert [len(group.players) for group in groups] == [2]
    assert list(groups.each("differences")) == [[0, 0]]


def test_everybody_waits_for_everybody_once(walked: Walk) -> None:
    assert walked.run.session.best == 30
    marks = walked.run.events["field"]
    assert marks.str.startswith("all_here:rounds/Everybody").sum() == 1


def test_what_was_said_in_earlier_rounds_is_found_by_their_numbers(player: Player) -> None:
    said = [player.within(block="jars", round_nested=[jar, 2]).estimate for jar in (1, 2)]
    assert said == [310, 475]
    assert player.within(block="practice", round=1).sum == 15


def test_nothing_keeps_people_from_going_round(walked: Walk) -> None:
    assert (walked.complaints, list(walked.run.errors["value"])) == ([], [])
    assert walked.unseen == set()
