"""Desk: a server that has the monitor's own address, a kernel, and those who watch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.server.worlds import PATIENCE, Kernel, World
from uproot_nb.bridge.messages import HttpReply, Role, StewardNews, StewardOpened, StewardRequest
from uproot_nb.server.steward.own_address import StewardServer
from uproot_nb.server.steward.tokens import StewardTokens


class Page:
    """A monitor's page, seen from its browser."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.states: list[str] = []

    async def read(self) -> dict[str, Any] | None:
        async with asyncio.timeout(PATIENCE):
            text = await self.connection.read_message()
        return None if text is None else msgspec.json.decode(text)

    async def state(self) -> str:
        """Return the state that comes next."""
        message = await self.read()
        assert message is not None
        assert message["op"] == "link"
        return str(message["state"])

    async def send(self, message: Any) -> None:
        text = message if isinstance(message, str | bytes) else msgspec.json.encode(message)
        await self.connection.write_message(text, binary=isinstance(message, bytes))

    async def closed(self) -> int | None:
        while await self.read() is not None:
            pass
        return self.connection.close_code


class Desk:
    """Everything, in one loop."""

    def __init__(self, folder: Path, public_url: str = "") -> None:
        self.world = World("memory", folder)
        self._public_url = public_url
        self.tokens = StewardTokens()
        self.kernel: Kernel
        self.server: StewardServer
        self._pages: list[Page] = []

    async def start(self) -> None:
        await self.world.start()
        self.kernel = await self.world.kernel()
        await self.kernel.serve()
        self.open_port()

    def open_port(self, tokens: StewardTokens | None = None, port: int = 0) -> None:
        """Serve the monitor on a port of its own."""
        self.tokens = tokens or self.tokens
        self.server = StewardServer(self.world.server, self.tokens, self._public_url)
        self.server.start(port)

    async def stop(self) -> None:
        for page in self._pages:
            page.connection.close()
        await self.server.stop()
        await self.world.stop()

    def headers(self, who: str) -> dict[str, str]:
        """Return what *who* shows: a role, with "cookie " before it, or something else."""
        kind, _, role = who.rpartition(" ")
        if role not in ("steward", "viewer"):
            return {"Authorization": f"Bearer {who}"} if who else {}
        asked: Role = "steward" if role == "steward" else "viewer"
        if kind == "cookie":
            return {"Cookie": f"{self.cookie_name}={self.tokens.cookie(asked)}"}
        return {"Authorization": f"Bearer {self.tokens.token(asked)}"}

    @property
    def cookie_name(self) -> str:
        return f"uproot-nb-monitor-{self.server.port}"

    async def ask(
        self, path: str, who: str = "", method: str = "GET", body: Any = None, **headers: str
    ) -> HTTPResponse:
        """Ask as *who*; redirects are not followed."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HTTPRequest(
            f"http://127.0.0.1:{self.server.port}/{path}", method=method,
            headers={**self.headers(who), **given}, follow_redirects=False,
            body=urlencode(body) if isinstance(body, dict) else body,
            allow_nonstandard_methods=True, request_timeout=PATIENCE,
        )  # fmt: skip
        return await self.world.client.fetch(request, raise_error=False)

    async def open(self, who: str = "steward", name: str = "market", **headers: str) -> Page:
        """Open the WebSocket of a page; raises HTTPClientError if it is refused."""
        url = f"ws://127.0.0.1:{self.server.port}/monitor/{name}/ws"
        request = HTTPRequest(url, headers={**self.headers(who), **headers})
        page = Page(await websocket_connect(request))
        self._pages.append(page)
        return page

    async def watch(self, who: str = "steward", name: str = "market") -> tuple[Page, int]:
        """Open a page that a kernel serves; return it and its number there."""
        page = await self.open(who, name)
        opened = await self.kernel.expect(StewardOpened)
        assert await page.state() == "here"
        return page, opened.socket

    def news(self, socket: int, **message: Any) -> None:
        """Send a page something from the kernel."""
        self.kernel.send(StewardNews(socket, msgspec.json.encode(message)))

    async def answered(self, asking: Any, status: int = 200, **body: Any) -> HTTPResponse:
        """Let the kernel answer what is asked meanwhile; return what came of it."""
        waiting = asyncio.ensure_future(asking)
        asked = await self.kernel.expect(StewardRequest)
        headers = [("Content-Type", "application/json"), ("Set-Cookie", "a=b")]
        self.kernel.send(
            HttpReply(
                asked.request, status, headers, msgspec.json.encode({**body, "role": asked.role})
            )
        )
        response: HTTPResponse = await waiting
        return response
