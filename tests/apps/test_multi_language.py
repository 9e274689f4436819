"""The multi-language app: everybody reads it in the language that they have chosen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.apps.driving import walking
from tests.apps.mistakes import mistakes

pytestmark = pytest.mark.slow

ENGLISH, GERMAN, ARABIC = "en", "de", "ar"
QUESTIONS = [
    "How many cups of coffee do you drink a day?",
    "Wie viele Tassen Kaffee trinken Sie am Tag?",
    "كم فنجان قهوة تشرب في اليوم؟",
]
FAREWELLS = [
    ("That was all", "In a week you drink 21 cups. Most of them at home.", "Next"),
    ("Das war alles", "Das sind 21 Tassen in der Woche. Die meisten zu Hause.", "Weiter"),
    ("هذا كل شيء", "تشرب 21 فنجانًا في الأسبوع. معظمها في البيت.", "التالي"),
]


def test_everybody_reads_the_language_of_their_choice(browser: Browser) -> None:
    with walking(browser, "multi_language", players=3) as walk:
        everybody = walk.run.players
        walk.until(lambda: {player.page for player in everybody} == {"multi_language/Farewell"})
        for tab, texts in zip(walk.pages, FAREWELLS, strict=True):
            assert_farewell(tab, *texts)
        walk.until(lambda: walk.unseen == set())
        for tab in walk.pages:
            tab.locator("#uproot-next").click()
        walk.until_all_ended()
        assert walk.complaints == []
        assert mistakes(walk.run) == []
        assert everybody.each("tongue") == [ENGLISH, GERMAN, ARABIC]
        assert everybody.each("direction") == ["ltr", "ltr", "rtl"]
        assert everybody.each("asked") == QUESTIONS
        assert everybody.each("place") == ["home"] * 3  # the value, not its translation
        assert [dress(tab) for tab in walk.pages] == [
            ("en", "ltr"), ("de", "ltr"), ("ar", "rtl"),
        ]  # fmt: skip


def test_mistakes_are_told_in_the_language_of_choice(browser: Browser) -> None:
    with walking(browser, "multi_language", players=1, simulate=False) as walk:
        [tab] = walk.pages
        choose(tab, "Deutsch", "Next")
        tab.get_by_text("Auch kleine zählen.").wait_for()
        assert tab.get_by_role("radiogroup", name="Wo trinken Sie den meisten?").count() == 1
        tab.get_by_label("Bei der Arbeit").check()
        tab.locator("form").evaluate("form => { form.noValidate = true; }")
        tab.get_by_label(QUESTIONS[1]).fill("99")
        tab.get_by_role("button", name="Weiter").click()
        tab.get_by_role("alert").get_by_text(
            "Bitte geben Sie eine Zahl von 0 bis 50 ein."
        ).first.wait_for()
        tab.get_by_role("button", name="Zurück").click()
        tab.get_by_role("heading", name="Willkommen").wait_for()
        choose(tab, "العربية", "Weiter")
        tab.get_by_label(QUESTIONS[2]).wait_for()
        assert dress(tab) == ("ar", "rtl")
        assert mistakes(walk.run) == []


def choose(tab: Page, language: str, button: str) -> None:
    """Choose a language and press Next, whatever it says."""
    tab.get_by_label(language).check()
    tab.get_by_role("button", name=button).click()


def assert_farewell(tab: Page, heading: str, text: str, button: str) -> None:
    """See that the last page says all this."""
    tab.get_by_role("heading", name=heading).wait_for()
    tab.get_by_role("button", name=button).wait_for()
    assert " ".join(tab.locator("main p").inner_text().split()) == text


def dress(tab: Page) -> tuple[str, str]:
    """Return a page's language and its direction of writing, as the browser knows them."""
    found: list[str] = tab.evaluate(
        "[document.documentElement.lang, getComputedStyle(document.body).direction]"
    )
    return found[0], found[1]
