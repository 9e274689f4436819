"""Design: values and rules of each period, arms, seats, and what robots make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import numpy
import pandas
import pytest

from tests.silence import without_warning
from uproot_nb.errors import BadMarket
from uproot_nb.market import Design, InducedValues, Rules, equilibrium
from uproot_nb.market.traders import GD, ZIC, ZIP, Sniper, simulate_market

LOW = InducedValues({"b1": [90, 70], "b2": [80]}, {"s1": [20, 40], "s2": [30]})
HIGH = InducedValues({"b1": [190]}, {"s1": [20, 40], "s2": [30]})


def drawn(chance: Random) -> InducedValues:
    return InducedValues.drawn(["b1", "b2"], ["s1", "s2"], seed=str(chance.random()), units=2)


def drawn_anew(chance: Random, period: int) -> InducedValues:
    return InducedValues({"b1": [100 * period + chance.randint(1, 50)]}, {"s1": [10]})


# ---- what holds when ---------------------------------------------------------------------------


def test_values_and_rules_hold_from_their_period_until_the_next() -> None:
    improvement = Rules(improvement=True)
    design = Design({1: LOW, 3: HIGH}, ZIC, periods=4, rules={1: Rules(), 4: improvement})
    assert [design.values_in(period) for period in design.numbers] == [LOW, LOW, HIGH, HIGH]
    assert [design.rules_in(period).improvement for period in design.numbers] == [
        False, False, False, True,
    ]  # fmt: skip


def test_practice_periods_are_numbered_up_to_0_and_may_have_values_of_their_own() -> None:
    design = Design({-1: HIGH, 1: LOW}, periods=2, practice=2)
    assert list(design.numbers) == [-1, 0, 1, 2]
    assert [design.values_in(period) for period in design.numbers] == [HIGH, HIGH, LOW, LOW]
    assert Design(LOW, practice=1).values_in(0) == LOW


def test_a_shift_moves_demand_and_supply_from_its_period_on() -> None:
    shifts = {2: {"demand": 20}, 3: {"demand": Decimal("0.5"), "supply": -10}}
    design = Design(LOW, periods=3, shifts=shifts)
    assert design.values_in(1) == LOW
    assert design.values_in(2).values == {"b1": [110, 90], "b2": [100]}
    assert design.values_in(2).costs == LOW.costs
    assert design.values_in(3).values["b2"] == [Decimal("80.5")]
    assert design.values_in(3).costs == {"s1": [10, 30], "s2": [20]}


def test_values_are_drawn_for_a_market_or_for_each_of_its_periods() -> None:
    design = Design(drawn, ZIC, periods=2)
    assert design.values_in(1, seed=5) == design.values_in(2, seed=5) == drawn(Random("5/values"))
    assert design.values_in(1, seed=5) != design.values_in(1, seed=6)
    anew = Design(drawn_anew, ZIC, periods=3)
    first, second = (anew.values_in(period, seed=5).values["b1"][0] for period in (1, 2))
    assert (100 < first <= 150, 200 < second <= 250) == (True, True)
    assert second - first != anew.values_in(3, seed=5).values["b1"][0] - second


# ---- robots ------------------------------------------------------------------------------------


def test_a_plain_design_is_what_simulate_market_simulates() -> None:
    rules = Rules(improvement=True)
    design = Design(LOW, ZIP, periods=3, steps=80, rules=rules, clear_after_trade=True)
    traders = {name: ZIP(Random(f"7/{name}")) for name in ("b1", "b2", "s1", "s2")}
    alone = simulate_market(
        traders, LOW, periods=3, steps=80, rules=rules, seed=7, clear_after_trade=True
    )
    pandas.testing.assert_frame_equal(design.simulate(7).order_events, alone.order_events)


def test_each_period_is_traded_with_its_values_and_rules() -> None:
    call = Rules(call=True)
    design = Design({1: LOW, 2: HIGH}, ZIC, periods=3, steps=300, rules={1: Rules(), 3: call})
    tables = design.simulate(1)
    high = equilibrium(HIGH.all_values(), HIGH.all_costs()).maximum_surplus
    assert tables.periods["maximum_surplus"].iloc[1:].tolist() == [high, high]
    assert tables.periods["maximum_surplus"].iloc[0] < high
    events = tables.order_events
    assert events["time"][events["period"] == 3].unique().tolist() == [600.0, 601.0]
    assert set(tables.induced_values.query("period == 2 and side == 'buy'")["player"]) == {"b1"}


def test_traders_learn_in_practice_periods_that_no_table_has() -> None:
    trained = Design(LOW, ZIP, periods=2, practice=3, steps=200).simulate(1)
    fresh = Design(LOW, ZIP, periods=2, steps=200).simulate(1)
    assert trained.periods["period"].tolist() == [1, 2]
    assert trained.order_events["time"].iloc[0] < 200
    assert trained.trades["price"].tolist() != fresh.trades["price"].tolist()
    unlearned = [Design(LOW, ZIC, periods=2, practice=n, steps=200).simulate(1) for n in (0, 2)]
    pandas.testing.assert_frame_equal(*(tables.order_events for tables in unlearned))


def test_bots_sit_where_no_person_does_and_each_has_a_trader_of_its_own() -> None:
    makers = {"b1": ZIP, "b2": GD, "s1": Sniper, "s2": ZIC}
    design = Design(LOW, makers, groups=2)
    assert (design.seats, design.players) == (["b1", "s1", "b2", "s2"], 8)
    bots = design.bots(people=[0, 5])
    assert {place: bot.__name__ for place, bot in bots.items()} == {
        1: "Sniper", 2: "GD", 3: "ZIC", 4: "ZIP", 6: "GD", 7: "ZIC",
    }  # fmt: skip
    assert list(design.bots(people=2)) == [2, 3, 4, 5, 6, 7]
    assert list(design.bots(people=numpy.int64(7))) == [7]
    assert list(design.bots(people=numpy.arange(7))) == [7]
    assert (len(design.bots(people=0)), design.bots(people=8)) == (8, {})


@pytest.mark.parametrize("people", [-1, 9, [8], [-1], "01", ["0"], True, None, 1.5, [0.0]])
def test_people_have_places_that_there_are(people: Any) -> None:
    makers = {"b1": ZIP, "b2": GD, "s1": Sniper, "s2": ZIC}
    with pytest.raises(BadMarket, match=r"are not places.*0 to 7.*\n.*0 to 8"):
        Design(LOW, makers, groups=2).bots(people=people)


@pytest.mark.parametrize("rules", [Rules(budget=True), {1: Rules(), 2: Rules(budget=True)}])
def test_a_budget_without_cash_is_refused(rules: Any) -> None:
    with pytest.raises(BadMarket, match="budget=True lets nobody buy here"):
        Design(LOW, ZIC, periods=2, rules=rules)
    assert Design(LOW, ZIC, rules=Rules(budget=False), steps=50).simulate(1).trades.shape[0]


def test_who_buys_and_sells_has_one_seat() -> None:
    both = InducedValues({"a": [90], "b": [80]}, {"a": [10], "c": [20]})
    assert Design(both).seats == ["a", "c", "b"]


# ---- arms --------------------------------------------------------------------------------------


def test_an_arm_is_the_design_with_other_arguments() -> None:
    study = Design(LOW, ZIC, periods=3, arms={"zic": {}, "zip": {"traders": ZIP, "periods": 5}})
    assert study.arm("zic") == Design(LOW, ZIC, periods=3, name="zic")
    assert study.arm("zip") == Design(LOW, ZIP, periods=5, name="zip")
    assert list(study.each_arm()) == ["zic", "zip"]
    assert study.arm("zip").each_arm() == {"zip": study.arm("zip")}


@pytest.mark.parametrize("ask", [
    lambda study: study.simulate(1), lambda study: study.pages(), lambda study: study.bots(),
])  # fmt: skip
def test_what_only_one_arm_has_is_asked_of_an_arm(ask: Any) -> None:
    study = Design(LOW, ZIC, arms={"zic": {}, "zip": {"traders": ZIP}})
    with pytest.raises(BadMarket, match=r"2 arms: zic, zip[^$]*design.arm\('zic'\)"):
        ask(study)


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"periods": 0}, "periods=0"),
        ({"practice": -1}, "practice=-1"),
        ({"groups": 0}, "groups=0"),
        ({"rules": {}}, "are not rules"),
        ({"rules": {1: "improvement"}}, "are not rules"),
        ({"rules": {"first": Rules()}}, "are not rules"),
        ({"shifts": {2: {"demnd": 3}}}, "not a shift"),
        ({"shifts": {2: {"demand": 0.5}}}, "not a shift"),
        ({"shifts": {"2": {"demand": 3}}}, "from which period"),
        ({"shifts": [20]}, "not a dict"),
        ({"values": {}}, "from which period"),
        ({"values": {1: [90]}}, "not induced values"),
        ({"traders": {"b1": ZIC}}, "do not fit: b2, s1, s2"),
        ({"arms": {"short": {"period": 3}}}, "'short' does not change"),
        ({"arms": {"short": {"periods": 0}}}, "periods=0"),
        ({"arms": {"short": {"arms": {"shorter": {}}}}}, "'short' has arms or a name"),
        ({"arms": {"short": {"name": "long"}}}, "'short' has arms or a name"),
    ],
)
def test_a_design_says_what_is_wrong_with_it(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadMarket, match=words):
        Design(**{"values": LOW, "traders": ZIC, **arguments})


def test_a_design_for_people_needs_no_robots_until_it_is_simulated() -> None:
    design = Design(LOW)
    for ask in (lambda: design.simulate(1), design.bots):
        with pytest.raises(BadMarket, match="no robot traders"):
            ask()
    with pytest.raises(BadMarket, match="There is no arm 'call'"):
        design.arm("call")


def test_a_function_that_returns_no_values_is_named() -> None:
    with pytest.raises(BadMarket, match="returned list"):
        Design(lambda chance: [90], ZIC).simulate(1)  # type: ignore[arg-type,return-value]


def test_a_highest_price_far_beyond_the_values_is_warned_of_where_the_design_is_made() -> None:
    with pytest.warns(UserWarning, match="far beyond") as seen:
        Design(LOW, ZIC, rules=Rules(max_price=5_000))
    assert seen.pop(UserWarning).filename == __file__
    with without_warning():
        Design(LOW, ZIC, rules=Rules(max_price=200))


def test_players_and_seats_are_those_of_all_arms_or_are_asked_of_one() -> None:
    same = Design(LOW, ZIC, arms={"one": {}, "call": {"rules": Rules(call=True)}})
    assert (same.players, same.seats) == (4, ["b1", "s1", "b2", "s2"])
    both_other = Design(LOW, ZIC, arms={"one": {"groups": 2}, "two": {"groups": 2}})
    assert both_other.players == both_other.arm("one").players == 8
    groups = Design(LOW, ZIC, arms={"one": {}, "two": {"groups": 2}})
    assert (groups.seats, groups.arm("two").players) == (same.seats, 8)
    with pytest.raises(BadMarket, match=r"different players: one, two(.|\n)*arm\('one'\).players"):
        _ = groups.players
    values = Design(LOW, ZIC, arms={"low": {}, "high": {"values": HIGH}})
    with pytest.raises(BadMarket, match="different seats"):
        _ = values.seats


# ---- well-known designs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("design", "quantities", "prices", "surplus", "players"),
    [
        # Smith 1962, chart 1: P0 = 2.00 dollars, with 6 units at most
        (Design.smith(), (5, 6), (200, 200), 750, 22),
        # Smith 1962, table 1: predicted quantity and price, and how many could not trade
        (Design.smith(test="2"), (15, 15), (340, 345), None, 19 + 18),
        (Design.smith(test="3"), (16, 16), (340, 350), None, 21 + 22),  # 3.45 in his chart 3
        (Design.smith(test="4A"), (9, 10), (310, 310), None, 13 + 13),
        (Design.smith(test="5A"), (10, 10), (310, 315), None, 17 + 17),
        (Design.smith(test="6A"), (12, 12), (1_050, 1_100), None, 17 + 12),
        (Design.smith(test="7"), (8, 9), (340, 340), None, 12 + 11),
        (Design.smith(test="4B"), (7, 8), (310, 310), None, 13 + 13),
        (Design.smith(test="5B"), (12, 12), (340, 350), None, 16 + 15),
        (Design.smith(test="6B"), (12, 12), (850, 900), None, 16 + 12),
        (Design.smith(test="8"), (6, 7), (225, 225), None, 12 + 11),
        (Design.smith(test="9A"), (16, 18), (340, 340), None, 12 + 14),
        (Design.smith(test="9B"), (18, 20), (380, 380), None, 12 + 14),
        (Design.smith(test="10"), (16, 18), (340, 340), None, 12 + 14),
        # Holt 2007, chapter 2: four units, from 4 to 8 dollars
        (Design.holt(), (4, 4), (4, 8), 32, 16),
        # one buyer's unit is missing: sellers compete, and the price is the cost
        (Design.box(buyers=3, sellers=4, value=90, cost=50), (3, 3), (50, 50), 120, 7),
        # Gode and Sunder 1993: 24 units in market 1, 6 in market 3, 69 and 170 in 2 and 4
        (Design.gode_sunder(1), (24, 30), (83, 83), None, 12),
        (Design.gode_sunder(2), (24, 30), (69, 69), None, 12),
        (Design.gode_sunder(3), (6, 12), (95, 95), None, 12),
        (Design.gode_sunder(4), (12, 18), (170, 170), None, 12),
        (Design.gode_sunder(5), (16, 17), (129, 129), None, 12),
        # Cliff and Bruten 1997, section 3.3: P0 = 2.00 and Q0 = 6 in each of the four
        (Design.cliff("symmetric"), (5, 6), (2, 2), Decimal("7.5"), 22),
        (Design.cliff("flat supply"), (5, 6), (2, 2), Decimal("3.75"), 22),
        (Design.cliff("excess demand"), (6, 6), (2, 2), 9, 17),
        (Design.cliff("excess supply"), (6, 6), (2, 2), Decimal("7.2"), 17),
        # Gjerstad and Dickhaut 1998, figure 2: 2.35 dollars
        (Design.gjerstad_dickhaut(), (5, 7), (235, 235), None, 8),
    ],
)
def test_well_known_designs_have_the_published_equilibria(
    design: Design, quantities: Any, prices: Any, surplus: Any, players: int
) -> None:
    values = design.values_in(1)
    at = equilibrium(values.all_values(), values.all_costs())
    assert (at.quantity_low, at.quantity_high) == quantities
    assert (at.price_low, at.price_high) == prices
    assert surplus is None or at.maximum_surplus == surplus
    assert design.players == players


def test_well_known_designs_take_the_other_arguments_too() -> None:
    design = Design.gode_sunder(3, ZIC, periods=2, rules=Rules(max_price=200), steps=50)
    assert (design.clear_after_trade, design.rules_in(1).improvement) == (True, False)
    assert len(design.simulate(1).periods) == 2
    with pytest.raises(BadMarket, match="no market 6"):
        Design.gode_sunder(6)
    with pytest.raises(BadMarket, match="no test '9'"):
        Design.smith(test="9")
    with pytest.raises(BadMarket, match="no market 'box'"):
        Design.cliff("box")
    with pytest.raises(BadMarket, match="buyers=0"):
        Design.box(buyers=0, sellers=1, value=9, cost=1)


def test_what_makes_traders_need_not_have_a_hash() -> None:
    @dataclass(frozen=True)
    class Maker:
        settings: dict[str, int] = field(default_factory=dict)

        def __call__(self) -> ZIC:
            return ZIC()

    assert len(Design(LOW, Maker(), steps=5).simulate(1).periods) == 1


@pytest.mark.parametrize(
    "units", [numpy.array([90, 80]), pandas.Series([90, 80], index=[3, 4]), range(90, 70, -10)]
)
def test_values_may_be_an_array_a_column_or_a_range(units: Any) -> None:
    values = InducedValues({"b1": units}, {"s1": [numpy.int64(10), 20]})
    listed = InducedValues({"b1": [90, 80]}, {"s1": [10, 20]})
    assert values == listed
    assert values.plain() == listed.plain()
    assert {type(one) for one in (*values.all_values(), *values.all_costs())} == {int}
    design = Design(values, ZIC, steps=50)
    assert design.to_csv() == Design(listed, ZIC, steps=50).to_csv()
    pandas.testing.assert_frame_equal(
        design.simulate(seed=1).periods, Design(listed, ZIC, steps=50).simulate(seed=1).periods
    )


@pytest.mark.parametrize("units", [90, None, "90", [90.5], numpy.array([90.5])])
def test_values_that_are_no_amounts_are_refused(units: Any) -> None:
    with pytest.raises(BadMarket, match="b1's values are"):
        InducedValues({"b1": units}, {})
