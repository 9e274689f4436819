"""Rounds that robots play: the tables say what a participant went through."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from uproot_nb import (
    GroupCreatingWait,
    IntegerField,
    Page,
    Repeat,
    Rounds,
    add_raw_entry,
    create_model,
    live,
    open_log,
)
from uproot_nb.testing import served


class Decide(Page):
    """# Decide"""

    allow_back = True
    fields = dict(bid=IntegerField(label="Bid"))  # noqa: C408, RUF012

    @live
    def peek(page, player):
        return 1


class Pair(GroupCreatingWait):
    group_size = 2


class Draw(Page):
    """# Draw"""

    fields = dict(drawn=IntegerField(label="Drawn"))  # noqa: C408, RUF012

    def after_always_once(page, player):
        add_raw_entry(player.session.draws, {"who": player, "round": player.round})

    def before_always_once(page, player):
        player.add_round = player.get("round", 1) < 2


class Age(Page):
    """# Age"""

    fields = dict(age=IntegerField(label="Age"))  # noqa: C408, RUF012


def new_session(session):
    session.draws = create_model(session, tag="draws")


ORDER = [Rounds(Decide, n=2, block="training"), Pair, Rounds(Decide, n=2), Repeat(Draw), Age]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lab.sqlite3"
    with served(ORDER, players=2, db=path, names={"new_session": new_session}) as session:
        ann, bob = session
        ann.submit(bid=1)
        ann.go_back()
        ann.submit(bid=2)
        ann.submit(bid=3)
        bob.submit(bid=7)
        bob.submit(bid=8)
        for person in (ann, bob):
            person.call("peek")
            person.submit(bid=4)
            person.submit(bid=5)
            person.submit(drawn=1)
            person.submit(drawn=2)
        ann.submit(age=30)
    return path


def rows(frame: pd.DataFrame, *columns: str) -> list[list[Any]]:
    return (
        frame[list(columns)]
        .astype(object)
        .where(frame[list(columns)].notna(), None)
        .to_numpy()
        .tolist()
    )


@pytest.mark.long
def test_each_table_knows_the_rounds_that_were_played(path: Path) -> None:
    with open_log(path) as log:
        ann, bob = log.state.index
        rounds = log.rounds[log.rounds["player"] == ann]
        group = log.state["group"][ann]
        assert rows(rounds, "block", "round", "group", "bid", "drawn", "age") == [
            ["training", 1, None, 2, None, 30], ["training", 2, None, 3, None, 30],
            [None, 1, group, 4, None, 30], [None, 2, group, 5, None, 30],
            ["2", 1, group, None, 1, 30], ["2", 2, group, None, 2, 30],
        ]  # fmt: skip
        wide = log.wide.set_index("player")
        names = ["bid_training_1", "bid_training_2", "bid_1", "bid_2", "drawn_1", "drawn_2"]
        assert wide.loc[bob, names].tolist() == [7, 8, 4, 5, 1, 2]
        assert wide["age"].tolist() == [30, pd.NA]
        assert rows(log.calls, "player", "block", "round", "group") == [
            [ann, None, 1, group], [bob, None, 1, group],
        ]  # fmt: skip
        visits = log.page_times[log.page_times["player"] == bob]
        assert rows(visits, "page", "block", "round") == [
            ["Decide", "training", 1], ["Decide", "training", 2], ["Pair", None, None],
            ["Decide", None, 1], ["Decide", None, 2], ["Draw", "2", 1], ["Draw", "2", 2],
            ["Age", None, None],
        ]  # fmt: skip
        assert rows(log.frame("draws"), "who", "round_", "round", "group") == [
            [person, n, n, group] for person in (ann, bob) for n in (1, 2)
        ]  # fmt: skip
