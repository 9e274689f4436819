"""without_collecting: pause the garbage collector while very many objects are created."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collecting"]


@contextmanager
def without_collecting() -> Iterator[None]:
    """Pause the garbage collector: it would search all new objects, which have no cycles.

    with without_collecting():
        rows = list(log.read("market"))

    It would take a sixth of the time of reading a million events. Unused objects are still freed
    by their reference counts.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
