"""Crowd: ten thousand participants at four gateways, each with a call every ten seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from figures import Figures
from measures.gateways import open_broker
from processes import BenchError, Process, free_port, processor_seconds
from servers.gateways import start_gateway
from servers.jupyter import repository_environment

__all__ = ["PLAYERS", "measure"]

PLAYERS = 10_000
_GATEWAYS, _CLIENTS = 4, 2
_PERIOD = 10.0
_SETTLE = 3.0
_OURS = "uproot_nb"
_PROGRAM = Path(__file__).resolve().parents[1] / "programs" / "crowd_at_gateways.py"


def measure(folder: Path, players: int, seconds: float, figures: Figures) -> None:
    """Let *players* call every ten seconds for *seconds*; note who was dropped, and the times.

    Raises:
        BenchError: a participant could not connect.
    """
    with ExitStack() as up:
        bridge = up.enter_context(open_broker(folder))
        gateways = [_open_gateway(up, folder, bridge) for _ in range(_GATEWAYS)]
        kernel = up.enter_context(_program("kernel", bridge, str(players), str(folder / "c.db")))
        links = json.loads(_line_of(kernel))
        time.sleep(_SETTLE)
        before = [_resident(process.pid) for process, _ in gateways]
        crowd = [up.enter_context(_program("clients")) for _ in range(_CLIENTS)]
        ports = [port for _, port in gateways]
        for number, clients in enumerate(crowd):
            _write(clients, _job(links[number::_CLIENTS], ports, seconds))
        for clients in crowd:
            if _line_of(clients) != "connected":
                raise BenchError("a participant could not connect")
        time.sleep(_SETTLE)
        grown = [_resident(one.pid) - was for (one, _), was in zip(gateways, before, strict=True)]
        figures.add("kB a socket at a gateway", _OURS, sum(grown) / players / 1000)
        pids = {
            "kernel": kernel.pid,
            **{f"gateway {n}": g.pid for n, (g, _) in enumerate(gateways)},
        }
        used = {name: processor_seconds(pid) for name, pid in pids.items()}
        for clients in crowd:
            _write(clients, "go")
        answers = [json.loads(_line_of(clients)) for clients in crowd]
        for name, pid in pids.items():
            share = (processor_seconds(pid) - used[name]) / seconds
            figures.add(f"share of a processor, {name} of a crowd", _OURS, share)
        _note(answers, figures)


def _note(answers: list[dict[str, Any]], figures: Figures) -> None:
    for name in ("lost", "calls", "unanswered", "refused"):
        figures.add(f"crowd at gateways, {name}", _OURS, sum(one[name] for one in answers))
    times = sorted(taken * 1000 for one in answers for taken in one["seconds"])
    late = sorted(by * 1000 for one in answers for by in one["late"])
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        figures.add(f"crowd at gateways, {name} in ms", _OURS, _percentile(times, share))
    figures.add("crowd at gateways, greatest in ms", _OURS, times[-1])
    figures.add("crowd at gateways, p99 by which clients call late in ms", _OURS,
                _percentile(late, 0.99))  # fmt: skip


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _job(links: list[str], ports: list[int], seconds: float) -> str:
    """Return what a process of clients is to do: its participants are at all gateways."""
    urls = []
    for number, link in enumerate(links):
        port = ports[number % len(ports)]
        path = link.split("/", 3)[3].partition("?")[0]
        urls.append(
            (f"http://127.0.0.1:{port}/{path}ws?page=0&since=0", f"http://127.0.0.1:{port}")
        )
    return json.dumps({"urls": urls, "period": _PERIOD, "seconds": seconds})


def _open_gateway(up: ExitStack, folder: Path, bridge: str) -> tuple[Process, int]:
    port = free_port()
    gateway = start_gateway(folder, bridge, port)
    up.callback(gateway.close)
    return gateway, port


@contextmanager
def _program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(_PROGRAM), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **repository_environment()},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _write(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _resident(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)
