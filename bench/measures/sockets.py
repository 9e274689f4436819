"""Sockets: what one more connected participant costs the server in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from figures import Figures
from participants import Participants
from servers import bare, uproot_nb
from servers.system import System

__all__ = ["measure"]

_FIRST, _MORE = 100, 500
_SETTLE = 1.0


def measure(folder: Path, figures: Figures) -> None:
    """Connect a first hundred to fresh servers, then 500 more, and compare the servers' memory."""
    with bare.start(folder, _FIRST + _MORE) as system:
        figures.add("kB a socket", system.name, _kilobytes(system, lambda: system.urls[_FIRST:]))
    with uproot_nb.start(folder, _FIRST) as system:
        figures.add("kB a socket", system.name, _kilobytes(system, lambda: system.add(_MORE)))


def _kilobytes(system: System, bring: Callable[[], list[str]]) -> float:
    """Return what each of the participants costs whose addresses *bring* returns.

    What the first hundred cost once (imports, arenas) is not theirs; what the server keeps of
    bringing them to the page is.
    """
    server = psutil.Process(system.pids["server"])
    with Participants(system.name, system.urls[:_FIRST], system.origin) as crowd:
        time.sleep(_SETTLE)
        before = int(server.memory_info().rss)
        crowd.do("connect", wire=system.name, urls=bring(), origin=system.origin)
        time.sleep(_SETTLE)
        return (int(server.memory_info().rss) - before) / _MORE / 1000
