"""Who the bridge lets in, and what it does with what is no message."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uproot_nb.bridge import stream
from uproot_nb.bridge.channel import MOST_UNSENT_BYTES, Channel
from uproot_nb.bridge.discovery import Discovery
from uproot_nb.bridge.messages import (
    VERSION,
    Backlog,
    BridgeMessage,
    Hello,
    Refusal,
    Reply,
    SocketClosed,
    Welcome,
)
from uproot_nb.bridge.stream import Listener, dial, listen
from uproot_nb.errors import BridgeRefused

TOKEN = "the-token"


class Server:
    """Takes kernels, and remembers what they said."""

    def __init__(self) -> None:
        self.channels: list[Channel] = []
        self.heard: list[BridgeMessage] = []
        self.gone = 0
        self.listener: Listener

    def accepted(self, channel: Channel, kernel: str) -> tuple[Any, Any]:
        self.channels.append(channel)
        return self.heard.extend, self.left

    def left(self) -> None:
        self.gone += 1

    @property
    def found(self) -> Discovery:
        return Discovery(self.listener.address, TOKEN, "", os.getpid())

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        kind, _, place = self.listener.address.partition(":")
        if kind == "unix":
            return await asyncio.open_unix_connection(place)
        host, _, port = place.rpartition(":")
        return await asyncio.open_connection(host, int(port))


async def until(truth: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not truth():
            await asyncio.sleep(0.001)


async def started(folder: Path) -> Server:
    server = Server()
    server.listener = await listen(folder, TOKEN, server.accepted, url="http://h/")
    return server


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = await started(tmp_path)
    yield made
    made.listener.close()
    for channel in made.channels:
        channel.close()


def framed(*messages: BridgeMessage) -> bytes:
    body = msgspec.msgpack.encode(messages)
    return len(body).to_bytes(4, "big") + body


@pytest.mark.asyncio
async def test_the_welcome_tells_where_participants_go(server: Server) -> None:
    channel = await dial(server.found, lambda messages: None, lambda: None)
    assert channel.welcome == Welcome("http://h/", VERSION)
    channel.close()


@pytest.mark.asyncio
async def test_a_message_right_behind_the_welcome_is_not_lost(tmp_path: Path) -> None:
    def accepted(channel: Channel, kernel: str) -> tuple[Any, Any]:
        channel.send(SocketClosed(1, "s", "ann"))
        return lambda messages: None, lambda: None

    listener = await listen(tmp_path, TOKEN, accepted)
    heard: list[BridgeMessage] = []
    channel = await dial(Discovery(listener.address, TOKEN, "", 1), heard.extend, lambda: None)
    await until(lambda: heard)
    assert heard == [SocketClosed(1, "s", "ann")]
    channel.close()
    listener.close()


@pytest.mark.asyncio
async def test_a_wrong_token_is_refused(server: Server) -> None:
    wrong = msgspec.structs.replace(server.found, token="guess")
    with pytest.raises(BridgeRefused, match="token"):
        await dial(wrong, lambda messages: None, lambda: None)
    assert not server.channels


@pytest.mark.asyncio
async def test_another_version_is_refused(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(framed(Hello(TOKEN, VERSION + 1, "")))
    size = int.from_bytes(await reader.readexactly(4), "big")
    (refusal,) = msgspec.msgpack.decode(await reader.readexactly(size), type=list[Refusal])
    assert f"version {VERSION + 1}" in refusal.reason
    assert await reader.read() == b""
    assert not server.channels
    writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["unix:/nowhere/at/all", "tcp:127.0.0.1:1", "tcp:x:y", "odd"])
async def test_dialling_nobody_is_refused(address: str) -> None:
    with pytest.raises(BridgeRefused) as refused:
        await dial(Discovery(address, TOKEN, "", 1), lambda messages: None, lambda: None)
    assert refused.value.address == address


@pytest.mark.asyncio
async def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "GREETING_SECONDS", 0.05)
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(BridgeRefused):
        await dial(Discovery(f"tcp:127.0.0.1:{port}", TOKEN, "", 1), lambda _: None, lambda: None)
    silent.close()


@pytest.mark.asyncio
async def test_whoever_does_not_greet_in_time_is_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "GREETING_SECONDS", 0.05)
    reader, writer = await server.connect()
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "said",
    [
        framed(Reply(1, b"")),
        framed(Welcome("", VERSION)),
        b"\x00\x00\x00\x05junk!",
        b"\xff\xff\xff\xff",
        b"\x80\x00\x00\x05junk!",
        b"\x00\x01\x00\x00",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_whoever_says_anything_but_hello_is_closed(server: Server, said: bytes) -> None:
    reader, writer = await server.connect()
    writer.write(said)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert not server.channels
    writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "said",
    [
        framed(Welcome("", VERSION)),
        b"\x00\x00\x00\x05junk!",
        (stream.LARGEST_FRAME + 1).to_bytes(4, "big"),
        framed(Reply("x", b"")),  # type: ignore[arg-type]
    ],
)
async def test_a_malformed_frame_ends_that_stream_alone_and_is_logged(
    server: Server, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    other = await dial(server.found, lambda messages: None, lambda: None)
    _, writer = await server.connect()
    writer.write(framed(Hello(TOKEN, VERSION, "")) + said)
    await until(lambda: server.gone == 1)
    assert any("closed a stream" in record.getMessage() for record in caplog.records)
    other.send(Reply(7, b"{}"))
    await until(lambda: server.heard == [Reply(7, b"{}")])
    other.close()
    writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [99_990, 100_000, 199_990, 450_000])
async def test_a_message_longer_than_a_frame_arrives_whole_and_in_its_place(
    server: Server, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Whatever a message holds, it costs nobody the line."""
    heard: list[BridgeMessage] = []
    channel = await dial(server.found, heard.extend, lambda: None)
    monkeypatch.setattr(stream, "LARGEST_FRAME", 100_000)
    sent = [Reply(0, b"before"), Reply(1, os.urandom(size)), Reply(2, b"after")]
    long = SocketClosed(1, "s", "x" * size)
    for message in sent:
        channel.send(message)
    await until(lambda: server.channels)
    server.channels[0].send(long)
    await until(lambda: len(server.heard) == 3 and heard)
    assert (server.heard, heard) == (sent, [long])
    assert not server.gone


@pytest.mark.long
@pytest.mark.asyncio
async def test_a_message_of_seventy_megabytes_costs_nobody_the_line(server: Server) -> None:
    """As a backlog did that was larger than a frame."""
    channel = await dial(server.found, lambda messages: None, lambda: None)
    frames = [(number, b"x" * 1_000_000) for number in range(70)]
    channel.send(Backlog(1, 70, frames))
    await until(lambda: server.heard)
    assert server.heard == [Backlog(1, 70, frames)]
    assert not server.gone


@pytest.mark.asyncio
async def test_what_cannot_be_sent_is_named_and_delays_nothing_else(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half an emoji, a number beyond 64 bits, or more than a stream carries at once."""
    channel = await dial(server.found, lambda messages: None, lambda: None)
    monkeypatch.setattr(stream, "LARGEST_MESSAGE", 1_000_000)
    bad = [SocketClosed(1, "s", "\ud83d"), Reply(1 << 70, b""), Reply(9, b"x" * 1_000_001)]
    for number, message in enumerate(bad):
        channel.send(Reply(number, b"good"))
        channel.send(message)
    channel.send(Reply(3, b"good"))
    await until(lambda: len(server.heard) == 4)
    assert server.heard == [Reply(number, b"good") for number in range(4)]
    told = [record.getMessage() for record in caplog.records]
    assert [text.split(" could")[0] for text in told] == ["A SocketClosed", "A Reply", "A Reply"]
    assert "are more than 1000000" in told[-1]
    assert not server.gone


@pytest.mark.asyncio
async def test_a_frame_that_goes_on_for_ever_ends_that_stream_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LARGEST_MESSAGE", 1_000)
    _, writer = await server.connect()
    writer.write(framed(Hello(TOKEN, VERSION, "")))
    for _ in range(3):
        writer.write((400 | 1 << 31).to_bytes(4, "big") + b"x" * 400)
    await until(lambda: server.gone == 1)
    writer.close()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    greeted=st.booleans(),
    sent=st.lists(
        st.binary(max_size=100)
        | st.binary(max_size=100).map(lambda body: len(body).to_bytes(4, "big") + body),
        max_size=8,
    ),
)
def test_arbitrary_bytes_do_not_disturb_other_kernels(
    greeted: bool, sent: list[bytes], tmp_path: Path
) -> None:
    async def bombard() -> None:
        server = await started(tmp_path)
        other = await dial(server.found, lambda messages: None, lambda: None)
        _, writer = await server.connect()
        if greeted:
            writer.write(framed(Hello(TOKEN, VERSION, "")))
        for data in sent:
            writer.write(data)
        writer.close()
        await until(lambda: not server.listener._strangers)
        other.send(Reply(7, b"{}"))
        await until(lambda: Reply(7, b"{}") in server.heard)
        other.close()
        server.listener.close()

    asyncio.run(bombard())


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
async def test_the_socket_is_its_owners_alone_and_leaves_nothing_behind(tmp_path: Path) -> None:
    server = await started(tmp_path)
    path = Path(server.listener.address.removeprefix("unix:"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    server.listener.close()
    server.listener.close()
    assert not path.parent.exists()


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
async def test_a_folder_with_too_long_a_name_is_not_used(tmp_path: Path) -> None:
    server = await started(tmp_path / ("x" * 150))
    assert len(server.listener.address) < 104
    channel = await dial(server.found, lambda messages: None, lambda: None)
    channel.close()
    server.listener.close()


@pytest.mark.asyncio
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
async def test_a_forked_child_holds_no_stream_open(server: Server) -> None:
    channel = await dial(server.found, lambda messages: None, lambda: None)
    await until(lambda: server.channels)
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        channel.close()
        await until(lambda: server.gone == 1)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@pytest.mark.asyncio
async def test_tcp_serves_where_there_are_no_unix_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    server = await started(tmp_path)
    assert server.listener.address.startswith("tcp:127.0.0.1:")
    channel = await dial(server.found, lambda messages: None, lambda: None)
    channel.send(Reply(1, b"{}"))
    await until(lambda: server.heard)
    channel.close()
    server.listener.close()


@pytest.mark.long
@pytest.mark.asyncio
async def test_a_server_that_reads_nothing_is_left_before_memory_runs_out(tmp_path: Path) -> None:
    """The sockets come back with the kernel's next channel, and catch up from the log."""
    opened: list[asyncio.StreamWriter] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(framed(Welcome("http://h/", VERSION)))

    place = tmp_path / "s"
    deaf = await asyncio.start_unix_server(greet, str(place))
    left: list[bool] = []
    found = Discovery(f"unix:{place}", TOKEN, "", os.getpid())
    channel = await dial(found, lambda messages: None, lambda: left.append(True))
    most = 0
    for number in range(400):
        if channel.closed:
            break
        channel.send(Reply(number, b"x" * 500_000))
        await asyncio.sleep(0)
        most = max(most, channel.unsent)
    await until(lambda: left)
    assert left == [True]
    assert channel.closed
    assert MOST_UNSENT_BYTES < most < MOST_UNSENT_BYTES + 2_000_000
    opened[0].close()
    deaf.close()
