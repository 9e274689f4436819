"""Read a million events as an analyst does: one job a process; say how long and how much memory."""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pandas  # noqa: F401  an analyst has it already

from uproot_nb import Recording, open_log
from uproot_nb.log.events import Event

_SESSION = "million"


def main(job: str, database: str) -> None:
    """Do one job and print its figures."""
    with open_log(database, _SESSION) as log:
        told = JOBS[job](log, Path.cwd())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**told, "peak": peak}))


def events(log: Recording, folder: Path) -> dict[str, float]:
    """Read everything, and then what is new."""
    table, last = log._table, log._past.last
    started = time.perf_counter()
    table.take_pages(log._log.read_arrays(log.name, until=last - 100))
    rows = len(table.df)
    cold = time.perf_counter() - started
    started = time.perf_counter()
    rows = len(log.events) - rows
    following = time.perf_counter() - started
    if rows != 100:
        raise SystemExit(f"{rows} new rows instead of 100")
    return {"seconds": cold, "next": following * 1000}


def fetchall(log: Recording, folder: Path) -> dict[str, float]:
    """Fetch the rows with the standard library, nothing else: what the others are compared with."""
    query = (
        f"SELECT {', '.join(Event._fields)}, checksum FROM events WHERE session = ? ORDER BY seq"
    )
    with closing(sqlite3.connect(f"{Path(log.path).as_uri()}?mode=ro", uri=True)) as connection:
        started = time.perf_counter()
        rows = connection.execute(query, (log.name,)).fetchall()
        seconds = time.perf_counter() - started
    if len(rows) != log._past.last:
        raise SystemExit(f"{len(rows)} rows instead of {log._past.last}")
    return {"seconds": seconds}


def at(log: Recording, folder: Path) -> dict[str, float]:
    """Look at moments here and there, each from a log that was just opened."""
    drawn, times = random.Random(1), []
    for seq in islice(iter(lambda: drawn.randrange(1, log._past.last), 0), 9):
        with open_log(log.path, _SESSION) as fresh:
            started = time.perf_counter()
            fresh.at(seq)
            times.append(time.perf_counter() - started)
    return {"seconds": max(times)}


def export(format: str) -> Callable[[Recording, Path], dict[str, float]]:
    """Return the job of an export to a folder."""

    def job(log: Recording, folder: Path) -> dict[str, float]:
        target = Path(tempfile.mkdtemp(dir=folder)) / f"export-{format}"
        started = time.perf_counter()
        log.export(target, format, progress=False)
        return {"seconds": time.perf_counter() - started}

    return job


JOBS: dict[str, Any] = {
    "fetchall": fetchall, "events": events, "at": at, "csv": export("csv"),
    "jsonl": export("jsonl"), "parquet": export("parquet"),
}  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
