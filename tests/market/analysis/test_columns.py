"""Columns: the descriptions of the market tables fit their columns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pandas
import pytest

from tests.market.analysis.test_tables import VALUES, small_day
from uproot_nb.market.analysis import tables
from uproot_nb.market.analysis.columns import COLUMNS, types_of
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.analysis.order_events import order_event_table
from uproot_nb.market.analysis.results import MARKET_TABLES, MarketTables
from uproot_nb.market.analysis.values import InducedValues

MADE_BY: dict[str, Callable[..., object]] = {
    "order_events": order_event_table, "trades": tables.trade_table, "book": tables.book_table,
    "induced_values": InducedValues.frame, "periods": tables.period_table,
    "traders": tables.trader_table, "mispricing": tables.mispricing_table,
}  # fmt: skip


def small_market() -> MarketTables:
    return MarketTables("day", small_day().events, VALUES.frame())


@pytest.mark.parametrize("name", MARKET_TABLES)
def test_every_table_has_the_columns_and_types_that_are_told(name: str) -> None:
    table = getattr(small_market(), name)
    assert table.dtypes.astype(str).to_dict() == types_of(name)
    assert all(column.meaning for column in COLUMNS[name].values())


@pytest.mark.parametrize("name", MARKET_TABLES)
def test_the_docstring_of_what_makes_a_table_names_every_column(name: str) -> None:
    told = inspect.getdoc(MADE_BY[name]) or ""
    ends = re.sub(r"(\w+)_low/high", r"\1_low \1_high", told)
    assert [column for column in COLUMNS[name] if not re.search(rf"\b{column}\b", ends)] == []


def test_no_text_column_is_without_categories() -> None:
    for name in MARKET_TABLES:
        table = getattr(small_market(), name)
        assert not table.select_dtypes(["object", "string"]).columns.any(), name


def test_buyers_can_be_compared_with_sellers() -> None:
    trades = small_market().trades
    assert not (trades["buyer"] == trades["seller"]).any()


def test_what_holds_for_all_alike_has_no_player() -> None:
    table = Dividends((0, 10), periods=2).frame({1: 10}, units=3)
    assert table["player"].isna().all()
    assert list(table["side"]) == ["hold", "dividend"]


def test_categories_stand_in_the_order_in_which_they_came() -> None:
    events = small_day().events
    assert list(events["player"].cat.categories) == ["cem", "ann", "dot"]
    assert isinstance(events["player"].dtype, pandas.CategoricalDtype)
