"""Breaking: end a step of authors' code by raising an exception in it."""

from __future__ import annotations

import ctypes
import linecache
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

__all__ = ["StepBroken", "break_at_next_line", "break_thread", "place_of"]

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    path
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
    if (path := sysconfig.get_path(name))
)
_AUTHORS = ("<ipython-input", "<template>", "<unknown>")
"""File names of authors' code that is in no file; other such names are libraries'."""
_PATIENCE = 5.0
"""Seconds to wait for a thread to leave our own code before giving up."""
_UNDISTURBED = 0.006
"""The switch interval, in seconds, while another thread is inspected."""
_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)


class StepBroken(BaseException):
    """The researcher ends a step of authors' code; `except Exception` does not catch this."""


def break_thread(thread: int, is_over: Callable[[], bool]) -> bool:
    """Raise StepBroken where a thread runs authors' code; return whether it was raised.

    Our own code is never interrupted: while the thread is in it, this waits. *is_over* returns
    whether the step has ended by itself.
    """
    call, where, error = _raise_in, ctypes.c_ulong(thread), ctypes.py_object(StepBroken)
    until = time.monotonic() + _PATIENCE
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_UNDISTURBED)
    try:
        while not is_over():
            if time.monotonic() > until:
                return False
            # After this sleep no other thread runs for _UNDISTURBED: the exception is raised
            # exactly where the thread is seen to be.
            time.sleep(0.0005)
            seen = time.perf_counter()
            frame = sys._current_frames().get(thread)
            if frame is None:
                return False
            found = _authors_frame(frame)
            if found is not None and time.perf_counter() - seen < _UNDISTURBED / 4:
                call(where, error)
                return True
    finally:
        # A run that was closed meanwhile has set the interpreter's own interval again.
        if abs(sys.getswitchinterval() - _UNDISTURBED) < 1e-6:
            sys.setswitchinterval(usual)
    return True


def break_at_next_line() -> None:
    """Raise StepBroken in this thread at the next line of authors' code."""

    def trace(frame: FrameType, event: str, argument: object) -> None:
        if _is_authors(frame.f_code.co_filename):
            sys.settrace(None)
            raise StepBroken

    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if _is_authors(frame.f_code.co_filename):
            frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)


def place_of(thread: int) -> str:
    """Return the line of authors' code that a thread runs; empty if there is none.

    As "line 8 of bid (market.py): while True:".
    """
    frame = sys._current_frames().get(thread)
    found = None if frame is None else _authors_frame(frame)
    if found is None:
        return ""
    file, number = found.f_code.co_filename, found.f_lineno
    source = linecache.getline(file, number).strip()
    return f"line {number} of {found.f_code.co_name} ({Path(file).name}): {source}"


def _authors_frame(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of authors' code; None if it is calling our code."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PACKAGE) or "importlib" in file:
            return None
        if _is_authors(file):
            return frame
        frame = frame.f_back
    return None


def _is_authors(file: str) -> bool:
    """Return whether a file is neither ours nor a library's."""
    if file.startswith((_PACKAGE, *_LIBRARIES)):
        return False
    return file[:1] != "<" or file.startswith(_AUTHORS)
