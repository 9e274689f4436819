"""The WebSocket protocol as such, and arbitrary bytes against it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.iostream import IOStream
from tornado.tcpserver import TCPServer

from tests.server.worlds import RawBrowser, World, until, upgrade
from uproot_nb.bridge.messages import Invoke, Misuse, SocketClosed
from uproot_nb.server import websocket
from uproot_nb.server.limits import Limits
from uproot_nb.server.socket_handlers import StreamTransport
from uproot_nb.server.websocket import WebSocket, text_frame

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CALL = b'{"op":"invoke","id":"x","method":"m","args":[1]}'


async def _joined(world: World) -> tuple[Any, RawBrowser]:
    kernel = await world.kernel()
    await kernel.serve()
    raw = await world.raw()
    assert (await raw.read())[0] == TEXT
    return kernel, raw


@pytest.mark.asyncio
async def test_fragments_are_joined_also_around_a_ping(world: World) -> None:
    kernel, raw = await _joined(world)
    raw.send(TEXT, CALL[:10], final=False)
    raw.send(PING, b"are you there")
    raw.send(0, CALL[10:20], final=False)
    raw.send(0, CALL[20:])
    assert await raw.read() == (PONG, b"are you there")
    assert (await kernel.expect(Invoke)).args == b"[1]"


@pytest.mark.asyncio
async def test_a_message_that_arrives_byte_by_byte_is_whole(world: World) -> None:
    kernel, raw = await _joined(world)
    kept: list[bytes] = []
    raw.writer, real = _Recorder(kept), raw.writer  # type: ignore[assignment]
    raw.send(TEXT, CALL)
    for byte in b"".join(kept):
        real.write(bytes([byte]))
        await real.drain()
        await asyncio.sleep(0)
    assert (await kernel.expect(Invoke)).id == "x"


@pytest.mark.asyncio
async def test_many_frames_in_one_packet_are_all_taken(world: World) -> None:
    kernel, raw = await _joined(world)
    kept: list[bytes] = []
    raw.writer, real = _Recorder(kept), raw.writer  # type: ignore[assignment]
    for _ in range(20):
        raw.send(TEXT, CALL)
    real.write(b"".join(kept))
    for _ in range(20):
        assert (await kernel.expect(Invoke)).id == "x"


class _Recorder:
    def __init__(self, kept: list[bytes]) -> None:
        self.kept = kept

    def write(self, data: bytes) -> None:
        self.kept.append(data)


@pytest.mark.asyncio
async def test_a_goodbye_is_answered_with_the_same_code(world: World) -> None:
    _, raw = await _joined(world)
    raw.send(CLOSE, (1000).to_bytes(2, "big") + b"bye")
    assert await raw.read() == (CLOSE, (1000).to_bytes(2, "big"))
    assert await raw.read() == (-1, b"")


@pytest.mark.asyncio
async def test_after_a_refusal_the_connection_ends_with_the_browsers_goodbye(world: World) -> None:
    _, raw = await _joined(world)
    raw.send(TEXT, b"nonsense")
    assert await raw.close_code() == 4400
    raw.send(TEXT, CALL)
    raw.send(CLOSE, (4400).to_bytes(2, "big"))
    assert await raw.read() == (-1, b"")
    assert not world.server.sockets


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("break_a_rule", "code"),
    [
        (lambda raw: raw.send(TEXT, CALL, masked=False), 1002),
        (lambda raw: raw.send(TEXT, CALL, rsv=0x40), 1002),
        (lambda raw: raw.send(TEXT, b"\xff\xfe"), 1007),
        (lambda raw: raw.send(BINARY, CALL), 1003),
        (lambda raw: raw.send(3, CALL), 1002),
        (lambda raw: raw.send(11, b""), 1002),
        (lambda raw: raw.send(0, CALL), 1002),
        (lambda raw: raw.send(PING, b"x" * 126), 1002),
        (lambda raw: raw.send(PING, b"", final=False), 1002),
        (lambda raw: (raw.send(TEXT, b"{", final=False), raw.send(TEXT, CALL)), 1002),
    ],
    ids=range(10),
)
async def test_what_the_protocol_forbids_is_refused_by_its_code(
    world: World, break_a_rule: Any, code: int
) -> None:
    kernel, raw = await _joined(world)
    break_a_rule(raw)
    assert await raw.close_code() == code
    assert (await kernel.expect(Misuse)).what == "malformed"
    assert not [message for message in kernel.heard if isinstance(message, Invoke)]


async def _hold(kernel: Any, raw: RawBrowser, world: World) -> Any:
    """Leave as many calls unanswered as the server lets through; return the server's socket."""
    (opened,) = world.server.sockets
    for number in range(world.server.limits.max_unanswered_calls):
        raw.send(TEXT, b'{"op":"invoke","id":"x-%d","method":"m"}' % number)
    await until(lambda: opened._held)
    return opened


@pytest.mark.asyncio
async def test_of_a_browser_whose_calls_wait_the_end_is_noticed_at_once(world: World) -> None:
    kernel, raw = await _joined(world)
    await _hold(kernel, raw, world)
    raw.send(TEXT, CALL)
    raw.writer.close()
    await until(lambda: not world.server.sockets)
    assert (await kernel.expect(SocketClosed)).player == "ann"


@pytest.mark.asyncio
async def test_a_browser_whose_calls_wait_is_pinged_and_cut_off_if_it_is_silent(
    world: World,
) -> None:
    kernel, raw = await _joined(world)
    opened = await _hold(kernel, raw, world)
    opened.check_alive()
    assert await raw.read() == (PING, b"")
    raw.send(PONG, b"")
    await until(lambda: opened._heard)
    opened.check_alive()
    assert await raw.read() == (PING, b"")
    opened.check_alive()  # nothing came since
    await until(lambda: not world.server.sockets)


@pytest.mark.asyncio
async def test_while_calls_wait_no_more_than_a_message_is_read_and_nothing_is_lost(
    world: World,
) -> None:
    kernel, raw = await _joined(world)
    opened = await _hold(kernel, raw, world)
    for number in range(100):
        raw.send(TEXT, b'{"op":"invoke","id":"y-%d","method":"m","args":["%b"]}' % (number, PAD))
    await until(lambda: opened._paused)
    assert len(opened._unread) < opened._max + (1 << 18) + 14
    opened.check_alive()
    opened.check_alive()  # nothing is read: that nothing comes says nothing
    heard = []
    while len(heard) < world.server.limits.max_unanswered_calls + 100:
        heard.append(await kernel.expect(Invoke))
        kernel.answer(heard[-1])
    assert [call.id for call in heard[-100:]] == [f"y-{number}" for number in range(100)]


PAD = b"z" * 8000


@pytest.mark.asyncio
async def test_a_close_is_completed_though_the_browser_reads_nothing(
    limited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With much unsent a transport would wait for ever, and the player would be online."""
    monkeypatch.setattr("uproot_nb.server.websocket._GOODBYE_SECONDS", 0.02)
    world = await limited(max_unsent_bytes=1 << 30)
    kernel, raw = await _joined(world)
    (opened,) = world.server.sockets
    while opened.unsent < 1 << 20:
        opened.write(text_frame(b"x" * (1 << 20)))
    raw.send(CLOSE, (1000).to_bytes(2, "big"))
    await until(lambda: not world.server.sockets)
    assert (await kernel.expect(SocketClosed)).player == "ann"


@pytest.mark.asyncio
async def test_all_sockets_of_a_player_together_leave_no_more_unread_than_one_may(
    limited: Any,
) -> None:
    """Or a participant could fill the server's memory with 32 browsers that read nothing."""
    limit = 4 << 20
    world = await limited(max_unsent_bytes=limit)
    kernel, _ = await _joined(world)
    raws = [await world.raw() for _ in range(7)]
    bob = await world.play("bob")
    opened = [one for one in world.server.sockets if one.player.name == "ann"]
    assert len(opened) == 8
    chunk = text_frame(b"x" * 100_000)
    for _ in range(400):
        for one in opened:
            one.write(chunk)
    assert sum(one.unsent for one in opened) < 3 * limit
    assert sum(one.closing for one in opened) >= 1
    assert await bob.nothing_more()
    assert (await kernel.expect(Misuse)).what == "too slow"
    for raw in raws:
        raw.writer.transport.abort()


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["p/unknown/ws?page=0&since=0", "room/nowhere/ws"])
async def test_a_refused_browser_that_says_goodbye_is_let_go_at_once(
    world: World, path: str
) -> None:
    raw = await upgrade(world.server.port, f"/{path}")
    code = await raw.close_code()
    assert code == 4403
    raw.send(CLOSE, code.to_bytes(2, "big"))
    async with asyncio.timeout(2):  # without the browser's goodbye it is five seconds
        assert await raw.read() == (-1, b"")
    raw.writer.close()


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_both_ways_to_unmask_are_the_same(payload: bytes, mask: bytes) -> None:
    plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    assert websocket._unmask(mask, payload) == plain
    assert websocket._unmask_in_python(mask, payload) == plain


@pytest.mark.asyncio
async def test_fragments_together_are_not_longer_than_one_frame(world: World) -> None:
    _, raw = await _joined(world)
    for _ in range(3):
        raw.send(TEXT if _ == 0 else 0, b" " * 30_000, final=False)
    assert await raw.close_code() == 4413


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "*"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_a_broken_handshake_leads_nowhere(world: World, headers: dict[str, str]) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    await world.raw(**headers)
    assert world.handshake.startswith(b"HTTP/1.1 404")


_frames = st.one_of(
    st.binary(max_size=200),
    st.tuples(
        st.sampled_from([0, 1, 1, 1, 2, 3, 8, 9, 10]),
        st.one_of(
            st.binary(max_size=300),
            st.text(max_size=50).map(str.encode),
            st.sampled_from([CALL, b'{"op":"ping"}', b'{"op":"ack","seq":1}']),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=4)
                    | st.dictionaries(
                        st.sampled_from(["op", "id", "method", "args", "kwargs", "seq"]), inner
                    )
                ),
            ).map(lambda value: json.dumps(value).encode()),
        ),
        st.booleans(),
        st.sampled_from([True, True, True, False]),
    ),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=st.lists(_frames, max_size=12))
def test_arbitrary_bytes_disturb_nobody_and_bring_no_call_that_is_not_well_formed(
    sent: list[Any], tmp_path: Path
) -> None:
    asyncio.run(_bombard(sent, tmp_path))


async def _bombard(sent: list[Any], folder: Path) -> None:
    world = World("memory", folder)
    await world.start()
    try:
        kernel = await world.kernel()
        await kernel.serve()
        raw, bob = await world.raw("ann"), await world.play("bob")
        for frame in sent:
            if isinstance(frame, bytes):
                raw.writer.write(frame)
            else:
                opcode, payload, final, masked = frame
                raw.send(opcode, payload, final=final, masked=masked)
        raw.writer.close()
        await until(lambda: len(world.server.sockets) == 1)
        await bob.invoke("b")
        while (invoke := await kernel.expect(Invoke)).player != "bob":
            assert 1 <= len(invoke.id) <= 64
            assert 1 <= len(invoke.method) <= 128
            assert isinstance(json.loads(invoke.args), list)
            assert isinstance(json.loads(invoke.kwargs), dict)
        kernel.answer(invoke, 1)
        assert await bob.read() == {"op": "result", "id": "b", "data": 1}
    finally:
        await world.stop()


@given(st.binary(max_size=300), st.integers(1, 7))
def test_however_bytes_are_cut_the_same_is_read(data: bytes, step: int) -> None:
    whole, pieces = _Reader(), _Reader()
    whole.data_received(data)
    for at in range(0, len(data), step):
        pieces.data_received(data[at : at + step])
    assert whole.heard == pieces.heard


class _Reader(WebSocket):
    def __init__(self) -> None:
        super().__init__(1000, 1 << 20)
        self.heard: list[object] = []

    def on_text(self, payload: bytes) -> None:
        self.heard.append(payload)

    def on_refusal(self, code: int, what: str) -> None:
        self.heard.append(code)


class _Echo(WebSocket):
    def __init__(self) -> None:
        super().__init__(Limits.max_frame_bytes, Limits.max_unsent_bytes)
        self.gone = asyncio.Event()

    def on_text(self, payload: bytes) -> None:
        if payload == b"hold":
            self.hold()
        else:
            self.write(text_frame(payload))

    def on_closed(self) -> None:
        self.gone.set()


@pytest.mark.asyncio
async def test_a_stream_with_tls_is_read_and_written_through_tornado() -> None:
    made: list[_Echo] = []

    class Server(TCPServer):
        async def handle_stream(self, stream: IOStream, address: object) -> None:
            made.append(_Echo())
            StreamTransport(stream, made[-1]).start()

    server = Server()
    server.listen(0, "127.0.0.1")
    (opened,) = server._sockets.values()
    reader, writer = await asyncio.open_connection("127.0.0.1", opened.getsockname()[1])
    raw = RawBrowser(reader, writer)
    raw.send(TEXT, b"one")
    assert await raw.read() == (TEXT, b"one")
    raw.send(TEXT, b"hold")
    raw.send(TEXT, b"two")
    await until(lambda: made[0]._held)
    made[0].let_go()
    assert await raw.read() == (TEXT, b"two")
    await until(lambda: made[0].unsent == 0)
    raw.send(CLOSE, (1000).to_bytes(2, "big"))
    assert await raw.close_code() == 1000
    await asyncio.wait_for(made[0].gone.wait(), 5)
    server.stop()
    writer.close()
