"""Requests of browsers that cannot open a WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tornado.log import access_log

from tests.server.worlds import Browser, Limited, PolledConnection, World, until
from uproot_nb.bridge.messages import Invoke, Misuse, OpenRoom, SocketClosed, SocketOpened

pytestmark = pytest.mark.asyncio
ANN = "p/token-of-ann-0123456789/poll"
"""Where Ann's page asks."""


def polled(browser: Browser) -> PolledConnection:
    """Return what is below a browser's socket."""
    assert isinstance(browser.connection, PolledConnection)
    return browser.connection


def read(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(body)
    return found


async def asking(world: World, link: str, **headers: str) -> asyncio.StreamWriter:
    """Let Ann's page wait for the next frames, by a connection of its own."""
    _, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    body = msgspec.json.encode({"op": "wait", "link": link, "got": 1})
    lines = {"Host": "x", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"POST /{ANN} HTTP/1.1\r\n{head}\r\n".encode() + body)
    await until(lambda: not world.server.polled._alone)
    return writer


async def test_the_kernel_learns_what_carries_the_connection(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    await world.play("ann")
    assert (await kernel.expect(SocketOpened)).by == "polling"
    await world.raw("ann")
    assert (await kernel.expect(SocketOpened)).by == ""


async def test_a_page_that_closes_says_so(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    assert (await ann.ask("leave")).code == 200
    assert (await kernel.expect(SocketClosed)).player == "ann"
    assert (await ann.ask("wait", got=1)).code == 404
    assert len(world.server.polled) == 0


async def test_a_browser_that_is_cut_off_is_offline_when_it_does_not_ask_again(
    limited: Limited,
) -> None:
    world = await limited(poll_patience=0.05)
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.connect("ann"))
    writer = await asking(world, ann.link)
    writer.close()
    assert (await kernel.expect(SocketClosed)).player == "ann"


async def test_a_browser_that_waits_longer_than_its_patience_stays(limited: Limited) -> None:
    world = await limited(poll_patience=0.02, poll_hold=30.0)
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.connect("ann")
    assert await ann.read() == {"op": "status", "state": "running"}
    (socket,) = world.server.sockets
    await until(lambda: not socket.resuming)
    reading = asyncio.ensure_future(ann.read())
    await until(lambda: not world.server.polled._alone)
    world.server.polled._check(0.0)
    kernel.push("ann", data="late")
    assert (await reading or {})["data"] == "late"


async def test_an_answer_that_is_lost_comes_again_and_a_call_is_made_once(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    call = '{"op":"invoke","id":"a-1","method":"m","args":[],"kwargs":{}}'
    for _ in range(3):
        assert read((await ann.ask("send", [call], first=1)).body) == {"taken": 1}
    invoke = await kernel.expect(Invoke)
    kernel.answer(invoke, 7)
    kernel.push("ann", data="news")
    await until(lambda: world.server.sockets.get(invoke.socket).unsent)
    answers = [(await ann.ask("wait", got=1)).body for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert [frame["op"] for frame in read(answers[0])["frames"]] == ["result", "event"]
    assert not [one for one in kernel.heard if isinstance(one, Invoke)]


async def test_with_a_killed_kernel_a_page_reads_that_it_is_paused_and_misses_nothing(
    world: World,
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play("ann")
    kernel.push("ann", data=1)
    assert (await ann.read() or {})["data"] == 1
    await ann.invoke("a-1")
    await kernel.expect(Invoke)
    await kernel.die()
    assert await ann.read() == {"op": "status", "state": "paused"}
    again = await world.kernel()
    again.seq = 1
    await again.serve()
    opened = await again.expect(SocketOpened)
    assert (opened.since, opened.by) == (1, "polling")
    again.answer(await again.expect(Invoke), "once")
    again.push("ann", data=2)
    frames = [await ann.read() for _ in range(3)]
    assert [frame["op"] for frame in frames if frame] == ["status", "result", "event"]


@pytest.mark.long
async def test_after_a_restart_of_the_server_links_are_unknown(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    await world.server.stop()
    await world.start()
    response = await ann.ask("wait", got=1)
    assert (response.code, read(response.body)) == (404, {"refused": "unknown"})


@pytest.mark.long
async def test_a_link_belongs_to_one_page(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = polled(await world.play("ann")), polled(await world.play("bob"))
    bob.link = ann.link
    assert (await bob.ask("wait", got=0)).code == 404
    assert (await bob.ask("leave")).code == 404
    assert await (await world.play("ann")).nothing_more()
    assert len(world.server.sockets) == 3


@pytest.mark.long
@pytest.mark.parametrize(
    "body",
    [
        "", "x", "[]", "{}", '{"op":"dance"}', '{"op":"wait"}', '{"op":"wait","link":"","got":0}',
        '{"op":"wait","link":"a","got":-1}', '{"op":"send","link":"a","first":0}',
        '{"op":"wait","link":5,"got":0}', '{"op":"send","link":"a","first":99999999999999999999}',
        '{"op":"leave","link":"' + "x" * 65 + '"}', "[" * 50_000, '{"op":"wait","link":"\\ud83d"}',
    ],
)  # fmt: skip
async def test_what_no_page_asks_is_refused_and_disturbs_nobody(world: World, body: str) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    bob = await world.play("bob")
    response = await world.fetch(ANN, body)
    assert (response.code, read(response.body)) == (400, {"refused": "malformed"})
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "malformed", 1)
    assert await bob.nothing_more()


async def test_waiting_and_guessing_count_as_calls(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=6000)
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    codes = []
    for _ in range(6):
        codes.append((await world.fetch(ANN, '{"op":"wait","link":"guess","got":0}')).code)
    assert codes == [404] * 5 + [429]
    answer = read((await ann.ask("wait", got=1)).body)
    assert answer["close"] == [4429, "too fast"]


async def test_more_than_a_page_may_post_is_not_even_read(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    size = world.server.limits.max_post_bytes
    response = await ann.ask("send", ["x" * size], first=1)
    assert response.code in (400, 599)
    assert await (await world.play("bob")).nothing_more()


async def test_a_store_that_asks_by_get_gets_nothing(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert (await world.fetch(ANN)).code == 405
    assert (await world.fetch("room/lab/poll")).code == 405


@pytest.mark.parametrize(
    ("why", "words"), [("policy", "connect-src 'self'"), ("network", "neither WebSockets")]
)
async def test_the_researcher_reads_why_a_page_cannot_connect(
    world: World, why: str, words: str
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert (await world.fetch(f"{ANN}?blocked={why}")).code == 204
    misuse = await kernel.expect(Misuse)
    assert (misuse.player, misuse.what.partition(":")[0]) == ("ann", "no connection")
    assert words in misuse.what


@pytest.mark.long
@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("http://127.0.0.1:{port}", True),
        ("http://127.0.0.1:1", False),
        ("http://evil.example", False),
        ("null", False),
    ],
)
async def test_only_the_sites_own_pages_may_poll(world: World, origin: str, welcome: bool) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    headers = {"Origin": origin.format(port=world.server.port)}
    response = await world.fetch(f"{ANN}?page=0", '{"op":"open"}', headers=headers)
    assert (response.code == 200) is welcome
    assert world.server.reports.refusals.counts["foreign origin"] == (0 if welcome else 1)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_old_proxies_that_close_after_each_answer_pass(world: World, version: str) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    for number in (1, 2, 3):
        kernel.push("ann", data=number)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
        body = msgspec.json.encode({"op": "wait", "link": ann.link, "got": number})
        head = f"Host: x\r\nConnection: close\r\nContent-Length: {len(body)}"
        writer.write(f"POST /{ANN} HTTP/{version}\r\n{head}\r\n\r\n".encode() + body)
        answer = await reader.read()  # up to the end, as such a proxy does
        writer.close()
        assert read(answer.partition(b"\r\n\r\n")[2])["frames"][0]["data"] == number


@pytest.fixture
def all_requests_are_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what a Jupyter server has done in this process: it changes Tornado's loggers."""
    level = access_log.level
    for name, value in {
        "parent": logging.getLogger(),
        "propagate": True,
        "disabled": False,
    }.items():
        monkeypatch.setattr(access_log, name, value)
    access_log.setLevel(logging.DEBUG)
    yield
    access_log.setLevel(level)


@pytest.mark.usefixtures("all_requests_are_logged")
async def test_neither_tokens_nor_links_are_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    kernel = await world.kernel()
    await kernel.serve()
    ann = polled(await world.play("ann"))
    await ann.ask("wait", got=0, hold=0)
    assert "POST p/…/poll" in caplog.text
    assert "token-of-ann" not in caplog.text
    assert ann.link not in caplog.text


async def test_a_strangers_waiting_request_makes_room_and_its_link_stays(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits in a room holds no connection that a player needs."""
    world = await limited(max_connections=8, max_connections_per_network=4)
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    await until(lambda: world.server.rooms.get("lab"))
    waiting = [polled(await world.wait_in("lab")) for _ in range(3)]
    for one in waiting:
        await one.read_message()
    asked = [asyncio.ensure_future(one.ask("wait", got=one.got)) for one in waiting]
    connections = world.server.connections
    await until(lambda: len(connections._waiting) >= 3 and not world.server.polled._alone)
    monkeypatch.setattr(connections, "_clock", lambda: 1e9)
    assert await (await world.connect("ann")).read() == {"op": "status", "state": "running"}
    assert len(world.server.polled) == 4
    for one in asked:
        one.cancel()
