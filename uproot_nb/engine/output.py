"""Output: what authors' code prints in the background reaches its cell and the run's log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from uproot_nb.session.steps import NOBODY, Cause

__all__ = ["Output"]

Keep = Callable[[str, str, Cause], None]

LINES_ALONE = 100
"""Lines of one call that are logged one by one; of those that follow, many at once."""
LINES_TOGETHER = 1_000
LONGEST_TEXT = 65_536
"""Characters that wait for the end of a line, or to be shown; more are passed on at once."""
MOST_OF_ONE = 2_000_000
"""Characters of one call's output that are logged; all of it is shown."""
SHOWN_EVERY = 0.05
"""Seconds; what is printed in between is shown together."""


class Output:
    """Sits before stdout and stderr while a run is served.

    Args:
        cause: tells which of the run's authors' code runs here; other output is not touched.
        keep: logs (stream, text, cause) of each finished line.
        aim: makes the kernel send this thread's output to the cell of a page, if it can.
        soon: has something done when the running step has ended; None if it never ends first.
    """

    def __init__(
        self,
        cause: Callable[[], Cause | None],
        keep: Keep,
        aim: Callable[[Cause], None],
        soon: Callable[[Callable[[], None]], Any] | None = None,
    ) -> None:
        self._cause, self._keep, self._aim = cause, keep, aim
        self.soon = soon
        self._tees: list[tuple[str, _Tee]] = []

    def start(self) -> None:
        """Begin to listen."""
        for name in ("stdout", "stderr"):
            tee = _Tee(getattr(sys, name), name, self)
            setattr(sys, name, tee)
            self._tees.append((name, tee))

    def stop(self) -> None:
        """Put the streams back. Idempotent."""
        for name, tee in self._tees:
            if getattr(sys, name) is tee:
                setattr(sys, name, tee.beneath)
            else:
                tee.listening = False  # somebody sits before us: only stop to listen
            tee.show()
        self._tees = []

    def aim(self, cause: Cause) -> None:
        """Let what this thread prints next appear below the cell of the code that prints."""
        self._aim(cause)

    def heard(self, stream: str, text: str, cause: Cause) -> None:
        """Take the lines that authors' code has printed."""
        if text.strip():
            self._keep(stream, text, cause)

    def tell(self, text: str, cause: Cause) -> None:
        """Show a text of our own on stderr, below the cell of *cause*; it is not kept again."""
        for _, tee in self._tees:
            tee.show()
        self._aim(cause)
        stream = sys.stderr
        print(text, file=stream.beneath if isinstance(stream, _Tee) else stream, flush=True)

    def cause(self) -> Cause | None:
        """Return the cause of the code that is printing, if it is this run's."""
        return self._cause()

    def finish(self) -> None:
        """Log what was printed without an end of line, and show all that waits."""
        for _, tee in self._tees:
            tee.show()
            tee.tell()


class _Tee:
    """A stream that passes everything on, and has logged what authors' code wrote.

    What a call prints costs little, however much it is: it is shown at most every 50 ms while the
    call goes on, and after its first hundred lines logged in blocks. How many events that makes
    depends on the text alone, so that a rerun makes as many.
    """

    def __init__(self, beneath: TextIO, name: str, output: Output) -> None:
        self.beneath, self.listening = beneath, True
        self._name, self._output = name, output
        self._lock = threading.RLock()
        self._said: list[str] = []
        self._by, self._length, self._lines, self._waiting, self._logged = NOBODY, 0, 0, 0, 0
        self._unshown: list[str] = []
        self._unshown_length, self._shown_at, self._shows_soon = 0, 0.0, False

    def write(self, text: str) -> int:
        """Pass *text* on; what authors' code writes is also logged, line by line."""
        by = self._output.cause() if self.listening else None
        if by is None:
            self.show()
            return self.beneath.write(text)
        with self._lock:
            self._note_shown(text, by)
            self._note(text, by)
        return len(text)

    def flush(self) -> None:
        """Show all that waits."""
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
        """Pass on what waits."""
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
            self.tell()
            self._by, self._lines, self._logged = by, 0, 0
        self._said.append(text)
        self._length += len(text)
        ends = text.count("\n")
        self._waiting += ends
        due = self._waiting and self._lines < LINES_ALONE
        if due or self._waiting >= LINES_TOGETHER or self._length > LONGEST_TEXT:
            self.tell()

    def tell(self) -> None:
        """Have what was written so far logged."""
        with self._lock:
            text, self._said = "".join(self._said), []
            self._lines += self._waiting
            self._length = self._waiting = 0
            before, self._logged = self._logged, self._logged + len(text)
            if text and before <= MOST_OF_ONE:
                if self._logged > MOST_OF_ONE:
                    text += "\n(What else this call prints is shown, but not logged.)\n"
                self._output.heard(self._name, text, self._by)

    def writelines(self, lines: Any) -> None:
        """Pass lines on."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)
