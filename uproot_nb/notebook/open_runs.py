"""Open runs: all of this process, for `uproot-nb run`, which does not know their names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from uproot_nb.notebook.run import Run
from uproot_nb.notebook.serve import OPEN_RUNS

__all__ = ["close_runs", "describe_runs", "open_runs"]


def open_runs() -> Iterator[Run]:
    """Yield the runs that are being served, whichever module's code has called `serve`."""
    for module in list(sys.modules.values()):
        served = getattr(module, "__dict__", {}).get(OPEN_RUNS, {})
        yield from (one.run for one in list(served.values()) if not one.run.closed)


def describe_runs() -> list[dict[str, Any]]:
    """Return each open run's name, path, url, and its links as [kind, who, url].

    The kinds are "join", "room" and "player".
    """
    return [
        {"name": run.name, "path": run.path, "url": run.url, "links": _links(run)}
        for run in open_runs()
    ]


def _links(run: Run) -> list[list[str]]:
    with run.lock:
        named = [name for name, room in run._runtime.world.state.rooms.items() if room]
        players = [["player", player.name, run.link(player)] for player in run.players]
    rooms = [["room", name, f"{run.url}room/{name}/"] for name in named]
    return [["join", "everybody", run.join_link], *rooms, *players]


def close_runs() -> None:
    """Close every open run."""
    for run in list(open_runs()):
        run.close()
