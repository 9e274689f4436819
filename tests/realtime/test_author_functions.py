"""The functions of real-time as authors call them: spawn, send_to, players and the others."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.running import Browser, serving, until
from uproot_nb import (
    Page,
    create_group,
    live,
    notify,
    other_in_group,
    other_in_session,
    others_in_group,
    others_in_session,
    players,
    send_to,
    spawn,
)
from uproot_nb.errors import UnknownPlayer


class Clock(Page):
    """Counts down in the background."""

    @live
    def start(page, player, ticks: int):
        spawn(tick(player.session, ticks))
        return "started"

    @live
    async def start_and_wait(page, player):
        task = spawn(asyncio.sleep(0, "slept"))
        return await task

    @live(thread=True)
    def from_thread(page, player, x):
        notify(player, players(player.session), x, event="FromThread")
        return x


async def tick(session: Any, ticks: int) -> None:
    """Tell everybody how many ticks are left."""
    for left in range(ticks, 0, -1):
        session.left = left
        send_to(players(session), left, event="Tick")
        await asyncio.sleep(0)


async def test_a_spawned_task_pushes_to_everybody_in_order() -> None:
    """It needs no sender, and outlives the call that started it."""
    with serving(Clock) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert await ann.call("start", 20) == "started"
        await until(lambda: run.session.get("left") == 1)
        for browser in (ann, bob):
            assert await browser.settle() == list(range(20, 0, -1))
            assert {event["event"] for event in browser.events} == {"Tick"}
        sent = run.events.query("kind == 'notify'")
        assert sent["cause"].str.contains("tick").all()


async def test_a_live_method_may_wait_for_what_it_spawned() -> None:
    """spawn returns a task."""
    with serving(Clock) as run:
        ann = await Browser.open(run)
        assert await ann.call("start_and_wait") == "slept"


async def test_a_method_in_a_thread_may_push() -> None:
    """Before its reply, as others do."""
    with serving(Clock) as run:
        ann = await Browser.open(run)
        asked = await ann.ask("from_thread", 5)
        assert (await ann.event())["event"] == "FromThread"
        assert await ann.answer(asked) == 5
        assert run.events.query("kind == 'notify'")["cause"].tolist() == ["Clock.from_thread"]


async def test_cells_spawn_on_the_run() -> None:
    """run.spawn works from a cell's thread, and its failure is shown."""
    with serving(Clock) as run:
        ann = await Browser.open(run)
        run.spawn(tick(run.session, 3))
        await until(lambda: run.session.get("left") == 1)
        assert await ann.settle() == [3, 2, 1]
        before = len(run.errors)  # settling calls what is no live method
        run.spawn(tick(run.session, None))  # type: ignore[arg-type]
        await until(lambda: len(run.errors) > before)
        assert run.errors["field"].tolist()[before:] == ["TypeError"]


async def test_the_functions_say_who_else_is_there() -> None:
    """players, others_in_group, other_in_group … and the same as attributes."""
    with serving(Clock, players=4) as run:
        ann, bob, eve, dan = run.players
        create_group(run.session, [ann, bob])
        group = ann.group
        assert list(players(group)) == [ann, bob]
        assert list(players(run.session)) == [ann, bob, eve, dan]
        assert other_in_group(ann) == bob == ann.other_in_group
        assert list(others_in_group(ann)) == [bob] == list(ann.others_in_group)
        assert list(others_in_session(ann)) == [bob, eve, dan] == list(ann.others_in_session)
        assert players(run.session).get(bob.name) == bob
        assert players(run.session).get(~bob) == bob
        assert players(run.session)[1] == bob
        with pytest.raises(UnknownPlayer):
            players(run.session).get("nobody")
        with pytest.raises(LookupError, match="not one"):
            other_in_session(ann)
        for nothing in (None, "session", run, [ann]):
            with pytest.raises(TypeError, match="session or a group"):
                players(nothing)  # type: ignore[arg-type]


async def test_nothing_is_logged_as_an_error_when_all_goes_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Serving, calling, spawning and closing leave no warning behind."""
    with caplog.at_level(logging.WARNING), serving(Clock) as run:
        ann = await Browser.open(run)
        await ann.call("start", 3)
        await ann.call("from_thread", 1)
        await ann.reconnect()
        await ann.settle()
    assert caplog.text == ""
