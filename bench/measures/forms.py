"""Forms: 50 participants who answer a form of three fields, page after page."""

from __future__ import annotations

from figures import Figures
from measures.programs import run_generator
from participants import Participants
from processes import processor_seconds
from servers.system import System

__all__ = ["measure_round"]

_PARTICIPANTS, _WARM_UP = 50, 4


def measure_round(systems: list[tuple[System, Participants]], pages: int, figures: Figures) -> None:
    """Let a new session of each system walk, one system directly after the other."""
    for system, _ in systems:
        urls = system.open_forms(_PARTICIPANTS)
        before = {name: processor_seconds(pid) for name, pid in system.pids.items()}
        job = {"system": system.name, "urls": urls, "pages": pages, "warm_up": _WARM_UP}
        answer = run_generator("formgen", job)
        walked = answer["pages"] * (1 + _WARM_UP / pages)
        for name, pid in system.pids.items():
            used = (processor_seconds(pid) - before[name]) / walked
            figures.add(f"forms, processor µs in the {name}", system.name, used * 1e6)
        own = answer["processor"] / answer["pages"]
        figures.add("forms, processor µs in the load generator", system.name, own * 1e6)
        figures.add("forms", system.name, answer["per_second"])
        figures.add("p50 forms", system.name, answer["p50"])
        figures.add("p99 forms", system.name, answer["p99"])
