"""run.funnel: how many came how far, by treatment."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from pathlib import Path

import pytest

from uproot_nb import Consent, GroupCreatingWait, Page, leave, open_log
from uproot_nb.study.funnel import STEPS
from uproot_nb.testing import served


class Task(Page):
    """# A task"""


class Pair(GroupCreatingWait):
    group_size = 2

    def after_grouping(page, group):
        group.arm = "together"


Agree = Consent(text="Do you agree?", version="1")


def new_player(player):
    player.treatment = ["control", "nudge"][player.id % 2]


def rows(table) -> dict[str, dict[str, int]]:
    return {
        row: {name: int(count) for name, count in cells.items() if count}
        for row, cells in table.to_dict("index").items()
    }


@pytest.mark.long
def test_every_treatment_has_a_row_and_so_has_everybody() -> None:
    with served([Pair, Task], players=6, arrive=False) as session:
        ann, bob, eve, joe = (session[place] for place in range(4))
        for one in (ann, bob, eve, joe):
            one.arrive()
        ann.submit()
        leave(bob.player, "screened")
        leave(joe.player, "too slow")
        session.settle()
        assert rows(session.run.funnel) == {
            "control": {
                "places": 3, "came": 2, "grouped": 2, "finished": 1, "done": 1, "still in": 1,
                "never came": 1,
            },
            "nudge": {
                "places": 3, "came": 2, "grouped": 2, "screened": 1, "too slow": 1, "never came": 1,
            },
            "all": {
                "places": 6, "came": 4, "grouped": 4, "finished": 1, "done": 1, "screened": 1,
                "too slow": 1, "still in": 1, "never came": 2,
            },
        }  # fmt: skip


def test_the_outcomes_of_each_row_add_up_to_its_places() -> None:
    with served([Task], players=5, arrive=False) as session:
        session[0].arrive()
        session[1].arrive()
        leave(session[1].player, "my own")
        table = session.run.funnel
        outcomes = table.drop(columns=list(STEPS))
        assert (outcomes.sum(axis=1) == table["places"]).all()
        assert (table.dtypes == "int64").all()
        assert table.index.name == "treatment"
        assert list(outcomes) == [
            "done", "declined", "screened", "lobby", "timed out", "dropped out", "full", "my own",
            "still in", "never came",
        ]  # fmt: skip


def test_another_field_or_that_of_the_group_may_tell_the_treatment() -> None:
    with served([Pair, Task], players=3) as session:
        table = session.run.funnel_by("arm")
        assert table["places"].to_dict() == {"together": 2, "(none)": 1, "all": 3}
        assert session.run.funnel_by("nothing")["places"].to_dict() == {"all": 3}


def test_those_who_have_agreed_are_counted() -> None:
    with served([Agree, Task], players=3) as session:
        ann, bob, _ = session
        ann.submit(agreed=True)
        bob.decline()
        assert session.run.funnel["consented"]["all"] == 1


@pytest.mark.long
def test_a_log_has_the_same_funnel(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=4, db=path, name="study") as session:
        session[0].submit()
        leave(session[1].player, "declined")
        session.run.free(session[2].player)
        session.settle()
        for one in session:
            one.leave()
        now = session.run.funnel
    assert open_log(str(path), "study").funnel.equals(now)


def test_a_session_without_players_has_a_row_of_zeros() -> None:
    with served([Task], players=0) as session:
        assert session.run.funnel.loc["all"].sum() == 0
