"""Who is back before a kernel is waits, and goes on by itself."""

from __future__ import annotations

import pytest

from tests.server.worlds import SECRET, Limited, World, until
from uproot_nb.bridge.messages import AddPlayers, OpenRoom
from uproot_nb.server.expected import Expected
from uproot_nb.server.limits import Limits

ANN = "p/token-of-ann-0123456789/"
JOIN = f"join/market/{SECRET}/"
PAUSED = {"op": "status", "state": "paused"}


@pytest.mark.parametrize("path", [ANN, JOIN, "room/lab/", ANN + "api/x"])
@pytest.mark.parametrize("body", [None, "a=1"])
async def test_what_is_unknown_to_a_new_server_is_one_moment(
    world: World, path: str, body: str | None
) -> None:
    """It cannot know better: the kernel has not dialled in yet."""
    world.server.expected.extend()
    answer = await world.fetch(path, body)
    assert (answer.code, answer.headers["Retry-After"]) == (503, "5")
    assert b"One moment" in answer.body
    assert not world.server.reports.refusals.counts


async def test_a_players_page_waits_for_the_kernel_and_is_told_to_connect_again(
    world: World,
) -> None:
    world.server.expected.extend()
    ann = await world.connect("ann")
    assert await ann.read() == PAUSED
    await ann.invoke("call-1")
    assert await ann.nothing_more()
    kernel = await world.kernel()
    await kernel.serve()
    assert await ann.closed() == 4425
    await world.play("ann")
    await until(lambda: world.server.expected.count == 0)


async def test_rooms_join_links_and_later_places_are_waited_for_too(world: World) -> None:
    world.server.expected.extend()
    room = await world.wait_in("lab")
    link = await world.browse(f"{JOIN}ws")
    late = await world.connect(token="token-of-cat-0123456789")
    for browser in (room, link, late):
        assert await browser.read() == PAUSED
    kernel = await world.kernel()
    await kernel.serve()
    assert await link.closed() == 4425
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    assert await room.closed() == 4425
    kernel.send(AddPlayers("key-market", {"token-of-cat-0123456789": "cat"}))
    assert await late.closed() == 4425
    assert await (await world.browse(f"{JOIN}ws")).closed() == 4425


async def test_after_some_minutes_what_is_unknown_leads_nowhere(limited: Limited) -> None:
    world = await limited(kernel_patience=0.0, ping_interval=0.01)
    world.server.expected.extend()
    assert (await world.fetch(ANN)).code == 404
    assert await (await world.connect("ann")).closed() == 4403
    assert await (await world.browse(f"{JOIN}ws")).closed() == 4403


async def test_those_who_wait_hear_when_no_kernel_is_expected_any_more(world: World) -> None:
    now = [0.0]
    expected = world.server.expected
    expected._clock, expected._until = lambda: now[0], now[0]
    expected.extend()
    ann = await world.connect("ann")
    assert await ann.read() == PAUSED
    expected.check()
    assert await ann.nothing_more()
    now[0] = world.server.limits.kernel_patience
    expected.check()
    assert await ann.closed() == 4403


async def test_when_a_kernel_has_gone_another_is_expected(world: World) -> None:
    """The next one may know more than the last: places that were opened meanwhile."""
    kernel = await world.kernel()
    await kernel.serve()
    assert not world.server.expected.is_open
    await kernel.die()
    assert world.server.expected.is_open
    assert (await world.fetch("p/token-of-cat-0123456789/")).code == 503


@pytest.mark.long
async def test_strangers_leave_half_of_the_connections_to_players(limited: Limited) -> None:
    world = await limited(max_connections=4)
    world.server.expected.extend()
    for name in ("a", "b"):
        await (await world.connect(token=name)).read()
    assert await (await world.connect(token="c")).closed() == 4429


async def test_whoever_waits_is_not_forgotten_by_a_server_that_stops(world: World) -> None:
    world.server.expected.extend()
    ann = await world.connect("ann")
    assert await ann.read() == PAUSED
    world.server.expected.stop()
    assert await ann.closed() == 1001


def test_each_kernel_that_goes_prolongs_the_time() -> None:
    now = [0.0]
    expected = Expected(Limits(kernel_patience=10.0), lambda: now[0])
    assert not expected.is_open
    expected.extend()
    now[0] = 9.0
    assert expected.is_open
    expected.extend()
    now[0] = 18.0
    assert expected.is_open
    now[0] = 19.0
    assert not expected.is_open
