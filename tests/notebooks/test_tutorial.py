"""Two people divide the tutorial's ten euros, in real browsers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.fences import fences_of
from tests.driving.notebooks import OpenNotebook, cells_of
from tests.driving.participant import Participant

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


def go_on(one: Participant) -> None:
    one.find("#uproot-next").click()


def test_the_notebook_has_the_cells_of_the_documentation() -> None:
    assert list(cells_of("tutorial").values()) == [f.text.rstrip() for f in fences_of(PAGE)]


@pytest.mark.slow
def test_an_offer_is_made_and_accepted(
    open_notebook: Callable[[str], OpenNotebook], person: Callable[[str], Participant]
) -> None:
    tutorial = open_notebook("tutorial")
    first = person(tutorial.links[0]).arrive()
    first.sees("main", "Please wait")
    second = person(tutorial.links[1]).arrive()
    tutorial.wait_until("run.players[0].get('role') and run.players[1].get('role')")
    proposes = tutorial.kernel.value("run.players[0].role") == "proposer"
    proposer, responder = (first, second) if proposes else (second, first)
    proposer.sees("h1", "Your offer")
    responder.sees("main", "Please wait")
    proposer.find("[name=offer]").fill("4")
    go_on(proposer)
    responder.sees("main", "You are offered 4 of 10 euros.")
    responder.picks("[name=accept][value='True']")
    go_on(responder)
    proposer.sees("main", "You earn 6 euros.")
    responder.sees("main", "You earn 4 euros.")
    assert tutorial.raised == []
