"""Execution: which session the executing code belongs to, and where its effects outside it go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from random import Random
from typing import Protocol

__all__ = [
    "Outside", "Surroundings", "enter_outside", "leave_thread_to", "outside_here", "running_for",
    "session_here",
]  # fmt: skip


class Surroundings(Protocol):
    """What authors' definitions need of the session for which they run."""

    def next_rng(self) -> Random:
        """Return a new generator, whose draws follow from the session's seed."""


_RUNNING_FOR: ContextVar[Surroundings | None] = ContextVar("uproot_nb_session", default=None)


@contextmanager
def running_for(session: Surroundings) -> Iterator[None]:
    """Let code that a cell calls run for a session, as an experiment's `digest(session)` does."""
    token = _RUNNING_FOR.set(session)
    try:
        yield
    finally:
        _RUNNING_FOR.reset(token)


def session_here() -> Surroundings | None:
    """Return the session for which this code runs; None in a cell, a thread or a script."""
    here = _RUNNING_FOR.get()
    if here is not None:
        return here
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    found: Surroundings | None = getattr(loop, "session", None)
    return found


class Outside(Protocol):
    """Takes effects outside the session and performs them once their cause is committed."""

    def append_row(
        self, path: Path, texts: Mapping[str, str], key: str, private: bool = False
    ) -> None:
        """Append a row to a CSV file, or replace the last one with that key."""


_ATTRIBUTE = "uproot_nb_outside"
_CONTEXT: ContextVar[Outside | None] = ContextVar(_ATTRIBUTE, default=None)


def leave_thread_to(outside: Outside) -> None:
    """Hand the effects of all code in this thread, a run's own, to *outside*."""
    setattr(threading.current_thread(), _ATTRIBUTE, outside)


def enter_outside(outside: Outside) -> None:
    """Hand the effects of code in this context to *outside*, also in threads that inherit it."""
    _CONTEXT.set(outside)


def outside_here() -> Outside | None:
    """Return what takes the effects of the executing code; None in cells and scripts."""
    found: Outside | None = getattr(threading.current_thread(), _ATTRIBUTE, None)
    return found if found is not None else _CONTEXT.get()
