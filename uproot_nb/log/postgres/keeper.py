"""Keeper: the thread that commits batches of events and renews their writer's sign of life."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from uproot_nb.errors import LogAway
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.writer import FencedWriter

__all__ = ["HEARTBEAT_SECONDS", "Done", "Keeper"]

HEARTBEAT_SECONDS = 0.5
"""How often an idle writer shows that it lives, and looks whether it is asked to hand over."""
_RETRY_SECONDS = 0.25
"""How often a database that is away is looked for."""
_JOIN_SECONDS = 1.0

Done = Callable[[BaseException | None], None]


class Keeper:
    """Commits what it is given, in order, on a thread of its own.

        keeper.submit(events, done)     # done(None), or done(error), is called on the thread

    Args:
        on_change: called on the thread with what is wrong with the database, and with None when
            it can be used again.
    """

    def __init__(self, writer: FencedWriter, on_change: Callable[[LogAway | None], None]) -> None:
        self._writer, self._on_change = writer, on_change
        self.failure: LogAway | None = None
        """Why the database cannot be used just now."""
        self._batches: deque[tuple[Sequence[Event], Done]] = deque()
        self._wake = threading.Condition()
        self._is_called = self._stopping = False
        self._renewed = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Idempotent."""
        with self._wake:
            if self._thread is None and not self._stopping:
                name = "uproot_nb-postgres"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def submit(self, events: Sequence[Event], done: Done) -> None:
        """Commit *events* after what was given before; then call *done* on the thread."""
        with self._wake:
            self._batches.append((events, done))
            self._wake.notify()
        self.start()

    def call(self) -> None:
        """Let the claims be renewed now."""
        with self._wake:
            self._is_called = True
            self._wake.notify()

    def stop(self) -> None:
        """End the thread, once it has done what it was given; a database that is away ends it."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(_JOIN_SECONDS)
        while thread.is_alive():
            self._writer.cut()
            thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is not None:
                self._commit(*batch)
            elif self._stopping:
                return
            else:
                self._renew()

    def _next_batch(self) -> tuple[Sequence[Event], Done] | None:
        """Wait for a batch; None if the claims are to be renewed, or the thread is to end."""
        with self._wake:
            if not self._batches and not self._stopping and not self._is_called:
                self._wake.wait(HEARTBEAT_SECONDS if self.failure is None else _RETRY_SECONDS)
            if self._batches and (self._stopping or not self._is_due()):
                return self._batches.popleft()
            self._is_called = False
            return None

    def _is_due(self) -> bool:
        """Return whether the claims are to be renewed, though there is something to commit."""
        return time.monotonic() - self._renewed > HEARTBEAT_SECONDS

    def _commit(self, events: Sequence[Event], done: Done) -> None:
        try:
            self._writer.append(events)
        except BaseException as error:  # whatever it is: *done* reports it
            self._note(error)
            done(error)
        else:
            self._note(None)
            done(None)

    def _renew(self) -> None:
        self._renewed = time.monotonic()
        try:
            self._writer.renew()
        except Exception as error:  # whatever it is: the next append says so, too
            self._note(error)
        else:
            self._note(None)

    def _note(self, error: BaseException | None) -> None:
        failure = error if isinstance(error, LogAway) else None
        before, self.failure = self.failure, failure
        if (before is None) != (failure is None):
            self._on_change(failure)
