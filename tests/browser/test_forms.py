"""How a page's questions look and behave in a real browser."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from axe import violations
from markupsafe import Markup
from playwright.sync_api import Browser, expect

from tests.number_cases import NUMBER_CASES
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
from uproot_nb.experiment.numbers import read_number
from uproot_nb.forms.form import Form, make_form, template_functions

if TYPE_CHECKING:
    from conftest import Visit
    from wire_server import WireServer

PAGE = "{% block title %}About you{% endblock %}{% block main %}{{ fields() }}{% endblock %}"
LONG = "a question whose label is as long as labels get, with a Donaudampfschifffahrtsgesellschaft"
SCALE = [(1, "Disagree strongly"), (2, "Disagree"), (3, "Neither"), (4, "Agree"), (5, "Strongly")]

EVERY_FIELD: dict[str, Field] = {
    "text": StringField(label="Your field of study", description="As it is on your diploma."),
    "floating": StringField(label="Your name", label_floating="First name"),
    "bare": StringField(),
    "both": StringField(label=f"Text in {LONG}", addon_start="www.", addon_end=".org"),
    "area": TextAreaField(label="Why?", optional=True),
    "area_floating": TextAreaField(label_floating="Anything else?"),
    "mail": EmailField(label="Email", render_kw={"placeholder": "ann@example.org"}),
    "iban": IBANField(label="IBAN"),
    "bic": BICField(label="BIC"),
    "whole": IntegerField(label="Your age", min=18, max=99, addon_end="years"),
    "amount": DecimalField(label="Your offer", min=0, max=10, step=0.01, addon_start="€"),
    "share": FloatField(label="Your share", min=0, max=1),
    "day": DateField(label="When did you arrive?"),
    "yes": BooleanField(label="I agree", description="You may leave at any time."),
    "radio": RadioField(label="Would you lead?"),
    "radio_h": RadioField(label="Side?", choices=["left", "right"], layout="horizontal"),
    "radio_o": RadioField(label="Gender?", choices=["f", "m", "x"], optional=True, default="x"),
    "several": BoundedChoiceField(label="Topics", choices=["a", "b", LONG], min=1, max=2),
    "list": SelectField(label="Country", choices=[("de", "Germany"), ("fr", f"France, {LONG}")]),
    "likert": LikertField(label="Happy?", label_min="Not at all happy", label_max="Very happy"),
    "eleven": LikertField(label="Risk?", min=0, max=10, label_min="Never", label_max="Always"),
    "twenty": LikertField(label="Rank?", min=1, max=20, label_min="First", label_max="Last"),
    "words": LikertField(label="It was fair.", choices=SCALE),
    "slider": DecimalRangeField(label="How sure?", default=65, label_min="Not", label_max="Very"),
    "untouched": FloatRangeField(label="How much?", max=10, step=0.1, anchoring=False),
    "silent": DecimalRangeField(label="Where?", hide_popover=True, label_min="", label_max=""),
    "file": FileField(label="A photo", optional=True),
    "safe": StringField(label=Markup("Are <em>you</em> sure?")),
}

WRONG = [("text", "x"), ("whole", "3"), ("radio", "perhaps"), ("slider", "7"), ("untouched", "3.3")]


def told(form: Form, **more: Any) -> dict[str, Any]:
    return {"form": form, **template_functions(form), **more}


def open_form(visit: Visit, fields: Mapping[str, Any], page: str = PAGE, **options: Any) -> Visit:
    """Show the form of *fields*, and wait until its script has run."""
    visit.open(page, told(make_form(fields, **options)))
    return visit


def data(visit: Visit) -> dict[str, Any]:
    """Return what the form would post now."""
    pairs: list[list[str]] = visit.page.evaluate("[...new FormData(I('uproot-form'))]")
    return {name: text for name, text in pairs if not name.startswith("_uproot")}


def wrong_form() -> Form:
    form = make_form(EVERY_FIELD, pairs=WRONG)
    form.validate()
    form.add_errors("What you give and what you keep must add up to 10.")
    return form


# ---- looks ----------------------------------------------------------------------------------

WINDOWS = [
    (360, "light"), (1200, "dark"),
    *(pytest.param(*window, marks=pytest.mark.slow) for window in ((360, "dark"), (1200, "light"))),
]  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.sample(1)
def test_axe_finds_nothing_wrong_with_any_field(
    browser: Browser, wire: WireServer, width: int, scheme: Any
) -> None:
    wire.reset()
    shown = type("Market", (), {"template": PAGE + "\n", "__doc__": None})
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    for form in (make_form(EVERY_FIELD), wrong_form()):
        page.goto(wire.serve(shown, told(form)))
        page.wait_for_function("document.documentElement.dataset.bsTheme !== undefined")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
        assert violations(page, "#uproot-form") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.slow
def test_a_grid_of_scales_is_as_accessible(visit: Visit, width: int) -> None:
    fields = {"likert": EVERY_FIELD["likert"], "words": EVERY_FIELD["words"]}
    page = "{{ fields() }}{{ likert_grid(form.likert, form.words) }}"
    visit.page.set_viewport_size({"width": width, "height": 800})
    open_form(visit, fields, page, pairs=[])
    assert violations(visit.page, "#uproot-form") == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_large_enough_for_a_thumb(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    open_form(visit, EVERY_FIELD)
    small: list[str] = visit.page.evaluate("""[
        ...document.querySelectorAll('.form-control, .form-select, .uproot-choice, .uproot-point')
    ].filter((e) => {
        const { width, height } = e.getBoundingClientRect();
        return width < 24 || height < 44;
    }).map((e) => e.outerHTML)""")
    assert small == []


@pytest.mark.slow
def test_right_to_left_a_slider_shows_its_value_above_its_handle(visit: Visit) -> None:
    form = make_form({"x": DecimalRangeField(default=10)})
    visit.open(PAGE, told(form, direction="rtl"))
    at = visit.page.evaluate("""(() => {
        const frame = document.querySelector('.uproot-slider').getBoundingClientRect();
        const value = document.querySelector('output').getBoundingClientRect();
        return (frame.right - (value.left + value.right) / 2) / frame.width;
    })()""")
    assert 0.08 < at < 0.16


@pytest.mark.slow
def test_right_to_left_a_sliders_minus_is_before_its_digits(visit: Visit) -> None:
    form = make_form({"x": DecimalRangeField(default=-5, min=-10, max=10)})
    visit.open(PAGE, told(form, direction="rtl"))
    minus, digit = visit.page.evaluate("""(() => {
        const text = document.querySelector('output').firstChild;
        const range = document.createRange();
        return [0, 1].map((at) => {
            range.setStart(text, at);
            range.setEnd(text, at + 1);
            return range.getBoundingClientRect().left;
        });
    })()""")
    assert minus < digit


@pytest.mark.slow
def test_a_scale_of_words_stands_upright_on_a_phone_and_flat_on_a_desk(visit: Visit) -> None:
    open_form(visit, {"words": EVERY_FIELD["words"], "numbers": EVERY_FIELD["eleven"]})
    tops = """(name) => new Set([...document.getElementsByName(name)].map(
        (e) => Math.round(e.getBoundingClientRect().top))).size"""
    for width, rows in ((360, 5), (1200, 1)):
        visit.page.set_viewport_size({"width": width, "height": 800})
        assert visit.page.evaluate(tops, "words") == rows
        assert visit.page.evaluate(tops, "numbers") == 1


# ---- sliders --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_slider_without_a_handle_posts_nothing_before_it_is_touched(visit: Visit) -> None:
    open_form(visit, {"x": EVERY_FIELD["untouched"], "y": EVERY_FIELD["slider"]})
    assert data(visit) == {"y": "65"}
    slider = visit.page.locator("#x")
    assert slider.get_attribute("aria-valuetext") == "No answer yet"
    assert slider.evaluate("e => e.validationMessage") == "Please move the slider."
    slider.focus()
    assert data(visit) == {"y": "65"}
    visit.page.keyboard.press("ArrowRight")
    assert data(visit) == {"x": "5.1", "y": "65"}
    assert slider.get_attribute("aria-valuetext") is None
    assert slider.evaluate("e => e.validationMessage") == ""
    assert visit.errors == []


@pytest.mark.slow
def test_pressing_a_slider_where_its_handle_would_be_is_an_answer(visit: Visit) -> None:
    open_form(visit, {"x": EVERY_FIELD["untouched"]})
    visit.page.locator("#x").click()
    assert data(visit) == {"x": "5"}
    expect(visit.page.locator("output")).to_have_text("5")


@pytest.mark.slow
def test_a_slider_that_was_touched_before_stays_so(visit: Visit) -> None:
    open_form(visit, {"x": EVERY_FIELD["untouched"]}, pairs=[("x", "3.3")])
    assert data(visit) == {"x": "3.3"}
    expect(visit.page.locator("output")).to_have_text("3.3")


@pytest.mark.slow
def test_without_our_script_an_untouched_slider_posts_nothing_too(
    browser: Browser, wire: WireServer
) -> None:
    wire.reset()
    shown = type("Market", (), {"template": PAGE + "\n", "__doc__": None})
    form = make_form({"x": EVERY_FIELD["untouched"]})
    context = browser.new_context()
    page = context.new_page()
    page.route("**/forms.js", lambda route: route.abort())
    page.goto(wire.serve(shown, told(form)))
    assert page.evaluate("new FormData(document.forms[0]).has('x')") is False
    context.close()


@pytest.mark.slow
def test_a_slider_shows_its_value_as_the_page_wants_it(visit: Visit) -> None:
    page = "<script>xFormatter = (value) => `€${value.toFixed(2)}`;</script>{{ fields() }}"
    open_form(visit, {"x": DecimalRangeField(default=5)}, page)
    expect(visit.page.locator("output")).to_have_text("€5.00")
    visit.page.locator("#x").press("ArrowRight")
    expect(visit.page.locator("output")).to_have_text("€6.00")
    assert visit.page.locator("#x").get_attribute("aria-valuetext") == "€6.00"


@pytest.mark.slow
def test_a_script_that_fills_a_slider_in_has_touched_it(visit: Visit) -> None:
    open_form(visit, {"x": EVERY_FIELD["untouched"]})
    visit.page.evaluate("""() => {
        const slider = document.querySelector('[name=x]');
        slider.value = 7;
        slider.dispatchEvent(new Event('input', { bubbles: true }));
    }""")
    assert data(visit) == {"x": "7"}


@pytest.mark.slow
def test_fields_that_a_script_adds_later_work_as_the_others(visit: Visit) -> None:
    page = """<div x-data="{ more: false }">
        <button type="button" @click="more = true">More</button>
        <template x-if="more"><div>{{ fields() }}</div></template></div>"""
    chosen = BoundedChoiceField(label="Topics", choices=["a", "b"], max=1)
    amount = DecimalField(label="Amount")
    fields = {"x": EVERY_FIELD["untouched"], "amount": amount, "topics": chosen}
    open_form(visit, fields, page, language="de")
    visit.page.get_by_role("button", name="More").click()
    slider = visit.page.locator("#x")
    assert slider.evaluate("e => e.validationMessage") == "Please move the slider."
    slider.press("ArrowRight")
    visit.page.get_by_label("Amount").fill("2,5")
    visit.page.get_by_label("a", exact=True).check()
    assert data(visit) == {"x": "5.1", "amount": "2,5", "topics": "a"}
    assert visit.page.evaluate("I('amount').valueAsNumber") == 2.5
    assert visit.errors == []


@pytest.mark.slow
def test_a_group_may_get_its_boxes_later(visit: Visit) -> None:
    page = """<div x-data="{ topics: [] }">
        <button type="button" @click="topics = ['a', 'b']">More</button>
        <div class="uproot-choices" data-many="1" data-too-many="Too many.">
        <template x-for="topic in topics"><label><input type="checkbox" name="t" :value="topic">
        <span x-text="topic"></span></label></template></div></div>{{ fields() }}"""
    open_form(visit, {"x": DecimalField(label="x")}, page)
    visit.page.get_by_role("button", name="More").click()
    for topic in ("a", "b"):
        visit.page.get_by_label(topic, exact=True).check()
    message = visit.page.get_by_label("a", exact=True).evaluate("e => e.validationMessage")
    assert (message, visit.errors) == ("Too many.", [])


# ---- options --------------------------------------------------------------------------------


def test_an_optional_answer_can_be_taken_back(visit: Visit) -> None:
    scale = LikertField(label="Happy?", optional=True)
    slider = FloatRangeField(label="How much?", anchoring=False, optional=True)
    open_form(visit, {"radio": EVERY_FIELD["radio_o"], "scale": scale, "slider": slider})
    buttons = visit.page.get_by_role("button", name="Clear my answer")
    expect(buttons).to_have_count(1)
    visit.page.get_by_label("4").check()
    visit.page.locator("#slider").press("ArrowRight")
    assert data(visit) == {"radio": "x", "scale": "4", "slider": "51"}
    for left in (2, 1, 0):
        buttons.first.click()
        expect(buttons).to_have_count(left)
    assert data(visit) == {}
    assert visit.page.evaluate("document.activeElement.id") == "slider"


@pytest.mark.slow
def test_the_whole_row_of_an_option_can_be_pressed(visit: Visit) -> None:
    open_form(visit, {"radio": EVERY_FIELD["radio"]})
    row = visit.page.locator(".uproot-choice").nth(1)
    box = row.bounding_box()
    assert box is not None
    row.click(position={"x": box["width"] - 4, "y": 4})
    assert data(visit) == {"radio": "False"}


def test_options_are_chosen_with_the_keyboard(visit: Visit) -> None:
    open_form(visit, {"likert": EVERY_FIELD["likert"]})
    visit.page.locator("#likert-0").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("ArrowRight")
    assert data(visit) == {"likert": "3"}


@pytest.mark.slow
def test_too_many_boxes_are_reported_before_the_form_is_sent(visit: Visit) -> None:
    open_form(visit, {"x": BoundedChoiceField(label="T", choices=[1, 2, 3], min=1, max=2)})
    said = "e => e.validationMessage"
    first = visit.page.locator("#x-0")
    assert first.evaluate(said) == "Please choose at least one of the options."
    first.check()
    assert first.evaluate(said) == ""
    for box in ("#x-1", "#x-2"):
        visit.page.locator(box).check()
    assert first.evaluate(said) == "Please choose at most 2 of the options."
    first.uncheck()
    assert first.evaluate(said) == ""


# ---- the rest -------------------------------------------------------------------------------


def test_what_is_wrong_is_read_out_first_and_leads_to_the_question(visit: Visit) -> None:
    fields = {"age": IntegerField(label="Age", min=18), "sure": RadioField(label="Sure?")}
    form = make_form(fields, pairs=[("age", "3")])
    form.validate()
    visit.open(PAGE, told(form))
    visit.sees("document.activeElement.id", "uproot-errors")
    for link, target in (("Age", "age"), ("Sure?", "sure-0")):
        visit.page.get_by_role("link", name=link).click()
        visit.sees("document.activeElement.id", target)
    described = visit.page.locator("#age").get_attribute("aria-describedby")
    expect(visit.page.locator(f"#{described}")).to_have_text(
        "Please enter a number of at least 18."
    )


@pytest.mark.slow
def test_scrolling_past_a_number_does_not_change_it(visit: Visit) -> None:
    open_form(visit, {"x": IntegerField(label="Age", default=30, render_kw={"type": "number"})})
    number = visit.page.locator("#x")
    number.focus()
    number.hover()
    visit.page.mouse.wheel(0, 100)
    visit.sees("document.activeElement.id !== 'x'", True)
    assert data(visit) == {"x": "30"}


@pytest.mark.slow
def test_a_form_works_where_scripts_in_the_page_are_forbidden(visit: Visit) -> None:
    visit.page.add_init_script("""addEventListener('securitypolicyviolation',
        (e) => { window.refused = (window.refused || []).concat(e.blockedURI); })""")
    policy = '<meta http-equiv="Content-Security-Policy" content="script-src \'self\'">'
    page = "{% block head %}" + policy + "{% endblock %}" + PAGE
    form = make_form({name: EVERY_FIELD[name] for name in ("untouched", "radio_o", "several")})
    visit.page.goto(
        visit.wire.serve(type("Market", (), {"template": page + "\n", "__doc__": None}), told(form))
    )
    visit.page.locator("#untouched").press("ArrowRight")
    expect(visit.page.locator("output")).to_have_text("5.1")
    assert visit.page.evaluate("window.refused || []") == []


def test_a_form_is_posted_as_it_is_filled_in(visit: Visit) -> None:
    open_form(visit, {"name": StringField(label="Name"), "fair": RadioField(label="Fair?")})
    visit.page.get_by_label("Name").fill("Ann")
    visit.page.get_by_label("No").check()
    visit.page.get_by_role("button", name="Next").click()
    visit.submits({"name": "Ann", "fair": "False"})


@pytest.mark.slow
def test_a_browser_keeps_what_it_can_see_to_be_missing(visit: Visit) -> None:
    open_form(visit, {"name": StringField(label="Name"), "x": EVERY_FIELD["untouched"]})
    visit.page.get_by_role("button", name="Next").click()
    visit.sees("document.activeElement.id", "name")
    assert visit.wire.forms == []


def test_a_comma_that_is_typed_is_sent_and_not_dropped(browser: Browser, wire: WireServer) -> None:
    """In browsers of every language; a field of type "number" has dropped it."""
    for locale in ("en-US", "de-DE"):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        template = type("Offer", (), {"template": PAGE + "\n", "__doc__": None})
        form = make_form({"amount": DecimalField(label="Your offer", min=0)})
        page.goto(wire.serve(template, told(form)))
        page.get_by_label("Your offer").press_sequentially("12,5")
        assert (
            page.evaluate("Object.fromEntries(new FormData(I('uproot-form')))")["amount"] == "12,5"
        )
        context.close()


@pytest.mark.slow
def test_a_number_that_a_browser_has_written_is_named(visit: Visit) -> None:
    """An author's own input of type "number" posts 1.125 on a German page, and means it."""
    page = """{% block main %}<input type="number" step="any" name="a" value="1.125">
    <input type="number" name="b"><input name="c" value="2,5">{% endblock %}"""
    fields = {name: DecimalField(optional=True) for name in "abc"}
    open_form(visit, fields, page)
    pairs = visit.page.evaluate("[...new FormData(I('uproot-form'))]")
    form = make_form(fields, pairs=[(n, t) for n, t in pairs], language="de")
    assert form.validate()
    assert [str(form.data[name]) for name in "abc"] == ["1.125", "None", "2.5"]


@pytest.mark.parametrize("language", dict.fromkeys(case[0] for case in NUMBER_CASES))
@pytest.mark.sample(4)
def test_scripts_read_a_number_as_the_server_does(visit: Visit, language: str) -> None:
    cases = [(text, number) for its, text, number in NUMBER_CASES if its == language]
    open_form(visit, {"x": DecimalField(label="x")}, language=language)
    got = visit.page.evaluate(
        """(texts) => texts.map((text) => {
            I("x").value = text;
            return Number.isNaN(I("x").valueAsNumber) ? null : I("x").valueAsNumber;
        })""",
        [text for text, _ in cases],
    )
    for (text, number), found in zip(cases, got, strict=True):
        assert found == (None if number is None else pytest.approx(float(number))), text


@pytest.mark.slow
def test_scripts_read_whole_numbers_as_the_server_does(visit: Visit) -> None:
    open_form(visit, {"x": IntegerField(label="x")}, language="de")
    for unclear in ("2,000", "2,0000", "2000.000"):
        visit.page.get_by_label("x").fill(unclear)
        assert visit.page.evaluate("Number.isNaN(I('x').valueAsNumber)")
    visit.page.get_by_label("x").fill("2000")
    assert visit.page.evaluate("I('x').valueAsNumber") == 2000


TYPED = [
    "12", "12,5", "12.5", ".5", ",5", "12.", "１２", "−5", "–5", "+5", "١٢", "١٢٫٥", "१२.५",
    "𝟘", "𝟫", "1.500", "1,500", "12²",
    "0,125", "0.500", "1234.5", "1.234,56", "1e3", "--1", "", "x", "1,2,3", "NaN",
    "0x10", "Infinity",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.sample(1)
def test_a_script_that_asks_for_the_number_of_an_input_never_gets_another(
    visit: Visit, language: str
) -> None:
    """It may be less clever than the server: then it gets none."""
    open_form(visit, {"x": DecimalField(label="x")}, language=language)
    got = visit.page.evaluate(
        """(texts) => texts.map((text) => {
            I("x").value = text;
            const number = I("x").valueAsNumber;
            return Number.isNaN(number) ? null : String(number);
        })""",
        TYPED,
    )
    assert sum(number is not None for number in got) > 15
    for text, number in zip(TYPED, got, strict=True):
        if number is not None:
            assert read_number(text, language) == Decimal(number), text
    visit.page.evaluate("I('x').valueAsNumber = 1.125")
    shown = visit.page.input_value("#x")
    assert read_number(shown, language) == Decimal("1.125")
