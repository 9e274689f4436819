"""World: a participant server, kernels and browsers, all in one event loop."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from tornado.websocket import websocket_connect

from uproot_nb.bridge.channel import Channel, memory_pair
from uproot_nb.bridge.discovery import Discovery
from uproot_nb.bridge.messages import (
    Backlog,
    BridgeMessage,
    HttpReply,
    HttpRequest,
    Invoke,
    OpenSession,
    Push,
    Reply,
    SocketOpened,
)
from uproot_nb.bridge.stream import Listener, dial, listen
from uproot_nb.server.limits import Limits
from uproot_nb.server.participants import ParticipantServer

TOKENS = {"token-of-ann-0123456789": "ann", "token-of-bob-0123456789": "bob"}
SECRET = "join-secret-0123456789"
PATIENCE = 10.0
BY_WEBSOCKET = {
    "world": pytest.mark.parametrize("world", ["memory", "stream"], indirect=True),
    "limited": pytest.mark.parametrize("limited", ["memory"], indirect=True),
}
"""Marks of tests about bytes, pings and goodbyes, which long polling has none of."""

Kind = TypeVar("Kind", bound=BridgeMessage)


Limited = Callable[..., Awaitable["World"]]


async def until(truth: Callable[[], Any]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not truth():
            await asyncio.sleep(0.001)


class Kernel:
    """Answers as a kernel does, and remembers what it heard."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.channel: Channel
        self.heard: list[BridgeMessage] = []
        self.gone = 0
        self.answers = True
        self.backlogs = True
        self.seq = 0
        self._news = asyncio.Event()

    def receive(self, messages: list[BridgeMessage]) -> None:
        for message in messages:
            self.heard.append(message)
            if isinstance(message, SocketOpened) and self.backlogs:
                self.send(Backlog(message.socket, self.seq, []))
            if isinstance(message, HttpRequest) and self.answers:
                told = f"{message.action} {message.player} {message.form} {message.query}"
                self.send(HttpReply(message.request, 200, [("X-Page", "yes")], told.encode()))
        self._news.set()

    def left(self) -> None:
        self.gone += 1
        self._news.set()

    def send(self, message: BridgeMessage) -> None:
        self.channel.send(message)

    async def expect(self, kind: type[Kind]) -> Kind:
        """Take the oldest message of *kind* that was not taken yet, waiting for it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self.heard:
                    if isinstance(message, kind):
                        self.heard.remove(message)
                        return message
                self._news.clear()
                await self._news.wait()

    async def serve(
        self, key: str = "key-market", tokens: dict[str, str] | None = None, state: str = "running"
    ) -> None:
        """Open a session, and wait until the server has it."""
        tokens = TOKENS if tokens is None else tokens
        self.send(OpenSession(key, key.removeprefix("key-"), SECRET, state, tokens))
        await until(lambda: self.serves(key))

    def serves(self, key: str = "key-market") -> bool:
        session = self.world.server.sessions.get(key)
        link = session.link if session else None
        return link is not None and link is self.world.link_of(self)

    def push(
        self,
        *players: str,
        data: Any = None,
        key: str = "key-market",
        positions: tuple[int, ...] = (),
    ) -> int:
        """Push *data* to players (who are on the pages *positions*) and return its seq."""
        self.seq += 1
        frame = msgspec.json.encode({"op": "event", "seq": self.seq, "event": None, "data": data})
        self.send(Push(key, self.seq, list(players), frame, list(positions)))
        return self.seq

    def answer(self, invoke: Invoke, data: Any = None) -> None:
        frame = msgspec.json.encode({"op": "result", "id": invoke.id, "data": data})
        self.send(Reply(invoke.call, frame))

    async def die(self) -> None:
        """Go without a word, as a killed process does."""
        link = self.world.link_of(self)
        self.channel.close()
        await until(lambda: link not in self.world.server.links)


class Connection(Protocol):
    """A browser's connection, whatever carries it."""

    close_code: int | None
    close_reason: str | None

    def write_message(self, message: str | bytes, binary: bool = False) -> Awaitable[None]:
        """Send a frame."""

    def read_message(self) -> Awaitable[str | bytes | None]:
        """Return the next frame; None at the end."""

    def close(self) -> None:
        """Close it."""


class PolledConnection:
    """A browser's connection by long polling, as a page's script holds it."""

    def __init__(self, world: World, path: str) -> None:
        self.world, self.path = world, path
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.link = ""
        self.got = self.sent = 0
        self._frames: deque[str] = deque()

    async def ask(self, op: str, frames: Sequence[str] = (), **more: Any) -> HTTPResponse:
        """Post a request."""
        link = {} if op == "open" else {"link": self.link}
        lines = [msgspec.json.encode({"op": op, **link, **more}).decode(), *frames]
        path = self.path if op == "open" else self.path.partition("?")[0]
        return await self.world.fetch(path, "\n".join(lines), request_timeout=60.0)

    async def open(self) -> None:
        """Open the link."""
        response = await self.ask("open")
        if response.code != 200:
            raise HTTPClientError(response.code)
        self.link = msgspec.json.decode(response.body)["link"]
        self._take(response)

    def _take(self, response: HTTPResponse) -> None:
        answer = msgspec.json.decode(response.body)
        if "refused" in answer:
            self.close_code = self.close_code or 1006
        elif answer["number"] != self.got:
            self.got = answer["number"]
            self._frames += [msgspec.json.encode(frame).decode() for frame in answer["frames"]]
            if "close" in answer:
                self.close_code, self.close_reason = answer["close"]

    async def write_message(self, message: str | bytes, binary: bool = False) -> None:
        """Send a frame, again and again until the server has taken it."""
        text = message if isinstance(message, str) else message.decode()
        self.sent += 1
        number, taken = self.sent, 0
        while taken < number and self.close_code is None:
            response = await self.ask("send", [text], first=number)
            if response.code != 200:
                return
            taken = msgspec.json.decode(response.body)["taken"]

    async def read_message(self) -> str | None:
        """Return the next frame; None at the end."""
        while not self._frames:
            if self.close_code is not None:
                self.close()
                return None
            self._take(await self.ask("wait", got=self.got))
        return self._frames.popleft()

    def close(self) -> None:
        """Leave the page."""
        asyncio.ensure_future(self.world.client.fetch(
            f"http://127.0.0.1:{self.world.server.port}/{self.path.partition('?')[0]}",
            method="POST", body=msgspec.json.encode({"op": "leave", "link": self.link}),
            raise_error=False,
        )).add_done_callback(lambda left: left.cancelled() or left.exception())  # fmt: skip


class Browser:
    """A participant's socket, seen from the browser."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def send(self, frame: Any) -> None:
        text = frame if isinstance(frame, str | bytes) else msgspec.json.encode(frame).decode()
        await self.connection.write_message(text, binary=isinstance(text, bytes))

    async def invoke(self, call: str, method: str = "post", *args: Any, **kwargs: Any) -> None:
        frame = {"op": "invoke", "id": call, "method": method, "args": args, "kwargs": kwargs}
        await self.send(frame)

    async def read(self) -> dict[str, Any] | None:
        """Return the next frame, None when the socket is closed."""
        async with asyncio.timeout(PATIENCE):
            text = await self.connection.read_message()
        return None if text is None else msgspec.json.decode(text)

    async def nothing_more(self) -> bool:
        """Say whether nothing was written to this socket that was not read."""
        await self.send({"op": "ping"})
        return await self.read() == {"op": "pong"}

    async def closed(self) -> int | None:
        """Read to the end; return the code that the socket was closed with."""
        while await self.read() is not None:
            pass
        return self.connection.close_code


def frame(
    opcode: int,
    payload: bytes,
    *,
    final: bool = True,
    masked: bool = True,
    rsv: int = 0,
    mask: bytes = b"",
) -> bytes:
    """Return a WebSocket frame's bytes."""
    size, bit = len(payload), 0x80 if masked else 0
    head = bytes([(0x80 if final else 0) | rsv | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    mask = (mask or os.urandom(4)) if masked else b""
    if masked:
        key = (mask * (size // 4 + 1))[:size]
        mixed = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
        payload = mixed.to_bytes(size, "big")
    return head + mask + payload


async def upgrade(port: int, path: str, **headers: str) -> RawBrowser:
    """Open a socket by hand; the handshake must succeed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(handshake(port, path, **headers))
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return RawBrowser(reader, writer)


def handshake(port: int, path: str, **headers: str) -> bytes:
    """Return a request for a WebSocket, with headers that differ from a browser's."""
    lines = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


class RawBrowser:
    """A socket that sends what no browser would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(
        self, opcode: int, payload: bytes, *, final: bool = True, masked: bool = True, rsv: int = 0
    ) -> None:
        self.writer.write(frame(opcode, payload, final=final, masked=masked, rsv=rsv))

    async def read(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame; (-1, b"") at the end."""
        async with asyncio.timeout(PATIENCE):
            try:
                first, size = await self.reader.readexactly(2)
                if size == 126:
                    size = int.from_bytes(await self.reader.readexactly(2), "big")
                elif size == 127:
                    size = int.from_bytes(await self.reader.readexactly(8), "big")
                return first & 15, await self.reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                return -1, b""

    async def close_code(self) -> int | None:
        """Read on to the goodbye; None if there is none."""
        while True:
            opcode, payload = await self.read()
            if opcode == 8:
                return int.from_bytes(payload[:2], "big") if payload else 1005
            if opcode == -1:
                return None


class World:
    """The server, and ways to reach it."""

    def __init__(self, line: str, folder: Path) -> None:
        self.line, self.folder = line, folder
        """*line* is the kernel's: "memory" or "stream"; "polling" is memory, without WebSockets."""
        self.options: dict[str, Any] = {}
        self.server: ParticipantServer
        self.kernels: list[Kernel] = []
        self._links: dict[Kernel, Any] = {}
        self._listener: Listener | None = None
        self._browsers: list[Connection | asyncio.StreamWriter] = []
        self.client = AsyncHTTPClient(force_instance=True)

    async def start(self, **limits: Any) -> ParticipantServer:
        """Start the server, with *limits* that differ from the usual."""
        chosen = {"page_patience": 0.2, "form_patience": 5.0, "report_interval": 0.02, **limits}
        self.server = ParticipantServer(Limits(**chosen), **self.options)
        self.server.start(0)
        return self.server

    async def kernel(self, kernel_id: str = "") -> Kernel:
        """Connect a kernel."""
        kernel = Kernel(self)
        self.kernels.append(kernel)
        before = set(self.server.links)
        if self.line != "stream":
            kernel.channel, _ = memory_pair(
                kernel.receive, kernel.left, self.server.attach, kernel_id
            )
        else:
            if self._listener is None:
                self._listener = await listen(
                    self.folder, "token", self.server.attach, url=self.server.url
                )
            found = Discovery(self._listener.address, "token", "", os.getpid())
            kernel.channel = await dial(found, kernel.receive, kernel.left, kernel=kernel_id)
        (self._links[kernel],) = self.server.links - before
        return kernel

    @property
    def unanswered(self) -> list[int]:
        """The numbers of the calls that no kernel has answered."""
        return [call for session in self.server.sessions for call in session.pressure.calls]

    def link_of(self, kernel: Kernel) -> Any:
        return self._links[kernel]

    async def fetch(
        self, path: str, body: str | bytes | None = None, **options: Any
    ) -> HTTPResponse:
        """Ask for *path* below the root; POST if there is a *body*."""
        options = {"follow_redirects": False, "raise_error": False, **options}
        if body is not None:
            options = {"method": "POST", "body": body, **options}
        url = f"http://127.0.0.1:{self.server.port}/{path}"
        return await self.client.fetch(url, **options)

    async def connect(
        self, player: str = "ann", page: object = 0, since: object = 0, token: str = ""
    ) -> Browser:
        """Open a player's socket; its first frame (the session's state) is left unread."""
        token = token or f"token-of-{player}-0123456789"
        return await self.browse(f"p/{token}/ws?page={page}&since={since}")

    async def wait_in(self, room: str, query: str = "") -> Browser:
        """Open the socket of somebody who waits in a room."""
        return await self.browse(f"room/{room}/ws{query}")

    async def browse(self, path: str) -> Browser:
        """Open the socket at *path* below the root, by whatever carries this world's sockets."""
        connection: Connection
        if self.line == "polling":
            connection = polled = PolledConnection(self, path.replace("/ws", "/poll"))
            await polled.open()
        else:
            connection = await websocket_connect(f"ws://127.0.0.1:{self.server.port}/{path}")
        self._browsers.append(connection)
        return Browser(connection)

    async def play(self, player: str = "ann", page: int = 0, since: int = 0) -> Browser:
        """Open a player's socket, and wait until it takes part."""
        browser = await self.connect(player, page, since)
        assert await browser.read() == {"op": "status", "state": "running"}
        place = self.server.sessions.player(_token(player))
        assert place is not None
        await until(lambda: not self.server.sockets.of_player(place)[-1].resuming)
        return browser

    async def raw(self, player: str = "ann", **headers: str) -> RawBrowser:
        """Open a player's socket by hand."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self._browsers.append(writer)
        path = f"/p/{_token(player)}/ws?page=0&since=0"
        writer.write(handshake(self.server.port, path, **headers))
        self.handshake = await reader.readuntil(b"\r\n\r\n")
        return RawBrowser(reader, writer)

    async def stop(self) -> None:
        for browser in self._browsers:
            browser.close()
        if self._listener is not None:
            self._listener.close()
        await self.server.stop()
        for kernel in self.kernels:
            kernel.channel.close()
        self.client.close()


def _token(player: str) -> str:
    return f"token-of-{player}-0123456789"
