"""What every channel does, in memory, by stream or over NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.components.nats_server import NatsServer, nats_server
from uproot_nb.bridge.channel import MOST_UNSENT_BYTES, Accept, Channel, memory_pair
from uproot_nb.bridge.discovery import Discovery
from uproot_nb.bridge.messages import (
    AddPlayers,
    BridgeMessage,
    FromKernel,
    FromServer,
    Misuse,
    Reply,
    SocketClosed,
)
from uproot_nb.bridge.nats.broker import open_broker
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.bridge.nats.nats_channel import Inbox
from uproot_nb.bridge.nats.subjects import new_id
from uproot_nb.bridge.stream import dial, listen

__all__ = ["nats_server"]

pytestmark = pytest.mark.asyncio


class End:
    """Hears what one end of a channel hears."""

    def __init__(self) -> None:
        self.channel: Channel
        self.reads: list[list[BridgeMessage]] = []
        self.gone = 0

    def receive(self, messages: list[BridgeMessage]) -> None:
        self.reads.append(messages)

    def left(self) -> None:
        self.gone += 1

    @property
    def heard(self) -> list[BridgeMessage]:
        return [message for read in self.reads for message in read]


async def until(truth: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not truth():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def over_nats(nats: NatsServer, kernel: End, accepted: Accept) -> AsyncIterator[None]:
    """Open the kernel's end and the server's of one virtual stream, on two connections."""
    address = BrokerAddress.parse(nats.url)
    brokers = [await open_broker(address) for _ in range(2)]
    inboxes = [Inbox(broker, lambda envelope: None) for broker in brokers]
    subjects = [f"test.{new_id()}" for _ in inboxes]
    for inbox, subject in zip(inboxes, subjects, strict=True):
        await inbox.listen(subject)
    near, number = inboxes[0].channel(subjects[1], FromServer)
    far, _ = inboxes[1].channel(subjects[0], FromKernel, number)
    near.open(kernel.receive, kernel.left)
    far.open(*accepted(far, "kernel-id"))
    kernel.channel = near
    yield
    for inbox, broker in zip(inboxes, brokers, strict=True):
        inbox.close()
        await broker.close()


@pytest_asyncio.fixture(params=["memory", "stream", "nats"])
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[End, End]]:
    """The kernel's and the server's end of a new channel."""
    kernel, server = End(), End()

    def accepted(channel: Channel, name: str) -> tuple[Any, Any]:
        assert name == "kernel-id"
        server.channel = channel
        return server.receive, server.left

    if request.param == "memory":
        kernel.channel, _ = memory_pair(kernel.receive, kernel.left, accepted, "kernel-id")
        yield kernel, server
    elif request.param == "nats":
        nats = request.getfixturevalue("nats_server")
        async with over_nats(nats, kernel, accepted):
            yield kernel, server
    else:
        listener = await listen(tmp_path, "t", accepted)
        found = Discovery(listener.address, "t", "", 1)
        kernel.channel = await dial(found, kernel.receive, kernel.left, kernel="kernel-id")
        yield kernel, server
        listener.close()
    kernel.channel.close()
    server.channel.close()


def report(number: int) -> Misuse:
    return Misuse("s", "ann", "malformed", number)


@pytest.mark.long
async def test_messages_arrive_in_order_in_both_directions(ends: tuple[End, End]) -> None:
    kernel, server = ends
    for number in range(100):
        kernel.channel.send(Reply(number, b"{}"))
        server.channel.send(report(number))
    await until(lambda: len(server.heard) == len(kernel.heard) == 100)
    assert server.heard == [Reply(number, b"{}") for number in range(100)]
    assert kernel.heard == [report(number) for number in range(100)]


async def test_what_one_turn_sends_is_received_at_once(ends: tuple[End, End]) -> None:
    kernel, server = ends
    for number in range(50):
        server.channel.send(report(number))
    await until(lambda: kernel.heard)
    assert [len(read) for read in kernel.reads] == [50]


async def test_closing_is_noticed_once_and_only_by_the_other_side(ends: tuple[End, End]) -> None:
    kernel, server = ends
    kernel.channel.send(Reply(1, b"last words"))
    kernel.channel.close()
    kernel.channel.close()
    await until(lambda: server.gone)
    assert server.heard == [Reply(1, b"last words")]
    assert (server.gone, kernel.gone) == (1, 0)
    assert kernel.channel.closed
    assert server.channel.closed


async def test_nothing_is_sent_or_said_after_closing(ends: tuple[End, End]) -> None:
    kernel, server = ends
    server.channel.send(report(1))
    kernel.channel.close()
    kernel.channel.send(Reply(1, b""))
    await until(lambda: server.gone)
    server.channel.send(report(2))
    server.channel.close()
    assert server.heard == kernel.heard == []
    assert kernel.gone == 0


async def test_who_sends_much_waits_until_it_is_taken(ends: tuple[End, End]) -> None:
    """So what waits in memory stays bounded, however much there is to send."""
    kernel, server = ends
    waiting = []
    for number in range(40):
        kernel.channel.send(Reply(number, b"x" * 500_000))
        await kernel.channel.drain()
        waiting.append(kernel.channel.unsent)
    assert max(waiting) < 2_000_000
    await until(lambda: len(server.heard) == 40)
    assert kernel.channel.unsent == 0


async def test_nobody_waits_for_a_line_that_is_gone(ends: tuple[End, End]) -> None:
    kernel, server = ends
    kernel.channel.send(Reply(1, b"x" * 10_000_000))
    waiting = asyncio.ensure_future(kernel.channel.drain())
    server.channel.close()
    async with asyncio.timeout(10):
        await waiting
        await until(lambda: kernel.gone)
        await kernel.channel.drain()


async def test_names_of_any_script_pass(ends: tuple[End, End]) -> None:
    kernel, server = ends
    kernel.channel.send(AddPlayers("s", {"t": "Ünïcødé 玩家"}))
    server.channel.send(SocketClosed(1, "s", "玩家"))
    await until(lambda: server.heard and kernel.heard)
    assert server.heard == [AddPlayers("s", {"t": "Ünïcødé 玩家"})]
    assert kernel.heard == [SocketClosed(1, "s", "玩家")]


@pytest.mark.long
@pytest.mark.sample(1)
async def test_one_long_message_is_no_reason_to_leave(ends: tuple[End, End]) -> None:
    kernel, server = ends
    long = MOST_UNSENT_BYTES + 5_000_000
    kernel.channel.send(Reply(1, b"x" * long))
    await asyncio.sleep(0)
    kernel.channel.send(Reply(2, b"then"))
    await until(lambda: len(server.heard) == 2)
    assert server.heard[0] == Reply(1, b"x" * long)
    assert not kernel.channel.closed
