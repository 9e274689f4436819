"""Output: what authors' code prints in the background reaches its cell and the run's log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

from uproot_nb.engine.steps import NOBODY, Cause

__all__ = ["Output"]

Keep = Callable[[str, str, Cause], None]


class Output:
    """Sits before stdout and stderr while a run is served.

    Args:
        cause: tells which of the run's authors' code runs here; other output is not touched.
        keep: logs (stream, text, cause) of each finished line.
        aim: makes the kernel send this thread's output to the cell of a page, if it can.
    """

    def __init__(
        self,
        cause: Callable[[], Cause | None],
        keep: Keep,
        aim: Callable[[Cause], None],
    ) -> None:
        self._cause, self._keep, self._aim = cause, keep, aim
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
        self._aim(cause)
        stream = sys.stderr
        print(text, file=stream.beneath if isinstance(stream, _Tee) else stream, flush=True)

    def cause(self) -> Cause | None:
        """Return the cause of the code that is printing, if it is this run's."""
        return self._cause()

    def finish(self) -> None:
        """Keep what was printed without an end of line."""
        for _, tee in self._tees:
            tee.tell()


class _Tee:
    """A stream that passes everything on, and tells what authors' code wrote."""

    def __init__(self, beneath: TextIO, name: str, output: Output) -> None:
        self.beneath, self.listening = beneath, True
        self._name, self._output = name, output
        self._said, self._by = "", NOBODY

    def write(self, text: str) -> int:
        """Pass *text* on; what authors' code writes is also kept, line by line."""
        by = self._output.cause() if self.listening else None
        if by is not None:
            self._output.aim(by)
            if by != self._by:
                self.tell()
            self._said, self._by = self._said + text, by
            if "\n" in text:
                self.tell()
        return self.beneath.write(text)

    def tell(self) -> None:
        """Have what was written so far kept."""
        said, self._said = self._said, ""
        if said:
            self._output.heard(self._name, said, self._by)

    def writelines(self, lines: Any) -> None:
        """Pass lines on."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)
