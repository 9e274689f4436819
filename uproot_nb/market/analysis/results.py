"""MarketTables: what happened in a market, as the tables of the literature."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from uproot_nb.market.analysis.columns import frame_of
from uproot_nb.market.analysis.order_events import period_event_columns
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.tables import (
    PeriodParts,
    period_parts,
    period_rows,
    period_table_of,
    table_columns,
)
from uproot_nb.market.analysis.values import induced_value_columns

if TYPE_CHECKING:
    import pandas

__all__ = ["MARKET_TABLES", "MarketTables", "SimulatedMarket", "columns_of"]

MARKET_TABLES = (
    "order_events", "trades", "book", "induced_values", "periods", "traders", "mispricing",
)  # fmt: skip
"""The names of the tables, in reading order; the last is for asset markets."""


class MarketTables:
    """One market's tables, over all its periods.

        tables = run.market()
        tables.trades
        tables.periods[["period", "efficiency", "alpha"]]

    `order_events` and `induced_values` are recorded; all other tables are computed from them.
    `uproot_nb.market.analysis.columns` documents the columns with types and units. `time` is in
    Unix seconds; in a simulation it counts steps. Tables of recorded markets also have a
    `timestamp`.
    """

    def __init__(
        self, name: str, order_events: pandas.DataFrame, induced_values: pandas.DataFrame
    ) -> None:
        self.name = name
        self._recorded: tuple[Any, Any] = order_events, induced_values

    @cached_property
    def order_events(self) -> pandas.DataFrame:
        """A row for everything that happened to an order; see `order_event_table`."""
        frame: pandas.DataFrame = self._recorded[0]
        return frame

    @cached_property
    def induced_values(self) -> pandas.DataFrame:
        """A row per unit: its value or cost; see `InducedValues.frame`."""
        frame: pandas.DataFrame = self._recorded[1]
        return frame

    @cached_property
    def _parts(self) -> list[PeriodParts]:
        """The periods' events, units and trades, which all other tables are made of."""
        return period_parts(*self._recorded)

    @cached_property
    def period_rows(self) -> list[dict[str, Any]]:
        """The rows of `periods` as dicts, which are made faster; what is missing is NaN or None."""
        return period_rows(self._parts)

    @cached_property
    def trades(self) -> pandas.DataFrame:
        """A row per trade: price, quantity, buyer, seller, value, cost, both surpluses."""
        return frame_of("trades", table_columns("trades", self._parts))

    @cached_property
    def book(self) -> pandas.DataFrame:
        """The best bid and ask, spread, midpoint and depth after each event that changed them."""
        return frame_of("book", table_columns("book", self._parts))

    @cached_property
    def periods(self) -> pandas.DataFrame:
        """A row per period: equilibrium, surplus, efficiency, alpha and the other statistics."""
        return period_table_of(self.period_rows)

    @cached_property
    def traders(self) -> pandas.DataFrame:
        """A row per period, player and side: units, cash, surplus."""
        return frame_of("traders", table_columns("traders", self._parts))

    @cached_property
    def mispricing(self) -> pandas.DataFrame:
        """One row: RD, RAD, amplitude, turnover; no row where no asset is traded."""
        return frame_of("mispricing", table_columns("mispricing", self._parts))

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that this market has: `mispricing` only where an asset is traded."""
        has_asset = (self.induced_values["side"] == "hold").any()
        return MARKET_TABLES if has_asset else MARKET_TABLES[:-1]

    def __repr__(self) -> str:
        return f"<MarketTables of '{self.name}': {', '.join(self.names)}>"


class SimulatedMarket(MarketTables):
    """The tables of a simulation, made of what was noted; what nobody asks for is not made.

    Args:
        periods: in their order.
        values: the rows of `induced_values`.
    """

    def __init__(
        self,
        periods: Sequence[PeriodEvents],
        values: list[tuple[int, str | None, str, int, float]],
    ) -> None:
        self.name = "simulation"
        first = 1
        for its in periods:
            first = its.number(first)
        self._recorded = periods, values

    @cached_property
    def order_events(self) -> pandas.DataFrame:
        """A row for everything that happened to an order; see `order_event_table`."""
        return frame_of("order_events", period_event_columns(self._recorded[0]))

    @cached_property
    def induced_values(self) -> pandas.DataFrame:
        """A row per unit: its value or cost; see `InducedValues.frame`."""
        return frame_of("induced_values", induced_value_columns(self._recorded[1]))


def columns_of(market: MarketTables, name: str) -> dict[str, list[Any]] | None:
    """Return the columns of a simulated market's table, so that one is made of many markets'.

    None for any other market, which may have tables of its own.
    """
    if type(market) is not SimulatedMarket:
        return None
    if name == "order_events":
        return period_event_columns(market._recorded[0])
    if name == "induced_values":
        return induced_value_columns(market._recorded[1])
    return table_columns(name, market._parts)
