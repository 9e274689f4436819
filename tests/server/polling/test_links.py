"""Which links are open, and which end because nobody asks any more."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.polling.test_transport import Noting, write
from uproot_nb.server.limits import Limits
from uproot_nb.server.polling.links import PolledLinks

pytestmark = pytest.mark.asyncio


class Clock:
    """A clock that tests set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_link_is_found_by_its_id_at_its_address_alone() -> None:
    links, socket = PolledLinks(Limits()), Noting()
    link, transport = links.open("/p/ann/poll", socket)
    assert links.find("/p/ann/poll", link) is transport
    assert links.find("/p/bob/poll", link) is None
    assert links.find("/p/ann/poll", link[:-1]) is None
    transport.abort()
    assert links.find("/p/ann/poll", link) is None
    assert len(links) == 0
    links.stop()


async def test_ids_are_long_and_never_the_same() -> None:
    links = PolledLinks(Limits())
    ids = {links.open("/p/ann/poll", Noting())[0] for _ in range(100)}
    assert len(ids) == 100
    assert min(map(len, ids)) == 24
    links.stop()
    assert len(links) == 0


async def test_who_does_not_ask_again_in_time_is_disconnected_and_nobody_else() -> None:
    clock, sockets = Clock(), [Noting(), Noting(), Noting()]
    links = PolledLinks(Limits(poll_patience=10.0), clock)
    opened = [links.open("/p/ann/poll", socket)[1] for socket in sockets]
    asking = asyncio.ensure_future(opened[0].next_answer(0, 3600.0))
    await asyncio.sleep(0)
    clock.now = 6.0
    await opened[1].next_answer(0, 0.0)  # asks again after six seconds
    clock.now = 10.0
    links._check(10.0)
    await asyncio.sleep(0)
    assert [socket.is_gone for socket in sockets] == [False, False, True]
    clock.now = 16.0
    links._check(16.0)
    await asyncio.sleep(0)
    assert [socket.is_gone for socket in sockets] == [False, True, True]
    links.stop()
    await asking


async def test_nobody_is_disconnected_because_the_server_itself_was_stopped() -> None:
    clock, socket = Clock(), Noting()
    links = PolledLinks(Limits(poll_patience=10.0), clock)
    links.open("/p/ann/poll", socket)
    clock.now = 3600.0
    links._check(10.0)
    await asyncio.sleep(0)
    assert not socket.is_gone
    clock.now = 3610.0
    links._check(3610.0)
    await asyncio.sleep(0)
    assert socket.is_gone


async def test_who_gets_much_is_not_disconnected_for_being_answered_at_once() -> None:
    clock, socket = Clock(), Noting()
    links = PolledLinks(Limits(poll_patience=10.0), clock)
    _, transport = links.open("/p/ann/poll", socket)
    for number in range(5):
        clock.now += 4.0
        write(socket, number)
        await transport.next_answer(number, 0.0)
        links._check(clock.now)
    await asyncio.sleep(0)
    assert not socket.is_gone
    links.stop()


async def test_browsers_get_their_goodbyes_before_the_server_stops() -> None:
    links, sockets = PolledLinks(Limits()), [Noting(), Noting()]
    opened = [links.open("/p/ann/poll", socket)[1] for socket in sockets]
    for socket in sockets:
        socket.shut(1001, "going away")
    parting = asyncio.ensure_future(links.farewell())
    await asyncio.sleep(0)
    await opened[0].next_answer(0, 0.0)
    await asyncio.sleep(0)
    assert not parting.done()
    assert b'"close":[1001,"going away"]' in await opened[1].next_answer(0, 0.0)
    await parting
    links.stop()
