"""InstitutionTables: the decisions in an institution's periods, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from uproot_nb.institutions.columns import frame_of
from uproot_nb.institutions.entries import (
    allocation_rows,
    decision_rows,
    endowment_rows,
    period_row,
)

if TYPE_CHECKING:
    import pandas

__all__ = ["INSTITUTION_TABLES", "InstitutionTables"]

INSTITUTION_TABLES = ("decisions", "endowments", "allocations", "periods")
"""The names of the tables, in reading order."""

TimedEntry = tuple[float, int, Mapping[str, Any]]
"""An entry's time, its period, and the entry."""


class InstitutionTables:
    """The tables of an institution, over all its periods.

        tables = run.institution()
        tables.periods[["period", "price", "efficiency"]]

    `uproot_nb.institutions.columns.COLUMNS` has each column's type, meaning and unit. In a
    simulation, `time` is the time elapsed in the period.
    """

    names = INSTITUTION_TABLES

    def __init__(self, name: str, entries: Iterable[TimedEntry]) -> None:
        self.name = name
        self._entries = list(entries)

    def __repr__(self) -> str:
        return f"<InstitutionTables of '{self.name}': {', '.join(self.names)}>"

    @cached_property
    def decisions(self) -> pandas.DataFrame:
        """A row per decision and amount, in the order of arrival; refused ones have a `reason`."""
        rows = (
            row
            for time, period, entry in self._entries
            for row in decision_rows(entry, time, period)
        )
        return frame_of("decisions", ({"seq": seq, **row} for seq, row in enumerate(rows, 1)))

    @cached_property
    def endowments(self) -> pandas.DataFrame:
        """A row per period, player and amount that the player was given: values, costs, estimate.

        made = tables.decisions.query("reason.isna()")  # without those that were refused
        made.merge(tables.endowments, on=["period", "player", "unit"])
        """
        return frame_of(
            "endowments",
            (row for _, period, entry in self._entries for row in endowment_rows(entry, period)),
        )

    @cached_property
    def allocations(self) -> pandas.DataFrame:
        """A row per finished period and player: units, payment, profit, equilibrium."""
        return frame_of(
            "allocations",
            (row for _, period, entry in self._entries for row in allocation_rows(entry, period)),
        )

    @cached_property
    def periods(self) -> pandas.DataFrame:
        """A row per finished period: price, revenue, surplus, efficiency, equilibrium."""
        rows = (period_row(entry, period) for _, period, entry in self._entries)
        return frame_of("periods", (row for row in rows if row is not None))
