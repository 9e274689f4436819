"""Lab: a real Jupyter server with the extension, and a kernel's end of the bridge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import websocket_connect

from tests.server.worlds import SECRET, TOKENS, Browser, until
from uproot_nb.bridge.discovery import find_server
from uproot_nb.bridge.messages import (
    Backlog,
    BridgeMessage,
    HttpReply,
    Invoke,
    OpenSession,
    Reply,
    SocketOpened,
)
from uproot_nb.bridge.messages import (
    HttpRequest as Asked,
)
from uproot_nb.bridge.stream import StreamChannel, dial
from uproot_nb.server.app import UprootNB

LOGIN = {"Authorization": "token jupyter-token"}


class Lab:
    """A Jupyter server with the extension, and a kernel that serves a market."""

    def __init__(self, app: ServerApp, port: int) -> None:
        self.app, self.port = app, port
        self.extension = UprootNB(parent=None)
        self.client = AsyncHTTPClient(force_instance=True)
        self.channel: StreamChannel | None = None
        self.heard: list[BridgeMessage] = []

    async def start(self) -> None:
        self.extension._link_jupyter_server_extension(self.app)
        self.extension.initialize()  # type: ignore[no-untyped-call]
        await self.extension._start_jupyter_server_extension(self.app)

    async def serve(self, kernel: str = "") -> StreamChannel:
        found = find_server(folder=Path(self.app.runtime_dir))
        assert found is not None
        self.channel = await dial(found, self._receive, lambda: None, kernel=kernel)
        self.channel.send(OpenSession("key-market", "market", SECRET, "running", TOKENS))
        await until(lambda: self.extension.participants.sessions.get("key-market"))
        return self.channel

    def _receive(self, messages: list[BridgeMessage]) -> None:
        assert self.channel is not None
        self.heard += messages
        for message in messages:
            if isinstance(message, SocketOpened):
                self.channel.send(Backlog(message.socket, 0, []))
            elif isinstance(message, Invoke):
                self.channel.send(Reply(message.call, b'{"op":"result","id":"a","data":1}'))
            elif isinstance(message, Asked):
                policy = [("Content-Security-Policy", "default-src *"), ("Set-Cookie", "a=b")]
                body = f"{message.action} {message.player} {message.form}".encode()
                self.channel.send(HttpReply(message.request, 200, policy, body))

    async def fetch(self, path: str, *, port: int = 0, **options: Any) -> HTTPResponse:
        options = {"follow_redirects": False, "raise_error": False, **options}
        return await self.client.fetch(f"http://127.0.0.1:{port or self.port}/{path}", **options)

    async def connect(self, path: str, origin: str = "", port: int = 0) -> Browser:
        headers = {"Origin": origin} if origin else {}
        address = f"ws://127.0.0.1:{port or self.port}/{path}"
        return Browser(await websocket_connect(HTTPRequest(address, headers=headers)))

    @property
    def own_port(self) -> int:
        return self.extension.participants.port
