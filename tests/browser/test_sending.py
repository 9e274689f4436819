"""A form is kept by its page until it is stored, and is sent again by itself."""
# ruff: noqa: ANN001, ANN201, RUF012  (as authors write)

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from axe import violations
from playwright.sync_api import BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from tests.running import serving
from uproot_nb import FileField, IntegerField, Run
from uproot_nb import Page as ExperimentPage

if TYPE_CHECKING:
    from conftest import Visit


class Offer(ExperimentPage):
    """# Your offer"""

    fields = {
        "amount": IntegerField(label="Amount"),
        "photo": FileField(label="Photo", optional=True),
    }

    def validate(page, player, data):
        player.tries = player.get("tries", 0) + 1
        return "Too much." if data["amount"] > 10 else None

    async def handle_stealth_fields(page, player, data):
        player.size = len(await data["photo"].read())


class Over(ExperimentPage):
    """# It is over"""


@pytest.fixture
def run() -> Iterator[Run]:
    with serving(Offer, Over, players=1) as run:
        yield run


@pytest.fixture
def page(context: BrowserContext, run: Run) -> Page:
    page = context.new_page()
    page.goto(run.link(run.players[0]))
    expect(page.get_by_label("Amount")).to_be_visible()
    return page


def press(page: Page, amount: str) -> None:
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Next").click()


def first_fails(page: Page, fail: Callable[[Route], None], times: int = 1) -> list[str | None]:
    """Let *fail* deal with the first forms that are posted; return their bodies."""
    failed: list[str | None] = []

    def deal(route: Route) -> None:
        if route.request.method == "POST" and len(failed) < times:
            failed.append(route.request.post_data)
            fail(route)
        else:
            route.continue_()

    page.route("**/p/**", deal)
    return failed


def test_a_form_is_sent_and_the_next_page_is_there(page: Page, run: Run) -> None:
    press(page, "7")
    expect(page.get_by_role("heading", name="It is over")).to_be_visible()
    assert run.players[0].amount == 7
    assert "_uproot" not in page.url


def test_a_form_without_an_answer_stays_and_is_sent_again(page: Page, run: Run) -> None:
    """As where the connection has gone, the server is being restarted, or a kernel is dead."""
    page.get_by_label("Photo").set_input_files(
        {"name": "me.png", "mimeType": "image/png", "buffer": b"x" * 5000}
    )
    answers = iter(
        [
            lambda route: route.abort(),
            lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"),
            lambda route: route.fulfill(status=503, body='{"again": 0}'),
        ]
    )
    failed = first_fails(page, lambda route: next(answers)(route), times=3)
    press(page, "7")
    notice = page.locator("#uproot-unsent")
    expect(notice).to_contain_text("Your answers have not arrived yet")
    assert page.get_by_label("Amount").input_value() == "7"
    assert page.evaluate("I('uproot-form').inert") is True
    assert violations(page) == []
    expect(page.get_by_role("heading", name="It is over")).to_be_visible(timeout=20_000)
    assert len(failed) == 3
    assert (run.players[0].amount, run.players[0].size, run.players[0].tries) == (7, 5000, 1)


@pytest.mark.slow
def test_a_form_whose_answer_was_lost_counts_once(page: Page, run: Run) -> None:
    first_fails(page, lambda route: (route.fetch(max_redirects=0), route.abort())[1])
    press(page, "7")
    expect(page.get_by_role("heading", name="It is over")).to_be_visible()
    assert run.players[0].tries == 1
    assert (run.events["kind"] == "submit").sum() == 1


@pytest.mark.slow
def test_a_form_that_is_wrong_is_checked_once_and_shown_with_what_is_wrong(
    page: Page, run: Run
) -> None:
    press(page, "11")
    expect(page.get_by_role("alert")).to_contain_text("Too much.")
    assert run.players[0].tries == 1
    assert page.get_by_label("Amount").input_value() == "11"
    assert "_uproot" not in page.url
    press(page, "3")
    expect(page.get_by_role("heading", name="It is over")).to_be_visible()
    assert (run.players[0].amount, run.players[0].tries) == (3, 2)


@pytest.mark.slow
def test_a_form_that_a_script_submits_without_an_event_is_retained_too(
    page: Page, run: Run
) -> None:
    failed = first_fails(page, lambda route: route.abort())
    page.get_by_label("Amount").fill("7")
    page.evaluate("I('uproot-form').submit()")
    expect(page.get_by_role("heading", name="It is over")).to_be_visible()
    assert (len(failed), run.players[0].amount) == (1, 7)


def test_a_form_waits_while_the_study_is_paused(page: Page, run: Run) -> None:
    run.pause()
    expect(page.locator("#uproot-banner")).to_contain_text("paused")
    press(page, "7")
    expect(page.locator("#uproot-unsent")).to_contain_text("Your answers are kept")
    assert run.players[0].get("amount") is None
    run.resume()
    expect(page.get_by_role("heading", name="It is over")).to_be_visible()


@pytest.mark.slow
def test_what_is_too_large_is_said_on_the_page_and_can_be_changed(page: Page) -> None:
    said = {"say": "Please choose smaller files."}
    first_fails(page, lambda route: route.fulfill(status=413, json=said))
    press(page, "8")
    expect(page.locator(".uproot-toast")).to_contain_text("smaller files")
    press(page, "7")
    expect(page.get_by_role("heading", name="It is over")).to_be_visible()


@pytest.mark.slow
def test_a_form_is_sent_for_as_long_as_the_server_is_away(visit: Visit) -> None:
    """For half an hour, without asking so often that a server that comes back suffers."""
    visit.freeze()
    shown = type(
        "Market", (), {"template": '<input name="price" aria-label="Price">', "__doc__": None}
    )
    visit.page.goto(visit.wire.serve(shown))
    visit.page.clock.run_for(1)
    visit.sees("Alpine.store('uproot').connected", True)
    visit.page.evaluate("""() => {
        window.tries = 0;
        window.realFetch = window.fetch;
        window.fetch = (where, { body } = {}) => {
            if (body instanceof URLSearchParams) tries += 1;  // not a poll
            return Promise.reject(new TypeError("away"));
        };
        window.WebSocket = class {
            constructor() { setTimeout(() => this.onclose && this.onclose({code: 1006}), 0); }
            close() {}
        };
    }""")
    visit.wire.drop()
    visit.sees("Alpine.store('uproot').connected", False)
    visit.page.get_by_label("Price").fill("7")
    visit.page.get_by_role("button", name="Next").click()
    tried = []
    for _ in range(30):
        for _ in range(30):
            visit.page.clock.run_for(2_000)
        tried.append(visit.page.evaluate("tries"))
    a_minute = [after - before for before, after in pairwise(tried)]
    assert all(5 <= tries <= 13 for tries in a_minute), a_minute
    expect(visit.page.locator("#uproot-unsent")).to_contain_text("have not arrived yet")
    assert visit.page.get_by_label("Price").input_value() == "7"
    visit.page.evaluate("void (window.fetch = window.realFetch)")
    visit.page.clock.run_for(10_000)
    visit.wire.wait_for(lambda: visit.wire.forms)
    assert [form["price"] for form in visit.wire.forms] == ["7"]


@pytest.mark.slow
def test_a_reload_while_the_server_is_away_loses_nothing(visit: Visit) -> None:
    visit.open('<input name="price" aria-label="Price">', draft={"owner": "o", "key": "k"})
    visit.page.route("**/p/token/", lambda route: route.abort())
    visit.page.get_by_label("Price").fill("7")
    visit.page.get_by_role("button", name="Next").click()
    expect(visit.page.locator("#uproot-unsent")).to_be_visible()
    visit.page.on("dialog", lambda dialog: dialog.accept())
    with pytest.raises(PlaywrightError):
        visit.page.reload()
    visit.page.unroute("**/p/token/")
    visit.page.goto(visit.wire.url)
    expect(visit.page.get_by_label("Price")).to_have_value("7")


@pytest.mark.slow
def test_a_page_from_the_browsers_cache_goes_on_sending(visit: Visit) -> None:
    visit.open('<input name="price" aria-label="Price">')
    failed = first_fails(visit.page, lambda route: route.abort(), times=1000)
    visit.page.get_by_label("Price").fill("7")
    visit.page.get_by_role("button", name="Next").click()
    expect(visit.page.locator("#uproot-unsent")).to_be_visible()
    visit.page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    visit.page.unroute("**/p/**")
    visit.page.evaluate(
        "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    visit.wire.wait_for(lambda: visit.wire.forms)
    assert failed
    assert [form["price"] for form in visit.wire.forms] == ["7"]


@pytest.mark.slow
def test_a_page_that_may_not_fetch_sends_its_form_as_browsers_do(
    context: BrowserContext,
) -> None:
    class Strict(ExperimentPage):
        template = """{% extends "Base.html" %}{% block head %}
        <meta http-equiv="Content-Security-Policy" content="connect-src ws:">{% endblock %}
        {% block main %}{{ fields() }}{% endblock %}"""
        fields = {"amount": IntegerField(label="Amount")}

    with serving(Strict, Over, players=1) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        press(page, "7")
        expect(page.get_by_role("heading", name="It is over")).to_be_visible(timeout=15_000)
        assert run.players[0].amount == 7


@pytest.mark.slow
def test_a_form_is_sent_again_no_sooner_than_a_busy_server_wants_it(visit: Visit) -> None:
    visit.page.clock.install(time=0)
    visit.wire.form_answers = [(429, {"Retry-After": "20"}, "<p>One moment, please.</p>")]
    visit.open('<input name="price" aria-label="Price">')
    visit.page.get_by_label("Price").fill("7")
    visit.page.get_by_role("button", name="Next").click()
    visit.wire.wait_for(lambda: len(visit.wire.forms) == 1)
    visit.page.get_by_text("Your answers have not arrived yet.").wait_for()
    visit.page.clock.fast_forward(15_000)
    visit.page.evaluate("() => new Promise(done => uproot.invoke('none').then(done, done))")
    assert len(visit.wire.forms) == 1
    visit.page.clock.fast_forward(6_000)
    visit.wire.wait_for(lambda: len(visit.wire.forms) == 2)
    assert visit.wire.forms[1]["price"] == "7"
