"""Appends: what an in-place append to a list field costs, early and late."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program

__all__ = ["measure"]


def measure(folder: Path, rounds: int, figures: Figures) -> None:
    """Append 10,000 times in a fresh session each round."""
    for number in range(rounds):
        database = folder / f"appends{number}.sqlite3"
        times = run_program("append_in_place", folder, database)
        for when in ("first", "last"):
            figures.add(f"µs for the {when} appends", "uproot_nb", times[when])
