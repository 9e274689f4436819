"""World: a participant server, kernels and browsers, all in one event loop."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

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


class Browser:
    """A participant's socket, seen from the browser."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
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
        self.options: dict[str, Any] = {}
        self.server: ParticipantServer
        self.kernels: list[Kernel] = []
        self._links: dict[Kernel, Any] = {}
        self._listener: Listener | None = None
        self._browsers: list[WebSocketClientConnection | asyncio.StreamWriter] = []
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
        if self.line == "memory":
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
        path = f"p/{token}/ws?page={page}&since={since}"
        connection = await websocket_connect(f"ws://127.0.0.1:{self.server.port}/{path}")
        self._browsers.append(connection)
        return Browser(connection)

    async def wait_in(self, room: str, query: str = "") -> Browser:
        """Open the socket of somebody who waits in a room."""
        return await self.browse(f"room/{room}/ws{query}")

    async def browse(self, path: str) -> Browser:
        """Open the socket at *path* below the root."""
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
