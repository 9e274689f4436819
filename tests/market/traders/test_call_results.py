"""What robot traders hear of a call, and what they learn from one call to the next."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from uproot_nb.market import Design, InducedValues, Rules
from uproot_nb.market.traders import AA, ZIC, ZIP, CallResult, SentOrder, View, simulate_market
from uproot_nb.market.traders.call_results import hear_call


class Hearing(ZIC):
    """Notes what it hears of calls."""

    def __init__(self) -> None:
        self.heard: list[CallResult] = []

    def observe_call(self, result: CallResult, chance: Random) -> None:
        self.heard.append(result)


def unit(side: Any, limit: int, number: int = 1) -> View:
    return View(side, limit, None, None, None, 1, 200, unit=number, in_call=True)


def test_of_ones_own_orders_the_best_have_traded() -> None:
    trader = Hearing()
    sent = [(unit("buy", 90), 50), (unit("buy", 80, 2), 70), (unit("sell", 20), 40),
            (unit("buy", 75, 3), 50)]  # fmt: skip
    hear_call(trader, 50, 9, sent, {"buy": 2, "sell": 0}, Random(1))
    (result,) = trader.heard
    assert (result.price, result.quantity) == (50, 9)
    assert [one.traded for one in result.orders] == [True, True, False, False]
    hear_call(
        ZIC(), 50, 9, sent, {"buy": 2, "sell": 0}, Random(1)
    )  # who does not want to, need not


def test_a_simulated_call_is_heard_by_all_with_their_own_orders() -> None:
    values = InducedValues({"ann": [90, 60], "bob": [85]}, {"cem": [10, 80]})
    traders = {name: Hearing() for name in ("ann", "bob", "cem")}
    tables = simulate_market(traders, values, rules=Rules(call=True, max_price=100), periods=9)
    units = tables.trades.groupby("period")["quantity"].sum()
    for period in range(1, 10):
        results = [trader.heard[period - 1] for trader in traders.values()]
        trades = tables.trades.query("period == @period")
        assert {one.quantity for one in results} == {units.get(period, 0)}
        assert {one.price for one in results} == set(trades["price"]) or not len(trades)
        sold = sum(order.traded for order in results[2].orders)
        assert sold == sum(o.traded for one in results[:2] for o in one.orders) == len(trades)
        assert all(o.view.in_call and o.view.period == period for o in results[0].orders)


@pytest.mark.parametrize(
    ("side", "limit", "asked"),
    [("sell", 40, 90), ("sell", 40, 60), ("buy", 90, 40), ("buy", 90, 70)],
)
@pytest.mark.parametrize("make", [ZIP, AA])
def test_a_units_price_moves_to_where_it_just_trades(
    make: Any, side: Any, limit: int, asked: int
) -> None:
    """Just below 66 to sell, just above it to buy, wherever it began."""
    trader, view, chance = make(Random(2)), unit(side, limit), Random(1)
    if make is ZIP:
        trader.margin = abs(asked - limit) / limit
    for _ in range(60):
        order = SentOrder(view, trader.quote(view, chance), False)
        trader.observe_call(CallResult(66, 3, (order,)), chance)
    price = trader.quote(view, chance)
    assert 56 <= price <= 66 if side == "sell" else 66 <= price <= 76


@pytest.mark.parametrize("make", [ZIP, AA])
def test_where_nobody_trades_they_ask_for_less(make: Any) -> None:
    trader, view, chance = make(Random(2)), unit("sell", 40), Random(1)
    first = trader.quote(view, chance)
    for _ in range(40):
        order = SentOrder(view, trader.quote(view, chance), False)
        trader.observe_call(CallResult(None, 0, (order,)), chance)
    assert 40 <= trader.quote(view, chance) < first


@pytest.mark.parametrize("make", [ZIP, AA])
def test_calls_become_efficient(make: Any) -> None:
    names = [f"b{n}" for n in range(6)], [f"s{n}" for n in range(6)]
    values = InducedValues.symmetric(*names, highest=325, lowest=75, step=14, units=3)
    rules = Rules(call=True, max_price=400)
    periods = Design(values, make, periods=20, rules=rules).simulate(1).periods
    assert periods["efficiency"].iloc[15:].mean() > 0.95 > periods["efficiency"].iloc[0]
    assert (periods["mean_price"].iloc[15:] - 200).abs().max() < 10
