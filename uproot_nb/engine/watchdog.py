"""Watchdog: warns of code that delays all participants."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable

from uproot_nb.session.breaking import place_of
from uproot_nb.session.steps import NOBODY, Cause, StepLock

__all__ = ["Watchdog"]

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.1


class Watchdog:
    """Warns, once each time, when the lock or the loop is held for longer than `patience`.

    Args:
        warn: receives the warning and its cause; called in the watchdog's own thread.
        on_held: receives the cause of a step that lasts as long; called there, too.
    """

    patience = 0.5
    """Seconds."""

    def __init__(
        self,
        lock: StepLock,
        loop: asyncio.AbstractEventLoop,
        warn: Callable[[str, Cause], None],
        on_held: Callable[[Cause], None] = lambda cause: None,
    ) -> None:
        self._lock, self._loop, self._warn = lock, loop, warn
        self._on_held = on_held
        self._asked, self._beat = 0.0, time.monotonic()
        """When the loop was last asked for a sign of life, and when it last gave one."""
        self._held = 0.0
        """When the lock was last seen held, for which the loop may have waited."""
        self._warned_for = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="uproot_nb watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. Idempotent."""
        self._stopped.set()

    def is_stuck(self) -> bool:
        """Return whether a step, or other code on the loop, has run for longer than `patience`."""
        now, since = time.monotonic(), self._lock.since
        if since:
            return self._lock.is_in_step() and now - since > self.patience
        asked = self._asked
        is_silent = asked > self._beat
        return is_silent and now - max(asked, self._held) > self.patience + CHECK_SECONDS

    def _watch(self) -> None:
        self._ask_for_beat()
        while not self._stopped.wait(CHECK_SECONDS):
            self._ask_for_beat()
            try:
                self._check()
            except Exception:  # the border around one check: the next one follows
                logger.exception("The watchdog could not find out what delays participants.")

    def _check(self) -> None:
        now, since = time.monotonic(), self._lock.since
        if since:
            self._held = now
            if now - since > self.patience and since != self._warned_for:
                self._note_held(since)
        elif self.is_stuck():
            place = place_of(self._lock.thread_of_steps)
            where = f"It is in {place}\nrun.interrupt() ends it. " if place else ""
            what = "Something has kept the experiment's loop busy"
            self._warn_once(self._asked, what, where)

    def _note_held(self, since: float) -> None:
        lock = self._lock
        cause, place = NOBODY, ""
        if lock.is_in_step():
            cause, place = lock.outermost, place_of(lock.thread_of_steps)
            self._on_held(cause)
        what = f"{lock.holder} has held up every participant"
        where = f"It is in {place}\n" if place else ""
        end = "run.interrupt() ends it. " if cause is not NOBODY else ""
        self._warn_once(since, what, where + end, cause)

    def _warn_once(self, since: float, what: str, more: str = "", cause: Cause = NOBODY) -> None:
        if since == self._warned_for:
            return
        self._warned_for = since
        self._warn(
            f"{what} for more than {self.patience:g} s.\n{more}"
            "Await what is slow, or mark the method @live(thread=True); in a cell, hold run.lock "
            "only for reads and writes.",
            cause,
        )

    def _ask_for_beat(self) -> None:
        """Ask from this thread, by this clock: the loop of a rerun has its own."""
        if self._asked <= self._beat:
            self._asked = time.monotonic()
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._take_beat)

    def _take_beat(self) -> None:
        self._beat = time.monotonic()
