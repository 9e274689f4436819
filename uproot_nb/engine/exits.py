"""exits: what open runs do before their process ends, while authors' code can still run."""

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
"""How long all runs together may take. Jupyter ends a kernel by force after about 2.5 seconds."""


class Leaver(Protocol):
    """What must end before the interpreter does."""

    def begin_to_leave(self) -> None:
        """Start to end; do not wait."""

    def leave(self, until: float) -> None:
        """Have ended by *until*, a time of `time.monotonic`."""


class _Exits:
    """Everybody who must act before the interpreter takes anything apart.

    Jupyter's Restart and Shut down, `exit()` and the end of a script all come by here. `atexit`
    would be too late: by then executors take no work, and IPython empties the notebook's namespace
    under the code that still runs. Like `concurrent.futures`, we ask `threading` for the moment
    before; what was registered last is called first, so our turn comes before the executors'.
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
"""There is one end of a process."""


def leave_before_exit(leaver: Leaver) -> None:
    """Let *leaver* end before the process does; `stay` takes it back."""
    _EXITS.add(leaver)


def stay(leaver: Leaver) -> None:
    """Forget *leaver*, which has ended by itself. Idempotent."""
    _EXITS.remove(leaver)
