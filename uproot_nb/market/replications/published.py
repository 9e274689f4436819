"""PublishedFigure: a number of the literature, with the table and page where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

__all__ = ["PublishedFigure", "published_figures"]

_FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class PublishedFigure:
    """A published mean, over some sessions, of a statistic of some periods.

    Attributes:
        replication: the name in REPLICATIONS to which it belongs.
        where: paper, table and page, or the program that gave it.
        statistic: a column of `periods`, or "mean_absolute_deviation" (of prices from the
            equilibrium price), "rmsd_slope" (of root mean squared deviations on the number of the
            trade), "expected_surplus", "rd" and "rad" (of recorded markets).
        design: the name of the design in the replication.
        periods: the first and the last one.
        value: the figure; efficiencies as shares, money in the design's unit.
        spread: the standard deviation over sessions; None if it is not published.
        runs: how many sessions it is the mean of.
        rounded: the unit to which it is rounded.
    """

    replication: str
    where: str
    statistic: str
    design: str
    periods: tuple[int, int]
    value: float
    spread: float | None
    runs: int
    rounded: float

    @property
    def span(self) -> str:
        """The periods as text: "1-6", or "3"."""
        first, last = self.periods
        return str(first) if first == last else f"{first}-{last}"


def published_figures(replication: str) -> list[PublishedFigure]:
    """Return the published figures of a replication, in the order of the file."""
    tables = tomllib.loads(_FILE.read_text("utf-8"))["tables"]
    return [one for table in tables if table["replication"] == replication for one in _in(table)]


def _in(table: dict[str, Any]) -> Iterator[PublishedFigure]:
    designs, periods, spreads = table["designs"], table["periods"], table.get("spreads")
    columns = zip(
        repeat(designs) if isinstance(designs, str) else designs,
        repeat(periods) if isinstance(periods, str) else periods,
        table["figures"],
        repeat(None) if spreads is None else spreads,
        strict=False,
    )
    for design, span, value, spread in columns:
        numbers = [int(number) for number in span.split("-")]
        yield PublishedFigure(
            table["replication"], table["where"], table["statistic"], design,
            (numbers[0], numbers[-1]), value, spread, table["runs"], table["rounded"],
        )  # fmt: skip
