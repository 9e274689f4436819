"""PolledTransport: a browser's connection by long polling, as the transport below a WebSocket.

A socket of this server reads and writes frames, whatever carries them. Here requests do: what it
writes is collected until the browser asks, and what the browser posts is handed to it as frames.
So all that sockets check, limit and promise holds without a WebSocket, too.

Each answer with frames has a number, and is repeated until the browser asks for what comes after
it; each frame of the browser has a number, and is taken once.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator, Sequence

import msgspec

from uproot_nb.server.websocket import WebSocket

__all__ = ["POLLING", "PolledTransport"]

POLLING = "polling"
"""What `get_extra_info("by")` of this transport returns."""
_TEXT, _CLOSE, _PONG = 0x1, 0x8, 0xA
_FIN, _MASKED = 0x80, 0x80
_NO_MASK = bytes(4)
_NEWS, _REPLACED, _GONE = "news", "replaced", "gone"
_ALIVE = bytes([_FIN | _PONG, _MASKED]) + _NO_MASK
"""A request of the browser shows that it is there, as the answer to a ping does."""


class PolledTransport(asyncio.Transport):
    """What one browser has sent and not yet received.

    Args:
        protocol: the socket, which takes and writes whole frames.
        attended: is called with True when the browser begins to wait, and with False when it is
            answered.
        closed: is called when the connection is gone.
    """

    __slots__ = (
        "_answer", "_asking", "_attended", "_closed", "_frames", "_goodbye", "_is_closed",
        "_number", "_paused", "_protocol", "_unsent", "owes_goodbye", "taken",
    )  # fmt: skip

    def __init__(
        self,
        protocol: WebSocket,
        attended: Callable[[PolledTransport, bool], None],
        closed: Callable[[PolledTransport], None],
    ) -> None:
        super().__init__()
        self._protocol, self._attended, self._closed = protocol, attended, closed
        self.taken = 0
        """How many frames of the browser the socket has."""
        self.owes_goodbye = False
        """Whether the socket has said goodbye, and no answer has taken it to the browser."""
        self._frames: list[bytes] = []
        self._unsent = 0
        self._answer = b""
        self._number = 0
        self._goodbye: tuple[int, str] | None = None
        self._asking: asyncio.Future[str] | None = None
        self._paused = self._is_closed = False

    # ---- from the browser -----------------------------------------------------------------

    async def next_answer(self, got: int, patience: float) -> bytes:
        """Return the frames after answer number *got*, as soon as there are any.

        The answer is empty after *patience* seconds, or if the browser has asked once more.
        """
        if got > self._number:
            self._protocol.refuse(4400, "malformed")
        elif got < self._number - 1:
            return self._empty()  # a request that was overtaken
        elif got == self._number:
            self._forget_answer()
        self._show_life()
        if self._has_news:
            if self._asking is None:
                self._attended(self, False)
        elif not await self._news(patience):
            return self._empty()
        return self._answer or self._make_answer()

    def take(self, first: int, frames: Sequence[bytes]) -> int:
        """Hand the browser's *frames* on, from number *first*; return how many it has sent so far.

        Frames that the socket has are passed over. While it holds reading, the rest stays with the
        browser, as after a gap.
        """
        self._show_life()
        for number, frame in enumerate(frames, first):
            if number == self.taken + 1 and not self._paused and not self._is_closed:
                self.taken = number
                self._protocol.data_received(_frame_of_browser(frame))
        return self.taken

    def hang_up(self) -> None:
        """End the browser's request: it has closed the connection."""
        self._wake(_GONE)

    async def _news(self, patience: float) -> bool:
        """Wait for something to send; return whether this request should get it."""
        self._wake(_REPLACED)
        asking = self._asking = asyncio.get_running_loop().create_future()
        self._attended(self, True)
        try:
            async with asyncio.timeout(patience):
                return (await asking) is _NEWS
        except TimeoutError:
            return False
        finally:
            if self._asking is asking:
                self._asking = None
                self._attended(self, False)

    def _wake(self, why: str) -> None:
        if self._asking is not None and not self._asking.done():
            self._asking.set_result(why)

    def _show_life(self) -> None:
        if not self._paused and not self._is_closed:
            self._protocol.data_received(_ALIVE)

    # ---- answers --------------------------------------------------------------------------

    @property
    def _has_news(self) -> bool:
        return bool(self._answer or self._frames or self._goodbye or self._is_closed)

    def _empty(self) -> bytes:
        return b'{"number":%d}' % self._number

    def _make_answer(self) -> bytes:
        """Put all that is unsent into an answer, which is stored until the browser has it."""
        if not (self._frames or self._goodbye):
            return self._empty()
        self._number += 1
        self.owes_goodbye = False
        close = b',"close":%b' % msgspec.json.encode(self._goodbye) if self._goodbye else b""
        frames = b",".join(self._frames)
        self._frames.clear()
        self._answer = b'{"number":%d,"frames":[%b]%b}' % (self._number, frames, close)
        self._unsent = len(self._answer)
        return self._answer

    def _forget_answer(self) -> None:
        self._unsent -= len(self._answer)
        self._answer = b""

    # ---- for the socket -------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the socket's frames; after a ping, the browser is answered, and asks again."""
        for opcode, payload in _frames_of_server(bytes(data)):
            if opcode == _TEXT:
                self._frames.append(payload)
                self._unsent += len(payload)
            elif opcode == _CLOSE:
                code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode()
                self._goodbye = code, reason
                self.owes_goodbye = True
        self._wake(_NEWS)

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def get_extra_info(self, name: str, default: object = None) -> object:
        return POLLING if name == "by" else default

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False

    def is_closing(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """End the connection. Idempotent."""
        if self._is_closed:
            return
        self._is_closed, self.owes_goodbye = True, False
        self._wake(_NEWS)
        self._closed(self)
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


def _frame_of_browser(text: bytes) -> bytes:
    """Return *text* as a browser's WebSocket would send it."""
    size = len(text)
    if size < 126:
        return bytes([_FIN | _TEXT, _MASKED | size]) + _NO_MASK + text
    if size <= 0xFFFF:
        return struct.pack("!BBH", _FIN | _TEXT, _MASKED | 126, size) + _NO_MASK + text
    return struct.pack("!BBQ", _FIN | _TEXT, _MASKED | 127, size) + _NO_MASK + text


def _frames_of_server(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and payload of each frame; this server's are whole and have no mask."""
    at, end = 0, len(data)
    while at < end:
        opcode, size = data[at] & 0x0F, data[at + 1]
        at += 2
        wide = {126: 2, 127: 8}.get(size, 0)
        if wide:
            size = int.from_bytes(data[at : at + wide], "big")
            at += wide
        yield opcode, data[at : at + size]
        at += size
