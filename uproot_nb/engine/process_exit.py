"""Exits: open runs end before their process does, while authors' code can still run."""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  (see _Exits: it must be there before us)
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

__all__ = ["EXIT_SECONDS", "leave_before_exit", "stay"]

logger = logging.getLogger(__name__)

EXIT_SECONDS = 2.0
"""Time for all runs together. Jupyter kills a kernel after about 2.5 seconds."""


class Leaver(Protocol):
    """An object that must end before the interpreter does."""

    def begin_to_leave(self) -> None:
        """Begin to end, without waiting."""

    def leave(self, until: float) -> None:
        """End by *until*, a time of `time.monotonic`."""


class _Exits:
    """The objects that must end before the interpreter shuts down.

    Jupyter's Restart and Shut down, `exit()` and the end of a script all run this. `atexit` would
    be too late: by then executors accept no work, and IPython has emptied the notebook's namespace.
    Like `concurrent.futures`, we register with `threading`, which calls the newest first: us before
    the executors.
    """

    def __init__(self) -> None:
        self._leavers: list[Leaver] = []
        self._process = os.getpid()
        threading._register_atexit(self._leave)  # type: ignore[attr-defined]

    def add(self, leaver: Leaver) -> None:
        if self._process != os.getpid():  # a fork has none of its parent's threads
            self._process = os.getpid()
            self._leavers.clear()
        self._leavers.append(leaver)

    def remove(self, leaver: Leaver) -> None:
        if leaver in self._leavers:
            self._leavers.remove(leaver)

    def _leave(self) -> None:
        if self._process != os.getpid():
            return
        leavers, until = list(self._leavers), time.monotonic() + EXIT_SECONDS
        acts: list[Callable[[], None]] = [leaver.begin_to_leave for leaver in leavers]
        acts += [partial(leaver.leave, until) for leaver in leavers]
        for act in acts:
            try:
                act()
            except Exception:  # the border around one run: the others must end as well
                logger.exception("A session could not be ended properly.")


_EXITS = _Exits()
"""A process ends once."""


def leave_before_exit(leaver: Leaver) -> None:
    """End *leaver* before the process ends; `stay` revokes this."""
    _EXITS.add(leaver)


def stay(leaver: Leaver) -> None:
    """Forget *leaver*, which has ended. Idempotent."""
    _EXITS.remove(leaver)
