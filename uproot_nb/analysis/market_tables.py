"""Market tables: what a session's log says of its markets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import UprootError
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State
from uproot_nb.market.dividends import Dividends
from uproot_nb.market.order_events import order_event_table
from uproot_nb.market.prices import from_plain
from uproot_nb.market.records import rows_in
from uproot_nb.market.results import MARKET_TABLES, MarketTables
from uproot_nb.market.values import InducedValues

if TYPE_CHECKING:
    import pandas

__all__ = ["MARKET_TABLES", "MarketTables", "market_tables", "markets_in"]


def markets_in(state: State, codec: Codec) -> dict[str, list[str]]:
    """Return the models of each market's periods, by the market's name."""
    found: dict[str, list[tuple[int, str]]] = {}
    for subject in state.fields:
        kind, _, model = subject.partition("/")
        if kind == "model" and "market" in state.names(subject):
            told = codec.decode(state.text(subject, "market"))
            if isinstance(told, dict) and {"name", "period", "rules"} <= told.keys():
                found.setdefault(told["name"], []).append((told["period"], model))
    return {name: [model for _, model in sorted(periods)] for name, periods in found.items()}


def market_tables(state: State, codec: Codec, name: str | None = None) -> MarketTables:
    """Return a market's tables from a session's state; empty ones before the first market opens.

    Raises:
        UprootError: there is no such market, or there are several and none is named.
    """
    known = markets_in(state, codec)
    if name is None and len(known) <= 1:
        name = next(iter(known), "market")
        known.setdefault(name, [])
    if name not in known:
        there = ", ".join(map(repr, known)) or "none"
        what = "Say which market" if name is None else f"There is no market {name!r}"
        raise UprootError(f"{what}.\nThere are: {there}.")
    rows: list[dict[str, Any]] = []
    values = [InducedValues({}, {}).frame([])]
    for model in known[name]:
        period = int(codec.decode(state.text(f"model/{model}", "market"))["period"])
        rows += _rows(state, codec, model, period)
        values.append(_values(state, codec, model).frame([period]))
        values += _held(state, codec, model, period)
    import pandas  # lazy: `import uproot_nb` is to be quick

    return MarketTables(name, order_event_table(rows), pandas.concat(values, ignore_index=True))


def _rows(state: State, codec: Codec, model: str, period: int) -> Iterator[dict[str, Any]]:
    for record in json.loads(state.text(f"model/{model}", "entries")):
        yield from rows_in(codec.decode(record["fields"]), record["time"], period)


def _held(state: State, codec: Codec, model: str, period: int) -> Iterator[pandas.DataFrame]:
    """Yield what the log tells of the asset's period, if an asset is traded."""
    subject = f"model/{model}"
    if "dividends" not in state.names(subject):
        return
    asset = Dividends.from_plain(codec.decode(state.text(subject, "dividends")))
    paid = "dividend" in state.names(subject)
    dividend = from_plain(codec.decode(state.text(subject, "dividend"))) if paid else None
    yield asset.frame({period: dividend}, _endowed(state, codec, subject))


def _endowed(state: State, codec: Codec, subject: str) -> int:
    """Return how many units the traders have begun the period with, all together."""
    commands = (
        codec.decode(record["fields"]).get("command")
        for record in json.loads(state.text(subject, "entries"))
    )
    return sum(told["units"] for told in commands if told and told["command"] == "endow")


def _values(state: State, codec: Codec, model: str) -> InducedValues:
    if "values" not in state.names(f"model/{model}"):
        return InducedValues({}, {})
    raw = codec.decode(state.text(f"model/{model}", "values"))
    values, costs = (
        {name: [from_plain(value) for value in units] for name, units in raw[side].items()}
        for side in ("values", "costs")
    )
    return InducedValues(values, costs)
