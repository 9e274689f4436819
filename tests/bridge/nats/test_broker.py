"""A connection to the broker: what comes and goes, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from nats.aio.transport import TcpTransport

from tests.components.nats_server import NatsServer, nats_server, own_nats_server
from tests.running import until
from uproot_nb.bridge.nats.broker import Broker, open_broker
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.errors import BrokerRefused, BrokerSilent

__all__ = ["nats_server", "own_nats_server"]

pytestmark = pytest.mark.asyncio


async def connect(server: NatsServer, user: str = "") -> Broker:
    return await open_broker(BrokerAddress.parse(server.url.replace("//", f"//{user}")))


async def test_messages_come_in_the_order_in_which_they_were_published(
    nats_server: NatsServer,
) -> None:
    near, far = await connect(nats_server), await connect(nats_server)
    heard: list[bytes] = []
    await far.subscribe("test.order", heard.append)
    sent = [b"%d" % number for number in range(1_000)]
    for data in sent:
        near.publish("test.order", data)
    await until(lambda: len(heard) == 1_000)
    assert heard == sent
    await near.close()
    await far.close()


async def test_what_was_published_before_closing_arrives(nats_server: NatsServer) -> None:
    near, far = await connect(nats_server), await connect(nats_server)
    heard: list[bytes] = []
    await far.subscribe("test.closing", heard.append)
    near.publish("test.closing", b"last words")
    await near.close()
    await until(lambda: heard)
    assert near.ended.is_set()
    near.publish("test.closing", b"too late")  # is dropped, and raises nothing
    await far.close()
    assert heard == [b"last words"]


async def test_a_listener_that_fails_gets_what_comes_after(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    broker, heard = await connect(nats_server), []

    def listen(data: bytes) -> None:
        heard.append(int(data))

    await broker.subscribe("test.failing", listen)
    for data in (b"no number", b"1"):
        broker.publish("test.failing", data)
    await until(lambda: heard == [1])
    assert "could not be read" in caplog.text
    await broker.close()


async def test_losing_the_broker_and_its_coming_back_are_reported(
    own_nats_server: NatsServer,
) -> None:
    broker, changes = await connect(own_nats_server), []
    broker.on_change = changes.append
    own_nats_server.kill()
    await until(lambda: changes == [False])
    assert not broker.connected
    broker.publish("test.away", b"dropped")
    own_nats_server.start()
    await until(lambda: changes == [False, True])
    assert broker.connected
    await broker.close()


@pytest.mark.parametrize("turns", range(12))
async def test_whoever_stops_connecting_is_obeyed(nats_server: NatsServer, turns: int) -> None:
    """nats-py catches a cancellation at some of its steps."""
    connecting = asyncio.create_task(connect(nats_server))
    for _ in range(turns):
        await asyncio.sleep(0)
    connecting.cancel()
    with suppress(asyncio.CancelledError):
        await (await asyncio.wait_for(connecting, 60)).close()


async def test_nobody_answering_and_not_being_admitted_are_told_apart() -> None:
    with NatsServer("authorization { user: lab, password: right }") as server:
        await (await connect(server, "lab:right@")).close()
        with pytest.raises(BrokerRefused) as refused:
            await connect(server, "lab:wrong@")
        assert "wrong" not in str(refused.value)
        server.kill()
        with pytest.raises(BrokerSilent, match="No NATS server answers"):
            await connect(server)


async def test_what_is_published_together_is_written_once_and_comes_in_order(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = await connect(nats_server), await connect(nats_server)
    heard: list[bytes] = []
    for subject in ("together.a", "together.b"):
        await far.subscribe(subject, heard.append)
    written: list[list[bytes]] = []
    write = TcpTransport.writelines

    def note(transport: TcpTransport, parts: list[bytes]) -> None:
        written.append(list(parts))
        write(transport, parts)

    monkeypatch.setattr(TcpTransport, "writelines", note)
    with near.together():
        for number in range(6):
            near.publish(f"together.{'ab'[number % 2]}", b"%d" % number)
        assert written == []
    assert [len(parts) for parts in written if b"together" in b"".join(parts)] == [6]
    near.publish("together.a", b"6")
    await until(lambda: len(heard) == 7)
    assert heard == [b"%d" % number for number in range(7)]
    await near.close()
    await far.close()


async def test_a_message_that_cannot_be_read_stops_no_other(nats_server: NatsServer) -> None:
    near, far = await connect(nats_server), await connect(nats_server)
    heard: list[bytes] = []

    def listen(data: bytes) -> None:
        if data == b"bad":
            raise ValueError(data)
        heard.append(data)

    await far.subscribe("test.bad", listen)

    def publish_and_fail() -> None:
        with near.together():
            near.publish("test.bad", b"bad")
            near.publish("test.bad", b"good")
            raise ZeroDivisionError  # what was published before is sent all the same

    with pytest.raises(ZeroDivisionError):
        publish_and_fail()
    near.publish("test.bad", b"later")
    await until(lambda: heard == [b"good", b"later"])
    await near.close()
    await far.close()
