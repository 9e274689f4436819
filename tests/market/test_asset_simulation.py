"""Simulated asset markets: nothing is made or lost, and near-zero intelligence makes a bubble."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.errors import BadMarket
from uproot_nb.market import Design, Dividends, InducedValues, Rules
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders import (
    ZIU,
    NearZeroIntelligence,
    Shout,
    Trader,
    View,
    simulate_asset_market,
    simulate_market,
)
from uproot_nb.market.traders.trader import chosen_side

PAPER = Dividends((0, 8, 28, 60), periods=15)
CLASSES = ((225, 3), (585, 2), (945, 1))
ENDOWMENTS = {f"t{n}": CLASSES[n % 3] for n in range(9)}


def simulated(seed: int, **options: Any) -> MarketTables:
    traders = {name: NearZeroIntelligence() for name in ENDOWMENTS}
    given = {"steps": 60, "seed": seed, **options}
    return simulate_asset_market(traders, PAPER, ENDOWMENTS, **given)


class Stubborn:
    """Buys at a price of its own, or sells: whatever it was made for."""

    def __init__(self, side: Side, price: int) -> None:
        self._side, self._price = side, price
        self.heard: list[Shout] = []
        self.limits: list[Price] = []

    def side(self, period: int, chance: Random) -> Side:
        return self._side

    def quote(self, view: View, chance: Random) -> Price | None:
        self.limits.append(view.limit)
        return self._price

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        self.heard.append(shout)


@pytest.mark.long
def test_the_same_seed_gives_the_same_market() -> None:
    one, two, other = simulated(1, periods=4), simulated(1, periods=4), simulated(2, periods=4)
    assert one.order_events.equals(two.order_events)
    assert one.induced_values.equals(two.induced_values)
    assert not one.order_events.equals(other.order_events)


def test_a_unit_changes_hands_and_its_dividend_goes_to_who_has_it() -> None:
    """Two traders who want each other's side trade until the buyer has no cash or units are out."""
    asset = Dividends((10,), periods=2, terminal=3)
    buyer, seller = Stubborn("buy", 20), Stubborn("sell", 20)
    tables = simulate_asset_market(
        {"b": buyer, "s": seller}, asset, {"b": (50, 0), "s": (0, 9)}, steps=40, seed=1
    )
    # 50 buys two; two dividends of 10 and the rest make 30, and buy one more.
    assert tables.periods.volume.tolist() == [2, 1]
    assert tables.periods.fundamental_value.tolist() == [23, 13]
    assert tables.periods.dividend.tolist() == [10, 10]
    assert set(buyer.limits) == {23, 13}
    assert Shout("buy", 20, False) in seller.heard or Shout("sell", 20, False) in seller.heard
    assert {shout.accepted for shout in buyer.heard} == {False, True}
    assert tables.mispricing.turnover[0] == pytest.approx(3 / 9)


@examples(25)
@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 4)), min_size=2, max_size=5),
    st.sampled_from([0, 30]),
    st.booleans(),
)
def test_nothing_is_made_or_lost_and_nobody_owes_anything(
    seed: int, holdings: list[tuple[int, int]], terminal: int, near_zero: bool
) -> None:
    """Followed trade by trade from the tables alone, with each period's dividend."""
    asset = Dividends((0, 5, 25), periods=3, terminal=terminal)
    given = {f"t{n}": held for n, held in enumerate(holdings)}
    traders: dict[str, Trader] = {name: NearZeroIntelligence() if near_zero else ZIU()
                                  for name in given}  # fmt: skip
    rules = Rules(max_price=200, budget=True, short_sales=False)
    tables = simulate_asset_market(traders, asset, given, steps=40, rules=rules, seed=seed)
    cash = {name: held[0] for name, held in given.items()}
    units = {name: held[1] for name, held in given.items()}
    for period, dividend in enumerate(tables.periods.dividend, 1):
        for trade in tables.trades[tables.trades.period == period].itertuples():
            cash[trade.buyer] -= trade.price
            cash[trade.seller] += trade.price
            units[trade.buyer] += 1
            units[trade.seller] -= 1
            assert min(*cash.values(), *units.values()) >= 0
        for name in cash:
            cash[name] += units[name] * dividend
    made = sum(tables.periods.dividend) * sum(units.values())
    assert sum(units.values()) == sum(held[1] for held in holdings)
    assert sum(cash.values()) == pytest.approx(sum(held[0] for held in holdings) + made)


def test_nobody_has_two_orders_standing() -> None:
    open_orders: dict[tuple[int, str], int] = {}
    events = simulated(3, periods=3).order_events
    for row in events.itertuples():
        key = row.period, row.player
        if row.event == "submit":
            open_orders[key] = open_orders.get(key, 0) + 1
        elif row.event in ("cancel", "fill"):
            open_orders[key] -= 1
            assert open_orders[key] in (0, 1)
    assert max(open_orders.values()) <= 1


@pytest.mark.long
def test_near_zero_intelligence_makes_a_bubble() -> None:
    """Below the fundamental value at first, above it in the end (Duffy and Ünver 2006)."""
    for seed in (1, 2, 3):
        tables = simulated(seed)
        gaps = (tables.periods.mean_price - tables.periods.fundamental_value).tolist()
        assert gaps[0] < 0 < gaps[9]
        assert tables.mispricing.rad[0] > 0.3


def test_money_may_have_cents() -> None:
    rules = Rules(tick=Decimal("0.05"), max_price=Decimal(20), budget=True, short_sales=False)
    asset = Dividends((Decimal("0.1"), Decimal("0.25"), 0), periods=2)
    given = {"a": (Decimal("3.20"), 2), "b": (Decimal(5), 2)}
    tables = simulate_asset_market({"a": ZIU(), "b": ZIU()}, asset, given, rules=rules)
    assert tables.periods.fundamental_value.tolist() == pytest.approx([0.7 / 3, 0.35 / 3])


def test_endowments_and_traders_must_fit_and_the_asset_must_last() -> None:
    with pytest.raises(BadMarket, match="t1"):
        simulate_asset_market({"t0": ZIU()}, PAPER, {"t0": (5, 1), "t1": (5, 1)})
    with pytest.raises(BadMarket, match="periods 1 to 15"):
        simulate_asset_market({"t0": ZIU()}, PAPER, {"t0": (5, 1)}, periods=16, steps=1)


def test_a_trader_that_may_not_do_what_it_would_waits() -> None:
    chance = Random(1)
    assert chosen_side(Stubborn("buy", 1), 1, ("buy", "sell"), chance) == "buy"
    assert chosen_side(Stubborn("buy", 1), 1, ("sell",), chance) is None
    assert chosen_side(ZIU(), 1, ("sell",), chance) == "sell"
    assert chosen_side(ZIU(), 1, (), chance) is None


def test_an_asset_whose_traders_have_no_values_is_not_traded_without_loss() -> None:
    with pytest.raises(BadMarket, match="Write rules without no_loss"):
        simulate_asset_market({"t0": ZIU()}, PAPER, {"t0": (5, 1)}, rules=Rules(no_loss=True))


@pytest.mark.parametrize(
    ("rules", "what"),
    [(Rules(budget=True), "lets nobody buy"), (Rules(margin=5), "margin=5 means")],
)
def test_rules_of_money_are_refused_where_nobody_has_any(rules: Rules, what: str) -> None:
    values = InducedValues({"b": [50]}, {"s": [20]})
    with pytest.raises(BadMarket, match=what):
        simulate_market({"b": ZIU(), "s": ZIU()}, values, rules=rules)
    for each in (rules, {1: Rules(), 2: rules}):
        with pytest.raises(BadMarket, match=what):
            Design(values, ZIU, rules=each)
    with pytest.raises(BadMarket, match=what):
        Design(values, arms={"one": {"rules": rules}})


def test_a_call_is_refused_where_nobody_clears_it() -> None:
    with pytest.raises(BadMarket, match="would clear no order"):
        simulate_asset_market({"t0": ZIU()}, PAPER, {"t0": (5, 1)}, rules=Rules(call=True))
