"""Actions: what a steward can do to a session, and a viewer cannot."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import Browser, serving, until, until_true
from uproot_nb import GroupCreatingWait, Page, Payment, SynchronizingWait, rerun
from uproot_nb.errors import BadAction, Forbidden, UnknownAction, UprootError
from uproot_nb.steering.actions import NAMES, Actions


class Task(Page):
    """A task with little time."""

    timeout = 300


class Free(Page):
    """A page without a timeout."""


class Trio(GroupCreatingWait):
    """Three make a group."""

    group_size = 3

    def after_grouping(page, group):
        group.pot = len(list(group.players))


class Meet(SynchronizingWait):
    """All of a group meet."""


class Thanks(Page):
    """Thank you."""


def actions_of(run: Any) -> Actions:
    return Actions(run._runtime, run)


def acts(run: Any) -> list[str]:
    """The interventions that are logged as a monitor's."""
    events = run.events
    by_hand = (events["cause"] == "monitor") & (events["kind"] == "intervention")
    return events[by_hand]["field"].tolist()


GIVEN: dict[str, dict[str, Any]] = {
    "extend": {"seconds": 5}, "advance": {}, "revert": {}, "move_to_end": {}, "reload": {},
    "leave": {"exit": "screened"}, "message": {"text": "Hello"}, "answer": {"text": "Yes."},
    "set": {"values": {"cash": 3}}, "mark_dropout": {}, "regroup": {"size": 1},
    "mark_paid": {"amount": "2.50"}, "mark_unpaid": {}, "free": {},
}  # fmt: skip
"""Arguments for each action that is done to players."""


def test_a_viewer_does_nothing_whatever_it_is() -> None:
    with serving(Task, Thanks) as run:
        actions, before = actions_of(run), len(run.events)
        name = run.players[0].name
        for what, spec in NAMES.items():
            arguments = {"players": [name], **GIVEN.get(what, {})} if spec.players else {}
            with pytest.raises(Forbidden, match="Viewers cannot steer"):
                actions.do(what, arguments, "viewer")
        with pytest.raises(Forbidden):
            actions.do("no_such_action", {}, "viewer")
        assert len(run.events) == before
        assert not run.closed


async def test_every_action_on_players_says_to_how_many_it_was_done_and_is_in_the_log() -> None:
    rule = Payment(currency="EUR", fee=5)
    with serving(Task, Thanks, names={"payment": rule}) as run:
        actions = actions_of(run)
        await Browser.open(run)
        for what, more in GIVEN.items():
            said = actions.do(what, {"players": [run.players[0].name], **more}, "steward")
            assert said.startswith(f"{what.replace('_', ' ')}: "), said
        logged = set(acts(run))
        assert logged >= (set(GIVEN) - {"leave"}), set(GIVEN) - logged
        assert {spec for spec, one in NAMES.items() if one.players} <= {*GIVEN, "lower_hand"}


@pytest.mark.long
def test_a_run_is_paused_goes_on_and_is_closed_by_its_name() -> None:
    with serving(Task) as run:
        actions = actions_of(run)
        assert actions.do("pause", {}, "steward") == "Paused."
        assert "paused" in repr(run)
        assert actions.do("resume", {}, "steward") == "Running."
        assert actions.do("interrupt", {}, "steward") == "Nothing was running."
        with pytest.raises(BadAction, match="is not the session's name"):
            actions.do("close", {"confirm": "tuesday"}, "steward")
        assert not run.closed
        actions.do("close", {"confirm": run.name}, "steward")
        until_true(lambda: run.closed)


def test_a_session_is_frozen_and_thawed_by_stewards_and_each_is_logged_once() -> None:
    with serving(Task) as run:
        actions = actions_of(run)
        with pytest.raises(Forbidden):
            actions.do("freeze", {}, "viewer")
        assert not run.frozen
        for what, frozen in (("freeze", True), ("thaw", False)):
            with ThreadPoolExecutor(4) as stewards:
                said = list(
                    stewards.map(lambda _, act=what: actions.do(act, {}, "steward"), "1234")
                )
            assert len(set(said)) == 1
            assert run.frozen == frozen
        assert acts(run) == ["freeze", "thaw"]


def test_a_room_is_opened_and_closed_and_a_missing_one_named() -> None:
    with serving(Task) as run:
        lab, actions = run.room("lab", open=False), actions_of(run)
        assert actions.do("open_room", {"room": "lab"}, "steward") == "The room 'lab' is open."
        assert lab.is_open
        actions.do("close_room", {"room": "lab"}, "steward")
        assert not lab.is_open
        with pytest.raises(UprootError, match="There is no room 'bar'"):
            actions.do("open_room", {"room": "bar"}, "steward")
        events = run.events
        assert set(events[events["kind"] == "room"]["cause"]) >= {"monitor"}


def test_nobody_is_paid_twice_and_the_amount_may_be_given() -> None:
    with serving(Task, names={"payment": Payment(currency="EUR", fee=5)}) as run:
        actions, name = actions_of(run), run.players[0].name
        actions.do("mark_paid", {"players": [name], "amount": 2.5}, "steward")
        assert run.payments["amount"][0] == Decimal("2.50")
        with pytest.raises(UprootError, match="has been marked as paid since"):
            actions.do("mark_paid", {"players": [name], "amount": "2.50"}, "steward")
        actions.do("mark_unpaid", {"players": [name]}, "steward")
        assert not run.payments["paid"][0]
        assert acts(run) == ["mark_paid", "mark_unpaid"]


@pytest.mark.parametrize(
    ("what", "arguments", "words"),
    [
        ("fly", {}, "There is no action 'fly'"),
        ("__init__", {}, "There is no action"),
        ("advance", {}, "'players' is missing"),
        ("advance", {"players": "ann"}, "as a list"),
        ("advance", {"players": [3]}, "as a list"),
        ("advance", {"players": []}, "was given no players"),
        ("advance", {"players": ["nobody"]}, "nobody"),
        ("advance", {"players": ["x"], "size": 3}, "it takes no 'size'"),
        ("pause", {"players": ["x"]}, "It takes no arguments"),
        ("message", {"players": ["x"]}, "'text' is missing"),
        ("message", {"players": ["x"], "text": 7}, "'text' is 7"),
        ("set", {"players": ["x"], "values": 7}, "'values' is 7"),
        ("extend", {"players": ["x"], "seconds": True}, "'seconds' is True"),
        ("regroup", {"players": ["x"], "size": 1.5}, "'size' is 1.5"),
        ("leave", {"players": ["x"], "exit": "dne"}, "done"),
    ],
)
def test_bad_input_gets_a_sentence_and_does_nothing(
    what: str, arguments: dict[str, Any], words: str
) -> None:
    with serving(Task) as run:
        before = len(run.events)
        with pytest.raises((UprootError, ValueError, TypeError), match=words):
            actions_of(run).do(what, arguments, "steward")
        assert len(run.events) == before
        assert issubclass(UnknownAction, UprootError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["players", "text", "values", "seconds", "size", "exit", "room", "amount"]),
    JSON,
    max_size=3,
)


@pytest.mark.long
def test_no_argument_is_answered_by_anything_but_a_sentence() -> None:
    with serving(Task, Thanks) as run:
        actions = actions_of(run)

        @given(st.sampled_from(sorted(set(NAMES) - {"close"})), ARGUMENTS)
        def ask(what: str, arguments: dict[str, Any]) -> None:
            with suppress(UprootError, ValueError, TypeError):
                assert actions.do(what, arguments, "steward")

        ask()


# ---- more time ---------------------------------------------------------------------------------


async def test_more_time_is_shown_at_once_and_comes_again_in_a_rerun() -> None:
    with serving(Task, Thanks) as run:
        ann = await Browser.open(run)
        before = run.players[0]._state.deadline
        assert (
            actions_of(run).do(
                "extend", {"players": [run.players[0].name], "seconds": 60}, "steward"
            )
            == "extend: 1 of 1 players."
        )
        clock = await ann.action()
        assert clock["action"] == "clock"
        assert 300_000 < clock["remaining"] <= 360_000
        assert run.players[0]._state.deadline == before + 60
        again = rerun(run, [Task, Thanks], namespace={})
        assert again.same, again.differences


async def test_who_was_offline_when_time_was_extended_reads_it_on_coming_back() -> None:
    with serving(Task, Thanks) as run:
        ann = await Browser.open(run)
        await ann.settle()
        await ann.disconnect()
        await until(lambda: not run.players[0].online)
        run.extend(run.players[0], 60)
        await ann.connect()
        assert 300_000 < (await ann.action())["remaining"] <= 360_000


async def test_who_has_not_come_yet_finds_the_longer_time_and_again_in_a_rerun() -> None:
    """The clock of a page to which nobody has come stands still."""
    with serving(Free, Task, Thanks) as run:
        player = run.players[0]
        run.advance(player)
        run.advance(player)
        await until(lambda: player._state.held == 300)
        assert run.extend(run.players[:1], 60) == [player]
        ann = await Browser.open(run)
        assert 300 < run._runtime.flow.timeouts.remaining(player) <= 360
        await ann.disconnect()
        again = rerun(run, [Free, Task, Thanks], namespace={})
        assert again.same, again.differences


class Slow(Page):
    """Its hook takes a while."""

    timeout = 300

    async def before_always_once(page, player):
        REACHED.set()
        await asyncio.to_thread(MAY_GO_ON.wait, 60)


REACHED, MAY_GO_ON = threading.Event(), threading.Event()


async def test_who_was_moved_by_the_line_before_gets_more_time() -> None:
    MAY_GO_ON.clear()
    with serving(Free, Slow) as run, ThreadPoolExecutor() as cell:
        player = run.players[0]
        run.advance(player)
        run.advance(player)
        extended = cell.submit(run.extend, player, 60)
        assert await asyncio.to_thread(REACHED.wait, 60)
        MAY_GO_ON.set()
        assert await asyncio.wrap_future(extended) == [player]
        assert player._state.held == 360


async def test_whose_time_is_up_has_the_new_seconds_from_now_on() -> None:
    """The browser has been asked for its form, and has not sent it."""
    with serving(Task, Thanks) as run:
        await Browser.open(run)
        player, timeouts = run.players[0], run._runtime.flow.timeouts
        with run.lock:
            timeouts._set(player, run._runtime.world.clock() - 1)
            assert timeouts.has_passed(player)
            run.extend(player, 100)
            assert not player._state.late
            assert 99 < timeouts.remaining(player) <= 100
        assert player.page == "Task"


async def test_a_clock_that_has_not_begun_has_more_time_when_it_does() -> None:
    """The player was put on the page before anybody came."""
    with serving(Free, Task) as run:
        run.advance(run.players[0])
        run.advance(run.players[0])
        await until(lambda: run.players[0]._state.held == 300)
        run.extend(run.players[0], 60)
        assert run.players[0]._state.held == 360
        again = rerun(run, [Free, Task], namespace={})
        assert again.same, again.differences


@pytest.mark.long
async def test_who_has_no_deadline_is_left_out_and_nobody_left_is_said() -> None:
    with serving(Task, Free) as run:
        await Browser.open(run, 0)
        await Browser.open(run, 1)
        run.advance(run.players[1])
        await until(lambda: run.players[1]._state.deadline is None)
        assert run.extend(run.players, 5) == [run.players[0]]
        with pytest.raises(UprootError, match="is on a page with a timeout"):
            run.extend(run.players[1], 5)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "60", None])
def test_time_is_extended_by_a_number_of_seconds(seconds: Any) -> None:
    with serving(Task) as run, pytest.raises(UprootError, match="more than 0"):
        run.extend(run.players, seconds)


# ---- other groups ------------------------------------------------------------------------------


async def test_two_who_are_left_over_go_on_as_a_group_and_again_in_a_rerun() -> None:
    """Although the page wants three."""
    with serving(Trio, Thanks) as run:
        for place in (0, 1):
            await Browser.open(run, place)
        await until(lambda: all(p._state.has_arrived for p in run.players))
        run.regroup(run.players)
        await until(lambda: {p.page for p in run.players} == {"Thanks"})
        assert [p.group.pot for p in run.players] == [2, 2]
        again = rerun(run, [Trio, Thanks], namespace={})
        assert again.same, again.differences


async def test_groups_of_a_size_are_made_in_the_order_given() -> None:
    with serving(Task, players=4) as run:
        a, b, c, d = run.players
        run.regroup([c, a, d, b], size=2)
        assert [p.group.name for p in (c, a)] == ["g0", "g0"]
        assert [p.member_id for p in (c, a, d, b)] == [0, 1, 0, 1]
        run.regroup([a, b])
        assert a.group == b.group != c.group
        with pytest.raises(UprootError, match="cannot be divided into groups of 3"):
            run.regroup(run.players, size=3)
        assert [p.name for p in a.group.players] == [a.name, b.name]


async def test_who_waits_for_somebody_who_was_taken_out_goes_on() -> None:
    """Also in a rerun."""
    with serving(Meet, Thanks, players=3) as run:
        a, b, c = run.players
        run.regroup([a, b, c])
        for place in (0, 1):
            await Browser.open(run, place)
        await until(lambda: a._state.has_arrived and b._state.has_arrived)
        run.regroup([c])
        await until(lambda: a.page == b.page == "Thanks")
        again = rerun(run, [Meet, Thanks], namespace={})
        assert again.same, again.differences


@pytest.mark.long
async def test_nobody_is_regrouped_whom_a_page_is_grouping_just_now() -> None:
    """The group's hook has not ended, so its members are about to go on."""
    held = asyncio.Event()

    class Pair(GroupCreatingWait):
        """Two make a group."""

        group_size = 2

        async def after_grouping(page, group) -> None:
            while not held.is_set():
                await asyncio.sleep(0.01)

    with serving(Pair, Thanks, players=3) as run:
        for place in (0, 1):
            await Browser.open(run, place)
        await until(lambda: run.players[0].group is not None)
        with pytest.raises(UprootError, match="is just grouping"):
            run.regroup(run.players)
        assert run.players[2].group is None
        held.set()
        await until(lambda: run.players[0].page == "Thanks")


def test_what_is_refused_names_players_by_their_labels_too() -> None:
    """On a phone the monitor shows labels only; a player's name alone would be nobody there."""
    with serving(Free, Thanks, payment=Payment(currency="EUR", fee=5)) as run:
        ann = run.players[0]
        with run.lock:
            run._runtime.world.state.players[ann.name].label = "PC-04"
        called, actions = f"PC-04 \\({ann.name}\\)", actions_of(run)
        given = {"players": [ann.name]}
        with pytest.raises(UprootError, match=f"Nobody of {called} is on a page"):
            actions.do("extend", {**given, "seconds": 60}, "steward")
        with pytest.raises(UprootError, match=f"Not marked as paid: {called}"):
            actions.do("mark_unpaid", given, "steward")
        actions.do("mark_paid", {**given, "amount": "5"}, "steward")
        with pytest.raises(UprootError, match=f"{called} has been marked as paid since"):
            actions.do("mark_paid", given, "steward")
