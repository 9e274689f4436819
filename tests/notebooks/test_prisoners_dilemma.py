"""Pairs play the prisoner's dilemma of the notebook, in real browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.axe import violations
from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant

Person = Callable[[str], Participant]


def choose(one: Participant, words: str) -> None:
    one.page.get_by_text(words, exact=True).click()
    one.find("#uproot-next").click()


@pytest.mark.slow
def test_a_pair_waits_chooses_and_sees_its_result_without_a_reload(
    dilemma: OpenNotebook, person: Person
) -> None:
    first = person(dilemma.links[0]).arrive()
    first.sees("main", "Please wait")
    assert violations(first.page) == []
    second = person(dilemma.links[1]).arrive()
    for one in (first, second):
        one.sees("h1", "Your choice")
        one.is_connected()
    assert violations(first.page) == []
    choose(first, "I cooperate")
    first.sees("main", "Please wait")
    choose(second, "I defect")
    first.sees("main", "You earn 0 points.")
    second.sees("main", "You earn 15 points.")
    assert violations(second.page) == []
    rows = "[(p.cooperate, int(p.payoff)) for p in run.players if p.group is not None]"
    assert dilemma.kernel.value(rows) == [[True, 0], [False, 15]]
    assert dilemma.raised == []


@pytest.mark.slow
def test_an_answer_that_is_missing_is_asked_for(dilemma: OpenNotebook, person: Person) -> None:
    people = [person(link).arrive() for link in dilemma.links[:2]]
    people[0].sees("h1", "Your choice")
    people[0].page.evaluate("document.querySelector('form').noValidate = true")
    people[0].find("#uproot-next").click()
    people[0].sees("[role=alert]", "What do you do?")
    assert violations(people[0].page) == []
    assert dilemma.kernel.value("[p.get('cooperate') for p in run.players]") == [None] * 4
