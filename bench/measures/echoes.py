"""Echoes: what bounds and metrics cost of the participant server's work for a call."""

from __future__ import annotations

from pathlib import Path

from figures import Figures
from measures.programs import run_program
from participants import Participants
from processes import processor_seconds
from servers import uproot_nb

__all__ = ["measure"]

_OURS = "uproot_nb"
_PLAYERS = 100
_SLICES = 150


def measure(folder: Path, rounds: int, seconds: float, figures: Figures) -> None:
    """Time the server's own code in turn with and without; then whole calls in a real server."""
    with (
        uproot_nb.start(folder, _PLAYERS) as system,
        Participants(_OURS, system.urls, system.origin) as crowd,
    ):
        for _ in range(rounds):
            ways = run_program("echo_path", folder, str(_SLICES), "uncounted,counted,timed")
            for way, found in ways.items():
                figures.add(f"µs of the server's code for an echo, {way}", _OURS, found["µs"])
            figures.add("speed of an echo with bounds", _OURS, ways["counted"]["speed"])
            before = processor_seconds(system.pids["server"])
            calls = crowd.do("calls", method="echo", seconds=seconds)["calls"]
            used = (processor_seconds(system.pids["server"]) - before) / calls * 1e6
            figures.add("µs of the server's processor for an echo", _OURS, used)
            timed = ways["counted"]["µs"] * (1 / ways["timed"]["of counted"] - 1)
            figures.add("share of metrics in the server's work for an echo", _OURS, timed / used)
