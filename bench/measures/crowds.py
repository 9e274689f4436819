"""Crowds: what is done to all players at once, for 1,000 and for 5,000 of them."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program

__all__ = ["FEW", "MANY", "STEPS", "measure"]

FEW, MANY = 1_000, 5_000
STEPS = {
    "start": "start a session", "move": "move all to the first page",
    "wait": "let half of them, or the rest, come to a page that waits for all",
    "go on together": "let all go on", "links": "two tables of links", "close": "close",
    "restart": "serve again", "come back": "see all online again",
}  # fmt: skip


def measure(folder: Path, rounds: int, figures: Figures) -> None:
    """Take each step in a fresh session, few and many in turn."""
    for number in range(rounds):
        seconds = {
            count: run_program(
                "move_many", folder, folder / f"m{number}-{count}.sqlite3", str(count)
            )
            for count in (FEW, MANY)
        }
        for count, times in seconds.items():
            for step in STEPS:
                figures.add(f"s to {step}, {count} players", "uproot_nb", times[step])
            one = times["move one while half wait"] * 1000
            figures.add(f"ms to move one while half of {count} wait", "uproot_nb", one)
        totals = {c: sum(times[step] for step in STEPS) for c, times in seconds.items()}
        growth = totals[MANY] / MANY * FEW / totals[FEW]
        figures.add("a player of 5,000, of one of 1,000", "uproot_nb", growth)
