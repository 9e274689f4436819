"""SwitchInterval: how often the interpreter lets a run's thread go on beside a running cell."""

from __future__ import annotations

import sys

__all__ = ["SwitchInterval"]

SWITCH_SECONDS = 0.0005
"""The interpreter's switch interval while participants wait for a running cell."""


class SwitchInterval:
    """The interpreter's switch interval, which is short while any run is open."""

    _open_runs = 0
    _usual = 0.0

    @classmethod
    def shorten(cls) -> None:
        """Let threads take turns more often, until as many calls of `restore`."""
        if cls._open_runs == 0:
            cls._usual = sys.getswitchinterval()
            sys.setswitchinterval(min(cls._usual, SWITCH_SECONDS))
        cls._open_runs += 1

    @classmethod
    def restore(cls) -> None:
        """Go back to the usual interval once no run is open."""
        cls._open_runs -= 1
        if cls._open_runs == 0:
            sys.setswitchinterval(cls._usual)
