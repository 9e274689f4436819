"""RothErev: propensities by hand, and what counts as a round."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.examples import examples
from uproot_nb.errors import BadMarket
from uproot_nb.market import Design, InducedValues, Rules
from uproot_nb.market.traders import CallResult, RothErev, SentOrder, Shout, View

BUYS = View("buy", 80, None, None, None, 1, 200, later=(60,))
CALLS = replace(BUYS, in_call=True)


def trader(**options: Any) -> RothErev:
    return RothErev(**{"actions": 4, "scaling": 8.0, "patience": 2, **options})


def trade(price: int, view: View | None, learner: RothErev) -> list[float]:
    learner.observe(Shout("sell", price, True), view, Random(1))
    return learner.propensities["buy"]


def action_of(price: Any) -> int:
    """Return the action that names a price for a unit of 80: 80, 60, 40, 20."""
    return [80, 60, 40, 20].index(price)


@pytest.mark.parametrize("modified", [True, False])
def test_propensities_move_by_the_formula(modified: bool) -> None:
    """A unit of 80 that is bought at 50 has 30 / 80 of the greatest gain."""
    learner = trader(modified=modified)
    assert learner.propensities["buy"] == [8 * 0.5 / 4] * 4 == [1.0] * 4
    chosen = action_of(learner.quote(BUYS, Random(3)))
    other = 0.9 + 0.2 / 3 * (1 if modified else 30 / 80)
    expected = [0.9 + 0.8 * 30 / 80 if at == chosen else other for at in range(4)]
    assert trade(50, replace(BUYS, unit=2), learner) == pytest.approx(expected)
    assert learner.propensities["sell"] == [1.0] * 4


def test_a_quote_stands_until_it_is_traded_has_failed_or_the_period_is_over() -> None:
    learner, chance = trader(), Random(5)
    first = action_of(learner.quote(BUYS, chance))
    assert trade(70, BUYS, learner) == [1.0] * 4  # that of somebody else
    assert action_of(learner.quote(BUYS, chance)) == first
    assert learner.propensities["buy"] == [1.0] * 4
    learner.quote(BUYS, chance)  # something else, after two quotes
    failed = [0.9 if at == first else 0.9 + 0.2 / 3 for at in range(4)]
    assert learner.propensities["buy"] == pytest.approx(failed)
    before = learner.propensities["buy"]
    learner.quote(replace(BUYS, period=2), chance)
    assert sum(learner.propensities["buy"]) < sum(before)
    assert learner.propensities["buy"] != before


def test_the_last_unit_is_traded_when_there_is_none_left() -> None:
    learner = trader()
    chosen = action_of(learner.quote(BUYS, Random(3)))
    after = trade(40, None, learner)
    assert after[chosen] == pytest.approx(0.9 + 0.8 * 0.5)
    assert trade(60, None, learner) == after


def test_each_order_for_a_call_is_a_round() -> None:
    learner, chance = trader(), Random(2)
    views = [CALLS, replace(CALLS, limit=60, unit=2, later=())]
    prices = [learner.quote(view, chance) for view in views]
    sent = (SentOrder(views[0], prices[0], True), SentOrder(views[1], prices[1], False))  # type: ignore[arg-type]
    learner.observe_call(CallResult(20, 1, sent), chance)
    again = trader()
    again._learn("buy", action_of(prices[0]), 60 / 80)
    again._learn("buy", [60, 45, 30, 15].index(prices[1]), 0.0)  # type: ignore[arg-type]
    assert learner.propensities == again.propensities


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=300), st.booleans(),
    st.sampled_from([0.0, 0.2, 0.9]), st.sampled_from([0.0, 0.1, 0.9]),
)  # fmt: skip
@examples(40)
def test_every_action_stays_possible_and_no_quote_is_a_loss(
    rounds: list[tuple[int, float]], modified: bool, experimentation: float, recency: float
) -> None:
    learner = trader(modified=modified, experimentation=experimentation, recency=recency)
    for action, earned in rounds:
        learner._learn("buy", action, earned)
    assert all(1e-12 <= one <= 1e12 for one in learner.propensities["buy"])
    for view in (BUYS, replace(BUYS, side="sell", period=2), replace(BUYS, limit=1, period=3)):
        price = learner.quote(view, Random(1))
        assert price is not None
        assert price <= view.limit if view.side == "buy" else price >= view.limit


def test_who_is_out_of_range_is_told() -> None:
    for options in (
        {"actions": 1}, {"scaling": 0}, {"recency": 1}, {"experimentation": -0.1}, {"patience": 0}
    ):  # fmt: skip
        with pytest.raises(BadMarket, match=next(iter(options))):
            trader(**options)


def test_what_pays_is_done_again_from_call_to_call() -> None:
    buyers, sellers = [f"b{n}" for n in range(4)], [f"s{n}" for n in range(4)]
    values = InducedValues.symmetric(buyers, sellers, highest=120, lowest=20, step=10)
    rules = Rules(call=True, max_price=140)
    design = Design(values, lambda: RothErev(actions=8), periods=60, rules=rules)
    found = [design.simulate(seed).periods["efficiency"] for seed in range(4)]
    first, last = (sum(one.iloc[part].mean() for one in found) / 4 for part in EARLY_AND_LATE)
    assert last > first + 0.1


EARLY_AND_LATE = slice(0, 5), slice(-20, None)
