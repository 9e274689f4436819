"""Monitor: what a researcher who watches costs those who are watched."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from participants import Participants
from servers import uproot_nb

__all__ = ["PLAYERS", "measure"]

PLAYERS = 500
_OPEN = """
import asyncio
from comm import create_comm
from uproot_nb.monitor.monitor import Monitor

channel = create_comm(target_name="bench")

def told(message):
    channel.send(message)
    if message["op"] == "news":
        run_bench._runtime.loop.call_later(0.01, watched.receive, {"op": "ack", "n": message["n"]})

watched = Monitor(run_bench, told, ["x"])
watched.receive({"op": "ready"})
"""
_CLOSE = """
watched._told = None
watched._sent = watched._acked + 10**9  # as a browser that has gone: nothing is sent any more
"""


def measure(folder: Path, rounds: int, seconds: float, figures: Figures) -> None:
    """Let 500 participants call and store, watched by a monitor and not, in turn."""
    system = uproot_nb.start(folder, PLAYERS)
    try:
        with Participants("uproot_nb", system.urls, system.origin) as crowd:
            for _ in range(rounds):
                told = crowd.do("calls", method="store", seconds=seconds)
                figures.add("calls per second, nobody watches", "uproot_nb", told["per_second"])
                system.kernel.execute(_OPEN)
                told = crowd.do("calls", method="store", seconds=seconds)
                figures.add("calls per second, a monitor watches", "uproot_nb", told["per_second"])
                system.kernel.execute(_CLOSE)
    finally:
        system.close()
