"""Trouble: what authors' code raised, kept in the log and shown to the researcher."""

from __future__ import annotations

import contextlib
import itertools
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from uproot_nb.engine.steps import Cause
from uproot_nb.engine.world import World
from uproot_nb.errors import BadPage, UprootError

__all__ = ["Trouble", "readable", "text_of"]

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_FOREIGN = (_PACKAGE, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<frozen ")


class Trouble:
    """Reports every failure of authors' code: an `error` event and a traceback in the notebook.

    Args:
        show: shows a text to the researcher, in the output of the cell it belongs to.
    """

    def __init__(self, world: World, show: Callable[[str, Cause], None]) -> None:
        self._world = world
        self._show = show

    def report(self, error: BaseException, cause: Cause, subject: str = "session") -> None:
        """Keep and show an error with its traceback."""
        text = self.describe(error)
        told = {"message": text_of(error), "traceback": text}
        value: dict[str, object] = {"type": type(error).__name__, **told}
        self._log(subject, value, cause)
        who = f" for {subject}" if subject != "session" else ""
        self._show(f"{cause.cause}{who} failed:\n{text}", cause)

    def misuse(self, what: str, count: int, subject: str) -> None:
        """Keep what the participant server refused."""
        value = {"type": "Misuse", "message": what, "count": count}
        self._log(subject, value, Cause(subject.partition("/")[2], "", "participant server", ""))

    def warn(self, message: str, cause: Cause) -> None:
        """Show a warning at once, and keep it when the lock is free; any thread may call."""
        self._show(message, cause)
        value: dict[str, object] = {"type": "Warning", "message": message}
        with contextlib.suppress(RuntimeError):  # the run was closed meanwhile
            self._world.loop.call_soon_threadsafe(self._log, "session", value, cause)

    def describe(self, error: BaseException) -> str:
        """Return the traceback as text, from the authors' code on.

        A BadPage names the place in the author's template itself. Of it, and of what we raise
        beside the authors' code, the stack would be only ours: the message is enough.
        """
        frames = _authors_frames(error.__traceback__)
        if isinstance(error, BadPage) or (frames is None and isinstance(error, UprootError)):
            return readable(f"{type(error).__name__}: {error}\n")
        frames = frames or error.__traceback__
        told = traceback.TracebackException(type(error), error, frames)
        _tidy(told)
        return readable("".join(told.format()))

    def _log(self, subject: str, value: dict[str, object], cause: Cause) -> None:
        world = self._world
        with world.lock:
            text = world.codec.encode(value)
            world.journal.write_for(cause, "error", subject, str(value["type"]), text)


def _authors_frames(trace: TracebackType | None) -> TracebackType | None:
    """Skip the frames above the authors' first line: ours, Python's and installed packages'."""
    found = trace
    while found is not None and _is_foreign(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def _is_foreign(file: str) -> bool:
    return file.startswith(_FOREIGN) or "site-packages" in file or "dist-packages" in file


def _tidy(told: traceback.TracebackException | None) -> None:
    """Let what led to an error begin at the authors' line, too, and take the carets out.

    Carets need the source parsed, and CPython's parser is not safe beside a cell's thread.
    """
    seen = 0
    while told is not None and seen < 20:
        for frame in told.stack:
            frame.colno = frame.end_colno = None
        own = list(itertools.dropwhile(lambda frame: _is_foreign(frame.filename), told.stack))
        if own:
            told.stack[:] = own
        told, seen = told.__cause__ or told.__context__, seen + 1


def text_of(error: BaseException) -> str:
    """Return an exception's message, whatever its class makes of it."""
    try:
        return readable(str(error))
    except Exception:  # the border around authors' __str__
        return f"({type(error).__name__} without a readable message)"


def readable(text: str) -> str:
    """Return *text* as Unicode that can be stored: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
