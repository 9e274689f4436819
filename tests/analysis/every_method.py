"""Call every method of every table of a session, in a process of its own: none may end it.

What a method raises does not matter here. The last method's name is the last line that is printed.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from uproot_nb import serve
from uproot_nb.experiment.pages import Page

NOT_CALLED = {"plot", "hist", "boxplot", "to_clipboard"}
ORIENTS = ("columns", "index", "records", "split", "table", "values")


class Ask(Page):
    """A question."""


def fill(run: Any) -> None:
    a, b, c = run.players
    a.round = b.round = 1
    a.mixed, b.mixed, c.mixed = [1, 2], (1, "a"), np.arange(4.0)
    a.mixed.append(3)
    a.nested, b.nested, c.nested = {"a": [1, {2: 3}]}, {(1, 2): {3}}, None
    a.lists, b.lists, c.lists = [[1]], [[2], []], [[[3]]]
    a.number, b.number, c.number = float("nan"), float("inf"), -0.0
    a.several, b.several, c.several = dt.datetime(2026, 1, 1), dt.date(2026, 1, 1), dt.time(3)
    a.frame, b.frame, c.frame = pd.DataFrame({"a": [1]}), pd.Series([1, 2]), np.zeros((2, 2))
    a.text, b.text, c.text = "x", Decimal("1.10"), 10**40
    a.bytes, a.other, a.moment = b"\x00\xff", b, pd.Timestamp(2026, 1, 1)
    run.session.deep = [[[[1]]]] * 3


def tables(run: Any) -> dict[str, pd.DataFrame]:
    names = ("events", "state", "groups", "session_state", "calls", "notifications", "page_times",
             "presence", "errors", "links", "rounds", "wide")  # fmt: skip
    return {name: getattr(run, name) for name in names} | {"at": run.at(), "diff": run.diff(1)}


def methods(of: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    for name in dir(type(of)):
        if not name.startswith("_") and name not in NOT_CALLED:
            yield name, lambda name=name: called(getattr(of, name))


def called(found: Any) -> Any:
    return found() if callable(found) else found


def writers(frame: pd.DataFrame, folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    for orient in ORIENTS:
        yield f"to_json {orient}", lambda orient=orient: frame.to_json(orient=orient)
        yield f"T.to_json {orient}", lambda orient=orient: frame.T.to_json(orient=orient)
    yield "describe all", lambda: frame.describe(include="all")
    yield "to_parquet", lambda: frame.to_parquet(folder / "table.parquet")
    yield "to_feather", lambda: frame.to_feather(folder / "table.feather")
    yield "to_pickle", lambda: frame.to_pickle(folder / "table.pickle")
    yield "to_sql", lambda: frame.to_sql("t", sqlite3.connect(":memory:"))
    yield "to_dict", lambda: frame.to_dict("records")
    yield "arrow", lambda: pyarrow.Table.from_pandas(frame)
    yield "twice", lambda: pd.concat([frame, frame], ignore_index=True).to_json()
    yield "equal", lambda: frame == frame
    yield "hash", lambda: pd.util.hash_pandas_object(frame)
    yield "sort", lambda: frame.sort_values(list(frame.columns))
    yield "numpy", lambda: np.asarray(frame)


def survive(what: str, act: Callable[[], Any]) -> None:
    print(what, flush=True)
    try:
        act()
    except Exception as error:
        print(f"  {type(error).__name__}", flush=True)


def main() -> None:
    warnings.simplefilter("ignore")
    run = serve([Ask], players=3, embedded=True, port=0, db=":memory:", name="all", namespace={})
    fill(run)
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in tables(run).items():
            for what, act in writers(frame, Path(folder)):
                survive(f"{name}: {what}", act)
            for what, act in methods(frame):
                survive(f"{name}.{what}", act)
            for column in frame.columns:
                for what, act in methods(frame[column]):
                    survive(f"{name}[{column}].{what}", act)
    run.close()
    print("SURVIVED")


if __name__ == "__main__":
    main()
