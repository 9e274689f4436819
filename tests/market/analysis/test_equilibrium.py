"""Equilibrium is where nobody wants to trade more or less, and no matching earns more."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.equilibrium import equilibrium
from uproot_nb.market.analysis.values import InducedValues

amounts = st.lists(st.integers(1, 9), max_size=4)


def surpluses(values: list[int], costs: list[int]) -> list[tuple[int, int]]:
    """Return (surplus, quantity) of every matching of the first k of every order of the units."""
    return [
        (sum(v - c for v, c in zip(bought[:k], sold[:k], strict=True)), k)
        for bought in permutations(values)
        for sold in permutations(costs)
        for k in range(min(len(values), len(costs)) + 1)
    ]


def clears(values: list[int], costs: list[int], price: float) -> bool:
    """Say whether some quantity is both demanded and supplied at a price."""
    least = max(sum(v > price for v in values), sum(c < price for c in costs))
    most = min(sum(v >= price for v in values), sum(c <= price for c in costs))
    return least <= most


@examples(150)
@given(amounts, amounts, st.integers(-2, 3))
def test_it_is_what_trying_everything_finds(values: list[int], costs: list[int], tax: int) -> None:
    found = equilibrium(values, costs, tax)
    taxed = [cost + tax for cost in costs]
    every = surpluses(values, taxed)
    best = max(surplus for surplus, _ in every)
    quantities = [quantity for surplus, quantity in every if surplus == best]
    assert found.maximum_surplus == best
    assert (found.quantity_low, found.quantity_high) == (min(quantities), max(quantities))
    low = -100 if found.price_low is None else found.price_low
    high = 100 if found.price_high is None else found.price_high
    assert low <= high
    for price in (half / 2 for half in range(-20, 41)):
        assert clears(values, taxed, price) == (low <= price <= high), price


def test_the_interval_of_a_small_market_worked_out_by_hand() -> None:
    found = equilibrium([50, 90, 70], [40, 60, 20])
    assert (found.quantity_low, found.quantity_high) == (2, 2)
    assert (found.price_low, found.price_high, found.price) == (50, 60, 55)
    assert found.maximum_surplus == 70 + 30


def test_units_that_gain_nothing_may_be_traded_or_not() -> None:
    found = equilibrium([9, 5, 5], [3, 5])
    assert (found.quantity_low, found.quantity_high) == (1, 2)
    assert (found.price_low, found.price_high) == (5, 5)


def test_a_tax_is_a_cost_and_brings_revenue() -> None:
    found = equilibrium([90, 70, 50], [20, 40, 60], tax=25)
    assert (found.price_low, found.price_high) == (65, 70)
    assert (found.maximum_surplus, found.tax_revenue) == (50, 50)


def test_a_market_without_anybody_has_no_price() -> None:
    found = equilibrium([], [])
    assert (found.quantity_high, found.price, found.maximum_surplus) == (0, None, 0)
    assert equilibrium([5], []).price_low == 5


def test_decimals_stay_exact() -> None:
    assert equilibrium([Decimal("0.3")], [Decimal("0.1")]).maximum_surplus == Decimal("0.2")


def test_the_symmetric_design_deals_fairly_and_meets_in_the_middle() -> None:
    made = InducedValues.symmetric("ab", "cd", highest=90, lowest=20, step=10, units=2)
    assert made.values == {"a": [90, 60], "b": [80, 70]}
    assert made.costs == {"c": [20, 50], "d": [30, 40]}
    assert (made.value_of("a", "buy", 2), made.value_of("c", "sell", 2)) == (60, 50)
    assert made.value_of("a", "buy", 3) is made.value_of("a", "sell", 1) is None
    assert made.value_of("a", "buy", 0) is None
    found = equilibrium(made.all_values(), made.all_costs())
    assert (found.quantity_low, found.price) == (4, 55)


@pytest.mark.parametrize(("sell", "price"), [(3, 20), (1, 80)])
def test_in_the_box_design_the_longer_side_gets_nothing(sell: int, price: int) -> None:
    made = InducedValues.box(
        "abc", "def", value=80, cost=20, units_to_buy=2, units_to_sell=sell
    )  # fmt: skip
    assert equilibrium(made.all_values(), made.all_costs()).price == price


def test_draws_follow_from_the_seed() -> None:
    one, two = (InducedValues.drawn("ab", "cd", seed=5, units=3) for _ in range(2))
    assert one == two != InducedValues.drawn("ab", "cd", seed=6, units=3)
    assert all(list(units) == sorted(units, reverse=True) for units in one.values.values())
    assert all(list(units) == sorted(units) for units in one.costs.values())


def test_induced_values_are_a_table_for_each_period() -> None:
    frame = InducedValues({"ann": [9, 7]}, {"bob": [2]}).frame(range(1, 3))
    assert list(frame.columns) == ["period", "player", "side", "unit", "value"]
    assert frame.values.tolist()[:3] == [
        [1, "ann", "buy", 1, 9.0], [1, "ann", "buy", 2, 7.0], [1, "bob", "sell", 1, 2.0]
    ]  # fmt: skip
    assert len(frame) == 6
    assert InducedValues({}, {}).frame().dtypes.astype(str)["value"] == "float64"


def test_floats_are_no_money() -> None:
    with pytest.raises(BadMarket, match="Decimals"):
        InducedValues({"ann": [0.5]}, {})  # type: ignore[list-item]
