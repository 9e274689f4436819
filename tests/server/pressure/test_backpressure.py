"""A kernel that is slow, or stands still, slows its own participants and fills no memory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.running import until as until_started
from tests.server.worlds import Kernel, World, until
from uproot_nb.bridge.messages import Invoke, SocketClosed, SocketOpened
from uproot_nb.server.pressure.pressure import CALL_BYTES
from uproot_nb.server.sessions import ServedSession

pytestmark = pytest.mark.asyncio

OTHERS = {f"token-of-{name}-0123456789": name for name in ("cat", "dan")}
ANN = "p/token-of-ann-0123456789/"
CAT = "p/token-of-cat-0123456789/"


@pytest_asyncio.fixture
async def stream(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose kernels come by stream, with a player who may send very much."""
    made = World("stream", tmp_path)
    await made.start(max_calls_per_second=0, form_patience=0.5)
    yield made
    await made.stop()


async def two_kernels(world: World) -> tuple[Kernel, Kernel]:
    first, second = await world.kernel(), await world.kernel()
    await first.serve()
    await second.serve("key-other", OTHERS)
    return first, second


def reading(kernel: Kernel, reads: bool) -> None:
    """Let a kernel's end of the stream read, or stand still."""
    transport: Any = kernel.channel._transport  # type: ignore[attr-defined]
    (transport.resume_reading if reads else transport.pause_reading)()


def let_everybody_fill(session: ServedSession) -> None:
    """Let each player have so much unanswered that the stream can become full."""
    session.pressure._most_of_one = session.pressure.limit = 64 << 20


async def fill(world: World, kernel: Kernel, player: str = "ann", count: int = 400) -> int:
    """Call with much until the server sends the kernel nothing more; return how many sockets."""
    link = world.link_of(kernel)
    sockets = 0
    while not link.full:
        raw = await world.raw(player)
        sockets += 1
        assert sockets < count
        for number in range(14):
            call = {"op": "invoke", "id": f"{sockets}-{number}", "method": "m",
                    "args": ["x" * 60_000]}  # fmt: skip
            raw.send(1, json.dumps(call).encode())
        await asyncio.sleep(0.01)
    return sockets


@pytest.mark.long
async def test_of_a_kernel_that_stands_still_others_notice_nothing(stream: World) -> None:
    first, second = await two_kernels(stream)
    session = stream.server.sessions.get("key-market")
    assert session is not None
    let_everybody_fill(session)
    reading(first, False)
    await fill(stream, first)
    link, unsent = stream.link_of(first), stream.link_of(first)._channel.unsent
    assert unsent < 4_000_000
    response = await stream.fetch(ANN)
    assert (response.code, response.headers["Retry-After"]) == (503, "5")
    cat = await stream.play("cat")
    for number in range(50):
        await cat.invoke(f"c{number}", "post", "x" * 50_000)
        second.answer(await second.expect(Invoke))
        assert (await cat.read() or {})["id"] == f"c{number}"
    assert (await stream.fetch(CAT)).code == 200
    for _ in range(50):
        bob = await stream.connect("bob")
        await bob.read()
        bob.connection.close()
    await until(lambda: not any(one.player.name == "bob" for one in stream.server.sockets))
    assert link._channel.unsent == unsent
    asked = asyncio.ensure_future(stream.fetch(ANN))
    reading(first, True)
    assert (await asked).code in (200, 503)
    await until(lambda: not link.full)
    assert (await stream.fetch(ANN)).code == 200
    heard = [one for one in first.heard if isinstance(one, SocketOpened | SocketClosed)]
    assert not any(one.player == "bob" for one in heard)


@pytest.mark.long
async def test_all_that_waited_arrives_once_and_in_order(stream: World) -> None:
    first, _ = await two_kernels(stream)
    session = stream.server.sessions.get("key-market")
    assert session is not None
    let_everybody_fill(session)
    reading(first, False)
    sockets = await fill(stream, first)
    reading(first, True)
    for _ in range(sockets * 14):
        first.answer(await first.expect(Invoke))
    await until(lambda: session.pressure.size == 0)
    assert not session.pressure._line
    assert not session.pressure.waiting
    assert not any(isinstance(one, Invoke) for one in first.heard)


@pytest.mark.long
async def test_a_thousand_calls_at_once_are_read_as_they_are_answered(stream: World) -> None:
    first, _ = await two_kernels(stream)
    session = stream.server.sessions.get("key-market")
    assert session is not None
    raw = await stream.raw()
    for number in range(1000):
        call = {"op": "invoke", "id": f"c{number}", "method": "m", "args": ["x" * 20_000]}
        raw.send(1, json.dumps(call).encode())
    bob = await stream.play("bob")
    most, ids = 0, []
    for number in range(1000):
        invoke = await first.expect(Invoke)
        most = max(most, session.pressure.size)
        ids.append(invoke.id)
        first.answer(invoke)
        if number % 100 == 0:
            await bob.invoke(f"b{number}")
            while True:
                mine = await first.expect(Invoke)
                first.answer(mine)
                if mine.player == "bob":
                    break
                ids.append(mine.id)
            assert (await bob.read() or {})["id"] == f"b{number}"
        if len(ids) == 1000:
            break
    assert ids == [f"c{number}" for number in range(1000)]
    assert most < 33 * 21_000


@pytest.mark.long
async def test_what_one_player_has_unanswered_is_bounded_over_all_tabs(stream: World) -> None:
    first, _ = await two_kernels(stream)
    session = stream.server.sessions.get("key-market")
    assert session is not None
    for tab in range(8):
        raw = await stream.raw()
        for number in range(20):
            call = {"op": "invoke", "id": f"{tab}-{number}", "method": "m", "args": ["x" * 60_000]}
            raw.send(1, json.dumps(call).encode())
    await until(lambda: session.players["ann"].share.size >= 1 << 20)
    bob = await stream.play("bob")
    await bob.invoke("b")
    while (invoke := await first.expect(Invoke)).player != "bob":
        pass
    first.answer(invoke)
    assert (await bob.read() or {})["id"] == "b"
    assert session.players["ann"].share.size < (1 << 20) + 8 * 64 * 1024


KERNEL = """
import asyncio, sys
from uproot_nb.bridge.discovery import Discovery
from uproot_nb.bridge.messages import *
from uproot_nb.bridge.stream import dial

async def main():
    def receive(messages):
        for message in messages:
            if isinstance(message, SocketOpened):
                channel.send(Backlog(message.socket, 0, []))
            elif isinstance(message, Invoke):
                frame = b'{"op":"result","id":"%b","data":null}' % message.id.encode()
                channel.send(Reply(message.call, frame))
    found = Discovery(sys.argv[1], "token", "", 1)
    gone = asyncio.Event()
    channel = await dial(found, receive, gone.set)
    tokens = {f"token-of-{name}-0123456789": name for name in ("ann", "bob")}
    channel.send(OpenSession("key-market", "market", "join-secret", "running", tokens))
    await gone.wait()

asyncio.run(main())
"""


@pytest.mark.long
async def test_a_kernels_process_that_is_stopped_fills_no_memory(stream: World) -> None:
    """What comes meanwhile stays with the browsers; when it goes on, all is answered in order."""
    await stream.kernel()  # opens the socket for kernels
    assert stream._listener is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KERNEL, stream._listener.address
    )
    try:
        await until_started(lambda: stream.server.sessions.get("key-market"))
        raws = [await stream.raw() for _ in range(4)]
        await until(lambda: not any(one.resuming for one in stream.server.sockets))
        os.kill(process.pid, signal.SIGSTOP)
        call = b'{"op":"invoke","id":"%d","method":"m","args":["%b"]}'
        for number in range(1000):
            for raw in raws:
                raw.send(1, call % (number, b"x" * 2_000))
        session = stream.server.sessions.get("key-market")
        assert session is not None
        await until(lambda: all(one._held for one in stream.server.sockets))
        (link,) = [one for one in stream.server.links if one.sessions]
        assert session.pressure.size < 4 * 32 * 3_000
        assert link._channel.unsent < 1 << 20
        assert sum(len(one._unread) for one in stream.server.sockets) < 4 * 400_000
        os.kill(process.pid, signal.SIGCONT)
        for raw in raws:
            answered = 0
            while answered < 1000:
                _, payload = await raw.read()
                answer = json.loads(payload)
                if answer["op"] == "result":
                    assert answer["id"] == str(answered)
                    answered += 1
    finally:
        process.kill()
        await process.wait()


async def test_where_all_call_too_much_each_may_have_one_call_however_short(
    stream: World,
) -> None:
    """Short calls are not counted in bytes, but by their number."""
    kernel, _ = await two_kernels(stream)
    session = stream.server.sessions.get("key-market")
    assert session is not None
    session.pressure._most = 5 * CALL_BYTES
    session.pressure.most_calls = 5
    raws = [await stream.raw("ann") for _ in range(3)]
    for number in range(10):
        for tab, raw in enumerate(raws):
            raw.send(1, b'{"op":"invoke","id":"%d-%d","method":"m"}' % (tab, number))
    await until(lambda: len(session.pressure.calls) >= 5)
    bob = await stream.play("bob")
    for number in range(3):
        await bob.invoke(f"b{number}")
    await until(lambda: sum(one.player == "bob" for one in calls_of(kernel)) == 1)
    assert sum(one.player == "ann" for one in calls_of(kernel)) <= 5 + 2, "one for each tab more"
    ids = []
    for _ in range(33):
        invoke = await kernel.expect(Invoke)
        assert len(session.pressure.calls) <= 5 + 4, "one more for each connection in a turn"
        ids.append(invoke.id)
        kernel.answer(invoke)
    assert len(set(ids)) == 33
    for who in ("0-", "1-", "2-", "b"):
        mine = [one for one in ids if one.startswith(who)]
        assert mine == sorted(mine)
    await until(lambda: not session.pressure.calls)
    assert not session.pressure.waiting
    assert not session.pressure._line


def calls_of(kernel: Kernel) -> list[Invoke]:
    return [one for one in kernel.heard if isinstance(one, Invoke)]
