"""run.free: places that are given to others, and what stays of those who had them."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from pathlib import Path

import pytest

from uproot_nb import (
    GroupCreatingWait,
    Page,
    Run,
    SynchronizingWait,
    UprootError,
    leave,
    rerun,
)
from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.log.state import State
from uproot_nb.testing import Served, served


class Task(Page):
    """# A task"""


class Pair(GroupCreatingWait):
    group_size = 2


class Both(SynchronizingWait):
    pass


def new_player(player):
    player.endowment = 10


ENDED = "Your place in this study has ended."


def kinds(run: Run) -> list[str]:
    return list(run.events.query("subject.str.startswith('player/')")["kind"])


def test_the_player_stays_with_the_data_and_reads_that_the_place_has_ended() -> None:
    with served([Task, Task], players=1) as session:
        (ann,) = session
        ann.player.note = "mine"
        assert session.run.free(ann.player) == [ann.player]
        session.settle()
        ann.assert_reads(ENDED)
        row = session.run.state.loc[ann.player.name]
        assert (row["note"], row["ended_as"]) == ("mine", "dropped out")


def test_a_place_that_was_there_in_advance_is_opened_anew() -> None:
    with served([Task], players=2, arrive=False) as session:
        run = session.run
        old = list(run.players)
        run.free(old[1])
        session.settle()
        assert [player.ended_as for player in run.players] == ["never came"] * 3
        assert run.players[2].endowment == 10
        eve = session.join()
        assert eve.player == old[0], "the first free place comes first"
        assert session.join().player == run.players[2], "and nobody gets the freed one"
        assert len(run.players) == 3


def test_who_comes_to_a_freed_place_begins_nothing() -> None:
    with served([Task], players=1, arrive=False) as session:
        (ann,) = session
        session.run.free(ann.player)
        session.settle()
        before = len(session.run.events)
        answer = session.do("the page", session.server.ask(session.run.link(ann.player)), 1.0)
        assert ENDED in answer.body.decode()
        assert ann.player.ended_as == "never came"
        assert len(session.run.events) == before


def test_freeing_twice_is_freeing_once() -> None:
    with served([Task], players=1) as session:
        (ann,) = session
        session.run.free(ann.player)
        assert session.run.free(ann.player) == []
        session.settle()
        assert kinds(session.run).count("free") == 1
        assert len(session.run.players) == 2


def test_who_has_finished_stays_done() -> None:
    with served([Task], players=2) as session:
        ann, bob = session
        ann.submit()
        leave(bob.player, "screened")
        session.run.free(session.run.players)
        session.settle()
        assert [ann.player.ended_as, bob.player.ended_as] == ["done", "screened"]
        ann.assert_reads(ENDED)
        bob.assert_reads(ENDED)


def test_the_others_of_the_group_go_on() -> None:
    with served([Pair, Task, Both, Task], players=2) as session:
        ann, bob = session
        ann.submit()
        ann.assert_on(Both)
        session.run.free(bob.player)
        session.settle()
        ann.assert_on(Task)


def test_nobody_is_freed_if_one_of_them_is_nobody() -> None:
    with served([Task], players=1) as session:
        with pytest.raises(UprootError):
            session.run.free([*session.run.players, "nobody"])
        assert "free" not in kinds(session.run)


@pytest.mark.long
def test_as_many_places_are_open_after_a_restart_as_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=2, db=path) as session:
        session.run.free(session[0].player)
        session.settle()
        world = session.run._runtime.world
        world.journal.commit()
        dumped = State(world.codec).apply_all(world.log.read(world.name))
        kept = State(world.codec).load(dumped.dump())
        assert [one.freed for one in kept.players.values()] == [True, False, False]
    with served([Task], players=2, db=path, arrive=False) as session:
        assert [one._state.freed for one in session.run.players] == [True, False, False]
        assert session.join().player == session.run.players[2]


@pytest.mark.long
def test_a_rerun_frees_the_same_places() -> None:
    with served([Task, Task], players=2) as session:
        ann, bob = session
        session.run.free(ann.player)
        session.settle()
        bob.submit()
        eve = session.join()
        eve.submit()
        recorded = session.run.state
        again = rerun(session.run, [Task, Task], namespace=globals())
    assert again.same, again
    assert again.state["ended_as"].tolist() == recorded["ended_as"].tolist()


# ---- rooms ---------------------------------------------------------------------------------------


def press(session: Served, room: str, label: str = "", visit: str = "v" * 20) -> str:
    """Press the button of a room; return where it leads, or what the page says."""
    runtime, form = session.run._runtime, [("label", label), ("_uproot_visit", visit)]
    request = HttpRequest(0, runtime.world.key, "", "enter", form, [], "en", room=room)
    reply = session.do("the room", runtime.rooms.answer(request), 5.0)
    return dict(reply.headers).get("Location", "") or bytes(reply.body).decode()


def test_a_room_admits_another_in_the_place_of_one_that_was_freed() -> None:
    with served([Task], players=0) as session:
        lab = session.run.room("lab", capacity=1)
        first = press(session, "lab", visit="a" * 20)
        assert "All places are taken" in press(session, "lab", visit="b" * 20)
        session.run.free(lab.admitted[0])
        session.settle()
        second = press(session, "lab", visit="b" * 20)
        assert "p/" in second
        assert second != first
        assert press(session, "lab", visit="a" * 20) == first, "the first one's place stays theirs"
        assert "All places are taken" in press(session, "lab", visit="c" * 20)


@pytest.mark.parametrize("exit", ["declined", "screened", "lobby"])
def test_who_was_never_really_in_takes_up_no_place(exit: str) -> None:
    with served([Task], players=0) as session:
        lab = session.run.room("lab", capacity=1)
        press(session, "lab", visit="a" * 20)
        leave(lab.admitted[0], exit)
        session.settle()
        assert "p/" in press(session, "lab", visit="b" * 20)
        assert "All places are taken" in press(session, "lab", visit="c" * 20)


def test_who_has_finished_or_dropped_out_keeps_the_place() -> None:
    with served([Task], players=0) as session:
        lab = session.run.room("lab", capacity=2)
        for letter, exit in (("a", "done"), ("b", "dropout")):
            press(session, "lab", visit=letter * 20)
            leave(lab.admitted[-1], exit)
        session.settle()
        assert "All places are taken" in press(session, "lab", visit="c" * 20)


def test_the_label_of_a_seat_admits_the_next_who_sits_there() -> None:
    with served([Task], players=0) as session:
        lab = session.run.room("lab", ["PC-01"])
        press(session, "lab", "PC-01", "a" * 20)
        session.run.free(lab.admitted[0])
        session.settle()
        assert "p/" in press(session, "lab", "PC-01", "b" * 20)
        assert [player.label for player in lab.admitted] == ["PC-01", "PC-01"]
        assert lab.admitted[0] != lab.admitted[1]


@pytest.mark.long
def test_a_restart_counts_as_before(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=0, db=path) as session:
        lab = session.run.room("lab", capacity=2)
        for letter in "ab":
            press(session, "lab", visit=letter * 20)
        session.run.free(lab.admitted[0])
        session.settle()
    with served([Task], players=0, db=path, arrive=False) as session:
        assert "p/" in press(session, "lab", visit="c" * 20)
        assert "All places are taken" in press(session, "lab", visit="d" * 20)
