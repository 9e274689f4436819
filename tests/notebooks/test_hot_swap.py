"""A cell redefines the page while two people are on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from live_jupyter import LiveJupyter

from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant

Person = Callable[[str], Participant]


@pytest.fixture
def people(auction: OpenNotebook, person: Person) -> list[Participant]:
    """A buyer and a seller, on the page."""
    return [person(link).arrive() for link in auction.links[:2]]


def mark(people: list[Participant]) -> None:
    """Leave a mark in every window, which a reload would wipe away."""
    for one in people:
        one.page.evaluate("window.mark = true")


def marked(people: list[Participant]) -> list[bool]:
    return [one.page.evaluate("window.mark === true") for one in people]


def test_a_redefined_live_method_answers_the_next_call_without_a_reload(
    auction: OpenNotebook, people: list[Participant]
) -> None:
    mark(people)
    assert people[0].refused("post_offer", 96)[1] == "Your next unit is worth only 95 to you."
    rules = auction.cells["rules"]
    auction.kernel.run(rules.replace('f"Trader {player.id + 1} {verb} {price}."', '"News!"'))
    assert people[0].call("post_offer", 41)["offer"] == 1
    people[1].reads("#news", "News!")
    assert marked(people) == [True, True]


@pytest.mark.slow
def test_a_method_that_a_cell_adds_can_be_called(
    auction: OpenNotebook, people: list[Participant]
) -> None:
    assert people[0].refused("count_trades")[0] == "NotLive"
    more = "\n    @live\n    async def count_trades(page, player):\n        return 7\n"
    auction.kernel.run(auction.cells["rules"].rstrip() + "\n" + more)
    assert people[0].call("count_trades") == 7


@pytest.mark.slow
def test_a_redefined_template_is_shown_at_once_to_those_who_are_on_the_page(
    auction: OpenNotebook, people: list[Participant]
) -> None:
    people[0].call("post_offer", 40)
    people[1].sees("#bids", "40")
    auction.kernel.run(auction.cells["page"].replace("Double auction", "Renamed market"))
    auction.kernel.run(auction.cells["rules"])
    for one in people:
        one.reads("h1", "Renamed market")
        one.is_connected().sees("#bids", "40")
    assert people[1].call("accept_offer", 1)["profit"] == 25
    people[0].reads("#profit", "55")


@pytest.mark.slow
def test_a_template_cell_is_shown_at_once(diary: OpenNotebook, person: Person) -> None:
    people = [person(link).arrive() for link in diary.links[:2]]
    people[0].find("#text").fill("kept")
    people[1].reads("#draft", "kept")
    diary.kernel.run(diary.cells["page"].replace("An observed diary", "Another title"))
    for one in people:
        one.reads("h1", "Another title")
        one.is_connected()
    people[1].reads("#draft", "kept")


@pytest.mark.slow
def test_a_cell_with_a_mistake_leaves_the_old_page_in_place(
    auction: OpenNotebook, people: list[Participant]
) -> None:
    mark(people)
    broken = auction.cells["rules"].replace("def jsvars(page, player)", "def jsvars(page)")
    assert "BadPage" in auction.kernel.execute(broken).error
    assert people[0].call("post_offer", 40)["offer"] == 1
    people[1].sees("#bids", "40")
    assert marked(people) == [True, True]


# ---- what the cell says that people keep ----

STUDY = """
from uproot_nb import *


class Task(Page):
    '''# The task

    <input type="password" name="pin" aria-label="PIN">'''

    timeout = 3000
    fields = {"story": TextAreaField(label="Story")}


class Thanks(Page):
    "Thank you."


run = serve([Task, Thanks], players=2, name="study")
"""
CORRECTED = STUDY[STUDY.index("class Task") : STUDY.index("class Thanks")].replace(
    "# The task", "# Another task"
)
PLACES = "[[p._state.entered, p._state.deadline, p.position] for p in run.players]"


@pytest.mark.slow
def test_people_keep_what_a_redefinition_says_they_keep_and_a_frozen_page_stays(
    jupyter: LiveJupyter, person: Person
) -> None:
    """Place, time and answers; a password that would be lost makes it an offer."""
    kernel = jupyter.start_kernel("kept.ipynb")
    try:
        kernel.run(STUDY)
        ann, bob = (person(link).arrive() for link in kernel.value("list(run.links['url'])"))
        ann.page.get_by_label("Story").fill("once upon a time")
        bob.page.get_by_label("PIN").fill("1234")
        places = kernel.value(PLACES)
        kernel.run(CORRECTED.replace("3000", "9000"))
        ann.reads("h1", "Another task")
        assert ann.page.get_by_label("Story").input_value() == "once upon a time"
        bob.sees("#uproot-offer", "This page has been corrected.")
        assert bob.page.get_by_label("PIN").input_value() == "1234"
        assert kernel.value(PLACES) == places
        kernel.run("run.freeze()")
        refusal = kernel.execute(CORRECTED.replace("Another", "A third")).error
        assert "FrozenCode" in refusal
        assert "run.thaw()" in refusal
        ann.arrive().reads("h1", "Another task")
    finally:
        kernel.shut_down()
