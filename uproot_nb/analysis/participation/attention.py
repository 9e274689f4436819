"""Attention: the columns of page visits that follow from `focus` events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uproot_nb.log.events import Event

__all__ = ["Attention"]

Row = dict[str, Any]


class Attention:
    """Adds what players' pages have noted to the rows of their visits.

    Events of a visit may come after it has ended, so the rows are complete after `finish` only.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], Row] = {}
        """By player and visit."""
        self._latest: dict[tuple[str, str], Row] = {}
        """By player and page: the last visit."""
        self._away: dict[tuple[int, str], tuple[Row, int, float]] = {}
        """By row and load of the page: when the player has left, in its ms and in Unix seconds."""

    def begin(self, event: Event, row: Row) -> None:
        """Take in a visit that begins by an `enter` event."""
        self._rows[event.subject, event.seq] = row
        self._latest[event.subject, row["page"]] = row

    def note(self, event: Event, value: Mapping[str, Any]) -> None:
        """Add a `focus` event to the row of its visit; a rerun's visits may have other numbers."""
        row = self._rows.get((event.subject, value["visit"]))
        row = self._latest.get((event.subject, event.field)) if row is None else row
        if row is None:
            return
        for column, nothing in (("times_left", 0), ("seconds_away", 0.0), ("pastes", 0)):
            row.setdefault(column, nothing)
        what, ms, load = value["what"], value["ms"], (id(row), value["load"])
        if what == "left":
            row["times_left"] += 1
            self._away[load] = row, ms, event.time
        elif what == "returned" and load in self._away:
            _, since, _ = self._away.pop(load)
            row["seconds_away"] += max(0, ms - since) / 1000
        elif what == "pasted":
            row["pastes"] += 1
        elif what in ("first_key", "first_click"):
            row.setdefault(f"ms_to_{what}", ms)

    def finish(self) -> None:
        """Count those who did not come back as away until their visit ended."""
        for row, _, since in self._away.values():
            if "left_time" in row:
                row["seconds_away"] += max(0.0, row["left_time"] - since)
