"""Wait pages: nobody polls, nobody is left behind, and what runs once runs once."""
# ruff: noqa: ANN001, ANN201, ANN202, PT018  (as authors write)

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, serving, until
from uproot_nb import (
    GroupCreatingWait,
    Page,
    Rounds,
    Run,
    SynchronizingWait,
    create_group,
    mark_dropout,
    move_to_end,
)


class Play(Page):
    """Play."""


class After(Page):
    """After."""


class Pair(GroupCreatingWait):
    group_size = 2

    def after_grouping(page, group):
        group.formed = group.get("formed", 0) + 1
        group.players.assign("role", ["first", "second"])


class Sync(SynchronizingWait):
    def all_here(page, group):
        group.met = group.get("met", 0) + 1


class Everybody(SynchronizingWait):
    synchronize = "session"

    def all_here(page, session):
        session.met = session.get("met", 0) + 1


async def arrive(run: Run, count: int) -> list[Browser]:
    return list(await asyncio.gather(*[Browser.open(run, n) for n in range(count)]))


def pages(run: Run) -> list[str | None]:
    return [player.page for player in run.players]


@pytest.mark.long
@pytest.mark.parametrize("size", [*(pytest.param(n, marks=pytest.mark.slow) for n in (2, 20)), 4])
async def test_two_hundred_who_come_at_once_are_all_grouped_once(size: int) -> None:
    calls: list[str] = []

    class Crowd(GroupCreatingWait):
        group_size = size

        def after_grouping(page, group):
            calls.append(group.name)

    with serving(Crowd, Play, players=200) as run:
        await arrive(run, 200)
        await until(lambda: pages(run) == ["Play"] * 200, 30.0)
        groups = run.session.groups
        members = [player.name for group in groups for player in group.players]
        assert sorted(members) == sorted(player.name for player in run.players)
        assert [len(group.players) for group in groups] == [size] * (200 // size)
        assert sorted(calls) == sorted(group.name for group in groups)


async def test_browsers_follow_and_the_last_one_needs_no_reload() -> None:
    with serving(Pair, Play) as run:
        ann = await Browser.open(run, 0)
        assert ann.page["wait"] and "Please wait" in ann.html
        bob = Browser(run.link(run.players[1]))
        await bob.load()
        assert pages(run) == ["Pair", "Pair"]  # bob is not online before his socket is
        await bob.connect()
        assert (await ann.action())["action"] == "reload"
        assert (await bob.action())["action"] == "reload"
        assert pages(run) == ["Play", "Play"]
        assert run.players[0].role == "first" and run.players[0].group.formed == 1


@pytest.mark.long
async def test_who_has_closed_the_tab_is_not_put_into_a_group() -> None:
    with serving(Pair, Play, players=3) as run:
        ann = await Browser.open(run, 0)
        await ann.disconnect()
        await until(lambda: not run.players[0].online)
        await Browser.open(run, 1)
        assert run.players[1].page == "Pair"
        await Browser.open(run, 2)
        await until(lambda: pages(run) == ["Pair", "Play", "Play"])


@pytest.mark.long
async def test_all_here_runs_once_for_each_group_and_round() -> None:
    with serving(Pair, Rounds(Sync, Play, n=2), After, players=4) as run:
        people = await arrive(run, 4)
        for number in (1, 2):
            await until(lambda: pages(run) == ["Play"] * 4)
            assert [player.round for player in run.players] == [number] * 4
            assert [group.met for group in run.session.groups] == [number] * 2
            for one in people:
                await one.load()
                await one.submit()
                await one.load()
        await until(lambda: pages(run) == ["After"] * 4)


async def test_the_session_waits_for_all_places_but_not_for_dropouts() -> None:
    with serving(Everybody, Play, players=3) as run:
        await Browser.open(run, 0)
        await Browser.open(run, 1)
        assert pages(run) == ["Everybody", "Everybody", None]
        mark_dropout(run.players[2])
        await until(lambda: pages(run)[:2] == ["Play", "Play"])
        assert run.session.met == 1


async def test_who_was_moved_past_a_wait_page_is_not_waited_for() -> None:
    with serving(Everybody, Play) as run:
        await Browser.open(run, 0)
        move_to_end(run.players[1])
        await until(lambda: run.players[0].page == "Play")


async def test_wait_for_returns_the_players_to_wait_for() -> None:
    class Neighbour(SynchronizingWait):
        def wait_for(page, player):
            return [p for p in player.session.players if p.id < 2]

    with serving(Neighbour, Play, players=3) as run:
        await Browser.open(run, 0)
        assert run.players[0].page == "Neighbour"
        await Browser.open(run, 1)
        await until(lambda: pages(run) == ["Play", "Play", None])


async def test_a_hook_that_fails_is_mended_and_lets_everybody_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = [True]

    class Fragile(SynchronizingWait):
        synchronize = "session"

        def all_here(page, session):
            session.half = True
            if broken:
                raise KeyError("not yet")
            session.whole = True

    with serving(Fragile, Play) as run:
        await Browser.open(run, 0)
        bob = Browser(run.link(run.players[1]))
        assert (await bob.fetch()).code == 500
        assert "half" not in run.session.fields()
        assert "not yet" in capsys.readouterr().err
        assert run.errors.iloc[0]["cause"] == "Fragile.all_here"
        broken.clear()
        await bob.load()
        await until(lambda: pages(run) == ["Play", "Play"])
        assert run.session.whole


async def test_an_async_hook_runs_once_though_many_come_meanwhile() -> None:
    go_on = asyncio.Event()
    calls: list[Any] = []

    class Slow(SynchronizingWait):
        synchronize = "session"

        async def all_here(page, session):
            calls.append(session)
            while not session.get("released"):
                await asyncio.sleep(0.001)

    with serving(Slow, Play) as run:
        ann = await Browser.open(run, 0)
        bob = Browser(run.link(run.players[1]))
        slow = asyncio.ensure_future(bob.load())
        await until(lambda: calls)
        again = await ann.fetch()  # a reload in the midst of it
        assert again.code == 200
        run.session.released = True
        await slow
        await until(lambda: pages(run) == ["Play", "Play"])
        assert len(calls) == 1
        go_on.set()


# ---- many at once ----


class _Work:
    """Counts the functions of ours that cells and the run's thread call: work without a clock."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        self.calls += event == "call" and "uproot_nb" in frame.f_code.co_filename

    def taken(self) -> int:
        """Return the calls since the last time."""
        calls, self.calls = self.calls, 0
        return calls


async def _settled(run: Run) -> None:
    """Wait until nobody is on the way any more, and all is committed."""
    flow_tasks = ("_settle", "_look_again")
    while any(task.get_coro().__name__ in flow_tasks for task in asyncio.all_tasks()):  # type: ignore[union-attr]
        await asyncio.sleep(0)
    run._runtime.world.journal.commit()


def _work_of_moving(count: int, wait: type[Page]) -> dict[str, int]:
    """Serve many, let them wait for each other, and let the last one drop out."""
    work, found = _Work(), {}

    def note(what: str) -> None:
        run._runtime.wait_for(_settled(run))
        found[what] = work.taken()

    threading.setprofile(work)
    sys.setprofile(work)
    try:
        with serving(Play, wait, After, players=count) as run:
            everybody = list(run.players)
            note("starting")
            for _ in everybody:
                run._runtime.world.claim_place()
            run.advance(everybody)
            note("moving all")
            run.advance(everybody[: count // 2])
            note("half of them wait")
            for player in everybody[count // 2 : -1]:
                run.advance(player)
            note("one after the other comes")
            if wait is Everybody:
                assert pages(run)[:-1] == [wait.__name__] * (count - 1)
            run.mark_dropout(everybody[-1])
            note("the last one drops out")
            if wait is Everybody:
                assert pages(run)[:-1] == ["After"] * (count - 1)
        # What follows from the last step may go on until the run is closed.
        found["the last one drops out"] += work.taken()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return found


@pytest.mark.long
@pytest.mark.parametrize("wait", [Everybody, Pair])
def test_moving_many_costs_each_of_them_once(wait: type[Page]) -> None:
    """However many wait, whoever comes or goes does not make each of them look again."""
    _work_of_moving(2, wait)  # what is done only once
    few, many = _work_of_moving(40, wait), _work_of_moving(160, wait)
    for what, calls in many.items():
        assert calls < 4 * 1.5 * few[what] + 500, what


# ---- counting by what has changed gives what counting everybody would ----

NUMBERS = st.integers(0, 4)
MOVES = st.one_of(
    st.tuples(st.sampled_from(["advance", "revert", "end", "drop", "connect", "gone"]), NUMBERS),
    st.tuples(st.just("group"), st.sets(NUMBERS, min_size=1)),
    st.tuples(st.sampled_from(["join", "settle"]), NUMBERS),
)


def _counts_by_asking_everybody(run: Run) -> None:
    waits, world = run._runtime.flow.waits, run._runtime.world
    for (key, nth, subject), gathering in list(waits._gatherings.items()):
        page = run._runtime.flow.journeys.pages[key]
        gathering = waits._counted(page, nth, subject)
        members = waits._members(subject)
        here = {n for n in members if waits._is_here(world.player(n), page, nth)}
        assert (gathering.here, gathering.missing) == (here, set(members) - here)
    for place in waits._whereabouts.places():
        states = world.state.players.items()
        there = {n for n, s in states if (s.page, s.nth) == place and s.entered == s.settled}
        assert set(waits._whereabouts.arrived(place)) == there
        free = {n for n in there if world.state.players[n].online}
        free = {n for n in free if not world.state.players[n].dropped}
        free -= waits.grouping._grouped
        assert waits.grouping.who_can_be_grouped(place) == (free if place[0] == "Pair" else set())


@examples(20)
@given(steps=st.lists(MOVES, max_size=25))
def test_what_is_counted_by_changes_is_what_there_is(steps: list[Any]) -> None:
    """Whoever comes, goes, drops out, joins or is put into a group."""
    with serving(Everybody, Pair, Sync, Play, players=5) as run:
        runtime = run._runtime
        for step in steps:
            what = step[0]
            if what == "group":
                members = [run.players[n] for n in sorted(step[1])]
                create_group(run.session, members, overwrite=True)
            elif what == "join":
                runtime.wait_for(runtime.places.open())
            elif what == "settle":
                runtime.wait_for(_settled(run))
            else:
                _do(run, what, run.players[step[1]])
            with run.lock:
                _counts_by_asking_everybody(run)
        runtime.wait_for(_settled(run))
        with run.lock:
            _counts_by_asking_everybody(run)


def _do(run: Run, what: str, player: Any) -> None:
    runtime = run._runtime
    if what in ("connect", "gone"):
        runtime.loop.call_soon_threadsafe(
            runtime.attendance.note, player.name, 7, what == "connect"
        )
    elif what == "advance":
        run.advance(player)
    elif what == "revert":
        run.revert(player)
    elif what == "end":
        run.move_to_end(player)
    else:
        run.mark_dropout(player)
