"""Throughput: 100 participants who call, store and post, on one system after the other."""

from __future__ import annotations

from figures import Figures
from measures.programs import run_program
from participants import Participants
from processes import BenchError, processor_seconds
from servers.system import System
from servers.uproot_nb import NotebookSystem

__all__ = ["JOBS", "check_log", "measure_round"]

JOBS = {
    "echo": ("calls", "echo", False),
    "store": ("calls", "store", False),
    "fanout": ("posts", "post", False),
    "burst": ("posts", "post", True),
}
"""By measure: the load generator's job, the live method, and whether all post at once."""


def measure_round(
    measure: str, systems: list[tuple[System, Participants]], seconds: float, figures: Figures
) -> None:
    """Measure once on each system that has the method, one directly after the other."""
    job, method, at_once = JOBS[measure]
    for system, crowd in systems:
        if method not in system.methods:
            continue
        pids = {**system.pids, "load generator": crowd.pid}
        before = {name: processor_seconds(pid) for name, pid in pids.items()}
        answer = crowd.do(job, method=method, seconds=seconds, at_once=at_once)
        for name, pid in pids.items():
            used = processor_seconds(pid) - before[name]
            count = answer.get("calls") or answer["posts"]
            figures.add(f"{measure}, processor µs in the {name}", system.name, used / count * 1e6)
        figures.add(measure, system.name, answer["per_second"])
        figures.add(f"{measure}, all of it", system.name, answer.get("calls") or answer["posts"])


def check_log(systems: list[tuple[System, Participants]], figures: Figures) -> None:
    """Count the stored values in the log.

    Raises:
        BenchError: there are fewer than replies that acknowledged one.
    """
    for system, _ in systems:
        if isinstance(system, NotebookSystem):
            stored = run_program("count_stored", system.database.parent, system.database)
            acknowledged = sum(figures.values("store, all of it", system.name))
            if stored < acknowledged:
                raise BenchError(f"{acknowledged:g} changes acknowledged, {stored} in the log")
