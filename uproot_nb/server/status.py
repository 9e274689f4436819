"""StatusPage: the participant server's state for researchers, without tokens and links."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import authenticated

from uproot_nb.server.participants import ParticipantServer

__all__ = ["StatusData", "StatusPage", "describe"]

_PAGE = Path(__file__).parent / "pages" / "status.html"


def describe(server: ParticipantServer) -> dict[str, Any]:
    """Return the state of *server* as plain values.

    Keys: `address`, `connections`, `kernels`, `memory_bytes` (None if unknown), `refusals` (count
    by kind), `sessions` (per session: name, state, players, sockets, `calls_waiting`,
    `unacknowledged` sockets, `unsent_bytes`).
    """
    return {
        "address": server.url,
        "connections": len(server.sockets),
        "kernels": len(server.links),
        "memory_bytes": _memory(),
        "refusals": dict(sorted(server.reports.refusals.counts.items())),
        "sessions": [
            {
                "name": session.name,
                "state": session.state,
                "players": len(session.players),
                "sockets": len(sockets),
                "calls_waiting": sum(len(socket.unanswered) for socket in sockets),
                "unacknowledged": sum(socket.acked < socket.written for socket in sockets),
                "unsent_bytes": sum(socket.unsent for socket in sockets),
            }
            for session in server.sessions
            for sockets in [server.sockets.of_session(session)]
        ],
    }


class _Researcher(JupyterHandler):
    """A handler for people who are logged in to Jupyter."""

    def initialize(self, describe: Callable[[], dict[str, Any]]) -> None:
        self.describe = describe


class StatusPage(_Researcher):
    """The page."""

    @authenticated
    def get(self) -> None:
        self.finish(_page(self.describe()))


class StatusData(_Researcher):
    """The same as JSON."""

    @authenticated
    def get(self) -> None:
        self.finish(self.describe())


def _page(state: dict[str, Any]) -> str:
    memory = state["memory_bytes"]
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        address=escape(state["address"]),
        connections=state["connections"],
        kernels=state["kernels"],
        memory="unknown" if memory is None else f"{memory / 1e6:.0f} MB",
        sessions=_rows(tuple(session.values()) for session in state["sessions"]),
        refusals=_rows(state["refusals"].items()),
    )


def _rows(rows: Any) -> str:
    cells = ["".join(f"<td>{escape(str(value))}</td>" for value in row) for row in rows]
    return "\n".join(f"<tr>{row}</tr>" for row in cells) or '<tr><td colspan="7">none</td></tr>'


def _memory() -> int | None:
    """Return the process's resident bytes; None if unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
