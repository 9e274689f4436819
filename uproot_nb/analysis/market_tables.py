"""Market tables: a session's markets, from its log, with timestamps beside the times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.typed_columns import stamps
from uproot_nb.errors import UprootError
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State
from uproot_nb.market.analysis.columns import frame_of, types_of
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.analysis.order_events import order_event_table
from uproot_nb.market.analysis.records import rows_in
from uproot_nb.market.analysis.results import MARKET_TABLES, MarketTables
from uproot_nb.market.analysis.trader_labels import induced_roles, labelled, trader_labels
from uproot_nb.market.analysis.units import constraint_rows
from uproot_nb.market.analysis.values import InducedValues, induced_value_table
from uproot_nb.market.orderbook.amounts import from_plain
from uproot_nb.market.orderbook.rules import Rules

if TYPE_CHECKING:
    import pandas

__all__ = [
    "MARKET_TABLES", "MarketTables", "RecordedMarket", "market_tables", "markets_in",
    "named_or_only", "periods_in", "stamped",
]  # fmt: skip


class RecordedMarket(MarketTables):
    """A market's tables as the log has them: with timestamps, and labels of the traders.

    In `order_events`, `trades` and `book` the column `timestamp` (datetime64[us, UTC]) stands right
    of `time` (Unix seconds). Right of each column of players' names is one of labels (string; see
    `trader_labels`). In a simulation, where `time` counts steps and names are the author's, there
    are neither.
    """

    def __init__(
        self, name: str, order_events: pandas.DataFrame, induced_values: pandas.DataFrame,
        labels: Mapping[str, str],
    ) -> None:  # fmt: skip
        super().__init__(name, stamped(order_events), induced_values)
        self._labels = labels

    @cached_property
    def order_events(self) -> pandas.DataFrame:
        """A row for everything that happened to an order; see `order_event_table`."""
        return labelled(super().order_events, self._labels)

    @cached_property
    def induced_values(self) -> pandas.DataFrame:
        """A row per unit: its value or cost; see `InducedValues.frame`."""
        return labelled(super().induced_values, self._labels)

    @cached_property
    def trades(self) -> pandas.DataFrame:
        """A row per trade: price, quantity, buyer, seller, value, cost, both surpluses."""
        return labelled(stamped(super().trades), self._labels)

    @cached_property
    def book(self) -> pandas.DataFrame:
        """The best bid and ask, spread, midpoint and depth after each event that changed them."""
        return stamped(super().book)

    @cached_property
    def traders(self) -> pandas.DataFrame:
        """A row per period, player and side: units, cash, surplus."""
        return labelled(super().traders, self._labels)


def stamped(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return a table with a timestamp beside each of its times."""
    place = list(table.columns).index("time") + 1
    made = table.copy(deep=False)
    made.insert(place, "timestamp", stamps(table["time"].tolist()))
    return made


def markets_in(state: State, codec: Codec) -> dict[str, list[str]]:
    """Return the models of each market's periods, by the market's name."""
    found = periods_in(state, codec, "market")
    return {name: [model for _, model in periods] for name, periods in found.items()}


def periods_in(state: State, codec: Codec, field: str) -> dict[str, list[tuple[int, str]]]:
    """Return number and model of each period, by name, of what models describe in a field.

    A market's models have the field "market", an institution's "institution".
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for subject in state.fields:
        kind, _, model = subject.partition("/")
        if kind == "model" and field in state.names(subject):
            data = codec.decode(state.text(subject, field))
            if isinstance(data, dict) and {"name", "period", "rules"} <= data.keys():
                found.setdefault(data["name"], []).append((data["period"], model))
    return {name: sorted(periods) for name, periods in found.items()}


def named_or_only(known: dict[str, list[Any]], name: str | None, what: str) -> str:
    """Return the name that is asked for; without one, the only one, which *known* has from now on.

    Raises:
        UprootError: the name is unknown, or there are several and *name* is None.
    """
    if name is None and len(known) <= 1:
        name = next(iter(known), what)
        known.setdefault(name, [])
    if name not in known:
        there = ", ".join(map(repr, known)) or "none"
        wanted = f"Say which {what}" if name is None else f"There is no {what} {name!r}"
        raise UprootError(f"{wanted}.\nThere are: {there}.")
    return name


def market_tables(state: State, codec: Codec, name: str | None = None) -> RecordedMarket:
    """Return a market's tables from a session's state; empty ones before the first market opens.

    Raises:
        UprootError: there is no such market, or there are several and none is named.
    """
    known = markets_in(state, codec)
    name = named_or_only(known, name, "market")
    rows: list[dict[str, Any]] = []
    values = [InducedValues({}, {}).frame([])]
    induced_by_period = [_values(state, codec, model) for model in known[name]]
    for model, units in zip(known[name], induced_by_period, strict=True):
        market = codec.decode(state.text(f"model/{model}", "market"))
        period, rules = int(market["period"]), Rules.recorded(dict(market["rules"]))
        rows += _rows(state, codec, model, period)
        values.append(units.frame([period]))
        values += _held(state, codec, model, period)
        values.append(induced_value_table(constraint_rows(rules, [period])))
    induced = {
        column: [value for frame in values for value in frame[column]]
        for column in types_of("induced_values")
    }
    roles = (induced_roles(units.values, units.costs) for units in induced_by_period)
    labels = trader_labels(state.players, roles)
    made = frame_of("induced_values", induced)
    return RecordedMarket(name, order_event_table(rows), made, labels)


def _rows(state: State, codec: Codec, model: str, period: int) -> Iterator[dict[str, Any]]:
    for record in json.loads(state.text(f"model/{model}", "entries")):
        yield from rows_in(codec.decode(record["fields"]), record["time"], period)


def _held(state: State, codec: Codec, model: str, period: int) -> Iterator[pandas.DataFrame]:
    """Yield the asset's dividends in the period, if an asset is traded."""
    subject = f"model/{model}"
    if "dividends" not in state.names(subject):
        return
    asset = Dividends.from_plain(codec.decode(state.text(subject, "dividends")))
    paid = "dividend" in state.names(subject)
    dividend = from_plain(codec.decode(state.text(subject, "dividend"))) if paid else None
    yield asset.frame({period: dividend}, _endowed(state, codec, subject))


def _endowed(state: State, codec: Codec, subject: str) -> int:
    """Return how many units all traders together held when the period began."""
    commands = (
        codec.decode(record["fields"]).get("command")
        for record in json.loads(state.text(subject, "entries"))
    )
    return sum(one["units"] for one in commands if one and one["command"] == "endow")


def _values(state: State, codec: Codec, model: str) -> InducedValues:
    if "values" not in state.names(f"model/{model}"):
        return InducedValues({}, {})
    return InducedValues.from_plain(codec.decode(state.text(f"model/{model}", "values")))
