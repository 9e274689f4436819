"""Moves of hooks that fail: whoever was moved is back on the same visit, and nobody else is."""
# ruff: noqa: ANN001, ANN201, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.running import Browser, plain, serving, until
from uproot_nb import (
    IntegerField,
    NoshowPage,
    Page,
    Player,
    Repeat,
    Rounds,
    Run,
    leave,
    move_to_end,
    move_to_page,
    rerun,
)
from uproot_nb.log.log import MemoryLog
from uproot_nb.log.state import State
from uproot_nb.study.recording import Recording

SEEN: list[str] = []
"""What has happened, and what may happen."""
ACT: list[Callable[[Player], Any]] = []
"""What the hook does before it fails; empty once it is mended."""


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    SEEN.clear()
    ACT.clear()


class Ask(Page):
    """A question; its hook moves players and fails."""

    fields = {"number": IntegerField(label="Number")}
    timeout = 1000

    def before_once(page, player):
        player.begun = player.get("begun", 0) + 1

    def after_once(page, player):
        SEEN.append("after_once")
        for act in ACT:
            act(player)
        if ACT:
            raise RuntimeError("broken")


class Task(Page):
    """The next page."""


class Last(Page):
    """The last page."""


ORDER = [Ask, Task, Last]


async def settled(run: Run) -> None:
    """Wait until nothing is on its way."""
    flow, quiet = run._runtime.flow, 0
    while quiet < 20:
        await asyncio.sleep(0.001)
        quiet = 0 if any(turn.locked() for turn in flow._turns.values()) else quiet + 1


def place(player: Player) -> Any:
    state = player._state
    names = "position", "page", "entered", "settled", "deadline", "ended", "journey", "claimed"
    fields = {name: value for name, value in player.fields().items() if name != "number"}
    return fields, {name: getattr(state, name) for name in names}


def replayed(run: Run) -> tuple[State, State]:
    """Return the state that the log gives, and what a snapshot of it gives."""
    world = run._runtime.world
    with run.lock:
        world.journal.commit()
        found = State(world.codec).apply_all(world.log.read(world.name))
        return found, State(world.codec).load(found.dump())


def to_the_second(player):
    move_to_page(player.session.players[1], Last)


MOVES: list[Callable[[Player], Any]] = [
    move_to_end,
    lambda player: leave(player, "screened"),
    lambda player: move_to_page(player, Task),
    lambda player: move_to_page(player, Ask),
    lambda player: (move_to_page(player, Task), leave(player, "lobby"), move_to_page(player, 0)),
    to_the_second,
    lambda player: [leave(one, "full") for one in player.session.players],
    lambda player: [move_to_end(one) for one in player.session.players],
]


ORDERS = [ORDER, [Rounds(*ORDER, n=2)], [Repeat(*ORDER)]]


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(MOVES)))
async def test_whoever_a_failed_hook_has_moved_is_where_they_were(number: int) -> None:
    act = MOVES[number]
    with serving(*ORDERS[number % 3], players=3) as run:
        ann, _ = await Browser.open(run, 0), await Browser.open(run, 1)
        before = [place(player) for player in run.players]
        ACT.append(act)
        assert (await ann.submit(number="5")).code == 500
        await settled(run)
        assert [place(player) for player in run.players] == before
        for state in replayed(run):
            assert plain(state) == plain(run._runtime.world.state)
        ACT.clear()
        assert (await ann.submit(number="5")).code == 303, "the page's form is still good"
        assert (run.players[0].page, run.players[0].number) == ("Task", 5)
        assert run.players[0].begun == 1
        assert SEEN == ["after_once"] * 2


class Door(Page):
    """Its hook moves on whoever comes, and fails."""

    def before_once(page, player):
        SEEN.append(player.name)
        if ACT:
            move_to_end(player)
            raise RuntimeError("broken")


class Hidden(NoshowPage):
    """The same, for a page that nobody sees."""

    def before_once(page, player):
        SEEN.append(player.name)
        if ACT:
            move_to_end(player)
            raise RuntimeError("broken")


@pytest.mark.long
@pytest.mark.parametrize("page", [Door, Hidden])
async def test_a_hook_on_the_way_to_a_page_that_moves_and_fails_is_tried_once_a_request(
    page: type[Page],
) -> None:
    ACT.append(move_to_end)
    with serving(page, Task, players=1) as run:
        for times in (1, 2):
            with pytest.raises(AssertionError):
                await Browser.open(run)
            await settled(run)
            assert (run.players[0].position, len(SEEN)) == (0, times)
        ACT.clear()
        await Browser.open(run)
        await settled(run)
        assert len(SEEN) == 3


class Slow(Page):
    """Its hook takes its time before it fails."""

    async def after_once(page, player):
        for one in player.session.players:
            leave(one, "full")
        SEEN.append("moved")
        while "go on" not in SEEN:
            await asyncio.sleep(0)
        raise RuntimeError("broken")


class Pick(Slow):
    """The same, for one who moves the others to another page."""

    async def after_once(page, player):
        for one in player.session.players[1:]:
            move_to_page(one, Task)
        SEEN.append("moved")
        while "go on" not in SEEN:
            await asyncio.sleep(0)
        raise RuntimeError("broken")


@pytest.mark.long
async def test_a_browser_that_followed_a_move_follows_back() -> None:
    with serving(Slow, Task, players=2) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        before = [place(player) for player in run.players]
        leaving = asyncio.create_task(ann.submit())
        await bob.frame(lambda f: f.get("action") == "reload")
        await bob.load()
        assert bob.page["end"]
        await bob.reconnect()
        await until(lambda: run.players[1]._state.met == bob.page["entered"])
        SEEN.append("go on")
        assert (await leaving).code == 500
        frame = await bob.frame(lambda f: f.get("action") == "reload")
        assert [place(player) for player in run.players] == before
        assert frame["entered"] == run.players[1]._state.entered
        await bob.load()
        assert (bob.page["page"], bob.page["entered"]) == (0, frame["entered"])


@pytest.mark.long
@pytest.mark.parametrize("by_researcher", [True, False])
async def test_whoever_has_gone_on_meanwhile_is_not_put_back(by_researcher: bool) -> None:
    with serving(Pick, Task, Last, players=3) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await Browser.open(run, 2)
        cem = place(run.players[2])
        leaving = asyncio.create_task(ann.submit())
        await until(lambda: "moved" in SEEN)
        if by_researcher:
            run.move_to_end(run.players[1])
        else:
            await until(lambda: run.players[1]._state.has_arrived)
            await bob.load()
            assert (await bob.submit()).code == 303
        SEEN.append("go on")
        assert (await leaving).code == 500
        assert run.players[1].page == (None if by_researcher else "Last")
        assert place(run.players[2]) == cem


async def test_a_place_that_only_a_failed_hook_has_taken_is_still_free() -> None:
    with serving(*ORDER, players=2) as run:
        ann = await Browser.open(run, 0)
        ACT.append(lambda player: move_to_end(player.session.players[1]))
        ACT.append(lambda player: SEEN.append(str(player._world.claim_place())))
        assert (await ann.submit(number="5")).code == 500
        assert SEEN[-1] == "None", "the hook itself has the place taken"
        assert run._runtime.world.claim_place() is run.players[1]


class Floor(Page):
    """Whoever is on it is cleared as soon as somebody leaves, as a call market is."""

    @classmethod
    def look_again(cls, player) -> None:
        player.session.cleared = player.session.get("cleared", 0) + 1

    @classmethod
    def looks_once_for(cls, player) -> str:
        return "session"


@pytest.mark.long
async def test_what_a_page_did_as_somebody_left_is_undone_with_the_move() -> None:
    with serving(Ask, Floor, players=2) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert (await bob.submit(number="5")).code == 303
        await bob.load()
        before = run.session.get("cleared")
        ACT.append(lambda player: setattr(player.session, "cleared", 50))
        ACT.append(lambda player: leave(player, "screened"))
        ACT.append(lambda player: SEEN.append(str(player.session.cleared)))
        assert (await ann.submit(number="5")).code == 500
        assert SEEN[-1] == "51", "the page has looked again"
        again = 1 if before is None else before + 1
        assert run.session.cleared == again, "and once more when ann was back"


@pytest.mark.long
async def test_a_restart_finds_everybody_where_they_were(tmp_path: Path) -> None:
    options = {"players": 2, "db": tmp_path / "lab.sqlite3"}
    ACT.append(lambda player: [leave(one, "full") for one in player.session.players])
    with serving(*ORDER, **options) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        before = [place(player) for player in run.players]
        assert (await ann.submit(number="5")).code == 500
    ACT.clear()
    with serving(*ORDER, **options) as run:
        assert [place(player) for player in run.players] == before
        bob.url = run.link(run.players[1])
        assert (await bob.submit(number="3")).code == 303
        assert run.players[1].page == "Task"


class Secret(Ask):
    """The same, with answers that are in no log."""

    stealth_fields = ["number"]


@pytest.mark.long
@pytest.mark.parametrize("page", [Ask, Secret])
@pytest.mark.parametrize("act", [MOVES[1], MOVES[4], MOVES[6]])
async def test_a_rerun_undoes_the_same_moves(act, page) -> None:
    order = [page, Task, Last]
    with serving(*order, players=3) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        ACT.append(act)
        assert (await ann.submit(number="5")).code == 500
        await bob.load()
        again = rerun(run, order, namespace={})
        assert again.same, again
        ends = [player.ended_as for player in run.players]
        assert list(again.state["ended_as"]) == ends


@pytest.mark.long
async def test_a_log_of_a_version_that_undid_no_moves_reruns_as_it_was() -> None:
    ACT.append(lambda player: leave(player, "screened"))
    with serving(*ORDER, players=2) as run:
        run._runtime.flow.undoes_moves = False
        ann = await Browser.open(run, 0)
        assert (await ann.submit(number="5")).code == 500
        assert run.players[0].ended_as == "screened"
        world = run._runtime.world
        with run.lock:
            world.journal.commit()
        events = [_of_earlier_version(event) for event in world.log.read(world.name)]
    log = MemoryLog()
    log.append(events)
    again = rerun(Recording(log, "market"), ORDER, namespace={})
    assert again.same, again
    assert next(iter(again.state["ended_as"])) == "screened"


def _of_earlier_version(event: Any) -> Any:
    if event.kind != "open":
        return event
    value = orjson.loads(event.value)
    del value["undoes_moves"]
    return event._replace(value=orjson.dumps(value).decode())
