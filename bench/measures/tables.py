"""Tables: what a million events cost an analyst, each job in a fresh process."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program
from servers import uproot

__all__ = ["JOBS", "measure", "measure_peer"]

JOBS = ("fetchall", "events", "at", "csv", "jsonl", "parquet")
_VALUES_EACH = 5_000
"""How many values each player of `servers/uproot_app/values` has."""


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


def measure_peer(folder: Path, events: int, figures: Figures) -> None:
    """Let the peer export as many values as CSV, and read its table of changes by pandas, once.

    Its exporter makes all its tables at once; there is no way to ask for one.
    """
    home = folder / "peer-tables"
    home.mkdir()
    players = max(1, events // _VALUES_EACH)
    archive, exporting = uproot.export_values(home, players)
    rows = str(players * _VALUES_EACH)
    reading = run_program("read_peer_export", home, archive, rows)["seconds"]
    figures.add("s for events of a million", "uproot", exporting + reading)
    figures.add("s for csv of a million", "uproot", exporting)
