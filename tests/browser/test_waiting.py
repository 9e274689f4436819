"""What a wait page shows while it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Visit

WAIT = '{% extends "uproot_nb/Wait.html" %}\n'


def waits(visit: Visit, here: int = 0, needed: int | None = None, **boot: Any) -> Visit:
    """Open a wait page on which so many are here, of so many who are needed."""
    return visit.open(WAIT, {"waiting": {"here": here, "needed": needed}}, wait=True, **boot)


def news(visit: Visit, here: int, needed: int | None) -> None:
    visit.wire.push({"here": here, "needed": needed}, "_uproot_wait")


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (1, "Please wait for 3 more participants."),
        (3, "Please wait for one more participant."),
        (4, "Everybody is here."),
    ],
)
def test_it_shows_how_many_are_missing(visit: Visit, here: int, words: str) -> None:
    waits(visit, 2, 4)
    awaited = visit.page.locator("#uproot-awaited")
    assert awaited.text_content() == "Please wait for 2 more participants."
    news(visit, here, 4)
    visit.sees("I('uproot-awaited').textContent", words)
    visit.sees("document.querySelectorAll('.uproot-here').length", here)
    visit.sees("document.title", f"({here}/4) Please wait")


def test_who_is_needed_may_be_unknown(visit: Visit) -> None:
    waits(visit)
    assert visit.page.title() == "Please wait"
    visit.page.get_by_text("Please wait for the others.").wait_for()
    news(visit, 1, None)
    news(visit, 1, 2)
    visit.sees("document.title", "(1/2) Please wait")
    news(visit, 1, None)
    visit.sees("document.title", "Please wait")
    visit.sees("I('uproot-places').children.length", 0)


def test_many_participants_are_shown_as_text_only(visit: Visit) -> None:
    waits(visit, 10, 200)
    visit.sees("I('uproot-places').children.length", 0)
    visit.sees("I('uproot-awaited').textContent", "Please wait for 190 more participants.")


@pytest.mark.parametrize("data", [None, 3, "x", [], {"here": "<b>", "needed": {}}, {"needed": -1}])
def test_strange_news_break_nothing(visit: Visit, data: Any) -> None:
    waits(visit, 1, 2)
    visit.wire.push(data, "_uproot_wait")
    news(visit, 2, 2)
    visit.sees("I('uproot-awaited').textContent", "Everybody is here.")
    assert visit.errors == []


def test_a_screen_reader_hears_the_newest_news_and_not_all_of_it(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    waits(visit, 1, 20)
    visit.sees("I('uproot-wait-status').textContent", "Please wait for 19 more participants.")
    visit.page.clock.pause_at(60_000)
    visit.page.evaluate("""() => {
        window.heard = [];
        new MutationObserver(() => heard.push(I("uproot-wait-status").textContent))
            .observe(I("uproot-wait-status"), {childList: true});
    }""")
    for here in range(2, 12):
        news(visit, here, 20)
    visit.sees("I('uproot-awaited').textContent", "Please wait for 9 more participants.")
    visit.page.clock.run_for(5_000)
    visit.sees("heard", ["Please wait for 9 more participants."])


def test_something_moves_gently_unless_the_device_asks_for_calm(visit: Visit) -> None:
    moving = "document.getAnimations().filter(a => a.playState === 'running').length"
    waits(visit, 1, 2)
    assert visit.page.evaluate(moving) == 3
    visit.page.emulate_media(reduced_motion="reduce")
    visit.sees(moving, 0)


def test_a_participant_in_another_tab_sees_by_the_title_that_it_goes_on(visit: Visit) -> None:
    hidden = "Object.defineProperty(Document.prototype, 'hidden', {get: () => !window.looked})"
    visit.page.add_init_script(hidden)
    waits(visit, 1, 2)
    visit.open("{% block title %}Your decision{% endblock %}{% block main %}{% endblock %}")
    visit.sees("document.title", "● Ready to continue")
    visit.page.evaluate(
        "window.looked = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    visit.sees("document.title", "Your decision")


def test_a_participant_on_the_page_sees_the_plain_title(visit: Visit) -> None:
    waits(visit, 1, 2)
    visit.open("{% block title %}Your decision{% endblock %}{% block main %}{% endblock %}")
    assert visit.page.title() == "Your decision"


def test_an_authors_words_replace_ours(visit: Visit) -> None:
    template = f"{WAIT}{{% block prose %}}<p>We pair you up.</p>{{% endblock %}}"
    visit.open(template, wait=True)
    visit.page.get_by_text("We pair you up.").wait_for()
    assert visit.page.get_by_text("Please wait for the others.").count() == 0


def test_the_server_moves_the_page_on(visit: Visit) -> None:
    waits(visit, 1, 2)
    visit.wire.send({"op": "action", "action": "reload"})
    visit.loads_again()
