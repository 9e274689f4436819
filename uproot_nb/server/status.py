"""A participant server's state for researchers, without tokens and links."""

from __future__ import annotations

import os
import sys
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.sessions import ServedSession

__all__ = ["describe", "status_page"]

_PAGE = Path(__file__).parent / "pages" / "status.html"


def describe(server: ParticipantServer) -> dict[str, Any]:
    """Return the state of *server* as plain values.

    Keys: `address`, `connections`, `kernels`, `memory_bytes` (None if unknown), `refusals` (count
    by kind), `sessions`. Per session: name, state, and players (its places); `participants` who are
    connected, open `sockets`, and `gateways`, at all gateways of the session together, about a
    second old; at this server `calls_waiting`, `unacknowledged` sockets, `unsent_bytes`.
    """
    return {
        "address": server.url,
        "connections": len(server.sockets),
        "kernels": len(server.links),
        "memory_bytes": _memory(),
        "refusals": dict(sorted(server.reports.refusals.counts.items())),
        "sessions": [_describe_session(server, session) for session in server.sessions],
    }


def _describe_session(server: ParticipantServer, session: ServedSession) -> dict[str, Any]:
    sockets = server.sockets.of_session(session)
    here, everywhere = server.sockets.by_player(session.key), session.presence
    return {
        "name": session.name,
        "state": session.state,
        "players": len(session.players),
        "participants": len(here) if everywhere is None else everywhere.participants,
        "sockets": len(sockets) if everywhere is None else everywhere.sockets,
        "gateways": 1 if everywhere is None else everywhere.gateways,
        "calls_waiting": sum(len(socket.unanswered) for socket in sockets),
        "unacknowledged": sum(socket.acked < socket.written for socket in sockets),
        "unsent_bytes": sum(socket.unsent for socket in sockets),
    }


def status_page(state: dict[str, Any]) -> str:
    """Return what `describe` returns, as a page."""
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
    return "\n".join(f"<tr>{row}</tr>" for row in cells) or '<tr><td colspan="9">none</td></tr>'


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
