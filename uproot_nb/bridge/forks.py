"""leave_to_parent: a forked child closes the sockets that its parent serves.

`multiprocessing` in a cell may fork the process. Without this the child would hold every
connection open after the parent has closed it.
"""

from __future__ import annotations

import os

__all__ = ["leave_to_parent", "take_back"]

# os.register_at_fork cannot be undone, so the process has one list and one function that reads it.
_descriptors: set[int] = set()


def leave_to_parent(descriptor: int) -> None:
    """Let a forked child close its copy of *descriptor*."""
    if descriptor >= 0:
        _descriptors.add(descriptor)


def take_back(descriptor: int) -> None:
    """Forget *descriptor*, which is about to be closed."""
    _descriptors.discard(descriptor)


def _let_go() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in _descriptors:
        # The number stays in use: the child's copy of the socket object may still close it.
        os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
    _descriptors.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
