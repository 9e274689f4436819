"""Watchdog: says which code holds everybody up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

from uproot_nb.engine.steps import StepLock

__all__ = ["Watchdog"]

LOOK_EVERY = 0.1


class Watchdog:
    """Warns, once each time, when the lock or the loop is held for longer than *patience* seconds.

    Args:
        warn: gets the sentence; called in the watchdog's own thread.
    """

    def __init__(
        self,
        lock: StepLock,
        loop: asyncio.AbstractEventLoop,
        warn: Callable[[str], None],
        patience: float = 0.5,
    ) -> None:
        self._lock, self._loop, self._warn, self._patience = lock, loop, warn, patience
        self._beat = time.monotonic()
        self._held = 0.0
        """When the lock was last seen held: the loop may have waited for it."""
        self._warned_for = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="uproot_nb watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer. Idempotent."""
        self._stopped.set()

    def _watch(self) -> None:
        self._ask_for_beat()
        while not self._stopped.wait(LOOK_EVERY):
            now, since = time.monotonic(), self._lock.since
            if since:
                self._held = now
                if now - since > self._patience:
                    self._warn_once(since, f"{self._lock.holder} has held up every participant")
            elif now - max(self._beat, self._held) > self._patience + 2 * LOOK_EVERY:
                self._warn_once(self._beat, "Something has kept the experiment's loop busy")

    def _warn_once(self, since: float, what: str) -> None:
        if since == self._warned_for:
            return
        self._warned_for = since
        self._warn(
            f"{what} for more than {self._patience:g} s.\n"
            "Await what is slow, or mark the method @live(thread=True); in a cell, hold run.lock "
            "only for reads and writes."
        )

    def _ask_for_beat(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed before the first look
            self._loop.call_soon_threadsafe(self._take_beat)

    def _take_beat(self) -> None:
        self._beat = time.monotonic()
        if not self._stopped.is_set():
            self._loop.call_later(LOOK_EVERY, self._take_beat)
