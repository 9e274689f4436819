"""Surroundings: the session for which code runs, found by the event loop on which it runs."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Protocol

__all__ = ["Surroundings", "session_here"]


class Surroundings(Protocol):
    """What authors' definitions need of the session for which they run."""

    def next_rng(self) -> Random:
        """Return a generator of its own, whose draws follow from the session's seed."""


def session_here() -> Surroundings | None:
    """Return the session for which this code runs; None in a cell, a thread or a script."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    found: Surroundings | None = getattr(loop, "session", None)
    return found
