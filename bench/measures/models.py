"""Models: what adding and finding cost in a table of 1,000 and of 100,000 entries."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program

__all__ = ["measure"]

_FIGURES = {
    "add_short": "µs to add, at 1,000", "add_long": "µs to add, at 100,000",
    "find_short": "ms to filter 1,000", "find_long": "ms to filter 100,000",
    "bytes": "bytes an entry", "open": "s to open, model",
}  # fmt: skip


def measure(folder: Path, rounds: int, figures: Figures) -> None:
    """Grow a model in a fresh session each round."""
    for number in range(rounds):
        told = run_program("grow_model", folder, folder / f"models{number}.sqlite3")
        for name, figure in _FIGURES.items():
            figures.add(figure, "uproot_nb", told[name])
