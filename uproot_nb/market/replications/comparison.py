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


def compared(
    figure: PublishedFigure, sessions: Sequence[float], computed: bool = False
) -> dict[str, Any]:
    """Return the row of a published figure and of our sessions' statistics, or of a computed one.

    Where there is no distance, `agrees` is None.
    """
    ours, count = statistics.fmean(sessions), len(sessions)
    sd = statistics.stdev(sessions) if count > 1 else 0.0
    distance = distance_between(figure, ours, sd, count, computed)
    return {
        "where": figure.where, "design": figure.design, "periods": figure.span,
        "statistic": figure.statistic, "published": figure.value, "ours": ours, "sd": sd,
        "runs": count, "distance": distance,
        "agrees": None if math.isnan(distance) else abs(distance) < FAR,
    }  # fmt: skip


def distance_between(
    figure: PublishedFigure, ours: float, sd: float, runs: int, computed: bool = False
) -> float:
    """Return ours - published, in standard errors of the difference.

    If both come from the same process, they have one spread: that of the sessions of both, pooled
    as in Student's two-sample test; or ours, where the source has none. Rounding counts as a
    uniform error. What is *computed* has no spread. NaN where there is one session alone of
    each, which does not tell what the spread is.
    """
    variance, freedom = sd**2, runs - 1
    if figure.spread is not None:
        squares = (runs - 1) * sd**2 + (figure.runs - 1) * figure.spread**2
        freedom += figure.runs - 1
        variance = squares / freedom if freedom else 0.0
    if not freedom and not computed:
        return math.nan
    error = math.sqrt(variance * (1 / runs + 1 / figure.runs) + figure.rounded**2 / 12)
    return (ours - figure.value) / error
