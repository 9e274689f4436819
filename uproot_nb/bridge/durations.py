"""Durations: a histogram of durations, cheap enough to count each call."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["BOUNDS", "Durations"]

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the classes in seconds; the last class has none."""


class Durations:
    """Counts durations by classes, as a Prometheus histogram has them.

    calls = Durations()
    calls.note(0.004)       # seconds
    sum(calls.counts)       # 1
    """

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        """How many were at most as long as each of BOUNDS, and longer than the one before."""
        self.seconds = 0.0
        """All together."""

    def note(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
