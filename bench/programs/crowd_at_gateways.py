"""Ten thousand participants at several gateways, each with a call now and then.

Usage:
    python crowd_at_gateways.py kernel BRIDGE COUNT DATABASE    serve; print the links; wait
    python crowd_at_gateways.py clients                         connect and call as asked

The clients are sockets of asyncio without a WebSocket library, so that thousands fit into a
process. They read `{"urls": [...], "origin": "…", "period": 10, "seconds": 60}`, print "connected",
wait for a line, and then call by the clock, whether or not earlier calls are answered.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import resource
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from uproot_nb import Page, live, serve

_PATIENCE = 30.0
"""Seconds for a connection, and after the last call for its answer."""
_AT_ONCE = 32
"""Connections that are being opened at the same time."""
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class Arena(Page):
    """Stores what is sent."""

    @live
    def store(page, player, x: int) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
        player.x = x
        return x


class Client(asyncio.Protocol):
    """One participant's socket; `answered` gets how long each call took, in seconds."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._unread = b""
        self._sent: dict[bytes, float] = {}
        self._load = secrets.token_hex(4)
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered: list[float] = []
        self.refused = 0
        self.calls = 0
        self.lost = False
        self._transport: asyncio.Transport | None = None

    @property
    def unanswered(self) -> int:
        return len(self._sent)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.open.done():
            self.open.set_exception(ConnectionError(f"refused: {self._unread[:200]!r}"))

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if not self.open.done():
            head, end, rest = self._unread.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.open.set_exception(ConnectionError(head[:200].decode("latin-1")))
                return
            self._unread = rest
            self.open.set_result(None)
        while self._read_frame():
            pass

    def _read_frame(self) -> bool:
        """Handle the first whole frame; return whether there was one."""
        data = self._unread
        if len(data) < 2:
            return False
        size, at = data[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(data) < at:
                return False
            size = int.from_bytes(data[2:at], "big")
        if len(data) < at + size:
            return False
        payload, self._unread = data[at : at + size], data[at + size :]
        self._take(data[0] & 15, payload)
        return True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._write(_PONG, payload)
        elif opcode == _TEXT and payload.startswith((b'{"op":"result"', b'{"op":"error"')):
            found = json.loads(payload)
            began = self._sent.pop(found["id"].encode(), None)
            if began is not None:
                self.answered.append(time.perf_counter() - began)
                self.refused += found["op"] == "error"

    def call(self) -> None:
        """Call once more."""
        if self.lost:
            return
        self.calls += 1
        number = f"{self._load}-{self.calls}".encode()
        self._sent[number] = time.perf_counter()
        text = b'{"op":"invoke","id":"%b","method":"store","args":[%d]}' % (number, self.calls)
        self._write(_TEXT, text)

    def _write(self, opcode: int, payload: bytes) -> None:
        """Write a short frame, masked by zeros."""
        assert self._transport is not None
        head = bytes([0x80 | opcode, 0x80 | len(payload)])
        self._transport.write(head + bytes(4) + payload)


async def _connect(url: str, origin: str, gate: asyncio.Semaphore) -> Client:
    parts = urlsplit(url)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    lines = [
        f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Origin: {origin}",
        "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13", "", "",
    ]  # fmt: skip
    request = "\r\n".join(lines).encode()
    async with gate:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(
            lambda: Client(request), parts.hostname, parts.port
        )
        await asyncio.wait_for(client.open, _PATIENCE)
        return client


async def _call_by_the_clock(clients: list[Client], period: float, seconds: float) -> list[float]:
    """Let everybody call once in each *period*, one after the other; return by how much late."""
    late, begun = [], time.perf_counter()
    for number in range(int(len(clients) * seconds / period)):
        due = begun + number * period / len(clients)
        wait = due - time.perf_counter()
        if wait > 0.001:  # else several are due
            await asyncio.sleep(wait)
        elif number % 16 == 0:
            await asyncio.sleep(0)  # answers are read meanwhile
        late.append(max(0.0, time.perf_counter() - due))
        clients[number % len(clients)].call()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while any(one.unanswered and not one.lost for one in clients):
                await asyncio.sleep(0.05)
    return late


async def _run_clients() -> None:
    job: dict[str, Any] = json.loads(sys.stdin.readline())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gate = asyncio.Semaphore(_AT_ONCE)
    connecting = (_connect(url, origin, gate) for url, origin in job["urls"])
    clients = list(await asyncio.gather(*connecting))
    gc.collect()
    gc.freeze()
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    late = await _call_by_the_clock(clients, job["period"], job["seconds"])
    print(
        json.dumps(
            {
                "lost": sum(one.lost for one in clients),
                "calls": sum(one.calls for one in clients),
                "unanswered": sum(one.unanswered for one in clients),
                "refused": sum(one.refused for one in clients),
                "seconds": [round(taken, 6) for one in clients for taken in one.answered],
                "late": [round(one, 6) for one in late],
            }
        ),
        flush=True,
    )


def _serve(bridge: str, count: int, database: str) -> None:
    run = serve([Arena], players=count, name="crowd", db=database, bridge=bridge)
    run.advance(list(run.players))
    print(json.dumps(list(run.links["url"])), flush=True)
    sys.stdin.readline()
    run.close()


def main(role: str, *arguments: str) -> None:
    """Do what the first argument says."""
    if role == "kernel":
        bridge, count, database = arguments
        _serve(bridge, int(count), database)
    else:
        asyncio.run(_run_clients())


if __name__ == "__main__":
    main(*sys.argv[1:])
