"""Pages where no WebSocket can be opened: they go on by plain requests."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe import violations
from live_jupyter import free_port
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.driving.wire import Wire
from tests.running import serving
from uproot_nb import Page as ExperimentPage
from uproot_nb import Run, SynchronizingWait, live, notify, players
from uproot_nb.server.notices import notice

UPGRADE = b"\nupgrade: websocket"
CALM = "This page cannot stay connected here."
NO_WEBSOCKETS = "delete window.WebSocket"


class Meet(SynchronizingWait):
    """Wait."""

    synchronize = "session"


class Talk(ExperimentPage):
    """# Talk"""

    @live
    def say(page, player, words: str):
        player.said = [*player.get("said", []), words]
        notify(player, players(player.session), words, event="Said")
        return len(player.said)


class Hurry(ExperimentPage):
    """# Hurry"""

    timeout = 1


class Over(ExperimentPage):
    """# It is over"""


class Strict(ExperimentPage):
    template = """{% extends "Base.html" %}{% block head %}
    <meta http-equiv="Content-Security-Policy" content="connect-src 'none'">{% endblock %}
    {% block title %}Strict{% endblock %}{% block main %}<p>Hello</p>{% endblock %}"""


@contextmanager
def wired(run: Run, *refused: bytes) -> Iterator[tuple[Wire, str]]:
    """Yield a network that refuses some requests, and the first player's link by way of it."""
    link = run.link(run.players[0])
    wire = Wire(link)
    wire.refused = refused
    try:
        yield wire, wire.reroute(link)
    finally:
        wire.close()


def wait_for(page: Page, condition: Callable[[], Any]) -> None:
    """Let the page run until something has happened elsewhere."""
    for _ in range(1000):
        if condition():
            return
        page.evaluate("new Promise((go) => setTimeout(go, 10))")
    raise AssertionError("it did not happen")


def connected(page: Page) -> None:
    """Wait until the page is connected."""
    page.wait_for_function("window.Alpine && Alpine.store('uproot').connected")


def skip_to_polling(page: Page) -> None:
    """Let the seconds pass in which a page waits for a WebSocket that is silent."""
    for _ in range(10):
        page.clock.run_for(1000)


def listen(page: Page) -> None:
    """Note what the page hears."""
    page.evaluate("""() => {
        window.heard = [];
        uproot.onCustomEvent("Said", ({ detail }) => heard.push(detail.data));
    }""")


def carriers(run: Run) -> list[str]:
    return [str(by) for by in run.presence["by"]]


def test_calls_pushes_waits_and_timeouts_go_on(context: BrowserContext) -> None:
    """And the log says how: everything that happens on a page happens without WebSockets, too."""
    context.add_init_script(NO_WEBSOCKETS)
    with serving(Meet, Talk, Hurry, Over) as run:
        ann, bob = context.new_page(), context.new_page()
        ann.goto(run.link(run.players[0]))
        connected(ann)
        expect(ann.get_by_role("heading", name="Please wait")).to_be_visible()
        bob.goto(run.link(run.players[1]))
        for page in (ann, bob):
            expect(page.get_by_role("heading", name="Talk")).to_be_visible()
            connected(page)
            listen(page)
        assert [ann.evaluate(f"uproot.invoke('say', 'a{n}')") for n in (1, 2)] == [1, 2]
        assert bob.evaluate(
            "Promise.all([...Array(40).keys()].map((n) => uproot.invoke('say', `b${n}`)))"
        ) == list(range(1, 41))
        for page in (ann, bob):
            page.wait_for_function("heard.length === 42")
            assert page.evaluate("heard") == ["a1", "a2", *(f"b{n}" for n in range(40))]
        ann.get_by_role("button", name="Next").click()
        expect(ann.get_by_role("heading", name="It is over")).to_be_visible()
        assert run.events["kind"].eq("timeout").any()
        assert set(carriers(run)) == {"polling"}


def test_a_proxy_that_refuses_websockets_is_found_at_once_and_remembered(
    context: BrowserContext,
) -> None:
    """The next page of the tab does not try again; after a while one does."""
    with serving(Talk, Hurry, Over, players=1) as run, wired(run, UPGRADE) as (wire, link):
        page = context.new_page()
        page.goto(link)
        connected(page)
        assert page.evaluate("uproot.invoke('say', 'hello')") == 1
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="It is over")).to_be_visible()
        connected(page)
        assert wire.refusals == 1
        page.evaluate("sessionStorage.setItem('uproot-polling', '{\"polledUntil\": 1}')")
        page.reload()
        connected(page)
        assert wire.refusals == 2
        wire.refused = ()
        page.evaluate("sessionStorage.setItem('uproot-polling', '{\"polledUntil\": 1}')")
        page.reload()
        connected(page)
        wait_for(page, lambda: carriers(run)[-1] == "websocket")


@pytest.mark.parametrize("refused", [(), (UPGRADE,)], ids=["websocket", "polling"])
@pytest.mark.slow
def test_a_lost_network_comes_back_and_a_call_is_made_once(
    context: BrowserContext, refused: tuple[bytes, ...]
) -> None:
    """By what carried it before."""
    with serving(Talk, players=1) as run, wired(run, *refused) as (wire, link):
        page = context.new_page()
        page.goto(link)
        connected(page)
        listen(page)
        assert page.evaluate("uproot.invoke('say', 'one')") == 1
        wire.cut()
        page.wait_for_function("!Alpine.store('uproot').connected")
        asked = page.evaluate_handle("({ answer: uproot.invoke('say', 'two') })")
        notify(run.players[0], run.players, "missed", event="Said")
        wire.mend()
        assert asked.evaluate("({ answer }) => answer") == 2
        page.wait_for_function("heard.length === 3")
        assert page.evaluate("heard") == ["one", "missed", "two"]
        assert run.players[0].said == ["one", "two"]
        assert set(carriers(run)) == {"polling" if refused else "websocket"}


@pytest.mark.slow
def test_a_proxy_that_cuts_requests_after_ten_seconds_is_asked_for_less(
    context: BrowserContext,
) -> None:
    """And nobody is offline because of that."""
    context.add_init_script(NO_WEBSOCKETS)
    with serving(Talk, players=1) as run:
        page, holds, held = context.new_page(), list[float](), list[Route]()

        def deal(route: Route) -> None:
            asked = json.loads((route.request.post_data or "{}").partition("\n")[0])
            holds.append(asked.get("hold", 0.0))
            if holds[-1] > 10:
                held.append(route)
            else:
                route.continue_()

        page.clock.install()
        page.goto(run.link(run.players[0]))
        expect(page.get_by_role("heading", name="Talk")).to_be_visible()
        connected(page)
        page.route("**/poll", deal)
        assert page.evaluate("uproot.invoke('say', 'one')") == 1
        wait_for(page, lambda: held)
        page.clock.run_for(10_000)
        held[0].abort()
        wait_for(page, lambda: any(7 < hold < 10 for hold in holds))
        assert page.evaluate("uproot.invoke('say', 'two')") == 2
        assert page.evaluate("Alpine.store('uproot').connected")
        assert carriers(run) == ["polling"]


@pytest.mark.slow
def test_a_proxy_that_opens_websockets_and_passes_nothing_is_noticed(
    context: BrowserContext,
) -> None:
    """Also in the middle of the experiment; a call that was made meanwhile runs once."""
    with serving(Talk, players=1) as run, wired(run) as (wire, link):
        page = context.new_page()
        page.clock.install()
        page.goto(link)
        expect(page.get_by_role("heading", name="Talk")).to_be_visible()
        connected(page)
        wire.is_mute = True
        wire.cut()
        wire.mend()
        wait_for(page, lambda: wire.muted)
        asked = page.evaluate_handle("({ answer: uproot.invoke('say', 'one') })")
        skip_to_polling(page)
        assert asked.evaluate("({ answer }) => answer") == 1
        assert run.players[0].said == ["one"]
        assert carriers(run)[-1] == "polling"


@pytest.mark.slow
def test_who_comes_through_such_a_proxy_begins_by_polling(context: BrowserContext) -> None:
    """By itself, from the page of a personal link; there is a button meanwhile."""
    with serving(Talk, players=1) as run, wired(run) as (wire, link):
        page = context.new_page()
        wire.is_mute = True
        page.clock.install()
        page.goto(link)
        expect(page.get_by_role("button", name="Take part")).to_be_visible()
        wait_for(page, lambda: wire.muted)
        skip_to_polling(page)
        expect(page.get_by_role("heading", name="Talk")).to_be_visible()


@pytest.mark.slow
def test_an_answer_that_gets_lost_is_sent_again(context: BrowserContext) -> None:
    with serving(Talk, players=1) as run, wired(run, UPGRADE) as (wire, link):
        page = context.new_page()
        page.goto(link)
        connected(page)
        listen(page)
        wire.deafen()
        asked = page.evaluate_handle("({ answer: uproot.invoke('say', 'one') })")
        wait_for(page, lambda: run.players[0].get("said", None) == ["one"])
        wire.cut()
        wire.mend()
        assert asked.evaluate("({ answer }) => answer") == 1
        page.wait_for_function("heard.length === 1")
        assert run.players[0].said == ["one"]


@pytest.mark.parametrize("way", ["websocket", "polling"])
@pytest.mark.slow
def test_after_a_restart_of_the_server_pages_connect_as_before(
    context: BrowserContext, way: str
) -> None:
    if way == "polling":
        context.add_init_script(NO_WEBSOCKETS)
    with serving(Talk, players=1, port=free_port()) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        connected(page)
        assert page.evaluate("uproot.invoke('say', 'one')") == 1
        runtime = run._runtime
        runtime.loop.call_soon_threadsafe(runtime.line._channel._other.close)
        wait_for(page, lambda: run.events["kind"].eq("disconnect").any())
        assert page.evaluate("uproot.invoke('say', 'two')") == 2
        wait_for(page, lambda: len(carriers(run)) == 2)
        assert carriers(run) == [way, way]


@pytest.mark.slow
def test_the_paused_page_goes_on_by_itself(context: BrowserContext) -> None:
    """Also without WebSockets, as soon as there is a page again."""
    context.add_init_script(NO_WEBSOCKETS)
    with serving(Talk, players=1) as run:
        page, link = context.new_page(), run.link(run.players[0])
        asked: list[str] = []

        def pause(route: Route) -> None:
            asked.append(route.request.method)
            route.fulfill(status=503, content_type="text/html", body=notice("paused", "en"))

        page.route(link, pause)
        page.goto(link)
        expect(page.get_by_role("heading", name="One moment, please")).to_be_visible()
        wait_for(page, lambda: "HEAD" in asked)
        page.unroute(link)
        expect(page.get_by_role("heading", name="Talk")).to_be_visible()
        connected(page)


@pytest.mark.slow
def test_who_waits_in_a_room_goes_in(context: BrowserContext) -> None:
    context.add_init_script(NO_WEBSOCKETS)
    with serving(Over, players=0) as run:
        lab = run.room("lab", open=False)
        page = context.new_page()
        page.goto(lab.url)
        wait_for(page, lambda: lab.waiting == 1)
        lab.open()
        expect(page.get_by_role("heading", name="It is over")).to_be_visible()


def test_where_nothing_passes_the_participant_and_the_researcher_read_so_at_once(
    context: BrowserContext,
) -> None:
    """The form of the page still works."""
    with (
        serving(Talk, Over, players=1) as run,
        wired(run, UPGRADE, b'{"op":"open"}') as (wire, link),
    ):
        page = context.new_page()
        page.goto(link)
        page.get_by_role("button", name="Take part").click()
        expect(page.get_by_role("status").get_by_text(CALM)).to_be_visible()
        assert violations(page) == []
        wait_for(page, lambda: len(run.errors))
        assert "neither WebSockets nor long polling" in str(run.errors["message"].iloc[0])
        wire.refused = (UPGRADE,)
        connected(page)
        expect(page.get_by_text(CALM)).to_have_count(0)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="It is over")).to_be_visible()


@pytest.mark.slow
def test_a_policy_that_forbids_both_is_named(context: BrowserContext) -> None:
    with serving(Strict, players=1) as run:
        page = context.new_page()
        page.goto(run.link(run.players[0]))
        expect(page.get_by_role("status").get_by_text(CALM)).to_be_visible()
        wait_for(page, lambda: len(run.errors))
        assert "connect-src 'self'" in str(run.errors["message"].iloc[0])
