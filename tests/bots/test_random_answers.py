"""Random answers: whatever a field asks for, they are accepted by the server's own checks."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.bots.questions import Question
from uproot_nb.bots.random_answers import answer_at_random
from uproot_nb.bots.requests import form_body
from uproot_nb.bots.seen_page import read_page
from uproot_nb.experiment.fields import (
    BICField,
    BooleanField,
    BoundedChoiceField,
    DateField,
    DecimalField,
    DecimalRangeField,
    EmailField,
    FileField,
    FloatField,
    FloatRangeField,
    IBANField,
    IntegerField,
    LikertField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from uproot_nb.forms.form import make_form, render_fields
from uproot_nb.forms.uploads import Upload

PAGE = '<form id="uproot-form" method="post">%s<button type="submit">Next</button></form>'

optional = st.booleans()
labels = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
wholes = st.integers(-1000, 1000)
tenths = wholes.map(lambda n: Decimal(n) / 10)
choices = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8),
    min_size=1, max_size=6, unique=True,
).filter(lambda texts: all(text.strip() == text for text in texts))  # fmt: skip


def bounds(numbers: Any) -> Any:
    """Either bound may be missing; there is always room for a number between them."""
    pairs = st.tuples(numbers, st.integers(1, 50))
    both = pairs.map(lambda pair: {"min": pair[0], "max": pair[0] + pair[1]})
    return (
        both | numbers.map(lambda n: {"min": n}) | numbers.map(lambda n: {"max": n}) | st.just({})
    )


@st.composite
def numbers(draw: Any) -> Any:
    kind = draw(st.sampled_from([IntegerField, DecimalField, FloatField]))
    values = wholes if kind is IntegerField else tenths
    told = draw(bounds(values))
    steps = [None, 1] if kind is IntegerField else [None, Decimal("0.1"), Decimal("0.25"), 1]
    return kind(label="n", step=draw(st.sampled_from(steps)), optional=draw(optional), **told)


@st.composite
def sliders(draw: Any) -> Any:
    kind = draw(st.sampled_from([DecimalRangeField, FloatRangeField]))
    least = draw(tenths)
    step = draw(st.sampled_from([Decimal("0.1"), Decimal("0.5"), 1]))
    more = {"anchoring": draw(st.booleans()), "optional": draw(optional)}
    return kind(min=least, max=least + draw(st.integers(1, 100)), step=step, **more)


@st.composite
def texts(draw: Any) -> Any:
    kind = draw(st.sampled_from([StringField, TextAreaField, EmailField]))
    most = draw(st.sampled_from([3, 7, 40, 100_000]))
    return kind(label=draw(labels), max_length=most, optional=draw(optional))


@st.composite
def options(draw: Any) -> Any:
    kind = draw(st.sampled_from([RadioField, SelectField, LikertField]))
    return kind(choices=draw(choices), label=draw(labels), optional=draw(optional))


@st.composite
def several(draw: Any) -> Any:
    offered = draw(choices)
    few = draw(st.integers(0, len(offered)))
    many = draw(st.none() | st.integers(max(few, 1), len(offered)))
    return BoundedChoiceField(choices=offered, min=few, max=many, optional=not few)


plain = st.builds(BooleanField, label=labels) | st.builds(DateField, optional=optional)
scales = st.builds(LikertField, min=st.integers(-3, 0), max=st.integers(1, 9))
fields = (
    numbers() | sliders() | texts() | options() | several() | plain | scales
    | st.builds(FileField, optional=optional)
)  # fmt: skip


def answered(declared: dict[str, Any], seed: int, attempt: int = 0) -> Any:
    """Draw the form, read it as a bot does, answer it, and give it back to the server's form."""
    shown = make_form(declared)
    form = read_page(PAGE % render_fields(shown)).form
    rng = random.Random(seed)
    answers = {question.name: answer_at_random(question, rng, attempt) for question in form}
    pairs, files = form.filled(answers)
    uploads = [
        Upload(name, file.filename, file.content_type, "", len(file.content))
        for name, file in files
        if file.filename
    ]
    assert form_body(pairs, files, multipart=True)[0]
    posted = make_form(declared, pairs=pairs, files=uploads)
    posted.validate()
    return posted


@examples(200)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), fields, min_size=1), st.integers(), wholes)
def test_what_is_drawn_is_accepted_by_the_server(
    declared: dict[str, Any], seed: int, attempt: int
) -> None:
    """Every kind of field, with and without bounds, steps, limits and labels."""
    posted = answered(declared, seed, attempt % 2)
    assert posted.errors == {}


@pytest.mark.long
def test_required_questions_are_always_answered_and_others_now_and_then() -> None:
    """Both ways through a form are tried."""
    declared = {"must": StringField(), "may": IntegerField(min=0, max=9, optional=True)}
    values = [answered(declared, seed).data for seed in range(60)]
    assert all(value["must"] for value in values)
    assert {value["may"] is None for value in values} == {True, False}


@pytest.mark.long
def test_both_ends_of_a_scale_and_every_choice_are_drawn() -> None:
    """Nothing that a participant could answer is left out."""
    declared = {
        "n": IntegerField(min=2, max=4), "r": RadioField(choices=["x", "y"]), "b": BooleanField(),
    }  # fmt: skip
    values = [answered(declared, seed).data for seed in range(80)]
    assert {value["n"] for value in values} == {2, 3, 4}
    assert {value["r"] for value in values} == {"x", "y"}
    assert {value["b"] for value in values} == {True, False}


def test_boxes_that_may_be_left_or_answered_in_full_are_answered_in_full_later() -> None:
    """A page does not tell how many boxes an optional question wants if any."""
    declared = {"b": BoundedChoiceField(choices=["x", "y", "z"], min=2, max=2, optional=True)}
    assert answered(declared, seed=0, attempt=1).errors == {}


@pytest.mark.parametrize("kind", [IBANField, BICField])
def test_codes_of_banks_are_found_within_a_few_tries(kind: Any) -> None:
    """The page does not tell which of the two a field is for."""
    assert any(answered({"code": kind()}, seed).errors == {} for seed in range(10))


@pytest.mark.parametrize(
    "kind",
    ["url", "tel", "color", "time", "month", "week", "datetime-local", "search", "password"],
)
def test_inputs_that_an_author_wrote_by_hand_get_something_of_their_type(kind: str) -> None:
    """Also where WTForms' own fields stand in a form."""
    drawn = answer_at_random(Question("x", kind, required=True), random.Random(1))
    assert isinstance(drawn, str)
    assert drawn


def test_dates_keep_to_their_bounds() -> None:
    """Those of `render_kw`, too."""
    asked = Question("day", "date", required=True, min="2030-01-30", max="2030-02-02")
    drawn = {answer_at_random(asked, random.Random(seed)) for seed in range(50)}
    days = {dt.date.fromisoformat(text) for text in drawn}
    assert min(days) >= dt.date(2030, 1, 30)
    assert max(days) <= dt.date(2030, 2, 2)
