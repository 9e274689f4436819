"""Simulations: grids of markets on one core and two, and quotes a second beside another program."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program
from peers import exchange_folder
from processes import BenchError

__all__ = ["measure"]

_FIGURES = {
    "per_second": "simulated markets per second",
    "pool": "simulated markets on two cores by processes, of one core",
    "dask": "simulated markets on two cores by Dask, of one core",
    "pool_processor": "processor time of markets by processes, of one core's",
    "dask_processor": "processor time of markets by Dask, of one core's",
    "pool_ms": "ms a task of a process pool",
    "dask_ms": "ms a task of Dask",
}  # fmt: skip


LENGTHS = {"short": "in periods of some 60 steps", "long": "in periods of 400 steps"}


def measure(folder: Path, markets: int, figures: Figures) -> None:
    """Simulate so many markets in each way, in three rounds."""
    told = run_program("simulate_grid", folder, str(markets), seconds=3_600.0)
    for name, figure in _FIGURES.items():
        figures.add(figure, "uproot_nb", told[name])
    _measure_quotes(folder, figures)


def _measure_quotes(folder: Path, figures: Figures) -> None:
    """Count the quotes of robot traders, beside Bristol Stock Exchange if it is available."""
    given = []
    try:
        given.append(exchange_folder())
    except BenchError as failure:
        print(f"Bristol Stock Exchange is not here, and nothing is compared with it: {failure}")
    told = run_program("simulate_quotes", folder, *given, seconds=900.0)
    figures.add("core-minutes for 10,000 markets", "uproot_nb", told["ms"] / 6)
    figures.add("core-minutes for 10,000 markets, all tables", "uproot_nb", told["ms_all"] / 6)
    for length, words in LENGTHS.items():
        figures.add(f"quotes of GD per second {words}", "uproot_nb", told["gd"][length])
        for kind in ("ZIC", "ZIP") if given else ():
            found, figure = told[f"{kind} {length}"], f"quotes of {kind} per second {words}"
            figures.add(figure, "uproot_nb", found["ours"])
            figures.add(f"{figure}, of BSE's", "uproot_nb", found["ratio"])
