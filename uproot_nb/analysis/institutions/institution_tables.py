"""Institution tables: a session's auctions and the like, from its log, with timestamps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from uproot_nb.analysis.market_tables import named_or_only, periods_in, stamped
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
        return stamped(super().decisions)


def institutions_in(state: State, codec: Codec) -> dict[str, list[tuple[int, str]]]:
    """Return number and model of each institution's periods, by the institution's name."""
    return periods_in(state, codec, "institution")


def institution_tables(state: State, codec: Codec, name: str | None = None) -> RecordedInstitution:
    """Return an institution's tables from a session's state; empty ones before it begins.

    Raises:
        UprootError: there is no such institution, or there are several and none is named.
    """
    known = institutions_in(state, codec)
    name = named_or_only(known, name, "institution")
    entries = (
        entry for period, model in known[name] for entry in _entries(state, codec, model, period)
    )
    return RecordedInstitution(name, entries)


def _entries(state: State, codec: Codec, model: str, period: int) -> Iterator[TimedEntry]:
    if "endowments" in state.names(f"model/{model}"):
        given = codec.decode(state.text(f"model/{model}", "endowments"))
        yield 0.0, period, {"endowments": given}
    for record in json.loads(state.text(f"model/{model}", "entries")):
        yield record["time"], period, codec.decode(record["fields"])
