"""Outside: where the running experiment puts effects on the outside world until they may happen."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

__all__ = ["Outside", "enter_outside", "leave_thread_to", "outside_here"]


class Outside(Protocol):
    """Takes effects on the outside world; they happen once their cause is committed."""

    def append_row(self, path: Path, texts: Mapping[str, str], key: str) -> None:
        """Append a row to a CSV file, or put it in the place of the last one with that key."""


_ATTRIBUTE = "uproot_nb_outside"
_CONTEXT: ContextVar[Outside | None] = ContextVar(_ATTRIBUTE, default=None)


def leave_thread_to(outside: Outside) -> None:
    """Let all code of this thread, which is a run's own, put its effects there."""
    setattr(threading.current_thread(), _ATTRIBUTE, outside)


def enter_outside(outside: Outside) -> None:
    """Let the code of this context put its effects there, also in threads that inherit it."""
    _CONTEXT.set(outside)


def outside_here() -> Outside | None:
    """Return where effects of the code that is running go; None in cells and scripts."""
    found: Outside | None = getattr(threading.current_thread(), _ATTRIBUTE, None)
    return found if found is not None else _CONTEXT.get()
