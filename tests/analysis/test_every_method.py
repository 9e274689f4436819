"""Tables: no method of theirs ends the process, and other programs read them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from uproot_nb import serve
from uproot_nb.experiment.pages import Page

ROOT = Path(__file__).parents[2]


class Ask(Page):
    """A question."""


@pytest.fixture
def run() -> Iterator[Any]:
    run = serve([Ask], players=2, embedded=True, port=0, db=":memory:", name="all", namespace={})
    first, second = run.players
    first.picks, second.picks = [1, 2], [3, 4]
    first.pair, second.pair = (1, "a"), np.arange(2.0)
    yield run
    run.close()


@pytest.mark.slow
def test_no_method_of_a_table_ends_the_process() -> None:
    command = [sys.executable, "-m", "tests.analysis.every_method"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("SURVIVED\n"), done.stdout[-200:] + done.stderr[-500:]


def test_events_with_lists_and_arrays_become_json(run: Any) -> None:
    events = json.loads(run.events.drop(columns="timestamp").to_json(orient="records"))
    assert [event["value"] for event in events if event["field"] == "picks"] == [[1, 2], [3, 4]]


def test_events_are_described(run: Any) -> None:
    run.players[0].picks = [3, 4]
    described = run.events[run.events["field"] == "picks"].describe(include="all")
    assert described.loc["unique", "value"] == 2
    assert described.loc["top", "value"] == [3, 4]
    assert described.loc["freq", "value"] == 2


def test_lists_of_one_length_stay_a_column_of_lists(run: Any) -> None:
    picks = run.events[run.events["field"] == "picks"]["value"]
    assert np.asarray(picks).shape == (2,)
    assert picks.to_numpy().tolist() == [[1, 2], [3, 4]]
    assert (picks == picks).all()


@pytest.mark.long
@pytest.mark.parametrize("format", ["parquet", "feather"])
def test_parquet_and_feather_hold_the_json_of_values(run: Any, tmp_path: Path, format: str) -> None:
    file = tmp_path / f"events.{format}"
    getattr(run.events, f"to_{format}")(file)
    back = getattr(pd, f"read_{format}")(file)
    assert back["value"].tolist() == run.events["value"].array.texts.tolist()


@pytest.mark.long
def test_polars_reads_events(run: Any) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(run.events)
    assert frame["value"].to_list() == run.events["value"].array.texts.tolist()


@pytest.mark.long
def test_duckdb_reads_events(run: Any) -> None:
    duckdb = pytest.importorskip("duckdb")
    events = run.events
    found = duckdb.sql("SELECT count(value) FROM events").fetchall()
    assert found == [(events["value"].notna().sum(),)]


@pytest.mark.long
def test_no_table_shows_a_negative_zero(run: Any, tmp_path: Path) -> None:
    first, second = run.players
    first.profit, second.profit = -0.0, -1.5
    assert not np.signbit(run.state["profit"].iloc[0])
    exported = run.export(tmp_path / "out", progress=False) / "latest" / "players.csv"
    assert "-0.0" not in exported.read_text()
