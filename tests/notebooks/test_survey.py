"""People answer the survey of the notebook, in two languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.axe import violations
from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant

Person = Callable[[str], Participant]


def go_on(one: Participant) -> None:
    one.find("#uproot-next").click()


def choose_language(one: Participant, language: str) -> None:
    assert violations(one.page) == []
    one.page.get_by_text(language, exact=True).click()
    go_on(one)


def answer(one: Participant, opinion: str) -> None:
    """Fill in every question of the last page but the file."""
    one.sees("h1", opinion)
    one.picks("[name=likes][value='5']")
    one.page.evaluate(
        """() => { for (const name of ["sure", "fair"]) {
            const slider = document.querySelector(`[type=range][name=${name}], #${name}`);
            slider.value = "5";
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            slider.dispatchEvent(new Event("change", { bubbles: true }));
        } }"""
    )
    one.picks("[name=traded][value='Bonds']")
    one.find("[name=coffee]").fill("2.50")
    one.picks("[name=again][value='True']")


@pytest.mark.slow
def test_every_kind_of_question_in_german(survey: OpenNotebook, person: Person) -> None:
    ann = person(survey.links[0]).arrive()
    choose_language(ann, "Deutsch")
    ann.sees("h1", "Über Sie")
    ann.sees("#uproot-next", "Weiter")
    assert violations(ann.page) == []
    ann.find("[name=first_name]").fill("Änne <b>")
    ann.find("[name=age]").fill("33")
    ann.page.select_option("[name=home]", "land")
    go_on(ann)
    answer(ann, "Ihre Meinung")
    go_on(ann)
    ann.sees("[role=alert]", "Ich habe die Hinweise gelesen")
    assert violations(ann.page) == []
    ann.picks("[name=read]")
    go_on(ann)
    ann.sees("main", "Ihre Antworten sind gespeichert.")
    kept = "[str(run.players[0].coffee), run.players[0].first_name, run.players[0].traded]"
    assert survey.kernel.value(kept) == ["2.50", "Änne <b>", ["Bonds"]]
    assert survey.raised == []


@pytest.mark.slow
def test_back_leads_to_the_answers_that_were_given(survey: OpenNotebook, person: Person) -> None:
    bob = person(survey.links[1]).arrive()
    choose_language(bob, "English")
    bob.find("[name=first_name]").fill("Bob")
    bob.find("[name=age]").fill("40")
    bob.page.select_option("[name=home]", "city")
    go_on(bob)
    bob.sees("h1", "Your opinion")
    bob.find("#uproot-back").click()
    bob.sees("h1", "About you")
    assert bob.find("[name=first_name]").input_value() == "Bob"
    assert bob.find("[name=age]").input_value() == "40"
