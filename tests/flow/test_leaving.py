"""leave: players whose participation ends before the last page, and what is said of each."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from pathlib import Path

import pytest

from uproot_nb import (
    Exit,
    GroupCreatingWait,
    IntegerField,
    Page,
    Prolific,
    Run,
    Sona,
    SynchronizingWait,
    UprootError,
    leave,
    mark_dropout,
    move_to_page,
    rerun,
    serve,
    watch_for_dropout,
)
from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.errors import BadExit, BadPage
from uproot_nb.log.state import State
from uproot_nb.testing import Served, served


class Screen(Page):
    """# About you"""

    fields = {"age": IntegerField(label="Age")}  # noqa: RUF012

    def after_once(page, player):
        if player.age < 18:
            leave(player, "screened")


class Task(Page):
    """# A task"""


async def gone(player):
    leave(player, "dropout")


def watched(player):
    watch_for_dropout(player, gone, tolerance=30)


ORDER = [Screen, Task]
WATCHED = {"new_player": watched}


def ended(session: Served) -> list[str]:
    return [participant.player.ended_as for participant in session]


def replayed(run: Run) -> State:
    world = run._runtime.world
    world.journal.commit()
    return State(world.codec).apply_all(world.log.read(world.name))


def test_who_leaves_sees_the_end_and_ended_as_says_why() -> None:
    with served(ORDER, players=2) as session:
        ann, bob = session
        ann.submit(age=17)
        bob.submit(age=18)
        ann.assert_on("")
        bob.assert_on(Task)
        assert ended(session) == ["screened", "still in"]
        bob.submit()
        assert ended(session) == ["screened", "done"]
        assert list(session.run.state["ended_as"]) == ["screened", "done"]


def test_a_place_to_which_nobody_has_come_is_told_from_one_that_is_taken() -> None:
    with served(ORDER, players=3, arrive=False) as session:
        session[0].arrive()
        assert ended(session) == ["still in", "never came", "never came"]


def test_who_stays_away_has_dropped_out_and_who_comes_back_is_still_in() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        watch_for_dropout(ann.player, lambda player: None, tolerance=5)
        ann.leave()
        session.advance(6)
        assert ann.player.ended_as == "dropped out"
        ann.arrive()
        assert ann.player.ended_as == "still in"


def test_who_closes_the_last_page_stays_done() -> None:
    with served(ORDER, players=1, names=WATCHED) as session:
        (ann,) = session
        ann.submit(age=20)
        ann.submit()
        ann.leave()
        session.advance(60)
        assert ann.player.has_dropped_out
        assert ann.player.ended_as == "done"


def test_the_first_end_stands() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        leave(ann.player, "screened")
        leave(ann.player, "dropout")
        session.settle()
        assert ann.player.ended_as == "screened"
        assert len(session.run.events.query("kind == 'end'")) == 1


def test_a_dropout_and_a_timeout_are_called_by_what_has_happened() -> None:
    with served(ORDER, players=2) as session:
        ann, bob = session
        leave(ann.player, "dropout")
        leave(bob.player, "timeout")
        assert ended(session) == ["dropped out", "timed out"]


def test_who_is_put_back_on_a_page_takes_part_again() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        leave(ann.player, "screened")
        move_to_page(ann.player, Task)
        session.settle()
        ann.assert_on(Task)
        assert ann.player.ended_as == "still in"
        ann.submit()
        assert ann.player.ended_as == "done"


@pytest.mark.long
def test_nobody_waits_for_a_member_who_leaves() -> None:
    class Pair(GroupCreatingWait):
        group_size = 2

    class Both(SynchronizingWait):
        pass

    with served([Pair, Task, Both, Task], players=2) as session:
        ann, bob = session
        ann.submit()
        ann.assert_on(Both)
        leave(bob.player, "screened")
        session.settle()
        ann.assert_on(Task)
        bob.assert_on("")


@pytest.mark.parametrize("exit", ["", " screened", "still in", "never came", "a\nb", None])
def test_what_is_no_exit_is_refused_and_nobody_moves(exit) -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        with pytest.raises(UprootError, match="cannot be the name of an exit"):
            leave(ann.player, exit)
        session.settle()
        ann.assert_on(Screen)
        assert ann.player.ended_as == "still in"


@pytest.mark.long
def test_a_killed_kernel_forgets_no_end(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with served(ORDER, players=3, db=path) as session:
        session[0].submit(age=3)
        mark_dropout(session[1].player)
        session.settle()
        before = ended(session)
        again = replayed(session.run)
        kept = State(again.codec).load(again.dump())
        ends = [[one.ended for one in state.players.values()] for state in (again, kept)]
    with served(ORDER, players=3, db=path, arrive=False) as session:
        assert ended(session) == before == ["screened", "dropped out", "still in"]
        assert ends == [["screened", "", ""]] * 2


@pytest.mark.long
def test_a_rerun_repeats_the_ends_of_hooks_and_of_cells() -> None:
    with served(ORDER, players=3, names=WATCHED) as session:
        ann, bob, eve = session
        ann.submit(age=3)
        leave(bob.player, "too slow")
        session.settle()
        eve.leave()
        session.advance(40)
        recorded = ended(session)
        again = rerun(session.run, ORDER, namespace={**globals(), **WATCHED})
    assert recorded == ["screened", "too slow", "dropped out"]
    assert again.same, again
    assert list(again.state["ended_as"]) == recorded


# ---- exits -------------------------------------------------------------------------------------

EXITS = {
    "done": {"url": "https://a.org/?id={player}&s={session}", "code": "C-{label}", "after": 5},
    "timeout": "https://a.org/late",
    "declined": {"text": "As you like."},
}


class Slow(Page):
    """# Slowly"""

    timeout = 10
    timeout_exit = "timeout"


def test_the_last_page_has_the_exits_code_and_address() -> None:
    with served(ORDER, players=1, names={"exits": EXITS}) as session:
        (ann,) = session
        ann.submit(age=20)
        ann.submit()
        assert f'href="https://a.org/?id={ann.player.name}&amp;s=test"' in ann.html
        assert 'data-seconds="5.0"' in ann.html
        ann.assert_reads("C-")
        leave(ann.player, "declined")
        session.settle()
        assert "https://a.org" in ann.html, "who has finished stays so"


@pytest.mark.parametrize(
    ("exit", "reads"),
    [
        ("declined", "As you like."),
        ("screened", "This study is looking for other participants."),
        ("lobby", "Not enough other participants have come."),
        ("timeout", "Your time was up"),
        ("dropout", "You were away for a while"),
        ("full", "Thank you for your interest."),
        ("my own", "This session is finished."),
    ],
)
def test_each_exit_has_its_sentence(exit: str, reads: str) -> None:
    with served(ORDER, players=1, names={"exits": {"declined": EXITS["declined"]}}) as session:
        (ann,) = session
        leave(ann.player, exit)
        session.settle()
        ann.assert_reads(reads)
        assert "uproot-exit" not in ann.html


def test_what_an_author_writes_is_text_and_no_markup() -> None:
    exits = {"done": {"url": "https://a.org/", "code": "<i>C</i>", "text": "<b>Bye</b>"}}
    with served([Task], players=1, names={"exits": exits}) as session:
        (ann,) = session
        ann.submit()
        ann.assert_reads("<b>Bye</b>")
        ann.assert_reads("<i>C</i>")


def test_a_form_posts_what_the_site_wants() -> None:
    url = "https://workersandbox.mturk.com/mturk/externalSubmit"
    exits = {"done": {"url": url, "fields": {"assignmentId": '{player}"', "done": "yes"}}}
    with served([Task], players=1, names={"exits": exits}) as session:
        (ann,) = session
        ann.submit()
        form = ann.html.partition('<form id="uproot-exit-form"')[2].partition("</form>")[0]
        assert f'action="{url}"' in form
        assert f'name="assignmentId" value="{ann.player.name}&#34;"' in form
        assert "_uproot" not in form


@pytest.mark.long
def test_a_timeout_may_lead_to_an_exit() -> None:
    with served([Slow, Task], players=2, names={"exits": EXITS}) as session:
        ann, bob = session
        ann.submit()
        session.advance(13)
        ann.assert_on(Task)
        bob.assert_on("")
        assert ended(session) == ["still in", "timed out"]
        assert 'href="https://a.org/late"' in bob.html
        again = rerun(session.run, [Slow, Task], namespace=globals())
    assert again.same, again
    assert list(again.state["ended_as"]) == ["still in", "timed out"]


def test_a_dropout_who_comes_back_finds_the_dropouts_exit() -> None:
    exits = {"dropout": "https://a.org/gone"}
    with served(ORDER, players=1, names={**WATCHED, "exits": exits}) as session:
        (ann,) = session
        ann.leave()
        session.advance(31)
        ann.arrive()
        ann.assert_on("")
        assert 'href="https://a.org/gone"' in ann.html


@pytest.mark.long
def test_the_researcher_moves_players_out_by_an_exit_and_corrects_one() -> None:
    with served(ORDER, players=2, names={"exits": EXITS}) as session:
        ann, bob = session
        bob.submit(age=20)
        bob.submit()
        moved = session.run.move_to_end(session.run.players, exit="screened")
        session.settle()
        assert moved == list(session.run.players)
        assert ended(session) == ["screened", "screened"]
        ann.assert_on("")
        bob.assert_reads("This study is looking for other participants.")
        session.run.move_to_end(bob.player, exit=Exit("done"))
        session.settle()
        assert bob.player.ended_as == "done"
        told = session.run.events.query("field == 'move_to_end'")["value"]
        assert [value["exit"] for value in told] == ["screened", "screened", "done"]
        again = rerun(session.run, ORDER, namespace=globals())
    assert again.same, again
    assert list(again.state["ended_as"]) == ["screened", "done"]


def test_a_misspelt_exit_moves_nobody() -> None:
    with served(ORDER, players=1, names={"exits": {"too slow": None}}) as session:
        with pytest.raises(BadExit, match="Did you mean 'too slow'"):
            leave(session[0].player, "too sloww")
        with pytest.raises(BadExit, match="Did you mean 'screened'"):
            session.run.move_to_end(session.run.players, exit="screend")
        assert ended(session) == ["still in"]


@pytest.mark.long
def test_a_page_with_a_misspelt_exit_is_refused_before_anybody_comes() -> None:
    class Hurry(Page):
        """Hurry."""

        timeout_exit = "too sloww"

    with pytest.raises(BadExit, match="Did you mean 'too slow'"):
        served([Hurry], players=1, names={"exits": {"too slow": None}})
    with pytest.raises(BadPage, match="timeout_exit"):
        type("Wrong", (Page,), {"timeout_exit": 7, "__module__": __name__})


def test_serve_takes_exits_in_the_place_of_the_notebooks() -> None:
    names = {"exits": {"done": "https://a.org/", "full": "https://a.org/full"}}
    exits = {"done": "https://b.org/"}
    with serve([Task], db=":memory:", embedded=True, namespace=names, exits=exits) as run:
        known = run._runtime.setup.exits
        assert {name: one.url for name, one in known.items()} == {
            "done": "https://b.org/", "full": "https://a.org/full",
        }  # fmt: skip
    with pytest.raises(BadExit, match=r"The exit done: 'b\.org' is not a web address"):
        serve([Task], db=":memory:", namespace={}, exits={"done": "b.org"})


def test_a_full_room_has_the_exit_for_those_who_find_no_place() -> None:
    exits = {"full": {"url": "https://a.org/?id={label}&s={query.STUDY}", "code": "F-{player}"}}
    with served([Task], players=0, names={"exits": exits}) as session:
        session.run.room("lab", capacity=1)
        for label in ("ann", "bob.co"):
            form, query = [("label", label)], [("STUDY", "a&b"), ("STUDY", "c")]
            key = session.run._runtime.world.key
            request = HttpRequest(0, key, "", "enter", form, query, "en", room="lab")
            reply = session.do("the room", session.run._runtime.rooms.answer(request), 5.0)
        html = bytes(reply.body).decode()
        assert reply.status == 409
        assert 'href="https://a.org/?id=bob.co&amp;s=a%26b"' in html
        assert "F-</code>" in html
        assert "All places are taken" in html


def enter(session: Served, room: str, *query: tuple[str, str]) -> str:
    """Let somebody press a room's button; return the page that they get, or "" if they are in."""
    key, rooms = session.run._runtime.world.key, session.run._runtime.rooms
    request = HttpRequest(0, key, "", "enter", [], list(query), "en", room=room)
    reply = session.do("the room", rooms.answer(request), 5.0)
    return bytes(reply.body).decode()


def test_a_recruiters_codes_are_the_exits_of_those_who_come_by_its_room() -> None:
    credit = "https://school.sona-systems.com/credit?id=1&survey_code=XXXX"
    with served([Task], players=0, names={"exits": {"lobby": {"code": "OURS"}}}) as session:
        session.run.room("paid", recruiter=Prolific(done="C1", full="C2", lobby="C3"), capacity=1)
        session.run.room("credit", recruiter=Sona(done=credit))
        assert not enter(session, "paid", ("PROLIFIC_PID", "5f1"))
        assert "complete?cc=C2" in enter(session, "paid", ("PROLIFIC_PID", "5f2"))
        assert not enter(session, "credit", ("survey_code", "7&8"))
        flow, (ann, bob) = session.run._runtime.flow, session.run.players
        session.run.move_to_end([ann, bob])
        assert flow.leaving.farewell_to(ann).code == "C1"
        assert flow.leaving.farewell_to(bob).url.endswith("?id=1&survey_code=7%268")
        session.run.move_to_end(ann, exit="lobby")
        assert flow.leaving.farewell_to(ann).code == "OURS"
        session.run.room("paid", recruiter=Prolific(done="C9"))
        session.run.move_to_end(ann, exit="done")
        assert flow.leaving.farewell_to(ann).code == "C9"


@pytest.mark.long
def test_a_recruiter_of_serve_has_the_exits_of_the_join_link_also_after_a_restart(
    tmp_path: Path,
) -> None:
    options = {"db": tmp_path / "a.sqlite3", "name": "one", "embedded": True, "port": 0}
    for _ in range(2):
        with serve(
            [Task], players=1, namespace={}, recruiter=Prolific(done="C1"), **options
        ) as run:
            assert run._runtime.flow.leaving.farewell_to(run.players[0]).code == ""
            run.move_to_end(run.players)
            found = run._runtime.flow.leaving.farewell_at("done", "", "", {})
            assert found.code == "C1"


def test_an_address_of_a_recruiter_that_cannot_be_an_exit_is_refused_where_it_is_given() -> None:
    with served([Task], players=0) as session, pytest.raises(BadExit, match="done"):
        session.run.room("credit", recruiter=Sona(done="https://a.org/?x={nothing}"))
