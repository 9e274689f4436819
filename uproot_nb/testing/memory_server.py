"""MemoryServer: a participant server within the run's own event loop, without a network."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import tempfile
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tornado.httputil import HTTPFile, HTTPHeaders, parse_body_arguments

from uproot_nb.bots.line import ENDED
from uproot_nb.bots.requests import Body
from uproot_nb.bridge.channel import Channel, Gone, MemoryChannel, Receive, memory_pair
from uproot_nb.bridge.messages import (
    Action,
    AddPlayers,
    Backlog,
    BridgeMessage,
    CloseSession,
    CloseSocket,
    HttpReply,
    HttpRequest,
    Invoke,
    OpenSession,
    PageReport,
    Push,
    Reply,
    SetState,
    SocketClosed,
    SocketOpened,
)

__all__ = ["ROOT", "Answer", "MemoryLine", "MemoryServer"]

ROOT = "http://testing.invalid/"
"""The address of the participants' site; no network knows it."""
_PAGE = re.compile(r"/p/([^/]+)/(?:ws)?$")


class Answer:
    """What a bot's browser reads of an HTTP response."""

    def __init__(self, reply: HttpReply) -> None:
        self.code, self.body = reply.status, reply.body
        self.headers = HTTPHeaders(dict(reply.headers))


class MemoryServer:
    """Answers for the participant server: requests, sockets, and what the kernel sends to them."""

    has_lasting_links = False
    take_over = False
    epoch = 0

    def __init__(self) -> None:
        self.session = self.origin = ""
        self.show: Callable[[str], None] = lambda text: None
        self.state = "running"
        self.lines: dict[int, MemoryLine] = {}
        self._calls: dict[int, MemoryLine] = {}
        self._answers: dict[int, asyncio.Future[HttpReply]] = {}
        self._names: dict[str, str] = {}
        """The players' names by their tokens."""
        self._numbers = itertools.count(1)
        self._channel: Channel | None = None
        self._uploads: tempfile.TemporaryDirectory[str] | None = None

    # ---- the kernel's connection ----

    async def connect(self, receive: Receive, gone: Gone) -> tuple[MemoryChannel, str]:
        """Return the kernel's end of a channel in memory, and the participants' site."""
        near, _ = memory_pair(receive, gone, self._accept)
        return near, ROOT

    async def disconnect(self) -> None:
        """Forget the files that were sent with forms."""
        if self._uploads is not None:
            self._uploads.cleanup()
            self._uploads = None

    def _accept(self, channel: Channel, kernel: str) -> tuple[Receive, Gone]:
        self._channel = channel
        return self._receive, lambda: None

    def send(self, message: BridgeMessage) -> None:
        """Send a message to the kernel."""
        if self._channel is not None:
            self._channel.send(message)

    # ---- a bot's requests ----

    def name_of(self, url: str) -> str:
        """Return whose page an address is; "" if it is nobody's."""
        found = _PAGE.search(urlsplit(url).path)
        return self._names.get(found[1], "") if found else ""

    async def ask(self, url: str, body: Body | None = None) -> Answer:
        """Get an address, or post a form to it."""
        number, parts = next(self._numbers), urlsplit(url)
        name = self.name_of(url)
        action = "join" if "/join/" in parts.path else "page" if body is None else "submit"
        if action != "join" and not name:
            return Answer(HttpReply(number, 404, [], b""))
        form, files = ([], []) if body is None else self._read(number, body)
        answer: asyncio.Future[HttpReply] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.send(HttpRequest(
            number, self.session, name, action, form, parse_qsl(parts.query), "", files,
        ))  # fmt: skip
        return Answer(await answer)

    def _read(
        self, number: int, body: Body
    ) -> tuple[list[tuple[str, str]], list[tuple[str, str, str, str, int]]]:
        """Return the fields of a form, and the files that came with it."""
        data, kind = body
        if not kind.startswith("multipart"):
            return parse_qsl(data.decode(), keep_blank_values=True), []
        fields: dict[str, list[bytes]] = {}
        sent: dict[str, list[HTTPFile]] = {}
        parse_body_arguments(kind, data, fields, sent)
        form = [(name, text.decode()) for name, texts in fields.items() for text in texts]
        files = [(name, file) for name, some in sent.items() for file in some if file.filename]
        return form, [self._stored(number, name, file) for name, file in files]

    def _stored(self, number: int, name: str, file: HTTPFile) -> tuple[str, str, str, str, int]:
        if self._uploads is None:
            self._uploads = tempfile.TemporaryDirectory(prefix="uproot_nb-")
        path = Path(self._uploads.name, f"{number}-{len(list(Path(self._uploads.name).iterdir()))}")
        path.write_bytes(file.body)
        return name, Path(file.filename).name, file.content_type, str(path), len(file.body)

    # ---- sockets ----

    def open(self, line: MemoryLine) -> int:
        """Seat a page's socket, and return its number."""
        number = next(self._numbers)
        self.lines[number] = line
        line.write(json.dumps({"op": "status", "state": self.state}))
        self.send(SocketOpened(
            number, self.session, line.name, line.page, line.written, line.by
        ))  # fmt: skip
        return number

    def close(self, number: int) -> None:
        """Take a socket away."""
        line = self.lines.pop(number, None)
        if line is not None:
            self.send(SocketClosed(number, self.session, line.name))

    def call(self, line: MemoryLine, frame: dict[str, Any]) -> None:
        """Hand a call to the kernel."""
        number = next(self._numbers)
        self._calls[number] = line
        args, kwargs = (json.dumps(frame.get(key, empty)).encode() for key, empty in _PARTS)
        self.send(Invoke(
            number, line.number, self.session, line.name, line.page, frame["id"],
            frame["method"], args, kwargs,
        ))  # fmt: skip

    def report(self, line: MemoryLine, frame: dict[str, Any]) -> None:
        """Hand a report of the page's script to the kernel."""
        data = json.dumps(frame.get("data")).encode()
        self.send(PageReport(
            line.number, self.session, line.name, line.page, frame["what"], data
        ))  # fmt: skip

    # ---- from the kernel ----

    def _receive(self, messages: list[BridgeMessage]) -> None:
        for message in messages:
            self._carry_out(message)

    def _carry_out(self, message: BridgeMessage) -> None:
        match message:
            case HttpReply():
                answer = self._answers.pop(message.request, None)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case Reply():
                line = self._calls.pop(message.call, None)
                if line is not None:
                    line.answer(message.frame.decode())
            case Push():
                self._push(message)
            case Backlog():
                if message.socket in self.lines:
                    self.lines[message.socket].catch_up(message)
            case Action():
                for line in self._lines_of(set(message.players)):
                    line.write(message.frame.decode())
            case CloseSocket():
                if message.socket in self.lines:
                    self.lines[message.socket].lose(message.code)
            case OpenSession() | AddPlayers():
                self._names.update(message.tokens)
            case SetState():
                self._set_state(message.state)
            case CloseSession():
                self._set_state("closed")
                for line in list(self.lines.values()):
                    line.lose(ENDED)

    def _lines_of(self, players: set[str]) -> list[MemoryLine]:
        return [line for line in list(self.lines.values()) if line.name in players]

    def _push(self, message: Push) -> None:
        pages = dict(zip(message.players, message.positions or repeat(None), strict=False))
        for line in self._lines_of(set(pages)):
            if pages[line.name] in (None, line.page):
                line.push(message.seq, message.frame.decode())

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            for line in list(self.lines.values()):
                line.write(json.dumps({"op": "status", "state": state}))


_PARTS: tuple[tuple[str, Any], ...] = (("args", []), ("kwargs", {}))


class MemoryLine:
    """A page's socket, as `bots.line.Line` is over a network.

    It is *resuming* until the kernel has sent what the page has missed, as in `server/sockets.py`.
    """

    def __init__(
        self,
        server: MemoryServer,
        address: Callable[[], str],
        opened: Callable[[], None],
        received: Callable[[str], None],
        lost: Callable[[int], bool],
        by: str = "",
    ) -> None:
        self.by = by
        self._server, self._address = server, address
        self._opened, self._received, self._lost = opened, received, lost
        self.name = ""
        self.page = self.number = self.written = 0
        self.is_open = False
        self._is_resuming, self._waiting = True, list[str]()
        self._is_over = False
        asyncio.get_running_loop().call_soon(self._open)

    def _open(self) -> None:
        if self._is_over:
            return
        url = self._address()
        query = dict(parse_qsl(urlsplit(url).query))
        self.name, self.page = self._server.name_of(url), int(query["page"])
        self.written, self.is_open = int(query["since"]), True
        self.number = self._server.open(self)
        self._opened()

    def send(self, text: str) -> None:
        """Take a frame of the page."""
        frame = json.loads(text)
        if self.is_open and frame["op"] == "invoke":
            self._server.call(self, frame)
        elif self.is_open and frame["op"] == "report":
            self._server.report(self, frame)

    async def close(self) -> None:
        """Hang up. Idempotent."""
        self._is_over = True
        self._end()

    def lose(self, code: int) -> None:
        """Let the page lose its connection for good, or come back, as its code says."""
        self._end()
        if self._lost(code) and not self._is_over:
            self._is_resuming = True
            asyncio.get_running_loop().call_soon(self._open)

    def _end(self) -> None:
        if self.is_open:
            self.is_open = False
            self._server.close(self.number)

    def write(self, text: str) -> None:
        """Let the page have a frame."""
        if self.is_open:
            self._received(text)

    def push(self, seq: int, text: str) -> None:
        """Let the page have a push, unless it has it, or gets it with what it has missed."""
        if self.written < seq and not self._is_resuming:
            self.written = seq
            self.write(text)

    def answer(self, text: str) -> None:
        """Let the page have the outcome of a call, after what came before it."""
        if self._is_resuming:
            self._waiting.append(text)
        else:
            self.write(text)

    def catch_up(self, backlog: Backlog) -> None:
        """Let the page have what it has missed."""
        for seq, frame in backlog.frames:
            if seq > self.written:
                self.written = seq
                self.write(frame.decode())
        if backlog.action:
            self.write(backlog.action.decode())
        if not backlog.more:
            self.written = max(self.written, backlog.seq)
            self._is_resuming = False
            waiting, self._waiting = self._waiting, []
            for text in waiting:
                self.write(text)
