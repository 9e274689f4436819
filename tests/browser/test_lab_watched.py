"""A lab of 40 is watched and steered from a phone, by keyboard alone, and looked at by a viewer."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from axe import violations
from playwright.sync_api import Browser, BrowserContext, expect
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import websocket_connect

from tests.driving.keyboard import Keyboard
from tests.headless.test_run import Headless, notebook
from uproot_nb.bots.client import Client

LAB = """\
from uproot_nb import *


class Intro(Page):
    "Read this."


class Contribute(Page):
    "What do you give?"

    fields = dict(amount=IntegerField(label="Amount", min=0, max=20))
    timeout = 900


class Together(GroupCreatingWait):
    group_size = 4


class Results(Page):
    "Thank you."


def new_player(player):
    player.treatment = ["private", "public"][player.id % 2]


payment = Payment(currency="EUR", fee=5)
run = serve([Intro, Contribute, Together, Results], players=0, name="lab", ask_for_help=True)
run.room("lab", labels=[f"PC-{number}" for number in range(1, 41)], open=False)
"""
LABELS = [f"PC-{number}" for number in range(1, 41)]
TOKEN = re.compile(r"steward +(\S+)monitor/#token=(\S+).*\n *viewer +\S+#token=(\S+)")
STEERS = {
    "Advance", "Back", "Reload", "To the end", "Exit", "Message", "Write", "More time", "Set field",
    "Regroup", "Dropout", "Free place", "Mark as paid", "Not paid",
    "Pause", "Freeze code", "Export", "Close", "Open the room", "Close the room", "Send",
    "Lower hand", "Copy", "Show on the beamer", "Select all players",
}  # fmt: skip
"""What a steward presses."""
PHONE: Any = {"width": 390, "height": 844}
SCREEN: Any = {"width": 1600, "height": 1000}


class Robots:
    """Participants without browsers, in a loop and a thread of their own."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.clients: dict[str, Client] = {}
        self._lines: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.begin(coroutine).result(60)

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Do it in the loop's own time."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def wait(self, *labels: str) -> None:
        """Wait in front of the closed room."""
        url = self.room.replace("http", "ws", 1)
        for label in labels:
            address = f"{url}ws?{urlencode({'label': label})}"
            self._lines.append(await websocket_connect(address))

    async def enter(self, *labels: str) -> None:
        """Come in by the open room, and open the page."""
        for line in self._lines:
            line.close()
        for label in labels:
            answer = await AsyncHTTPClient().fetch(
                self.room, method="POST", body=urlencode({"label": label}),
                follow_redirects=False, raise_error=False,
            )  # fmt: skip
            link = re.sub(r"room/.*", "", self.room) + answer.headers["Location"].lstrip("./")
            self.clients[label] = await Client(link, label).open()

    async def submit(self, *labels: str, **answers: Any) -> None:
        for label in labels:
            await self.clients[label].submit(**answers)

    async def leave(self) -> None:
        for client in self.clients.values():
            await client.close()

    def close(self) -> None:
        self.do(self.leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


class Window(Keyboard):
    """A monitor's web page; only the keyboard is used."""

    def __init__(self, context: BrowserContext, url: str, token: str) -> None:
        super().__init__(context.new_page())
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.goto(f"{url}monitor/lab/#token={token}")
        expect(self.page.locator(".unb header")).to_contain_text("running", timeout=30_000)

    def _note(self, message: Any) -> None:
        if message.type == "error" and "401" not in message.text:  # it logs in by the token
            self.errors.append(message.text)

    def has_no_violations(self) -> None:
        """On any of its panels."""
        for name in self.page.get_by_role("tab").all_inner_texts():
            self.page.get_by_role("tab", name=name.split(" ")[0]).click()
            assert violations(self.page) == [], name
        self.page.get_by_role("tab", name="Players").click()

    def keep_picture(self, name: str) -> None:
        """Keep a screenshot for the documentation, if a folder for them is named."""
        folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
        if folder:
            self.page.evaluate("scrollTo(0, 0)")
            self.page.screenshot(path=str(Path(folder) / f"monitor_{name}.png"))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Headless]:
    started = Headless(notebook(tmp_path, LAB), "--port", "0", "--monitor", "127.0.0.1:0")
    yield started
    started.close()


@pytest.fixture
def opened(browser: Browser, lab: Headless) -> Iterator[Callable[..., Window]]:
    """Open a monitor's page: `opened("steward", viewport=PHONE)`."""
    found = TOKEN.search(lab.says("only looks"))
    assert found is not None
    tokens = dict(zip(("steward", "viewer"), found.groups()[1:], strict=True))
    contexts: list[BrowserContext] = []

    def open_page(role: str, **options: Any) -> Window:
        contexts.append(browser.new_context(**options))
        return Window(contexts[-1], found[1], tokens[role])

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def robots(lab: Headless) -> Iterator[Robots]:
    found = re.search(r"\S+/room/lab/", lab.says("/room/lab/"))
    assert found is not None
    robots = Robots(found[0])
    yield robots
    robots.close()


@pytest.mark.slow
def test_a_lab_is_watched_and_steered_by_keyboard_alone(
    lab: Headless, opened: Callable[..., Window], robots: Robots
) -> None:
    """From a phone, while a viewer looks, at a desk, and after the kernel has died."""
    steward = opened("steward", viewport=PHONE, has_touch=True, is_mobile=True)
    viewer = opened("viewer", viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    let_in(steward, robots)
    robots.do(robots.submit(*LABELS[:30]))
    robots.do(robots.submit(*LABELS[:7], amount=3))
    for window in (steward, viewer):
        overview = window.page.locator(".unb-overview")
        expect(overview).to_contain_text("10 on Intro", timeout=30_000)
        expect(overview).to_contain_text("23 on Contribute")
        expect(overview).to_contain_text("3 on Together; 3 wait for 1 more")
    check_names(steward, viewer)
    move_and_extend(steward, robots)
    answer_a_hand(steward, viewer, robots)
    steward.tab("Players").select("PC-5")
    steward.keep_picture("phone_steward")
    viewer.keep_picture("phone_viewer")
    check_viewer(viewer, robots)
    desk = opened("steward", viewport=SCREEN)
    check_desk(desk, robots)
    for window in (steward, viewer):
        window.has_no_violations()
    go_on_after_a_death(lab, steward, viewer)
    assert [steward.errors, viewer.errors, desk.errors] == [[], [], []]


def check_names(steward: Window, viewer: Window) -> None:
    """A label leads to its place in this room, so who only looks gets names."""
    assert steward.names() == LABELS
    assert len(viewer.names()) == len(LABELS)
    assert not set(LABELS) & set(viewer.names())


def let_in(steward: Window, robots: Robots) -> None:
    """See who waits in front of the room, and open it."""
    robots.do(robots.wait(*reversed(LABELS)))
    steward.tab("Rooms")
    room = steward.page.locator(".unb-room")
    expect(room).to_contain_text("40 wait: PC-1, PC-2, PC-3, ", timeout=30_000)
    steward.reach(room.locator("[data-action]")).press("Enter", "Enter")
    steward.says("The room 'lab' is open.")
    expect(room.get_by_role("button", name="Close the room")).to_be_focused()
    steward.keep_picture("phone_rooms")
    robots.do(robots.enter(*reversed(LABELS)))
    steward.tab("Players")
    expect(steward.page.locator(".unb tr[data-player]")).to_have_count(40, timeout=30_000)


def move_and_extend(steward: Window, robots: Robots) -> None:
    """Put one player on the next page, and give another more time."""
    moved, slow = robots.clients["PC-31"], robots.clients["PC-12"]
    before = slow.deadline or 0.0
    steward.select("PC-31").act("advance").says("advance: 1 of 1 players.")
    assert robots.do(moved.proceeded(timeout=30)) == "Contribute"
    steward.select("PC-31").select("PC-12").act("extend", "120")
    steward.says("extend: 1 of 1 players.")
    robots.do(slow.reload())
    assert (slow.deadline or 0.0) > before + 60
    steward.select("PC-12")


def answer_a_hand(steward: Window, viewer: Window, robots: Robots) -> None:
    """Answer a participant who has raised a hand; the viewer reads it, too."""
    robots.do(robots.clients["PC-40"].call("_uproot_hand", True))
    steward.tab("Chats (1)")
    line = steward.page.locator("[data-chat] summary")
    expect(line).to_contain_text("hand up since")
    expect(line).to_contain_text("PC-40")
    steward.answer("PC-40", "I am coming.").says("answer: 1 of 1 players.")
    expect(steward.page.get_by_role("tab", name="Chats", exact=True)).to_be_visible()
    expect(viewer.page.locator("[data-chat] li")).to_contain_text("I am coming.", timeout=15_000)


def go_on_after_a_death(lab: Headless, steward: Window, viewer: Window) -> None:
    """The pages say that the kernel is away, and go on by themselves."""
    lab.kernel.kill()
    for window in (steward, viewer):
        expect(window.page.locator("#link")).to_contain_text("No kernel serves", timeout=30_000)
    for window in (steward, viewer):
        expect(window.page.locator("#link")).to_be_hidden(timeout=60_000)
        expect(window.page.locator(".unb header")).to_contain_text("running", timeout=30_000)
    check_names(steward, viewer)
    steward.act("advance").says("advance: 1 of 1 players.")  # who was selected before


def check_viewer(viewer: Window, robots: Robots) -> None:
    """There is nothing to steer by, and nothing by which to take part."""
    page = viewer.page
    assert page.locator("[data-action], header button, [role=toolbar], .unb td input").count() == 0
    assert page.locator(".unb a, .unb img").count() == 0
    for tab in page.get_by_role("tab").all_inner_texts():
        reached = viewer.tab(tab.split(" ")[0]).stops()
        assert not STEERS & {name.rstrip("…") for name in reached}, tab
    viewer.tab("Players")
    html = page.content()
    for client in robots.clients.values():
        assert client.link.rstrip("/").rpartition("/")[2] not in html
    assert "/room/" not in html


def check_desk(desk: Window, robots: Robots) -> None:
    """All rows are in view, the overview and the actions beside them; nothing scrolls."""
    page = desk.page
    rows = page.locator(".unb tr[data-player]")
    expect(rows).to_have_count(40, timeout=30_000)
    boxes = [row.bounding_box() for row in (rows.first, rows.last)]
    bottom = SCREEN["height"]
    assert all(box is not None and 0 <= box["y"] <= bottom - box["height"] for box in boxes)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    port = page.locator(".unb-players .unb-table")
    assert port.evaluate("one => one.scrollHeight <= one.clientHeight")
    desk.select("PC-29")
    desk.keep_picture("players")
    desk.ask("extend")
    desk.keep_picture("question")
    desk.press("Escape").tab("Rooms")
    desk.keep_picture("rooms")
    desk.reach(page.locator("[data-beam]")).press("Enter")
    beamer = page.get_by_role("dialog", name="The address of lab")
    expect(beamer.locator("img")).to_be_visible()
    expect(beamer).to_contain_text(robots.room)
    assert violations(page) == []
    desk.keep_picture("beamer")
    desk.press("Escape")
    expect(beamer).to_be_hidden()
    desk.reach(page.get_by_role("button", name="Export…")).press("Enter", "Tab", "Tab")
    with page.expect_download() as download:
        desk.press("Enter")
    assert download.value.suggested_filename.endswith(".zip")
    assert download.value.failure() is None
    desk.has_no_violations()
    desk.reach(page.get_by_role("link", name="All sessions")).press("Enter")
    expect(page.get_by_role("link", name="lab")).to_be_visible()
    assert violations(page) == []
