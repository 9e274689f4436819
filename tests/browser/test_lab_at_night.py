"""A session without Jupyter at two in the morning: what is stuck is moved, what hangs is ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from test_lab_watched import PHONE, TOKEN, Robots, Window

from tests.driving.earlier import earlier
from tests.driving.wire import Wire
from tests.headless.test_run import Headless, notebook
from uproot_nb.bots.client import Client

LAB = """\
from uproot_nb import *


class Intro(Page):
    "Read this."


class Contribute(Page):
    "What do you give?"

    timeout = 900

    @live
    def think(page, player):
        player.session.thinking = True
        while True:
            pass


class Results(Page):
    "Thank you."


run = serve([Intro, Contribute, Results], players=3, name="lab", ask_for_help=True)
run.room("lab", labels=["PC-1", "PC-2"], open=False)
run.room("annex", labels=["PC-3"], open=False)
"""
ATTACHED = """\
import json, sys
from uproot_nb import attach

url, token, name = sys.argv[1:]
run = attach(url, token)
was = run.overview["sentence"].tolist()
said = [
    run.advance(name),
    run.extend(name, 60),
    run.answer(name, "Press Next."),
    run.open_room("annex"),
]
rooms = dict(zip(run.rooms["name"], run.rooms["open"].tolist()))
print(json.dumps([was, said, run.chats["text"].tolist(), rooms]))
"""
"""Another process steers the run; it prints what it has seen and done."""
HOUR = 3600.0


class Night:
    """The command, robots in front of it, and stewards' windows on it."""

    def __init__(self, browser: Browser, started: Headless) -> None:
        self.run, self._browser = started, browser
        found = TOKEN.search(started.says("only looks"))
        assert found is not None
        self.url, self.token = found[1], found[2]
        self.names = [link.rstrip("/").rpartition("/")[2] for link in started.tells_links(3)]
        self.robots = Robots(started.links[0])
        self.contexts: list[BrowserContext] = []

    def steward(self, url: str = "", **options: Any) -> Window:
        """Open a steward's page."""
        self.contexts.append(self._browser.new_context(**options))
        return Window(self.contexts[-1], url or self.url, self.token)

    def arrive(self, number: int) -> Client:
        """Let a participant open the page."""
        client = Client(self.run.links[number], str(number))
        self.robots.clients[str(number)] = client
        self.robots.do(client.open())
        return client

    def close(self) -> None:
        self.robots.close()
        for context in self.contexts:
            context.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Headless]]:
    started: list[Headless] = []

    def start_one() -> Headless:
        path = notebook(tmp_path, LAB)
        started.append(Headless(path, "--port", "0", "--monitor", "127.0.0.1:0"))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


@pytest.fixture
def night(start: Callable[[], Headless], browser: Browser) -> Iterator[Night]:
    night = Night(browser, start())
    yield night
    night.close()


def names_of(window: Window) -> list[str]:
    expect(window.page.locator(".unb tr[data-player]")).to_have_count(3, timeout=30_000)
    return window.names()


@pytest.mark.slow
def test_who_is_stuck_is_moved_from_the_web_page_and_from_another_process(
    start: Callable[[], Headless], browser: Browser, tmp_path: Path
) -> None:
    """They came an hour ago, and the server was started again since then."""
    with earlier(HOUR, tmp_path):
        before = Night(browser, start())
    clients = [before.arrive(number) for number in range(2)]
    assert [client.page for client in clients] == ["Intro", "Intro"]
    before.close()
    before.run.close()
    night = Night(browser, start())
    try:
        steward = night.steward(viewport=PHONE, has_touch=True, is_mobile=True)
        steer_from_the_page(night, steward)
        steer_from_another_process(night, steward)
        assert steward.errors == []
    finally:
        night.close()


def steer_from_the_page(night: Night, steward: Window) -> None:
    page, first = steward.page, names_of(steward)[0]
    line = page.locator(f".unb tr[data-player={first}]")
    expect(line).to_have_attribute("data-is", "stuck", timeout=15_000)
    expect(line.locator("[data-cell=entered]")).to_contain_text("stuck")
    expect(page.locator(".unb-overview")).to_contain_text("on their page for longer than usual")
    ann = night.arrive(0)
    steward.select(first).act("advance").says("advance: 1 of 1 players.")
    assert night.robots.do(ann.proceeded(timeout=30)) == "Contribute"
    expect(line).to_have_attribute("data-is", "", timeout=15_000)
    deadline = ann.deadline or 0.0
    steward.act("extend", "120").says("extend: 1 of 1 players.")
    night.robots.do(ann.reload())
    assert (ann.deadline or 0.0) > deadline + 60
    night.robots.do(ann.call("_uproot_hand", True))
    steward.tab("Chats (1)").answer(first, "I am coming.").says("answer: 1 of 1 players.")
    steward.tab("Rooms").reach(page.locator("[data-room=lab]")).press("Enter", "Enter")
    steward.says("The room 'lab' is open.")


def steer_from_another_process(night: Night, steward: Window) -> None:
    second = steward.names()[1]
    night.arrive(1)
    done = subprocess.run(
        [sys.executable, "-c", ATTACHED, night.url, night.token, second],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    was, said, texts, rooms = json.loads(done.stdout)
    assert any("for more than 5 min" in sentence for sentence in was)
    assert said[:2] == ["advance: 1 of 1 players.", "extend: 1 of 1 players."]
    assert said[3] == "The room 'annex' is open."
    assert texts == ["I am coming.", "Press Next."]
    assert rooms == {"lab": True, "annex": True}
    expect(steward.page.locator("[data-room=annex]")).to_have_text("Close the room")
    row = steward.tab("Players").page.locator(f".unb tr[data-player={second}]")
    expect(row).to_contain_text("Contribute", timeout=15_000)
    expect(row).to_have_attribute("data-is", "")


@pytest.mark.slow
def test_code_without_an_end_is_interrupted_from_the_web_page(night: Night) -> None:
    """The kernel hears nothing meanwhile, so the command itself interrupts it."""
    steward = night.steward()
    page, first = steward.page, names_of(steward)[0]
    ann = night.arrive(0)
    steward.select(first).act("advance").says("advance: 1 of 1 players.")
    assert night.robots.do(ann.proceeded(timeout=30)) == "Contribute"
    thinking = night.robots.begin(ann.call("think"))
    banner = page.locator("#link")
    expect(banner).to_contain_text("a cell or the experiment's code holds it up", timeout=60_000)
    interrupt = banner.get_by_role("button", name="Interrupt")
    steward.reach(interrupt).press("Enter")
    expect(banner).to_be_hidden(timeout=60_000)
    with pytest.raises(Exception, match="interrupted"):
        thinking.result(60)
    failures = steward.tab("Errors").page.get_by_role("log", name="Errors")
    expect(failures).to_contain_text("interrupted", timeout=30_000)
    steward.tab("Players").act("advance").says("advance: 1 of 1 players.")
    assert night.robots.do(ann.proceeded(timeout=30)) == "Results"
    assert night.run.process.poll() is None
    assert steward.errors == []


@pytest.mark.slow
def test_a_laptop_that_slept_knows_what_has_happened_and_two_stewards_move_once(
    night: Night,
) -> None:
    """What is pressed meanwhile is not sent, and said so; both press Advance, and one moves."""
    wire = Wire(night.url)
    sleeper, other = night.steward(wire.reroute(night.url)), night.steward()
    first = names_of(sleeper)[0]
    night.arrive(0)
    for window in (sleeper, other):
        window.select(first)
    wire.cut()
    banner = sleeper.page.locator("#link")
    expect(banner).to_contain_text("There is no connection to the server", timeout=30_000)
    expect(sleeper.page.locator("[data-action=advance]")).to_be_disabled()
    other.ask("advance")
    wire.mend()
    expect(banner).to_be_hidden(timeout=60_000)
    sleeper.ask("advance")
    for window in (other, sleeper):
        window.press("Enter")
    other.says("advance: 1 of 1 players.")
    sleeper.says(f"advance: nobody was moved. Not on that page any more: {first}.")
    for window in (sleeper, other):
        line = window.page.locator(f".unb tr[data-player={first}]")
        expect(line).to_contain_text("Contribute", timeout=15_000)
    wire.close()
    assert other.errors == []
