"""MarketTables: what happened in a market, as the tables of the literature."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from uproot_nb.market.analysis.order_events import period_event_table
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.tables import (
    book_table,
    mispricing_table,
    period_rows,
    period_table_of,
    trade_table,
    trader_table,
)
from uproot_nb.market.analysis.values import induced_value_table

if TYPE_CHECKING:
    import pandas

__all__ = ["MARKET_TABLES", "MarketTables", "SimulatedMarket"]

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
    def period_rows(self) -> list[dict[str, Any]]:
        """The rows of `periods` as dicts, which are made faster; what is missing is NaN or None."""
        return period_rows(*self._recorded)

    @cached_property
    def trades(self) -> pandas.DataFrame:
        """A row per trade: price, quantity, buyer, seller, value, cost, both surpluses."""
        return trade_table(*self._recorded)

    @cached_property
    def book(self) -> pandas.DataFrame:
        """The best bid and ask, spread, midpoint and depth after each event that changed them."""
        return book_table(self._recorded[0])

    @cached_property
    def periods(self) -> pandas.DataFrame:
        """A row per period: equilibrium, surplus, efficiency, alpha and the other statistics."""
        return period_table_of(self.period_rows)

    @cached_property
    def traders(self) -> pandas.DataFrame:
        """A row per period, player and side: units, cash, surplus."""
        return trader_table(*self._recorded)

    @cached_property
    def mispricing(self) -> pandas.DataFrame:
        """One row: RD, RAD, amplitude, turnover; no row where no asset is traded."""
        return mispricing_table(*self._recorded)

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
        return period_event_table(self._recorded[0])

    @cached_property
    def induced_values(self) -> pandas.DataFrame:
        """A row per unit: its value or cost; see `InducedValues.frame`."""
        return induced_value_table(self._recorded[1])
