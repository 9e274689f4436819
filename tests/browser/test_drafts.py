"""What somebody has entered and not sent is still there after a reload, Back or a correction."""
# ruff: noqa: ANN001, ANN201, ANN202, RUF012  (as authors write)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import BrowserContext, Page, expect

from tests.running import serving
from uproot_nb import (
    BooleanField,
    BoundedChoiceField,
    DecimalRangeField,
    FileField,
    IntegerField,
    LikertField,
    RadioField,
    Run,
    SelectField,
    StringField,
    TextAreaField,
    move_to_page,
)
from uproot_nb import Page as ExperimentPage
from uproot_nb.forms.form import make_form, template_functions

SECRET = "open" + " sesame"


class Before(ExperimentPage):
    """# Before"""

    fields = {"word": StringField(label="A word")}


class Survey(ExperimentPage):
    """# Survey

    <input type="password" name="pin" aria-label="PIN">
    <input name="nickname" aria-label="Nickname" data-draft="off">
    """

    allow_back = True
    fields = {
        "age": IntegerField(label="Age", min=18),
        "story": TextAreaField(label="Story"),
        "side": RadioField(label="Side", choices=["left", "right"]),
        "home": SelectField(label="Home", choices=["city", "land"]),
        "agreed": BooleanField(label="I agree", default=True),
        "colours": BoundedChoiceField(label="Colours", choices=["red", "green", "blue"]),
        "mood": LikertField(label="Mood", min=1, max=5),
        "share": DecimalRangeField(label="Share", anchoring=False, min=0, max=10),
        "account": StringField(label="Account"),
        "photo": FileField(label="Photo", optional=True),
    }
    stealth_fields = ["account"]

    def handle_stealth_fields(page, player, data):
        pass


class After(ExperimentPage):
    """# After"""


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Before, Survey, After, players=2) as run:
        for player in run.players:
            move_to_page(player, Survey)
        yield run


@pytest.fixture
def page(context: BrowserContext, run: Run) -> Page:
    return opened(context.new_page(), run)


def opened(page: Page, run: Run, number: int = 0) -> Page:
    page.goto(run.link(run.players[number]))
    page.wait_for_function("window.uproot && uproot.inner.boot.draft && uproot.inner.link.isOpen")
    return page


def fill_in(page: Page) -> None:
    page.get_by_label("Age").fill("33")
    page.get_by_label("Story").fill("It was a dark\nand stormy night")
    page.get_by_label("right").check()
    page.get_by_label("Home").select_option("land")
    page.get_by_label("I agree").uncheck()
    page.get_by_label("green").check()
    page.get_by_label("blue").check()
    page.get_by_role("group", name="Mood").or_(
        page.get_by_role("radiogroup", name="Mood")
    ).get_by_label("4").check()
    page.get_by_label("Share").fill("3")


ANSWERS = {
    "age": ["33"],
    "story": ["It was a dark\r\nand stormy night"],
    "side": ["right"],
    "home": ["land"],
    "colours": ["green", "blue"],
    "mood": ["4"],
    "share": ["3"],
}


def answers(page: Page) -> dict[str, list[str]]:
    """What the form would send now, without what is empty or ours."""
    found: list[list[Any]] = page.evaluate(
        "[...new FormData(I('uproot-form'))].filter(([, v]) => typeof v === 'string')"
    )
    collected: dict[str, list[str]] = {}
    for name, text in found:
        if text and not name.startswith("_uproot"):
            collected.setdefault(name, []).append(text.replace("\r\n", "\n").replace("\n", "\r\n"))
    return collected


def no_draft_stays(page: Page) -> None:
    """Wait until the next page's script, which runs after its heading is there, has tidied up."""
    page.wait_for_function(
        "!Object.keys(sessionStorage).some((name) => name.startsWith('uproot-draft'))"
    )


def test_a_reload_keeps_every_kind_of_answer(page: Page) -> None:
    fill_in(page)
    page.reload()
    page.wait_for_function("I('age').value === '33'")
    assert answers(page) == ANSWERS
    assert page.get_by_label("I agree").is_checked() is False
    assert page.locator(".uproot-slider output").text_content() == "3"
    page.reload()
    page.wait_for_function("I('age').value === '33'")
    assert answers(page) == ANSWERS


@pytest.mark.slow
def test_leaving_for_another_site_and_coming_back_keeps_it(page: Page) -> None:
    fill_in(page)
    page.goto("about:blank")
    page.go_back()
    page.wait_for_function("I('age').value === '33'")
    assert answers(page) == ANSWERS


def test_what_was_entered_when_the_browser_crashed_is_there_when_it_restores_its_tabs(
    context: BrowserContext, run: Run
) -> None:
    """A browser that restores a tab restores its sessionStorage: here the test does."""
    page = opened(context.new_page(), run)
    page.get_by_label("Story").fill("half a sen")
    page.wait_for_function("sessionStorage.length === 1")
    stored = page.evaluate("({...sessionStorage})")
    page.close(run_before_unload=False)
    again = context.new_page()
    again.add_init_script(f"Object.assign(sessionStorage, {stored!r})")
    opened(again, run)
    expect(again.get_by_label("Story")).to_have_value("half a sen")


@pytest.mark.slow
def test_the_back_button_keeps_the_page_that_it_leaves(page: Page, run: Run) -> None:
    move_to_page(run.players[0], Before)
    page.get_by_label("A word").fill("word")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Story").fill("half a sen")
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", name="Before")).to_be_visible()
    page.get_by_label("A word").fill("word")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_label("Story")).to_have_value("half a sen")


@pytest.mark.slow
def test_nothing_stays_once_the_form_is_stored(page: Page, run: Run) -> None:
    fill_in(page)
    page.get_by_label("Account").fill(SECRET)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="After")).to_be_visible()
    no_draft_stays(page)
    assert run.players[0].age == 33
    move_to_page(run.players[0], Survey)
    expect(page.get_by_label("Story")).to_have_value("")


@pytest.mark.slow
def test_a_form_that_was_wrong_survives_a_reload_too(page: Page) -> None:
    fill_in(page)
    page.get_by_label("Account").fill(SECRET)
    page.get_by_label("Age").fill("3")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.reload()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.wait_for_function("I('age').value === '3'")
    assert answers(page) == {**ANSWERS, "age": ["3"]}


def test_another_participant_in_the_same_tab_gets_nothing_and_it_is_gone(
    page: Page, run: Run
) -> None:
    page.get_by_label("Story").fill("mine alone")
    page.wait_for_function("sessionStorage.length === 1")
    opened(page, run, 1)
    page.wait_for_function("sessionStorage.length === 0")
    assert "story" not in answers(page)
    opened(page, run, 0)
    page.wait_for_function("Alpine.store('uproot').connected")
    assert "story" not in answers(page)


@pytest.mark.slow
def test_another_tab_of_the_same_participant_has_a_draft_of_its_own(
    context: BrowserContext, page: Page, run: Run
) -> None:
    page.get_by_label("Story").fill("in the first")
    second = opened(context.new_page(), run)
    second.wait_for_function("Alpine.store('uproot').connected")
    assert "story" not in answers(second)
    second.get_by_label("Story").fill("in the second")
    for tab, text in ((page, "in the first"), (second, "in the second")):
        tab.reload()
        expect(tab.get_by_label("Story")).to_have_value(text)


def test_passwords_stealth_fields_files_and_what_the_author_excludes_are_never_stored(
    page: Page,
) -> None:
    page.get_by_label("Account").fill(SECRET)
    page.get_by_label("PIN").fill(SECRET)
    page.get_by_label("Nickname").fill(SECRET)
    page.get_by_label("Photo").set_input_files(
        {"name": f"{SECRET}.png", "mimeType": "image/png", "buffer": b"x"}
    )
    page.get_by_label("Age").fill("33")
    page.wait_for_function("sessionStorage.length === 1")
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    everything = page.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
    )
    assert "33" in everything
    assert SECRET not in everything


@pytest.mark.slow
def test_a_page_whose_stealth_fields_are_a_function_stores_nothing(context: BrowserContext) -> None:
    class Pay(ExperimentPage):
        fields = {"account": StringField(label="Account")}

        def stealth_fields(page, player):
            return ["account"]

        def handle_stealth_fields(page, player, data):
            pass

    with serving(Pay, players=1) as run:
        page = opened(context.new_page(), run)
        page.get_by_label("Account").fill(SECRET)
        page.evaluate("window.dispatchEvent(new Event('pagehide'))")
        assert page.evaluate("({...sessionStorage})") == {}


@pytest.mark.slow
def test_too_much_text_is_left_out_and_the_rest_is_stored(page: Page) -> None:
    page.get_by_label("Age").fill("33")
    page.evaluate("I('story').value = 'x'.repeat(200001)")
    page.get_by_label("Story").press("End")
    page.get_by_label("Story").type("y")
    page.reload()
    expect(page.get_by_label("Age")).to_have_value("33")
    assert "story" not in answers(page)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "{",
        "null",
        "7",
        "[]",
        "{}",
        '{"owner": 1, "values": 3}',
        '{"values": [null, 7, ["age"], ["age", 5], [["age"], ["4"]]]}',
    ],
)
@pytest.mark.sample(1)
def test_a_draft_that_cannot_be_read_is_no_draft(page: Page, stored: str) -> None:
    page.evaluate(
        "stored => sessionStorage.setItem('uproot-draft-' + uproot.inner.boot.draft.key, stored)",
        stored,
    )
    page.reload()
    page.wait_for_function("sessionStorage.length === 0")
    assert "age" not in answers(page)


# ---- corrections ---------------------------------------------------------------------------


def correct(run: Run, **changes: Any) -> None:
    """Let the researcher run the page's cell again, with a change."""
    content = {
        name: value
        for name, value in vars(Survey).items()
        if name in ("fields", "stealth_fields", "handle_stealth_fields", "allow_back")
    }
    run._runtime.code.redefine(
        type(
            "Survey",
            (ExperimentPage,),
            {**content, "__module__": Survey.__module__, "__doc__": "# A survey", **changes},
        )
    )


def test_a_corrected_page_is_exchanged_and_the_participant_types_on(page: Page, run: Run) -> None:
    page.wait_for_function("Alpine.store('uproot').connected")
    fill_in(page)
    page.get_by_label("Story").fill("one three")
    page.evaluate("I('story').setSelectionRange(4, 4)")
    correct(run)
    expect(page.get_by_role("heading", name="A survey")).to_be_visible()
    page.wait_for_function("document.activeElement === I('story')")
    page.keyboard.type("two ")
    assert answers(page) == {**ANSWERS, "story": ["one two three"]}


@pytest.mark.slow
def test_an_answer_whose_question_is_gone_comes_back_with_it(page: Page, run: Run) -> None:
    page.wait_for_function("Alpine.store('uproot').connected")
    fill_in(page)
    fewer = {name: field for name, field in Survey.fields.items() if name != "story"}
    correct(run, fields=fewer)
    expect(page.get_by_label("Story")).to_have_count(0)
    page.wait_for_function("I('age').value === '33'")
    correct(run, __doc__="# Survey")
    expect(page.get_by_label("Story")).to_have_value("It was a dark\nand stormy night")


@pytest.mark.slow
def test_a_correction_that_would_lose_something_is_offered(page: Page, run: Run) -> None:
    page.wait_for_function("Alpine.store('uproot').connected")
    page.set_viewport_size({"width": 360, "height": 640})
    page.get_by_label("Age").fill("33")
    page.get_by_label("Account").fill(SECRET)
    correct(run)
    offer = page.locator("#uproot-offer")
    expect(offer).to_contain_text("This page has been corrected.")
    assert page.get_by_label("Account").input_value() == SECRET
    assert violations(page) == []
    offer.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("heading", name="A survey")).to_be_visible()
    expect(page.get_by_label("Age")).to_have_value("33")


@pytest.mark.slow
def test_a_word_that_is_being_composed_is_finished_first(page: Page, run: Run) -> None:
    page.wait_for_function("Alpine.store('uproot').connected")
    story = page.get_by_label("Story")
    story.focus()
    story.dispatch_event("compositionstart")
    correct(run)
    page.evaluate("() => new Promise(done => uproot.invoke('none').catch(done))")
    assert page.get_by_role("heading", name="A survey").count() == 0
    page.keyboard.insert_text("日本")
    story.dispatch_event("compositionend")
    expect(page.get_by_role("heading", name="A survey")).to_be_visible()
    expect(page.get_by_label("Story")).to_have_value("日本")


@pytest.mark.slow
def test_a_page_without_storage_works_and_is_offered_the_correction(visit: Any) -> None:
    """As in a sandbox, or where a browser forbids storage."""
    visit.page.add_init_script("""Object.defineProperty(window, "sessionStorage", {
        get() { throw new DOMException("denied", "SecurityError"); },
    });""")
    visit.open('<input name="price" aria-label="Price">', draft={"owner": "o", "key": "k"})
    visit.page.get_by_label("Price").fill("7")
    visit.wire.send({"op": "action", "action": "reload"})
    expect(visit.page.locator("#uproot-offer")).to_be_visible()
    assert visit.page.get_by_label("Price").input_value() == "7"
    visit.page.get_by_role("button", name="Next").click()
    visit.wire.wait_for(lambda: visit.wire.forms)
    assert visit.wire.forms[0]["price"] == "7"
    assert visit.errors == []


@pytest.mark.slow
def test_the_pages_scripts_notice_what_is_restored(visit: Any) -> None:
    template = """<div x-data="{ price: '' }">
        <input name="price" aria-label="Price" x-model="price">
        <output x-text="price"></output></div>"""
    visit.open(template, draft={"owner": "o", "key": "k"})
    visit.page.get_by_label("Price").fill("7")
    visit.page.reload()
    expect(visit.page.locator("output")).to_have_text("7")


@pytest.mark.slow
def test_an_input_that_appears_with_another_answer_gets_its_own_back(visit: Any) -> None:
    template = """<div x-data="{ how: '' }">
        <select name="how" aria-label="How" x-model="how">
            <option value=""></option><option value="other">Other</option></select>
        <template x-if="how === 'other'"><input name="namely" aria-label="Namely"></template>
        </div>"""
    visit.open(template, draft={"owner": "o", "key": "k"})
    visit.page.get_by_label("How").select_option("other")
    visit.page.get_by_label("Namely").fill("on foot")
    visit.page.reload()
    namely = visit.page.get_by_label("Namely")
    expect(namely).to_have_value("on foot")
    namely.fill("by boat")
    visit.page.get_by_label("How").select_option("")
    visit.page.get_by_label("How").select_option("other")
    expect(namely).to_have_value("")
    assert visit.errors == []


@pytest.mark.slow
def test_a_slider_that_appears_later_is_where_it_was_left(visit: Any) -> None:
    form = make_form({"share": DecimalRangeField(label="Share", anchoring=False, min=0, max=10)})
    template = """<div x-data="{ more: false }">
        <button type="button" @click="more = true">More</button>
        <template x-if="more"><div>{{ fields() }}</div></template></div>"""
    told = {"form": form, **template_functions(form)}
    visit.open(template, told, draft={"owner": "o", "key": "k"})
    visit.page.get_by_role("button", name="More").click()
    visit.page.get_by_label("Share").press("ArrowRight")
    visit.page.reload()
    visit.page.get_by_role("button", name="More").click()
    expect(visit.page.locator("output")).to_have_text("6")
    assert visit.page.evaluate("new FormData(I('uproot-form')).get('share')") == "6"


@pytest.mark.slow
def test_what_a_script_has_emptied_stays_empty(visit: Any) -> None:
    visit.open('<input name="price" aria-label="Price">', draft={"owner": "o", "key": "k"})
    visit.page.get_by_label("Price").fill("7")
    visit.page.evaluate("document.getElementsByName('price')[0].value = ''")
    visit.page.reload()
    visit.sees("Alpine.store('uproot').connected", True)
    assert visit.page.get_by_label("Price").input_value() == ""
