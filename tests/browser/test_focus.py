"""What a page reports of a participant's attention, from a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Visit

AWAY = """(away) => {
    Object.defineProperty(document, "hidden", { value: away, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def reports(visit: Visit) -> list[dict[str, Any]]:
    return [frame["data"] for frame in visit.wire.received if frame["op"] == "report"]


def events(visit: Visit) -> list[list[Any]]:
    """The events by their numbers, as the kernel puts them together."""
    known: dict[int, list[Any]] = {}
    for data in reports(visit):
        known.update(enumerate(data["events"], data["first"]))
    return [known[n] for n in sorted(known)]


def names(visit: Visit) -> list[str]:
    return [what for what, *_ in events(visit)]


def test_leaving_the_tab_and_coming_back_is_reported_at_once(visit: Visit) -> None:
    visit.open("<p>Read.</p>", focus=True, entered=7)
    visit.page.evaluate(AWAY, True)
    visit.wire.wait_for(lambda: names(visit) == ["shown", "left"])
    visit.page.evaluate(AWAY, False)
    visit.wire.wait_for(lambda: names(visit) == ["shown", "left", "returned"])
    assert {data["visit"] for data in reports(visit)} == {7}
    assert visit.errors == []


def test_the_first_key_the_first_click_and_pasting_are_reported_and_no_content(
    visit: Visit,
) -> None:
    visit.open('<input name="answer"><input name="a b" id="odd">', focus=True, entered=7)
    visit.page.locator("[name=answer]").click()
    visit.page.keyboard.type("secret")
    visit.page.evaluate("""() => {
        const paste = () => new ClipboardEvent("paste", { bubbles: true });
        document.querySelector("[name=answer]").dispatchEvent(paste());
        document.getElementById("odd").dispatchEvent(paste());
    }""")
    visit.wire.wait_for(lambda: len(events(visit)) == 5)
    first_click, first_key, *pasted = events(visit)[1:]
    assert (first_click[0], first_key[0]) == ("first_click", "first_key")
    assert [(what, name) for what, _, name in pasted] == [("pasted", "answer"), ("pasted", "")]
    assert "secret" not in str(visit.wire.received)


@pytest.mark.slow
def test_a_script_that_types_is_no_participant(visit: Visit) -> None:
    visit.open("<input>", focus=True, entered=7)
    visit.page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a'}))")
    visit.page.evaluate(AWAY, True)
    visit.wire.wait_for(lambda: names(visit) == ["shown", "left"])


@pytest.mark.slow
def test_all_is_sent_again_after_a_lost_connection(visit: Visit) -> None:
    visit.open("<p>Read.</p>", focus=True, entered=7)
    visit.page.evaluate(AWAY, True)
    visit.wire.wait_for(lambda: names(visit) == ["shown", "left"])
    visit.wire.received.clear()
    visit.wire.drop()
    visit.wire.wait_for(lambda: names(visit) == ["shown", "left"])


def test_the_last_events_go_with_the_form(visit: Visit) -> None:
    visit.open('<input name="answer">', focus=True, entered=7)
    visit.page.locator("[name=answer]").fill("1")
    visit.page.locator("[name=answer]").press("Enter")
    visit.wire.wait_for(lambda: visit.wire.forms != [] and "first_key" in names(visit))


@pytest.mark.slow
def test_a_page_that_does_not_ask_for_it_reports_nothing(visit: Visit) -> None:
    visit.open("<p>Read.</p>", entered=7)
    visit.page.evaluate(AWAY, True)
    visit.page.evaluate("uproot.invoke('say')")
    assert reports(visit) == []
