"""PolicyTrader: what a policy sees, and what its actions mean."""

from __future__ import annotations

from random import Random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.examples import examples
from uproot_nb.market.policy import FEATURES, PolicyTrader
from uproot_nb.market.traders import Shout, View

BUYS = View("buy", 100, 40, 90, None, 1, 200, 0.25, unit=2, later=(80, 70))
PRICES = st.integers(1, 200)
VIEWS = st.builds(
    View, st.sampled_from(["buy", "sell"]), PRICES, st.none() | PRICES, st.none() | PRICES,
    st.none() | PRICES, st.sampled_from([1, 5]), st.just(200), st.floats(0, 1),
)  # fmt: skip


def trader(levels: int = 4) -> PolicyTrader:
    return PolicyTrader(lambda observation, mask: 0, levels)


def test_an_observation_has_shares_of_the_highest_price() -> None:
    watching = trader()
    for price in (60, 80):
        watching.observe(Shout("buy", price, True), None, Random(1))
    watching.observe(Shout("buy", 99, False), None, Random(1))
    seen = dict(zip(FEATURES, watching.observation(BUYS).tolist(), strict=True))
    assert seen == pytest.approx({
        "buys": 1, "limit": 0.5, "bid": 0.2, "ask": 0.45, "own": 0, "last_price": 0.4,
        "mean_price": 0.35, "time_left": 0.25, "units_left": 0.75,
    })  # fmt: skip
    sells = View("sell", 100, None, None, None, 1, 200)
    assert watching.observation(sells).tolist()[:5] == [0, 0.5, 0, 1, 1]


def test_actions_are_to_wait_to_take_and_to_quote_from_the_limit_on() -> None:
    assert [trader().price(action, BUYS) for action in range(7)] == [
        None, 90, 100, 75, 50, 25, None,
    ]  # fmt: skip
    sells = replace(BUYS, side="sell")
    assert [trader().price(action, sells) for action in range(6)] == [
        None, None, 100, 125, 150, 175,
    ]  # fmt: skip


def test_under_an_improvement_rule_only_better_quotes_are_legal() -> None:
    improving = replace(BUYS, improvement=True)
    assert trader().mask(improving).tolist() == [1, 1, 1, 1, 1, 0]
    assert trader().mask(BUYS).tolist() == [1] * 6
    assert trader().price(5, improving) is None


@given(VIEWS, st.booleans())
@examples(100)
def test_legal_actions_are_prices_without_a_loss(view: View, improvement: bool) -> None:
    asked, view = trader(7), replace(view, improvement=improvement)
    mask = asked.mask(view)
    assert mask.dtype == numpy.int8
    assert mask[0] == 1
    for action in range(1, 9):
        price = asked.price(action, view)
        assert (price is not None) == mask[action]
        if price is not None:
            assert 0 < price <= 200
            assert price <= view.limit if view.side == "buy" else price >= view.limit
    assert numpy.all((asked.observation(view) >= 0) & (asked.observation(view) <= 1))
