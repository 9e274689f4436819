"""ExportedTable: one table of an export, how it is made, and the subjects whose fields it has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from uproot_nb.analysis.activity_tables import (
    CALLS,
    CONSENTS,
    PAGE_TIMES,
    PRESENCE,
    calls_table,
    consents_table,
    page_times_table,
    presence_table,
)
from uproot_nb.analysis.field_tables import FieldTable
from uproot_nb.analysis.model_tables import entries_table, models_named, tables_of_models
from uproot_nb.analysis.rounds.people import People
from uproot_nb.analysis.state_tables import (
    group_field_table,
    player_field_table,
    session_field_table,
)
from uproot_nb.analysis.typed_columns import categories
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

    from uproot_nb.analysis.institutions.institution_tables import InstitutionTables
    from uproot_nb.analysis.market_tables import MarketTables

__all__ = ["ExportedTable", "exported_tables", "file_name", "file_names"]


class ExportedTable(NamedTuple):
    """A table that is made when it is written.

    Attributes:
        ours: the name in the codebook of its built-in columns.
        kind: the kind of subject, for filters; empty for a table without authors' fields.
        key: its name in an experiment's codebook; empty if that is its kind.
    """

    make: Callable[[], FieldTable]
    ours: str
    kind: str = ""
    key: str = ""


def exported_tables(
    state: State,
    codec: Codec,
    people: People,
    read: Callable[[Iterable[str]], Iterable[Event]],
) -> dict[str, ExportedTable]:
    """Return the tables of an export by name, without those of changes.

    Args:
        read: kinds of events → these events, oldest first.
    """
    session = people.session
    tables = {
        "latest/players": ExportedTable(
            partial(player_field_table, [(session, state)], codec), "latest/players", "player"),
        "latest/groups": ExportedTable(
            partial(group_field_table, state, session, codec), "latest/groups", "group"),
        "latest/session": ExportedTable(
            partial(session_field_table, state, session, codec), "latest/session", "session"),
        "page_times": _ours(
            "page_times", lambda: page_times_table(read(PAGE_TIMES), codec, people)),
        "calls": _ours("calls", lambda: calls_table(read(CALLS), people)),
        "presence": _ours("presence", lambda: presence_table(read(PRESENCE), people)),
    }  # fmt: skip
    if any(player.consents for player in state.players.values()):
        tables["consents"] = _ours("consents", lambda: consents_table(read(CONSENTS), people))
    tables |= _models(state, codec, people)
    models = models_named(state, codec)
    if any("market" in state.names(f"model/{name}") for name in models):
        tables |= _markets(state, codec, session)
    if any("institution" in state.names(f"model/{name}") for name in models):
        tables |= _institutions(state, codec, session)
    return tables


def _ours(name: str, make: Callable[[], pandas.DataFrame]) -> ExportedTable:
    """Return a table without authors' fields."""
    return ExportedTable(lambda: FieldTable(make(), {}), name)


def _models(state: State, codec: Codec, people: People) -> dict[str, ExportedTable]:
    found = tables_of_models(state, codec)
    names = file_names([label for label, _ in found])
    return {
        f"models/{name}": _model(state, codec, label, models, people)
        for name, ((label, _), models) in zip(names, found.items(), strict=True)
    }


def _model(
    state: State, codec: Codec, label: str, models: list[str], people: People
) -> ExportedTable:
    make = partial(entries_table, state, codec, models, people)
    for mark, named, ours in (
        ("market", _fields_of_markets, "ledger"),
        ("institution", _fields_of_institutions, "game entries"),
    ):  # fmt: skip
        if all(mark in state.names(f"model/{name}") for name in models):
            made = partial(_without, make, named)
            return ExportedTable(made, ours, "model", f"models/{label}")
    return ExportedTable(make, "models", "model", f"models/{label}")


def _without(make: Callable[[], FieldTable], named: Callable[[], Iterable[str]]) -> FieldTable:
    """Return a model's table in which only what others added counts as fields."""
    table, ours = make(), set(named())
    fields = {name: field for name, field in table.fields.items() if field not in ours}
    return FieldTable(table.frame, fields)


def _fields_of_markets() -> Iterable[str]:
    # lazy: most sessions have no market
    from uproot_nb.market.analysis.columns import LEDGER

    return LEDGER


def _fields_of_institutions() -> Iterable[str]:
    # lazy: most sessions have no institution
    from uproot_nb.institutions.columns import ENTRY_FIELDS

    return ENTRY_FIELDS


def _markets(state: State, codec: Codec, session: str) -> dict[str, ExportedTable]:
    # lazy: most sessions have no market
    from uproot_nb.analysis.market_tables import market_tables, markets_in

    tables = {name: market_tables(state, codec, name) for name in markets_in(state, codec)}
    return _in_folders("markets", tables, session)


def _institutions(state: State, codec: Codec, session: str) -> dict[str, ExportedTable]:
    # lazy: most sessions have no institution
    from uproot_nb.analysis.institutions.institution_tables import (
        institution_tables,
        institutions_in,
    )

    tables = {
        name: institution_tables(state, codec, name) for name in institutions_in(state, codec)
    }
    return _in_folders("institutions", tables, session)


def _in_folders(
    above: str, known: Mapping[str, MarketTables | InstitutionTables], session: str
) -> dict[str, ExportedTable]:
    made: dict[str, ExportedTable] = {}
    for folder, tables in zip(file_names(list(known)), known.values(), strict=True):
        for name in tables.names:
            make = partial(_of_session, tables, name, session)
            made[f"{above}/{folder}/{name}"] = _ours(f"{above}/{name}", make)
    return made


def _of_session(
    tables: MarketTables | InstitutionTables, name: str, session: str
) -> pandas.DataFrame:
    """Return a market's or institution's table with a column for the session."""
    frame: pandas.DataFrame = getattr(tables, name).copy(deep=False)
    frame.insert(0, "session", categories([session] * len(frame)))
    return frame


# ---- names of files -----------------------------------------------------------------------------


def file_name(text: str) -> str:
    """Return *text* as the name of a file on any system."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "unnamed"


def file_names(texts: Sequence[str]) -> list[str]:
    """Return a file name for each of *texts*, distinct on every system.

    Names that differ only in case or accents get the endings _2, _3 …
    """
    found: list[str] = []
    taken: set[str] = set()
    for text in texts:
        name, count = file_name(text), 1
        while _bare(name) in taken:
            count += 1
            name = f"{file_name(text)}_{count}"
        taken.add(_bare(name))
        found.append(name)
    return found


def _bare(name: str) -> str:
    """Return a name as file systems compare it that ignore case and accents."""
    return unicodedata.normalize("NFKD", name.casefold())
