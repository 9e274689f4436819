"""Gateways: the same session's code with participants at a gateway, and without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import Figures
from measures.programs import run_program
from participants import Participants
from processes import Process, free_port, processor_seconds
from servers import gateways, uproot_nb
from servers.system import System

__all__ = ["FEW", "MANY", "measure", "open_broker"]

FEW, MANY = 100, 10_000
_PLAYERS = 100
_OURS = "uproot_nb"


def measure(folder: Path, rounds: int, seconds: float, figures: Figures) -> None:
    """Measure with and without a gateway in turn; then pushes to few and to many at four."""
    with (
        uproot_nb.start(folder, _PLAYERS) as direct,
        gateways.start(folder, direct, _PLAYERS, 1) as far,
        open_broker(folder) as bridge,
        Participants(_OURS, direct.urls, direct.origin) as near_crowd,
        Participants(_OURS, far.urls, far.origin) as far_crowd,
    ):
        for _ in range(rounds):
            _measure_round(direct, near_crowd, "without a gateway", "the server", seconds, figures)
            _measure_round(far, far_crowd, "by a gateway", "a gateway", seconds, figures)
            found = run_program("request_over_nats", folder, bridge, str(seconds))
            figures.add("p50 of a request over NATS", _OURS, found["p50"])
    for _ in range(rounds):
        _measure_pushes(folder, figures)


def _measure_round(
    system: System, crowd: Participants, way: str, server: str, seconds: float, figures: Figures
) -> None:
    echoes = crowd.do("calls", method="echo", seconds=seconds)
    figures.add(f"echo {way}", _OURS, echoes["per_second"])
    latency = crowd.do("latency", method="echo", seconds=seconds)
    figures.add(f"p50 {way}", _OURS, latency["p50"])
    before = processor_seconds(system.pids["server"])
    posts = crowd.do("posts", method="post", seconds=seconds, at_once=False)["posts"]
    used = processor_seconds(system.pids["server"]) - before
    figures.add(
        f"deliveries per processor second of {server}", _OURS, posts * _PLAYERS / max(used, 0.01)
    )


def _measure_pushes(folder: Path, figures: Figures) -> None:
    with open_broker(folder) as bridge:
        found = run_program("push_to_many", folder, bridge, str(FEW), str(MANY))
    for count, times in found.items():
        figures.add(f"µs for a push to {count}", _OURS, times["notify"])
        figures.add(f"µs to publish a push to {count}", _OURS, times["publish"])


@contextmanager
def open_broker(folder: Path) -> Iterator[str]:
    """Start a broker of one's own, and yield its address."""
    port = free_port()
    program = Path(sys.executable).parent / "nats-server"
    broker = Process([program, "-p", str(port), "-a", "127.0.0.1"], folder, f"nats-{port}")
    try:
        broker.wait_for_port(port)
        yield f"nats://127.0.0.1:{port}"
    finally:
        broker.close()
