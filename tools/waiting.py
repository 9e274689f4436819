"""Waiting: for a condition, and for so long at most."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return as soon as *condition* holds.

    Raises:
        TimeoutError: it did not within *seconds*.
    """
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)
