"""Equilibrium under taxes, fees and price controls: what trying everything finds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.market import Dividends, Fees, InducedValues, Rules, Tax, equilibrium
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.analysis.tables import period_parts, period_rows
from uproot_nb.market.analysis.units import Units, constraint_rows, units_by_period
from uproot_nb.market.analysis.values import induced_value_table
from uproot_nb.market.orderbook.constraints import Constraints
from uproot_nb.market.traders import (
    GD,
    ZIC,
    ZIP,
    NearZeroIntelligence,
    simulate_asset_market,
    simulate_market,
)

amounts = st.lists(st.integers(1, 9), max_size=4)
rates = st.sampled_from([0, Decimal("0.25"), Decimal("-0.2")])
controls = st.none() | st.integers(1, 9)
BUYERS, SELLERS = [f"b{n}" for n in range(5)], [f"s{n}" for n in range(5)]
VALUES = InducedValues.symmetric(BUYERS, SELLERS, highest=100, lowest=10, step=9, units=2)
TAXED = Rules(max_price=150, buyer_tax=Tax(4), seller_tax=Tax(rate=Decimal("0.1")), fees=Fees(1, 3))


@st.composite
def constraints(draw: Any) -> Constraints:
    floor, ceiling = draw(controls), draw(controls)
    if floor is not None and ceiling is not None and floor > ceiling:
        floor, ceiling = ceiling, floor
    lowest, highest = sorted([draw(st.integers(1, 9)), draw(st.integers(1, 9))])
    made = Constraints(
        floor, ceiling, draw(st.integers(-2, 3)), draw(rates), draw(st.integers(-2, 3)),
        draw(rates), *draw(st.sampled_from([(0, 0), (1, 1), (0, 2)])),
        draw(st.sampled_from([None, lowest])), draw(st.sampled_from([None, highest])),
    )  # fmt: skip
    ends = [end for end in (made.lowest, made.highest) if end is not None]
    if ends != sorted(ends):  # there would be no price
        made = replace(made, min_price=None, max_price=None)
    return made.in_fractions()


def traded_at(values: list[int], costs: list[int], at: Constraints, price: Any) -> tuple[int, int]:
    """Return the least and the most units that are traded at a price if nobody makes a loss.

    The shorter side trades all its units that gain, and may trade those that gain nothing.
    """
    bids = [at.gain("buy", value, price) for value in values]
    asks = [at.gain("sell", cost, price) for cost in costs]
    least = min(sum(gain > 0 for gain in bids), sum(gain >= 0 for gain in asks))
    other = min(sum(gain >= 0 for gain in bids), sum(gain > 0 for gain in asks))
    most = min(sum(gain >= 0 for gain in bids), sum(gain >= 0 for gain in asks))
    return min(least, other), most


def clears(values: list[int], costs: list[int], at: Constraints, price: Any) -> bool:
    bids = [at.gain("buy", value, price) for value in values]
    asks = [at.gain("sell", cost, price) for cost in costs]
    least = max(sum(gain > 0 for gain in bids), sum(gain > 0 for gain in asks))
    return least <= min(sum(gain >= 0 for gain in bids), sum(gain >= 0 for gain in asks))


@examples(200)
@given(amounts, amounts, constraints())
def test_it_is_what_trying_every_price_finds(
    values: list[int], costs: list[int], at: Constraints
) -> None:
    found = equilibrium(values, costs, under=at)
    if not values or not costs:
        return
    low, high = found.price_low, found.price_high
    free = replace(at, floor=None, ceiling=None, min_price=None, max_price=None)
    # All prices at which anybody changes sides, and those between.
    marks = sorted({*(free.bid(v) for v in values), *(free.ask(c) for c in costs)})
    between = [(one + other) / Fraction(2) for one, other in pairwise(marks)]
    laws = [p for p in (at.floor, at.ceiling, at.min_price, at.max_price) if p is not None]
    tried = sorted({*marks, *between, *laws, marks[0] - 1, marks[-1] + 1})
    floors = [end for end in (at.floor, at.min_price) if end is not None]
    ceilings = [end for end in (at.ceiling, at.max_price) if end is not None]
    allowed = [p for p in tried if all(p >= end for end in floors)
               and all(p <= end for end in ceilings)]  # fmt: skip
    clearing = [p for p in allowed if clears(values, costs, free, p)]
    for price in allowed:
        inside = (low is None or price >= low) and (high is None or price <= high)
        assert inside == (price in clearing or (not clearing and low == high == price))
    price = (low + high) / Fraction(2) if None not in (low, high) else None
    if price is not None and not clearing:
        least, most = traded_at(values, costs, free, price)
        assert (found.quantity_low, found.quantity_high) == (least, most)


@examples(200)
@given(amounts, amounts, constraints())
def test_what_traders_treasury_and_exchange_have_is_the_gain_from_trade(
    values: list[int], costs: list[int], at: Constraints
) -> None:
    found, free = equilibrium(values, costs, under=at), equilibrium(values, costs)
    assert found.welfare + found.deadweight_loss == free.maximum_surplus
    assert found.deadweight_loss >= 0
    gains = [v - c for v, c in zip(sorted(values)[::-1], sorted(costs), strict=False)]
    quantities = range(found.quantity_low, found.quantity_high + 1)
    assert found.welfare == max(sum(gains[:quantity]) for quantity in quantities)
    if found.quantity_low == found.quantity_high:
        together = found.maximum_surplus + found.tax_revenue + found.fee_revenue
        assert together == found.welfare
    if at == Constraints():
        assert found == free


@examples(150)
@given(amounts, amounts, st.integers(-3, 4))
def test_who_pays_a_tax_changes_the_price_and_nothing_else(
    values: list[int], costs: list[int], tax: int
) -> None:
    buyers, sellers = (
        equilibrium(values, costs, under=Constraints(**{name: tax}))
        for name in ("buyer_tax", "seller_tax")
    )
    assert equilibrium(values, costs, tax=tax) == sellers
    for name in ("quantity_low", "quantity_high", "maximum_surplus", "tax_revenue", "welfare"):
        assert getattr(buyers, name) == getattr(sellers, name)
    if buyers.price is not None and sellers.price is not None:
        assert sellers.price_low - buyers.price_low == tax


def test_a_ceiling_below_the_market_price_is_the_price() -> None:
    found = equilibrium([90, 70, 50], [20, 40, 60], under=Rules(ceiling=30))
    assert (found.quantity_low, found.quantity_high, found.price) == (1, 1, 30)
    assert (found.maximum_surplus, found.welfare, found.deadweight_loss) == (70, 70, 30)
    # Who sells at 40 gains nothing at a price of 40, and may sell or not.
    edge = equilibrium([90, 70, 50], [20, 40, 60], under=Rules(ceiling=40))
    assert (edge.quantity_low, edge.quantity_high, edge.deadweight_loss) == (1, 2, 0)
    loose = equilibrium([90, 70, 50], [20, 40, 60], under=Rules(ceiling=55, floor=52))
    assert (loose.price_low, loose.price_high, loose.quantity_low) == (52, 55, 2)


def test_a_floor_above_the_market_price_is_the_price() -> None:
    found = equilibrium([90, 70, 50], [20, 40, 60], under=Rules(floor=80))
    assert (found.quantity_low, found.price, found.deadweight_loss) == (1, 80, 30)


def test_a_tax_as_in_the_textbook() -> None:
    """Demand 100 - 10 q, supply 10 q; a tax of 40 halves what is traded, and 2 units are lost."""
    values, costs = [95, 85, 75, 65, 55], [5, 15, 25, 35, 45]
    found = equilibrium(values, costs, under=Rules(buyer_tax=Tax(40)))
    assert (found.quantity_low, found.price_low, found.price_high) == (3, 25, 35)
    assert (found.tax_revenue, found.maximum_surplus) == (120, 90)
    assert found.deadweight_loss == 30 + 10
    share = equilibrium(values, costs, under=Rules(seller_tax=Tax(rate=Decimal("0.5"))))
    assert (share.quantity_low, share.price_low, share.price_high) == (3, 65, 70)
    assert (share.tax_revenue, share.welfare) == (Decimal("101.25"), 210)


def test_welfare_after_a_subsidy_is_that_of_the_best_quantity() -> None:
    values = InducedValues({"b": [90, 70, 50]}, {"s": [20, 40, 60]})
    rules = Rules(buyer_tax=Tax(-10))
    found = equilibrium(values.all_values(), values.all_costs(), under=rules)
    assert (found.quantity_low, found.quantity_high) == (2, 3)
    assert (found.welfare, found.deadweight_loss) == (100, 0)
    assert of_table(values, rules).equilibrium() == found
    more = equilibrium([90, 70, 50], [20, 40, 60], under=Rules(buyer_tax=Tax(-20)))
    assert (more.quantity_low, more.welfare, more.deadweight_loss) == (3, 90, 10)


def test_no_price_is_below_the_lowest_tick() -> None:
    """Naive: at a price of 1 two units are wanted, and three offered."""
    values = InducedValues({"b": [10, 9]}, {"s": [1, 2, 3]})
    rules = Rules(seller_tax=Tax(-20))
    found = equilibrium(values.all_values(), values.all_costs(), under=rules)
    assert (found.quantity_low, found.quantity_high, found.price) == (2, 2, 1)
    assert (found.price_low, found.price_high, found.welfare) == (1, 1, 16)
    assert of_table(values, rules).equilibrium() == found
    tables = simulate_market({"b": ZIC(), "s": ZIC()}, values, rules=rules, steps=500, seed=1)
    (row,) = tables.periods.to_dict("records")
    assert (row["equilibrium_price_low"], row["equilibrium_price_high"]) == (1, 1)
    deviations = (tables.trades["price"] - 1) ** 2
    assert row["alpha"] == pytest.approx(100 * deviations.mean() ** 0.5)
    half = equilibrium([10], [5, 6], under=Rules(seller_tax=Tax(-20)))
    assert (half.price_low, half.price_high) == (1, 1)


@pytest.mark.parametrize("most", [35, 50, 70])
def test_the_highest_price_of_the_rules_is_like_a_ceiling(most: int) -> None:
    costs = {"s1": [20, 50], "s2": [30, 60], "s3": [40, 70]}
    values = InducedValues({"b1": [120, 90], "b2": [110, 80], "b3": [100, 70]}, costs)
    schedules = values.all_values(), values.all_costs()
    for rules in (Rules(max_price=most), Rules(max_price=most, ceiling=most), Rules(ceiling=most)):
        found = equilibrium(*schedules, under=rules)
        assert found == equilibrium(*schedules, under=Rules(ceiling=most))
        assert of_table(values, rules).equilibrium() == found
    traders = {name: ZIC() for name in ("b1", "b2", "b3", "s1", "s2", "s3")}
    rows = [
        simulate_market(traders, values, rules=rules, steps=300, seed=1).periods
        for rules in (Rules(max_price=most), Rules(ceiling=most))
    ]
    assert rows[0].equals(rows[1])


def test_an_end_of_the_range_of_prices_that_does_not_matter_is_in_no_table() -> None:
    values = InducedValues({"b": [90, 0]}, {"s": [5, 20]})
    assert constraint_rows(Rules(max_price=80), [1], values) == []
    assert constraint_rows(Rules(max_price=25), [1], values) == []
    assert constraint_rows(Rules(max_price=15), [1], values) == [(1, None, "max_price", 0, 15.0)]
    free = equilibrium([90, 70], [20], under=Rules(max_price=200))
    assert free == equilibrium([90, 70], [20])
    open_above = equilibrium([90], [20, 30], under=Rules(max_price=25, tick=Decimal("0.5")))
    assert (open_above.price_low, open_above.price_high) == (20, 25)


def simulated(rules: Rules, kind: Any = ZIC, seed: int = 1) -> MarketTables:
    traders = {name: kind() for name in [*BUYERS, *SELLERS]}
    return simulate_market(traders, VALUES, periods=2, steps=600, rules=rules, seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("kind", [ZIC, GD, lambda: ZIP(Random(2), absolute=2.0)])
@pytest.mark.parametrize(
    "rules",
    [
        TAXED, Rules(max_price=150, ceiling=35), Rules(max_price=150, floor=70),
        Rules(max_price=150, seller_tax=Tax(-15)), replace(TAXED, trade_price="middle"),
        replace(TAXED, call=True),
    ],
)  # fmt: skip
def test_the_tables_of_a_constrained_market_add_up(rules: Rules, kind: Any) -> None:
    tables = simulated(rules, kind)
    trades, events = tables.trades, tables.order_events
    fills = events[events["trade"].notna()]
    taxes = fills["tax_paid"].sum()
    assert trades[["buyer_tax", "seller_tax"]].sum().sum() == taxes
    assert tables.periods["tax_revenue"].sum() == taxes == tables.traders["tax_paid"].sum()
    assert tables.periods["fee_revenue"].sum() == tables.traders["fee_paid"].sum()
    gained = trades["value"] - trades["cost"]
    assert tables.periods["welfare"].sum() == pytest.approx(gained.sum())
    lost = tables.periods["lost_surplus"] + tables.periods["displaced_surplus"]
    assert lost.tolist() == pytest.approx(tables.periods["deadweight_loss"].tolist())
    # These robots know their taxes, and the law: they never lose, nor get more than there is.
    assert (trades[["buyer_surplus", "seller_surplus"]] >= 0).all().all()
    if rules.seller_tax.per_unit == 0:
        assert (tables.periods["constrained_efficiency"] <= 1 + 1e-12).all()
    expected = equilibrium(VALUES.all_values(), VALUES.all_costs(), under=rules)
    assert (tables.periods["equilibrium_welfare"] == expected.welfare).all()
    assert (tables.periods["equilibrium_price_low"] == float(expected.price_low)).all()
    dues = tables.traders["equilibrium_surplus"].sum() / 2
    if rules.fees == Fees() and expected.quantity_low == expected.quantity_high:
        assert dues == pytest.approx(float(expected.maximum_surplus))


def test_the_rules_that_move_equilibrium_are_rows_of_induced_values() -> None:
    rows = constraint_rows(replace(TAXED, floor=20), [1, 2])
    assert rows[:5] == [
        (1, None, "floor", 0, 20.0), (1, None, "buyer_tax", 0, 4.0),
        (1, None, "seller_tax_rate", 0, 0.1), (1, None, "maker_fee", 0, 1.0),
        (1, None, "taker_fee", 0, 3.0),
    ]  # fmt: skip
    assert constraint_rows(Rules(), [1]) == constraint_rows(None, [1]) == []
    assert simulated(TAXED).induced_values["side"].value_counts()["taker_fee"] == 2
    assert len(induced_value_table(rows)) == 10


def of_table(values: InducedValues, rules: Rules) -> Units:
    return units_by_period([*values.rows([1]), *constraint_rows(rules, [1], values)])[1]


def tenths(first: int, step: int) -> list[Decimal]:
    return [Decimal(first + step * rank) / 10 for rank in range(11)]


CENTS = Rules(tick=Decimal("0.01"))
TIES = [
    *(replace(CENTS, buyer_tax=Tax(Decimal(tax) / 10)) for tax in range(1, 31)),
    *(replace(CENTS, seller_tax=Tax(rate=Decimal(rate) / 100)) for rate in range(5, 50, 5)),
    replace(CENTS, fees=Fees(Decimal("0.1"), Decimal("0.3"))),
]


@pytest.mark.parametrize("rules", TIES)
def test_who_gains_just_nothing_after_a_tax_is_the_same_in_the_tables(rules: Rules) -> None:
    """As floats, 3.3 less 0.1 is more than 3.2."""
    values = InducedValues({"b": tenths(33, -2)}, {"s": tenths(7, 2)})
    expected = equilibrium(values.all_values(), values.all_costs(), under=rules)
    assert of_table(values, rules).equilibrium() == expected


def test_a_rate_that_takes_the_whole_gain_is_no_loss_in_the_tables() -> None:
    values, tax = InducedValues({"b": [110]}, {"s": [100]}), Tax(rate=Decimal("0.1"))
    units = of_table(values, Rules(buyer_tax=tax))
    at = units.equilibrium()
    assert (at.quantity_low, at.quantity_high, at.deadweight_loss) == (0, 1, 0)
    assert units.equilibrium_surpluses(at) == {("b", "buy"): 0, ("s", "sell"): 0}


def test_units_that_gain_alike_share_what_a_ceiling_leaves() -> None:
    values = InducedValues({"a": [9, 8], "b": [8, 5]}, {"s": [1, 4, 6], "t": [2]})
    units = of_table(values, Rules(ceiling=4))
    at = units.equilibrium()
    # Three units are sold at 4: that of value 9, and both of value 8.
    assert (at.quantity_low, at.quantity_high, at.price) == (2, 3, 4)
    expected = {("a", "buy"): 9.0, ("b", "buy"): 4.0, ("s", "sell"): 3.0, ("t", "sell"): 2.0}
    assert units.equilibrium_surpluses(at) == expected
    fewer = InducedValues({"a": [9, 8], "b": [8, 5]}, {"s": [1, 6], "t": [2]})
    units = of_table(fewer, Rules(ceiling=4))
    found = units.equilibrium_surpluses(units.equilibrium())
    assert (found["a", "buy"], found["b", "buy"]) == (5 + 4 / 2, 4 / 2)


def test_units_are_ranked_once_for_all_players_of_a_side(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    of_side = Units.all_of
    monkeypatch.setattr(Units, "all_of", lambda own, side: asked.append(side) or of_side(own, side))
    for players in (2, 40):
        asked.clear()
        names = [f"{side}{n}" for side in "bs" for n in range(players)]
        values = InducedValues.drawn(names[:players], names[players:], seed=1)
        period_rows(
            period_parts([], [*values.rows([1]), *constraint_rows(Rules(buyer_tax=Tax(1)), [1])])
        )
        # For both equilibria, for the lost surplus, and for what each trader would have earned.
        assert sorted(asked) == ["buy"] * 4 + ["sell"] * 4


def test_an_asset_may_be_taxed_and_has_no_equilibrium_for_that() -> None:
    held: Any = {f"t{n}": [(225, 3), (585, 2), (945, 1)][n % 3] for n in range(6)}
    rules = Rules(budget=True, short_sales=False, self_trade="cancel_oldest",
                  buyer_tax=Tax(rate=Decimal("0.02")), ceiling=500)  # fmt: skip
    tables = simulate_asset_market(
        {name: NearZeroIntelligence() for name in held}, Dividends((0, 8, 28, 60), 3), held,
        rules=rules, seed=2,
    )  # fmt: skip
    assert tables.periods["tax_revenue"].sum() == tables.order_events["tax_paid"].sum() > 0
    assert tables.periods["alpha"].isna().all()
    assert tables.periods["fundamental_value"].tolist() == [72, 48, 24]


def test_a_mean_of_two_fees_is_what_each_side_is_taken_to_pay() -> None:
    for maker, taker in product((0, 1, 3), repeat=2):
        found = Constraints(maker_fee=maker, taker_fee=taker)
        assert found.fee == Fraction(maker + taker, 2)
        at = equilibrium([9, 8], [2, 4], under=found)
        assert at.fee_revenue == (maker + taker) * at.quantity_low
