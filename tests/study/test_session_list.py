"""SessionList: one table across the sessions of a database."""

from __future__ import annotations

import pickle
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.analysis.rounds.histories import ORDERS, History
from uproot_nb import UprootError, open_log, runs
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

FIRST = [("bot", 1), ("enter", 0, 1), ("set", 0, "bid", 1), ("enter", 0, 2), ("set", 0, "bid", 2)]
SECOND = [("set", 0, "arm", "A"), ("enter", 2, 1), ("set", 2, "bid", "x"), ("set", 2, "tip", 0.5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(SqliteLog(tmp_path / "lab.sqlite3")) as log:
        for name, steps in (("monday", FIRST), ("tuesday", SECOND), ("empty", None)):
            log.claim(name)
            history = History(ORDERS[0]).go(steps).log.read("m") if steps is not None else ()
            log.append([event._replace(session=name) for event in history])
            log.release(name)
    return tmp_path / "lab.sqlite3"


@pytest.mark.long
def test_the_players_of_all_sessions_are_in_one_table(path: Path) -> None:
    state = runs(path).state()
    assert list(state.columns[:5]) == ["session", "player", "id", "label", "bot"]
    assert state["session"].tolist() == ["monday"] * 3 + ["tuesday"] * 3
    assert state["bot"].tolist() == [False, True, False, False, False, False]
    assert state["bid"].tolist() == [2, None, None, None, None, "x"]
    for name in ("monday", "tuesday"):
        with open_log(path, name) as one:
            mine = state[state["session"] == name].set_index("player")
            assert mine["label"].tolist() == one.state["label"].tolist()


@pytest.mark.long
def test_rounds_of_all_sessions_are_in_one_table(path: Path) -> None:
    rounds = runs(path).rounds()
    assert rounds[["session", "player", "round", "bid"]].to_numpy().tolist() == [
        ["monday", "ann", 1, 1], ["monday", "ann", 2, 2], ["tuesday", "cleo", 1, "x"],
    ]  # fmt: skip
    wide = runs(path).wide()
    assert wide["bid_1"].tolist() == [1, None, None, None, None, "x"]
    assert len(wide) == 6


@pytest.mark.long
def test_sessions_are_chosen_as_rows_of_any_table(path: Path) -> None:
    sessions = runs(path)
    for chosen in (
        sessions[sessions["name"] == "tuesday"], sessions.query("name == 'tuesday'"),
        sessions.iloc[1:2], pickle.loads(pickle.dumps(sessions)).loc[[1]].reset_index(drop=True),
        pd.DataFrame.copy(sessions).sort_values("name").tail(1),
    ):  # fmt: skip
        assert set(chosen.state()["session"]) == {"tuesday"}
    assert sessions[:0].state().empty
    assert sessions[sessions["name"] == "empty"].rounds().empty


def test_rows_that_are_no_sessions_any_more_say_so(path: Path) -> None:
    sessions = runs(path)
    with pytest.raises(UprootError, match=r"Take them from runs\(path\)"):
        sessions[["events"]].state()
    with pytest.raises(UprootError, match="There is no session 'wednesday'"):
        sessions.assign(name="wednesday").rounds()


@pytest.mark.long
@pytest.mark.parametrize("table", ["list", "state", "rounds", "wide"])
def test_other_programs_take_the_tables(path: Path, tmp_path: Path, table: str) -> None:
    sessions = runs(path)
    frame: Any = sessions if table == "list" else getattr(sessions[:1], table)()
    flat = frame.drop(columns=[c for c in ("query",) if c in frame])
    flat.to_parquet(tmp_path / "table.parquet")
    assert len(pd.read_parquet(tmp_path / "table.parquet")) == len(frame)
    polars = pytest.importorskip("polars")
    assert polars.from_pandas(flat).height == len(frame)
    duckdb = pytest.importorskip("duckdb")
    assert duckdb.sql("SELECT count(*) FROM flat").fetchall() == [(len(frame),)]
