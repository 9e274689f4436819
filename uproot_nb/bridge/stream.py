"""StreamChannel: a channel over a Unix socket (TCP on Windows), framed and checked.

A frame is a 4-byte big-endian length and a msgpack array of messages: those of one turn of the
event loop make one frame. Longer arrays are sent in several frames; the highest bit of a length
means that the array continues in the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from uproot_nb.bridge.channel import MOST_UNSENT_BYTES, Accept, Gone, Receive
from uproot_nb.bridge.discovery import Discovery, publish, republish, withdraw
from uproot_nb.bridge.forks import leave_to_parent, take_back
from uproot_nb.bridge.messages import (
    VERSION,
    BridgeMessage,
    FromKernel,
    FromServer,
    Hello,
    Refusal,
    Welcome,
)
from uproot_nb.errors import BridgeRefused, BridgeSilent, SessionElsewhere

__all__ = [
    "GREETING_SECONDS", "LARGEST_FRAME", "Listener", "StreamChannel", "dial", "listen",
    "publish_listener",
]  # fmt: skip

LARGEST_FRAME = 64 * 1024 * 1024
"""Bytes; what is longer is sent in several frames."""

LARGEST_MESSAGE = 1024 * 1024 * 1024
"""Bytes; a longer message is not sent but logged as an error."""

GREETING_SECONDS = 5.0
"""How long either side waits for the other's first message."""

_LARGEST_GREETING = 16 * 1024
_GOES_ON = 1 << 31
"""Set in a frame's length if the next frame continues it."""
_UNSENT_BYTES = 1024 * 1024
"""The other side may leave as much unread before `drain` waits."""
_LONGEST_SOCKET_PATH = 100  # sun_path holds 104 bytes on macOS, 108 on Linux

_log = logging.getLogger("uproot_nb.bridge")
_encoder = msgspec.msgpack.Encoder()


class StreamChannel(asyncio.Protocol):
    """One end of a stream; `greet` gets its first message, and `open` sets who receives others."""

    welcome: Welcome

    def __init__(
        self,
        greeting: Any,
        limit: int,
        greet: Callable[[StreamChannel, BridgeMessage | None], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoder: msgspec.msgpack.Decoder[list[BridgeMessage]]
        self._decoder = msgspec.msgpack.Decoder(list[greeting])
        self._limit = limit
        self._greet: Callable[[StreamChannel, BridgeMessage | None], None] | None = greet
        self._receive: Receive = _ignore
        self._gone: Gone | None = None
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._unread = bytearray()
        self._begun = bytearray()
        """The frames so far of an array that continues."""
        self._longest = 0
        """Bytes of the longest array since the other side was last up to date."""
        self._room = asyncio.Event()
        self._room.set()
        self._outgoing: list[BridgeMessage] = []
        self.closed = False

    def open(self, incoming: Any, receive: Receive, gone: Gone) -> None:
        """Receive messages of the type *incoming* from now on."""
        self._decoder = msgspec.msgpack.Decoder(list[incoming])
        self._limit = LARGEST_FRAME
        self._receive, self._gone = receive, gone
        self._greet = None

    # ---- sending --------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def send(self, message: BridgeMessage) -> None:
        if self.closed:
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(message)

    def _flush(self) -> None:
        messages, self._outgoing = self._outgoing, []
        if not messages or self._transport is None or self._transport.is_closing():
            return
        self._write(messages)

    def _write(self, messages: list[BridgeMessage]) -> None:
        """Write messages; one that cannot be encoded affects neither others nor the stream."""
        reason = ""
        try:
            body = _encoder.encode(messages)
        except (ValueError, TypeError, OverflowError) as error:  # half an emoji, an int too large
            reason = str(error)
        else:
            if len(body) <= LARGEST_MESSAGE:
                self._write_frames(body)
                return
            reason = f"its {len(body)} bytes are more than {LARGEST_MESSAGE}"
        if len(messages) > 1:
            middle = len(messages) // 2
            self._write(messages[:middle])
            self._write(messages[middle:])
        else:
            _log.error("A %s could not be sent: %s.", type(messages[0]).__name__, reason)

    def _write_frames(self, body: bytes) -> None:
        assert self._transport is not None
        if self.unsent > MOST_UNSENT_BYTES + self._longest:
            self._fail(f"the other side has left {self.unsent} bytes unread")
            return
        self._longest = max(self._longest, len(body))
        for start in range(0, len(body), LARGEST_FRAME):
            part = body[start : start + LARGEST_FRAME]
            goes_on = _GOES_ON if start + LARGEST_FRAME < len(body) else 0
            self._transport.write((len(part) | goes_on).to_bytes(4, "big") + part)

    async def drain(self, number: int = 0) -> None:
        self._flush()
        if not self.closed:
            await self._room.wait()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._longest = 0
        self._room.set()

    def close(self) -> None:
        if self.closed:
            return
        self._flush()
        self.closed = True
        self._gone = self._greet = None
        if self._transport is not None:
            self._transport.close()

    # ---- receiving ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_UNSENT_BYTES)
        self._descriptor = transport.get_extra_info("socket").fileno()
        leave_to_parent(self._descriptor)
        if self.closed:
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._unread:
            self._unread += data
            taken = self._read(self._unread)
            del self._unread[:taken]
        else:
            taken = self._read(data)
            if taken < len(data):
                self._unread += data[taken:]

    def _read(self, data: bytes | bytearray) -> int:
        """Pass on every whole frame in *data*; return how many bytes they took."""
        messages: list[BridgeMessage] = []
        start, size = 0, len(data)
        with memoryview(data) as view:
            while size - start >= 4 and not self.closed:
                head = int.from_bytes(view[start : start + 4], "big")
                length = head & ~_GOES_ON
                end = start + 4 + length
                if self._is_too_long(length, bool(head & _GOES_ON)):
                    self._fail(f"a frame of {length} bytes is too long")
                    return size
                if end > size:
                    break
                body = view[start + 4 : end]
                try:
                    if head & _GOES_ON or self._begun:
                        messages += self._continued(body, bool(head & _GOES_ON))
                    else:
                        messages += self._decoder.decode(body)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    self._fail(f"a malformed frame ({error})")
                    return size
                start = end
                if self._greet is not None:
                    messages = self._first(messages)
        if messages and not self.closed:
            self._receive(messages)
        return start

    def _is_too_long(self, length: int, goes_on: bool) -> bool:
        if self._greet is not None and goes_on:  # a stranger's first message is short
            return True
        return length > self._limit or len(self._begun) + length > LARGEST_MESSAGE

    def _continued(self, body: memoryview, goes_on: bool) -> list[BridgeMessage]:
        """Add one more frame; return the messages once the array is whole."""
        self._begun += body
        if goes_on:
            return []
        whole, self._begun = self._begun, bytearray()
        return self._decoder.decode(whole)

    def _first(self, messages: list[BridgeMessage]) -> list[BridgeMessage]:
        """Pass the first message to `greet`; return those that came with it."""
        if messages and self._greet is not None:
            self._greet(self, messages[0])
        return messages[1:]

    def _fail(self, reason: str) -> None:
        _log.warning("The bridge closed a stream: %s.", reason)
        self._outgoing.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        take_back(self._descriptor)
        self._room.set()
        was_closed, self.closed = self.closed, True
        greet, self._greet = self._greet, None
        if was_closed:
            return
        if greet is not None:
            greet(self, None)
        elif self._gone is not None:
            self._gone()


# ---- the kernel's side --------------------------------------------------------------------


async def dial(
    found: Discovery,
    receive: Receive,
    gone: Gone,
    *,
    kernel: str = "",
    session: str = "",
    origin: str = "",
    take_over: bool = False,
) -> StreamChannel:
    """Connect this kernel to a participant server; `.welcome` of the result is its greeting.

    *kernel* is the kernel's id, so that the server can prevent its culling; *session*, *origin* and
    *take_over* are those of `Hello`.

    Raises:
        BridgeSilent: no server answers.
        SessionElsewhere: another living kernel serves the session.
        BridgeRefused: the server refuses this kernel.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[BridgeMessage | None] = loop.create_future()

    def greet(channel: StreamChannel, message: BridgeMessage | None) -> None:
        if isinstance(message, Welcome) and message.version == VERSION:
            channel.welcome = message
            channel.open(FromServer, receive, gone)
        if not answer.done():
            answer.set_result(message)

    channel = StreamChannel(FromServer, LARGEST_FRAME, greet)
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            await _connect(found.address, channel)
            channel.send(Hello(found.token, VERSION, kernel, session, origin, take_over))
            reply = await answer
    except (OSError, ValueError) as error:
        channel.close()
        raise BridgeSilent(found.address, str(error) or "no greeting in time.") from error
    except asyncio.CancelledError:
        channel.close()
        raise
    if reply is None:
        raise BridgeSilent(found.address, "it closed the stream.")
    if isinstance(reply, Refusal) and reply.origin:
        channel.close()
        raise SessionElsewhere(reply.origin, reply.reason)
    if not isinstance(reply, Welcome) or reply.version != VERSION:
        channel.close()
        raise BridgeRefused(found.address, _why(reply))
    return channel


def _why(reply: BridgeMessage | None) -> str:
    match reply:
        case Refusal(reason=reason):
            return reason
        case Welcome(version=version):
            return f"it has version {version}, this kernel {VERSION}."
        case _:
            return "it closed the stream."


async def _connect(address: str, channel: StreamChannel) -> None:
    loop = asyncio.get_running_loop()
    kind, _, place = address.partition(":")
    if kind == "unix":
        await loop.create_unix_connection(lambda: channel, place)
    elif kind == "tcp":
        host, _, port = place.rpartition(":")
        await loop.create_connection(lambda: channel, host, int(port))
    else:
        raise ValueError(f"{address!r} is not the address of a participant server.")


# ---- the server's side --------------------------------------------------------------------


class Listener:
    """The socket that kernels connect to, and its folder."""

    def __init__(
        self,
        token: str,
        accepted: Accept,
        url: str,
        find_rival: Callable[[Hello], str],
        notes: Callable[[], list[str]],
    ) -> None:
        self._token, self._accepted, self._url = token, accepted, url
        self._find_rival, self._notes = find_rival, notes
        self._strangers: dict[StreamChannel, asyncio.TimerHandle] = {}
        self._server: asyncio.Server | None = None
        self._folder: Path | None = None
        self._descriptors: list[int] = []
        self._path: Path | None = None
        self.address = ""
        self.file: Path | None = None
        """The discovery file, if it is published."""

    async def start(self, folder: Path) -> None:
        """Open the socket in *folder*, made for its owner alone."""
        loop = asyncio.get_running_loop()
        if hasattr(socket, "AF_UNIX") and hasattr(loop, "create_unix_server"):
            opened = self._bind(folder)
            self._server = await loop.create_unix_server(self._greeter, sock=opened)
            self.address = f"unix:{self._path}"
        else:
            self._server = await loop.create_server(self._greeter, "127.0.0.1", 0)
            self.address = f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._descriptors = [opened.fileno() for opened in self._server.sockets]
        for descriptor in self._descriptors:
            leave_to_parent(descriptor)

    def _bind(self, folder: Path) -> socket.socket:
        self._folder, self._path = _private_place(folder)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.bind(str(self._path))
        os.chmod(self._path, 0o600)
        return opened

    def close(self) -> None:
        """Let no more kernels in; remove the discovery file and the socket. Idempotent."""
        if self.file is not None:
            withdraw(self.file)
            self.file = None
        for descriptor in self._descriptors:
            take_back(descriptor)
        self._descriptors.clear()
        if self._server is not None:
            self._server.close()
            self._server = None
        for channel in list(self._strangers):
            self._forget(channel)
            channel.close()
        if self._path is not None and self._folder is not None:
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._folder.rmdir()
            self._path = None

    def move(self, url: str) -> None:
        """Let kernels that come from now on know participants by *url*."""
        self._url = url
        if self.file is not None:
            republish(Discovery(self.address, self._token, url, os.getpid()), self.file)

    def _greeter(self) -> StreamChannel:
        # Until it has sent the token, its messages must be short.
        channel = StreamChannel(Hello, _LARGEST_GREETING, self._greet)
        late = asyncio.get_running_loop().call_later(GREETING_SECONDS, self._late, channel)
        self._strangers[channel] = late
        return channel

    def _late(self, channel: StreamChannel) -> None:
        self._forget(channel)
        _log.warning("The bridge closed a stream: no greeting within %g s.", GREETING_SECONDS)
        channel.close()

    def _forget(self, channel: StreamChannel) -> None:
        timer = self._strangers.pop(channel, None)
        if timer is not None:
            timer.cancel()

    def _greet(self, channel: StreamChannel, message: BridgeMessage | None) -> None:
        self._forget(channel)
        if not isinstance(message, Hello):
            channel.close()
            return
        reason = self._objection(message)
        if reason:
            _log.warning("The bridge refused a kernel: %s", reason)
            channel.send(Refusal(reason))
            channel.close()
            return
        rival = self._find_rival(message)
        if rival:
            channel.send(Refusal("another kernel serves the session.", rival))
            channel.close()
            return
        channel.send(Welcome(self._url, VERSION, self._notes()))
        receive, gone = self._accepted(channel, message.kernel)
        channel.open(FromKernel, receive, gone)

    def _objection(self, hello: Hello) -> str:
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            return "its token is not the server's."
        if hello.version != VERSION:
            return f"it has version {hello.version}, the server {VERSION}."
        return ""


async def listen(
    folder: Path,
    token: str,
    accepted: Accept,
    *,
    url: str = "",
    find_rival: Callable[[Hello], str] = lambda hello: "",
    notes: Callable[[], list[str]] = list,
) -> Listener:
    """Let in kernels that know *token*; *accepted* returns who receives from each.

    *find_rival* returns the file from which another kernel serves a new kernel's session, or "";
    *notes* are sentences for its researcher.

    The socket lies in *folder*, or in a temporary one where that path is too long for a socket.
    *url* is the root of participants' links, which kernels are sent.
    """
    listener = Listener(token, accepted, url, find_rival, notes)
    await listener.start(Path(folder))
    return listener


async def publish_listener(
    folder: Path,
    accepted: Accept,
    *,
    url: str,
    find_rival: Callable[[Hello], str],
    notes: Callable[[], list[str]] = list,
) -> Listener:
    """Listen as `listen` does, with a new token, and publish a discovery file in *folder*."""
    token = secrets.token_urlsafe(32)
    listener = await listen(folder, token, accepted, url=url, find_rival=find_rival, notes=notes)
    listener.file = publish(Discovery(listener.address, token, url, os.getpid()), folder)
    return listener


def _private_place(folder: Path) -> tuple[Path, Path]:
    """Make a folder for its owner alone; return it and the path of the socket in it."""
    shortest = min(tempfile.gettempdir(), "/tmp", key=len)
    for parent in (folder, Path(tempfile.gettempdir()), Path(shortest)):
        if len(os.fsencode(parent / "uproot_nb-12345678" / "kernels")) <= _LONGEST_SOCKET_PATH:
            break
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="uproot_nb-", dir=parent))  # mode 0700
    return made, made / "kernels"


def _ignore(messages: list[BridgeMessage]) -> None:
    return
