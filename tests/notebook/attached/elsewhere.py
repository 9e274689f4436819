"""Elsewhere: a run with the monitor's address, to attach to from the test."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import tornado.test

from tests.running import serving
from uproot_nb import AttachedRun, Page, Run, attach
from uproot_nb.bridge.messages import Role
from uproot_nb.server import participants
from uproot_nb.server.steward.own_address import StewardServer
from uproot_nb.server.steward.tokens import StewardTokens

_TORNADO_TEST = Path(tornado.test.__file__).parent


class Elsewhere:
    """A run, and the server at which stewards and viewers come in; both are in this process."""

    def __init__(self, run: Run, server: participants.ParticipantServer) -> None:
        self.run, self.tokens = run, StewardTokens()
        self.server = StewardServer(server, self.tokens)
        self._do(self._start())

    @property
    def url(self) -> str:
        return self.server.url

    def attach(self, role: Role = "steward", session: str | None = None) -> AttachedRun:
        return attach(self.url, self.tokens.token(role), session)

    def stop(self) -> None:
        self._do(self.server.stop())

    def start_again(self) -> None:
        """Start the server again, at the same port."""
        port = self.server.port
        self.stop()
        self._do(self._start(port))

    async def _start(self, port: int = 0) -> None:
        self.server.start(port)

    def _do(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.run._runtime.loop).result(40)


@contextmanager
def elsewhere(*pages: type[Page], **options: Any) -> Iterator[Elsewhere]:
    """Serve pages with the monitor's address until the block ends."""
    made: list[participants.ParticipantServer] = []
    start = participants.start_embedded

    async def start_and_note(*given: Any, **named: Any) -> Any:
        server, channel, url = await start(*given, **named)
        made.append(server)
        return server, channel, url

    with (
        mock.patch.object(participants, "start_embedded", start_and_note),
        serving(*pages, **options) as run,
    ):
        there = Elsewhere(run, made[0])
        yield there
        if not run.closed:
            there.stop()


@contextmanager
def another_server(status: int, body: str, *, https: bool = False) -> Iterator[str]:
    """Serve the same answer at each address; yield the root.

    Args:
        https: whether by HTTPS, with a certificate that nobody has signed.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if https:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_TORNADO_TEST / "test.crt", _TORNADO_TEST / "test.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'https' if https else 'http'}://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
