"""What a participant's socket does between browser and kernel."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.server.worlds import BY_WEBSOCKET, Limited, World, until
from uproot_nb.bridge.messages import (
    Action,
    Backlog,
    CloseSocket,
    Invoke,
    Misuse,
    PageReport,
    Push,
    Reply,
    SetState,
    SocketClosed,
    SocketOpened,
)
from uproot_nb.server.pressure.pressure import CALL_BYTES
from uproot_nb.server.sockets import PlayerSocket

pytestmark = pytest.mark.asyncio


async def test_a_call_reaches_the_kernel_as_the_browser_made_it(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play("ann", page=3)
    await ann.send('{"op":"invoke","id":"x1","method":"post","args":[1, "ä"],"kwargs":{"b":null}}')
    invoke = await kernel.expect(Invoke)
    assert (invoke.session, invoke.player, invoke.page) == ("key-market", "ann", 3)
    assert (invoke.id, invoke.method) == ("x1", "post")
    assert (invoke.args, invoke.kwargs) == ('[1, "ä"]'.encode(), b'{"b":null}')


@pytest.mark.long
async def test_calls_of_a_socket_that_closes_count_until_the_kernel_has_answered(
    world: World,
) -> None:
    """Else whoever comes and goes could fill the kernel's memory."""
    kernel = await world.kernel()
    await kernel.serve()
    session = world.server.sessions.get("key-market")
    assert session is not None
    for number in range(5):
        ann = await world.play()
        await ann.invoke(f"x{number}")
        ann.connection.close()
        await until(lambda: not list(world.server.sockets))
    invokes = [await kernel.expect(Invoke) for _ in range(5)]
    assert len(world.unanswered) == 5
    assert session.pressure.size == 5 * CALL_BYTES
    for invoke in invokes[:3]:
        kernel.answer(invoke)
    await until(lambda: len(world.unanswered) == 2)
    assert session.pressure.size == 2 * CALL_BYTES
    await kernel.die()
    assert not world.unanswered
    assert session.pressure.size == 0


async def test_arguments_may_be_left_out(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await ann.send({"op": "invoke", "id": "x", "method": "post"})
    invoke = await kernel.expect(Invoke)
    assert (invoke.args, invoke.kwargs) == (b"[]", b"{}")


async def test_a_reply_goes_to_the_asking_socket_alone(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    tabs = [await world.play("ann"), await world.play("ann"), await world.play("bob")]
    await tabs[1].invoke("c1")
    kernel.answer(await kernel.expect(Invoke), 7)
    assert await tabs[1].read() == {"op": "result", "id": "c1", "data": 7}
    assert await tabs[0].nothing_more()
    assert await tabs[2].nothing_more()


async def test_a_push_goes_to_every_tab_of_its_recipients_and_nobody_else(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    one, two, other = [await world.play(player) for player in ("ann", "ann", "bob")]
    kernel.push("ann", "nobody", data=[1])
    expected = {"op": "event", "seq": 1, "event": None, "data": [1]}
    assert await one.read() == expected
    assert await two.read() == expected
    assert await other.nothing_more()


@pytest.mark.parametrize("size", [0, 80, 125, 126, 65535, 65536, 200_000])
async def test_frames_of_every_size_arrive_whole(world: World, size: int) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    kernel.push("ann", data="x" * size)
    frame = await ann.read()
    assert frame is not None
    assert frame["data"] == "x" * size


async def test_a_push_passes_over_a_tab_that_shows_another_page(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    stale, here = await world.play("ann", page=2), await world.play("ann", page=3)
    bob = await world.play("bob", page=2)
    kernel.push("ann", "bob", data="new", positions=(3, 2))
    for browser in (here, bob):
        told = await browser.read()
        assert told is not None
        assert told["data"] == "new"
    assert await stale.nothing_more()
    kernel.push("ann", data="for all")
    told = await stale.read()
    assert told is not None
    assert told["data"] == "for all"


async def test_a_push_before_the_backlog_waits_for_it_and_is_written_once(world: World) -> None:
    kernel = await world.kernel()
    kernel.backlogs = False
    await kernel.serve()
    ann = await world.connect("ann", since=4)
    opened = await kernel.expect(SocketOpened)
    assert (opened.player, opened.page, opened.since) == ("ann", 0, 4)
    kernel.send(Push("key-market", 6, ["ann"], b'{"seq":6}'))
    frames = [(4, b'{"seq":4}'), (5, b'{"seq":5}'), (6, b'{"seq":6}')]
    kernel.send(Backlog(opened.socket, 6, frames))
    kernel.send(Push("key-market", 6, ["ann"], b'{"seq":6}'))
    kernel.send(Push("key-market", 7, ["ann"], b'{"seq":7}'))
    assert await ann.read() == {"op": "status", "state": "running"}
    assert [await ann.read() for _ in range(3)] == [{"seq": 5}, {"seq": 6}, {"seq": 7}]
    assert await ann.nothing_more()


async def test_an_action_steers_open_sockets_without_a_seq(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    kernel.send(Action("key-market", ["bob"], b'{"op":"action","action":"reload"}'))
    assert await bob.read() == {"op": "action", "action": "reload"}
    assert await ann.nothing_more()


async def test_the_kernel_hears_when_a_socket_closes(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    number = (await kernel.expect(SocketOpened)).socket
    ann.connection.close()
    assert await kernel.expect(SocketClosed) == SocketClosed(number, "key-market", "ann")
    assert not world.server.sockets


async def test_a_reply_for_a_closed_socket_is_dropped(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    await ann.invoke("c1")
    invoke = await kernel.expect(Invoke)
    ann.connection.close()
    await kernel.expect(SocketClosed)
    kernel.answer(invoke)
    kernel.push("bob")
    assert (await bob.read() or {})["op"] == "event"
    assert not world.unanswered


async def test_a_kernel_may_close_a_socket(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    number = (await kernel.expect(SocketOpened)).socket
    kernel.push("ann", data="last")
    kernel.send(CloseSocket(number, 4404, "moved"))
    frame = await ann.read()
    assert frame is not None
    assert frame["data"] == "last"
    assert await ann.closed() == 4404
    assert ann.connection.close_reason == "moved"


async def test_every_socket_is_told_the_state(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    kernel.send(SetState("key-market", "paused"))
    for browser in (ann, bob):
        assert await browser.read() == {"op": "status", "state": "paused"}


@pytest.mark.long
async def test_an_ack_is_kept_for_the_status_page(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    kernel.push("ann")
    await ann.read()
    (socket,) = world.server.sockets
    assert (socket.acked, socket.written) == (0, 1)
    await ann.send({"op": "ack", "seq": 1})
    assert await ann.nothing_more()
    assert socket.acked == 1
    await ann.send({"op": "ack", "seq": 99})
    assert await ann.nothing_more()
    assert socket.acked == 1  # what was never written cannot have arrived


MALFORMED = [
    "",
    "no json",
    "[]",
    "1",
    "null",
    "{}",
    '{"op":"dance"}',
    '{"op":"invoke"}',
    '{"op":"invoke","id":1,"method":"m"}',
    '{"op":"invoke","id":"","method":"m"}',
    '{"op":"invoke","id":"x","method":"m","args":{}}',
    '{"op":"invoke","id":"x","method":"m","args":null}',
    '{"op":"invoke","id":"x","method":"m","args":[],"kwargs":[]}',
    '{"op":"invoke","id":"x","method":"m","args":[NaN]}',
    '{"op":"invoke","id":"x","method":"m","args":[Infinity]}',
    '{"op":"invoke","id":"x","method":"m","args":[1]',
    '{"op":"invoke","id":"x","method":"m","args":[1],}',
    '{"op":"invoke","id":"' + "x" * 65 + '","method":"m"}',
    '{"op":"ack","seq":-1}',
    '{"op":"ack","seq":1.5}',
    '{"op":"ack","seq":99999999999999999999}',
]


@pytest.mark.long
@pytest.mark.parametrize("frame", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_frame_closes_with_4400_and_disturbs_nobody(
    world: World, frame: str | bytes
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    await ann.send(frame)
    assert await ann.closed() == 4400
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "malformed", 1)
    assert world.server.reports.refusals.counts["malformed"] == 1
    await bob.invoke("b1")
    assert (await kernel.expect(Invoke)).player == "bob"
    assert not [message for message in kernel.heard if isinstance(message, Invoke)]


ACCIDENTS = [
    ('"method":"say","args":["\\ud83d"]', "the call of say cannot be read"),
    ('"method":"say","args":["\\ude00 and more"]', "the call of say cannot be read"),
    ('"method":"say","args":[],"kwargs":{"\\ud83d":1}', "the call of say cannot be read"),
    ('"method":"say","args":[["deep",{"in":"\\ud83d"}]]', "the call of say cannot be read"),
    ('"method":"\\ud83d","args":[]', "a call cannot be read"),
    ('"method":"' + "m" * 129 + '","args":[]', "a call cannot be read"),
    ('"method":"","args":[]', "a call cannot be read"),
    ('"method":5,"args":[]', "a call cannot be read"),
    ('"method":null,"args":[]', "a call cannot be read"),
    ('"args":[]', "a call cannot be read"),
    ('"method":"say","args":' + "[" * 65 + "]" * 65, "the call of say nests too deeply"),
    ('"method":"say","args":' + "[" * 9000 + "]" * 9000, "the call of say nests too deeply"),
    (
        '"method":"say","args":[],"kwargs":' + '{"a":' * 65 + "1" + "}" * 65,
        "the call of say nests too deeply",
    ),
]
"""What a page's own script may send by accident, as `uproot.invoke(text.slice(0, 9))`."""


@pytest.mark.long
@pytest.mark.parametrize(("call", "reason"), ACCIDENTS, ids=range(len(ACCIDENTS)))
async def test_a_call_that_a_script_makes_by_accident_is_refused_and_no_other(
    world: World, call: str, reason: str
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play("ann")
    await ann.invoke("a-1")
    await ann.send('{"op":"invoke","id":"a-2",' + call + "}")
    answer = await ann.read()
    assert answer is not None
    assert (answer["op"], answer["id"]) == ("error", "a-2")
    assert answer["message"] == "This cannot be sent."
    misuse = await kernel.expect(Misuse)
    assert (misuse.player, misuse.count) == ("ann", 1)
    assert misuse.what.startswith(f"malformed: {reason}")
    await ann.invoke("a-3")
    for expected in ("a-1", "a-3"):
        invoke = await kernel.expect(Invoke)
        assert invoke.id == expected
        kernel.answer(invoke, 1)
        assert await ann.read() == {"op": "result", "id": expected, "data": 1}


async def test_a_large_frame_counts_as_many_calls(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=40_000)
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play("ann")
    for number in range(3):
        await ann.invoke(f"a-{number}", "m", "y" * 65_000)
    assert await ann.closed() == 4429
    assert [(await kernel.expect(Invoke)).id for _ in range(2)] == ["a-0", "a-1"]


async def test_deep_but_flat_enough_arguments_pass(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    args = "[" + ",".join(["[[]]", '"[[[["', '"\\"{{{{"'] * 100) + "]"
    await ann.send('{"op":"invoke","id":"x","method":"m","args":' + args + "}")
    assert (await kernel.expect(Invoke)).args == args.encode()


async def test_too_large_a_frame_closes_with_4413_and_is_not_kept(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    raw = await world.raw()
    raw.writer.write(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"mask")
    for _ in range(64):
        raw.writer.write(bytes(65536))
    await raw.writer.drain()
    assert await raw.close_code() == 4413
    told = await kernel.expect(Misuse)
    assert (told.player, told.count) == ("ann", 1)
    assert told.what.startswith("too large: a message has 1,099,511,627,776 bytes")
    (socket,) = world.server.sockets
    assert len(socket._unread) == 0


async def test_the_longest_allowed_frame_passes(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    empty = '{"op":"invoke","id":"x","method":"m","args":[""]}'
    text = "y" * (world.server.limits.max_frame_bytes - len(empty))
    await ann.send(empty.replace('""', f'"{text}"'))
    assert len((await kernel.expect(Invoke)).args) == len(text) + 4
    await ann.send(empty.replace('""', f'"{text}y"'))
    assert await ann.closed() == 4413
    told = await kernel.expect(Misuse)
    assert told.what.startswith(
        "too large: the call of m has 65,537 bytes, and max_frame_bytes allows 65,536."
    )


@BY_WEBSOCKET["limited"]
async def test_too_many_calls_close_with_4429(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=3000)
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    for _ in range(4):
        await ann.send({"op": "ping"})
    assert [await ann.read() for _ in range(3)] == [{"op": "pong"}] * 3
    assert await ann.closed() == 4429
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "too fast", 1)
    assert await bob.nothing_more()


@BY_WEBSOCKET["limited"]
async def test_opening_sockets_again_and_again_counts_as_calls(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=3000)
    kernel = await world.kernel()
    await kernel.serve()
    for _ in range(4):  # the first comes with its page
        await world.play("ann")
    refused = await world.connect("ann")
    assert await refused.closed() == 4429
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "too fast", 1)
    bob = await world.play("bob")
    assert await bob.nothing_more()


async def test_what_is_sent_again_counts_as_calls_by_its_size(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=3000)
    kernel = await world.kernel()
    kernel.backlogs = False
    await kernel.serve()
    ann = await world.connect("ann", since=0)
    number = (await kernel.expect(SocketOpened)).socket
    size = world.server.limits.max_frame_bytes
    kernel.send(Backlog(number, 1, [(1, b'{"text":"%s"}' % (b"x" * 4 * size))]))
    await until(lambda: not world.server.sockets.get(number).resuming)
    again = await world.connect("ann", since=0)
    assert await again.closed() == 4429
    assert (await ann.read() or {})["op"] == "status"


async def test_the_outcome_of_a_call_waits_for_what_came_before_it(world: World) -> None:
    """A page sees what it has missed before the answer to what it did then."""
    kernel = await world.kernel()
    kernel.backlogs = False
    await kernel.serve()
    ann = await world.connect("ann", since=4)
    number = (await kernel.expect(SocketOpened)).socket
    await ann.invoke("c1")
    kernel.answer(await kernel.expect(Invoke), "done")
    kernel.send(Backlog(number, 5, [(5, b'{"seq":5}')], more=True))
    kernel.send(Push("key-market", 8, ["ann"], b'{"seq":8}'))
    kernel.send(Backlog(number, 8, [(7, b'{"seq":7}'), (8, b'{"seq":8}')]))
    kernel.send(Push("key-market", 9, ["ann"], b'{"seq":9}'))
    assert (await ann.read() or {})["op"] == "status"
    assert [await ann.read() for _ in range(3)] == [{"seq": 5}, {"seq": 7}, {"seq": 8}]
    assert (await ann.read() or {})["data"] == "done"
    assert await ann.read() == {"seq": 9}


async def test_a_page_that_cannot_catch_up_is_told_alone(world: World) -> None:
    kernel = await world.kernel()
    kernel.backlogs = False
    await kernel.serve()
    ann, other = await world.connect("ann", since=4), await world.connect("ann", since=4)
    numbers = [(await kernel.expect(SocketOpened)).socket for _ in range(2)]
    reload = b'{"op":"action","action":"reload"}'
    kernel.send(Backlog(numbers[0], 8, [], action=reload))
    kernel.send(Backlog(numbers[1], 8, []))
    assert (await ann.read() or {})["op"] == "status"
    assert (await ann.read() or {})["action"] == "reload"
    assert (await other.read() or {})["op"] == "status"
    assert await other.nothing_more()


@pytest.mark.long
@pytest.mark.sample(1)
async def test_no_limit_on_calls_where_the_trait_is_zero(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0)
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    for _ in range(12):  # the usual burst is of a thousand
        for _ in range(100):
            await ann.send({"op": "ping"})
        for _ in range(100):
            assert await ann.read() == {"op": "pong"}


@pytest.mark.long
@BY_WEBSOCKET["limited"]
async def test_a_browser_that_reads_nothing_is_closed_and_resumes(limited: Limited) -> None:
    world = await limited(max_unsent_bytes=100_000)
    kernel = await world.kernel()
    await kernel.serve()
    raw, bob = await world.raw("ann"), await world.play("bob")
    await until(lambda: not any(socket.resuming for socket in world.server.sockets))
    while not world.server.reports.refusals.counts["too slow"]:
        kernel.push("ann", "bob", data="x" * 50_000)
        assert (await bob.read() or {})["op"] == "event"
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "too slow", 1)
    assert await raw.close_code() == 4408


@pytest.mark.long
async def test_reading_stops_after_32_unanswered_calls(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    for number in range(40):
        await ann.invoke(f"c{number}")
    first = [await kernel.expect(Invoke) for _ in range(32)]
    (socket,) = world.server.sockets
    assert len(socket.unanswered) == 32
    kernel.answer(first[0])
    assert (await kernel.expect(Invoke)).id == "c32"
    for invoke in first[1:]:
        kernel.answer(invoke)
    assert [(await kernel.expect(Invoke)).id for _ in range(7)] == [
        f"c{number}" for number in range(33, 40)
    ]
    assert [(await ann.read() or {})["id"] for _ in range(32)] == [f"c{n}" for n in range(32)]


async def test_a_repeated_id_is_simply_handed_on(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await ann.invoke("same")
    first = await kernel.expect(Invoke)
    again = await world.play()
    await again.invoke("same")
    second = await kernel.expect(Invoke)
    assert (first.id, first.call != second.call) == (second.id, True)


async def test_a_reply_to_an_unknown_call_does_nothing(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    kernel.send(Reply(999_999, b"{}"))
    kernel.send(Backlog(999_999, 1, [(1, b"{}")]))
    kernel.send(CloseSocket(999_999, 4400, ""))
    kernel.push("ann")
    assert (await ann.read() or {})["op"] == "event"


async def test_a_bad_token_is_let_in_only_to_be_told_4403(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    stranger = await world.connect(token="guess")
    assert await stranger.closed() == 4403
    assert world.server.reports.refusals.counts["unknown token"] == 1
    assert not kernel.heard


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "since"), [("x", 0), ("", 0), (0, "x"), (0, -1), (-2, 0), ("१", 0)]
)
async def test_page_and_since_must_be_numbers(world: World, page: object, since: object) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert await (await world.connect(page=page, since=since)).closed() == 4400
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "malformed", 1)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("http://127.0.0.1:{port}", True),
        ("http://127.0.0.1:1", False),
        ("http://evil.example", False),
        ("null", False),
        ("file://127.0.0.1:{port}", False),
        ("http://127.0.0.1:{port}.evil.example", False),
    ],
)
async def test_only_the_sites_own_pages_may_connect(
    world: World, origin: str, welcome: bool
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    await world.raw(Origin=origin.format(port=world.server.port))
    assert world.handshake.startswith(b"HTTP/1.1 101" if welcome else b"HTTP/1.1 404")
    assert world.server.reports.refusals.counts["foreign origin"] == (0 if welcome else 1)


async def test_the_public_address_is_an_own_page_too(world: World) -> None:
    world.options = {"public_url": "https://lab.example.org/x"}
    await world.server.stop()
    await world.start()
    kernel = await world.kernel()
    await kernel.serve()
    await world.raw(Origin="https://lab.example.org")
    assert world.handshake.startswith(b"HTTP/1.1 101")
    await world.raw(Origin="http://lab.example.org")
    assert world.handshake.startswith(b"HTTP/1.1 404")


@pytest.mark.long
async def test_misuse_is_reported_in_one_message_for_many(limited: Limited) -> None:
    world = await limited(report_interval=0.5)
    kernel = await world.kernel()
    await kernel.serve()
    closing = [await world.play() for _ in range(5)]
    for browser in closing:
        await browser.send("nonsense")
    await asyncio.gather(*(browser.closed() for browser in closing))
    counts = [(await kernel.expect(Misuse)).count]
    while sum(counts) < 5:
        counts.append((await kernel.expect(Misuse)).count)
    assert len(counts) < 5


async def test_more_than_the_allowed_sockets_of_one_player_are_refused(limited: Limited) -> None:
    world = await limited(max_sockets_per_player=2)
    kernel = await world.kernel()
    await kernel.serve()
    kept = [await world.play(), await world.play()]
    assert await (await world.connect()).closed() == 4429
    assert await kept[0].nothing_more()


@pytest.mark.long
@BY_WEBSOCKET["limited"]
async def test_a_silent_connection_is_pinged_and_then_cut(limited: Limited) -> None:
    world = await limited(ping_interval=0.05)
    kernel = await world.kernel()
    await kernel.serve()
    raw = await world.raw("ann")
    bob = await world.play("bob")  # answers pings by itself
    assert await raw.read() == (1, b'{"op":"status","state":"running"}')
    assert await raw.read() == (9, b"")
    assert await raw.read() == (-1, b"")
    assert (await kernel.expect(SocketClosed)).player == "ann"
    assert await bob.nothing_more()


async def test_pings_without_end_are_too_fast(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0.001, burst_seconds=5000)
    kernel = await world.kernel()
    await kernel.serve()
    raw = await world.raw("ann")
    for _ in range(6):
        raw.send(9, b"")
    assert await raw.close_code() == 4429


@pytest.mark.long
async def test_pings_whose_answers_nobody_reads_are_too_slow(limited: Limited) -> None:
    world = await limited(max_calls_per_second=0, max_unsent_bytes=20_000)
    kernel = await world.kernel()
    await kernel.serve()
    raw = await world.raw("ann")
    ping = bytes([0x89, 0x80 | 125]) + bytes(4) + b"x" * 125
    while not world.server.reports.refusals.counts["too slow"]:
        raw.writer.write(ping * 1000)
        await asyncio.sleep(0)
    assert await kernel.expect(Misuse) == Misuse("key-market", "ann", "too slow", 1)


async def test_strangers_count_as_connections_until_they_are_gone(limited: Limited) -> None:
    world = await limited(max_connections=3)
    kernel = await world.kernel()
    await kernel.serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    key = "MDEyMzQ1Njc4OWFiY2RlZg=="
    writer.write(
        b"GET /p/guess/ws?page=0 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: %s\r\n\r\n" % key.encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    await until(lambda: world.server.sockets.refused == 1)
    writer.close()
    await until(lambda: world.server.sockets.refused == 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
async def test_a_forked_child_holds_no_participant(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    raw = await world.raw("ann")
    await until(lambda: world.server.sockets)
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        for socket in world.server.sockets:
            socket.abort()
        assert await raw.close_code() is None
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


async def test_one_connection_that_cannot_be_pinged_does_not_end_the_pings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those of the others, nor the next ones."""
    kernel = await world.kernel()
    await kernel.serve()
    await world.connect("ann")
    await world.connect("bob")
    pinged: list[str] = []

    def check_alive(socket: PlayerSocket) -> None:
        pinged.append(socket.player.name)
        raise OSError("oh")

    monkeypatch.setattr(PlayerSocket, "check_alive", check_alive)
    for _ in range(2):
        world.server._timers["ping"].cancel()
        world.server._ping()
    assert sorted(pinged) == ["ann", "ann", "bob", "bob"]
    assert not world.server._timers["ping"].cancelled()


async def test_a_report_reaches_the_kernel_as_the_page_made_it(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play("ann", page=3)
    await ann.send('{"op":"report","what":"focus","data":{"a": [1, "ä"]}}')
    came = await kernel.expect(PageReport)
    assert (came.session, came.player, came.page, came.what) == ("key-market", "ann", 3, "focus")
    assert came.data == '{"a": [1, "ä"]}'.encode()
    assert await ann.nothing_more()


@pytest.mark.parametrize(
    "data", ['"' + "x" * 5000 + '"', "[" * 70 + "]" * 70], ids=["too long", "too deep"]
)
async def test_a_report_beyond_its_bounds_is_counted_and_closes_nothing(
    world: World, data: str
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await ann.send(f'{{"op":"report","what":"focus","data":{data}}}')
    misuse = await kernel.expect(Misuse)
    assert misuse.player == "ann"
    assert misuse.what.startswith("malformed: the report 'focus'")
    assert await ann.nothing_more()
    assert not [one for one in kernel.heard if isinstance(one, PageReport)]


@pytest.mark.long
@pytest.mark.parametrize("what", ['"Focus!"', '""', "7", '"' + "x" * 40 + '"'])
async def test_a_report_without_a_name_of_its_kind_is_refused(world: World, what: str) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await ann.send(f'{{"op":"report","what":{what}}}')
    assert (await kernel.expect(Misuse)).player == "ann"
    assert await ann.nothing_more()


@pytest.mark.long
async def test_reports_without_end_reach_the_kernel_in_bounds(world: World) -> None:
    """All tabs of a player share them; calls are not held up."""
    kernel = await world.kernel()
    await kernel.serve()
    tabs = [await world.play("ann"), await world.play("ann")]
    for number in range(200):
        await tabs[number % 2].send({"op": "report", "what": "focus", "data": number})
    await tabs[0].nothing_more()
    await tabs[1].nothing_more()
    assert (await kernel.expect(Misuse)).what.startswith("too many reports")
    passed = [one for one in kernel.heard if isinstance(one, PageReport)]
    assert 100 <= len(passed) < 200
    await tabs[1].invoke("x1")
    assert (await kernel.expect(Invoke)).id == "x1"
