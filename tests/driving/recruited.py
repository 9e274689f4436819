"""Recruited: robots who come to a study through its room, and act page by page when they may."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self
from urllib.parse import urlencode, urljoin

from bs4 import BeautifulSoup
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from uproot_nb.bots.client import Client

__all__ = ["Robot", "Robots"]

AGAIN = 0.3
"""Seconds after which somebody whom nobody has answered tries again."""
LEAVE = json.dumps({"op": "report", "what": "wait", "data": {"what": "left"}})

Act = Callable[["Robot"], Awaitable[Any]]


class Robot:
    """One participant: what to do on a page is in `acts`, by the page's name."""

    def __init__(self, label: str, address: str, acts: dict[str, Act], opened: set[str]) -> None:
        self.label, self.address, self.acts = label, address, acts
        self.link = ""
        self.gone = False
        """Whether the window was closed before the end."""
        self._opened = opened
        """The pages on which everybody may act by now."""

    async def take_part(self) -> None:
        """Come, and act until the last page."""
        self.link = await self.enter()
        async with Client(self.link, self.label) as self.client:
            while not self.client.at_end and not self.gone:
                await self._act()

    async def _act(self) -> None:
        page = self.client.page
        if self.client.waits:
            if page in self.acts and self._may(page):
                await self.acts[page](self)
            await self._wait_a_little()
        elif self._may(page):
            await self.acts[page](self)
        else:
            await self._wait_a_little()

    def _may(self, page: str) -> bool:
        return bool({page, f"{page} of {self.label}"} & self._opened)

    async def _wait_a_little(self) -> None:
        try:
            await self.client.proceeded(AGAIN)
        except TimeoutError:
            return

    async def enter(self) -> str:
        """Press the room's button, until there is an answer; return the player's link."""
        while True:
            shown = await self._ask(self.address)
            if shown is not None and shown.code == 200:
                inputs = BeautifulSoup(shown.body, "html.parser").select("form input[name]")
                form = {str(one["name"]): str(one.get("value", "")) for one in inputs}
                answer = await self._ask(self.address, urlencode(form))
                if answer is not None and answer.code == 303:
                    return urljoin(self.address, answer.headers["Location"])
            await asyncio.sleep(AGAIN)

    async def _ask(self, address: str, body: str | None = None) -> Any:
        request = HTTPRequest(
            address, "GET" if body is None else "POST", body=body, follow_redirects=False
        )
        try:
            return await AsyncHTTPClient().fetch(request, raise_error=False)
        except OSError:
            return None

    def leave_the_wait(self) -> None:
        """Press the button of a wait page that offers a way out."""
        assert self.client._line is not None
        self.client._line.send(LEAVE)


class Robots:
    """Participants who come back by themselves, beside the test.

    robots.begin([Robot(…), Robot(…)])
    robots.open("Question")          # who is there, or gets there, may act there
    robots.finish()
    """

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        for task in self._tasks:
            task.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)

    def begin(self, robots: Iterable[Robot]) -> None:
        """Let them come."""
        for robot in robots:
            task = asyncio.run_coroutine_threadsafe(robot.take_part(), self._loop)
            self._tasks.append(task)

    def open(self, *pages: str) -> None:
        """Let everybody act on these pages from now on; or one, as in "Question of r01"."""
        self.opened.update(pages)

    def finish(self, seconds: float) -> None:
        """Wait until all are through, and raise what somebody has met."""
        for task in self._tasks:
            task.result(seconds)
