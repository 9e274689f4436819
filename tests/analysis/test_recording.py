"""Tables: what a log says at any moment, and after."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.lives import STEPS, Live
from tests.examples import examples
from uproot_nb import UprootError, open_log, runs, serve
from uproot_nb.analysis.recording import Tables
from uproot_nb.analysis.typed_columns import numeric, typed
from uproot_nb.experiment.pages import Page
from uproot_nb.log.log import Snapshot
from uproot_nb.log.sqlite.sqlite_log import SqliteLog


class Ask(Page):
    """A question."""


def tables(live: Live) -> Tables:
    return Tables(live.worlds.log, "market")


def texts(live: Live) -> dict[str, dict[str, str]]:
    """Return the fields of every player as JSON."""
    encode = live.world.codec.encode
    players = live.world.session.players
    return {p.name: {name: encode(v) for name, v in p.fields().items()} for p in players}


@examples(60)
@given(STEPS, st.data())
def test_the_latest_state_is_the_state_at_the_last_event(steps: Any, data: Any) -> None:
    with Live() as live:
        live.go(steps)
        frames, last = tables(live), live.world.journal.committed
        for of, now in (("players", frames.state), ("groups", frames.groups),
                        ("session", frames.session_state)):  # fmt: skip
            pd.testing.assert_frame_equal(now, frames.at(seq=last, of=of))  # type: ignore[arg-type]
        assert len(frames.diff(last)) == 0
        some = data.draw(st.integers(0, last))
        pd.testing.assert_frame_equal(frames.at(some), tables(live).at(some))


@examples(60)
@given(STEPS, STEPS)
def test_a_difference_names_each_field_that_is_not_the_same(first: Any, second: Any) -> None:
    with Live() as live:
        live.go(first)
        then = live.world.journal.committed
        before = texts(live)
        live.go(second)
        told = tables(live).diff(then)
        after = texts(live)
        wanted = {
            (f"player/{name}", field)
            for name in after
            for field in before[name].keys() | after[name].keys()
            if before[name].get(field) != after[name].get(field)
        }
        fields = ("group", "label", "page", "position", "online")
        players = told[told["subject"].str.startswith("player/") & ~told["field"].isin(fields)]
        assert set(zip(players["subject"], players["field"], strict=True)) == wanted


@pytest.mark.long
def test_a_moment_may_be_told_as_a_time_in_any_form() -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1), ("set", 0, "bid", 2)])
        frames = tables(live)
        events = frames.events
        seq = int(events.loc[events["field"] == "bid", "seq"].iloc[0])
        unix, stamp = float(events["time"][seq - 1]), events["timestamp"][seq - 1]
        clear = next(iter(events["time"][seq:]), unix + 1) > unix
        assert clear, "the clock stood still"
        moments = [unix, stamp, stamp.isoformat(), stamp.to_pydatetime(),
                   stamp.tz_convert("Asia/Tokyo")]  # fmt: skip
        for moment in moments[:1]:
            assert frames.at(time=moment)["bid"].iloc[0] == 1
        later = unix + 3600
        naive = dt.datetime.fromtimestamp(later, dt.UTC).replace(tzinfo=None)
        zoned = naive.replace(tzinfo=dt.UTC)
        for moment in (later, zoned, naive.isoformat(), naive.isoformat() + "Z"):
            assert frames.at(time=moment)["bid"].iloc[0] == 2
        for moment in (zoned, naive, "2026-11-29 10:00"):
            with pytest.raises(UprootError, match=r"is a time.*run\.at\(time="):
                frames.at(moment)
        for moment in (naive, pd.Timestamp(naive)):  # of which zone? now() has the machine's
            with pytest.raises(UprootError, match=r"no time zone.*\n.*astimezone"):
                frames.at(time=moment)
        assert "bid" not in frames.at(time=0.0).columns


@pytest.mark.parametrize(
    "told",
    [{"seq": -1}, {"seq": 10**6}, {"seq": True}, {"seq": 1, "time": 3.0}, {"time": "tomorrow"},
     {"time": object()}, {"time": float("nan")}, {"time": True}, {"seq": 1.0},
     {"seq": 1, "of": "pets"}],
)  # fmt: skip
def test_a_moment_that_is_none_is_refused_with_advice(told: dict[str, Any]) -> None:
    with Live() as live, pytest.raises(UprootError):
        tables(live).at(**told)


def test_a_moment_may_be_a_number_out_of_a_table() -> None:
    """`run.events["seq"].max()` is numpy's."""
    with Live() as live:
        live.go([("set", 0, "bid", 1), ("set", 0, "bid", 2)])
        frames = tables(live)
        event = frames.events.loc[lambda events: events["field"] == "bid"].iloc[0]
        assert frames.at(seq=event["seq"])["bid"].iloc[0] == 1
        assert frames.at(time=np.float64(event["time"] + 3600))["bid"].iloc[0] == 2
        assert frames.diff(event["seq"], np.int32(event["seq"] + 1))["field"].tolist() == ["bid"]


def test_scalars_of_numpy_make_columns_as_their_types_of_python_do() -> None:
    values = {"bid": np.int64(3), "note": np.str_("x"), "round": np.float64(0.5), "seq": np.True_}
    with Live() as live:
        live.go([("set", 0, name, value) for name, value in values.items()])
        state = tables(live).state
        kinds = [str(state[column].dtype) for column in ("bid", "note", "round", "seq")]
        assert kinds == ["Int64", "string", "Float64", "boolean"], state.dtypes


def test_half_a_character_that_an_earlier_version_took_is_shown() -> None:
    assert list(typed(["a\ud800", None])) == ["a\ud800", None]


def test_whole_numbers_stay_whole_where_some_are_missing() -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1), ("set", 1, "note", "x"), ("set", 0, "round", 0.5)])
        state = tables(live).state
        kinds = {
            name: str(state[name].dtype) for name in ("bid", "note", "round", "page", "online")
        }
        assert kinds == {"bid": "Int64", "note": "string", "round": "Float64", "page": "category",
                         "online": "bool"}  # fmt: skip
        assert state["bid"].isna().tolist() == [False, True, True]


def test_payoffs_are_numbers_to_calculate_with() -> None:
    """Decimals in an object column equal no float, and take no part in `describe`."""
    with serve([Ask], players=4, db=":memory:", embedded=True, port=0) as run:
        for player, payoff, arm in zip(run.players, (2.3, 0.1, 0.2), "aab", strict=False):
            player.payoff, player.arm, player.round = payoff, arm, 1
        run.session.price = Decimal("1.10")
        state = run.state
        assert (state["payoff"] == 2.3).tolist()[:3] == [True, False, False]
        assert state["payoff"].isna().tolist() == [False] * 3 + [True]
        assert [round(state["payoff"].sum(), 9), round(state["payoff"].mean(), 9)] == [
            2.6, 0.866666667,
        ]  # fmt: skip
        assert state.groupby("arm")["payoff"].mean().tolist() == [1.2, 0.2]
        assert "mean" in state["payoff"].describe()
        for column in (
            state["payoff"], run.panel("round")["payoff"], run.session_state["price"],
            run.at(seq=len(run.events))["payoff"],
        ):  # fmt: skip
            assert str(column.dtype) == "Float64"
        assert run.players[0].payoff == Decimal("2.3")


@given(st.lists(st.none() | st.integers() | st.decimals(allow_nan=True), min_size=1))
def test_a_decimal_becomes_a_float_only_if_no_digit_is_lost(values: list[Any]) -> None:
    column = numeric(pd.DataFrame({"x": pd.array(values, dtype=object)}))["x"]
    if str(column.dtype) == "Float64":
        shown = [None if v is pd.NA else Decimal(repr(v)) for v in column.tolist()]
        assert shown == values
    else:
        assert all(map(lambda one, v: one is v, column.tolist(), values))


def test_a_panel_carries_nothing_over_from_round_to_round() -> None:
    steps = [("set", 0, "note", "treated"), ("set", 0, "round", 1), ("set", 0, "bid", 5),
             ("set", 0, "round", 2), ("set", 0, "round", 3), ("set", 0, "bid", 7)]  # fmt: skip
    with Live() as live:
        live.go(steps)
        panel = tables(live).panel("round")
        assert panel["round"].tolist() == [1, 2, 3]
        assert panel["bid"].isna().tolist() == [False, True, False]
        assert panel["note"].tolist() == ["treated"] * 3
        with pytest.raises(UprootError, match="No player has a field 'period'"):
            tables(live).panel("period")


def test_a_panel_keeps_what_a_list_was_in_its_round() -> None:
    steps = [("set", 0, "round", 1), ("append", 0, "bids", 1), ("set", 0, "round", 2),
             ("append", 0, "bids", 2)]  # fmt: skip
    with Live() as live:
        live.go(steps)
        assert tables(live).panel("round")["bids"].tolist() == [[1], [1, 2]]


@pytest.mark.long
def test_entries_are_found_by_model_tag_or_name_and_keep_all_their_fields() -> None:
    with Live() as live:
        live.go([("entry", 0, "noon", 3), ("entry", 1, "late", 4.5)])
        frames = tables(live)
        model = live.world.models.get("offers")
        for named in (model, "offers"):
            frame = frames.frame(named)
            assert frame["price"].tolist() == [3.0, 4.5]
            assert frame["time_"].tolist() == ["noon", "late"]
            assert frame["player"].tolist() == [p.name for p in live.world.session.players][:2]
        with pytest.raises(UprootError, match=r"no model or tag 'bids'.\nThere are: offers"):
            frames.frame("bids")


def test_frames_belong_to_who_asked_for_them() -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        frames = tables(live)
        mine = frames.events
        mine.loc[:, "seq"] = 0
        mine["kind"] = "nothing"
        live.go([("set", 0, "bid", 2)])
        assert frames.events["seq"].is_monotonic_increasing
        values = frames.events["value"]
        values.iloc[0] = 3
        assert values.iloc[0] == 3
        assert frames.events["value"].iloc[0] != 3


@pytest.mark.long
def test_a_log_is_read_beside_the_run_and_after_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite3"
    with serve([Ask], players=2, db=path, name="market", embedded=True, port=0) as run:
        run.players[0].bid = 3
        pd.testing.assert_frame_equal(run.state, run.at())
        with open_log(path) as beside:
            pd.testing.assert_frame_equal(beside.state, run.state)
            run.players[0].bid = 4
            len(run.events)
            assert beside.state["bid"].iloc[0] == 4
    with open_log(path, "market") as later:
        pd.testing.assert_frame_equal(later.state, run.state)
        assert len(later.events) == len(run.events)
        assert later.name in repr(later)
    listed = runs(path)
    assert listed["name"].tolist() == ["market"]
    assert listed["events"].tolist() == [len(run.events)]


def test_a_session_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite3"
    log = SqliteLog(path)
    for name in ("one", "two"):
        log.claim(name)
        log.release(name)
    with pytest.raises(UprootError, match=r"Say which session.*\n.*'one', 'two'"):
        open_log(path)
    with pytest.raises(UprootError, match="There is no session 'three'"):
        open_log(path, "three")
    assert open_log(path, "two").state.empty
    log.close()
    with pytest.raises(FileNotFoundError):
        open_log(tmp_path / "none.sqlite3")


@examples(60)
@given(STEPS, STEPS, st.data())
def test_a_moment_is_the_same_with_and_without_snapshots(first: Any, then: Any, data: Any) -> None:
    with Live() as live:
        live.go(first)
        live.go(then)
        log, last = live.worlds.log, live.world.journal.committed
        moments = data.draw(st.lists(st.integers(0, last), min_size=1, max_size=3))
        without = [tables(live).at(seq) for seq in moments]
        for seq in sorted(data.draw(st.sets(st.integers(0, last), max_size=6))):
            log.save_snapshot(Snapshot("market", seq, tables(live)._past.state(seq).dump()))
        for seq, table in zip(moments, without, strict=True):
            pd.testing.assert_frame_equal(tables(live).at(seq), table)


@pytest.mark.long
def test_the_snapshots_of_an_older_database_are_read(tmp_path: Path) -> None:
    file = tmp_path / "older.sqlite3"
    with Live() as live:
        live.go([("set", 0, "bid", number) for number in range(40)])
        whole = tables(live)
        log = SqliteLog(file)
        log.claim("market")
        log.append(list(live.worlds.log.read("market")))
        with closing(sqlite3.connect(file)) as older, older:  # it kept the newest three alone
            for seq in (20, 30, whole._past.last):
                state = whole._past.state(seq).dump()
                older.execute(
                    "INSERT INTO snapshots(session, seq, state) VALUES ('market', ?, ?)",
                    (seq, state),
                )
        log.close()
        with open_log(file) as market:
            for seq in (0, 19, 20, 25, 31, whole._past.last):
                pd.testing.assert_frame_equal(market.at(seq), whole.at(seq))


@pytest.mark.long
def test_states_on_the_way_are_stored_so_that_a_long_log_is_not_read_twice() -> None:
    with Live() as live:
        live.go([("set", 0, "bid", number) for number in range(200)])
        frames = tables(live)
        frames._past._every = 50
        last = live.world.journal.committed
        assert frames.at(last)["bid"].iloc[0] == 199
        assert len(frames._past._stored) >= 3
        for seq in range(last - 60, last, 7):
            pd.testing.assert_frame_equal(frames.at(seq), tables(live).at(seq))
