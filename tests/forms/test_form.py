"""What a posted form means, what is wrong with it, and how it is drawn."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import string
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import wtforms
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tests.examples import examples
from uproot_nb.errors import BadField, BadPage, UprootError
from uproot_nb.experiment.declarations import Field
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
from uproot_nb.forms import form as forms
from uproot_nb.forms.form import (
    TEXTS,
    Form,
    Upload,
    UploadedFile,
    make_form,
    render_field,
    render_fields,
    save_values,
    template_functions,
)
from uproot_nb.log.codec import Codec

ANSWER = "Please answer this question."
CHOOSE = "Please choose one of the options."
NUMBER = "Please enter a number."
WHOLE = "Please enter a whole number."
HOSTILE = "<script>alert(1)</script>\"'"


def posted(field: Any, *texts: str) -> Form:
    return make_form({"x": field}, pairs=[("x", text) for text in texts])


def answer(field: Any, *texts: str) -> Any:
    """Return the answer that *texts* give, or what is wrong with them."""
    form = posted(field, *texts)
    if form.validate():
        assert form.errors == {}
        return form.data["x"]
    assert form.data["x"] is None
    (told,) = form.errors["x"]
    return told


def drawn(field: Any, **options: Any) -> str:
    return str(render_field(make_form({"x": field}, **options).x))


def stored(value: Any) -> Any:
    """Return what a log gives back for *value*."""
    codec = Codec()
    return codec.decode(codec.encode(value))


def attributes(html: str, tag: str = "input") -> dict[str, str]:
    """Return the attributes of the first *tag* in *html*."""
    found = re.search(rf"<{tag}\b([^>]*)>", html)
    assert found is not None, html
    return {m[1]: m[2] or "" for m in re.finditer(r'([\w-]+)(?:="([^"]*)")?', found[1])}


# ---- what answers mean ----------------------------------------------------------------------

PRICE = DecimalField(min=0, max=10, step=0.25)
COLORS = [("r", "Red"), (2, "Blue"), (None, "None"), (True, "True")]

GOOD = [
    (StringField(), ["  Ann "], "  Ann "),
    (StringField(optional=True), ["   "], ""),
    (StringField(optional=True), [], ""),
    (StringField(max_length=3), ["äöü"], "äöü"),
    (TextAreaField(), ["a\r\nb\rc"], "a\nb\nc"),
    (EmailField(), [" a@b "], "a@b"),
    (EmailField(), ["jürgen@exämple.de"], "jürgen@exämple.de"),
    (EmailField(optional=True), [""], ""),
    (IntegerField(), ["42"], 42),
    (IntegerField(), [" -7 "], -7),
    (IntegerField(), ["+7"], 7),
    (IntegerField(), ["1e3"], 1000),
    (IntegerField(), ["5.0"], 5),
    (IntegerField(), ["١٢"], 12),
    (IntegerField(), ["\N{MINUS SIGN}3"], -3),
    (IntegerField(min=2**70), [str(2**70)], 2**70),
    (IntegerField(optional=True), [""], None),
    (IntegerField(min=1, step=5), ["11"], 11),
    (DecimalField(), ["1.50"], Decimal("1.50")),
    (DecimalField(), ["1,5"], Decimal("1.5")),
    (DecimalField(), ["0,125"], Decimal("0.125")),
    (DecimalField(), ["-0"], Decimal(0)),
    (DecimalField(), [".5"], Decimal("0.5")),
    (DecimalField(max=0.1), ["0.1"], Decimal("0.1")),
    (PRICE, ["9.75"], Decimal("9.75")),
    (FloatField(), ["1,5"], 1.5),
    (FloatField(), ["1e-7"], 1e-7),
    (DecimalRangeField(step=0.1), ["0.30000000000000004"], Decimal("0.3")),
    (FloatRangeField(min=-1, max=1, step=0.1), ["-0.3"], -0.3),
    (FloatRangeField(anchoring=False, optional=True), [], None),
    (DateField(), ["2024-02-29"], dt.date(2024, 2, 29)),
    (DateField(optional=True), [""], None),
    (BooleanField(), ["True"], True),
    (BooleanField(), ["on"], True),
    (BooleanField(), ["false"], False),
    (BooleanField(), [], False),
    (RadioField(), ["False"], False),
    (RadioField(choices=COLORS), ["2"], 2),
    (RadioField(choices=COLORS), ["None"], None),
    (RadioField(choices=["", "a"]), [""], ""),
    (RadioField(optional=True), [], None),
    (SelectField(choices=COLORS), ["True"], True),
    (SelectField(choices=COLORS, optional=True), [""], None),
    (SelectField(choices=[("", "Please select"), (1, "One")]), ["1"], 1),
    (LikertField(min=-3, max=3), ["-3"], -3),
    (BoundedChoiceField(choices=COLORS), ["2", "r", "2"], ["r", 2]),
    (BoundedChoiceField(choices=COLORS), [], []),
    (BoundedChoiceField(choices=COLORS, min=2, optional=True), [], []),
    (IBANField(), ["de89 3704 0044 0532 0130 00"], "DE89370400440532013000"),
    (IBANField(optional=True), [""], ""),
    (BICField(), ["marKdeff"], "MARKDEFF"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "texts", "value"), GOOD, ids=lambda value: repr(value)[:40])
def test_a_good_answer_has_the_type_of_its_field(
    field: Field, texts: list[str], value: Any
) -> None:
    found = answer(field, *texts)
    assert (found, type(found)) == (value, type(value))
    assert stored(found) == found


BETWEEN = "Please enter a number from 0 to 10."
STEPS = "Please enter a number in steps of 0.25, starting at 0."
THOUSANDS = "Please write the number with a point for decimals, and with nothing between thousands."
UNSTORABLE = "This text contains characters that cannot be stored. Please remove them."
TOO_LONG = "This text is too long. Please use at most {} characters."
OPTIONS = " of the options."
AT_MOST_2 = f"Please choose at most 2{OPTIONS}"

BAD = [
    (StringField(), [], ANSWER),
    (StringField(), [" \n\t "], ANSWER),
    (StringField(), ["a\x00"], UNSTORABLE),
    (StringField(), ["\ud800"], UNSTORABLE),
    (StringField(), ["x" * 100_001], TOO_LONG.format(100_000)),
    (TextAreaField(max_length=2), ["abc"], TOO_LONG.format(2)),
    (EmailField(), ["a"], "Please enter an email address."),
    (EmailField(), ["a@"], "Please enter an email address."),
    (EmailField(), ["a@b@c"], "Please enter an email address."),
    (EmailField(), ["a b@c"], "Please enter an email address."),
    (EmailField(), ["a@" + "b" * 300], "Please enter an email address."),
    (IntegerField(), [""], ANSWER),
    (IntegerField(), ["1.5"], WHOLE),
    (IntegerField(), ["1,5"], WHOLE),
    (IntegerField(), ["1_0"], WHOLE),
    (IntegerField(), ["0x10"], WHOLE),
    (IntegerField(), ["9" * 5000], WHOLE),
    (IntegerField(), ["1e999999999"], WHOLE),
    (IntegerField(), ["1,000"], THOUSANDS),
    (IntegerField(), ["2.000"], THOUSANDS),
    (IntegerField(), ["2,0000"], THOUSANDS),  # a slip of the finger, and not 2
    (IntegerField(), ["2000.000"], THOUSANDS),
    (IntegerField(min=0), ["-1"], "Please enter a number of at least 0."),
    (IntegerField(max=10), ["11"], "Please enter a number of at most 10."),
    (IntegerField(min=1, step=5), ["10"], "Please enter a number in steps of 5, starting at 1."),
    (DecimalField(), ["abc"], NUMBER),
    (DecimalField(), ["NaN"], NUMBER),
    (DecimalField(), ["sNaN"], NUMBER),
    (DecimalField(), ["-Infinity"], NUMBER),
    (DecimalField(), ["1e999"], NUMBER),
    (DecimalField(), ["1,2,3"], NUMBER),
    (DecimalField(), ["1.000,5"], THOUSANDS),
    (DecimalField(), ["1,500"], THOUSANDS),
    (DecimalField(), ["--1"], NUMBER),
    (PRICE, ["10.25"], BETWEEN),
    (PRICE, ["-0.25"], BETWEEN),
    (PRICE, ["0.3"], STEPS),
    (FloatField(), ["inf"], NUMBER),
    (FloatField(), ["1e309"], NUMBER),
    (FloatField(max=0.1), ["0.11"], "Please enter a number of at most 0.1."),
    (DecimalRangeField(max=10), ["11"], BETWEEN),
    (DecimalRangeField(), [], "Please move the slider."),
    (FloatRangeField(anchoring=False), [""], "Please move the slider."),
    (DateField(), ["2023-02-29"], "Please enter a date."),
    (DateField(), ["29.2.2024"], "Please enter a date."),
    (DateField(), ["2024-W01-1"], "Please enter a date."),
    (DateField(), ["0000-00-00"], "Please enter a date."),
    (BooleanField(), ["perhaps"], ANSWER),
    (RadioField(), [], CHOOSE),
    (RadioField(), ["true"], CHOOSE),
    (RadioField(), ["True", "False"], CHOOSE),
    (RadioField(choices=[1]), ["1.0"], CHOOSE),
    (SelectField(choices=[("", "Please select"), (1, "One")]), [""], CHOOSE),
    (SelectField(choices=[1], optional=True), ["2"], CHOOSE),
    (LikertField(), ["8"], CHOOSE),
    (BoundedChoiceField(choices=COLORS), ["z"], CHOOSE),
    (BoundedChoiceField(choices=COLORS, min=1), [], "Please choose at least one" + OPTIONS),
    (BoundedChoiceField(choices=COLORS, min=3), ["r", "r"], "Please choose at least 3" + OPTIONS),
    (BoundedChoiceField(choices=[1, 2, 3], max=2), [*"123"], "Please choose at most 2" + OPTIONS),
    (BoundedChoiceField(choices=[1, 2, 3], max=2), list("123"), AT_MOST_2),
    (IBANField(), ["DE89 3704 0044 0532 0130 01"], "Please enter a valid IBAN."),
    (IBANField(), ["ÄÄ"], "Please enter a valid IBAN."),
    (BICField(), ["MARK"], "Please enter a valid BIC."),
]  # fmt: skip


@pytest.mark.parametrize(("field", "texts", "told"), BAD, ids=lambda value: repr(value)[:40])
def test_a_bad_answer_is_told_in_a_sentence(field: Field, texts: list[str], told: str) -> None:
    assert answer(field, *texts) == told


EVERY_FIELD: list[tuple[Any, type | tuple[type, ...]]] = [
    (StringField(), str),
    (StringField(optional=True, max_length=5), str),
    (TextAreaField(), str),
    (EmailField(optional=True), str),
    (IBANField(), str),
    (BICField(), str),
    (IntegerField(), int),
    (IntegerField(min=-5, max=5, step=3), int),
    (DecimalField(), Decimal),
    (DecimalField(min=0, max=1, step=0.01, optional=True), (Decimal, type(None))),
    (FloatField(), float),
    (FloatField(min=-1e300, max=1e-300, step=1e-300), float),
    (DecimalRangeField(min=-1, max=1, step=0.1), Decimal),
    (FloatRangeField(anchoring=False), float),
    (DateField(), dt.date),
    (BooleanField(), bool),
    (RadioField(), bool),
    (SelectField(choices=["a", 1, None]), (str, int, type(None))),
    (LikertField(), int),
    (BoundedChoiceField(choices=["a", 1], max=1), list),
    (FileField(), UploadedFile),
    (wtforms.StringField("x", validators=[wtforms.validators.Length(max=9)]), (str, type(None))),
    (wtforms.DecimalField("x", validators=[wtforms.validators.NumberRange(0, 9)]), object),
    (wtforms.RadioField("x", choices=["1"], coerce=int), (int, type(None))),
]  # fmt: skip

NUMBERS = st.from_regex(
    r"[-+−]?[0-9٠-٩]{0,25}([.,][0-9]{0,25})?([eE][-+]?[0-9]{1,12})?", fullmatch=True
)
POSTABLE = st.one_of(
    st.text(st.characters(codec=None), max_size=30),
    st.text(string.printable, max_size=200),
    NUMBERS,
    st.sampled_from(["True", "a", "1", "", "NaN", "2024-02-30", "9999-12-31", "a@b", "\ud83d"]),
)


@examples(250)
@given(number=st.integers(0, len(EVERY_FIELD) - 1), texts=st.lists(POSTABLE, max_size=3))
def test_whatever_is_posted_is_a_storable_answer_or_an_error(number: int, texts: list[str]) -> None:
    field, kind = EVERY_FIELD[number]
    form = posted(field, *texts)
    if form.validate():
        value = form.data["x"]
        assert isinstance(value, kind)
        if not isinstance(value, UploadedFile):
            assert stored(value) == value or value != value
            assert within_bounds(field, value)
    else:
        assert form.errors["x"]
    render_fields(form).encode()  # what was typed is shown again, whatever it was


def within_bounds(field: Any, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return True
    least, most = getattr(field, "min", None), getattr(field, "max", None)
    return not (least is not None and value < least) and not (most is not None and value > most)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), POSTABLE, max_size=5))
def test_fields_that_nobody_asked_for_change_nothing(extra: dict[str, str]) -> None:
    form = make_form({"x": IntegerField()}, pairs=[("x", "3"), *extra.items()])
    assert "x" in extra or form.validate()
    assert list(form.data) == ["x"]


def test_a_number_on_the_grid_of_a_slider_is_exactly_that_number() -> None:
    for tenth in range(11):
        field = FloatRangeField(min=0, max=1, step=0.1)
        assert answer(field, repr(tenth * 0.1)) == tenth / 10


# ---- the form -------------------------------------------------------------------------------


def test_nothing_posted_is_not_valid_and_shows_the_defaults() -> None:
    form = make_form({"age": IntegerField(default=30), "ok": BooleanField()})
    assert not form.validate()
    assert form.errors == {}
    assert form.data == {"age": 30, "ok": None}


def test_a_default_may_be_made_when_the_page_is_shown() -> None:
    assert make_form({"x": IntegerField(default=lambda: 7)}).data == {"x": 7}


def test_values_that_are_kept_come_before_defaults_and_after_what_was_posted() -> None:
    fields = {"age": IntegerField(default=30), "name": StringField(default="Ann")}
    kept = {"age": None, "name": "Bob", "other": 1}
    assert make_form(fields, values=kept).data == {"age": None, "name": "Bob"}
    form = make_form(fields, values=kept, pairs=[("name", "Cem")])
    assert form.data == {"age": None, "name": "Cem"}


@pytest.mark.parametrize(("field", "_kind"), EVERY_FIELD[:-3], ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("value", [None, 3, "text", [1, 2], {"a": 1}, dt.date(2030, 1, 1), True])
def test_a_kept_value_of_another_type_does_no_harm(field: Any, _kind: Any, value: Any) -> None:
    assert "name=" in drawn(field, values={"x": value})


def test_fields_are_attributes_and_items_in_the_order_in_which_they_are_written() -> None:
    form = make_form({"b": IntegerField(label="B"), "a": StringField(), "data": StringField()})
    assert [field.name for field in form] == ["b", "a", "data"]
    assert (form.b.name, form["data"].name, len(form)) == ("b", "data", 3)
    assert "a" in form
    assert "c" not in form
    assert str(form.b.label) == '<label for="b">B</label>'
    with pytest.raises(AttributeError, match=r"no field 'c'; it has b, a, data\."):
        form.c  # noqa: B018


@pytest.mark.parametrize("name", ["data", "errors", "validate", "form_errors", "process", "meta"])
def test_any_name_can_be_the_name_of_a_field(name: str) -> None:
    form = make_form({name: IntegerField()}, pairs=[(name, "3")])
    assert form.validate()
    assert form.data == {name: 3}
    assert f'name="{name}"' in render_field(form[name])


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(BadField, match="is not a field"):
        make_form({"age": 3})


def test_a_form_without_fields_is_valid() -> None:
    form = make_form({}, pairs=[])
    assert form.validate()
    assert render_fields(form).strip() == ""


@pytest.mark.parametrize(
    ("result", "on_top", "by_field"),
    [
        (None, [], {}),
        ("", [], {}),
        ([], [], {}),
        ({}, [], {}),
        ("Too much.", ["Too much."], {}),
        (["One.", "Two."], ["One.", "Two."], {}),
        (("One.", ""), ["One."], {}),
        ({"a": "Too much."}, [], {"a": ["Too much."]}),
        ({"a": ["One.", "Two."], "b": None, None: "All."}, ["All."], {"a": ["One.", "Two."]}),
        ({"": "All."}, ["All."], {}),
    ],
)
def test_validate_may_return_texts_in_every_documented_way(
    result: Any, on_top: list[str], by_field: dict[str, list[str]]
) -> None:
    form = make_form({"a": IntegerField(), "b": IntegerField()}, pairs=[("a", "1"), ("b", "2")])
    assert form.validate()
    assert form.add_errors(result) == bool(on_top or by_field)
    assert (form.form_errors, form.errors) == (on_top, by_field)


@pytest.mark.parametrize("result", [True, 3, ["a", 3], {"a": 3}, {"c": "x"}, {3: "x"}, object()])
def test_what_cannot_be_an_error_is_told_to_the_author(result: Any) -> None:
    form = make_form({"a": IntegerField()}, pairs=[("a", "1")])
    with pytest.raises(BadPage, match=r"Survey\.validate: it "):
        form.add_errors(result, "Survey.validate")
    assert (form.form_errors, form.errors) == ([], {})


def test_errors_of_fields_and_of_the_author_stand_together() -> None:
    form = make_form({"a": IntegerField(max=3)}, pairs=[("a", "5")])
    form.validate()
    form.add_errors({"a": "That is odd."})
    assert form.errors == {"a": ["Please enter a number of at most 3.", "That is odd."]}


def test_messages_are_translated_with_their_numbers_filled_in() -> None:
    german = {"Please enter a number from {min} to {max}.": "Bitte {max} bis {min} eingeben."}
    form = make_form(
        {"a": IntegerField(min=1, max=3)},
        pairs=[("a", "5")],
        translate=lambda text: german.get(text, text),
    )
    form.validate()
    assert form.errors == {"a": ["Bitte 3 bis 1 eingeben."]}


@pytest.mark.parametrize("broken", ["{", "{nobody}", "{0}", "{min.real.x}", "{min!z}"])
def test_a_broken_translation_stops_nobody(broken: str) -> None:
    form = make_form({"a": IntegerField(min=1)}, pairs=[("a", "0")], translate=lambda text: broken)
    form.validate()
    assert form.errors == {"a": ["Please enter a number of at least 1."]}


def test_every_text_that_is_told_or_drawn_can_be_translated() -> None:
    asked: set[str] = set()

    def translate(text: str) -> str:
        asked.add(text)
        return text

    for field, texts, _ in BAD:
        form = make_form({"x": field}, pairs=[("x", text) for text in texts], translate=translate)
        form.validate()
        render_fields(form)
    for field, _ in EVERY_FIELD[:-3]:
        render_fields(make_form({"x": field}, translate=translate))
    make_form(
        {"x": DecimalField()}, pairs=[("x", "1.500")], translate=translate, language="de"
    ).validate()
    form = make_form(
        {"x": RadioField(optional=True), "y": FileField()}, pairs=[], translate=translate
    )
    form.validate()
    render_fields(form)
    assert asked == set(TEXTS)
    assert len(TEXTS) == len(set(TEXTS))


def test_validators_and_filters_of_wtforms_do_their_work() -> None:
    def even(form: Any, field: Any) -> None:
        if field.data is not None and field.data % 2:
            raise wtforms.ValidationError("Even, please.")

    field = IntegerField(validators=[even], filters=[lambda value: value + 1])
    assert answer(field, "3") == 4
    form = posted(field, "4")
    assert not form.validate()
    assert form.errors == {"x": ["Even, please."]}
    assert answer(field, "abc") == WHOLE


def test_an_authors_own_wtforms_field_works_like_ours() -> None:
    field = wtforms.IntegerField("Age", validators=[wtforms.validators.NumberRange(0, 9)])
    form = posted(field, "3")
    assert form.validate()
    assert form.data == {"x": 3}
    form = posted(field, "11")
    assert not form.validate()
    assert form.errors == {"x": ["Number must be between 0 and 9."]}
    html = render_field(form.x)
    assert attributes(html)["value"] == "11"
    assert attributes(html)["aria-describedby"] == "x-errors"
    assert '<label class="uproot-label" for="x">Age</label>' in html


# ---- files ----------------------------------------------------------------------------------


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    file = tmp_path / "upload"
    file.write_bytes(b"12345")
    return Upload("cv", "..\\folder/cv.pdf", "application/pdf", str(file), 5)


async def test_an_uploaded_file_is_read_and_saved(upload: Upload, tmp_path: Path) -> None:
    form = make_form({"cv": FileField()}, pairs=[], files=[upload])
    assert form.validate()
    file = form.data["cv"]
    assert (file.filename, file.content_type, file.size, bool(file)) == (
        "cv.pdf",
        "application/pdf",
        5,
        True,
    )
    assert (await file.read(2), await file.read(), await file.read()) == (b"12", b"345", b"")
    await file.seek(4)
    assert await file.read() == b"5"
    target = await file.save(tmp_path / "new" / "cv.pdf")
    assert target.read_bytes() == b"12345"
    with pytest.raises(FileExistsError, match="overwrite=True"):
        await file.save(target)
    await file.save(target, overwrite=True)
    await file.close()


async def test_a_file_that_is_kept_too_long_says_so(upload: Upload, tmp_path: Path) -> None:
    file = make_form({"cv": FileField()}, pairs=[], files=[upload]).data["cv"]
    Path(upload.path).unlink()
    with pytest.raises(UprootError, match="within handle_stealth_fields"):
        await file.read()
    with pytest.raises(UprootError, match="within handle_stealth_fields"):
        await file.save(tmp_path / "cv.pdf")
    assert not (tmp_path / "cv.pdf").exists()


@pytest.mark.parametrize("pairs", [[], [("cv", "")], [("cv", "cv.pdf")]])
async def test_no_file_is_an_empty_one(pairs: list[tuple[str, str]]) -> None:
    unchosen = [Upload("cv", "", "application/octet-stream", "", 0)]
    for files in ([], unchosen):
        form = make_form({"cv": FileField(optional=True)}, pairs=pairs, files=files)
        assert form.validate()
        file = form.data["cv"]
        assert (file.size, file.filename, bool(file), await file.read()) == (0, "", False, b"")
        form = make_form({"cv": FileField()}, pairs=pairs, files=files)
        assert not form.validate()
        assert form.errors == {"cv": ["Please choose a file."]}


def test_files_and_stealth_fields_are_not_among_what_is_stored(upload: Upload) -> None:
    fields = {
        "cv": FileField(),
        "iban": StringField(),
        "age": IntegerField(),
        "w": wtforms.FileField(),
    }
    form = make_form(fields, pairs=[("iban", "x"), ("age", "3")], files=[upload])
    assert form.validate()
    assert save_values(form, {"iban"}) == {"age": 3}


def test_a_file_for_a_question_that_wants_none_is_ignored(upload: Upload) -> None:
    form = make_form({"cv": StringField(), "n": IntegerField()}, pairs=[("n", "1")], files=[upload])
    assert not form.validate()
    assert form.errors == {"cv": [ANSWER]}


# ---- numbers, by the page's language ----------------------------------------------------------

COMMA = "Please write the number with a comma for decimals, and with nothing between thousands."
GERMAN = [
    (DecimalField(), "12,5", Decimal("12.5")),
    (DecimalField(), "1,500", Decimal("1.5")),
    (DecimalField(), "2.5", Decimal("2.5")),
    (DecimalField(), "1.500", COMMA),
    (FloatField(), "1.500", COMMA),
    (IntegerField(), "2.000", COMMA),
    (IntegerField(), "2,000", COMMA),
    (IntegerField(), "2,00", 2),
    (IntegerField(), "1.234.567", 1_234_567),
    (IntegerField(), "2,5", WHOLE),
    (FloatField(max=0.5), "0,75", "Please enter a number of at most 0,5."),
    (PRICE, "0,3", "Please enter a number in steps of 0,25, starting at 0."),
    (DecimalRangeField(max=9, step=0.125), "1.125", Decimal("1.125")),
]


@pytest.mark.parametrize(("field", "text", "meant"), GERMAN, ids=lambda value: repr(value)[:40])
def test_numbers_are_read_as_the_pages_language_writes_them(
    field: Field, text: str, meant: Any
) -> None:
    """What might be a thousand is refused in a sentence; sliders post what HTML has."""
    form = make_form({"x": field}, pairs=[("x", text)], language="de")
    assert form.validate() is not isinstance(meant, str)
    assert (form.errors["x"] if form.errors else form.data["x"]) == (
        [meant] if isinstance(meant, str) else meant
    )


def test_an_input_that_an_author_made_a_browsers_number_has_a_point_in_all_languages() -> None:
    """The browser writes 1.125 then, and forms.js says of which field."""
    field = DecimalField(render_kw={"type": "number"}, default=0.5)
    assert attributes(drawn(field, language="de"))["value"] == "0.5"
    form = make_form({"x": field}, pairs=[("x", "1.125"), ("_uproot_number", "x")], language="de")
    assert form.validate()
    assert form.data == {"x": Decimal("1.125")}


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9),
    st.none() | st.integers(0, 6),
    st.sampled_from(["en", "de", "fr", "es-MX", "ar"]),
)
def test_what_an_input_shows_is_read_back_as_it_was(
    number: Decimal, places: int | None, language: str
) -> None:
    field = DecimalField(default=number, places=places)
    shown = make_form({"x": field}, language=language)
    text = attributes(str(render_field(shown.x)))["value"]
    form = make_form({"x": field}, pairs=[("x", text)], language=language)
    assert form.validate()
    assert form.data["x"] == (number if places is None else Decimal(f"{number:.{places}f}"))


# ---- drawing --------------------------------------------------------------------------------


def test_everything_that_belongs_to_an_input_is_tied_to_it() -> None:
    field = DecimalField(
        label="Offer", description="Help", addon_start="€", addon_end="each", min=0
    )
    form = posted(field, "-1")
    form.validate()
    html = render_field(form.x)
    told = attributes(html)
    assert told["aria-describedby"] == "x-start x-end x-errors x-description"
    for part in told["aria-describedby"].split():
        assert f'id="{part}"' in html
    assert told["aria-invalid"] == "true"
    assert "required" in told
    assert (told["value"], told["min"], told["step"], told["inputmode"]) == (
        "-1",
        "0",
        "any",
        "decimal",
    )
    assert '<label class="uproot-label" for="x">Offer</label>' in html


def test_what_is_left_empty_is_not_marked() -> None:
    told = attributes(drawn(StringField(label="Name", optional=True)))
    assert set(told) == {"id", "name", "class", "type", "value", "autocomplete"}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (IntegerField(min=0), {"type": "text", "step": "1", "inputmode": "numeric"}),
        (FloatField(min=0.5), {"step": "any", "min": "0.5", "inputmode": "decimal"}),
        (FloatField(max=1e6), {"max": "1000000", "autocomplete": "off"}),
        (DecimalField(default=1.5, places=2), {"value": "1.50"}),
        (DecimalField(default=1.5, step=1), {"step": "any"}),
        (DecimalField(default=2, step=0.5), {"step": "0.5", "value": "2"}),
        (EmailField(), {"type": "email", "autocomplete": "off"}),
        (DateField(default=dt.date(2030, 1, 2)), {"type": "date", "value": "2030-01-02"}),
        (FileField(), {"type": "file", "class": "form-control"}),
        (StringField(max_length=5), {"maxlength": "5"}),
        (BooleanField(default=True), {"type": "checkbox", "checked": "", "value": "True"}),
        (DecimalRangeField(default=0.5, step=0.5), {"type": "range", "value": "0.5"}),
        (StringField(render_kw={"placeholder": "Ann", "data_unit": "cm", "class_": "x"}),
         {"class": "form-control x", "placeholder": "Ann", "data-unit": "cm"}),
    ],
)  # fmt: skip
def test_browsers_are_told_what_to_expect(field: Field, expected: dict[str, str]) -> None:
    told = attributes(drawn(field))
    assert {name: told.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "field",
    [
        StringField(), TextAreaField(), EmailField(), IBANField(), IntegerField(), FloatField(),
        DateField(), SelectField(choices=[1]), BooleanField(), DecimalRangeField(),
    ],
    ids=lambda field: type(field).__name__,
)  # fmt: skip
def test_browsers_suggest_no_answers_unless_the_author_wants_them(field: Field) -> None:
    assert 'autocomplete="off"' in drawn(field)
    wanted = dataclasses.replace(field, render_kw={"autocomplete": "email"})
    assert 'autocomplete="email"' in drawn(wanted)
    assert 'autocomplete="off"' not in drawn(wanted)


def test_browsers_suggest_no_options_and_nothing_in_fields_of_wtforms() -> None:
    assert drawn(RadioField(choices=[1, 2])).count('autocomplete="off"') == 2
    form = make_form({"x": RadioField(choices=[1]), "town": wtforms.StringField("Town")})
    assert [str(option).count('autocomplete="off"') for option in form.x] == [1]
    assert 'autocomplete="off"' in str(form.town)


def test_a_negative_number_can_be_typed_on_every_phone() -> None:
    assert "inputmode" not in attributes(drawn(IntegerField(min=-5)))
    assert "inputmode" not in attributes(drawn(DecimalField()))


def test_classes_are_added_and_not_replaced() -> None:
    form = make_form({"x": StringField(render_kw={"class": "w-75"}, class_wrapper="mb-5")})
    assert attributes(form.x(class_="fw-bold"))["class"] == "form-control w-75 fw-bold"
    assert 'class="uproot-field mb-5"' in render_field(form.x)


def test_a_group_of_options_has_a_name_and_each_option_too() -> None:
    html = drawn(RadioField(label="Sure?", choices={"y": "Yes", "n": "No"}, default="n"))
    assert '<legend class="uproot-label">Sure?</legend>' in html
    assert attributes(html, "fieldset")["role"] == "radiogroup"
    assert html.count('name="x"') == 2
    assert '<label class="form-check-label" for="x-1">No</label>' in html
    assert re.search(r'id="x-1"[^>]* checked', html)
    assert not re.search(r'id="x-0"[^>]* checked', html)


def test_a_question_without_a_label_is_still_read_out() -> None:
    assert attributes(drawn(IntegerField()))["aria-label"] == "x"
    assert 'visually-hidden">x</legend>' in drawn(RadioField())
    assert "aria-label" not in attributes(drawn(StringField(label_floating="Name")))
    both = attributes(drawn(StringField(label="Your name", label_floating="Name")))
    assert both["aria-labelledby"] == "x-label x-floating"


def test_a_list_never_chooses_for_the_participant() -> None:
    first = re.compile(r'<option value="">Please choose…</option>')
    assert first.search(drawn(SelectField(choices=[1, 2])))
    assert first.search(drawn(SelectField(choices=[1, 2], default=2, optional=True)))
    assert not first.search(drawn(SelectField(choices=[1, 2], default=2)))
    assert not first.search(drawn(SelectField(choices=[("", "Please select"), (1, "One")])))


def test_a_slider_without_a_handle_belongs_to_no_form_before_it_is_touched() -> None:
    field = FloatRangeField(anchoring=False, default=3)
    told = attributes(drawn(field))
    assert (told["form"], told["aria-valuetext"]) == ("uproot-untouched", "No answer yet")
    assert "value" not in told
    told = attributes(drawn(field, pairs=[("x", "7")]))
    assert "form" not in told
    assert told["value"] == "7"


def test_a_scale_names_its_ends_for_those_who_hear_it() -> None:
    html = drawn(LikertField(label_min="Never", label_max="Always", min=1, max=3))
    labels = [
        re.sub(r"<.*?>", "", text) for text in re.findall(r"<label[^>]*>(.*?)</label>", html, re.S)
    ]
    assert [" ".join(label.split()) for label in labels] == ["1 Never", "2", "3 Always"]
    assert 'class="uproot-ends" aria-hidden="true"' in html


def test_what_is_optional_says_so() -> None:
    assert "(optional)" in drawn(StringField(label="Name", optional=True))
    assert "(optional)" not in drawn(StringField(label="Name"))
    assert "Clear my answer" in drawn(RadioField(optional=True))
    assert "Clear my answer" not in drawn(RadioField())


@pytest.mark.parametrize(("field", "_kind"), EVERY_FIELD[:-3], ids=lambda value: repr(value)[:30])
def test_what_participants_type_and_authors_write_is_never_markup(field: Any, _kind: Any) -> None:
    form = make_form({"x": field}, pairs=[("x", HOSTILE)])
    form.validate()
    form.add_errors({"x": HOSTILE, None: HOSTILE})
    assert "<script" not in render_fields(form)


def test_the_texts_of_a_declaration_are_escaped_unless_they_are_safe() -> None:
    texts = {"label": HOSTILE, "description": HOSTILE}
    for field in (
        StringField(**texts, label_floating=HOSTILE, addon_start=HOSTILE, addon_end=HOSTILE),
        TextAreaField(default="</textarea><script>", render_kw={"placeholder": '"><script>'}),
        RadioField(**texts, choices=[(HOSTILE, HOSTILE)]),
        SelectField(**texts, choices=[(HOSTILE, Markup("<script>alert(1)</script>"))]),
        LikertField(**texts, label_min=HOSTILE, label_max=HOSTILE),
        DecimalRangeField(**texts, label_min=HOSTILE, label_max=HOSTILE),
        BooleanField(**texts, class_wrapper='"><script>'),
    ):  # fmt: skip
        assert "<script" not in drawn(field)
    quoted = StringField(render_kw={"placeholder": Markup('<b title="x">')})
    assert 'placeholder="<b title=&quot;x&quot;>"' in drawn(quoted)
    assert "<em>you</em>" in drawn(StringField(label=Markup("Are <em>you</em>?")))


def test_the_widget_of_an_author_draws_instead() -> None:
    field = IntegerField(label="Age", min=1, widget=wtforms.widgets.TextInput(), description="Help")
    told = attributes(drawn(field, pairs=[("x", "abc")]))
    assert (told["type"], told["value"], told["aria-describedby"]) == (
        "text",
        "abc",
        "x-description",
    )
    listed = RadioField(choices=[1, 2], widget=wtforms.widgets.Select(), default=2)
    assert '<option selected value="2">2</option>' in drawn(listed)


def test_the_list_of_errors_leads_to_the_questions() -> None:
    form = make_form(
        {"age": IntegerField(label=Markup("<b>Age</b>")), "sure": RadioField(label="Sure?")},
        pairs=[],
    )
    form.validate()
    form.add_errors("Not like this.")
    html = render_fields(form)
    assert html.index('role="alert"') < html.index('id="age"')
    assert "<li>Not like this.</li>" in html
    assert '<a href="#age">Age</a>' in html
    assert '<a href="#sure-0">Sure?</a>' in html
    assert 'role="alert"' not in render_fields(make_form({"age": IntegerField()}))


def test_templates_draw_all_fields_or_one_and_the_errors_once() -> None:
    fields = {"a": LikertField(label="A"), "b": LikertField(label="B"), "c": IntegerField()}
    form = make_form(fields, pairs=[])
    form.validate()
    functions = template_functions(form)
    assert set(functions) == {"fields", "field", "errors", "likert_grid", "likert_matrix"}
    assert functions["field"](form.a) == render_field(form.a)
    assert 'role="alert"' in functions["errors"]()
    assert 'role="alert"' not in functions["fields"]()
    assert 'role="alert"' in template_functions(form)["fields"]()
    grid = functions["likert_grid"](form.a, form.b)
    assert grid.count('role="radiogroup"') == 2
    ids = re.findall(r'\bid="([^"]*)"', grid + functions["fields"]())
    assert len(ids) == len(set(ids))


def test_nothing_that_is_drawn_holds_a_script() -> None:
    """So that a page may forbid scripts that are not files."""
    for field, _ in EVERY_FIELD:
        html = drawn(field, pairs=[])
        assert "<script" not in html
        assert not re.search(r"\son\w+=", html)


def test_the_module_offers_what_it_says() -> None:
    assert all(hasattr(forms, name) for name in forms.__all__)
