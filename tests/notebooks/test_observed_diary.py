"""People write and watch in the diary's notebook, in real browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant

Person = Callable[[str], Participant]
MARKUP = "<img src=x onerror=\"window.hit=1\"> & 'quotes' — ünïcode 🙂"


@pytest.fixture
def people(diary: OpenNotebook, person: Person) -> list[Participant]:
    """A diarist with a partner, and another pair."""
    return [person(link).arrive() for link in diary.links]


@pytest.mark.slow
def test_the_partner_sees_every_word_and_the_other_pair_nothing(
    people: list[Participant],
) -> None:
    writer, partner, *others = people
    writer.find("#text").press_sequentially("It rained all day.")
    partner.reads("#draft", "It rained all day.")
    assert partner.pushes("Draft")[-1] == "It rained all day."
    assert [one.pushes("Draft") for one in (writer, *others)] == [[], [], []]


@pytest.mark.slow
def test_a_finished_entry_is_in_both_windows(
    diary: OpenNotebook, people: list[Participant]
) -> None:
    writer, partner, *others = people
    writer.find("#text").fill("First entry")
    writer.find("#finish").click()
    writer.reads("#entries li", "First entry")
    partner.reads("#entries li", "First entry")
    partner.reads("#draft", "")
    assert [one.pushes("Entry") for one in others] == [[], []]
    rows = "[(e['number'], e['text']) for g in run.session.groups for e in g.entries]"
    assert diary.kernel.value(rows) == [[1, "First entry"]]


@pytest.mark.slow
def test_applause_goes_to_the_default_handler_of_one(people: list[Participant]) -> None:
    writer, partner, *others = people
    partner.find("#applaud").click()
    writer.reads("#news", "Your partner applauds.")
    assert [one.pushes(None) for one in (partner, *others)] == [[], [], []]


@pytest.mark.slow
def test_what_people_write_is_shown_as_text(people: list[Participant]) -> None:
    writer, partner, *_ = people
    writer.find("#text").fill(MARKUP)
    partner.reads("#draft", MARKUP)
    writer.find("#finish").click()
    partner.reads("#entries li", MARKUP)
    partner.page.reload()
    partner.is_connected().reads("#entries li", MARKUP)
    assert partner.page.evaluate("window.hit === undefined && !document.querySelector('img')")


@pytest.mark.slow
def test_only_the_diarist_writes(people: list[Participant]) -> None:
    writer, partner, *_ = people
    assert partner.refused("write", "Me too") == ["Refused", "Only the diarist can write here."]
    assert writer.pushes("Draft") == []


@pytest.mark.slow
def test_a_page_comes_back_with_what_was_written(people: list[Participant]) -> None:
    writer, partner, *_ = people
    writer.find("#text").fill("Half a sent")
    partner.reads("#draft", "Half a sent")
    for one in (writer, partner):
        one.page.reload()
        one.is_connected()
    assert writer.find("#text").input_value() == "Half a sent"
    partner.reads("#draft", "Half a sent")
