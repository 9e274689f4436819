"""What an author may declare as a field, and which mistakes are reported where they are made."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import enum
import inspect
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import wtforms
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from uproot_nb.errors import BadField
from uproot_nb.experiment import fields
from uproot_nb.experiment.bounds import exact
from uproot_nb.experiment.choices import read_choices
from uproot_nb.experiment.declarations import check_fields
from uproot_nb.experiment.fields import (
    BICField,
    BooleanField,
    BoundedChoiceField,
    DateField,
    DecimalField,
    DecimalRangeField,
    EmailField,
    Field,
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

KINDS = [getattr(fields, name) for name in fields.__all__ if name != "Field"]
NEEDED: dict[type[Field], dict[str, Any]] = {
    SelectField: {"choices": [1, 2]},
    BoundedChoiceField: {"choices": [1, 2]},
}

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def made(kind: type[Field], **arguments: Any) -> Field:
    return kind(**NEEDED.get(kind, {}), **arguments)


class Color(enum.Enum):
    RED = 1


def test_there_is_every_kind_of_field_that_the_contract_names() -> None:
    assert set(KINDS) == {
        BooleanField, BoundedChoiceField, DateField, DecimalField, DecimalRangeField, EmailField,
        FileField, FloatField, FloatRangeField, IBANField, BICField, IntegerField, LikertField,
        RadioField, SelectField, StringField, TextAreaField,
    }  # fmt: skip


@every_kind
def test_every_field_takes_what_all_fields_take(kind: type[Field]) -> None:
    field = made(
        kind,
        label=Markup("How <em>much</em>?"),
        description="Help",
        render_kw={"class": "w-75", "data-unit": "cm"},
        class_wrapper="mb-5",
        optional=True,
        widget=lambda field, **attributes: "",
        validators=[lambda form, field: None],
    )
    assert (field.label, field.description, field.class_wrapper) == (
        Markup("How <em>much</em>?"),
        "Help",
        "mb-5",
    )
    assert dict(field.render_kw or {}) == {"class": "w-75", "data-unit": "cm"}


@every_kind
def test_fields_are_values(kind: type[Field]) -> None:
    field = made(kind, label="Age")
    assert field == made(kind, label="Age") == copy.copy(field) == copy.deepcopy(field)
    assert field != made(kind, label="Wage")
    assert len({field, made(kind, label="Age")}) == 1
    with pytest.raises(AttributeError):
        field.label = "Wage"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del field.label


@every_kind
def test_a_field_shows_how_it_was_written(kind: type[Field]) -> None:
    shown = repr(made(kind, label="Age", optional=True))
    assert shown.startswith(f"{kind.__name__}(label='Age', optional=True")
    assert eval(shown, {kind.__name__: kind}) == made(kind, label="Age", optional=True)


@every_kind
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labl": "x"}, "Did you mean 'label'?"),
        ({"label": 3}, "label=3 is not text"),
        ({"description": ["x"]}, "is not text"),
        ({"optional": "no"}, "optional='no'"),
        ({"render_kw": "class=x"}, "is not a dict"),
        ({"render_kw": {"a b": 1}}, "not an attribute"),
        ({"widget": 3}, "cannot be called"),
        ({"validators": [3]}, "not a list of functions"),
    ],
)
def test_a_wrong_argument_is_refused_where_it_is_written(
    kind: type[Field], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadField) as caught:
        made(kind, **arguments)
    assert kind.__name__ in str(caught.value)
    assert message in str(caught.value)
    assert caught.value.remedy


def test_a_label_without_its_name_is_refused_with_the_right_spelling() -> None:
    with pytest.raises(BadField, match=r"Write StringField\(label='Your name'\)"):
        StringField("Your name")  # type: ignore[misc]


@pytest.mark.parametrize("family", [Field, fields.NumberInput, fields.Slider, fields.WithChoices])
def test_a_family_of_fields_is_no_field(family: type[Field]) -> None:
    with pytest.raises(BadField, match="Use "):
        family()


def test_authors_may_derive_kinds_of_their_own() -> None:
    class Money(DecimalField):
        """An amount."""

        min, places = 0, 2

    field = Money(label="Offer", max=10)
    assert (field.min, field.max, field.places) == (0, 10, 2)
    with pytest.raises(BadField, match="Money 'Offer': min=0 is more than max=-1"):
        Money(label="Offer", max=-1)


@every_kind
def test_a_field_can_be_written_anew_with_other_words(kind: type[Field]) -> None:
    field = made(kind, label="Age", optional=True)
    assert dataclasses.replace(field) == field
    assert dataclasses.replace(field, label="Alter") == made(kind, label="Alter", optional=True)


def test_editors_see_what_a_field_takes() -> None:
    assert list(inspect.signature(IntegerField).parameters)[:2] == ["label", "description"]
    assert inspect.signature(IntegerField).parameters["min"].default is None


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (IntegerField, {"min": 3, "max": 2}, "min=3 is more than max=2"),
        (IntegerField, {"min": "3"}, "min='3'"),
        (IntegerField, {"max": True}, "max=True"),
        (IntegerField, {"default": 1.5}, "default=1.5"),
        (IntegerField, {"default": 9, "max": 8}, "not between"),
        (DecimalField, {"min": float("nan")}, "min=nan"),
        (DecimalField, {"max": Decimal("Infinity")}, "max="),
        (DecimalField, {"step": 0}, "step=0 is not positive"),
        (DecimalField, {"step": -1}, "is not positive"),
        (DecimalField, {"places": 1.5}, "places=1.5"),
        (DecimalField, {"places": 99}, "places=99"),
        (FloatField, {"default": "1"}, "default='1'"),
        (DecimalRangeField, {"min": 5, "max": 5}, "both 5"),
        (DecimalRangeField, {"label_min": 3}, "label_min=3"),
        (FloatRangeField, {"default": 101}, "not between"),
        (StringField, {"default": 3}, "is not text"),
        (StringField, {"max_length": 0}, "max_length=0"),
        (TextAreaField, {"addon_start": 3}, "addon_start=3"),
        (BooleanField, {"default": "yes"}, "default 'yes' is not True"),
        (DateField, {"default": "2030-01-01"}, "is not a date"),
        (DateField, {"default": dt.datetime(2030, 1, 1)}, "is not a date"),
        (FileField, {"default": "x.png"}, "it has a default"),
        (LikertField, {"min": 4, "max": 4}, "1 points"),
        (LikertField, {"min": 0, "max": 1000}, "1001 points"),
        (LikertField, {"min": 1.5}, "min=1.5"),
        (LikertField, {"default": 9}, "not among the choices"),
        (RadioField, {"layout": "diagonal"}, "layout='diagonal'"),
        (RadioField, {"choices": []}, "no choices"),
        (RadioField, {"choices": "ab"}, "not a list of options"),
        (RadioField, {"choices": [1, "1"]}, "post the same text"),
        (RadioField, {"choices": [True, (True, "Yes")]}, "post the same text"),
        (RadioField, {"choices": [(1, "a", "b")]}, "neither a value nor a pair"),
        (RadioField, {"choices": [(1, None)]}, "not text"),
        (RadioField, {"choices": ["a\nb"]}, "cannot post unchanged"),
        (RadioField, {"default": 3}, "not among the choices"),
        (SelectField, {}, "not a list of options"),
        (SelectField, {"choices": {1: ["One"]}}, "not text"),
        (BoundedChoiceField, {"choices": [1, 2], "min": 3}, "min=3"),
        (BoundedChoiceField, {"choices": [1, 2], "min": 2, "max": 1}, "min=2 and max=1"),
        (BoundedChoiceField, {"choices": [1, 2], "max": 0}, "max=0"),
        (BoundedChoiceField, {"choices": [1, 2], "default": [3]}, "not among the choices"),
        (BoundedChoiceField, {"choices": ["a", "b"], "default": "ab"}, "not a list of choices"),
    ],
)
def test_a_declaration_that_nobody_could_answer_is_refused(
    kind: type[Field], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadField) as caught:
        kind(label="Question", **arguments)
    assert message in str(caught.value)


def test_the_error_names_the_question() -> None:
    with pytest.raises(BadField, match="IntegerField 'How old are you\\?'"):
        IntegerField(label="How old are you?", min=3, max=2)


@pytest.mark.parametrize(
    "arguments",
    [
        {"min": 0, "max": np.int64(10)},
        {"min": np.float64(0.5), "max": Decimal("1.5"), "step": 0.1},
        {"min": 10**30, "max": 10**40, "default": 10**35},
        {"default": lambda: 3, "max": 2},
    ],
)
def test_numbers_of_any_kind_may_be_bounds(arguments: dict[str, Any]) -> None:
    assert DecimalField(**arguments).max == arguments["max"]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([1, 2.5], [(1, "1", "1"), (2.5, "2.5", "2.5")]),
        (["a", ""], [("a", "a", "a"), ("", "", "")]),
        ([(True, "Yes"), (None, "No idea")], [(True, "True", "Yes"), (None, "None", "No idea")]),
        ({"de": "Germany", 7: Markup("<b>7</b>")}, [("de", "de", "Germany"), (7, "7", "<b>7</b>")]),
        ([(1, 1), (2, Decimal("2.0"))], [(1, "1", "1"), (2, "2", "2.0")]),
        (range(2), [(0, "0", "0"), (1, "1", "1")]),
        ([Color.RED], [(Color.RED, "Color.RED", "Color.RED")]),
        (["👩‍🔬"], [("👩‍🔬", "👩‍🔬", "👩‍🔬")]),
    ],
)  # fmt: skip
def test_choices_keep_the_types_of_their_values(choices: Any, expected: list[Any]) -> None:
    found = read_choices("RadioField", choices)
    assert [tuple(choice) for choice in found] == expected
    assert [type(c.value) for c in found] == [type(value) for value, _, _ in expected]


def test_a_scale_offers_every_whole_number() -> None:
    assert [choice.value for choice in LikertField(min=-2, max=2).choices] == [-2, -1, 0, 1, 2]
    assert LikertField().is_numeric
    assert not LikertField(choices=[(1, "Never"), (2, "Always")]).is_numeric


def test_a_radio_field_without_choices_asks_yes_or_no() -> None:
    assert [choice.value for choice in RadioField().choices] == [True, False]


def test_a_slider_goes_from_0_to_100_and_shows_its_ends() -> None:
    slider = DecimalRangeField()
    assert (slider.min, slider.max, slider.label_min, slider.label_max) == (0, 100, "0", "100")
    assert DecimalRangeField(label_min="").label_min == ""


@pytest.mark.parametrize("kind", [IBANField, BICField])
def test_bank_fields_name_the_missing_package(
    kind: type[Field], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "schwifty", None)
    with pytest.raises(BadField, match="pip install schwifty"):
        kind(label="Account")


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.decimals()))
def test_bounds_mean_what_was_written(number: Any) -> None:
    if isinstance(number, Decimal) and not number.is_finite():
        with pytest.raises(ValueError, match=str(number)):
            exact(number)
    else:
        assert type(number)(str(exact(number))) == number


# ---- a page's fields ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_fields", "message"),
    [
        ([StringField()], "not a dict"),
        ({"a b": StringField()}, "'a b' cannot be the name"),
        ({"": StringField()}, "cannot be the name"),
        ({3: StringField()}, "3 cannot be the name"),
        ({'"': StringField()}, "cannot be the name"),
        ({"_uproot_page": StringField()}, "cannot be the name"),
        ({"age": StringField}, "StringField (the class) is not a field"),
        ({"age": 3}, "Survey.fields['age']"),
    ],
)
def test_an_entry_that_is_not_a_field_is_named(given_fields: Any, message: str) -> None:
    with pytest.raises(BadField) as caught:
        check_fields(given_fields, "Survey.fields")
    assert message in str(caught.value)


def test_an_authors_own_wtforms_field_is_one() -> None:
    given_fields = {"age": wtforms.IntegerField("Age"), "größe": IntegerField()}
    assert check_fields(given_fields) is given_fields


def test_forms_of_our_fields_need_no_wtforms() -> None:
    """It takes 50 ms to load, and need not be installed."""
    script = """
import sys
sys.modules["wtforms"] = None
import uproot_nb
from uproot_nb.experiment.fields import IntegerField, LikertField, RadioField, StringField
from uproot_nb.forms.form import make_form, render_fields
fields = {"a": IntegerField(), "b": StringField(), "c": RadioField(), "d": LikertField()}
render_fields(make_form(fields))
form = make_form(fields, pairs=[("a", "1"), ("b", "x"), ("c", "True"), ("d", "3")])
sys.exit(not form.validate())
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_list_whose_default_is_no_choice_chooses_nothing() -> None:
    with pytest.warns(UserWarning, match="default 0 is not among the choices"):
        field = SelectField(label="Team", choices=["a", "b"], default=0)
    assert field.default is None
