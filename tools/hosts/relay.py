"""Relay: a line to a port of this machine, on which either direction can stop."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress

__all__ = ["Relay", "free_port"]

_CHUNK = 65_536


class Relay:
    """Passes on what comes to its port, in a thread of its own, while it may.

        relay = Relay(server_port)
        connect(relay.port)
        relay.asks_pass = relay.answers_pass = False   # connections stay open, and nothing comes
        relay.cut()                                    # every connection is reset
        relay.close()

    What was stopped passes once it may again.

    Args:
        address: another one than 127.0.0.1 of this machine; the port is then the server's.
    """

    def __init__(self, server_port: int, address: str = "127.0.0.1") -> None:
        self._server_port = server_port
        self._may_pass = {True: asyncio.Event(), False: asyncio.Event()}
        for event in self._may_pass.values():
            event.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        port = 0 if address == "127.0.0.1" else server_port
        self._listener = socket.create_server((address, port))
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def asks_pass(self) -> bool:
        """Whether what clients send comes to the server."""
        return self._may_pass[True].is_set()

    @asks_pass.setter
    def asks_pass(self, value: bool) -> None:
        self._let(True, value)

    @property
    def answers_pass(self) -> bool:
        """Whether what the server sends comes to its clients."""
        return self._may_pass[False].is_set()

    @answers_pass.setter
    def answers_pass(self, value: bool) -> None:
        self._let(False, value)

    def stall(self) -> None:
        """Let nothing pass, in either direction; nobody is told."""
        self.asks_pass = self.answers_pass = False

    def work(self) -> None:
        """Let everything pass again, what was stopped first."""
        self.asks_pass = self.answers_pass = True

    def cut(self) -> None:
        """Reset all connections; new ones are taken."""
        self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        """End. Idempotent."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    def _let(self, asks: bool, pass_: bool) -> None:
        event = self._may_pass[asks]

        async def change() -> None:
            (event.set if pass_ else event.clear)()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._relay, sock=self._listener)

    async def _end(self) -> None:
        self._server.close()
        for event in self._may_pass.values():
            event.set()
        await asyncio.sleep(0)  # who waited for a line goes on, and is found with the others
        while self._tasks:
            self._abort()
            await asyncio.wait(self._tasks, timeout=0.1)

    def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._tasks.discard)
        await self._may_pass[True].wait()  # a line that is cut reaches nobody
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        await asyncio.gather(
            self._pass_on(reader, far_writer, True), self._pass_on(far_reader, writer, False)
        )
        self._writers -= {writer, far_writer}

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asks: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._may_pass[asks].wait()
                writer.write(data)
                await writer.drain()
            await self._may_pass[asks].wait()
        writer.close()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
