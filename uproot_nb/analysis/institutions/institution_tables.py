"""Institution tables: a session's auctions and the like, from its log, with timestamps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from uproot_nb.analysis.typed_columns import stamps
from uproot_nb.errors import UprootError
from uproot_nb.institutions.tables import INSTITUTION_TABLES, InstitutionTables, TimedEntry
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

__all__ = [
    "INSTITUTION_TABLES", "InstitutionTables", "RecordedInstitution", "institution_tables",
    "institutions_in",
]  # fmt: skip


class RecordedInstitution(InstitutionTables):
    """An institution's tables as the log has them: `decisions` has a `timestamp` (UTC), too."""

    @cached_property
    def decisions(self) -> pandas.DataFrame:
        """A row per decision and amount, in the order of arrival; refused ones have a `reason`."""
        made = super().decisions.copy(deep=False)
        place = list(made.columns).index("time") + 1
        made.insert(place, "timestamp", stamps(made["time"].tolist()))
        return made


def institutions_in(state: State, codec: Codec) -> dict[str, list[tuple[int, str]]]:
    """Return number and model of each institution's periods, by the institution's name."""
    found: dict[str, list[tuple[int, str]]] = {}
    for subject in state.fields:
        kind, _, model = subject.partition("/")
        if kind == "model" and "institution" in state.names(subject):
            data = codec.decode(state.text(subject, "institution"))
            if isinstance(data, dict) and {"name", "period", "rules"} <= data.keys():
                found.setdefault(data["name"], []).append((data["period"], model))
    return {name: sorted(periods) for name, periods in found.items()}


def institution_tables(state: State, codec: Codec, name: str | None = None) -> RecordedInstitution:
    """Return an institution's tables from a session's state; empty ones before it begins.

    Raises:
        UprootError: there is no such institution, or there are several and none is named.
    """
    known = institutions_in(state, codec)
    if name is None and len(known) <= 1:
        name = next(iter(known), "institution")
        known.setdefault(name, [])
    if name not in known:
        there = ", ".join(map(repr, known)) or "none"
        what = "Say which institution" if name is None else f"There is no institution {name!r}"
        raise UprootError(f"{what}.\nThere are: {there}.")
    entries = (
        entry for period, model in known[name] for entry in _entries(state, codec, model, period)
    )
    return RecordedInstitution(name, entries)


def _entries(state: State, codec: Codec, model: str, period: int) -> Iterator[TimedEntry]:
    for record in json.loads(state.text(f"model/{model}", "entries")):
        yield record["time"], period, codec.decode(record["fields"])
