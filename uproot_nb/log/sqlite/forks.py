"""Forks: a forked child lets go of the files that its parent's logs have open.

A child must not touch the parent's SQLite connections, nor close them, nor write to these files by
connections of its own: SQLite would take the parent's locks for the child's. SQLite keeps its locks
by file for the whole process, and `os.register_at_fork` cannot be undone; so there is one list of
what is open in the process, and one of what it has inherited.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Protocol
from weakref import WeakSet

__all__ = [
    "Inheritable", "disown_in_children", "identity", "is_inherited", "never_close",
    "note_inherited",
]  # fmt: skip


class Inheritable(Protocol):
    """What has connections to a log's file."""

    def disown(self) -> None:
        """In a forked child: let go of all that is the parent's, without closing it."""


_OPEN: WeakSet[Inheritable] = WeakSet()
_INHERITED: set[tuple[int, int]] = set()


def disown_in_children(opened: Inheritable) -> None:
    """Let each child that is forked from now on disown what is open here."""
    _OPEN.add(opened)


def note_inherited(file: str) -> None:
    """In a forked child: note that the parent has *file* open."""
    _INHERITED.add(identity(file))


def is_inherited(file: str) -> bool:
    """Return whether a process that this one was forked from had *file* open."""
    return identity(file) in _INHERITED


def identity(file: str) -> tuple[int, int]:
    """Return which file it is, whatever its name; (0, 0) if there is none."""
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino


def never_close(connection: sqlite3.Connection) -> None:
    """Let a connection stay open until the process ends, though nobody uses it."""
    import ctypes  # in forked children, and where a file went away

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _disown_all() -> None:
    for opened in list(_OPEN):
        opened.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
