"""Comparison: how far a published figure and ours are apart, in standard errors."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from uproot_nb.market.replications.published import PublishedFigure

__all__ = ["FAR", "compared", "distance_between"]

FAR = 3.0
"""Figures that are so many standard errors apart differ."""


def compared(figure: PublishedFigure, sessions: Sequence[float]) -> dict[str, Any]:
    """Return the row of a published figure and of our sessions' statistics."""
    ours, count = statistics.fmean(sessions), len(sessions)
    sd = statistics.stdev(sessions) if count > 1 else 0.0
    distance = distance_between(figure, ours, sd, count)
    return {
        "where": figure.where, "design": figure.design, "periods": figure.span,
        "statistic": figure.statistic, "published": figure.value, "ours": ours, "sd": sd,
        "runs": count, "distance": distance, "agrees": abs(distance) < FAR,
    }  # fmt: skip


def distance_between(figure: PublishedFigure, ours: float, sd: float, runs: int) -> float:
    """Return ours - published, in standard errors of the difference.

    If both come from the same process, they have one spread: that of the sessions of both, pooled
    as in Student's two-sample test; or ours, where the source has none. Rounding counts as a
    uniform error.
    """
    variance = sd**2
    if figure.spread is not None:
        squares = (runs - 1) * sd**2 + (figure.runs - 1) * figure.spread**2
        variance = squares / (runs + figure.runs - 2)
    error = math.sqrt(variance * (1 / runs + 1 / figure.runs) + figure.rounded**2 / 12)
    return (ours - figure.value) / error
