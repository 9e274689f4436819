"""Interrupts: a KeyboardInterrupt waits until a critical section of our code has ended."""

from __future__ import annotations

import signal
import threading
import time
from _signal import (  # type: ignore[import-not-found]  # signal.getsignal is ten times slower
    default_int_handler,
    getsignal,
)
from types import CodeType, FrameType
from typing import Any, TypeVar

__all__ = ["SECTIONS", "Sections", "guarded"]

IMPATIENCE = 2.0
"""Seconds after which another interrupt breaks a section: authors' code may never return."""

_SIGINT = int(signal.SIGINT)

Function = TypeVar("Function")


class Sections:
    """Sections of the main thread that a KeyboardInterrupt must not cut in half.

    Python raises it there alone, between any two instructions. During a section the signal is
    recorded; it is raised when the outermost section ends.

        SECTIONS.enter()
        try:
            ...                  # all of this happens, or nothing
        finally:
            SECTIONS.leave()     # raises KeyboardInterrupt if one came meanwhile

    Both are called in the main thread only.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.pending = 0.0
        """When the pending interrupt came, by `time.monotonic`; 0 if there is none."""
        self.guarded: set[CodeType] = set()
        """Functions that begin or end a section: an interrupt in them waits, too."""
        self.guarded.add(Sections.enter.__code__)
        self.thread = threading.main_thread().ident or 0

    def enter(self) -> None:
        """Begin a section; sections may be nested."""
        self.depth += 1
        if self.depth == 1 and getsignal(_SIGINT) is default_int_handler:
            # A handler set by others (asyncio, a debugger) is left alone.
            signal.signal(_SIGINT, self.handle)

    def leave(self) -> None:
        """End a section; after the outermost, raise a pending interrupt."""
        if self.depth:
            self.depth -= 1
        if self.pending and not self.depth:
            self.raise_pending()

    def check(self) -> None:
        """Raise a pending interrupt, where a section may be aborted."""
        if self.pending and self.depth == 1:
            self.raise_pending()

    def raise_pending(self) -> None:
        """Raise the pending interrupt."""
        self.pending = 0.0
        raise KeyboardInterrupt

    def end_all(self) -> None:
        """Reset after a cell: no section outlives it."""
        self.depth, self.pending = 0, 0.0

    def handle(self, number: int, frame: FrameType | None) -> Any:
        """Handle SIGINT."""
        inside = self.depth or (frame is not None and frame.f_code in self.guarded)
        now = time.monotonic()
        if inside and not (self.pending and now - self.pending > IMPATIENCE):
            self.pending = self.pending or now
            return
        self.raise_pending()


SECTIONS = Sections()
"""A process has one SIGINT and one main thread."""


def guarded(function: Function) -> Function:
    """Let an interrupt wait that comes inside *function*, which begins or ends a section."""
    SECTIONS.guarded.add(function.__code__)  # type: ignore[attr-defined]
    return function
