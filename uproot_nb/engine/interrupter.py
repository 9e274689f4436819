"""Interrupter: ends a step of authors' code that holds everybody up."""

from __future__ import annotations

import time

from uproot_nb.engine.watchdog import Watchdog
from uproot_nb.session.breaking import break_thread
from uproot_nb.session.steps import StepLock

__all__ = ["Interrupter"]

BREAK_SECONDS = 1.0
"""How long `interrupt` waits for the interrupted step to end."""


class Interrupter:
    """Interrupts the run's thread; any thread but that one may call, without the lock."""

    def __init__(self, lock: StepLock, watchdog: Watchdog) -> None:
        self._lock, self._watchdog = lock, watchdog

    def interrupt(self) -> str:
        """End the running step of authors' code by raising an exception in it; return its name.

        Empty if no step runs.
        """
        lock = self._lock
        since, holder = lock.since, lock.holder if lock.is_in_step() else "The experiment's code"
        if not (lock.is_in_step() or self._watchdog.is_stuck()):
            return ""
        lock.breaking = True
        try:
            if not break_thread(lock.thread_of_steps, lambda: not lock.breaking):
                return ""
        finally:
            lock.breaking = False
        until = time.monotonic() + BREAK_SECONDS
        while lock.is_in_step() and lock.since == since and time.monotonic() < until:
            time.sleep(0.005)
        return holder

    def interrupt_if_held_up(self) -> str:
        """End a step that delays participants; one that has just begun continues."""
        return self.interrupt() if self._watchdog.is_stuck() else ""
