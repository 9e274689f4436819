"""RecordedInputs: each input is read from the row that records it."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reruns.every_input import NAMES, ORDER, RULE, record
from tests.running import Browser, serving, set_clock, until
from uproot_nb import (
    IntegerField,
    Page,
    Rounds,
    Run,
    after_commit,
    live,
    move_to_page,
    rerun,
    rng,
    room,
    spawn,
)
from uproot_nb.flow.timeouts import EARLY
from uproot_nb.log.events import Event
from uproot_nb.reruns.recorded_inputs import RecordedInput, RecordedInputs
from uproot_nb.session.world import world_of


def rows(run: Run) -> list[Event]:
    """Return the log so far."""
    run._refresh()
    return list(run._runtime.world.log.read(run.name))


def of_kind(run: Run, kind: str) -> list[Event]:
    """Return the events of one kind so far."""
    return [event for event in rows(run) if event.kind == kind]


def read(events: list[Event]) -> list[RecordedInput]:
    """Return all inputs."""
    inputs = RecordedInputs(events)
    return [one for event in events for one in inputs.of(event)]


def same(run: Run, order: list[Any], names: dict[str, Any]) -> Counter[str]:
    """Check that a rerun makes no difference; return what it has repeated."""
    again = rerun(run, order, namespace=names)
    assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
    assert "left out" not in again.repeated
    return Counter(again.repeated)


@pytest.mark.long
async def test_a_session_with_every_kind_of_input_reruns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with hooks that wait; and its inputs are found without reading causes."""
    run = await record(tmp_path / "lab.sqlite3")
    try:
        repeated = same(run, ORDER, NAMES)
        assert repeated.keys() == {
            "place", "claim", "room", "restart", "load", "call", "resume", "submit", "back",
            "not kept", "passed", "time_up", "connect", "disconnect", "apply", "state", "move",
            "watch", "dropped", "dropout", "arrive", "bot",
        }  # fmt: skip
        monkeypatch.setitem(RULE, "factor", 3)
        first = rerun(run, ORDER, namespace=NAMES).first
        assert first is not None
        assert (first.what, first.args) == ("Desk.buy", [3])
        events = rows(run)
        names = {cause: f"c{n}" for n, cause in enumerate({event.cause for event in events})}
        renamed = [event._replace(cause=names[event.cause]) for event in events]
        assert list(map(bare, read(renamed))) == list(map(bare, read(events)))
    finally:
        run.close()


def bare(one: RecordedInput) -> tuple[Any, ...]:
    """Return an input without the texts of its events."""
    return (*one[:3], one.event.seq, [event.seq for event in one.caused], *one[5:])


class Ask(Page):
    """A question."""

    fields = {"number": IntegerField(label="Number", min=0, max=9)}  # noqa: RUF012


class Told(Page):
    """What `early` reads in the address."""

    def early(page, player, request):
        player.source = request.query_params.get("source")


class Shown(Page):
    """A value that each load draws, and stores the first time alone."""

    def templatevars(page, player):
        drawn = rng().random()
        if player.get("first") is None:
            player.first = drawn
        return {"drawn": drawn}


async def test_a_load_is_logged_before_what_follows_from_it_and_else_not_at_all() -> None:
    """So draws do not depend on how often a page is reloaded."""
    with serving(Shown, players=1) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        before = rows(run)
        kinds = [event.kind for event in before if event.actor == run.players[0].name]
        assert kinds[:2] == ["arrive", "load"]
        assert "enter" in kinds
        await ann.load()
        await ann.load()
        assert rows(run) == before
        assert same(run, [Shown], {})["load"] == 1


@pytest.mark.parametrize(("page", "query"), [(Told, [["source", "web"]]), (Shown, None)])
async def test_what_early_reads_in_the_address_comes_again(page: type[Page], query: Any) -> None:
    """Without such a hook, the log does not have it."""
    with serving(page, players=1) as run:
        await Browser(run.link(run.players[0])).fetch("?source=web")
        assert json.loads(of_kind(run, "load")[0].value).get("query") == query
        same(run, [page], {})


async def test_a_form_says_after_which_event_it_came_and_how_long_it_took() -> None:
    with serving(Ask, players=1) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        before = rows(run)[-1].seq
        await ann.submit(number="4")
        value = json.loads(of_kind(run, "submit")[0].value)
        assert value["begun"][0] == before
        assert value["ms"] > 0
        assert value["form"] == [["number", "4"]]


class Quiz(Page):
    """It counts attempts, in two places, and those who know too much skip a page."""

    fields = {"number": IntegerField(label="Number", min=0, max=9)}  # noqa: RUF012

    def validate(page, player, data):
        player.attempts = player.get("attempts", 0) + 1
        player.luck = rng().random()
        return ["Wrong."] if data["number"] != 7 else []

    def templatevars(page, player):
        player.shown = player.get("shown", 0) + 1
        return {}

    def after_once(page, player):
        if player.attempts == 1:
            move_to_page(player, Skipped)


class Skipped(Page):
    """For those who know too much."""


@pytest.mark.parametrize(("answers", "inputs"), [(["99", "3", "7"], 2), (["7"], 1)])
async def test_forms_that_are_refused_or_skip_pages_come_again(
    answers: list[str], inputs: int
) -> None:
    with serving(Quiz, Ask, Skipped, players=1) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        for answer in answers:
            await ann.submit(number=answer)
        await ann.load()
        assert run.players[0].page == ("Skipped" if len(answers) == 1 else "Ask")
        forms = [json.loads(event.value)["form"] for event in of_kind(run, "input")]
        assert forms == [[["number", answer]] for answer in answers[:inputs]]
        assert same(run, [Quiz, Ask, Skipped], {})["form"] == inputs


async def test_a_refused_form_from_which_nothing_follows_is_not_logged() -> None:
    with serving(Ask, players=1) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        before = rows(run)
        await ann.submit(number="99")
        assert rows(run) == before


@pytest.mark.long
async def test_a_refused_form_with_stealth_fields_is_not_in_the_log() -> None:
    class Account(Page):
        """It refuses once."""

        fields = {"pin": IntegerField(label="PIN"), "age": IntegerField(label="Age")}  # noqa: RUF012
        stealth_fields = ["pin"]  # noqa: RUF012

        def validate(page, player, data):
            player.attempts = player.get("attempts", 0) + 1
            return ["Again."] if player.attempts == 1 else []

        def handle_stealth_fields(page, player, pin):
            move_to_page(player, Skipped)

    with serving(Account, Ask, Skipped, players=1) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        await ann.submit(pin="4711", age="30")
        await ann.submit(pin="4711", age="30")
        await until(lambda: run.players[0].page == "Skipped")
        assert not any("4711" in event.value for event in rows(run))
        repeated = same(run, [Account, Ask, Skipped], {})
        assert (repeated["form"], repeated["not kept"]) == (2, 2)


@pytest.mark.long
async def test_a_hook_that_moves_those_whose_time_is_up_does_so_again() -> None:
    class Quick(Page):
        """Time is up at once."""

        timeout = 0.1

        def timeout_reached(page, player):
            player.luck = rng().random()
            move_to_page(player, Skipped)

    with serving(Quick, Ask, Skipped, players=1) as run:
        await Browser(run.link(run.players[0])).load()
        await until(lambda: run.players[0].page == "Skipped")
        await until(lambda: of_kind(run, "input"))
        assert same(run, [Quick, Ask, Skipped], {})["time_up"] == 1


async def test_a_step_back_is_logged_as_one() -> None:
    class Again(Page):
        """May be left backwards."""

        allow_back = True

    with serving(Ask, Again, players=1) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        await ann.submit(number="4")
        await ann.load()
        await ann.submit(_uproot_back="1")
        back = of_kind(run, "back")
        assert [(event.actor, event.field) for event in back] == [(run.players[0].name, "Again")]
        assert same(run, [Ask, Again], {})["back"] == 1


async def test_a_cells_moves_are_the_researchers_and_their_places_are_not_inputs() -> None:
    """A field that the cell itself sets to a round is one."""
    with serving(Rounds(Ask, n=3), players=1) as run:
        run.advance(run.players[0])
        run.players[0].round = 7
        assert {event.actor for event in of_kind(run, "enter")} == {"researcher"}
        assert [event.actor for event in of_kind(run, "set") if event.field == "round"] == [
            "", "researcher",
        ]  # fmt: skip
        repeated = same(run, [Rounds(Ask, n=3)], {})
        assert (repeated["move"], repeated["apply"]) == (1, 1)


async def test_tasks_of_the_session_run_again_and_those_of_cells_are_applied() -> None:
    async def count(session) -> None:
        for _ in range(3):
            session.ticks += 1
            await asyncio.sleep(0.01)

    def new_session(session):
        session.ticks = 0
        spawn(count(session))

    with serving(Ask, players=1, names={"new_session": new_session}) as run:
        await until(lambda: run.session.ticks == 3)
        run.spawn(count(run.session)).result()
        assert run.session.ticks == 6
        same(run, [Ask], {"new_session": new_session})


class Slow(Page):
    """Calls that wait, and start tasks that wait as long."""

    @live
    def note(page, player):
        player.noted = True

    @live
    async def think(page, player):
        await asyncio.sleep(0.02)
        player.thought = rng().random()

        async def later() -> None:
            await asyncio.sleep(0.02)
            player.later = rng().random()

        spawn(later())


async def test_calls_that_go_on_late_in_a_busy_loop_go_on_as_late_again() -> None:
    """What they start then comes after what another call does, which was as late."""
    with serving(Slow, players=3) as run:
        ann, bob, cem = [await Browser.open(run, number) for number in range(3)]
        asked = [await one.ask("think") for one in (ann, bob)]
        await until(lambda: len(run._runtime.calls.running) == 2)
        await cem.call("note")
        run._runtime.loop.call_soon_threadsafe(time.sleep, 0.1)
        await ann.answer(asked[0])
        await bob.answer(asked[1])
        await until(lambda: all(player.get("later") for player in list(run.players)[:2]))
        for one in (ann, bob, cem):
            await one.disconnect()
        same(run, [Slow], {})


class Late(Page):
    """Calls that find out themselves that time is up."""

    timeout = 60

    @live
    def ask(page, player):
        return world_of(player).flow.timeouts.has_passed(player)

    @live
    async def wait(page, player):
        while not player.session.get("go"):
            await asyncio.sleep(0.001)
        return world_of(player).flow.timeouts.has_passed(player)


async def test_a_call_that_finds_out_that_time_is_up_finds_it_out_again() -> None:
    with serving(Late, players=1) as run:
        ann = await Browser.open(run, 0)
        end = run.players[0]._state.deadline or 0.0
        clock = [end - EARLY - 1e-6]
        set_clock(run, lambda: clock[0])
        assert await ann.call("ask") is False
        clock[0] = end - EARLY + 1e-6
        assert await ann.call("ask") is True
        await ann.disconnect()
        same(run, [Late], {})


@pytest.mark.long
async def test_a_call_that_finds_it_out_after_a_wait_does_so_again() -> None:
    with serving(Late, players=1) as run:
        ann = await Browser.open(run, 0)
        end = run.players[0]._state.deadline or 0.0
        clock = [end - 1]
        set_clock(run, lambda: clock[0])
        asked = await ann.ask("wait")
        await until(lambda: run._runtime.calls.running)
        clock[0] = end - EARLY + 1e-6
        run.session.go = True
        assert await ann.answer(asked) is True
        await ann.disconnect()
        same(run, [Late], {})


async def test_those_who_come_through_a_room_are_logged_with_it() -> None:
    with serving(Ask, players=0) as run:
        lab = run.room(room("lab"))
        await Browser(lab.url).fetch(body={"_uproot_visit": "visit-0123456789-abcdef"})
        joined = json.loads(of_kind(run, "join")[0].value)
        assert joined["room"] == "lab"
        assert "visit-0123456789-abcdef" not in str(joined)
        assert same(run, [Ask], {})["room"] == 1


async def test_what_a_function_after_a_commit_has_changed_is_applied() -> None:
    """It is not called again; and what a hook had asked for and failed, never was."""
    calls: list[str] = []

    def pay(player):
        calls.append(player.name)
        player.paid = len(calls)

    class Payment(Page):
        """It fails the first time."""

        def after_once(page, player):
            player.tries = 1
            after_commit(pay, player)
            if not player.session.get("open"):
                raise ValueError("closed")

    names: dict[str, Callable[..., Any]] = {"pay": pay}
    with serving(Payment, Ask, players=1, names=names) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        await ann.submit()
        run.session.open = True
        await ann.load()
        await ann.submit()
        await until(lambda: run.players[0].get("paid"))
        assert json.loads(of_kind(run, "effect")[-1].value) == {"performed": True}
        again = rerun(run, [Payment, Ask], namespace=names)
        assert again.state["paid"].tolist() == [1]
        assert calls == [run.players[0].name]
