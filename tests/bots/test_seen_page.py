"""Pages: what a bot sees of a page's HTML."""

from __future__ import annotations

from pathlib import Path

import pytest

from uproot_nb.bots.questions import Attachment, QuestionChoice
from uproot_nb.bots.seen_page import read_page
from uproot_nb.experiment.fields import (
    BoundedChoiceField,
    IntegerField,
    LikertField,
    SelectField,
    StringField,
)
from uproot_nb.forms.form import make_form, render_fields

FORM = """<script type="application/json" id="uproot-page">{"page": 3, "name": "Offer"}</script>
<form action="/elsewhere"><input name="stranger"></form>
<form id="uproot-form" method="post"><input type="hidden" name="_uproot_page" value="3">%s</form>
<input name="outside" form="uproot-form" value="o"><button form="uproot-form">Go</button>"""


def test_inputs_written_by_hand_are_questions_too() -> None:
    """Those of other forms, and those that are disabled, are not."""
    page = read_page(
        FORM
        % """<label for="a">Your <b>age</b></label><input id="a" name="age" type="number" min="18"
        max="99" required value="20"><input name="off" disabled><select name="s"><option>x
        <option value="2" selected>y</select><input type="checkbox" name="c" value="1" checked>
        <textarea name="t">\nmore</textarea>"""
    )
    assert page.boot == {"page": 3, "name": "Offer"}
    assert page.name == "Offer"
    assert list(page.form.questions) == ["age", "s", "c", "t", "outside"]
    age = page.form["age"]
    assert (age.kind, age.label, age.min, age.max, age.required, age.value) == (
        "number", "Your age", "18", "99", True, ["20"],
    )  # fmt: skip
    assert page.form["s"].choices == [QuestionChoice("x", "x"), QuestionChoice("2", "y")]
    pairs, files = page.form.filled({"age": 30, "c": False})
    assert pairs == [
        ("_uproot_page", "3"), ("age", "30"), ("s", "2"), ("t", "more"), ("outside", "o"),
    ]  # fmt: skip
    assert files == []
    assert page.form.has_next


def test_a_page_without_a_button_has_no_next() -> None:
    """And Back is no Next."""
    assert not read_page('<form id="uproot-form"></form>').form.has_next
    back = '<form id="uproot-form"><button type="submit" name="_uproot_back" value="1"></form>'
    form = read_page(back).form
    assert (form.has_next, form.can_go_back) == (False, True)


def test_our_own_fields_tell_their_label_choices_and_limits() -> None:
    """Scales and boxes by the question above them."""
    shown = make_form(
        {
            "likes": LikertField(label="How <i>much</i>?", min=1, max=3),
            "some": BoundedChoiceField(label="Which?", choices=["a", "b", "c"], min=1, max=2),
            "home": SelectField(choices=[(1, "City")]),
        }
    )
    form = read_page(FORM % render_fields(shown)).form
    assert [choice.text for choice in form["likes"].choices] == ["1", "2", "3"]
    assert form["likes"].label == "How <i>much</i>?"
    assert (form["some"].kind, form["some"].few, form["some"].many) == ("checkboxes", 1, 2)
    assert [choice.text for choice in form["home"].choices] == ["", "1"]


def test_what_is_wrong_is_told_by_field() -> None:
    """What belongs to no field is told beside them."""
    shown = make_form({"age": IntegerField(label="Age"), "name": StringField()}, pairs=[])
    shown.validate()
    shown.add_errors(["Not so."])
    page = read_page(FORM % render_fields(shown))
    assert set(page.errors) == {"age", "name"}
    assert page.errors["age"] == ["Please answer this question."]
    assert page.form_errors == ["Not so."]


def test_hidden_fields_can_be_answered_as_scripts_do_but_not_ours() -> None:
    """A page's script writes into them."""
    form = read_page(FORM % '<input type="hidden" name="path" value="">').form
    assert ("path", "abc") in form.filled({"path": "abc"})[0]
    assert ("path", "") in form.filled({})[0]
    assert "path" not in form
    with pytest.raises(LookupError):
        form.filled({"_uproot_page": "9"})


def test_a_field_that_is_not_there_cannot_be_answered(tmp_path: Path) -> None:
    """A slip of the pen is not ignored; files come from the disk or from memory."""
    form = read_page(FORM % '<input type="file" name="photo">').form
    with pytest.raises(LookupError, match="foto"):
        form.filled({"foto": 1})
    (tmp_path / "a.png").write_bytes(b"x")
    assert form.filled({"photo": tmp_path / "a.png"})[1] == [("photo", Attachment("a.png", b"x"))]
    assert form.filled({})[1] == [("photo", Attachment("", b""))]


@pytest.mark.parametrize("html", ["", "<form", "</form></form>", "<p><li><option><form id=x>"])
def test_any_text_can_be_read(html: str) -> None:
    """Authors' templates are as they are."""
    assert len(read_page(html).form) == 0
