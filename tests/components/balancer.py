"""Balancer: a load balancer without sticky sessions, in the test's loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Self

__all__ = ["Balancer"]

_CONNECT_SECONDS = 2.0


class Balancer:
    """Hands each new connection to the next port in turn, past those where nobody answers.

    async with Balancer() as balancer:
        balancer.ports = [8601, 8602]
        balancer.url

    With one port it is a cable that a test can cut.
    """

    def __init__(self) -> None:
        self.places: list[tuple[str, int]] = []
        """Host and port of each server."""
        self.flows = asyncio.Event()
        """Cleared while nothing may pass: connections stay open, as in a partition."""
        self.flows.set()
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ports(self) -> list[int]:
        """The ports of servers on this machine."""
        return [port for _, port in self.places]

    @ports.setter
    def ports(self, ports: list[int]) -> None:
        self.places = [("127.0.0.1", port) for port in ports]

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The root of the participants' site."""
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.flows.set()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Cut all connections."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await self._find()
        except ConnectionError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(
            self._pass_on(reader, far_writer),
            self._pass_on(far_reader, writer),
        )

    async def _find(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        places = list(self.places)
        for _ in places:
            host, port = places[next(self._turn) % len(places)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(host, port)
        raise ConnectionError("nobody answers")

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self._open.discard(writer)
