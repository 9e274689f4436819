"""What pages with `log_focus` report: once each, in bounds, and as columns of page_times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.page_reporting import report
from uproot_nb import Page, rerun
from uproot_nb.errors import BadPage
from uproot_nb.flow.participation.focus import MOST
from uproot_nb.testing import Participant, Served, served


class Read(Page):
    """Read."""

    log_focus = True


class Ask(Page):
    """Ask."""

    log_focus = True


class Rest(Page):
    """Rest."""


ORDER = [Read, Ask, Rest]


def data(participant: Participant, *events: Any, first: int = 0, load: str = "a") -> dict[str, Any]:
    visit = participant._client.visit
    return {"visit": visit, "load": load, "first": first, "events": list(events)}


def noted(session: Served) -> list[tuple[str, str, int]]:
    events = session.run.events
    rows = events[events["kind"] == "focus"]
    return [
        (page, v["what"], v["ms"]) for page, v in zip(rows["field"], rows["value"], strict=True)
    ]


def test_the_page_is_asked_to_report_only_where_the_author_wants_it() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        assert "focus.js" in ann.html
        ann.submit()
        ann.submit()
        assert "focus.js" not in ann.html
        report(session, ann, "focus", data(ann, ["left", 5]))
        assert noted(session) == []


def test_what_happens_becomes_events_and_columns_of_page_times() -> None:
    with served(ORDER, players=2) as session:
        ann, _ = session
        report(session, ann, "focus", data(
            ann, ["shown", 0], ["first_click", 900], ["left", 2000], ["returned", 3500],
            ["pasted", 4000, "answer"], ["first_key", 4100], ["left", 5000], ["returned", 5500],
        ))  # fmt: skip
        ann.submit()
        assert noted(session)[1:3] == [("Read", "first_click", 900), ("Read", "left", 2000)]
        row = session.run.page_times.set_index(["player", "page"]).loc[(ann.player.name, "Read")]
        assert (row["times_left"], row["seconds_away"], row["pastes"]) == (2, 2.0, 1)
        assert (row["ms_to_first_key"], row["ms_to_first_click"]) == (4100, 900)
        other = session.run.page_times.set_index("page").loc["Ask"]
        assert pandas.isna(other["times_left"])


def test_who_leaves_and_does_not_come_back_is_away_until_the_visit_ends() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        report(session, ann, "focus", data(ann, ["shown", 0], ["left", 1000]))
        session.advance(30)
        session.run.move_to_end(ann.player)
        row = session.run.page_times.iloc[0]
        assert row["seconds_away"] == pytest.approx(30, abs=0.5)


def test_what_is_sent_again_after_a_lost_connection_is_logged_once() -> None:
    events = [["shown", 0], ["left", 10], ["returned", 20], ["left", 30]]
    with served(ORDER, players=1) as session:
        (ann,) = session
        report(session, ann, "focus", data(ann, *events[:2]))
        report(session, ann, "focus", data(ann, *events[3:], first=3))  # 2 was lost
        assert len(noted(session)) == 2
        report(session, ann, "focus", data(ann, *events))
        report(session, ann, "focus", data(ann, *events[2:], first=2))
        assert [ms for *_, ms in noted(session)] == [0, 10, 20, 30]


def test_what_comes_just_after_the_page_was_left_belongs_to_it() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        late = data(ann, ["shown", 0], ["pasted", 10, ""])
        ann.submit()
        report(session, ann, "focus", late, page=0)
        assert session.run.page_times.set_index("page")["pastes"]["Read"] == 1
        ann.submit()
        report(session, ann, "focus", {**late, "load": "b"}, page=0)
        assert len(noted(session)) == 2


def test_a_hostile_page_cannot_fill_the_log() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        for load in range(40):
            events = [["left", n] for n in range(30)]
            report(session, ann, "focus", data(ann, *events, load=str(load)))
        assert len(noted(session)) == MOST
        assert len(ann.player._state.focus) < 40


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], {"visit": 1}, {"events": [["typed", 1, "the text"]]}, {"events": [["left", -1]]},
        {"events": [["left", 1.5]]}, {"events": [["pasted", 1, "<b>"]]}, {"load": "a/b"},
        {"events": [["left", 1, "", "more"]]}, {"more": 1}, {"visit": True}, {"load": "a\n"},
    ],
)  # fmt: skip
def test_what_no_page_of_ours_sends_is_counted_and_not_logged(wrong: Any) -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        sent = {**data(ann, ["left", 1]), **wrong} if isinstance(wrong, dict) else wrong
        report(session, ann, "focus", {"visit": 1} if wrong == {"visit": 1} else sent)
        assert noted(session) == []
        assert session.run.errors["message"].tolist() == ["report 'focus' that cannot be read"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), max_size=12))
def test_any_parts_in_any_order_give_each_event_once_and_in_order(
    parts: list[tuple[int, int]],
) -> None:
    events = [["left", n] for n in range(9)]
    with served([Read], players=1) as session:
        (ann,) = session
        for first, length in parts:
            report(session, ann, "focus", data(ann, *events[first : first + length], first=first))
        times = [ms for *_, ms in noted(session)]
        assert times == list(range(len(times)))


@pytest.mark.long
def test_the_count_outlasts_the_kernel(tmp_path: Path) -> None:
    events = [["shown", 0], ["left", 10]]
    db = tmp_path / "log.sqlite3"
    with served(ORDER, players=1, db=db) as session:
        (ann,) = session
        sent = data(ann, *events)
        report(session, ann, "focus", sent)
        state = session.run._runtime.world.state
        assert type(state)(state.codec).load(state.dump()).players == state.players
    with served(ORDER, players=1, db=db) as session:
        (ann,) = session
        report(session, ann, "focus", sent)
        assert [what for _, what, _ in noted(session)] == ["shown", "left"]


@pytest.mark.long
def test_a_rerun_has_the_same_columns() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        report(session, ann, "focus", data(ann, ["shown", 0], ["left", 10], ["returned", 1010]))
        ann.submit()
        again = rerun(session.run, ORDER)
        assert again.same, again.first
        columns = ["page", "times_left", "seconds_away", "pastes"]
        assert again.page_times[columns].equals(session.run.page_times[columns])


def test_another_value_than_true_or_false_is_refused() -> None:
    with pytest.raises(BadPage, match="log_focus"):

        class Odd(Page):
            log_focus = "yes"
