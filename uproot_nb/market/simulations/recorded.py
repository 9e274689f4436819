"""session_tables: what people and bots have done, in the tables of simulated sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from uproot_nb.errors import UprootError
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.designs.design import Design
from uproot_nb.market.designs.page_order import TRADING
from uproot_nb.market.simulations.chunk import Tables, check_tables
from uproot_nb.market.simulations.stacking import in_order, stack, with_cell
from uproot_nb.market.simulations.summary import empty_table, finished_row, summary_table

if TYPE_CHECKING:
    import pandas

__all__ = ["session_tables"]


class RecordedSession(Protocol):
    """What is needed of a Run or a Recording."""

    @property
    def state(self) -> pandas.DataFrame:
        """A row per player."""

    @property
    def groups(self) -> pandas.DataFrame:
        """A row per group."""

    def market(self, name: str | None = None) -> MarketTables:
        """Return a market's tables."""


def session_tables(
    run: RecordedSession, design: Design, *, session: str, tables: Sequence[str] = ()
) -> Tables:
    """Return the tables of a session on a design's pages, as those of simulated sessions.

        study = Design(values, ZIC, periods=6, arms={"continuous": {}, "call": {"rules": call}})
        call = study.arm("call")
        run = serve(call.pages(seconds=90), players=call.players)
        lab = session_tables(run, call, session="lab 1", tables=["periods"])
        pandas.concat([simulated["periods"], lab["periods"]])

    Args:
        run: a run or a recording.
        design: the design of the session's arm.
        session: what the session is called in the tables.
        tables: more tables that are wanted besides "markets"; see `simulate_markets`.

    Columns and rows are those of `simulate_markets(study, seeds, tables=…)`: arm, session, group
    (if there are several), then those of the table. Practice periods are left out, and there are no
    rows of a market that nobody has come to yet. Times are Unix seconds here; `order_events`,
    `trades` and `book` have a `timestamp` besides.

    Raises:
        BadMarket: a table is not one of a market's.
    """
    check_tables(tables)
    markets = dict(_markets(run, design))
    rows = [finished_row(number, found) for number, found in markets.items()]
    stacks = {"markets": [summary_table(rows)]}
    for name in tables:
        made = [with_cell(number, getattr(found, name)) for number, found in markets.items()]
        stacks[name] = made or [empty_table(name)]
    labels: dict[str, Any] = {"arm": design.name, "session": session}
    return {name: _labelled(stack(made), labels, design.groups) for name, made in stacks.items()}


def _markets(run: RecordedSession, design: Design) -> Iterator[tuple[int, MarketTables]]:
    """Yield the number of each group, from 1, and its market's tables."""
    for number, name in _names(run, design):
        with suppress(UprootError):  # nobody has come to it yet
            yield number, run.market(name)


def _names(run: RecordedSession, design: Design) -> Iterator[tuple[int, str]]:
    if design.groups == 1:
        yield 1, TRADING
        return
    places, size = run.state["id"], len(design.seats)
    firsts = {group: int(places[members[0]]) for group, members in run.groups["members"].items()}
    for group in sorted(firsts, key=lambda group: firsts[group]):
        if firsts[group] < design.groups * size:  # else they have no seats, and watch
            yield firsts[group] // size + 1, f"{TRADING}-{group}"


def _labelled(table: pandas.DataFrame, labels: dict[str, Any], groups: int) -> pandas.DataFrame:
    made = in_order(table)
    group = made.pop("cell")
    names = {**labels, "group": group} if groups > 1 else labels
    for place, (name, value) in enumerate(names.items()):
        made.insert(place, name, value)
    return made
