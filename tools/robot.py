"""Robot: a participant without a browser; it speaks the wire as a page's script does."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

__all__ = ["CallRefused", "Event", "LineLost", "Robot"]

Event = dict[str, Any]
_BEGIN = b'name="_uproot_begin"'
"""What the first page of a personal link posts."""
_START = re.compile(r'<script[^>]*\bid="uproot-page"[^>]*>(.*?)</script>', re.DOTALL)


class CallRefused(Exception):
    """A call was answered with an error; its name and the sentence that a participant reads."""

    def __init__(self, error: str, message: str) -> None:
        self.error, self.message = error, message
        super().__init__(f"{error}: {message}")


class LineLost(Exception):
    """The socket was closed under a call."""


class Robot:
    """One participant on a page.

        async with Robot(link) as robot:
            reply = await robot.invoke("post_offer", 42)
            await robot.heard(lambda event: event["event"] == "Trade")

    `events` holds every push in the order of its arrival, `states` every status, `answered` the
    reply to each call by the call's id.
    """

    def __init__(self, link: str, name: str = "robot") -> None:
        self.link, self.name = link, name
        self.vars: dict[str, Any] = {}
        self.seen = 0
        self.events: list[Event] = []
        self.states: list[str] = []
        self.answered: dict[str, Any] = {}
        self.lost = False
        self._on_event: list[Callable[[Event], None]] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._line: WebSocketClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._something = asyncio.Event()
        self._made = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *ignored: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Get the page, then connect from where it says."""
        response = await AsyncHTTPClient().fetch(self.link, request_timeout=60.0)
        if _BEGIN in response.body:
            begin = {"method": "POST", "body": "_uproot_begin=1", "follow_redirects": True}
            response = await AsyncHTTPClient().fetch(self.link, request_timeout=60.0, **begin)
        found = _START.search(response.body.decode("utf-8"))
        if found is None:
            raise LookupError(f"{self.name}: the page does not say where it starts from")
        boot = json.loads(found[1])
        self.vars, self.seen = boot.get("vars") or {}, boot["since"]
        root = response.effective_url.split("?")[0].replace("http", "ws", 1)
        address = f"{root}ws?page={boot['page']}&since={self.seen}"
        self._line = await websocket_connect(address)
        self._reader = asyncio.create_task(self._read(self._line))

    async def close(self) -> None:
        """Leave the page. Idempotent."""
        if self._line is not None:
            self._line.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    async def invoke(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a live method; return what it returns.

        Raises:
            CallRefused: the method, or the server, refused.
            LineLost: the socket closed before an answer came.
        """
        if self._line is None or self.lost:
            raise LineLost(self.name)
        self._made += 1
        call = {
            "op": "invoke", "id": f"{self.name}-{id(self)}-{self._made}",
            "method": method, "args": args, "kwargs": kwargs,
        }  # fmt: skip
        answer = asyncio.get_running_loop().create_future()
        self._waiting[call["id"]] = answer
        await self._line.write_message(json.dumps(call))
        return await answer

    async def ping(self) -> None:
        """Return when the server has taken everything that was sent before.

        Raises:
            LineLost: the socket is closed.
        """
        if self._line is None or self.lost:
            raise LineLost(self.name)
        pong = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        await self._line.write_message('{"op":"ping"}')
        await pong

    def on_event(self, handler: Callable[[Event], None]) -> None:
        """Have *handler* called with every push from now on."""
        self._on_event.append(handler)

    async def heard(self, wanted: Callable[[Event], bool], seconds: float = 30.0) -> Event:
        """Return the first push that *wanted* accepts; wait for it if need be.

        Raises:
            TimeoutError: none came within *seconds*.
        """
        looked_at = 0
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events[looked_at:]:
                    if wanted(event):
                        return event
                looked_at = len(self.events)
                self._something.clear()
                await self._something.wait()

    # ---- what arrives ---------------------------------------------------------------------

    async def _read(self, line: WebSocketClientConnection) -> None:
        unacknowledged: deque[int] = deque()
        while (text := await line.read_message()) is not None:
            frame = json.loads(text)
            match frame["op"]:
                case "result" | "error":
                    self._settle(frame)
                case "event":
                    self._deliver(frame)
                    unacknowledged.append(frame["seq"])
                    if len(unacknowledged) >= 50:
                        line.write_message(json.dumps({"op": "ack", "seq": unacknowledged[-1]}))
                        unacknowledged.clear()
                case "status":
                    self.states.append(frame["state"])
                case "pong":
                    self._pongs.popleft().set_result(None)
            self._something.set()
        self.lost = True
        for answer in (*self._waiting.values(), *self._pongs):
            if not answer.done():
                answer.set_exception(LineLost(f"{self.name}: {line.close_code}"))
        self._waiting.clear()
        self._pongs.clear()

    def _settle(self, frame: dict[str, Any]) -> None:
        answer = self._waiting.pop(frame["id"], None)
        if answer is None or answer.done():
            return
        if frame["op"] == "result":
            self.answered[frame["id"]] = frame["data"]
            answer.set_result(frame["data"])
        else:
            answer.set_exception(CallRefused(frame["error"], frame["message"]))

    def _deliver(self, event: Event) -> None:
        self.seen = event["seq"]
        self.events.append(event)
        for handler in self._on_event:
            handler(event)
