"""Books: commands to an order book in memory, with few and many orders, and to one in a log."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program

__all__ = ["measure"]

_FIGURES = {
    "short": "book commands per second, 1,000 resting",
    "long": "book commands per second",
    "growth": "a command with 10^5 resting, of one with 10^3",
}  # fmt: skip


def measure(folder: Path, rounds: int, figures: Figures) -> None:
    """Trade in fresh books each round."""
    for _ in range(rounds):
        told = run_program("trade_book", folder)
        for name, figure in _FIGURES.items():
            figures.add(figure, "uproot_nb", told[name])
    for number in range(rounds):
        told = run_program("trade_logged", folder, folder / f"hall-{number}.sqlite3")
        figures.add("logged market commands per second", "uproot_nb", told["per_second"])
        figures.add("the last 1,000 of 20,000 logged, of the first", "uproot_nb", told["growth"])
