"""Latencies: how long bots waited for pages, submissions, calls and pushes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

__all__ = ["Latencies"]


class Latencies:
    """Collects clients' waiting times, in the bots' thread; seconds, as a participant sees them.

    latencies = Latencies()
    Client(link, watcher=latencies)
    latencies.table(sent={})
    """

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, float]] = []
        """Kind ("page", "submission", "call"), page or method, seconds."""
        self.pushes: list[tuple[int, float]] = []
        """The number of a push in the log, and when it came (Unix time)."""

    def took(self, kind: str, what: str, seconds: float) -> None:
        """Record what a client has waited for."""
        self.rows.append((kind, what, seconds))

    def heard(self, seq: int, at: float) -> None:
        """Record a push that came."""
        self.pushes.append((seq, at))

    def take_in(self, other: Latencies) -> None:
        """Add the waiting times of bots that played elsewhere."""
        self.rows += other.rows
        self.pushes += other.pushes

    def latencies(self, sent: Mapping[int, float]) -> pandas.DataFrame:
        """Return a row per wait: kind, what, ms.

        Args:
            sent: when each push was logged (Unix time), by its number; its latency is the time
                from there to the bot. Bots and session must share a clock.
        """
        import pandas  # lazy: see uproot_nb/__init__.py

        rows = [(kind, what, 1000.0 * seconds) for kind, what, seconds in list(self.rows)]
        rows += [
            ("push", "", 1000.0 * (at - sent[seq])) for seq, at in list(self.pushes) if seq in sent
        ]
        frame = pandas.DataFrame(rows, columns=["kind", "what", "ms"])
        return frame.astype({"kind": "string", "what": "string", "ms": float})
