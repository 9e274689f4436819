"""Latency: one participant's round trip while no cell runs, one computes, one sleeps."""

from __future__ import annotations

from figures import Figures
from participants import Participants
from servers.system import System
from servers.uproot_nb import NotebookSystem

__all__ = ["measure_round"]

_CELLS = {
    "while a cell computes": "while True:\n    pass",
    "while a cell sleeps": "import time\ntime.sleep(600)",
}


def measure_round(
    systems: list[tuple[System, Participants]], seconds: float, figures: Figures
) -> None:
    """Measure every system idle, and the one with a kernel also under running cells."""
    for system, crowd in systems:
        _note(figures, system, "idle", crowd.do("latency", method="echo", seconds=seconds))
        if isinstance(system, NotebookSystem):
            for situation, cell in _CELLS.items():
                system.kernel.begin(cell)
                try:
                    answer = crowd.do("latency", method="echo", seconds=seconds)
                finally:
                    system.kernel.stop()
                _note(figures, system, situation, answer)


def _note(figures: Figures, system: System, situation: str, answer: dict[str, float]) -> None:
    for figure in ("p50", "p99"):
        figures.add(f"{figure} {situation}", system.name, answer[figure])
