"""Running: a session served on a free port, and browsers that speak the wire to it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from uproot_nb import Page, Run, serve
from uproot_nb.bots.seen_page import BEGIN, asks_to_begin
from uproot_nb.log.log import MemoryLog
from uproot_nb.log.state import State
from uproot_nb.session.clock import EvenClock

__all__ = [
    "BEGIN_FORM", "Browser", "Clocks", "Faulty", "Rejected", "plain", "serving", "set_clock",
    "together", "until", "until_true",
]  # fmt: skip

BEGIN_FORM = f"{BEGIN}=1".encode()
"""What the first page of a personal link posts."""
PATIENCE = 40.0
"""Seconds after which a condition that should have come true counts as failed."""


@contextmanager
def serving(*pages: type[Page], **options: Any) -> Iterator[Run]:
    """Serve pages in memory, with two places, until the block ends.

    What authors define beside their pages (new_session, C …) goes into `names`.
    """
    names = options.pop("names", {})
    usual = {"players": 2, "db": ":memory:", "name": "market", "embedded": True, "port": 0}
    run = serve(list(pages), namespace=names, **{**usual, **options})
    try:
        yield run
    finally:
        run.close()


def set_clock(run: Run, clock: Callable[[], float]) -> None:
    """Let a run go by *clock*, in Unix seconds: the log's times, durations and deadlines."""
    world = run._runtime.world
    world.journal.clock = clock
    world.clock = EvenClock(clock, clock)


class Clocks:
    """The machine's two clocks in a test's hands, for a run.

    clocks = Clocks(run)
    clocks.wall += 3600      # somebody sets the clock
    clocks.steady += 5       # (and `wall`) five seconds go by
    """

    def __init__(self, run: Run) -> None:
        self.wall, self.steady = time.time(), 1000.0
        self._runtime = run._runtime
        world = run._runtime.world
        world.journal.clock = lambda: self.wall
        world.clock = EvenClock(lambda: self.wall, lambda: self.steady)

    async def notice(self) -> None:
        """Let the run look at its clocks, as it does twice a second."""
        self._runtime.loop.call_soon_threadsafe(self._runtime.upkeep.follow_clock)
        await asyncio.to_thread(self._runtime.wait_for, asyncio.sleep(0))


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until *condition* holds; other tasks go on."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        await asyncio.sleep(0.002)


def until_true(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until *condition* holds, in a test without a loop."""
    asyncio.run(until(condition, patience))


class Rejected(Exception):
    """A call was rejected: the error's type and message as the page's script sees them."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


class Browser:
    """One tab of a participant's browser.

    ann = await Browser.open(run, 0)
    assert await ann.call("echo", 3) == 3
    """

    _loads = itertools.count(1)
    begins = True
    """Whether this is no program that only looks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.page: dict[str, Any] = {}
        self.since = 0
        self.events: list[dict[str, Any]] = []
        """Every notification in the order in which it came."""
        self.html = ""
        self._prefix = ""
        self._numbers = itertools.count(1)
        self._waiting: list[dict[str, Any]] = []
        self._socket: WebSocketClientConnection | None = None

    @classmethod
    async def open(cls, run: Run, player: int = 0) -> Browser:
        """Load the player's page and connect."""
        browser = cls(run.link(run.players[player]))
        await browser.load()
        await browser.connect()
        return browser

    # ---- the page ----

    async def load(self) -> str:
        """Load the page anew, as a reload does, and return its HTML."""
        response = await self.fetch()
        assert response.code == 200, response.code
        self.html = response.body.decode()
        found = re.search(r'id="uproot-page">(.*?)</script>', self.html, re.DOTALL)
        assert found is not None, self.html
        self.page = json.loads(found[1])
        self.since = self.page["since"]
        self._prefix, self._numbers = f"load{next(self._loads)}", itertools.count(1)
        return self.html

    async def fetch(self, path: str = "", body: dict[str, Any] | None = None) -> HTTPResponse:
        """Get the page, or post a form to it; redirects are not followed.

        Who is the first to come begins, as the page's script does.
        """
        answer = await self._ask(path, body)
        if body is None and self.begins and asks_to_begin(answer.body or b""):
            begun = await self._ask(path, {BEGIN: "1"})
            return begun if begun.code != 303 else await self._ask(path, None)
        return answer

    async def _ask(self, path: str, body: dict[str, Any] | None) -> HTTPResponse:
        request = HTTPRequest(
            self.url + path,
            method="GET" if body is None else "POST",
            body=None if body is None else urlencode(body),
            follow_redirects=False,
            request_timeout=PATIENCE,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def submit(self, **fields: Any) -> HTTPResponse:
        """Press Next."""
        hidden = {"_uproot_page": self.page["page"], "_uproot_visit": self.page["visit"]}
        return await self.fetch(body={**hidden, **fields})

    # ---- the socket ----

    async def connect(self, since: int | None = None) -> None:
        """Open the socket, from the last notification that the page has."""
        since = self.since if since is None else since
        url = self.url.replace("http", "ws", 1)
        url += f"ws?page={self.page['page']}&since={since}"
        self._socket = await asyncio.wait_for(websocket_connect(url), PATIENCE)
        assert self._socket.protocol is not None
        self._socket.protocol.set_nodelay(True)  # as browsers do: a call follows another at once

    async def disconnect(self) -> None:
        """Lose the connection."""
        assert self._socket is not None
        self._socket.close()
        while await asyncio.wait_for(self._socket.read_message(), PATIENCE) is not None:
            pass
        self._socket, self._waiting = None, []

    async def reconnect(self) -> None:
        """Lose the connection and come back."""
        await self.disconnect()
        await self.connect()

    async def send(self, frame: dict[str, Any] | str) -> None:
        """Write one frame."""
        assert self._socket is not None
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self._socket.write_message(text)

    async def ask(self, method: str, *args: Any, call_id: str = "", **kwargs: Any) -> str:
        """Send a call and return its id."""
        call_id = call_id or f"{self._prefix}-{next(self._numbers)}"
        frame = {"op": "invoke", "id": call_id, "method": method, "args": args, "kwargs": kwargs}
        await self.send(frame)
        return call_id

    async def answer(self, call_id: str) -> Any:
        """Wait for a call's outcome: its data, or Rejected."""
        frame = await self.frame(lambda f: f.get("id") == call_id)
        if frame["op"] == "error":
            raise Rejected(frame["error"], frame["message"])
        return frame["data"]

    async def call(self, method: str, *args: Any, call_id: str = "", **kwargs: Any) -> Any:
        """Call a live method and wait for what it returns."""
        return await self.answer(await self.ask(method, *args, call_id=call_id, **kwargs))

    async def frame(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the first frame that *fits*; others wait for their reader."""
        for place, frame in enumerate(self._waiting):
            if fits(frame):
                return self._waiting.pop(place)
        while not fits(frame := await self._read()):
            self._waiting.append(frame)
        return frame

    async def event(self) -> dict[str, Any]:
        """Wait for the next notification."""
        return await self.frame(lambda f: f["op"] == "event")

    async def action(self) -> dict[str, Any]:
        """Wait for the next steering (reload, redirect …)."""
        return await self.frame(lambda f: f["op"] == "action")

    async def status(self) -> str:
        """Wait for the next word about the session's state."""
        return str((await self.frame(lambda f: f["op"] == "status"))["state"])

    async def settle(self) -> list[Any]:
        """Let everything arrive that was caused so far; return the data of all notifications."""
        with suppress(Rejected):
            await self.call("no_such_method")
        return self.data()

    async def pong(self) -> list[str]:
        """Ask the server itself for a sign of life; return what else it wrote before."""
        await self.send({"op": "ping"})
        before = len(self._waiting)
        await self.frame(lambda f: f["op"] == "pong")
        return [frame["op"] for frame in self._waiting[before:]]

    def data(self) -> list[Any]:
        """Return the data of every notification so far, in the order in which they came."""
        return [event["data"] for event in self.events]

    async def closed(self) -> int | None:
        """Wait until the server closes the socket; return its code."""
        assert self._socket is not None
        while await asyncio.wait_for(self._socket.read_message(), PATIENCE) is not None:
            pass
        return self._socket.close_code

    async def _read(self) -> dict[str, Any]:
        assert self._socket is not None
        text = await asyncio.wait_for(self._socket.read_message(), PATIENCE)
        assert text is not None, f"the server closed the socket: {self._socket.close_code}"
        frame: dict[str, Any] = json.loads(text)
        if frame["op"] == "event":
            self.events.append(frame)
            self.since = frame["seq"]
        return frame


class Faulty(MemoryLog):
    """A log whose disk can be full for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.refused = 0

    @contextmanager
    def disk_full(self) -> Iterator[None]:
        """Let nothing be written until the block ends."""
        self.full = True
        try:
            yield
        finally:
            self.full = False

    def append(self, events: Any) -> None:
        """Refuse to write while the disk is full."""
        if self.full:
            self.refused += 1
            raise OSError(28, "No space left on device")
        super().append(events)


class Distant(Faulty):
    """The same log, which commits on a thread of its own, as one in a database does."""

    def __init__(self) -> None:
        super().__init__()
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.batches: list[int] = []
        """The sizes of what was committed."""
        self._thread = ThreadPoolExecutor(1)

    def submit(self, events: Any, done: Callable[[BaseException | None], None]) -> None:
        """Commit on the thread, as soon as it may."""
        self._thread.submit(self._commit, events, done)

    def _commit(self, events: Any, done: Callable[[BaseException | None], None]) -> None:
        self.may_commit.wait()
        try:
            self.append(events)
        except OSError as error:
            done(error)
        else:
            self.batches.append(len(events))
            done(None)


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """Wait for all of *calls*; failures come back as values."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


def plain(state: State) -> dict[str, Any]:
    """Return what two states have to agree on."""
    return {
        "fields": {s: state.values(s) for s in sorted(state.fields) if state.fields[s]},
        "players": state.players, "groups": state.groups, "seq": state.seq,
    }  # fmt: skip
