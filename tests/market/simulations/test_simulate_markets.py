"""simulate_markets: one row per market, the same whatever executor and chunks it has."""

from __future__ import annotations

import math
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from random import Random
from threading import Lock
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.simulations.market_designs import ALL, DESIGNS, VALUES, Here, mixed, same
from uproot_nb.errors import BadMarket, SimulationsInterrupted, UprootError
from uproot_nb.market import Design, Rules, simulate_markets
from uproot_nb.market.simulations import stacking
from uproot_nb.market.simulations.chunk import Cell, pack, simulate_chunk, unpack
from uproot_nb.market.simulations.stacking import in_order
from uproot_nb.market.simulations.summary import STATISTICS
from uproot_nb.market.traders import ZIC, ZIP, simulate_market

SEEDS = [3, 1, 2, 7]


@pytest.fixture(scope="module")
def reference() -> dict[str, pandas.DataFrame]:
    return simulate_markets(DESIGNS, SEEDS, Here(), progress=False, tables=ALL, chunk=1)


@pytest.mark.long
def test_rows_are_in_the_order_of_the_grid(reference: dict[str, pandas.DataFrame]) -> None:
    markets = reference["markets"]
    assert list(markets.columns) == ["design", "seed", *STATISTICS, "error", "message"]
    assert list(markets["design"]) == [name for name in DESIGNS for _ in SEEDS]
    assert list(markets["seed"]) == SEEDS * 3
    assert markets["seed"].dtype == "int64"


@pytest.mark.long
def test_a_row_says_what_its_market_did(reference: dict[str, pandas.DataFrame]) -> None:
    markets, periods = reference["markets"], DESIGNS["mixed"].simulate(7).periods
    row = markets[(markets["design"] == "mixed") & (markets["seed"] == 7)].iloc[0]
    assert row["trades"] == periods["trades"].sum() > 0
    assert row["efficiency"] == periods["surplus"].sum() / periods["maximum_surplus"].sum()
    assert row["alpha"] == pytest.approx(periods["alpha"].mean())
    paid = (periods["mean_price"] * periods["volume"]).sum()
    assert row["mean_price"] == pytest.approx(paid / periods["volume"].sum())


def test_tables_are_stacked_in_the_same_order(reference: dict[str, pandas.DataFrame]) -> None:
    trades = reference["trades"]
    mine = trades[(trades["design"] == "mixed") & (trades["seed"] == 1)]
    alone = DESIGNS["mixed"].simulate(1).trades
    for name in alone:
        assert list(mine[name].astype("object")) == list(alone[name].astype("object")), name
    assert trades["buyer"].dtype == trades["seller"].dtype
    assert list(reference["markets"]["trades"].dropna()) == [
        len(found) for _, found in trades.groupby(["design", "seed"], sort=False)
    ]
    assert reference["mispricing"].empty


def test_a_market_that_fails_is_a_row_with_its_error(
    reference: dict[str, pandas.DataFrame],
) -> None:
    failed = reference["markets"].query("design == 'unlucky'")
    assert set(failed["error"]) == {"ValueError"}
    assert set(failed["message"]) == {"no luck at all"}
    assert failed[list(STATISTICS)].isna().all(axis=None)
    others = reference["markets"].query("design != 'unlucky'")
    assert others["error"].isna().all()
    assert "unlucky" not in set(reference["periods"]["design"])


@pytest.mark.long
@given(chunk=st.integers(1, 13), workers=st.integers(1, 4))
@settings(max_examples=6)
@pytest.mark.slow
def test_threads_give_the_same_to_the_last_bit(
    reference: dict[str, pandas.DataFrame], chunk: int, workers: int
) -> None:
    with ThreadPoolExecutor(workers) as pool:
        found = simulate_markets(DESIGNS, SEEDS, pool, progress=False, tables=ALL, chunk=chunk)
    assert same(found, reference)


class Backwards(Executor):
    """Gives the answers of each batch in reverse order."""

    _max_workers = 3

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, fn, args))
        if len(self._waiting) == 2:
            while self._waiting:
                one, work, given = self._waiting.pop()
                one.set_result(work(*given))
        return future


@pytest.mark.long
def test_answers_may_come_in_any_order(reference: dict[str, pandas.DataFrame]) -> None:
    found = simulate_markets(DESIGNS, SEEDS, Backwards(), progress=False, tables=ALL, chunk=1)
    assert same(found, reference)


@pytest.mark.long
def test_processes_give_the_same_to_the_last_bit(
    reference: dict[str, pandas.DataFrame],
) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = simulate_markets(DESIGNS, SEEDS, pool, progress=False, tables=ALL, chunk=5)
    assert same(found, reference)


@pytest.mark.slow
def test_all_cores_give_the_same_to_the_last_bit(
    reference: dict[str, pandas.DataFrame],
) -> None:
    assert same(simulate_markets(DESIGNS, SEEDS, progress=False, tables=ALL), reference)


def test_a_market_can_be_simulated_again_alone() -> None:
    design = Design(VALUES, ZIC, steps=50, rules=Rules(max_price=200))
    found = simulate_markets([design], [5], Here(), progress=False, tables=["order_events"])
    traders = {name: ZIC() for name in [*VALUES.values, *VALUES.costs]}
    alone = simulate_market(traders, VALUES, steps=50, rules=Rules(max_price=200), seed=5)
    stacked = found["order_events"].drop(columns=["design", "seed"])
    pandas.testing.assert_frame_equal(stacked, alone.order_events, check_exact=True)


def settings_of() -> list[dict[str, Any]]:
    return [{"step": step, "steps": steps} for step in (5, 10) for steps in (30, 40)]


@pytest.mark.long
@pytest.mark.parametrize("shape", [list, pandas.DataFrame])
def test_settings_become_columns(shape: Any) -> None:
    found = simulate_markets(shape(settings_of()), [1, 2], Here(), progress=False, make=mixed)
    assert list(found.columns[:4]) == ["design", "step", "steps", "seed"]
    assert list(found["design"]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(found["step"]) == [5] * 4 + [10] * 4
    assert list(found["steps"].unique()) == [30, 40]


def test_without_a_function_settings_are_those_of_a_design() -> None:
    rows = [{"values": VALUES, "traders": kind, "steps": 30} for kind in (ZIC, ZIP)]
    found = simulate_markets(rows, [1], Here(), progress=False)
    assert list(found.columns[:4]) == ["design", "traders", "steps", "seed"]
    assert list(found["traders"]) == ["ZIC", "ZIP"]


def test_a_market_does_not_know_the_one_before() -> None:
    """A trader that was handed in is copied for each."""
    design = Design(
        VALUES, dict.fromkeys([*VALUES.values, *VALUES.costs], ZIP(Random(1))), steps=60
    )
    both = simulate_markets([design], [1, 2], Here(), progress=False, chunk=2)
    second = simulate_markets([design], [2], Here(), progress=False)
    assert list(both[list(STATISTICS)].iloc[1]) == list(second[list(STATISTICS)].iloc[0])


@pytest.mark.long
def test_few_tasks_are_out_at_a_time() -> None:
    """However long the grid is, neither tasks nor answers pile up."""

    class Slow(Executor):
        _max_workers = 2
        out = most = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.out += 1
            self.most = max(self.most, self.out)
            future = pool.submit(fn, *args)
            future.add_done_callback(self._end)
            return future

        def _end(self, future: Future[Any]) -> None:
            self.out -= 1

    slow = Slow()
    with ThreadPoolExecutor(1) as pool:
        design = Design(VALUES, ZIC, steps=1)
        found = simulate_markets([design], range(40), slow, progress=False, chunk=1)
    assert len(found) == 40
    assert slow.most <= 4


class Interrupting(Here):
    """Interrupts the third task, as Jupyter's button does."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.tasks == 3:
            raise KeyboardInterrupt
        return super().submit(fn, *args, **kwargs)


@pytest.mark.long
def test_an_interrupt_keeps_what_is_done() -> None:
    with pytest.raises(SimulationsInterrupted, match="of 9 markets are done") as caught:
        simulate_markets(DESIGNS, [1, 2, 3], Interrupting(), progress=False, chunk=1,
                         tables=["trades"])  # fmt: skip
    assert caught.value.done == len(caught.value.result["markets"]) == 3
    assert set(caught.value.result["trades"]["design"]) == {"mixed"}
    assert "sys.last_value.result" in str(caught.value)


class Losing(Here):
    """Loses the second task, as a cluster whose worker has died does."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.tasks == 1:
            fn, args = lost, ()
        return super().submit(fn, *args, **kwargs)


def lost() -> None:
    raise OSError("the worker is away")


@pytest.mark.long
def test_a_task_that_an_executor_loses_is_rows_with_the_error() -> None:
    found = simulate_markets([mixed()], range(6), Losing(), progress=False, chunk=2)
    assert list(found["error"].isna()) == [True, True, False, False, True, True]
    assert set(found["message"].dropna()) == {"the worker is away"}


@pytest.mark.parametrize(
    ("designs", "seeds", "more", "match"),
    [
        ({}, [1], {}, "no design"),
        ("mixed", [1], {}, "no design"),
        ({"a": VALUES}, [1], {}, "not a design"),
        (DESIGNS, 7, {}, "are no seeds"),
        (DESIGNS, [], {}, "no seed"),
        (DESIGNS, [1, 1], {}, "twice"),
        (DESIGNS, [1, numpy.int64(1)], {}, "twice"),
        (DESIGNS, [1, "1"], {}, "twice"),
        (DESIGNS, [0.5], {}, "not a seed"),
        (DESIGNS, [True], {}, "not a seed"),
        (DESIGNS, [1], {"tables": "trades"}, "not a list"),
        (DESIGNS, [1], {"tables": ["trade"]}, "'trade'"),
        (DESIGNS, [1], {"chunk": 0}, "no number of markets"),
        ([{"trades": 1}], [1], {"make": lambda trades: mixed()}, "name of a column"),
        ([{"price": 1}], [1], {"make": lambda price: mixed(), "tables": ["trades"]}, "column"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_cell(
    designs: Any, seeds: Any, more: dict[str, Any], match: str
) -> None:
    with pytest.raises(BadMarket, match=match):
        simulate_markets(designs, seeds, **{"executor": Here(), "progress": False, **more})


def test_what_is_no_executor_is_refused() -> None:
    with pytest.raises(UprootError, match="executor=int is not an executor"):
        simulate_markets(DESIGNS, [1], 4, progress=False)  # type: ignore[call-overload]


def test_what_cannot_leave_the_process_is_refused_at_the_cell() -> None:
    lock = Lock()
    design = Design(VALUES, lambda: Locked(lock))
    with pytest.raises(BadMarket, match="cannot be sent to another process: TypeError"):
        simulate_markets([design], [1], Here(), progress=False)


class Locked(ZIC):
    """Has something of its own that no other process can have."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_markets([Design(VALUES, ZIC, steps=1)], range(3), Here())
    assert "3/3" in capsys.readouterr().err


@pytest.mark.long
def test_texts_are_seeds_too_and_settings_may_be_fractions() -> None:
    rows = [{"k": Fraction(1, 3)}, {"k": 0.5}]
    found = simulate_markets(rows, ["a", 1], Here(), progress=False, make=lambda k: mixed())
    assert list(found["seed"]) == ["a", 1, "a", 1]
    assert list(found["k"]) == [Fraction(1, 3)] * 2 + [0.5] * 2
    assert not math.isnan(found["efficiency"].iloc[0])


def test_tables_are_the_same_however_many_rows_are_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = pack([Cell(place, 0, place) for place in range(5)], [DESIGNS["mixed"]], ALL)
    found = []
    for count in (1, 100, 10_000):
        monkeypatch.setattr(stacking, "_AT_ONCE", count)
        found.append(unpack(simulate_chunk(task)))
    for other in found[1:]:
        for name, table in found[0].items():
            pandas.testing.assert_frame_equal(
                in_order(other[name]), in_order(table), check_exact=True
            )
