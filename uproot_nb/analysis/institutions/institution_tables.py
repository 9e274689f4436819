"""Institution tables: a session's auctions and the like, from its log, with times and labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from uproot_nb.analysis.market_tables import named_or_only, periods_in, stamped
from uproot_nb.institutions.tables import INSTITUTION_TABLES, InstitutionTables, TimedEntry
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State
from uproot_nb.market.analysis.trader_labels import labelled, trader_labels

if TYPE_CHECKING:
    import pandas

__all__ = [
    "INSTITUTION_TABLES", "InstitutionTables", "RecordedInstitution", "institution_tables",
    "institutions_in",
]  # fmt: skip


class RecordedInstitution(InstitutionTables):
    """An institution's tables as the log has them: with timestamps, and labels of the players.

    `decisions` has a `timestamp` (UTC), too. Right of each column of players' names is one of
    labels (string; see `trader_labels`).
    """

    def __init__(self, name: str, entries: Iterable[TimedEntry], labels: Mapping[str, str]) -> None:
        super().__init__(name, entries)
        self._labels = labels

    @cached_property
    def decisions(self) -> pandas.DataFrame:
        """A row per decision and amount, in the order of arrival; refused ones have a `reason`."""
        return labelled(stamped(super().decisions), self._labels)

    @cached_property
    def endowments(self) -> pandas.DataFrame:
        """A row per period, player and amount that the player was given: values, costs, estimate.

        made = tables.decisions.query("reason.isna()")  # without those that were refused
        made.merge(tables.endowments, on=["period", "player", "label", "unit"])
        """
        return labelled(super().endowments, self._labels)

    @cached_property
    def allocations(self) -> pandas.DataFrame:
        """A row per period that is over and player: units, payment, profit, equilibrium."""
        return labelled(super().allocations, self._labels)


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
    roles = (_roles(state, codec, model) for _, model in known[name])
    return RecordedInstitution(name, entries, trader_labels(state.players, roles))


def _entries(state: State, codec: Codec, model: str, period: int) -> Iterator[TimedEntry]:
    if "endowments" in state.names(f"model/{model}"):
        given = codec.decode(state.text(f"model/{model}", "endowments"))
        yield 0.0, period, {"endowments": given}
    for record in json.loads(state.text(f"model/{model}", "entries")):
        yield record["time"], period, codec.decode(record["fields"])


def _roles(state: State, codec: Codec, model: str) -> dict[str, str]:
    """Return what each player of a period is; nothing before it has begun."""
    if "endowments" not in state.names(f"model/{model}"):
        return {}
    endowments = codec.decode(state.text(f"model/{model}", "endowments"))
    return {name: own["role"] for name, own in endowments.items()}
