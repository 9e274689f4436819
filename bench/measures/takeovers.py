"""Takeovers: machines that serve a session end in three ways, and a standby answers after it."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from figures import Figures
from measures.programs import run_program

__all__ = ["WAYS", "measure"]

WAYS = {
    "kills": "a kill of kernel and command", "standstills": "a standstill of the machine",
    "handovers": "the command that hands over", "pauses": "the last answer before a handover",
}  # fmt: skip
"""What each of the program's times is from."""
_SECONDS = 30.0
"""For one of them, with the start of the next standby, on a machine that is busy."""


def measure(folder: Path, kills: int, figures: Figures) -> None:
    """Kill so many serving machines; let a fifth as many stand still, and as many hand over."""
    counts = {"kills": kills, "standstills": kills // 5, "handovers": kills // 5}
    options = [text for way, count in counts.items() for text in (f"--{way}", str(count))]
    times = run_program(
        "take_over", folder, *options, seconds=120.0 + _SECONDS * sum(counts.values())
    )
    for way, what in WAYS.items():
        figures.add(f"s from {what} to an answer, median", "uproot_nb", median(times[way]))
        figures.add(f"s from {what} to an answer, worst", "uproot_nb", max(times[way]))
