"""StatusPage: what the researcher sees of the participant server; no tokens, no links."""

from __future__ import annotations

import os
import sys
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import authenticated

if TYPE_CHECKING:  # only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["StatusData", "StatusPage", "describe"]

_PAGE = Path(__file__).parent / "pages" / "status.html"


def describe(server: ParticipantServer) -> dict[str, Any]:
    """Return what goes on in *server*, as plain values.

    Keys: `address`, `connections`, `kernels`, `memory_bytes` (None where the system does not
    tell), `refusals` (count by kind), `sessions` (per session: name, state, players, sockets,
    `calls_waiting`, `unacknowledged` sockets, `unsent_bytes`).
    """
    return {
        "address": server.url,
        "connections": len(server.sockets),
        "kernels": len(server.links),
        "memory_bytes": _memory(),
        "refusals": dict(sorted(server.refusals.counts.items())),
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
            for sockets in [session.sockets()]
        ],
    }


class _Researcher(JupyterHandler):
    """A handler for people who are logged in to Jupyter."""

    def initialize(self, server: ParticipantServer) -> None:
        self.server = server


class StatusPage(_Researcher):
    """The page."""

    @authenticated
    def get(self) -> None:
        self.finish(_page(describe(self.server)))


class StatusData(_Researcher):
    """The same as JSON."""

    @authenticated
    def get(self) -> None:
        self.finish(describe(self.server))


def _page(told: dict[str, Any]) -> str:
    memory = told["memory_bytes"]
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        address=escape(told["address"]),
        connections=told["connections"],
        kernels=told["kernels"],
        memory="unknown" if memory is None else f"{memory / 1e6:.0f} MB",
        sessions=_rows(tuple(session.values()) for session in told["sessions"]),
        refusals=_rows(told["refusals"].items()),
    )


def _rows(rows: Any) -> str:
    cells = ["".join(f"<td>{escape(str(value))}</td>" for value in row) for row in rows]
    return "\n".join(f"<tr>{row}</tr>" for row in cells) or '<tr><td colspan="7">none</td></tr>'


def _memory() -> int | None:
    """Return the process's resident bytes, where the system tells."""
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
