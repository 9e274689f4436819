"""The forms app: a question of every kind, answered wrongly and rightly, and gone back to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, walking
from uproot_nb import Player

pytestmark = pytest.mark.slow

WHAT_EVERYBODY_SAYS = {
    "nickname": "Ada again again",
    "email": "ada@example.org",
    "age": 39,
    "born": date(1990, 12, 10),
    "country": "es",
    "student": False,
    "happy": 8,
    "sports": ["swim", "chess"],
    "budget": Decimal("12.50"),
    "distance": 3.25,
    "sure": Decimal("0.7"),
    "mood": -1.5,
    "remarks": "<b>None</b>, thanks.",
    "words": 2,
    "careful": True,
    "hours_swim": 3,
    "hours_chess": 4,
    "owner": "Ada Lovelace",
}


@pytest.fixture(scope="module")
def walked(browser: Browser) -> Iterator[Walk]:
    """The app, walked to its end by two browsers."""
    with walking(browser, "forms", players=2) as walk:
        walk.until_all_ended()
        yield walk


@pytest.fixture(params=[0, 1], ids=["desk", "phone"])
def player(walked: Walk, request: pytest.FixtureRequest) -> Player:
    return walked.run.players[request.param]


def test_every_answer_is_stored_with_its_type(player: Player) -> None:
    stored = {name: player.get(name) for name in WHAT_EVERYBODY_SAYS}
    assert stored == WHAT_EVERYBODY_SAYS
    assert {name: type(value) for name, value in stored.items() if name != "sports"} == {
        name: type(value) for name, value in WHAT_EVERYBODY_SAYS.items() if name != "sports"
    }


def test_a_form_comes_back_until_validate_is_content(player: Player) -> None:
    assert player.person_tries == 3  # refused, mended, and once more after going back


def test_who_goes_back_and_returns_begins_no_page_anew(player: Player) -> None:
    assert player.taste_begun == 1


def test_what_the_stealth_hook_got_is_kept_only_as_it_wants(walked: Walk, player: Player) -> None:
    assert (player.bank, player.proof_length) == ("37040044", len("paid in full"))
    assert not {"iban", "bic", "proof"} & set(player.fields())
    assert not walked.run.events["value"].astype(str).str.contains("0532013000").any()


def test_nothing_keeps_people_from_answering(walked: Walk) -> None:
    assert (walked.complaints, list(walked.run.errors["value"])) == ([], [])
    assert walked.unseen == set()
