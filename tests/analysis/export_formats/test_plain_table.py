"""Plain tables: every DataFrame that we return goes through what colleagues use."""

from __future__ import annotations

import datetime as dt
import math
import tempfile
import warnings
from pathlib import Path
from typing import Any

import duckdb
import itables
import numpy as np
import pandas
import polars
import pyreadstat
import pytest
from hypothesis import given, settings

from tests.analysis.lives import STEPS, Live
from uproot_nb import Payment, plain_table, save_table
from uproot_nb.analysis.recording import list_sessions
from uproot_nb.study.recording import Recording

TABLES = (
    "state", "groups", "session_state", "events", "calls", "notifications", "chats", "page_times",
    "consents", "presence", "errors", "rounds", "wide", "funnel", "payments",
)  # fmt: skip
BEGINNING: list[Any] = [
    ("set", 0, "round", 1), ("set", 0, "note", [1, {"a": 2}]), ("set", 1, "note", "x"),
]  # fmt: skip


def tables_of(live: Live) -> dict[str, pandas.DataFrame]:
    tables = Recording(live.worlds.log, "market")
    tables.payment = Payment(currency="EUR", fee=5)
    found: dict[str, Any] = {name: getattr(tables, name) for name in TABLES}
    return found | {
        "at": tables.at(seq=3), "sessions": list_sessions(live.worlds.log),
        "diff": tables.diff(1), "panel": tables.panel("round"),
        **({"offers": tables.frame("offers")} if live.world.models.get("offers") else {}),
    }  # fmt: skip


def go_through(plain: pandas.DataFrame, folder: Path) -> None:
    rows, columns = plain.shape
    plain.to_parquet(folder / "a.parquet")
    assert pandas.read_parquet(folder / "a.parquet").shape == (rows, columns)
    plain.to_excel(folder / "a.xlsx", index=False)
    assert pandas.read_excel(folder / "a.xlsx").shape == (rows, columns)
    finite = plain.replace([math.inf, -math.inf], math.nan)
    for name in finite.select_dtypes("datetime"):  # pandas 2.2 adds too many years up
        finite[name] = finite[name].where(finite[name].dt.year < 2200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that Stata does not take
        finite.to_stata(folder / "a.dta", version=118, write_index=False)
    assert pyreadstat.read_dta(str(folder / "a.dta"))[0].shape == (rows, columns)
    assert polars.from_pandas(plain).shape == (rows, columns)
    assert len(duckdb.from_df(plain).fetchall()) == rows
    assert itables.to_html_datatable(plain, connected=True)


@settings(max_examples=3, deadline=None)
@given(STEPS)
@pytest.mark.slow
def test_every_table_goes_through_as_a_plain_table(steps: Any) -> None:
    with Live() as live, tempfile.TemporaryDirectory() as folder:
        live.go([*BEGINNING, *steps])
        for frame in tables_of(live).values():
            before = frame.copy()
            go_through(plain_table(frame), Path(folder))
            pandas.testing.assert_frame_equal(frame, before)


@pytest.mark.long
@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet", "dta", "sav", "xlsx"])
def test_every_table_can_be_saved_in_every_format(tmp_path: Path, end: str) -> None:
    with Live() as live:
        live.go([*BEGINNING, ("entry", 0, "a", 1)])
        for name, frame in tables_of(live).items():
            path = save_table(frame, tmp_path / f"{name}.{end}")
            assert path == tmp_path / f"{name}.{end}"
    read = {
        "csv": pandas.read_csv, "jsonl": lambda path: pandas.read_json(path, lines=True),
        "parquet": pandas.read_parquet, "dta": pandas.read_stata, "sav": pandas.read_spss,
        "xlsx": pandas.read_excel,
    }[end]  # fmt: skip
    state: pandas.DataFrame = read(tmp_path / f"state.{end}")
    assert state["player"].tolist() == list(live.world.state.players)
    assert state["id"].tolist() == [0, 1, 2]


def test_a_plain_table_has_the_narrowest_plain_types() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    frame = pandas.DataFrame(
        {
            "number": [1, None],
            "share": [0.5, 2],
            "truth": [True, None],
            "mixed": [1, "x"],
            "nested": [[1], {"a": 2}],
            "empty": [None, None],
            "when": pandas.to_datetime([dt.datetime(2026, 1, 1, 12, tzinfo=zone), None]),
            "how_long": pandas.to_timedelta([1.5, 2], unit="s"),
            "name": pandas.Categorical(["a", None]),
            "text": ["007", "NA"],
        },
        index=pandas.Index(["ann", "bob"], name="player"),
        dtype=object,
    )
    frame["when"] = pandas.to_datetime(frame["when"], utc=True)
    frame["how_long"] = pandas.to_timedelta(frame["how_long"])
    plain = plain_table(frame)
    kinds = {name: str(dtype) for name, dtype in plain.dtypes.items()}
    assert kinds | {"when": "", "how_long": ""} == {
        "player": "string", "number": "Int64", "share": "float64", "truth": "boolean",
        "mixed": "string", "nested": "string", "empty": "float64", "when": "", "how_long": "",
        "name": "string", "text": "string",
    }  # fmt: skip
    assert plain["when"][0] == pandas.Timestamp("2026-01-01 10:00")
    assert plain["how_long"].tolist() == [1.5, 2.0]
    assert plain["nested"].tolist() == ["[1]", '{"a":2}']
    assert plain["mixed"].tolist() == ["1", '"x"']
    assert plain["text"].tolist() == ["007", "NA"]


def test_an_index_whose_name_a_column_has_gives_no_column_away() -> None:
    frame = pandas.DataFrame({"player": [1]}, index=pandas.Index(["ann"], name="player"))
    assert plain_table(frame).to_dict("list") == {"player": ["ann"], "player_": [1]}
    numbered = pandas.DataFrame({("a", 1): [np.nan]}, index=[7])
    assert list(plain_table(numbered).columns) == ["a_1"]
