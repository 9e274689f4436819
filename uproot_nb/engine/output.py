"""Output: shows what authors' code prints below its cell, and logs it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from uproot_nb.session.steps import NOBODY, Cause

__all__ = ["Output"]

LogLines = Callable[[str, str, Cause], None]

LINES_ALONE = 100
"""Lines of one call that are logged one by one; later ones are logged in blocks."""
LINES_TOGETHER = 1_000
LONGEST_TEXT = 65_536
"""Characters buffered until the end of a line, or until they are shown."""
MOST_OF_ONE = 2_000_000
"""Characters of one call's output that are logged; all are shown."""
SHOWN_EVERY = 0.05
"""Seconds between two times at which output is shown."""


class Output:
    """Captures stdout and stderr while a run is served.

    Args:
        cause: returns the cause of the run's code in this thread; None for other output.
        log: logs (stream, text, cause) of finished lines.
        aim: directs this thread's output to the cell of a page, if possible.
        soon: schedules a function for after the running step; None without a loop.
    """

    def __init__(
        self,
        cause: Callable[[], Cause | None],
        log: LogLines,
        aim: Callable[[Cause], None],
        soon: Callable[[Callable[[], None]], Any] | None = None,
    ) -> None:
        self._cause, self._log, self._aim = cause, log, aim
        self.soon = soon
        self._tees: list[tuple[str, _Tee]] = []

    def start(self) -> None:
        """Begin to capture."""
        for name in ("stdout", "stderr"):
            tee = _Tee(getattr(sys, name), name, self)
            setattr(sys, name, tee)
            self._tees.append((name, tee))

    def stop(self) -> None:
        """Restore the streams. Idempotent."""
        for name, tee in self._tees:
            if getattr(sys, name) is tee:
                setattr(sys, name, tee.beneath)
            else:
                tee.listening = False  # others have replaced us: only stop capturing
            tee.show()
        self._tees = []

    def aim(self, cause: Cause) -> None:
        """Direct this thread's next output to the cell of the code that prints."""
        self._aim(cause)

    def log_lines(self, stream: str, text: str, cause: Cause) -> None:
        """Log lines that authors' code has printed."""
        if text.strip():
            self._log(stream, text, cause)

    def show(self, text: str, cause: Cause) -> None:
        """Show a text of our own on stderr, below the cell of *cause*, without logging it."""
        for _, tee in self._tees:
            tee.show()
        self._aim(cause)
        stream = sys.stderr
        print(text, file=stream.beneath if isinstance(stream, _Tee) else stream, flush=True)

    def cause(self) -> Cause | None:
        """Return the cause of the printing code; None if it is not this run's."""
        return self._cause()

    def finish(self) -> None:
        """Log unfinished lines, and show all buffered output."""
        for _, tee in self._tees:
            tee.show()
            tee.log()


class _Tee:
    """A stream that passes everything on, and logs what authors' code writes.

    While a call runs, its output is shown at most every 50 ms, and logged in blocks after the first
    hundred lines, so that even much output is cheap. The number of events depends on the text
    alone, so that a rerun makes the same.
    """

    def __init__(self, beneath: TextIO, name: str, output: Output) -> None:
        self.beneath, self.listening = beneath, True
        self._name, self._output = name, output
        self._lock = threading.RLock()
        self._unlogged: list[str] = []
        self._by, self._length, self._lines, self._waiting, self._logged = NOBODY, 0, 0, 0, 0
        self._unshown: list[str] = []
        self._unshown_length, self._shown_at, self._shows_soon = 0, 0.0, False

    def write(self, text: str) -> int:
        """Pass *text* on; authors' output is also logged, line by line."""
        by = self._output.cause() if self.listening else None
        if by is None:
            self.show()
            return self.beneath.write(text)
        with self._lock:
            self._note_shown(text, by)
            self._note(text, by)
        return len(text)

    def flush(self) -> None:
        """Show all buffered output."""
        self.show()
        self.beneath.flush()

    # ---- shown ----

    def _note_shown(self, text: str, by: Cause) -> None:
        if by is not self._by:
            self.show()
        self._unshown.append(text)
        self._unshown_length += len(text)
        soon, now = self._output.soon, time.monotonic()
        late = now - self._shown_at > SHOWN_EVERY or self._unshown_length > LONGEST_TEXT
        if soon is None or late:
            self._show(by)
        elif not self._shows_soon:
            self._shows_soon = True
            try:
                soon(self.show)
            except RuntimeError:  # the loop has been closed
                self._show(by)

    def show(self) -> None:
        """Show buffered output."""
        if self._unshown or self._shows_soon:
            with self._lock:
                self._show(self._by)

    def _show(self, by: Cause) -> None:
        text, self._unshown = "".join(self._unshown), []
        self._unshown_length, self._shows_soon, self._shown_at = 0, False, time.monotonic()
        if text:
            self._output.aim(by)
            self.beneath.write(text)

    # ---- logged ----

    def _note(self, text: str, by: Cause) -> None:
        if by is not self._by:
            self.log()
            self._by, self._lines, self._logged = by, 0, 0
        self._unlogged.append(text)
        self._length += len(text)
        ends = text.count("\n")
        self._waiting += ends
        due = self._waiting and self._lines < LINES_ALONE
        if due or self._waiting >= LINES_TOGETHER or self._length > LONGEST_TEXT:
            self.log()

    def log(self) -> None:
        """Log what was written so far."""
        with self._lock:
            text, self._unlogged = "".join(self._unlogged), []
            self._lines += self._waiting
            self._length = self._waiting = 0
            before, self._logged = self._logged, self._logged + len(text)
            if text and before <= MOST_OF_ONE:
                if self._logged > MOST_OF_ONE:
                    text += "\n(What else this call prints is shown, but not logged.)\n"
                self._output.log_lines(self._name, text, self._by)

    def writelines(self, lines: Any) -> None:
        """Pass lines on."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)
