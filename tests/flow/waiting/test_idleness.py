"""Idleness: who waits and touches nothing is asked, and is in no group until somebody answers."""
# ruff: noqa: PT018  (as authors write)

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.page_reporting import report, report_text
from uproot_nb import GroupCreatingWait, Page, SynchronizingWait, rerun
from uproot_nb.flow.waiting.idleness import seconds_left
from uproot_nb.log.player_status import status_of
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.testing import Participant, Served, served


class Lobby(GroupCreatingWait):
    idle = 120
    leave_after = 300


class Sync(SynchronizingWait):
    synchronize = "session"
    leave_after = 60


class Play(Page):
    """Play."""


def start(*pages: type[Page], players: int = 3, **options: Any) -> Served:
    session = served(list(pages), players=players, arrive=False, **options)
    for one in session:
        one.is_attentive = False
    return session


def on(session: Served) -> list[str | None]:
    return [player.page for player in session.run.players]


def said(session: Served, participant: Participant | None = None) -> list[str]:
    """Return what the log says of those who wait, or of one of them."""
    run = session.run._runtime.world
    run.journal.commit()
    events = run.log.read("test", kinds={"wait"})
    wanted = None if participant is None else participant.player.subject
    return [json.loads(e.value)["what"] for e in events if wanted in (None, e.subject)]


def idle(participant: Participant) -> str:
    return participant.player._state.idle


def pushed(session: Served) -> list[Any]:
    events = session.run._runtime.world.log.read("test", kinds={"notify"})
    return [json.loads(e.value)["data"] for e in events if e.field == "_uproot_idle"]


@pytest.mark.parametrize(
    ("state", "silent", "left"), [("", 20, 100), ("asked", 5, 10), ("away", 5, None)]
)
def test_first_the_silence_counts_and_then_the_answer(
    state: str, silent: float, left: float | None
) -> None:
    assert seconds_left(Lobby, state, silent) == left
    assert seconds_left(Sync, state, silent) is None


@pytest.mark.long
def test_who_touches_nothing_is_asked_and_counts_as_away_without_an_answer() -> None:
    with start(Lobby, Play) as session:
        ann, bob, eve = session
        ann.arrive()
        session.advance(119)
        assert idle(ann) == ""
        session.advance(2)
        assert idle(ann) == "asked"
        session.advance(15)
        assert idle(ann) == "away"
        assert status_of(ann.player._state, waits=True) == "idle"
        bob.arrive()
        assert on(session) == ["Lobby", "Lobby", None]
        eve.arrive()
        assert on(session) == ["Lobby", "Play", "Play"]
        assert said(session) == ["asked", "away"]
        assert [one["idle"] for one in pushed(session)] == ["asked", "away"]


@pytest.mark.long
@pytest.mark.parametrize("seconds", [130, 3600])
def test_who_answers_is_grouped_at_once(seconds: float) -> None:
    """In time, or after an hour of sleep."""
    with start(Lobby, Play) as session:
        ann, bob, _ = session
        ann.arrive()
        session.advance(seconds)
        bob.arrive()
        assert on(session)[:2] == ["Lobby", "Lobby"]
        report(session, ann, "wait", {"what": "here"})
        assert on(session)[:2] == ["Play", "Play"]


@pytest.mark.long
def test_the_page_asks_again_after_it_was_loaded_anew() -> None:
    with start(Lobby, Play) as session:
        ann = session[0]
        ann.arrive()
        assert ann._client._boot["waiting"] == {
            "here": 0, "needed": 2, "idle": "", "idle_after": 120, "idle_answer": 15,
            "leave_in": 300.0,
        }  # fmt: skip
        session.advance(125)
        ann.reload()
        assert ann._client._boot["waiting"]["idle"] == "asked"
        assert ann._client._boot["waiting"]["leave_in"] == 175.0


@pytest.mark.long
def test_whoever_is_asked_keeps_the_place_in_the_queue() -> None:
    with start(Lobby, Play) as session:
        ann, bob, eve = session
        ann.arrive()
        session.advance(130)
        bob.arrive()
        report(session, ann, "wait", {"what": "here"})
        assert on(session) == ["Play", "Play", None]
        eve.arrive()
        assert on(session) == ["Play", "Play", "Lobby"]


@pytest.mark.long
def test_a_touch_begins_the_silence_anew() -> None:
    with start(Lobby, Play) as session:
        ann = session[0]
        ann.arrive()
        session.advance(100)
        report(session, ann, "wait", {"what": "touched", "ago": 30})
        session.advance(60)
        assert idle(ann) == ""  # 90 s after the touch
        session.advance(31)
        assert idle(ann) == "asked"
        report(session, ann, "wait", {"what": "touched", "ago": 0})
        assert idle(ann) == "asked"  # only an answer counts now


@pytest.mark.long
def test_a_script_that_lies_harms_only_itself() -> None:
    with start(Lobby, Play) as session:
        ann, bob, _ = session
        ann.arrive()
        session.advance(100)
        for ago in (1e300, -5, 10**9):
            report(session, ann, "wait", {"what": "touched", "ago": ago})
        session.advance(130)
        assert idle(ann) == "asked"
        bob.arrive()
        assert idle(bob) == "" and on(session)[1] == "Lobby"


@pytest.mark.parametrize(
    "text",
    [
        b"null", b"[]", b'"here"', b'{"what":"asked"}', b'{"what":"away"}', b'{"what":[]}',
        b'{"what":"touched","ago":"1"}', b'{"what":"touched","ago":true}', b"{",
        b'{"what":"touched","ago":null}', b'{"what":"touched","ago":1e999}',
    ],
)  # fmt: skip
def test_what_no_page_of_ours_reports_is_counted_as_misuse(text: bytes) -> None:
    with start(Lobby, Play) as session:
        session[0].arrive()
        report_text(session, session[0], "wait", text)
        session.run._runtime.reports.settle(everything=True)
        session.run._runtime.world.journal.commit()
        assert "cannot be read" in session.run.errors.iloc[-1]["message"]
        assert said(session) == []


@pytest.mark.long
def test_touches_are_logged_a_few_times_only() -> None:
    with start(Lobby, Play) as session:
        session[0].arrive()
        for _ in range(240):
            session.advance(0.5)
            report(session, session[0], "wait", {"what": "touched", "ago": 0})
        assert said(session) == ["touched"] * 4


@pytest.mark.long
def test_a_report_of_a_page_that_was_left_changes_nothing() -> None:
    with start(Lobby, Play) as session:
        ann = session[0]
        ann.arrive()
        session.advance(130)
        report(session, ann, "wait", {"what": "here"}, page=1)
        assert idle(ann) == "asked"
        session.run.move_to_end(ann.player)
        session.settle()
        report(session, ann, "wait", {"what": "here"})
        report(session, ann, "wait", {"what": "left"})
        assert said(session) == ["asked"]
        assert idle(ann) == ""


@pytest.mark.long
def test_silence_does_not_count_in_a_pause() -> None:
    with start(Lobby, Play) as session:
        ann = session[0]
        ann.arrive()
        session.advance(100)
        session.run.pause()
        session.advance(1000)
        assert idle(ann) == ""
        session.run.resume()
        session.advance(19)
        assert idle(ann) == ""
        session.advance(2)
        assert idle(ann) == "asked"


@pytest.mark.long
def test_bots_and_participants_in_tests_answer_at_once_unless_they_look_away() -> None:
    with served([Lobby, Play], players=2, arrive=False) as session:
        ann, bob = session
        ann.arrive()
        session.advance(1000)
        assert said(session) == ["asked", "here"] * 8
        ann.is_attentive = False
        session.advance(1000)
        assert idle(ann) == "away"
        ann.is_attentive = True
        bob.arrive()
        assert on(session) == ["Play", "Play"]


@pytest.mark.long
def test_a_page_that_does_not_ask_asks_nobody() -> None:
    with start(Sync, Play) as session:
        session[0].arrive()
        session.advance(1_000)
        assert said(session) == []


# ---- the way out ----


@pytest.mark.long
@pytest.mark.parametrize("wait", [Lobby, Sync])
def test_who_has_waited_long_enough_may_leave(wait: type[Page]) -> None:
    with start(wait, Play) as session:
        ann = session[0]
        ann.arrive()
        report(session, ann, "wait", {"what": "left"})
        assert on(session)[0] == wait.__name__ and said(session) == []
        assert pushed(session)[-1]["leave_in"] == getattr(wait, "leave_after")  # noqa: B009
        session.advance(300)
        report(session, ann, "wait", {"what": "left"})
        assert on(session)[0] is None
        assert ann.player.ended_as == "lobby"
        assert said(session)[-1] == "left"


@pytest.mark.long
def test_who_leaves_is_not_waited_for() -> None:
    with start(Sync, Play) as session:
        for one in session.participants[:2]:
            one.arrive()
        session.run.move_to_end(session[2].player)
        session.settle()
        assert on(session) == ["Play", "Play", None]
    with start(Sync, Play, players=2) as session:
        session[0].arrive()
        session.advance(61)
        report(session, session[0], "wait", {"what": "left"})
        session[1].arrive()
        assert on(session) == [None, "Play"]


@pytest.mark.long
def test_a_page_without_a_way_out_lets_nobody_leave() -> None:
    class Stay(GroupCreatingWait):
        pass

    with start(Stay, Play) as session:
        session[0].arrive()
        session.advance(1_000)
        report(session, session[0], "wait", {"what": "left"})
        assert on(session)[0] == "Stay" and said(session) == []


# ---- restarts and reruns ----


def cut(session: Served, path: Path) -> Path:
    """Write a log as a kill leaves it."""
    session.run._runtime.world.journal.commit()
    with closing(SqliteLog(path)) as log:
        log.claim("test")
        log.append(list(session.run._runtime.world.log.read("test")))
        log.release("test")
    return path


@pytest.mark.long
def test_a_question_is_still_open_after_the_kernel_was_killed(tmp_path: Path) -> None:
    with start(Lobby, Play) as session:
        session[0].arrive()
        session.advance(125)
        path, now = cut(session, tmp_path / "cut.sqlite3"), session.now
    with start(Lobby, Play, db=path, now=now + 1000) as session:
        ann, bob, _ = session
        assert idle(ann) == "asked"
        ann.arrive()
        bob.arrive()
        session.advance(16)
        assert idle(ann) == "away" and on(session)[:2] == ["Lobby", "Lobby"]
        report(session, ann, "wait", {"what": "here"})
        assert on(session)[:2] == ["Play", "Play"]


@pytest.mark.long
def test_the_time_without_a_kernel_counts_as_no_silence(tmp_path: Path) -> None:
    with start(Lobby, Play) as session:
        session[0].arrive()
        session.advance(50)
        report(session, session[0], "wait", {"what": "touched"})
        session.advance(40)
        session.run.session.mark = "the last thing that is in the log"
        path, now = cut(session, tmp_path / "cut.sqlite3"), session.now
    with start(Lobby, Play, db=path, now=now + 1000) as session:
        ann = session[0]
        ann.arrive()
        assert ann._client._boot["waiting"]["leave_in"] == pytest.approx(210, abs=1)
        session.advance(79)
        assert idle(ann) == ""
        session.advance(2)
        assert idle(ann) == "asked"


@pytest.mark.long
def test_a_rerun_asks_when_the_recording_says_and_gives_the_same_answers() -> None:
    with start(Lobby, Play) as session:
        ann, bob, eve = session
        ann.arrive()
        session.advance(100)
        report(session, ann, "wait", {"what": "touched"})
        session.advance(120.5)
        bob.arrive()
        session.advance(20)
        report(session, ann, "wait", {"what": "here"})
        assert on(session) == ["Play", "Play", None]
        eve.arrive()
        session.advance(301)
        report(session, eve, "wait", {"what": "left"})
        expected = ["touched", "asked", "away", "here", "asked", "away", "left"]
        assert said(session) == expected
        again = rerun(session.run, [Lobby, Play])
        assert again.same, again.first
        assert again.repeated["wait"] == len(expected)
        assert again.state["ended_as"].tolist()[2] == "lobby"
