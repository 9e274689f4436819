"""Presets: markets of the literature do what their sources say of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pandas
import pytest

from uproot_nb.errors import BadPage, OrderRefused
from uproot_nb.market import (
    BSE,
    CLIFF,
    GJERSTAD_DICKHAUT,
    GODE_SUNDER,
    SANTA_FE,
    SMITH_1962,
    InducedValues,
    MarketPage,
    Rules,
)
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.traders import GD, ZIC, ZIP, simulate_market

PRESETS = {
    "BSE": BSE, "CLIFF": CLIFF, "GJERSTAD_DICKHAUT": GJERSTAD_DICKHAUT,
    "GODE_SUNDER": GODE_SUNDER, "SANTA_FE": SANTA_FE, "SMITH_1962": SMITH_1962,
}  # fmt: skip
BUYERS, SELLERS = [f"b{n}" for n in range(6)], [f"s{n}" for n in range(6)]


def simulated(
    rules: Rules, kind: Any = ZIC, values: InducedValues | None = None, **more: Any
) -> MarketTables:
    made = values or InducedValues.symmetric(
        BUYERS, SELLERS, highest=150, lowest=30, step=10, units=2
    )
    traders = {name: kind(n) for n, name in enumerate(sorted({*made.values, *made.costs}))}
    return simulate_market(traders, made, rules=rules, **more)


def stands(events: pandas.DataFrame) -> list[tuple[str, int]]:
    """Return after each command how many orders stand, with what the command's last event was."""
    found, count = [], 0
    for _, step in events[events["event"] != "close"].groupby("time"):
        count += int((step["event"] == "submit").sum())
        count -= int(step["event"].isin(["fill", "cancel"]).sum())
        found.append((step["event"].iloc[-1], count))
    return found


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_for_single_units_and_survives_a_log(name: str) -> None:
    rules = PRESETS[name]
    assert rules.max_quantity == 1
    assert Rules.from_plain(rules.plain()) == rules


@pytest.mark.parametrize("name", PRESETS)
def test_robots_trade_under_every_preset(name: str) -> None:
    values = InducedValues.symmetric(
        BUYERS, SELLERS, highest=Decimal("3.25"), lowest=Decimal("0.75"), step=Decimal("0.25")
    ) if PRESETS[name].tick != 1 else None  # fmt: skip
    tables = simulated(PRESETS[name], lambda n: ZIC(), values, steps=500, seed=3)
    assert len(tables.trades) >= 4
    assert (tables.trades["quantity"] == 1).all()
    assert tables.periods["efficiency"][0] > 0.7


@pytest.mark.long
@pytest.mark.parametrize("name", ["GODE_SUNDER", "GJERSTAD_DICKHAUT", "SANTA_FE"])
def test_a_trade_ends_all_quotes_and_until_then_they_only_get_better(name: str) -> None:
    events = simulated(PRESETS[name], lambda n: GD() if n % 2 else ZIC(), steps=300).order_events
    best: dict[str, float] = {}
    for row in events.itertuples():
        sign = 1 if row.side == "buy" else -1
        if row.event == "submit":
            assert sign * row.price > best.get(row.side, -1e9)
            best[row.side] = sign * row.price
        elif row.event == "fill":
            best = {}
    assert all(count == 0 for last, count in stands(events) if last == "cancel" and count == 0)
    trades = events[events["event"] == "fill"]["time"].unique()
    for time in trades:
        after = events[(events["time"] <= time) & (events["event"] != "close")]
        gone = after["event"].isin(["fill", "cancel"]).sum()
        assert (after["event"] == "submit").sum() == gone


def test_gode_and_sunders_trade_takes_the_earlier_price() -> None:
    trades = simulated(GODE_SUNDER, lambda n: ZIC(), steps=400)
    orders = trades.order_events.query("event == 'submit'").set_index("order")["price"]
    assert list(trades.trades["price"]) == [orders[n] for n in trades.trades["maker_order"]]


@pytest.mark.long
def test_in_smiths_market_only_the_last_quote_can_be_accepted() -> None:
    events = simulated(SMITH_1962, lambda n: ZIC(), steps=300).order_events
    assert all(count <= 1 for _, count in stands(events))


@pytest.mark.long
def test_in_cliffs_market_nothing_stands_when_the_next_one_shouts() -> None:
    tables = simulated(CLIFF, lambda n: ZIP(Random(n)), zip_values(), steps=200, periods=3)
    assert all(count == 0 for _, count in stands(tables.order_events))


def zip_values(shift: str = "0") -> InducedValues:
    """The schedule of zip1hii.dat: eleven traders on each side, from 0.75 to 3.25 by 0.25."""
    prices = [Decimal("0.75") + n * Decimal("0.25") + Decimal(shift) for n in range(11)]
    return InducedValues(
        {f"b{n:02}": [price] for n, price in enumerate(prices)},
        {f"s{n:02}": [price] for n, price in enumerate(prices)},
    )


@pytest.mark.long
def test_zip_converges_to_equilibrium_in_cliffs_market() -> None:
    """P0 is 2.00 there, and alpha falls within days (Cliff and Bruten 1997, section 4)."""
    tables = simulated(CLIFF, lambda n: ZIP(Random(n)), zip_values(), periods=8, steps=400, seed=1)
    periods = tables.periods
    assert (periods["equilibrium_price_low"] == 2).all()
    assert periods["alpha"][4:].mean() < min(10, periods["alpha"][0])
    assert abs(periods["mean_price"][4:].mean() - 2) < 0.1
    assert periods["efficiency"][4:].mean() > 0.9


def test_in_the_bristol_exchange_a_trader_has_one_quote_and_quotes_survive_trades() -> None:
    events = simulated(BSE, lambda n: ZIC(), steps=400).order_events
    standing: dict[int, str] = {}
    for row in events[events["event"] != "close"].itertuples():
        if row.event == "submit":
            standing[row.order] = row.player
        elif row.event in ("fill", "cancel"):
            del standing[row.order]
        assert len(set(standing.values())) >= len(standing) - 1  # while one is taking a place
    assert len(standing) > 2
    assert (events["reason"].dropna() == "replaced").all()


def test_in_the_bristol_exchange_a_second_quote_takes_the_place_of_the_first() -> None:
    book = Book(BSE, InducedValues({"b1": [90], "b2": [90]}, {"s1": [5, 6]}).value_of)
    book.limit("b1", "buy", 10)
    book.limit("b2", "buy", 12)
    assert [e.reason for e in book.limit("b1", "buy", 12).events] == ["replaced", None]
    assert [(order.player, order.price) for order in book.standing("buy")] == [
        ("b2", 12), ("b1", 12),
    ]  # fmt: skip
    assert [e.reason for e in book.limit("b1", "buy", 12).events] == ["replaced", None]
    with pytest.raises(OrderRefused, match="above your value"):
        book.limit("b1", "buy", 91)
    assert len(book.orders) == 2
    book.limit("s1", "sell", 11)
    outcome = book.limit("b1", "buy", 20)
    assert [(order.player, order.price) for order in book.standing("buy")] == [("b1", 20)]
    assert [(change.price, change.quantity) for change in outcome.changes] == [(12, 0), (20, 1)]
    book.limit("s1", "sell", 30)
    assert book.market("b1", "buy").trades[0].price == 30
    assert not book.orders


@pytest.mark.parametrize("name", PRESETS)
def test_people_trade_by_a_preset_without_the_timing_of_robots(name: str) -> None:
    rules = PRESETS[name]
    if rules.timing != "uniform":
        with pytest.raises(BadPage, match="at any time"):
            type("Robots", (MarketPage,), {"rules": rules, "__doc__": "Trade."})
    type("People", (MarketPage,), {"rules": replace(rules, timing="uniform"), "__doc__": "Trade."})
