"""Rooms as browsers and kernels meet them."""

from __future__ import annotations

import asyncio

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse

from tests.server.worlds import BY_WEBSOCKET, Kernel, Limited, World, until, upgrade
from uproot_nb.bridge.messages import (
    AddPlayers,
    CloseRoom,
    CloseSession,
    HttpReply,
    HttpRequest,
    Misuse,
    OpenRoom,
    RoomNews,
    RoomWaiting,
    SetState,
)
from uproot_nb.server.limits import Limits
from uproot_nb.server.networks import Proxies
from uproot_nb.server.rates.guesses import Guesses
from uproot_nb.server.rooms import ClaimedRoom

pytestmark = pytest.mark.asyncio

ENTER = b'{"op":"action","action":"submit"}'
RUNNING = {"op": "status", "state": "running"}
PAUSED = {"op": "status", "state": "paused"}


async def serve(world: World, room: str = "lab", key: str = "key-market") -> Kernel:
    """Return a kernel that serves a session and a room."""
    kernel = await world.kernel()
    await kernel.serve(key, {} if key != "key-market" else None)
    kernel.send(OpenRoom(key, room, 1.0))
    await until(lambda: kernel_of(world, room) is world.link_of(kernel))
    return kernel


def kernel_of(world: World, room: str) -> object:
    found = world.server.rooms.get(room)
    session = found.session if found is not None else None
    return session.link if session is not None else None


async def waiting(kernel: Kernel, count: int) -> None:
    """Wait until the kernel hears that so many wait."""
    while (await kernel.expect(RoomWaiting)).count != count:
        pass


async def test_a_room_is_looked_at_and_entered(world: World) -> None:
    kernel = await serve(world)
    page = await world.fetch("room/lab/?label=p01", headers={"Accept-Language": "fr"})
    assert (page.code, page.headers["X-Page"]) == (200, "yes")
    asked = await kernel.expect(HttpRequest)
    assert (asked.session, asked.player, asked.action) == ("key-market", "", "room")
    assert (asked.room, asked.query, asked.languages) == ("lab", [("label", "p01")], "fr")
    kernel.answers = False
    entering = asyncio.ensure_future(world.fetch("room/lab/", "label=p01"))
    entered = await kernel.expect(HttpRequest)
    assert (entered.action, entered.form) == ("enter", [("label", "p01")])
    kernel.send(HttpReply(entered.request, 303, [("Location", "/p/new/")], b""))
    answer = await entering
    assert (answer.code, answer.headers["Location"]) == (303, "../../p/new/")


@pytest.mark.parametrize("path", ["room/none/", "room/la%62x/", "room/%FF/", "room//"])
async def test_an_unknown_room_is_like_any_other_address(world: World, path: str) -> None:
    kernel = await serve(world)
    other = await world.fetch("nowhere", headers={"Accept-Language": "de"})
    for body in (None, "label=p01"):
        page = await world.fetch(path, body, headers={"Accept-Language": "de"})
        assert (page.code, page.body) == (404, other.body)
    assert not [heard for heard in kernel.heard if isinstance(heard, HttpRequest)]


@pytest.mark.long
async def test_a_room_whose_kernel_is_away_says_that_it_is_paused(limited: Limited) -> None:
    world = await limited(page_patience=0.05, form_patience=0.05)
    kernel = await serve(world)
    await kernel.die()
    for body in (None, "label=p01"):
        page = await world.fetch("room/lab/", body)
        assert (page.code, page.headers["Retry-After"]) == (503, "5")
        assert b"continues automatically" in page.body
        assert b"<script>" in page.body
    notice = await world.wait_in("lab", "?page=-1&since=0")
    assert await notice.read() == PAUSED
    back = await serve(world)
    assert await notice.read() == RUNNING
    assert (await back.expect(RoomWaiting)).count == 0


async def test_a_request_waits_for_a_kernel_that_comes_back(world: World) -> None:
    kernel = await serve(world)
    await kernel.die()
    asking = asyncio.ensure_future(world.fetch("room/lab/", "label=p01"))
    await serve(world)
    assert (await asking).code == 200


async def test_a_press_whose_kernel_dies_comes_to_the_next_as_the_same(world: World) -> None:
    """Whether the first has given a place is known to its log alone."""
    kernel = await serve(world)
    kernel.answers = False
    form = "label=p01&_uproot_visit=visit-0123456789abcdef"
    entering = asyncio.ensure_future(world.fetch("room/lab/", form))
    first = await kernel.expect(HttpRequest)
    await kernel.die()
    kernel = await serve(world)
    second = await kernel.expect(HttpRequest)
    assert (first.action, first.form) == (second.action, second.form)
    assert (await entering).code == 200


@pytest.mark.long
async def test_who_waits_is_counted_and_hears_the_news(world: World) -> None:
    kernel = await serve(world)
    browsers = [await world.wait_in("lab") for _ in range(3)]
    await waiting(kernel, 3)
    for browser in browsers:
        assert await browser.read() == RUNNING
    kernel.send(RoomNews("key-market", "lab", ENTER))
    for browser in browsers:
        assert await browser.read() == {"op": "action", "action": "submit"}
    browsers[0].connection.close()
    await waiting(kernel, 2)
    kernel.send(SetState("key-market", "paused"))
    assert await browsers[1].read() == PAUSED


@pytest.mark.long
async def test_many_who_come_at_once_are_told_of_in_few_words(world: World) -> None:
    kernel = await serve(world)
    await asyncio.gather(*(world.wait_in("lab") for _ in range(60)))
    await waiting(kernel, 60)
    room = world.server.rooms.get("lab")
    assert room is not None
    assert room.waiting == 60


@pytest.mark.long
async def test_a_kernel_that_comes_back_hears_who_waits(world: World) -> None:
    kernel = await serve(world)
    browser = await world.wait_in("lab")
    await waiting(kernel, 1)
    await kernel.die()
    assert [await browser.read(), await browser.read()] == [RUNNING, PAUSED]
    back = await serve(world)
    await waiting(back, 1)
    assert await browser.read() == RUNNING


@pytest.mark.long
async def test_a_kernel_speaks_for_its_own_rooms_alone(world: World) -> None:
    kernel = await serve(world)
    other = await serve(world, "hall", "key-diary")
    browser = await world.wait_in("lab")
    await waiting(kernel, 1)
    other.send(RoomNews("key-market", "lab", ENTER))
    other.send(RoomNews("key-diary", "lab", ENTER))
    other.send(CloseRoom("key-market", "lab"))
    other.send(CloseRoom("key-diary", "lab"))
    other.send(OpenRoom("key-market", "hall", 9.0))
    other.send(CloseSession("key-diary"))
    await until(lambda: kernel_of(world, "hall") is None)
    assert await browser.read() == RUNNING
    assert await browser.nothing_more()


@pytest.mark.long
async def test_the_session_that_came_last_has_the_room_until_it_ends(world: World) -> None:
    first = await serve(world)
    browser = await world.wait_in("lab")
    await waiting(first, 1)
    second = await world.kernel()
    await second.serve("key-diary", {})
    second.send(OpenRoom("key-diary", "lab", 2.0))
    await waiting(second, 1)
    await waiting(first, 0)
    assert [await browser.read(), await browser.read()] == [
        RUNNING, {"op": "action", "action": "reload"},
    ]  # fmt: skip
    first.send(OpenRoom("key-market", "lab", 1.0))  # it says so again; it is still the older one
    await world.fetch("room/lab/")
    assert (await second.expect(HttpRequest)).session == "key-diary"
    second.send(CloseSession("key-diary"))
    await waiting(first, 1)
    await world.fetch("room/lab/")
    assert (await first.expect(HttpRequest)).session == "key-market"


@pytest.mark.long
async def test_an_ended_room_says_so_and_lets_everybody_go(world: World) -> None:
    kernel = await serve(world)
    browser = await world.wait_in("lab")
    await waiting(kernel, 1)
    kernel.send(CloseSession("key-market"))
    assert [await browser.read(), await browser.read()] == [
        RUNNING, {"op": "status", "state": "closed"},
    ]  # fmt: skip
    assert await browser.closed() == 4404
    for body in (None, "label=p01"):
        assert (await world.fetch("room/lab/", body)).code == 410
    late = await world.wait_in("lab")
    assert await late.read() == {"op": "status", "state": "closed"}
    assert await late.closed() == 4404
    await kernel.serve()
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    await waiting(kernel, 0)
    assert (await world.fetch("room/lab/")).code == 200


@pytest.mark.long
async def test_a_removed_room_is_no_more(world: World) -> None:
    kernel = await serve(world)
    browser = await world.wait_in("lab")
    await waiting(kernel, 1)
    kernel.send(CloseRoom("key-market", "lab"))
    assert await browser.closed() == 4404
    assert (await world.fetch("room/lab/")).code == 404
    stranger = await world.wait_in("lab")
    assert await stranger.closed() == 4403


async def test_who_waits_may_ask_for_a_sign_of_life_and_nothing_else(world: World) -> None:
    await serve(world)
    browser = await world.wait_in("lab")
    await browser.send({"op": "ping"})
    assert [await browser.read(), await browser.read()] == [RUNNING, {"op": "pong"}]
    await browser.invoke("a")
    assert await browser.closed() == 4400


async def test_who_waits_too_loudly_is_closed(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=2000)
    await serve(world)
    browser = await world.wait_in("lab")
    for _ in range(3):
        await browser.send({"op": "ping"})
    assert await browser.closed() == 4429


@pytest.mark.long
async def test_those_who_wait_count_among_the_connections(limited: Limited) -> None:
    world = await limited(max_connections=3)
    await serve(world)
    first, second = await world.wait_in("lab"), await world.wait_in("lab")
    assert [await first.read(), await second.read()] == [RUNNING, RUNNING]
    held = await asyncio.open_connection("127.0.0.1", world.server.port)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    for one in (writer, held[1]):
        one.close()


@BY_WEBSOCKET["world"]
async def test_stopping_says_goodbye_to_those_who_wait(world: World) -> None:
    await serve(world)
    browser = await world.wait_in("lab")
    await browser.read()
    await world.server.stop()
    assert await browser.closed() == 1001


# ---- guessing -----------------------------------------------------------------------------


async def guess(world: World, kernel: Kernel, label: str, status: int, **headers: str) -> int:
    """Try a label, which the kernel answers with *status*; return the code."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    asking = asyncio.ensure_future(world.fetch("room/lab/", f"label={label}", headers=told))
    answering = asyncio.ensure_future(kernel.expect(HttpRequest))
    await asyncio.wait([asking, answering], return_when=asyncio.FIRST_COMPLETED)
    if not asking.done():
        kernel.send(HttpReply((await answering).request, status, [], b"x"))
    answering.cancel()
    return (await asking).code


async def test_whoever_guesses_labels_is_slowed_down_and_nobody_else(limited: Limited) -> None:
    world = await limited(guesses_per_second=0.0001, guess_burst=3.0, guess_pause=0.01)
    world.server.site.proxies = Proxies(["127.0.0.1"])
    kernel = await serve(world)
    kernel.answers = False
    assert await guess(world, kernel, "right", 200) == 200
    assert [await guess(world, kernel, f"g{n}", 403) for n in range(5)] == [403] * 5
    assert await guess(world, kernel, "right", 200, X_Forwarded_For="192.0.2.7") == 200
    assert await guess(world, kernel, "wrong", 403, X_Forwarded_For="192.0.2.7") == 403
    assert "127.0.0.1 has tried many labels" in (await kernel.expect(Misuse)).what


@pytest.mark.long
async def test_a_right_label_is_let_in_though_neighbours_have_mistyped_theirs(
    limited: Limited,
) -> None:
    world = await limited(guesses_per_second=0.0001, guess_burst=3.0, guess_pause=0.01)
    kernel = await serve(world)
    kernel.answers = False
    for number in range(20):
        await guess(world, kernel, f"g{number}", 403)
    assert await guess(world, kernel, "right", 200) == 200
    assert await guess(world, kernel, "right", 200) == 200


def tries(world: World, *labels: str) -> list[asyncio.Future[HTTPResponse]]:
    """Try labels at the same moment."""
    return [
        asyncio.ensure_future(world.fetch("room/lab/", f"label={one}", request_timeout=60))
        for one in labels
    ]


def guesses_of(world: World) -> Guesses:
    """Return how the labels of this machine are judged."""
    room = world.server.rooms.get("lab")
    assert room is not None
    return room.visitor("127.0.0.1").guesses


async def test_labels_that_are_tried_at_the_same_moment_are_judged_one_by_one_too(
    limited: Limited,
) -> None:
    """The kernel sees no more of them, or a guesser would learn more by asking all at once."""
    world = await limited(guesses_per_second=0.0001, guess_burst=3.0, guess_pause=3600.0)
    kernel = await serve(world)
    kernel.answers = False
    held = tries(world, *(f"h{n}" for n in range(8)))
    for _ in range(3):
        request = await kernel.expect(HttpRequest)
        kernel.send(HttpReply(request.request, 403, [], b"x"))
    await until(lambda: guesses_of(world).waiting == 5)
    assert sum(one.done() for one in held) <= 3
    kernel.answers = True
    assert (await world.fetch("room/lab/")).code == 200  # looking is no guessing
    for one in held:
        one.cancel()


@pytest.mark.long
async def test_everybody_with_a_right_label_comes_in_at_the_same_moment(limited: Limited) -> None:
    """However few wrong ones are free: a right one costs nothing."""
    world = await limited(guesses_per_second=0.0001, guess_burst=2.0, guess_pause=3600.0)
    await serve(world)
    answers = await asyncio.gather(*tries(world, *(f"right{n}" for n in range(30))))
    assert {one.code for one in answers} == {200}


async def test_who_has_gone_waits_for_no_turn(limited: Limited) -> None:
    """Or a program that asks and goes would make the line long."""
    world = await limited(guesses_per_second=0.0001, guess_burst=1.0, guess_pause=3600.0)
    kernel = await serve(world)
    kernel.answers = False
    assert await guess(world, kernel, "wrong", 403) == 403
    _, browser = await asyncio.open_connection("127.0.0.1", world.server.port)
    browser.write(b"GET /room/lab/?label=x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await until(lambda: guesses_of(world).waiting == 1)
    browser.close()
    await until(lambda: guesses_of(world).waiting == 0)


async def test_who_has_a_place_is_not_counted_when_coming_again(limited: Limited) -> None:
    world = await limited(max_joins_per_second=0.0001, join_burst=2.0)
    await serve(world)
    for _ in range(6):
        assert (await world.fetch("room/lab/", "label=a")).code == 200


async def test_one_address_opens_only_so_many_places_in_a_room(limited: Limited) -> None:
    world = await limited(max_joins_per_second=0.0001, join_burst=2.0)
    kernel = await serve(world)
    kernel.answers = False
    codes = []
    for number in range(3):
        asking = asyncio.ensure_future(world.fetch("room/lab/", ""))
        if number < 2:
            request = await kernel.expect(HttpRequest)
            kernel.send(AddPlayers("key-market", {f"token-{number}": f"new-{number}"}))
            kernel.send(HttpReply(request.request, 303, [("Location", "p/x/")], b""))
        codes.append((await asking).code)
    assert codes == [303, 303, 429]
    told = await kernel.expect(Misuse)
    assert told.what.startswith("too many joins: 127.0.0.1 has asked for 2 places at once")
    assert "max_joins_per_second" in told.what


@pytest.mark.long
async def test_one_network_does_not_fill_a_room_and_players_get_in(limited: Limited) -> None:
    world = await limited(max_connections=200, max_connections_per_network=5)
    kernel = await serve(world)
    waiting_there = [await world.wait_in("lab") for _ in range(5)]
    with pytest.raises(HTTPClientError) as refused:
        await world.wait_in("lab")
    assert refused.value.code == 503
    told = await kernel.expect(Misuse)
    assert told.what.startswith(
        "too many connections: 127.0.0.1 has 5 without a player's link. "
        "Raise max_connections_per_network (c.UprootNB.max_connections_per_network in "
    )
    assert await (await world.play()).nothing_more()
    assert [await one.read() for one in waiting_there] == [RUNNING] * 5
    waiting_there[0].connection.close()
    await until(lambda: world.server.connections.strangers == 4)
    assert await (await world.wait_in("lab")).read() == RUNNING


async def test_of_a_trusted_proxy_the_networks_behind_it_are_counted(limited: Limited) -> None:
    world = await limited(max_connections=200, max_connections_per_network=1)
    world.server.site.proxies = Proxies(["127.0.0.1"])
    await serve(world)
    opened = []
    for number in range(4):
        raw = await upgrade(world.server.port, "/room/lab/ws", X_Forwarded_For=f"192.0.2.{number}")
        assert (await raw.read())[0] == 1
        opened.append(raw)
    with pytest.raises(AssertionError, match="503"):
        await upgrade(world.server.port, "/room/lab/ws", X_Forwarded_For="192.0.2.1")
    for raw in opened:
        raw.writer.close()


async def test_too_many_requests_from_one_address_get_429(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=2000)
    await serve(world)
    assert [(await world.fetch("room/lab/")).code for _ in range(3)] == [200, 200, 429]


@pytest.mark.long
async def test_addresses_of_one_network_are_one_and_few_are_remembered() -> None:
    room = ClaimedRoom("lab", Limits())
    assert room.visitor("2001:db8::1") is room.visitor("2001:db8::ffff")
    assert room.visitor("2001:db8::1") is not room.visitor("2001:db8:0:1::1")
    assert room.visitor("::ffff:192.0.2.1") is room.visitor("192.0.2.1")
    assert room.visitor("nonsense") is room.visitor("nonsense")
    first = room.visitor("192.0.2.1")
    for number in range(5000):
        room.visitor(f"10.0.{number // 250}.{number % 250}")
    assert room.visitor("192.0.2.1") is not first
    assert len(room._visitors) <= 4096


async def test_too_long_a_form_is_refused(world: World) -> None:
    kernel = await serve(world)
    answer = await world.fetch("room/lab/", "label=" + "x" * 1_100_000)
    assert answer.code in (400, 413, 599)  # 599: cut off while it was still sending
    assert not [heard for heard in kernel.heard if isinstance(heard, HttpRequest)]


async def test_a_foreign_page_opens_no_socket(world: World) -> None:
    await serve(world)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    head = (
        "GET /room/lab/ws HTTP/1.1\r\nHost: h\r\nOrigin: http://elsewhere.example\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    writer.write(head.encode())
    assert b" 404 " in await reader.readline()
    writer.close()
