"""What was entered on a page that ended without its form reaches the server in the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.running import PATIENCE, serving, until
from uproot_nb import IntegerField, StringField, move_to_page
from uproot_nb import Page as ExperimentPage

if TYPE_CHECKING:
    from conftest import Visit

PRICE = '<input name="price" aria-label="Price">'
OURS = {"_uproot_page": "0", "_uproot_visit": "v0", "_uproot_timeout": "1", "price": "7"}


def types_and_is_moved(visit: Visit, owner: str = "o", timeout: int | None = None) -> None:
    """Let a participant type something, and be on another page when the browser loads it."""
    visit.open(PRICE, draft={"owner": "o", "key": "k"}, timeout=timeout)
    visit.page.get_by_label("Price").fill("7")
    visit.open(PRICE, draft={"owner": owner, "key": "next"}, page=1, visit="v1")


def sent(visit: Visit, times: int) -> None:
    visit.wire.wait_for(lambda: len(visit.wire.forms) == times)


def is_kept_until_it_is_sent(visit: Visit, times: int, milliseconds: int) -> None:
    """Let time pass until it was sent so often; a page that connects late sends it sooner."""
    end = time.monotonic() + PATIENCE
    while len(visit.wire.forms) < times:
        assert time.monotonic() < end, visit.wire.forms
        assert stored(visit) == 1 or len(visit.wire.forms) >= times
        visit.page.clock.fast_forward(milliseconds)
        with visit.wire.changed:
            visit.wire.changed.wait_for(lambda: len(visit.wire.forms) >= times, 0.3)
    assert len(visit.wire.forms) == times


def stored(visit: Visit) -> int:
    number: int = visit.page.evaluate("sessionStorage.length")
    return number


def is_gone(visit: Visit) -> None:
    visit.page.wait_for_function("sessionStorage.length === 0")


@pytest.mark.parametrize("timeout", [None, 60_000])
@pytest.mark.sample(1)
def test_what_was_entered_on_a_page_that_is_gone_is_sent_from_the_next_one(
    visit: Visit, timeout: int | None
) -> None:
    """Somebody has moved the participant, or the time was up while the browser was offline."""
    types_and_is_moved(visit, timeout=timeout)
    sent(visit, 1)
    (form,) = visit.wire.forms
    assert 0 <= int(form.pop("_uproot_age")) < 60_000
    assert form == OURS
    is_gone(visit)
    assert visit.page.get_by_label("Price").input_value() == ""


def test_nothing_is_sent_of_a_page_of_somebody_else(visit: Visit) -> None:
    types_and_is_moved(visit, owner="other")
    is_gone(visit)
    assert visit.wire.forms == []


@pytest.mark.slow
def test_nothing_is_sent_of_somebody_else_that_could_not_be_sent_before(visit: Visit) -> None:
    visit.wire.form_answers = [(503, {"Retry-After": "600"}, "")]
    types_and_is_moved(visit)
    sent(visit, 1)
    visit.open(PRICE, draft={"owner": "other", "key": "k"}, page=1, visit="x")
    is_gone(visit)
    assert len(visit.wire.forms) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"Retry-After": "5"}, "<p>One moment, please.</p>"),
        (503, {"Content-Type": "application/json"}, '{"again": 5}'),
        (500, {"Content-Type": "application/json"}, '{"go": "./?_uproot_answer=x"}'),
        (502, {}, "Bad gateway"),
        (404, {}, "The proxy does not know this server yet."),
        (403, {}, "Not now."),
        (200, {}, "<p>Please log in to the wireless network.</p>"),
    ],
)
@pytest.mark.sample(2)
def test_a_draft_stays_until_the_server_has_taken_it(
    visit: Visit, answer: tuple[int, dict[str, str], str]
) -> None:
    visit.page.clock.install(time=0)
    visit.wire.form_answers = [answer, answer]
    types_and_is_moved(visit)
    is_kept_until_it_is_sent(visit, 3, 8_000)
    is_gone(visit)


@pytest.mark.slow
def test_it_is_not_sent_before_the_server_wants_it(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    visit.wire.form_answers = [(429, {"Retry-After": "120"}, "")]
    types_and_is_moved(visit)
    sent(visit, 1)
    visit.sees("Alpine.store('uproot').connected", True)
    visit.page.clock.fast_forward(100_000)
    visit.page.evaluate("dispatchEvent(new Event('online'))")
    visit.page.evaluate("() => new Promise(done => uproot.invoke('none').then(done, done))")
    assert len(visit.wire.forms) == 1
    is_kept_until_it_is_sent(visit, 2, 21_000)
    is_gone(visit)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.sample(1)
def test_what_the_server_will_never_take_is_sent_once(visit: Visit, status: int) -> None:
    visit.wire.form_answers = [(status, {}, "{}")]
    types_and_is_moved(visit)
    is_gone(visit)
    assert len(visit.wire.forms) == 1


@pytest.mark.slow
def test_without_a_network_it_waits_and_is_sent_by_a_page_that_follows(visit: Visit) -> None:
    visit.page.route("**/p/token/", lambda route: (
        route.abort() if route.request.method == "POST" else route.continue_()
    ))  # fmt: skip
    types_and_is_moved(visit)
    visit.sees("Alpine.store('uproot').connected", True)
    assert (stored(visit), visit.wire.forms) == (1, [])
    visit.page.unroute("**/p/token/")
    visit.open(PRICE, draft={"owner": "o", "key": "third"}, page=2, visit="v2")
    sent(visit, 1)
    is_gone(visit)
    assert visit.wire.forms[0]["_uproot_visit"] == "v0"


@pytest.mark.slow
def test_a_page_that_is_entered_anew_is_empty_and_its_draft_is_its_own(visit: Visit) -> None:
    """The participant was moved to the page on which they had been: the draft has the same key."""
    visit.wire.form_answers = [(503, {"Retry-After": "600"}, "")]
    visit.open(PRICE, draft={"owner": "o", "key": "k"})
    visit.page.get_by_label("Price").fill("7")
    visit.open(PRICE, draft={"owner": "o", "key": "k"}, visit="v1")
    sent(visit, 1)
    assert visit.page.get_by_label("Price").input_value() == ""
    visit.page.get_by_label("Price").fill("8")
    visit.page.wait_for_function("sessionStorage.length === 2")
    visit.page.reload()
    expect(visit.page.get_by_label("Price")).to_have_value("8")
    visit.wire.wait_for(lambda: visit.wire.forms[-1]["price"] == "7" and len(visit.wire.forms) == 2)
    visit.page.wait_for_function("sessionStorage.length === 1")


@pytest.mark.slow
def test_many_pages_are_sent_one_after_the_other_and_of_very_many_the_latest(visit: Visit) -> None:
    visit.open(PRICE, draft={"owner": "o", "key": "k"})
    visit.page.evaluate("""() => [...Array(12).keys()].forEach((n) => sessionStorage.setItem(
        `uproot-draft-${n}`,
        JSON.stringify({
            owner: "o", page: n, visit: `old${n}`, at: n + 1, values: [["price", ["7"]]],
        })))""")
    visit.open(PRICE, draft={"owner": "o", "key": "next"}, page=20, visit="v1")
    is_gone(visit)
    assert len(visit.wire.forms) <= 9  # one may be on its way before the others are counted
    visits = {form["_uproot_visit"] for form in visit.wire.forms}
    assert visits >= {f"old{n}" for n in range(5, 12)}


@pytest.mark.slow
def test_nothing_is_sent_in_a_pause(visit: Visit) -> None:
    visit.open(PRICE, draft={"owner": "o", "key": "k"})
    visit.page.get_by_label("Price").fill("7")
    visit.page.route("**/p/token/", lambda route: (
        route.abort() if route.request.method == "POST" else route.continue_()
    ))  # fmt: skip
    visit.open(PRICE, draft={"owner": "o", "key": "next"}, page=1, visit="v1", state="paused")
    visit.sees("Alpine.store('uproot').connected", True)
    visit.page.unroute("**/p/token/")
    visit.page.evaluate("dispatchEvent(new Event('online'))")
    visit.page.evaluate("() => new Promise(done => uproot.invoke('none').then(done, done))")
    assert visit.wire.forms == []
    visit.wire.send({"op": "status", "state": "running"})
    sent(visit, 1)


@pytest.mark.slow
def test_a_page_left_by_back_sends_nothing(visit: Visit) -> None:
    visit.open(PRICE, draft={"owner": "o", "key": "k"}, page=1)
    visit.page.evaluate("""() => sessionStorage.setItem("uproot-draft-x", JSON.stringify(
        { owner: "o", page: 0, visit: "old", at: 1, back: true, values: [["price", ["7"]]] }))""")
    visit.page.reload()
    is_gone(visit)
    assert visit.wire.forms == []


# ---- a run ------------------------------------------------------------------------------------


class Open(ExperimentPage):
    """# Your thoughts"""

    fields = {"word": StringField(label="Word"), "points": IntegerField(label="Points")}  # noqa: RUF012


class Last(ExperimentPage):
    """# It is over"""


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.sample(1)
def test_what_was_typed_on_a_page_that_the_researcher_ended_is_in_the_log(
    context: BrowserContext, cut: bool
) -> None:
    with serving(Open, Last, players=1) as run:
        page, player = context.new_page(), run.players[0]
        page.goto(run.link(player))
        page.wait_for_function(
            "window.uproot && uproot.inner.boot.draft && uproot.inner.link.isOpen"
        )
        page.get_by_label("Word").fill("half a sen")
        if cut:
            context.set_offline(True)
            page.evaluate("uproot.inner.link.lose(0)")
            run._runtime.wait_for(until(lambda: not player.online))
        move_to_page(player, Last)
        if cut:
            context.set_offline(False)
        expect(page.get_by_role("heading", name="It is over")).to_be_visible()
        page.wait_for_function("sessionStorage.length === 0")
        late = run.events.query('kind == "late"')["value"].tolist()
        (value,) = [json.loads(one) if isinstance(one, str) else one for one in late]
        assert (value["form"], value["accepted"]) == ([["word", "half a sen"]], False)
        assert "word" not in player.fields()


@pytest.mark.slow
def test_what_a_second_tab_sends_after_the_first_is_in_the_log(context: BrowserContext) -> None:
    with serving(Open, Last, players=1) as run:
        player, tabs = run.players[0], [context.new_page() for _ in range(2)]
        for tab, word in zip(tabs, ("first", "second"), strict=True):
            tab.goto(run.link(player))
            tab.get_by_label("Word").fill(word)
            tab.get_by_label("Points").fill("3")
        for tab in tabs:
            tab.get_by_role("button", name="Next").click()
            expect(tab.get_by_role("heading", name="It is over")).to_be_visible()
            tab.wait_for_function("sessionStorage.length === 0")
        late = run.events.query('kind == "late"')["value"].tolist()
        (value,) = [json.loads(one) if isinstance(one, str) else one for one in late]
        assert (value["form"], value["accepted"]) == (
            [["word", "second"], ["points", "3"]],
            False,
        )
        assert player.word == "first"
