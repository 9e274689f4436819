"""Books: commands to an order book in memory, with few and with many orders standing."""

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
