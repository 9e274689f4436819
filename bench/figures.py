"""Figures: what was measured, by measure, system and round, and what follows from it."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

__all__ = ["Figures"]


class Figures:
    """Values by measure and system, one a round.

    figures.add("echo", "bare", 21000.0)
    figures.ratio(("echo", "uproot_nb"), ("echo", "bare"))   # the median of the rounds' ratios
    """

    def __init__(self) -> None:
        self._values: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, measure: str, system: str, value: float) -> None:
        """Keep one round's value."""
        self._values[measure, system].append(value)

    def take_in(self, other: Figures) -> None:
        """Keep *other*'s values after one's own."""
        for key, values in other._values.items():
            self._values[key].extend(values)

    def values(self, measure: str, system: str = "uproot_nb") -> list[float]:
        """Return the rounds' values, oldest first; none if it was not measured."""
        return list(self._values.get((measure, system), ()))

    def median(self, measure: str, system: str = "uproot_nb") -> float | None:
        """Return the median of the rounds, None if it was not measured."""
        values = self.values(measure, system)
        return median(values) if values else None

    def ratio(self, over: tuple[str, str], under: tuple[str, str]) -> float | None:
        """Return the median of the ratios within each round, None without a common round."""
        pairs = zip(self.values(*over), self.values(*under), strict=False)
        ratios = [a / b for a, b in pairs]
        return median(ratios) if ratios else None

    def systems(self, measure: str) -> list[str]:
        """Return the systems for which *measure* has values."""
        return [system for name, system in self._values if name == measure]
