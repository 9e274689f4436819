"""PostgreSQL: the same session and the same tables in a database, beside those in a file."""

from __future__ import annotations

import sys
from pathlib import Path

from figures import Figures
from measures.programs import run_program
from participants import Participants
from processes import BenchError
from servers import uproot_nb
from servers.uproot_nb import NotebookSystem

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.components.postgres import PostgresCluster

__all__ = ["JOBS", "measure"]

JOBS = ("events", "csv", "parquet")
_PLAYERS = 100
_UNSAVED = 50_000
"""Events that a busy run writes between two snapshots."""
_OURS = "uproot_nb"


def measure(folder: Path, events: int, rounds: int, seconds: float, figures: Figures) -> None:
    """Start a server on the same disk; measure calls, opening, and tables, each in turn."""
    home = folder / "postgres"
    home.mkdir()
    with PostgresCluster() as cluster:
        lab, archive = (cluster.address(schema=schema) for schema in ("lab", "archive"))
        _measure_calls(home, lab, rounds, seconds, figures)
        _measure_opening(home, lab, events, rounds, figures)
        _measure_tables(home, archive, events, rounds, figures)


def _measure_calls(home: Path, address: str, rounds: int, seconds: float, figures: Figures) -> None:
    """Let 100 participants of one kernel store in a file and in the database, in turn."""
    with (
        uproot_nb.start(home, _PLAYERS) as system,
        Participants(_OURS, system.urls, system.origin) as near,
        Participants(_OURS, system.add(_PLAYERS, address), system.origin) as far,
    ):
        acknowledged = 0
        for _ in range(rounds):
            for crowd, place in ((near, "a file"), (far, "PostgreSQL")):
                answer = crowd.do("calls", method="store", seconds=seconds)
                figures.add(f"store in {place}", _OURS, answer["per_second"])
                acknowledged += answer["calls"] if crowd is far else 0
                answer = crowd.do("latency", method="store", seconds=seconds)
                figures.add(f"p50 of a call stored in {place}", _OURS, answer["p50"])
            found = run_program("insert_rows", home, address, str(seconds))
            figures.add("p50 of a bare INSERT", _OURS, found["p50"])
        _end(system)
    stored = run_program("count_stored", home, address, "more")
    if stored < acknowledged:
        raise BenchError(f"{acknowledged} changes acknowledged, {stored} in the database")


def _end(system: NotebookSystem) -> None:
    system.kernel.execute("run_bench.close(); run_more.close()")


def _measure_opening(home: Path, address: str, events: int, rounds: int, figures: Figures) -> None:
    """Lengthen the session to so many events, and resume it after a kill and after its end."""
    run_program("lengthen_log", home, address, str(events), "more")
    run_program("open_session", home, address, "more")  # it leaves a snapshot
    for number in range(1, rounds + 1):
        length = str(events + number * _UNSAVED)
        run_program("lengthen_log", home, address, length, "more")
        for which in ("killed", "ended"):
            found = run_program("open_session", home, address, "more")
            figures.add(f"s to open in PostgreSQL, {which}", _OURS, found["seconds"])
            figures.add(f"processor s to open in PostgreSQL, {which}", _OURS, found["processor"])


def _measure_tables(home: Path, address: str, events: int, rounds: int, figures: Figures) -> None:
    """Read the same events from a file and from the database, in turn."""
    file = str(home / "million.sqlite3")
    for place in (file, address):
        run_program("make_million", home, place, str(events))
    for _ in range(rounds):
        for job in JOBS:
            for place, name in ((file, "a file"), (address, "PostgreSQL")):
                found = run_program("read_million", home, job, place)
                figures.add(f"s for {job} from {name}", _OURS, found["seconds"])
                figures.add(f"MB peak, {job} from {name}", _OURS, found["peak"])
