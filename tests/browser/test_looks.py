"""How our pages look and read: on screens light and dark, on paper, in any direction of writing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from axe import violations

from uproot_nb.experiment.fields import IntegerField, RadioField
from uproot_nb.flow.submitting import UNPROVEN
from uproot_nb.forms.form import make_form, template_functions
from uproot_nb.templating.texts import REQUIREMENT_TEXTS, SCRIPT_TEXTS, TEMPLATE_TEXTS, TEXTS

if TYPE_CHECKING:
    from conftest import Visit

PROSE = """# The public-goods game

You are in a group of **four**. [Read the details](#more).

## Payoffs

| Choices | They cooperate | They defect |
|---|---|---|
| **You cooperate** | 10, 10 | 0, 15 |
| **You defect** | 15, 0 | 5, 5 |

> Your decisions are anonymous.

1. Everybody decides. Write `exit` to leave.
"""
AUTHORS = """{% extends "Base.html" %}
{% block title %}Your contribution{% endblock %}
{% block main %}
<p class="lead">You have <strong>20 points</strong>.</p>
<div class="alert alert-info">The others decide too.</div>
<div class="alert alert-danger">Not enough.</div>
<label class="form-label" for="c">Contribution</label>
<div class="input-group"><input id="c" name="c" class="form-control">
<span class="input-group-text">points</span></div><div class="form-text">0 to 20.</div>
<div class="form-check"><input class="form-check-input" type="checkbox" id="r"><label
class="form-check-label" for="r">Agreed</label></div>
<div class="card"><div class="card-header">Last round</div><div class="card-body">
<table class="table"><thead><tr><th>Round</th><th>You</th></tr></thead>
<tbody><tr><td>1</td><td>12</td></tr></tbody></table></div></div>
<table><tr><th>Good</th><td>12.50</td></tr></table>
{% endblock %}
"""


def page(template: str = "", prose: str = "") -> type:
    return type("Market", (), {"__doc__": prose, **({"template": template} if template else {})})


PAGES: dict[str, tuple[type, dict[str, Any], dict[str, Any]]] = {
    "prose": (page(prose=PROSE), {}, {"timeout": 125_000, "back": True}),
    "authors": (page(AUTHORS), {}, {"timeout": 42_000, "back": True}),
    "hurry": (page(AUTHORS), {}, {"timeout": 14_000}),
    "wait": (
        page('{% extends "uproot_nb/Wait.html" %}\n'),
        {"waiting": {"here": 1, "needed": 4}},
        {"wait": True},
    ),
    "landing": (page('{% extends "uproot_nb/Landing.html" %}\n'), {}, {}),
    "end": (page('{% extends "uproot_nb/End.html" %}\n'), {}, {"end": True}),
    "trouble": (page('{% extends "uproot_nb/Trouble.html" %}\n'), {}, {}),
}


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.sample(3)
def test_axe_finds_nothing_wrong(visit: Visit, name: str, scheme: Any) -> None:
    shown, context, boot = PAGES[name]
    visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    visit.open_page(shown, context, **boot)
    visit.sees("I('uproot-connection').textContent", "")
    assert violations(visit.page) == []


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
@pytest.mark.slow
def test_axe_finds_nothing_wrong_with_what_comes_up_over_a_page(visit: Visit, scheme: Any) -> None:
    visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    visit.open("{% block title %}T{% endblock %}{% block main %}<p>x</p>{% endblock %}")
    visit.wire.send(
        {"op": "status", "state": "paused"},
        {"op": "action", "action": "message", "text": "Please hurry a little."},
    )
    visit.page.locator(".uproot-toast").wait_for()
    assert violations(visit.page) == []
    visit.page.evaluate("void uproot.prompt('Your <b>price</b>?', '3')")
    visit.page.get_by_role("dialog").wait_for()
    assert violations(visit.page, "dialog") == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.sample(3)
def test_a_phone_shows_every_page_without_scrolling_sideways(visit: Visit, name: str) -> None:
    shown, context, boot = PAGES[name]
    visit.page.set_viewport_size({"width": 320, "height": 568})
    visit.open_page(shown, context, **boot)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 320
    small = """Array.from(document.querySelectorAll(".btn, .form-control"))
        .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.id)"""
    assert visit.page.evaluate(small) == []


@pytest.mark.slow
def test_wide_tables_in_prose_can_be_scrolled_by_keyboard(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 568})
    cells = "|".join(f" {'W' * 12} " for _ in range(6))
    visit.open_page(page(prose=f"| {cells} |\n|{'---|' * 6}\n| {cells} |\n"))
    visit.sees("document.querySelector('.uproot-prose').tabIndex", 0)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 320


# ---- directions and languages --------------------------------------------------------------


@pytest.mark.slow
def test_right_to_left_is_the_mirror_of_left_to_right(visit: Visit) -> None:
    def edges(direction: str) -> dict[str, list[float]]:
        visit.open_page(page(AUTHORS), {"direction": direction}, timeout=42_000, back=True)
        found: dict[str, list[float]] = visit.page.evaluate("""() => Object.fromEntries(
            ["uproot-next", "uproot-back", "uproot-time-remaining", "c", "r"].map(id => {
                const {left, right} = I(id).getBoundingClientRect();
                return [id, [left, right]];
            }))""")
        return found

    visit.page.set_viewport_size({"width": 600, "height": 700})
    left_to_right, right_to_left = edges("ltr"), edges("rtl")
    assert visit.page.evaluate("document.dir") == "rtl"
    for name, (left, right) in left_to_right.items():
        assert right_to_left[name] == pytest.approx([600 - right, 600 - left], abs=1), name


def test_a_page_is_in_the_participants_language(visit: Visit) -> None:
    german = {
        "Next": "Weiter", "Back": "Zurück", "Reconnecting…": "Verbindung wird erneuert …",
        "Time remaining": "Verbleibende Zeit", "Message": "Nachricht", "OK": "Gut",
        "{seconds} seconds left.": "Noch {seconds} Sekunden.", "Close": "Schließen",
    }  # fmt: skip
    visit.page.clock.install(time=0)
    visit.open("<p></p>", {"language": "de"}, texts=german, back=True, timeout=60_000)
    assert visit.page.evaluate("document.documentElement.lang") == "de"
    visit.page.get_by_role("button", name="Weiter").wait_for()
    visit.page.get_by_role("button", name="Zurück").wait_for()
    visit.page.get_by_role("timer", name="Verbleibende Zeit").wait_for(state="attached")
    visit.page.clock.run_for(50_000)
    visit.sees("I('uproot-announcer').textContent", "Noch 15 Sekunden.")
    visit.page.evaluate("void uproot.alert('x')")
    visit.page.get_by_role("dialog", name="Nachricht").get_by_text("Gut").wait_for()


def test_every_text_is_listed_for_translation() -> None:
    """What a template or a script says without being listed would stay English for ever."""
    from uproot_nb.templating.templates import OUR_FOLDER

    english = set(yaml.safe_load((OUR_FOLDER.parent / "languages" / "en.yml").read_text("utf-8")))
    said, spoken = {UNPROVEN}, set()
    for template in OUR_FOLDER.glob("*.html"):
        found = re.finditer(r"""_\(["'](.+?)["']\)""", template.read_text("utf-8"))
        said |= {text[1] for text in found}
    for script in (OUR_FOLDER.parent / "static").glob("*.js"):
        found = re.finditer(
            r'\btext\("(.+?)"[,)]|(?:paused|closed): "(.+?)"', script.read_text("utf-8")
        )
        spoken |= {text[1] or text[2] for text in found}
    assert said - english == set()
    assert set(TEMPLATE_TEXTS) - said == set()
    assert spoken == {*SCRIPT_TEXTS, *REQUIREMENT_TEXTS}
    assert len(TEXTS) == len(set(TEXTS))


# ---- paper ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_paper_is_white_and_shows_what_is_read_and_nothing_to_press(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark", media="print")
    visit.open_page(page(AUTHORS), timeout=42_000, back=True)
    style = "getComputedStyle(document.body)"
    assert visit.page.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert visit.page.evaluate(f"{style}.color") == "rgb(0, 0, 0)"
    for name in ("uproot-buttons", "uproot-timeout", "uproot-connection", "uproot-banner"):
        assert visit.page.evaluate(f"getComputedStyle(I('{name}')).display") == "none", name
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    visit.sees("document.documentElement.dataset.bsTheme", "light")
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    visit.sees("document.documentElement.dataset.bsTheme", "dark")


# ---- letters -------------------------------------------------------------------------------


@pytest.mark.slow
def test_letters_come_from_us_unless_the_author_wants_others(visit: Visit) -> None:
    known = "Array.from(document.fonts, font => font.status).filter(s => s === 'loaded').length"
    visit.open("<p>Text</p>")
    visit.sees(f"{known} > 0", True)
    visit.open("{% set disable_uproot_fonts = true %}<p>Text</p>")
    assert visit.page.evaluate("document.fonts.size") == 0


@pytest.mark.slow
def test_digits_stand_below_each_other_unless_the_author_wants_others(visit: Visit) -> None:
    numeric = "getComputedStyle(document.querySelector('table')).fontVariantNumeric"
    visit.open("<table><tr><td>1</td></tr></table>")
    assert visit.page.evaluate(numeric) == "tabular-nums"
    visit.open("{% set disable_tabular_numbers = true %}<table><tr><td>1</td></tr></table>")
    assert visit.page.evaluate(numeric) == "normal"


# ---- fields --------------------------------------------------------------------------------

FIELDS = {
    "age": IntegerField(label="Your age", min=18, max=99),
    "side": RadioField(label="Side", choices=["buy", "sell"]),
}


def with_form(pairs: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Return what a template gets for a page that has fields, as first shown or after *pairs*."""
    form = make_form(FIELDS, values=None, pairs=pairs, translate=lambda text: text)
    if pairs is not None:
        assert not form.validate()
    return {"form": form, **template_functions(form)}


@pytest.mark.parametrize(
    ("prose", "count"),
    [
        ("Please answer.", 1),
        ("Please answer.\n\n{{ fields() }}\n\nThank you.", 1),
        ("Your age: {{ form.age }}", 1),
        ("", 1),
    ],
)
@pytest.mark.sample(1)
def test_a_prose_page_shows_its_fields_once(visit: Visit, prose: str, count: int) -> None:
    visit.open_page(page(prose=prose), with_form())
    assert visit.page.locator("[name=age]").count() == count
    assert visit.page.locator("[name=side]").count() == (0 if "form.age" in prose else 2)


@pytest.mark.slow
def test_what_is_wrong_is_said_even_where_the_author_placed_the_inputs(visit: Visit) -> None:
    context = with_form([("age", "7"), ("side", "buy")])
    visit.open_page(page("<label for='{{ form.age.id }}'>Age</label> {{ form.age }}\n"), context)
    alert = visit.page.get_by_role("alert")
    alert.get_by_text("Please check your answers.").wait_for()
    alert.get_by_role("link", name="Your age").click()
    assert visit.page.evaluate("document.activeElement.name || location.hash") in ("age", "#age")


@pytest.mark.slow
def test_what_is_wrong_is_said_once(visit: Visit) -> None:
    context = with_form([("age", "7"), ("side", "buy")])
    visit.open_page(page(prose="Please answer."), context)
    assert visit.page.get_by_role("alert").count() == 1


def test_the_title_comes_first_for_a_screen_reader_and_the_time_is_there(visit: Visit) -> None:
    visit.open_page(page(prose=PROSE), timeout=42_000)
    assert visit.page.get_by_role("heading", level=1).count() == 1
    assert visit.page.get_by_role("main").get_by_role("timer").count() == 1
