"""Simulations: a grid of markets on one core, and on two by processes and by Dask."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program

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


def measure(folder: Path, markets: int, figures: Figures) -> None:
    """Simulate so many markets in each way, in three rounds."""
    told = run_program("simulate_grid", folder, str(markets), seconds=3_600.0)
    for name, figure in _FIGURES.items():
        figures.add(figure, "uproot_nb", told[name])
