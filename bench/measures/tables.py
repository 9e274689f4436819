"""Tables: what a million events cost an analyst, each job in a fresh process."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program

__all__ = ["JOBS", "measure"]

JOBS = ("events", "at", "csv", "jsonl", "parquet")


def measure(folder: Path, events: int, figures: Figures) -> None:
    """Make a log, and read it in every way, once."""
    home = folder / "tables"
    home.mkdir()
    run_program("make_million", home, home / "million.sqlite3", str(events))
    for job in JOBS:
        told = run_program("read_million", home, job, home / "million.sqlite3")
        figures.add(f"s for {job} of a million", "uproot_nb", told["seconds"])
        figures.add(f"MB peak, {job} of a million", "uproot_nb", told["peak"])
        if "next" in told:
            figures.add("ms for 100 new events", "uproot_nb", told["next"])
