"""Breaking a step: an exception is raised in authors' code that does not come to an end."""

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
"""Where authors' code seems to be that is in no file; other such names are libraries'."""
_PATIENCE = 5.0
"""Seconds for which the thread may be in our own code before breaking it is given up."""
_UNDISTURBED = 0.005
"""Seconds for which the interpreter lets one thread run while the other is looked at."""
_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)


class StepBroken(BaseException):
    """The researcher has ended a step of authors' code; no `except Exception` in it stops this."""


def break_thread(thread: int, is_over: Callable[[], bool]) -> bool:
    """Raise StepBroken where a thread runs authors' code; tell whether it did.

    Never in the middle of our own code, which has to come to its end: if the thread is there, a
    moment later is better. *is_over* tells that nothing is left to break.
    """
    call, where, error = _raise_in, ctypes.c_ulong(thread), ctypes.py_object(StepBroken)
    until = time.monotonic() + _PATIENCE
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_UNDISTURBED)
    try:
        while not is_over():
            if time.monotonic() > until:
                return False
            # From the end of this sleep on, no other thread gets a turn for _UNDISTURBED: the
            # exception comes exactly where the thread is seen to be.
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
        sys.setswitchinterval(usual)
    return True


def break_at_next_line() -> None:
    """Raise StepBroken in this thread as soon as authors' code goes on."""

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
    """Return the line of authors' code that a thread is in; empty if there is none.

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
    """Return the innermost frame of authors' code; None if code of ours runs within it."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PACKAGE) or "importlib" in file:
            return None
        if _is_authors(file):
            return frame
        frame = frame.f_back
    return None


def _is_authors(file: str) -> bool:
    """Tell whether a code's file is neither ours nor a library's."""
    if file.startswith((_PACKAGE, *_LIBRARIES)):
        return False
    return file[:1] != "<" or file.startswith(_AUTHORS)
