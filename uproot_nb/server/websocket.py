"""WebSocket: the server's side of RFC 6455 on an asyncio transport, lean per frame.

Tornado reads a frame in four awaited steps and has two coroutines per connection. Here a protocol
object is called only when bytes arrive, and cuts them into frames at once.
There are no extensions: compression would cost more memory than the participants themselves.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import socket
import struct
from collections.abc import Callable

from tornado import util

from uproot_nb.bridge.forks import leave_to_parent, take_back

__all__ = ["NOT_UTF_8", "NO_SUCH_TYPE", "PROTOCOL_ERROR", "WebSocket", "text_frame"]

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _MASKED = 0x80, 0x80
_GOODBYE_SECONDS = 5.0
_FAIR_SHARES = 8
"""A connection that leaves an eighth of the limit unread is checked with its player's others."""
_UNACKNOWLEDGED_SECONDS = 60
_MOST_FRAGMENTS = 1024
_LONGEST_HEAD = 14
_LONGEST_CONTROL = 125
_SHOWN_HEAD = 512
_ALL = 1 << 63
PROTOCOL_ERROR, NO_SUCH_TYPE, NOT_UTF_8 = 1002, 1003, 1007
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


def _unmask_in_python(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return mixed.to_bytes(size, "little")


def _nothing() -> None:
    """Do nothing."""


def _choose_unmask() -> Callable[[bytes, bytes], bytes]:
    """Return Tornado's function if it is the one in C: thirty times faster at 64 KiB."""
    fast: Callable[[bytes, bytes], bytes] | None = getattr(util, "_websocket_mask", None)
    slow = getattr(util, "_websocket_mask_python", None)
    return _unmask_in_python if fast is None or fast is slow else fast


_unmask = _choose_unmask()


def _answer_to_close(payload: bytes) -> bytes:
    """Return the payload that answers a Close frame: its code, or 1002 or 1007 (RFC 6455, 7.4)."""
    if not payload:
        return b""
    code = int.from_bytes(payload[:2], "big")
    defined = 1000 <= code <= 1014 and code not in (1004, 1005, 1006)
    if len(payload) < 2 or not (defined or 3000 <= code <= 4999):
        return struct.pack("!H", PROTOCOL_ERROR)
    if not _is_text(payload[2:]):
        return struct.pack("!H", NOT_UTF_8)
    return payload[:2]


def _is_text(payload: bytes) -> bool:
    """Return whether *payload* is UTF-8."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


class _TextCheck:
    """Checks a message that comes in parts, and fails at the first byte that cannot be UTF-8.

    check = _TextCheck()
    check.accepts(b"caf\xc3") and check.accepts(b"\xa9", whole=True)
    """

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def accepts(self, part: bytes, whole: bool = False) -> bool:
        """Take the next *part*; return whether the parts so far may begin a UTF-8 text."""
        try:
            self._decoder.decode(part, whole)
        except UnicodeDecodeError:
            return False
        # CPython waits for the third byte of a surrogate, though the second decides.
        rest = self._decoder.getstate()[0]
        return not (rest[:1] == b"\xed" and rest[1:2] >= b"\xa0")


class WebSocket(asyncio.Protocol):
    """One open connection; `on_text` gets the payload of each whole text message."""

    __slots__ = (
        "_checked", "_closing", "_descriptor", "_goodbye", "_heard", "_held", "_max",
        "_max_unsent", "_parts", "_parts_size", "_paused", "_skip", "_text_check",
        "_transport", "_unread", "release",
    )  # fmt: skip

    def __init__(self, max_frame_bytes: int, max_unsent_bytes: int) -> None:
        self._max, self._max_unsent = max_frame_bytes, max_unsent_bytes
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._unread: bytes | bytearray = b""
        self._skip = 0
        self._parts: list[bytes] | None = None
        self._parts_size = 0
        self._text_check: _TextCheck | None = None
        self._checked = 0
        self._held = self._paused = False
        self._heard = True
        self._closing = False
        self._goodbye: asyncio.TimerHandle | None = None
        self.release: Callable[[], None] = _nothing
        """Called when the connection is gone, to free its place."""

    # ---- for child classes ----------------------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        """Take a text message as bytes, which are valid UTF-8."""
        raise NotImplementedError

    def admit(self, size: int) -> bool:
        """Return whether one more frame of any kind, with *size* bytes, may come now."""
        return True

    def on_open(self) -> None:
        """The connection is open; text may come from now on."""

    def on_closed(self) -> None:
        """The connection is gone, whichever side closed it."""

    def on_refusal(self, code: int, what: str) -> None:
        """The browser broke a rule; the connection is about to be closed with *code*."""

    def on_too_large(self, size: int, head: bytes) -> None:
        """A message of *size* bytes or more is refused; *head* is its known beginning."""
        self.refuse(4413, "too large")

    # ---- writing --------------------------------------------------------------------------

    @property
    def closing(self) -> bool:
        """Whether nothing is read or written any more."""
        return self._closing

    @property
    def by(self) -> str:
        """What carries the frames if it is no connection of our own: "polling"."""
        return str(self._transport.get_extra_info("by", "")) if self._transport else ""

    @property
    def unsent(self) -> int:
        """Bytes that the browser has not read yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    @property
    def all_unsent(self) -> int:
        """Bytes that the same participant has not read yet, on all connections."""
        return 0

    def write(self, frames: bytes) -> None:
        """Write whole frames, as `text_frame` makes them; close if the browser reads too few."""
        transport = self._transport
        if self._closing or transport is None:
            return
        transport.write(frames)
        unsent = transport.get_write_buffer_size()
        if unsent > self._max_unsent or (
            unsent * _FAIR_SHARES > self._max_unsent and self.all_unsent > self._max_unsent
        ):
            self.refuse(4408, "too slow")

    def refuse(self, code: int, what: str) -> None:
        """Close because the browser broke a rule."""
        if not self._closing:
            self.on_refusal(code, what)
            self.shut(code, what)

    def shut(self, code: int, reason: str = "") -> None:
        """Close with *code*; what the browser still sends is thrown away. Idempotent."""
        if self._closing:
            return
        self._write_close(struct.pack("!H", code) + reason.encode()[:123])
        if self._held:
            self.let_go()

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def check_alive(self) -> None:
        """Ping; cut the connection if nothing came since the last ping."""
        if self._closing:
            return
        if not self._heard and not self._paused:  # while nothing is read, no pong can arrive
            self.abort()
            return
        self._heard = False
        self.write(_PING_FRAME)

    def _write_close(self, payload: bytes) -> None:
        """Write the Close frame; wait a while for the browser's, or until it has read ours."""
        self._closing = True
        self._parts = self._text_check = None
        if self._transport is not None:
            self._transport.write(_frame(_CLOSE, payload))
            self._goodbye = asyncio.get_running_loop().call_later(_GOODBYE_SECONDS, self.abort)

    # ---- reading --------------------------------------------------------------------------

    def begin_with(self, data: bytes) -> None:
        """Take bytes that came before the connection was handed over."""
        self._unread = data

    def hold(self) -> None:
        """Handle nothing further for now.

        One message more is still read, so that pongs and the end of the connection are noticed;
        the rest stays with the browser.
        """
        self._held = True

    def let_go(self) -> None:
        """Read again, first what came after `hold`."""
        self._held = False
        if self._paused and self._transport is not None:
            self._transport.resume_reading()
        self._paused = False
        unread, self._unread = self._unread, b""
        self._take(unread)

    def _store_unread(self, rest: bytes | bytearray) -> None:
        """Store what cannot be handled yet; stop reading if it is more than one message."""
        self._unread = bytearray(rest)
        self._pause_if_full()

    def _pause_if_full(self) -> None:
        full = self._held and len(self._unread) > self._max + _LONGEST_HEAD
        if full and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if not self._unread:
            if self._held:
                self._store_unread(data)
            else:
                self._take(data)
            return
        # In place: a message that comes byte by byte costs no more than one that comes at once.
        if not isinstance(self._unread, bytearray):
            self._unread = bytearray(self._unread)
        self._unread += data
        if self._held:
            self._pause_if_full()
        else:
            unread, self._unread = self._unread, b""
            self._take(unread)

    def _take(self, data: bytes | bytearray) -> None:
        """Handle the frames in *data*, and store what is left of it."""
        taken = self._read(data)
        if taken == 0 and isinstance(data, bytearray):
            self._unread = data
            self._pause_if_full()
        elif taken < len(data):
            self._store_unread(data[taken:])

    def _read(self, data: bytes | bytearray) -> int:
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
            if length > _LONGEST_CONTROL:
                wide = 2 if length == 126 else 8
                if size < at + wide:
                    break
                length = int.from_bytes(data[at : at + wide], "big")
                at += wide
            if not second & _MASKED or length >= _ALL:
                self.refuse(PROTOCOL_ERROR, "malformed")
                self._skip = _ALL  # the next frame's start is unknown
                return size
            if length > (_LONGEST_CONTROL if first & 0x8 else self._max):
                self._refuse_long(first, length, bytes(data[at : at + 4 + _SHOWN_HEAD]))
                self._skip = at + 4 + length - start
                continue
            end = at + 4 + length
            if end > size:
                if not self._closing and size > at + 4:
                    self._check_beginning(first, data, at)
                break
            payload = _unmask(bytes(data[at : at + 4]), bytes(data[at + 4 : end]))
            start = end
            if self._closing:
                self._await_goodbye(first)
            elif not self.admit(length):
                self.refuse(4429, "too fast")
            elif first == _FIN | _TEXT and self._parts is None and self._text_check is None:
                if _is_text(payload):
                    self.on_text(payload)
                else:
                    self.refuse(NOT_UTF_8, "malformed")
            else:
                self._on_frame(first, payload)
        return start

    def _refuse_long(self, first: int, length: int, masked: bytes) -> None:
        if first & 0x8:
            self._refuse_control(first)
        elif not self._closing:
            head = self._parts[0] if self._parts else _unmask(masked[:4], masked[4:])
            self.on_too_large(self._parts_size + length, head[:_SHOWN_HEAD])

    def _check_beginning(self, first: int, data: bytes | bytearray, at: int) -> None:
        """Check the part of an unfinished frame's text that has come since the last time."""
        opcode = first & 0x0F
        is_text = opcode == _TEXT and self._parts is None
        if first & 0x70 or not (is_text or (opcode == 0 and self._parts is not None)):
            return  # it is refused when it is whole
        if self._text_check is None:
            self._text_check = _TextCheck()
        begin = at + 4 + self._checked
        turn = self._checked % 4
        mask = bytes(data[at : at + 4])
        part = _unmask(mask[turn:] + mask[:turn], bytes(data[begin:]))
        self._checked += len(part)
        if not self._text_check.accepts(part):
            self.refuse(NOT_UTF_8, "malformed")

    def _on_frame(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if first & 0x70 or (opcode & 0x8 and not first & _FIN):
            self._refuse_control(first)
        elif opcode == _CLOSE:
            self._on_close(payload)
        elif opcode == _PING:
            self.write(_frame(_PONG, payload))
        elif opcode == _BINARY and self._parts is None:
            self.refuse(NO_SUCH_TYPE, "malformed")
        elif opcode != _PONG:
            self._on_part(opcode, bool(first & _FIN), payload)

    def _refuse_control(self, first: int) -> None:
        """Refuse a frame that no browser sends; nothing follows a Close, even an invalid one."""
        self.refuse(PROTOCOL_ERROR, "malformed")
        self._await_goodbye(first)

    def _on_part(self, opcode: int, final: bool, payload: bytes) -> None:
        """Join the fragments of a text message."""
        if opcode == _TEXT and self._parts is None:
            self._parts = []
            self._text_check = self._text_check or _TextCheck()
        elif opcode != 0 or self._parts is None or self._text_check is None:
            self.refuse(PROTOCOL_ERROR, "malformed")
            return
        fresh, self._checked = payload[self._checked :], 0
        self._parts.append(payload)
        self._parts_size += len(payload)
        if self._parts_size > self._max or len(self._parts) > _MOST_FRAGMENTS:
            self.on_too_large(self._parts_size, self._parts[0][:_SHOWN_HEAD])
        elif not self._text_check.accepts(fresh, whole=final):
            self.refuse(NOT_UTF_8, "malformed")
        elif final:
            whole = b"".join(self._parts)
            self._parts, self._parts_size, self._text_check = None, 0, None
            self.on_text(whole)

    def _on_close(self, payload: bytes) -> None:
        """Answer the browser's Close, and close the connection once everything is written."""
        self._write_close(_answer_to_close(payload))
        if self._transport is not None:
            self._transport.close()

    def _await_goodbye(self, first: int) -> None:
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
            _limit_silence(opened)
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
        self.release()
        self.on_closed()


def _limit_silence(opened: socket.socket) -> None:
    """Let the system end a connection whose other side acknowledges nothing any more.

    Pings find that, but not while nothing is read because the browser has sent too much.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and opened.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.IPPROTO_TCP, option, _UNACKNOWLEDGED_SECONDS * 1000)
