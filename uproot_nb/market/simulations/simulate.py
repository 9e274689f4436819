"""simulate_markets: a grid of designs and seeds, on all cores or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

from uproot_nb.errors import BadMarket, SimulationsInterrupted
from uproot_nb.executors import Answer, answers, check_executor, places_of
from uproot_nb.market.designs.design import Design
from uproot_nb.market.simulations.chunk import (
    Cell,
    MarketSource,
    Seed,
    Tables,
    check_tables,
    pack,
    simulate_chunk,
    unpack,
)
from uproot_nb.market.simulations.grid import Grid, StudyGrid
from uproot_nb.market.simulations.pools import answers_of_pools, cores
from uproot_nb.market.simulations.stores import ChunkFolder, ChunksInMemory, Store, result_of
from uproot_nb.market.simulations.summary import failed_row, summary_table

if TYPE_CHECKING:
    import pandas

__all__ = ["simulate_markets"]

_LARGEST_CHUNK = 64
_CHUNKS_A_WORKER = 4
"""At least, so that the last chunks end at about the same time."""


@overload
def simulate_markets(
    designs: Design | Mapping[str, MarketSource] | Sequence[Any] | pandas.DataFrame,
    seeds: Iterable[Seed],
    executor: Executor | None = ...,
    progress: bool = ...,
    *,
    make: Callable[..., MarketSource] | None = ...,
    folder: str | os.PathLike[str] | None = ...,
    chunk: int | None = ...,
) -> pandas.DataFrame: ...


@overload
def simulate_markets(
    designs: Design | Mapping[str, MarketSource] | Sequence[Any] | pandas.DataFrame,
    seeds: Iterable[Seed],
    executor: Executor | None = ...,
    progress: bool = ...,
    *,
    make: Callable[..., MarketSource] | None = ...,
    tables: Sequence[str],
    folder: str | os.PathLike[str] | None = ...,
    chunk: int | None = ...,
) -> dict[str, pandas.DataFrame]: ...


def simulate_markets(
    designs: Design | Mapping[str, MarketSource] | Sequence[Any] | pandas.DataFrame,
    seeds: Iterable[Seed],
    executor: Executor | None = None,
    progress: bool = True,
    *,
    make: Callable[..., MarketSource] | None = None,
    tables: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
) -> Any:
    """Simulate each design with each seed, on all cores, and return a row per market.

        markets = simulate_markets({"zic": Design(values, ZIC), "zip": Design(values, ZIP)},
                                   seeds=range(100))
        markets.groupby("design")["efficiency"].mean()

    The result is the same to the last bit, whatever the executor, the number of workers and the
    size of chunks, on machines with the same versions of Python and packages. Rows are in the order
    of the grid: the first design with each seed, then the second.

    A `Design` with arms is a study: each arm has a session for each seed, and each session a market
    for each of its groups. The first columns are then arm, session ("call 3") and, if there are
    several groups, group. A session's name is its seed: `study.arm("call").simulate("call 3")`, or
    "call 3/2" for the second of several groups.

    Columns: design (name, or place in the list from 0), one per setting, seed, trades and volume
    (Int64), mean_price (volume-weighted), efficiency (surplus / maximum surplus over all periods),
    the sums over periods of maximum_surplus, surplus, buyer_surplus, seller_surplus, lost_surplus
    and displaced_surplus, the means over periods of alpha, rmsd, volatility, profit_dispersion,
    volume_ratio and mean_spread (float64; see `period_table`), and error and message (string).

    A market that fails is a row with the type and the text of its error; the others go on. If a
    process is killed, what was running is tried again. An interrupt raises SimulationsInterrupted
    with what is done.

    Args:
        designs: a design; or several by name; or a list (a DataFrame's rows) of settings, each a
            dict of `make`'s arguments, whose columns the result has.
        seeds: one market each, for every design: whole numbers or texts.
        executor: any executor of concurrent.futures, Dask, ipyparallel or mpi4py; by default new
            processes on all cores, to which classes and functions of a notebook go along.
        progress: show a bar.
        make: makes a design of settings; by default `Design`.
        tables: more tables that are wanted, such as ["periods", "trades"]. Then the result is a
            dict of "markets" and these, each stacked over all markets, with the same first columns.
        folder: where finished chunks are stored (as Parquet). The same call with the same folder
            simulates only what is missing.
        chunk: how many markets a task has; at most 64 by default.

    Raises:
        BadMarket: designs, seeds or tables make no sense, or the folder has another simulation.
        UprootError: what was handed in is no executor, or pyarrow is missing for a folder.
        SimulationsInterrupted: the kernel or the script was interrupted.
    """
    check_tables(tables)
    grid = (
        StudyGrid(designs, seeds, tables) if isinstance(designs, Design)
        else Grid(designs, seeds, make, tables)
    )  # fmt: skip
    store = ChunksInMemory() if folder is None else ChunkFolder(folder, grid, tables)
    done = store.done()
    missing = [cell for cell in grid.cells if cell.place not in done]
    count = _places(executor)
    size = _chunk_size(chunk, len(missing), count)
    work = partial(_task, grid=grid, tables=tables)
    found = (
        answers_of_pools(work, missing, size, count) if executor is None
        else _through(executor, work, missing, size, 2 * count)
    )  # fmt: skip
    try:
        _collect(found, store, len(grid.cells), len(done), progress)
    except KeyboardInterrupt:
        raise SimulationsInterrupted(
            result_of(store, grid, tables), len(store.done()), len(grid.cells), str(folder or "")
        ) from None
    return result_of(store, grid, tables)


def _places(executor: Executor | None) -> int:
    if executor is None:
        return cores()
    check_executor(executor)
    return places_of(executor)


def _chunk_size(wanted: int | None, markets: int, workers: int) -> int:
    if wanted is None:
        return max(1, min(_LARGEST_CHUNK, markets // (_CHUNKS_A_WORKER * workers)))
    if type(wanted) is not int or wanted < 1:
        raise BadMarket(f"chunk={wanted!r} is no number of markets.", "Write chunk=1 or more.")
    return wanted


def _task(
    cells: Sequence[Cell], grid: Grid, tables: Sequence[str]
) -> tuple[Callable[[bytes], bytes], bytes]:
    return simulate_chunk, pack(cells, grid.designs, tables)


def _through(
    executor: Executor, work: Callable[[list[Cell]], Any], cells: Iterable[Cell], size: int,
    most: int,
) -> Generator[tuple[list[Cell], Answer]]:  # fmt: skip
    waiting = iter(cells)
    chunks = iter(lambda: list(islice(waiting, size)), [])
    return answers(lambda chunk: executor.submit(*work(chunk)), chunks, most)


def _collect(
    found: Generator[tuple[list[Cell], Answer]], store: Store, total: int, done: int, progress: bool
) -> None:
    """Store what comes, and show how far it is."""
    from tqdm.auto import tqdm  # lazy: it takes a moment

    with tqdm(total=total, initial=done, unit="market", disable=not progress) as bar:
        try:
            for cells, answer in found:
                lost = isinstance(answer, BaseException)
                store.add(_failed(cells, answer) if lost else unpack(answer), lost)
                bar.update(len(cells))
        finally:
            found.close()


def _failed(cells: Iterable[Cell], error: BaseException) -> Tables:
    return {"markets": summary_table(failed_row(cell.place, error) for cell in cells)}
