"""A group plays the public-goods game of the notebook; one member leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.axe import violations
from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant

Person = Callable[[str], Participant]


def contribute(one: Participant, number: int) -> None:
    one.find("[name=contribution]").fill(str(number))
    one.find("#uproot-next").click()


@pytest.mark.slow
def test_rounds_with_a_clock_and_a_member_who_leaves(goods: OpenNotebook, person: Person) -> None:
    goods.kernel.run("C.AWAY = 1.0")
    people = [person(link).arrive() for link in goods.links]
    for one in people:
        one.sees("h1", "Round 1 of 3")
        one.sees("#uproot-time-remaining", ":")
    assert violations(people[0].page) == []
    for number, one in enumerate(people):
        contribute(one, 5 * number)
    for one in people:
        one.sees("main", "contributed 15 points in total")
    for one in people[:2]:
        one.find("#uproot-next").click()
        one.sees("h1", "Round 2 of 3")
    people[2].page.close()
    for one in people[:2]:
        contribute(one, 10)
    for one in people[:2]:
        one.sees("main", "contributed 20 points in total")
    rows = "[(p.round, p.has_dropped_out, p.page is None) for p in run.players]"
    assert goods.kernel.value(rows) == [[2, False, False], [2, False, False], [1, True, True]]
    assert goods.raised == []
