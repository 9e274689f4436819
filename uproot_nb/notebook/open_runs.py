"""Open runs: all runs of this process, for `uproot-nb run`, which does not know their names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from uproot_nb.notebook.run import Run
from uproot_nb.notebook.serve import OPEN_RUNS

__all__ = ["close_runs", "describe_runs", "hand_over_runs", "open_runs"]


def open_runs() -> Iterator[Run]:
    """Yield the runs that are being served, whichever module's code has called `serve`."""
    return (run for run in _all_runs() if not run.closed)


def _all_runs() -> Iterator[Run]:
    """Yield all runs that nobody has closed, also those that other kernels have taken over."""
    seen = set()  # a module may have two names
    for module in list(sys.modules.values()):
        served = getattr(module, "__dict__", {}).get(OPEN_RUNS, {})
        new = [one.run for one in list(served.values()) if id(one) not in seen]
        seen |= {id(one) for one in served.values()}
        yield from new


def describe_runs() -> list[dict[str, Any]]:
    """Return each run's name, path, url, state, and its links as [kind, who, url].

    The states are "open", and "lost" or "handed over" of runs whose session another kernel has.
    The kinds of links are "join", "room" and "player".
    """
    try:
        return [
            {
                "name": run.name, "path": run.path, "url": run.url, "state": _state(run),
                "links": [] if run.closed else _links(run),
            }
            for run in _all_runs()
            if _state(run)
        ]  # fmt: skip
    except KeyboardInterrupt:  # this waited for a step that does not end, and is no cell
        for run in open_runs():
            run._runtime.interrupter.interrupt_if_held_up()
        raise


def _state(run: Run) -> str:
    """Return the state of a run; "" if it has been closed."""
    runtime = run._runtime
    if runtime.lost is not None:
        return "lost"
    if runtime.handed_over:
        return "handed over"
    return "" if run.closed else "open"


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


def hand_over_runs() -> None:
    """Let go of every open run's session, without closing it."""
    for run in list(open_runs()):
        run._runtime.hand_over()
