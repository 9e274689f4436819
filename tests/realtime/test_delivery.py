"""Notifications: who gets them, where, in which order, and each exactly once."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import Browser, Rejected, serving, together, until
from uproot_nb import (
    Page,
    Run,
    create_group,
    live,
    move_to_end,
    move_to_page,
    notify,
    other_in_session,
    others_in_group,
    others_in_session,
    players,
    redirect,
    reload,
    send_to,
    send_to_one,
)
from uproot_nb.bridge.messages import SocketOpened
from uproot_nb.errors import BadPage, UnknownPlayer, UprootError, WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.realtime import delivery


class First(Page):
    """Everybody starts here."""

    @live
    def tell_all(page, player, x, event: str | None = None):
        notify(player, players(player.session), x, event=event)
        return "told"

    @live
    def tell_identifiers(page, player, x):
        send_to([~p for p in players(player.session)], x)
        send_to(~player, x)

    @live
    def burst(page, player, count: int):
        for number in range(count):
            notify(player, others_in_session(player), [player.id, number])

    @live
    async def slow_burst(page, player, count: int):
        for number in range(count):
            notify(player, players(player.session), [player.id, number])
            await asyncio.sleep(0)

    @live
    def tell_then_fail(page, player):
        notify(player, player, "before the failure")
        raise KeyError("oh")


class Second(Page):
    """Some are here."""


class Third(Page):
    """Nobody is here."""


# ---- who ----


RECIPIENTS: dict[str, tuple[Callable[[Run], Any], list[int]]] = {
    "a player": (lambda run: run.players[1], [1]),
    "an identifier": (lambda run: ~run.players[1], [1]),
    "the sender": (lambda run: run.players[0], [0]),
    "a bunch": (lambda run: players(run.session), [0, 1, 2]),
    "a slice": (lambda run: run.players[1:], [1, 2]),
    "all others": (lambda run: others_in_session(run.players[0]), [1, 2]),
    "the attribute": (lambda run: run.players[0].others_in_session, [1, 2]),
    "others of the group": (lambda run: others_in_group(run.players[0]), [1]),
    "the group's players": (lambda run: players(run.players[0].group), [0, 1]),
    "a list": (lambda run: [run.players[2], run.players[0]], [0, 2]),
    "a set": (lambda run: {run.players[2], run.players[0]}, [0, 2]),
    "a tuple": (lambda run: (run.players[2],), [2]),
    "a generator": (lambda run: (p for p in run.players), [0, 1, 2]),
    "identifiers": (lambda run: [~p for p in run.players], [0, 1, 2]),
    "mixed": (lambda run: [run.players[0], ~run.players[1]], [0, 1]),
    "twice the same": (lambda run: [run.players[1], ~run.players[1]], [1]),
    "nobody": (lambda run: [], []),
}


@pytest.mark.long
@pytest.mark.parametrize("who", RECIPIENTS)
async def test_a_notification_reaches_its_recipients_once_and_nobody_else(who: str) -> None:
    """A player, an identifier, a bunch, or any iterable of these."""
    recipients, expected = RECIPIENTS[who]
    with serving(First, players=3) as run:
        browsers = [await Browser.open(run, n) for n in range(3)]
        create_group(run.session, run.players[:2])
        notify(run.players[0], recipients(run), {"x": [1]}, event="Named")
        for number, browser in enumerate(browsers):
            assert await browser.settle() == ([{"x": [1]}] if number in expected else [])
            assert all(event["event"] == "Named" for event in browser.events)


async def test_the_log_names_each_recipient_of_a_push_once() -> None:
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        first, second = run.players
        notify(first, [second, first, ~second, second.name], 1)
        assert (await ann.settle(), await bob.settle()) == ([1], [1])
        logged = run.events.query("kind == 'notify'")["value"].iloc[0]
        assert logged["recipients"] == [second.name, first.name]


@pytest.mark.long
@pytest.mark.parametrize(
    "recipients",
    [
        None, 5, 1.5, b"abc12", object(), {"a": 1}, [None], [0, 1], [[]], True,
        PlayerIdentifier("another", "abc12"), [PlayerIdentifier("another", "abc12")],
    ],
)  # fmt: skip
async def test_what_is_no_recipient_raises_and_nothing_is_sent(recipients: Any) -> None:
    """No recipient is dropped silently: one wrong among good ones refuses the whole."""
    with serving(First) as run:
        ann = await Browser.open(run)
        for sent in (recipients, [run.players[0], recipients]):
            with pytest.raises(WrongRecipient):
                notify(run.players[0], sent, 1, where=...)
        with pytest.raises(WrongRecipient):
            send_to(recipients, 1)
        assert await ann.settle() == []
        assert "notify" not in set(run.events["kind"])


async def test_groups_sessions_and_unknown_players_are_no_recipients() -> None:
    """A group is not its players: players(group) names them."""
    with serving(First) as run:
        group = create_group(run.session, run.players)
        ann = run.players[0]
        for recipients in (group, run.session, ~group, ~run.session):
            with pytest.raises((WrongRecipient, UnknownPlayer)):
                notify(ann, recipients, 1)
        for recipients in ("nobody", ["nobody"], PlayerIdentifier(run.name, "nobody")):
            with pytest.raises((WrongRecipient, UnknownPlayer)):
                notify(ann, recipients, 1)
            with pytest.raises((WrongRecipient, UnknownPlayer)):
                send_to([ann, recipients], 1)
        with pytest.raises(WrongRecipient):
            send_to_one(run.players, 1)  # type: ignore[arg-type]
        with pytest.raises(WrongRecipient):
            notify(run.session, ann, 1)  # type: ignore[arg-type]


async def test_players_of_another_run_are_no_recipients() -> None:
    """Two runs in one kernel never mix, even if names were the same."""
    with serving(First, seed=1) as run, serving(First, seed=1, name="other") as other:
        assert run.players[0].name == other.players[0].name
        for recipient in (other.players[0], ~other.players[0]):
            with pytest.raises(WrongRecipient):
                notify(run.players[0], recipient, 1)
            with pytest.raises(WrongRecipient):
                send_to([run.players[0], recipient], 1)


async def test_send_to_takes_identifiers_from_a_live_method() -> None:
    """Without a sender too, an identifier is a recipient."""
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.call("tell_identifiers", 7)
        assert await ann.settle() == [7, 7]
        assert await bob.settle() == [7]


async def test_the_caller_alone_gets_the_reply_and_all_get_the_push() -> None:
    """The reply is not a push, and the push comes before the reply that follows it."""
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        asked = await ann.ask("tell_all", 3, event="Offer")
        assert (await ann.event())["data"] == 3
        assert await ann.answer(asked) == "told"
        frame = await bob.event()
        assert frame == {"op": "event", "seq": frame["seq"], "event": "Offer", "data": 3}
        assert await bob.settle() == [3]


async def test_data_and_event_that_cannot_be_sent_raise_where_they_are_named() -> None:
    """The author's mistake shows in the author's code, and nothing is logged."""
    with serving(First) as run:
        ann = run.players[0]
        with pytest.raises(UprootError, match="cannot be sent"):
            notify(ann, ann, object())
        for event in (5, b"x", ["Offer"]):
            with pytest.raises(TypeError):
                notify(ann, ann, 1, event=event)  # type: ignore[arg-type]
        assert "notify" not in set(run.events["kind"])


async def test_what_a_failing_method_had_sent_still_arrives() -> None:
    """The log has it; so has the browser."""
    with serving(First) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("tell_then_fail")
        assert await ann.settle() == ["before the failure"]


# ---- where ----


WHERE: dict[str, tuple[Any, list[int]]] = {
    "the sender's page": (None, [0, 1]),
    "any page": (..., [0, 1, 2]),
    "a page class": (Second, [2]),
    "a position": (1, [2]),
    "the first position": (0, [0, 1]),
    "a page where nobody is": (Third, []),
    "a position where nobody is": (2, []),
}


@pytest.mark.long
@pytest.mark.parametrize("place", WHERE)
async def test_where_selects_recipients_by_their_page(place: str) -> None:
    """None: the sender's page; ...: any; a class or an index: that page."""
    where, expected = WHERE[place]
    with serving(First, Second, Third, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(3)]  # the fourth never came
        await browsers[2].submit()
        await browsers[2].load()
        await browsers[2].reconnect()
        notify(run.players[0], run.players, "x", where=where)
        for number, browser in enumerate(browsers):
            assert await browser.settle() == (["x"] if number in expected else [])
        late = await Browser.open(run, 3)
        assert await late.settle() == []
        sent = run.events.query("kind == 'notify'")["value"].iloc[0]
        assert sent["recipients"] == [run.players[n].name for n in expected]


@pytest.mark.parametrize("where", ["First", 1.5, True, object, [First], Page])
async def test_where_that_is_no_page_raises(where: Any) -> None:
    """A page's name, a list or any other class is no place."""
    with serving(First) as run, pytest.raises((TypeError, UprootError)):
        notify(run.players[0], run.players, 1, where=where)


async def test_without_a_sender_there_is_no_page_of_the_sender() -> None:
    """send_to raises an error, instead of sending to nobody."""
    with serving(First) as run, pytest.raises(BadPage, match="sender"):
        send_to(run.players, 1, where=None)


async def test_cells_send_to_whatever_page_by_default() -> None:
    """send_to and send_to_one need no page."""
    with serving(First, Second) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await bob.submit()
        await bob.load()
        await bob.reconnect()
        send_to(run.players, "all")
        send_to_one(run.players[1], "one", event="E")
        assert await ann.settle() == ["all"]
        assert await bob.settle() == ["all", "one"]
        assert [event["event"] for event in bob.events] == [None, "E"]


# ---- in order, exactly once ----


@pytest.mark.long
async def test_notifications_come_in_the_order_of_the_log() -> None:
    """From several senders at once, also from ones that await in between."""
    with serving(First, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        calls = [b.call(m, 40) for b, m in zip(browsers, ["burst", "slow_burst"] * 2, strict=True)]
        await together(*calls)
        sent = run.events.query("kind == 'notify'")
        for number, browser in enumerate(browsers):
            await browser.settle()
            name = run.players[number].name
            mine = sent[sent["value"].map(lambda value: name in value["recipients"])]  # noqa: B023
            assert [event["seq"] for event in browser.events] == mine["seq"].tolist()
            assert len(mine) == 40 * (4 if number in (1, 3) else 3)


async def test_a_push_between_rendering_and_connecting_arrives() -> None:
    """The page has the seq from which on it needs pushes."""
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await bob.call("tell_all", "before")
        await ann.settle()
        await ann.disconnect()
        await ann.load()
        await bob.call("tell_all", "between")
        await ann.connect()
        await bob.call("tell_all", "after")
        await ann.settle()
        assert ann.data() == ["before", "between", "after"]


@pytest.mark.long
async def test_a_reconnect_misses_nothing_and_doubles_nothing() -> None:
    """What was pushed while the browser was away comes first, then what follows."""
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        for number in range(10):
            await bob.call("tell_all", number)
            if number % 3 == 0:
                await ann.disconnect()
            await bob.call("tell_all", -number)
            if number % 3 == 0:
                await ann.connect()
        await ann.settle()
        assert ann.data() == [x for n in range(10) for x in (n, -n)]


@pytest.mark.long
async def test_reconnects_amid_a_stream_of_pushes_keep_it_whole() -> None:
    """Whenever the connection breaks, each push is seen exactly once, in order."""
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)

        async def stream() -> None:
            for number in range(150):
                await bob.call("tell_all", number)

        streaming = asyncio.create_task(stream())
        while not streaming.done():
            await ann.settle()
            await ann.reconnect()
        await streaming
        await ann.settle()
        assert ann.data() == list(range(150))


@pytest.mark.long
async def test_browsers_reconnect_while_a_cell_pushes_and_changes() -> None:
    """A stress test: each browser has every push once and in order, and no reconnect fails."""
    rounds, burst = 12, 50
    with serving(First, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(3)]
        await together(*(browser.settle() for browser in browsers))
        failures: list[Any] = []
        runtime = run._runtime
        runtime.loop.call_soon_threadsafe(
            runtime.loop.set_exception_handler, lambda loop, context: failures.append(context)
        )
        for number in range(delivery.REMEMBERED):
            send_to(run.players[3], number)  # there is much to look through
        turns = threading.Semaphore(0)

        def cell() -> None:
            for turn in range(rounds):
                turns.acquire()
                for number in range(burst):
                    run.session.latest = [turn, number]
                    send_to(run.players[:3], [turn, number])

        pushing = asyncio.create_task(asyncio.to_thread(cell))
        for _ in range(rounds):
            turns.release()
            await together(*(browser.disconnect() for browser in browsers))
            await together(*(browser.connect() for browser in browsers))
            await together(*(browser.settle() for browser in browsers))
        await pushing
        for browser in browsers:
            assert await browser.settle() == [[r, n] for r in range(rounds) for n in range(burst)]
        assert run.session.latest == [rounds - 1, burst - 1]
        assert failures == []


class Watched(str):
    """A name; each time that it is looked up, something is done first."""

    __slots__ = ("before",)
    before: Callable[[], None]

    def __hash__(self) -> int:
        self.before()
        return str.__hash__(self)


@pytest.mark.long
def test_catching_up_is_not_disturbed_by_a_cell_that_pushes() -> None:
    """What is remembered does not change while it is looked through."""
    with serving(First) as run:
        runtime, name = run._runtime, Watched(run.players[0].name)
        run.advance(run.players)
        send_to(run.players, "one")
        send_to(run.players, "two")
        pushing: list[threading.Thread] = []

        def push() -> None:
            pushing.append(threading.Thread(target=send_to, args=(run.players, "more")))
            pushing[-1].start()
            pushing[-1].join(0.05)  # it waits for its turn

        name.before = push
        player = run.players[0]
        opened = SocketOpened(1, runtime.world.key, name, player.position, player._state.entered)

        async def catch_up() -> None:
            runtime.delivery.catch_up(opened)
            await until(lambda: not runtime.delivery._opened)

        runtime.wait_for(catch_up())
        for thread in pushing:
            thread.join()
        assert len(pushing) >= 3


@pytest.mark.long
def test_what_is_remembered_for_reconnects_is_bounded_by_its_size() -> None:
    """4,000 pushes to 1,000 players do not keep 4,000 sets of 1,000 names."""
    names = [f"p{n}" for n in range(1_000)]
    recent = delivery._Recent(0)
    tracemalloc.start()
    for seq in range(1, 4_001):
        receivers = names if seq % 2 else names[seq % 7 :]
        recent.add(seq, receivers, b"x" * (100 if seq % 5 else 20_000))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2 * delivery.REMEMBERED_BYTES
    after = recent.after("p500")
    kept = [seq for seq, _ in recent.missed("p500", after, 4_000)]
    assert kept == list(range(after + 1, 4_001))
    assert len(kept) > 50


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60), st.integers(0, 60))
def test_pushes_to_sets_and_to_single_players_are_remembered_in_one_order(
    pushes: list[tuple[int, bool]], since: int
) -> None:
    """Whatever is dropped, what is remembered has no gap after the seq that `after` says."""
    groups = [["ann"], ["bob"], ["ann", "bob"], []]
    recent, sent = delivery._Recent(0), []
    with patch.multiple(delivery, REMEMBERED=6, REMEMBERED_SETS=2):
        for seq, (which, shares) in enumerate(pushes, 1):
            names = groups[which]
            recent.add(seq, names, b"%d" % seq, frozenset(names) if shares else None)
            sent += [(seq, b"%d" % seq)] if "ann" in names else []
        after = max(since, recent.after("ann"))
    expected = [each for each in sent if each[0] > after]
    assert recent.missed("ann", after, len(pushes)) == expected


def test_pushes_to_all_follow_who_moves_and_who_comes() -> None:
    """Who is there is found once for many pushes, and anew when somebody has moved or come."""
    with serving(First, Second, players=3) as run:
        names = [player.name for player in run.players]
        assert reached(run, First) == []
        run.advance(run.players)
        assert reached(run, First) == reached(run, First) == names
        assert reached(run, ...) == names
        run.advance(run.players[0])
        assert reached(run, First) == names[1:]
        assert reached(run, Second) == names[:1]
        run._runtime.add_places(4)
        run.advance(run.players[3])
        assert reached(run, First) == [*names[1:], run.players[3].name]
        with pytest.raises(TypeError, match="where="):
            notify(run.players[0], run.players, 1, where=True)


def reached(run: Run, where: Any) -> list[str]:
    """Notify all who are at a page; return whom the log names."""
    notify(run.players[0], run.players, 1, event="Hi", where=where)
    value = run.events.query("kind == 'notify'")["value"].iloc[-1]
    recipients: list[str] = value["recipients"]
    return recipients


@pytest.mark.long
def test_only_few_sets_of_players_are_remembered() -> None:
    recent = delivery._Recent(0)
    sets = [frozenset({"ann", f"p{number}"}) for number in range(500)]
    for seq in range(1, 1_000):
        recent.add(seq, ["ann"], b"", sets[seq // 2])
    assert len({members for _, members in recent._shared}) == delivery.REMEMBERED_SETS


def test_a_push_that_is_too_large_to_remember_is_read_from_the_log() -> None:
    """It pushes out all that was there, and reconnects are answered from the log."""
    recent = delivery._Recent(0)
    recent.add(1, ["ann"], b"small")
    recent.add(2, ["ann"], b"x" * (delivery.REMEMBERED_BYTES + 1))
    assert recent.after("ann") == 2
    recent.add(3, ["ann"], b"small")
    assert recent.missed("ann", 2, 3) == [(3, b"small")]


async def test_two_tabs_of_one_player_each_get_every_push_once() -> None:
    """Pages count, not players."""
    with serving(First) as run:
        ann, tab = await Browser.open(run, 0), await Browser.open(run, 0)
        bob = await Browser.open(run, 1)
        await bob.call("tell_all", 1)
        await tab.disconnect()
        await bob.call("tell_all", 2)
        await tab.connect()
        assert await ann.settle() == await tab.settle() == [1, 2]


@pytest.mark.long
async def test_the_next_run_delivers_from_the_log_what_a_browser_has_missed(tmp_path: Path) -> None:
    """The kernel was restarted while the browser was away."""
    options = {"db": tmp_path / "log.sqlite3"}
    with serving(First, **options) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await bob.call("tell_all", {"n": 1.0, "t": "ü"}, event="E")
        await ann.settle()
        await ann.disconnect()
        await bob.call("tell_all", {"n": 2.5, "d": None}, event="E")
        notify(run.players[1], run.players[1], "not for ann")
    with serving(First, **options) as run:
        again = Browser(run.link(run.players[0]))
        again.page, again.since = ann.page, ann.since
        await again.connect()
        send_to(run.players, "new")
        assert await again.settle() == [{"n": 2.5, "d": None}, "new"]
        assert [event["event"] for event in again.events] == ["E", None]


@pytest.mark.long
async def test_more_than_what_is_remembered_comes_from_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However long a browser was away, nothing is missing where memory and log meet."""
    monkeypatch.setattr(delivery, "REMEMBERED", 20)
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.settle()
        await ann.disconnect()
        start = ann.since
        for number in range(50):
            await bob.call("tell_all", number)
        numbers = [e["seq"] for e in bob.events]
        await bob.settle()
        for since in [start, *numbers[25:36], numbers[-1]]:
            late = Browser(ann.url)
            late.page, late.since = ann.page, since
            await late.connect()
            expected = [e["data"] for e in bob.events if e["seq"] > since]
            assert await late.settle() == expected
            await late.disconnect()


async def test_what_was_pushed_on_an_earlier_page_does_not_follow_to_the_next() -> None:
    """A new page starts from its own rendering."""
    with serving(First, Second) as run:
        ann = await Browser.open(run)
        await ann.call("tell_all", "first")
        await ann.submit()
        await ann.disconnect()
        await ann.load()
        await ann.connect()
        await ann.settle()
        assert ann.data() == ["first"]


async def test_a_tab_on_a_page_that_the_player_has_left_is_reloaded() -> None:
    """It connects for a page that is no longer the player's."""
    with serving(First, Second) as run:
        ann = await Browser.open(run)
        await ann.disconnect()
        move_to_page(run.players[0], Second)
        await ann.connect()
        told = await ann.action()
        # other tabs of the player, which are there already, need not load again
        assert (told["action"], told["entered"]) == ("reload", run.players[0]._state.entered)
        await ann.load()
        assert ann.page["page"] == 1


# ---- steering ----


async def test_steering_reaches_the_open_browser_of_the_player_alone() -> None:
    """reload, redirect, move_to_page and move_to_end act on one player's browser."""
    with serving(First, Second) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        player = run.players[0]
        reload(player)
        assert (await ann.action())["action"] == "reload"
        redirect(player, "https://example.org/x?y=1")
        assert (await ann.action())["url"] == "https://example.org/x?y=1"
        move_to_page(player, Second)
        assert (await ann.action())["action"] == "reload"
        assert player.page == "Second"
        move_to_page(player, 0)
        assert player.page == "First"
        move_to_end(player)
        assert player.page is None
        await ann.load()
        assert ann.page["end"] is True
        await bob.settle()
        assert not [frame for frame in bob._waiting if frame["op"] == "action"]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", " javascript:x", "JAVASCRIPT:x"]
)
async def test_a_redirect_never_runs_script(url: str) -> None:
    """Only http, https and relative addresses."""
    with serving(First) as run, pytest.raises(UprootError, match="http"):
        redirect(run.players[0], url)


async def test_a_page_that_is_not_in_the_order_cannot_be_moved_to() -> None:
    """The error names the page and the remedy."""
    with serving(First) as run:
        with pytest.raises(UprootError, match="Third"):
            move_to_page(run.players[0], Third)
        for position in (-1, 99):
            with pytest.raises(UprootError):
                move_to_page(run.players[0], position)
        assert other_in_session(run.players[0]) == run.players[1]
