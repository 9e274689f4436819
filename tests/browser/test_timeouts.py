"""What participants see and hear of a page's deadline, and what happens when it has come."""
# ruff: noqa: E501, RUF012  (scripts read better in one line, and as authors write)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.running import serving, set_clock, until
from uproot_nb import IntegerField
from uproot_nb import Page as ExperimentPage
from uproot_nb.flow.timeouts import RETURN_WITHIN

if TYPE_CHECKING:
    from conftest import Visit

ACT = {"op": "action", "action": "submit", "timeout": True}
"""What the server sends at the deadline."""

COLLECT = """
<input name="price" value="7" required>
<script>
window.got = [];
window.addEventListener("UprootInternalPageTimeoutSet", (e) => got.push(["set", e.detail.durationMs]));
window.addEventListener("UprootInternalPageTimeout", (e) => got.push([e.detail.text, e.detail.level]));
</script>
"""


@pytest.fixture
def clocked(visit: Visit) -> Visit:
    """A visit whose page has a clock that only the test moves."""
    visit.freeze()
    return visit


def opened(visit: Visit, milliseconds: float, template: str = COLLECT, **boot: Any) -> Visit:
    """Open a page that has a deadline; its clock stands still."""
    shown = type("Market", (), {"template": f"{template}\n", "__doc__": None})
    visit.page.goto(visit.wire.serve(shown, timeout=milliseconds, **boot))
    visit.page.clock.run_for(1)
    visit.sees("Alpine.store('uproot').connected", True)
    return visit


def left(visit: Visit) -> float:
    remaining: float = visit.page.evaluate("uproot.pageTimeoutRemainingMs()")
    return remaining


def run_until_left(visit: Visit, milliseconds: float) -> None:
    """Let the page's clock run until so much of the time remains."""
    visit.page.clock.run_for(round(left(visit) - milliseconds))


# ---- the countdown -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_page_without_a_deadline_shows_no_countdown(visit: Visit) -> None:
    visit.open("<p></p>")
    assert visit.page.locator("#uproot-timeout").count() == 0
    assert left(visit) == 0
    assert visit.page.evaluate("Alpine.store('uproot').timeout.active") is False


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(3_725_000, "1:02:05"), (65_000, "1:05"), (60_000, "1:00"), (9_000, "0:09"), (1, "0:01")],
)
@pytest.mark.sample(1)
def test_the_remaining_time_reads_as_a_clock(clocked: Visit, milliseconds: int, text: str) -> None:
    opened(clocked, milliseconds + 5_000)
    run_until_left(clocked, milliseconds)
    assert clocked.page.locator("#uproot-time-remaining").text_content() == text


@pytest.mark.parametrize(
    ("milliseconds", "level"),
    [(61_000, "light"), (60_000, "warning"), (15_000, "warning"), (14_000, "danger")],
)
@pytest.mark.sample(1)
def test_the_level_rises_when_time_gets_short(
    clocked: Visit, milliseconds: int, level: str
) -> None:
    opened(clocked, 90_000)
    run_until_left(clocked, milliseconds)
    assert (
        clocked.page.locator("#uproot-timeout").get_attribute("class") == f"uproot-timeout-{level}"
    )
    text = {"light": "1:01", "warning": "1:00" if milliseconds > 15_000 else "0:15"}
    expected = {"active": True, "level": level, "text": text.get(level, "0:14")}
    store = clocked.page.evaluate("({...Alpine.store('uproot').timeout})")
    assert {**store, **expected, "compact": expected["text"]} == store


@pytest.mark.slow
def test_events_tell_the_beginning_once_and_every_second(clocked: Visit) -> None:
    opened(clocked, 62_000)
    run_until_left(clocked, 59_000)
    got = clocked.page.evaluate("got")
    assert got[0] == ["set", 62_000]
    assert [entry for entry in got if entry[0] == "set"] == got[:1]
    ticks = dict(got[1:])
    assert ticks == {"1:02": "light", "1:01": "light", "1:00": "warning", "0:59": "warning"}


@pytest.mark.slow
def test_setting_the_devices_clock_changes_nothing(clocked: Visit) -> None:
    opened(clocked, 62_000)
    before = left(clocked)
    clocked.page.evaluate("void (Date.now = () => 1e15)")
    clocked.page.clock.run_for(1000)
    assert before - left(clocked) == 1000


@pytest.mark.slow
def test_an_author_may_move_the_time_and_remove_the_box(clocked: Visit) -> None:
    opened(
        clocked,
        62_000,
        """<p>Left: <span id="here"></span></p>
        {% block late %}<script>
        I("here").append(I("uproot-time-remaining"));
        I("uproot-timeout").remove();
        </script>{% endblock %}{% block main %}<span id="here"></span>{% endblock %}""",
    )
    run_until_left(clocked, 42_000)
    assert clocked.page.locator("#here").text_content() == "0:42"
    assert clocked.page.locator("#uproot-timeout").count() == 0
    assert clocked.errors == []


def test_a_screen_reader_hears_a_minute_fifteen_and_five_seconds_and_no_more(
    clocked: Visit,
) -> None:
    opened(clocked, 70_000)
    clocked.page.evaluate("""() => {
        window.heard = [];
        new MutationObserver(() => heard.push(I("uproot-announcer").textContent))
            .observe(I("uproot-announcer"), {childList: true, characterData: true, subtree: true});
    }""")
    for moment in (59_000, 30_000, 14_000, 6_000, 4_000, 1_000):
        run_until_left(clocked, moment)
    clocked.sees("heard", ["One minute left.", "15 seconds left.", "5 seconds left."])
    region = clocked.page.locator("#uproot-announcer")
    assert region.get_attribute("aria-live") == "polite"
    timer = clocked.page.get_by_role("timer", name="Time remaining")
    assert timer.get_attribute("aria-live") is None


@pytest.mark.slow
def test_the_countdown_moves_nothing_on_the_page(clocked: Visit) -> None:
    opened(clocked, 61_000, "<p id='first'>Text</p>")
    place = "I('first').getBoundingClientRect().top"
    before = clocked.page.evaluate(place)
    run_until_left(clocked, 9_000)
    assert clocked.page.evaluate(place) == before
    clocked.page.evaluate("I('uproot-timeout').remove()")
    assert clocked.page.evaluate(place) == before


# ---- the deadline --------------------------------------------------------------------------


def test_at_the_deadline_the_form_is_posted_as_it_is(visit: Visit) -> None:
    visit.open('<input name="price" type="number" required><input name="note" value="x">')
    visit.page.evaluate("void uproot.prompt('Sure?')")
    visit.page.get_by_role("dialog").wait_for()
    visit.wire.send(ACT)
    visit.submits({"price": "", "note": "x", "_uproot_timeout": "1"})


@pytest.mark.slow
def test_at_the_deadline_a_script_that_stops_submissions_stops_nothing(visit: Visit) -> None:
    visit.open("""<input name="price" value="7"><script>
        document.addEventListener("submit", (event) => event.preventDefault());
    </script>""")
    visit.wire.send(ACT)
    visit.submits({"price": "7", "_uproot_timeout": "1"})


@pytest.mark.slow
def test_the_deadline_counts_once(visit: Visit) -> None:
    visit.open('<input name="price" value="7">')
    visit.wire.send(ACT, ACT, ACT)
    visit.submits({"price": "7", "_uproot_timeout": "1"})


@pytest.mark.slow
def test_a_server_that_forgets_the_deadline_gets_the_form(clocked: Visit) -> None:
    opened(clocked, 20_000)
    run_until_left(clocked, 0)
    assert clocked.wire.forms == []
    clocked.page.clock.run_for(3_100)
    clocked.page.clock.resume()
    clocked.wire.wait_for(lambda: clocked.wire.forms)
    (form,) = clocked.wire.forms
    assert (form["price"], form["_uproot_timeout"]) == ("7", "1")
    assert int(form["_uproot_age"]) >= 23_000  # nothing was entered since the page was there


def lose_sockets(visit: Visit) -> None:
    """Let no socket through from now on, as some networks do."""
    visit.page.evaluate("""() => {
        window.Sockets = window.WebSocket;
        window.WebSocket = class {
            constructor() { setTimeout(() => this.onclose && this.onclose({code: 1006}), 0); }
            close() {}
        };
    }""")
    visit.wire.drop()
    visit.sees("Alpine.store('uproot').connected", False)


def test_without_a_connection_it_shows_that_time_is_up_and_goes_on_later(
    clocked: Visit,
) -> None:
    opened(clocked, 20_000)
    clocked.page.evaluate("void (window.fetch = () => Promise.reject(new Error()))")
    lose_sockets(clocked)
    run_until_left(clocked, 0)
    clocked.page.clock.run_for(9_000)
    clocked.page.get_by_text("Time is up. This page continues as soon").wait_for()
    assert clocked.wire.forms == []
    clocked.page.evaluate("void (window.WebSocket = window.Sockets)")
    clocked.page.clock.run_for(10_000)  # the longest that it waits before it connects again
    clocked.page.clock.resume()
    clocked.wire.wait_for(lambda: len(clocked.wire.sockets) == 3)  # again, and on the next page
    assert [form["_uproot_timeout"] for form in clocked.wire.forms] == ["1"]


@pytest.mark.slow
def test_once_time_is_up_nothing_more_can_be_entered_unless_the_server_gives_time(
    clocked: Visit,
) -> None:
    opened(clocked, 20_000, '<input name="price" aria-label="Price">', entered=7)
    lose_sockets(clocked)
    run_until_left(clocked, 0)
    assert clocked.page.evaluate("I('uproot-form').inert") is True
    clocked.page.evaluate(
        """uproot.inner.happenings.dispatchEvent(new CustomEvent("clock", {
            detail: { remaining: 5000, stopped: false } }))"""
    )
    assert clocked.page.evaluate("I('uproot-form').inert") is False


@pytest.mark.slow
def test_a_page_that_the_server_has_left_sends_what_was_entered_before_it_goes(
    clocked: Visit,
) -> None:
    opened(clocked, 20_000, '<input name="price" aria-label="Price">', entered=7)
    run_until_left(clocked, 9_000)
    clocked.page.get_by_label("Price").fill("7")
    run_until_left(clocked, 0)
    clocked.wire.send({"op": "action", "action": "reload", "entered": 9})
    clocked.wire.wait_for(lambda: clocked.wire.forms)
    (form,) = clocked.wire.forms
    assert (form["price"], form["_uproot_visit"]) == ("7", "v0")
    assert int(form["_uproot_age"]) >= 9_000


@pytest.mark.slow
def test_where_sockets_do_not_get_through_the_form_still_does(clocked: Visit) -> None:
    opened(clocked, 20_000)
    lose_sockets(clocked)
    run_until_left(clocked, 0)
    clocked.page.clock.run_for(3_100)
    clocked.wire.wait_for(lambda: clocked.wire.forms)
    assert clocked.wire.forms[0]["_uproot_timeout"] == "1"


@pytest.mark.slow
def test_a_paused_session_posts_nothing_until_it_goes_on(clocked: Visit) -> None:
    wire = clocked.wire
    opened(clocked, 20_000)
    wire.send({"op": "status", "state": "paused"})
    clocked.sees("Alpine.store('uproot').state", "paused")
    run_until_left(clocked, 0)
    clocked.page.clock.run_for(9_000)
    assert wire.forms == []
    wire.send({"op": "status", "state": "running"})
    clocked.sees("Alpine.store('uproot').state", "running")
    clocked.page.clock.run_for(5_000)
    wire.wait_for(lambda: wire.forms)


def test_a_clock_stands_still_in_a_pause_and_shows_that_it_does(clocked: Visit) -> None:
    """Ready to continue with the time that the server says is left; an older page's clock is none of its."""
    opened(clocked, 65_000, entered=7)
    clock = {"op": "action", "action": "clock", "entered": 7}
    clocked.wire.send({**clock, "remaining": 60_000, "stopped": True})
    clocked.sees("uproot.pageTimeoutRemainingMs()", 60_000)
    clocked.page.clock.run_for(9_000)
    assert left(clocked) == 60_000
    assert clocked.page.locator("#uproot-timeout.uproot-timeout-stopped").count() == 1
    assert clocked.page.locator("#uproot-time-remaining").text_content() == "1:00"
    clocked.wire.send({**clock, "entered": 6, "remaining": 1_000, "stopped": False})
    clocked.wire.send({**clock, "remaining": 59_000, "stopped": False})
    clocked.sees("uproot.pageTimeoutRemainingMs()", 59_000)
    assert clocked.page.locator(".uproot-timeout-stopped").count() == 0
    clocked.page.clock.run_for(10_000)
    assert left(clocked) == 49_000
    assert clocked.page.locator("#uproot-time-remaining").text_content() == "0:49"


@pytest.mark.parametrize("width", [360, pytest.param(768, marks=pytest.mark.slow), 1280])
@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.sample(1)
def test_a_message_never_covers_the_countdown(clocked: Visit, width: int, state: str) -> None:
    opened(clocked, 90_000)
    page = clocked.page
    page.set_viewport_size({"width": width, "height": 700})
    clocked.wire.send(
        {"op": "status", "state": state},
        {"op": "action", "action": "message", "text": "Five minutes left. Please come to an end."},
    )
    clocked.sees("Alpine.store('uproot').state", state)
    page.locator(".uproot-toast").wait_for()
    time = page.locator("#uproot-time-remaining").bounding_box()
    toast = page.locator(".uproot-toast").bounding_box()
    assert time is not None
    assert toast is not None
    assert time["y"] + time["height"] <= toast["y"]


# ---- a run ------------------------------------------------------------------------------------


class Decide(ExperimentPage):
    """# Decide"""

    timeout = 60
    fields = {"points": IntegerField(label="Points", min=0, max=10)}


class Last(ExperimentPage):
    """# It is over"""


@pytest.mark.parametrize("away", [8, 300])
@pytest.mark.sample(1)
def test_what_was_entered_while_the_connection_was_away_counts_or_is_logged(
    context: BrowserContext, away: int
) -> None:
    with serving(Decide, Last, players=1) as run:
        page, player = context.new_page(), run.players[0]
        page.goto(run.link(player))
        page.wait_for_function(
            "window.uproot && uproot.inner.boot.draft && uproot.inner.link.isOpen"
        )
        page.get_by_label("Points").fill("7")
        page.evaluate("uproot.inner.link.rest()")
        run._runtime.wait_for(until(lambda: not player.online))
        deadline, timeouts = player._state.deadline, run._runtime.flow.timeouts
        set_clock(run, lambda: deadline + away)
        run._runtime.loop.call_soon_threadsafe(timeouts.resume)
        run._runtime.wait_for(until(lambda: player._state.late or player.page == "Last"))
        assert (player.page == "Last") is (away > RETURN_WITHIN)
        page.evaluate("away => uproot.inner.noteChange(Date.now() - 1000 * away - 5000)", away)
        time_is_up = """uproot.inner.happenings.dispatchEvent(new CustomEvent("clock", {
            detail: { remaining: 0, stopped: false } }))"""
        page.evaluate(time_is_up)
        page.evaluate("uproot.inner.link.begin()")
        expect(page.get_by_role("heading", name="It is over")).to_be_visible()
        late = run.events.query('kind == "late"')["value"].tolist()
        (value,) = [json.loads(one) if isinstance(one, str) else one for one in late]
        assert value["form"] == [["points", "7"]]
        assert value["accepted"] is (away < RETURN_WITHIN)
        assert abs(value["typed_at"] - (deadline - 5)) < 3
        assert player.get("points") == (7 if away < RETURN_WITHIN else None)
        assert page.evaluate("sessionStorage.length") == 0
