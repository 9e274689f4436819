"""What participants notice when a kernel dies, restarts or hands over."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.server.worlds import BY_WEBSOCKET, TOKENS, Limited, World, until
from uproot_nb.bridge.messages import (
    NO_ANSWER,
    AddPlayers,
    Backlog,
    CloseSession,
    HttpReply,
    HttpRequest,
    Invoke,
    Push,
    Reply,
    SetState,
    SocketClosed,
    SocketOpened,
)

pytestmark = pytest.mark.asyncio

RUNNING = {"op": "status", "state": "running"}
PAUSED = {"op": "status", "state": "paused"}
CLOSED = {"op": "status", "state": "closed"}
ANN = "p/token-of-ann-0123456789/"


@pytest.mark.long
async def test_sockets_stay_open_and_are_told_when_the_kernel_dies(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await kernel.die()
    assert await ann.read() == PAUSED
    assert await ann.nothing_more()
    assert kernel.gone == 0


async def test_a_kernel_that_has_stopped_though_its_line_is_open_is_noticed(world: World) -> None:
    """A stopped process answers nothing and closes nothing: its signs of life stay away."""
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    [link] = world.server.links
    link.listen(link._heard + 100, link._heard + 99)
    assert await ann.nothing_more()  # a kernel of an older version gives no signs of life
    kernel.send(SetState("key-market", "running"))
    await until(lambda: link._beats)
    heard = link._heard
    link.listen(heard + 4, heard + 3)
    link.listen(heard + 100, heard + 1)  # this process itself was stopped
    assert await ann.nothing_more()
    heard = link._heard
    link.listen(heard + 6, heard + 5)
    assert await ann.read() == PAUSED
    bob = await world.connect("bob")
    assert await bob.read() == PAUSED
    kernel.send(SetState("key-market", "running"))
    assert await ann.read() == RUNNING
    assert await bob.read() == RUNNING
    kernel.send(SetState("key-market", "running"))
    assert await ann.nothing_more()


async def test_the_next_kernel_is_told_of_open_sockets_and_then_of_waiting_calls(
    world: World,
) -> None:
    first = await world.kernel()
    await first.serve()
    ann, bob = await world.play("ann", page=1), await world.play("bob", page=2)
    first.push("ann")
    await ann.read()
    await ann.invoke("a1")
    await first.expect(Invoke)
    await first.die()
    await bob.read()
    await bob.invoke("b1")
    await ann.read()
    await ann.invoke("a2")
    assert await ann.nothing_more()
    assert await bob.nothing_more()
    second = await world.kernel()
    second.seq = 1
    await second.serve()
    opened = [await second.expect(SocketOpened) for _ in range(2)]
    assert [(one.player, one.page, one.since) for one in opened] == [("ann", 1, 1), ("bob", 2, 0)]
    offered = [await second.expect(Invoke) for _ in range(3)]
    assert sorted(invoke.id for invoke in offered) == ["a1", "a2", "b1"]
    assert offered[0].id == "a1"
    last = next(invoke for invoke in offered if invoke.id == "a2")
    second.answer(last, "done")
    assert await ann.read() == RUNNING
    assert await ann.read() == {"op": "result", "id": "a2", "data": "done"}


@pytest.mark.long
async def test_waiting_calls_are_offered_in_order_after_every_socket(world: World) -> None:
    first = await world.kernel()
    await first.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    await first.die()
    for number in range(3):
        await ann.invoke(f"a{number}")
        await until(lambda: len(world.unanswered) == 2 * number + 1)  # noqa: B023
        await bob.invoke(f"b{number}")
        await until(lambda: len(world.unanswered) == 2 * number + 2)  # noqa: B023
    second = await world.kernel()
    await second.serve()
    await until(lambda: sum(isinstance(message, Invoke) for message in second.heard) == 6)
    assert [type(message) for message in second.heard[:2]] == [SocketOpened, SocketOpened]
    ids = [message.id for message in second.heard if isinstance(message, Invoke)]
    assert ids == ["a0", "b0", "a1", "b1", "a2", "b2"]


@pytest.mark.long
async def test_while_the_kernel_is_away_the_browser_keeps_what_is_too_much(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await kernel.die()
    for number in range(50):
        await ann.invoke(f"a{number}")
    await until(lambda: len(world.unanswered) == 32)
    second = await world.kernel()
    await second.serve()
    for number in range(50):
        invoke = await second.expect(Invoke)
        assert invoke.id == f"a{number}"
        second.answer(invoke)
    await until(lambda: not world.unanswered)


async def test_a_push_of_a_returned_kernel_follows_its_backlog(world: World) -> None:
    first = await world.kernel()
    await first.serve()
    ann = await world.play()
    first.push("ann")
    await ann.read()
    await first.die()
    second = await world.kernel()
    second.backlogs = False
    await second.serve()
    opened = await second.expect(SocketOpened)
    second.send(Push("key-market", 3, ["ann"], b'{"seq":3}'))
    second.send(Backlog(opened.socket, 3, [(2, b'{"seq":2}'), (3, b'{"seq":3}')]))
    seen = [await ann.read() for _ in range(4)]
    assert seen == [PAUSED, RUNNING, {"seq": 2}, {"seq": 3}]
    assert await ann.nothing_more()


async def test_a_kernels_death_pauses_its_own_sessions_only(world: World) -> None:
    one, two = await world.kernel(), await world.kernel()
    await one.serve("key-one", {"token-of-ann-0123456789": "ann"})
    await two.serve("key-two", {"token-of-bob-0123456789": "bob"})
    ann, bob = await world.play("ann"), await world.play("bob")
    await one.die()
    assert await ann.read() == PAUSED
    assert await bob.nothing_more()
    two.push("bob", key="key-two")
    assert (await bob.read() or {})["op"] == "event"


@pytest.mark.long
async def test_the_newer_kernel_takes_a_session_over(world: World) -> None:
    old = await world.kernel()
    await old.serve()
    ann = await world.play()
    await ann.invoke("a1")
    asked = await old.expect(Invoke)
    new = await world.kernel()
    await new.serve()
    assert await ann.read() == RUNNING
    offered = await new.expect(Invoke)
    assert offered == asked
    old.heard.clear()
    old.answer(asked, "old")
    old.push("ann", data="old")
    old.send(SetState("key-market", "closed"))
    old.send(CloseSession("key-market"))
    old.send(AddPlayers("key-market", {"token-of-old-0123456789": "old"}))
    old.seq = 0
    await old.serve("key-barrier", {})  # all before was heard
    new.answer(offered, "new")
    assert await ann.read() == {"op": "result", "id": "a1", "data": "new"}
    await ann.invoke("a2")
    await new.expect(Invoke)
    assert not old.heard
    assert world.server.sessions.player("token-of-old-0123456789") is None
    await old.die()
    assert await ann.nothing_more()


async def test_a_late_answer_of_the_old_kernel_reaches_nobody(world: World) -> None:
    old = await world.kernel()
    old.answers = False
    await old.serve()
    page = asyncio.ensure_future(world.fetch(ANN))
    request = await old.expect(HttpRequest)
    new = await world.kernel()
    await new.serve()
    old.send(HttpReply(request.request, 200, [], b"old"))
    assert b"page ann" in (await page).body


async def test_a_closed_session_lets_everybody_go_with_4404(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    kernel.send(CloseSession("key-market"))
    assert await ann.read() == CLOSED
    assert await ann.closed() == 4404
    late = await world.connect("bob")
    assert await late.read() == CLOSED
    assert await late.closed() == 4404
    assert (await world.fetch(ANN)).code == 410
    assert (await world.fetch(ANN, "a=1")).code == 410


async def test_a_session_that_the_kernel_calls_closed_is_closed(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    kernel.send(SetState("key-market", "closed"))
    assert await ann.read() == CLOSED
    assert await ann.closed() == 4404


async def test_a_closed_session_can_be_opened_again(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(CloseSession("key-market"))
    session = world.server.sessions.get("key-market")
    assert session is not None
    await until(lambda: session.closed)
    await kernel.serve()
    assert (await world.fetch(ANN)).code == 200
    await world.play()


async def test_added_players_come_in(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert (await world.fetch("p/token-of-cat-0123456789/")).code == 404
    kernel.send(AddPlayers("key-market", {"token-of-cat-0123456789": "cat"}))
    await until(lambda: world.server.sessions.player("token-of-cat-0123456789"))
    await world.play("cat")


async def test_players_who_are_no_more_are_let_go(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann, bob = await world.play("ann"), await world.play("bob")
    await kernel.serve(tokens={"token-of-bob-0123456789": "bob"})
    assert await ann.closed() == 4403
    assert await bob.read() == RUNNING
    assert (await world.fetch(ANN)).code == 404


async def test_a_kernel_in_use_is_touched_at_most_once_a_second(world: World) -> None:
    touched: list[str] = []
    world.server._on_activity = touched.append
    kernel = await world.kernel("kernel-id")
    await kernel.serve()
    ann = await world.play()
    for number in range(20):
        await ann.invoke(f"a{number}")
        kernel.answer(await kernel.expect(Invoke))
    assert touched == ["kernel-id"]


@BY_WEBSOCKET["world"]
async def test_stop_says_goodbye_once(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = await world.play()
    await world.server.stop()
    assert await ann.closed() == 1001
    await until(lambda: kernel.gone)
    await world.server.stop()
    assert kernel.gone == 1


async def test_the_page_that_waits_is_no_business_of_the_kernels(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    waiting = await world.connect("ann", page=-1)
    assert await waiting.read() == RUNNING
    kernel.push("ann", "bob")
    ann = await world.play("bob")
    assert (await kernel.expect(SocketOpened)).player == "bob"
    await kernel.die()
    assert await waiting.read() == PAUSED
    await ann.read()
    await (again := await world.kernel()).serve()
    assert await waiting.read() == RUNNING
    await waiting.invoke("x")
    assert await waiting.closed() == 4400
    about_sockets = (SocketOpened, SocketClosed, Invoke)
    heard = [one for one in kernel.heard + again.heard if isinstance(one, about_sockets)]
    assert {one.player for one in heard} == {"bob"}


async def test_a_page_waits_for_the_kernel_a_moment(limited: Limited) -> None:
    world = await limited(page_patience=5.0)
    first = await world.kernel()
    await first.serve()
    await first.die()
    page = asyncio.ensure_future(world.fetch(ANN))
    second = await world.kernel()
    await second.serve()
    assert (await page).code == 200


@pytest.mark.long
async def test_a_page_is_calmly_paused_when_no_kernel_comes(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    await kernel.die()
    page = await world.fetch(ANN)
    assert (page.code, page.headers["Retry-After"]) == (503, "5")
    assert b"page=-1" in page.body


async def test_a_page_that_the_dying_kernel_did_not_make_is_made_by_the_next(
    limited: Limited,
) -> None:
    world = await limited(page_patience=5.0)
    first = await world.kernel()
    first.answers = False
    await first.serve()
    page = asyncio.ensure_future(world.fetch(ANN))
    await first.expect(HttpRequest)
    await first.die()
    second = await world.kernel()
    await second.serve()
    assert (await page).code == 200


async def test_a_form_waits_for_the_next_kernel(world: World) -> None:
    first = await world.kernel()
    await first.serve()
    await first.die()
    form = asyncio.ensure_future(world.fetch(ANN, "price=3"))
    second = await world.kernel()
    await second.serve()
    assert b"submit ann [('price', '3')]" in (await form).body


@pytest.mark.long
async def test_a_form_that_nobody_takes_gets_the_paused_page(limited: Limited) -> None:
    world = await limited(form_patience=0.1)
    kernel = await world.kernel()
    await kernel.serve()
    await kernel.die()
    assert (await world.fetch(ANN, "price=3")).code == 503


async def test_a_form_whose_kernel_dies_is_given_to_the_next(world: World) -> None:
    """Nobody is told that it was sent before a kernel has stored it."""
    first = await world.kernel()
    first.answers = False
    await first.serve()
    form = asyncio.ensure_future(world.fetch(ANN, "price=3"))
    await first.expect(HttpRequest)
    await first.die()
    second = await world.kernel()
    await second.serve()
    assert b"submit ann [('price', '3')]" in (await form).body


@pytest.mark.long
async def test_a_form_that_no_kernel_has_stored_is_not_said_to_be_sent(limited: Limited) -> None:
    world = await limited(form_patience=0.1)
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    for headers, kind in (({}, "text/html"), ({"Accept": "application/json"}, "application/json")):
        answer = await world.fetch(ANN, "price=3", headers=headers)
        assert (answer.code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"].startswith(kind)
    assert msgspec.json.decode(answer.body) == {"again": 1}


async def test_a_pages_script_gets_what_answers_its_form_from_an_address_that_is_good_once(
    world: World,
) -> None:
    """A redirect, which says that the form was stored, reaches it as it is."""
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    by_script = {"Accept": "application/json", "Origin": "null"}
    form = asyncio.ensure_future(world.fetch(ANN, "price=x", headers=by_script))
    asked = await kernel.expect(HttpRequest)
    kernel.send(HttpReply(asked.request, 422, [("Content-Type", "text/html")], b"a number!"))
    answer = await form
    assert (answer.code, answer.headers["Access-Control-Allow-Origin"]) == (422, "null")
    place = msgspec.json.decode(answer.body)["go"].removeprefix("./")
    shown = await world.fetch(ANN + place)
    assert (shown.code, shown.body) == (422, b"a number!")
    page = asyncio.ensure_future(world.fetch(ANN + place))
    asked = await kernel.expect(HttpRequest)
    assert (asked.action, asked.query) == ("page", [])
    kernel.send(HttpReply(asked.request, 200, [], b"the page"))
    assert (await page).body == b"the page"
    form = asyncio.ensure_future(world.fetch(ANN, "price=3", headers=by_script))
    asked = await kernel.expect(HttpRequest)
    kernel.send(HttpReply(asked.request, 303, [("Location", "./")], b""))
    assert (await form).code == 303


async def test_a_pages_script_is_told_in_words_what_is_too_large(limited: Limited) -> None:
    world = await limited(max_form_bytes=100)
    await (await world.kernel()).serve()
    headers = {"Accept": "application/json", "Accept-Language": "de"}
    answer = await world.fetch(ANN, "x=" + "y" * 200, headers=headers)
    assert answer.code == 413
    assert "kleinere" in msgspec.json.decode(answer.body)["say"]


async def test_a_form_waiting_for_a_closed_session_learns_that_it_ended(world: World) -> None:
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    page = asyncio.ensure_future(world.fetch(ANN))
    await kernel.expect(HttpRequest)
    kernel.send(CloseSession("key-market"))
    assert (await page).code == 410


async def test_messages_of_a_kernel_about_foreign_sockets_are_ignored(world: World) -> None:
    owner, other = await world.kernel(), await world.kernel()
    await owner.serve("key-market", TOKENS)
    ann = await world.play()
    await ann.invoke("a1")
    invoke = await owner.expect(Invoke)
    other.send(Reply(invoke.call, b'{"op":"result","id":"a1","data":"forged"}'))
    other.send(Backlog(invoke.socket, 9, [(9, b'{"forged":true}')]))
    await other.serve("key-other", {})
    owner.answer(invoke, "true")
    assert await ann.read() == {"op": "result", "id": "a1", "data": "true"}
    owner.push("ann")
    assert (await ann.read() or {})["seq"] == 1


async def test_a_request_counts_until_its_kernel_has_answered_or_gone(world: World) -> None:
    """Whoever asks again and again fills no kernel, however long that takes to answer."""
    kernel = await world.kernel()
    await kernel.serve()
    kernel.answers = False
    session = world.server.sessions.get("key-market")
    assert session is not None
    link, share = session.link, session.players["ann"].share
    assert link is not None
    numbers = world.server.sockets.numbers
    asked = [HttpRequest(next(numbers), "key-market", "ann", "page", [], [], "") for _ in range(3)]
    replies = await asyncio.gather(*(link.ask(one, 0.01) for one in asked))
    assert replies == [None] * 3
    given_up = share.size
    assert given_up > 0, "the kernel may still be at it"
    kernel.send(HttpReply(asked[0].request, 200, [], b"late"))
    kernel.send(HttpReply(asked[1].request, NO_ANSWER, [], b""))
    await until(lambda: share.size == given_up // 3)
    await kernel.die()
    await until(lambda: share.size == 0)
    assert session.pressure.size == 0


async def test_of_a_request_that_is_given_back_the_browser_is_told_to_come_again(
    world: World,
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.answers = False
    for method, body in (("GET", None), ("POST", b"a=1")):
        fetching = asyncio.ensure_future(world.fetch(ANN, method=method, body=body))
        asked = await kernel.expect(HttpRequest)
        kernel.send(HttpReply(asked.request, NO_ANSWER, [], b""))
        answer = await fetching
        assert answer.code == 503
        assert int(answer.headers["Retry-After"]) >= 1
    assert not any(isinstance(one, HttpRequest) for one in kernel.heard), "it is asked once"
