"""Market tables: what a log says of its markets, beside what simulations say."""

from __future__ import annotations

from collections.abc import Iterator

import pandas
import pytest

from tests.worlds_at_rest import Worlds
from uproot_nb.analysis.market_tables import RecordedMarket
from uproot_nb.analysis.recording import Tables
from uproot_nb.market.analysis.columns import COLUMNS, types_of
from uproot_nb.market.analysis.results import MARKET_TABLES
from uproot_nb.market.analysis.tables import book_table, period_table, trade_table, trader_table
from uproot_nb.market.analysis.trader_labels import LABELLED
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.market import Market

TIMED = {"order_events", "trades", "book"}


@pytest.fixture
def tables() -> Iterator[RecordedMarket]:
    """Two periods of a market: in the first two players trade once."""
    worlds = Worlds()
    world = worlds.open("market")
    ann, bob = (world.add_player() for _ in range(2))
    for period in (1, 2):
        values = InducedValues({ann.name: [90]}, {bob.name: [20]})
        market = Market.in_session(world.session, name="bonds", period=period, values=values)
        if period == 1:
            market.limit(bob.name, "sell", 45)
            market.limit(ann.name, "buy", 50)
    world.journal.commit()
    yield Tables(worlds.log, "market").market()
    worlds.close()


def without_labels(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return a table with the columns of simulated ones, and timestamps; check the labels."""
    for names, name in LABELLED.items():
        assert (names in table) == (name in table)
        assert name not in table or str(table[name].dtype) == "string"
    return table.drop(columns=list(LABELLED.values()), errors="ignore")


@pytest.mark.parametrize("name", MARKET_TABLES)
def test_the_times_of_a_recorded_market_are_timestamps_too(
    tables: RecordedMarket, name: str
) -> None:
    table = without_labels(getattr(tables, name))
    told = table.dtypes.astype(str).to_dict()
    if name not in TIMED:
        assert told == types_of(name)
        return
    columns = list(COLUMNS[name])
    columns.insert(columns.index("time") + 1, "timestamp")
    assert list(table.columns) == columns
    assert told.pop("timestamp") == "datetime64[us, UTC]"
    assert told == types_of(name)
    assert len(table) > 0
    seconds = (table["timestamp"] - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
    assert (seconds - table["time"]).abs().max() < 1e-6


def test_the_tables_of_a_recorded_market_follow_from_two_of_them(tables: RecordedMarket) -> None:
    events, values = tables.order_events, tables.induced_values
    assert list(values["period"]) == [1, 1, 2, 2]
    for name, made in {
        "trades": trade_table(events, values), "book": book_table(events),
        "periods": period_table(events, values), "traders": trader_table(events, values),
    }.items():  # fmt: skip
        kept = without_labels(getattr(tables, name)).drop(columns="timestamp", errors="ignore")
        pandas.testing.assert_frame_equal(made, kept)
