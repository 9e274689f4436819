"""Opening: how long a session with a million events takes to resume, and what it holds then."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program
from participants import Participants
from servers import uproot_nb

__all__ = ["measure"]

_PLAYERS = 100
_UNSAVED = 50_000
"""Events that a busy run writes between two snapshots."""


def measure(folder: Path, length: int, rounds: int, figures: Figures) -> None:
    """Lengthen the log of a real run, then resume it, and an empty one, in fresh processes.

    The first opening finds no snapshot of the added events. Each later one finds the snapshot that
    the opening before it left, and as many events after it as a killed run can leave; and once
    more, the snapshot of a run that has ended.
    """
    home = folder / "opening"
    home.mkdir()
    short, long = home / "short.sqlite3", home / "long.sqlite3"
    _log_of_real_calls(home, 0.0).replace(short)
    _log_of_real_calls(home, 1.0).replace(long)
    run_program("lengthen_log", home, long, str(length))
    _note(figures, "without a snapshot", run_program("open_session", home, long))
    for number in range(1, rounds + 1):
        run_program("lengthen_log", home, long, str(length + number * _UNSAVED))
        _note(figures, "killed", run_program("open_session", home, long))
        _note(figures, "ended", run_program("open_session", home, long))
        _note(figures, "empty", run_program("open_session", home, short))


def _log_of_real_calls(home: Path, seconds: float) -> Path:
    """Return the log of a run whose participants called for *seconds* seconds."""
    with uproot_nb.start(home, _PLAYERS) as system:
        with Participants(system.name, system.urls, system.origin) as crowd:
            if seconds:
                crowd.do("calls", method="store", seconds=seconds)
        system.kernel.execute("run_bench.close()")
    return system.database


def _note(figures: Figures, which: str, answer: dict[str, float]) -> None:
    figures.add(f"s to open, {which}", "uproot_nb", answer["seconds"])
    figures.add(f"MB after opening, {which}", "uproot_nb", answer["megabytes"])
