"""PolledSocket: a page's connection by long polling, which looks like a WebSocket to `Line`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse

__all__ = ["PolledSocket", "connect_by_polling"]

HOLD = 25.0
ANSWER_WITHIN = 15.0
"""Seconds beyond what the server holds a request."""
TRIES = 4
FIRST_PAUSE = 0.2
_ABSENT, _TOO_LARGE = 404, 4413
_REFUSED_SIZES = (400, 413)


class PolledSocket:
    """Asks for frames and posts its own; a lost request or answer is repeated, and read once.

    Args:
        address: the page's, without a query.
        link: the id that the server gave.
        take: gets each frame, and None at the end.
    """

    def __init__(
        self, http: AsyncHTTPClient, address: str, link: str, take: Callable[[str | None], None]
    ) -> None:
        self._http, self._address, self._link, self._take = http, address, link, take
        self.close_code: int | None = None
        self._got = self._taken = 0
        self._unsent: list[str] = []
        self._more = asyncio.Event()
        self._is_over = False
        self._tasks = [asyncio.create_task(one()) for one in (self._receive, self._send)]

    def write_message(self, text: str) -> asyncio.Future[None]:
        """Send a frame, as soon as those before it are sent."""
        self._unsent.append(text)
        self._more.set()
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def close(self) -> None:
        """Leave; *take* gets None when the server has heard it. Idempotent."""
        if not self._is_over:
            self._stop(None)
            goodbye = self._post({"op": "leave", "link": self._link})
            goodbye.add_done_callback(self._leave)

    def _leave(self, goodbye: asyncio.Future[HTTPResponse]) -> None:
        goodbye.cancelled() or goodbye.exception()
        self._http.close()
        self._take(None)

    def _end(self, code: int) -> None:
        if not self._is_over:
            self._stop(code)
            self._take(None)

    def _stop(self, code: int | None) -> None:
        self._is_over, self.close_code = True, code
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    # ---- frames ----

    def read(self, answer: dict[str, Any]) -> None:
        """Read an answer, unless it is a repeated one."""
        if answer["number"] <= self._got:
            return
        self._got = answer["number"]
        for frame in answer.get("frames", ()):
            self._take(json.dumps(frame))
        if "close" in answer:
            self._end(answer["close"][0])

    async def _receive(self) -> None:
        while not self._is_over:
            asked = {"op": "wait", "link": self._link, "got": self._got, "hold": HOLD}
            answer = await self._ask(asked)
            if answer is not None:
                self.read(answer)

    async def _send(self) -> None:
        while not self._is_over:
            if not self._unsent:
                self._more.clear()
                await self._more.wait()
            frames = self._unsent[:]
            asked = {"op": "send", "link": self._link, "first": self._taken + 1}
            answer = await self._ask(asked, frames)
            if answer is None:
                continue
            taken, self._taken = self._taken, max(self._taken, answer["taken"])
            del self._unsent[: self._taken - taken]
            if self._taken == taken:  # the server waits for the kernel
                await asyncio.sleep(FIRST_PAUSE)

    async def _ask(
        self, asked: dict[str, Any], frames: list[str] | None = None
    ) -> dict[str, Any] | None:
        """Return the answer; None if the connection has ended."""
        for attempt in range(TRIES):
            try:
                response = await self._post(asked, frames)
            except (OSError, HTTPError):
                response = None
            if response is not None and response.code == 200:
                answer: dict[str, Any] = json.loads(response.body)
                return answer
            if response is not None and response.code == _ABSENT:
                break
            if response is not None and frames and response.code in _REFUSED_SIZES:
                self._end(_TOO_LARGE)
                return None
            await asyncio.sleep(FIRST_PAUSE * 2.0**attempt if attempt else 0.0)
        self._end(0)
        return None

    def _post(
        self, asked: dict[str, Any], frames: list[str] | None = None
    ) -> asyncio.Future[HTTPResponse]:
        body = "\n".join([json.dumps(asked), *(frames or ())])
        return self._http.fetch(_request(self._address, body), raise_error=False)


async def connect_by_polling(
    address: str, patience: float, take: Callable[[str | None], None]
) -> PolledSocket:
    """Open a link at the *address* at which a WebSocket would be opened.

    Raises:
        OSError: the server cannot be reached.
        HTTPError: it refuses the link.
    """
    place, _, query = address.replace("ws", "http", 1).partition("/ws?")
    http = AsyncHTTPClient(force_instance=True, defaults={"connect_timeout": patience})
    try:
        response = await http.fetch(_request(f"{place}/poll?{query}", '{"op":"open"}'))
    except BaseException:
        http.close()
        raise
    answer = json.loads(response.body)
    socket = PolledSocket(http, f"{place}/poll", answer["link"], take)
    socket.read(answer)
    return socket


def _request(address: str, body: str) -> HTTPRequest:
    headers = {"User-Agent": "uproot_nb bot", "Content-Type": "text/plain"}
    return HTTPRequest(
        address, method="POST", body=body, headers=headers, follow_redirects=False,
        request_timeout=HOLD + ANSWER_WITHIN,
    )  # fmt: skip
