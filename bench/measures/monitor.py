"""Monitor: what a researcher who watches costs those who are watched."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from figures import Figures
from participants import Participants
from processes import BenchError, Process, wait_until
from servers import uproot_nb

__all__ = ["PLAYERS", "measure"]

PLAYERS = 500
_PROGRAM = Path(__file__).resolve().parents[1] / "programs" / "watch_pages.py"
_OPEN = """
import asyncio
from comm import create_comm
from uproot_nb.monitor.monitor import Monitor

channel = create_comm(target_name="bench")

def told(message):
    channel.send(message)
    if message["op"] == "news":
        run_bench._runtime.loop.call_later(0.01, watched.receive, {"op": "ack", "n": message["n"]})

watched = Monitor(run_bench._runtime, run_bench, told, ["x"])
watched.receive({"op": "ready"})
"""
_CLOSE = "watched.leave()"
_PAGES = 3
_FIRST_NEWS = 30.0


def measure(folder: Path, rounds: int, seconds: float, figures: Figures) -> None:
    """Let 500 participants call and store: watched by nobody, in the notebook, by three pages."""
    system = uproot_nb.start(folder, PLAYERS)
    try:
        with Participants("uproot_nb", system.urls, system.origin) as crowd:

            def calls(watched: str) -> None:
                done = crowd.do("calls", method="store", seconds=seconds)
                figures.add(f"calls per second, {watched}", "uproot_nb", done["per_second"])

            for _ in range(rounds):
                calls("nobody watches")
                system.kernel.execute(_OPEN)
                calls("a monitor watches")
                system.kernel.execute(_CLOSE)
                with closing(_open_pages(folder, system)) as pages:
                    calls("three pages watch")
                    if pages.has_ended:
                        raise BenchError(f"the pages: {pages.last_words()}")
    finally:
        system.close()


def _open_pages(folder: Path, system: uproot_nb.NotebookSystem) -> Process:
    """Open three of the monitor's web pages, and wait until they are shown."""
    command = [sys.executable, _PROGRAM, system.monitor, str(_PAGES)]
    pages = Process(command, folder, "pages", env={"WATCH_TOKEN": system.token})
    try:
        wait_until(
            lambda: pages.has_ended or pages.last_words().count("news") >= _PAGES, _FIRST_NEWS,
            "the first news of a page",
        )  # fmt: skip
    except BaseException:
        pages.close()
        raise
    return pages
