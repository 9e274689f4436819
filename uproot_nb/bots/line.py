"""Line: a page's connection, which reconnects automatically as a browser's does."""

from __future__ import annotations

import asyncio
import random
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from contextlib import suppress

from tornado.httpclient import HTTPError
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from uproot_nb.bots.polled_socket import PolledSocket, connect_by_polling

__all__ = ["BAD_FRAME", "BAD_TOKEN", "ENDED", "TOO_LARGE", "Line"]

TRY_AGAIN = 4425
BAD_FRAME, BAD_TOKEN, ENDED, TOO_SLOW, TOO_LARGE, TOO_FAST = 4400, 4403, 4404, 4408, 4413, 4429
PING_EVERY, PONG_WITHIN = 20.0, 10.0
OPEN_WITHIN = 10.0
STEADY_AFTER = 5.0
FIRST_RETRY, LAST_RETRY = 0.2, 10.0
GOODBYE_WITHIN = 1.0


class Line:
    """Keeps one page connected until it is closed; the pauses are those of `uproot.js`.

    Args:
        address: where to connect to, asked again for every attempt.
        opened: is called on each connection.
        received: gets each text.
        lost: gets the close code (0: none) of each lost connection; returns False to give up.
        polling: connect by long polling, as where WebSockets are blocked.
    """

    def __init__(
        self,
        address: Callable[[], str],
        opened: Callable[[], None],
        received: Callable[[str], None],
        lost: Callable[[int], bool],
        rng: random.Random,
        *,
        polling: bool = False,
    ) -> None:
        self._address, self._rng, self._polling = address, rng, polling
        self._opened, self._received, self._lost = opened, received, lost
        self._socket: WebSocketClientConnection | PolledSocket | None = None
        self._heard = 0.0
        self._attempt = 0
        self.connections = 0
        """How many connections there have been."""
        self._goodbye: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep())

    @property
    def is_open(self) -> bool:
        """Whether the page is connected now."""
        return self._socket is not None

    def send(self, text: str) -> None:
        """Write a text; does nothing while disconnected."""
        if self._socket is None:
            return
        with suppress(WebSocketError):  # it is closing: calls are sent again on the next line
            written = self._socket.write_message(text)
            written.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def close(self) -> None:
        """Close the connection for good. Idempotent."""
        _end(self._goodbye)
        await asyncio.wait([self._task], timeout=OPEN_WITHIN)

    async def _keep(self) -> None:
        while not self._goodbye.done():
            code = await self._stay()
            if self._goodbye.done() or not self._lost(code):
                return
            await asyncio.wait([self._goodbye], timeout=self._pause(code))

    async def _stay(self) -> int:
        """Connect, and return the code by which the connection ended."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def take(text: str | bytes | None) -> None:
            self._heard = time.monotonic()
            if text is None:
                _end(over)
            elif not self._goodbye.done():
                self._received(text if isinstance(text, str) else text.decode())

        try:
            socket = await self._connect(take)
        except (OSError, HTTPError, WebSocketError):
            return 0
        self._socket = socket
        self.connections += 1
        begun = time.monotonic()
        try:
            self._opened()
            await self._listen(over)
            return socket.close_code or 0
        finally:
            self._socket = None
            if time.monotonic() - begun > STEADY_AFTER:
                self._attempt = 0
            socket.close()
            await asyncio.wait([over], timeout=GOODBYE_WITHIN)

    async def _connect(
        self, take: Callable[[str | bytes | None], None]
    ) -> WebSocketClientConnection | PolledSocket:
        if self._polling:
            return await connect_by_polling(self._address(), OPEN_WITHIN, take)
        return await websocket_connect(
            self._address(), connect_timeout=OPEN_WITHIN, on_message_callback=take
        )

    async def _listen(self, over: asyncio.Future[None]) -> None:
        """Return when the connection is over; a dead one looks open, so ask now and then."""
        ends = [over, self._goodbye]
        while True:
            done, _ = await asyncio.wait(ends, timeout=PING_EVERY, return_when=FIRST_COMPLETED)
            if done:
                return
            asked = time.monotonic()
            self.send('{"op":"ping"}')
            done, _ = await asyncio.wait(ends, timeout=PONG_WITHIN, return_when=FIRST_COMPLETED)
            if done or self._heard < asked:
                return

    def _pause(self, code: int) -> float:
        if code == TOO_SLOW and self._attempt == 0:
            self._attempt = 1
            return 0.0
        if code == TRY_AGAIN:
            self._attempt = min(self._attempt, 2)
        if code == TOO_FAST:
            self._attempt = max(self._attempt, 4)
        ceiling = min(LAST_RETRY, FIRST_RETRY * 2.0**self._attempt)
        self._attempt += 1
        return ceiling * (0.5 + self._rng.random() / 2)


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
