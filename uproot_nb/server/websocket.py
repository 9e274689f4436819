"""WebSocket: the server's side of RFC 6455 on an asyncio transport, lean per frame.

Tornado reads a frame in four awaited steps and keeps two coroutines per connection. Here a chunk
of bytes is cut into frames at once, by a protocol object that is called only when bytes arrive.
There are no extensions: compression would cost more memory than the participants themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from uproot_nb.bridge.forks import leave_to_parent, take_back

__all__ = ["StreamTransport", "WebSocket", "adopt", "text_frame"]

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _MASKED = 0x80, 0x80
_GOODBYE_SECONDS = 5.0
_MOST_FRAGMENTS = 1024
_ALL = 1 << 63
_PING_FRAME = bytes([_FIN | _PING, 0])
_SHORT_HEADS = [bytes([_FIN | _TEXT, size]) for size in range(126)]


def text_frame(payload: bytes) -> bytes:
    """Return *payload* (JSON text) as a whole frame, ready for any number of sockets."""
    size = len(payload)
    if size < 126:
        return _SHORT_HEADS[size] + payload
    return _frame(_TEXT, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([_FIN | opcode, size]) + payload
    if size <= 0xFFFF:
        return struct.pack("!BBH", _FIN | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FIN | opcode, 127, size) + payload


def _unmask(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return mixed.to_bytes(size, "little")


class WebSocket(asyncio.Protocol):
    """One open connection; `on_text` gets the payload of each whole text message."""

    __slots__ = (
        "_closing", "_descriptor", "_goodbye", "_heard", "_held", "_max", "_max_unsent", "_parts",
        "_skip", "_transport", "_unread",
    )  # fmt: skip

    def __init__(self, max_frame_bytes: int, max_unsent_bytes: int) -> None:
        self._max, self._max_unsent = max_frame_bytes, max_unsent_bytes
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._unread = b""
        self._skip = 0
        self._parts: list[bytes] | None = None
        self._held = False
        self._heard = True
        self._closing = False
        self._goodbye: asyncio.TimerHandle | None = None

    # ---- what a child says ----------------------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        """Take a text message as bytes, not yet checked."""
        raise NotImplementedError

    def admit(self) -> bool:
        """Say whether one more frame, of whatever kind, may come now."""
        return True

    def on_open(self) -> None:
        """The connection is made; text may come from now on."""

    def on_closed(self) -> None:
        """The connection is gone, whoever closed it."""

    def on_refusal(self, code: int, what: str) -> None:
        """The browser broke a rule; the connection is about to be closed with *code*."""

    # ---- writing --------------------------------------------------------------------------

    @property
    def closing(self) -> bool:
        """Whether nothing is read or written any more."""
        return self._closing

    @property
    def unsent(self) -> int:
        """Bytes that the browser has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def write(self, frames: bytes) -> None:
        """Write whole frames, as `text_frame` made them; close if the browser takes too few."""
        transport = self._transport
        if self._closing or transport is None:
            return
        transport.write(frames)
        if transport.get_write_buffer_size() > self._max_unsent:
            self.refuse(4408, "too slow")

    def refuse(self, code: int, what: str) -> None:
        """Close because the browser broke a rule."""
        if not self._closing:
            self.on_refusal(code, what)
            self.shut(code, what)

    def shut(self, code: int, reason: str = "") -> None:
        """Say goodbye with *code*; what the browser still sends is thrown away. Idempotent."""
        if self._closing:
            return
        self._write_close(struct.pack("!H", code) + reason.encode()[:123])
        if self._transport is not None:
            self._goodbye = asyncio.get_running_loop().call_later(_GOODBYE_SECONDS, self.abort)
            if self._held:
                self.let_go()

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def check_alive(self) -> None:
        """Ping; cut the connection if nothing came since the last ping."""
        if self._closing or self._held:  # while nothing is read, silence says nothing
            return
        if not self._heard:
            self.abort()
            return
        self._heard = False
        self.write(_PING_FRAME)

    def _write_close(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(_frame(_CLOSE, payload))
        self._closing = True
        self._parts = None

    # ---- reading --------------------------------------------------------------------------

    def begin_with(self, data: bytes) -> None:
        """Take bytes that came before the connection was handed over."""
        self._unread = data

    def hold(self) -> None:
        """Read no further for now; the browser must keep what it sends."""
        self._held = True
        if self._transport is not None:
            self._transport.pause_reading()

    def let_go(self) -> None:
        """Read again, first what had come before `hold`."""
        self._held = False
        if self._transport is not None:
            self._transport.resume_reading()
        unread, self._unread = self._unread, b""
        if unread:
            self.data_received(unread)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._unread:
            data = self._unread + data
        taken = self._read(data)
        self._unread = data[taken:] if taken < len(data) else b""

    def _read(self, data: bytes) -> int:
        """Handle every whole frame in *data*; return how many bytes they took."""
        start, size = 0, len(data)
        while not self._held:
            if self._skip:
                passed = min(self._skip, size - start)
                self._skip -= passed
                start += passed
            if size - start < 2:
                break
            first, second = data[start], data[start + 1]
            length, at = second & 0x7F, start + 2
            if length > 125:
                wide = 2 if length == 126 else 8
                if size < at + wide:
                    break
                length = int.from_bytes(data[at : at + wide], "big")
                at += wide
            if not second & _MASKED:
                self.refuse(4400, "malformed")
                self._skip = _ALL  # no further frame can be found
                return size
            if length > self._max:
                self._skip_long(at + 4 + length - start)
                continue
            end = at + 4 + length
            if end > size:
                break
            payload = _unmask(data[at + 4 : end], data[at : at + 4])
            start = end
            if self._closing:
                self._await_goodbye(first, payload)
            elif not self.admit():
                self.refuse(4429, "too fast")
            elif first == _FIN | _TEXT and self._parts is None:
                self.on_text(payload)
            else:
                self._on_frame(first, payload)
        return start

    def _skip_long(self, length: int) -> None:
        self.refuse(4413, "too large")
        self._skip = length

    def _on_frame(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if first & 0x70 or (opcode & 0x8 and (len(payload) > 125 or not first & _FIN)):
            self.refuse(4400, "malformed")
        elif opcode == _CLOSE:
            self._on_close(payload)
        elif opcode == _PING:
            self.write(_frame(_PONG, payload))
        elif opcode != _PONG:
            self._on_part(opcode, bool(first & _FIN), payload)

    def _on_part(self, opcode: int, final: bool, payload: bytes) -> None:
        """Join the fragments of a text message."""
        if opcode == _TEXT and self._parts is None:
            self._parts = [payload]
        elif opcode == 0 and self._parts is not None:
            self._parts.append(payload)
        else:
            self.refuse(4400, "malformed")
            return
        if sum(map(len, self._parts)) > self._max or len(self._parts) > _MOST_FRAGMENTS:
            self.refuse(4413, "too large")
        elif final:
            whole, self._parts = b"".join(self._parts), None
            self.on_text(whole)

    def _on_close(self, payload: bytes) -> None:
        """Answer the browser's goodbye with its own code, and hang up."""
        self._write_close(payload[:2])
        if self._transport is not None:
            self._transport.close()

    def _await_goodbye(self, first: int, payload: bytes) -> None:
        if first & 0x0F == _CLOSE and self._transport is not None:
            self._transport.close()

    # ---- the connection -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        opened = transport.get_extra_info("socket")
        if opened is not None:
            self._descriptor = opened.fileno()
            leave_to_parent(self._descriptor)
        self.on_open()
        if not self._held:
            self.let_go()  # frames may have come along with the handshake

    def connection_lost(self, error: Exception | None) -> None:
        take_back(self._descriptor)
        self._closing = True
        self._transport = None
        self._unread = b""
        if self._goodbye is not None:
            self._goodbye.cancel()
        self.on_closed()


async def adopt(stream: IOStream, protocol: WebSocket) -> None:
    """Hand the connection of *stream* over to *protocol*, unless it is gone already."""
    try:
        await stream.write(b"")  # the handshake's answer has left
        if isinstance(stream, SSLIOStream):
            StreamTransport(stream, protocol).start()
            return
        first = asyncio.ensure_future(stream.read_bytes(65536, partial=True))
        if stream.closed():
            return
        opened = stream.socket.dup()
        stream.close()
        if first.done() and not first.exception():
            protocol.begin_with(first.result())
    except StreamClosedError:
        return
    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, opened)


class StreamTransport(asyncio.Transport):
    """A Tornado stream as an asyncio transport; for TLS, whose state cannot be handed over."""

    def __init__(self, stream: IOStream, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._stream, self._protocol = stream, protocol
        self._reading = asyncio.Event()
        self._reading.set()
        self._task: asyncio.Task[None] | None = None
        self._unsent = 0

    def start(self) -> None:
        """Begin to read."""
        self._protocol.connection_made(self)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        with contextlib.suppress(StreamClosedError):
            while True:
                await self._reading.wait()
                self._protocol.data_received(await self._stream.read_bytes(65536, partial=True))
        self._protocol.connection_lost(None)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._stream.socket if name == "socket" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        size = len(data)
        with contextlib.suppress(StreamClosedError):
            written = asyncio.ensure_future(self._stream.write(bytes(data)))
            self._unsent += size
            written.add_done_callback(lambda _: self._sent(size))

    def _sent(self, size: int) -> None:
        self._unsent -= size

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    def is_closing(self) -> bool:
        return self._stream.closed()

    def close(self) -> None:
        if not self._stream.closed():
            asyncio.ensure_future(self._stream.write(b"")).add_done_callback(self._cut)

    def _cut(self, written: asyncio.Future[None]) -> None:
        written.exception()
        self.abort()

    def abort(self) -> None:
        self._reading.set()
        self._stream.close()
