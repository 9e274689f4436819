"""Dividends: exact values, draws that can be repeated, and what a period leaves its traders."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import BadMarket
from uproot_nb.market import Dividends
from uproot_nb.market.analysis.dividends import as_price

PAPER = Dividends((0, 8, 28, 60), periods=15)

money = st.integers(-50, 200) | st.decimals(-50, 200, places=2)
assets = st.builds(
    Dividends, st.lists(money, min_size=1, max_size=5), st.integers(1, 20), st.none(), money,
    st.sampled_from([0, Decimal("0.05"), Fraction(1, 3)]),
)  # fmt: skip


def test_the_value_of_holding_falls_by_the_mean_dividend_each_period() -> None:
    """The parameters of Smith, Suchanek and Williams: 24 a period, hence 360 at first."""
    assert PAPER.mean == 24
    assert [PAPER.fundamental_value(t) for t in range(1, 16)] == list(range(360, 0, -24))
    assert type(PAPER.fundamental_value(1)) is int


def test_a_terminal_value_and_interest_keep_the_value_where_it_is() -> None:
    """E[d] / r = K: the design in which the fundamental value is the same in all periods."""
    flat = Dividends((Decimal("0.4"), 1), periods=20, terminal=7, interest=Decimal("0.1"))
    assert {flat.fundamental_value(t) for t in range(1, 21)} == {7}


def test_a_value_is_exact_whatever_kind_of_number_it_takes() -> None:
    assert Dividends((1, 2), periods=1).fundamental_value(1) == Decimal("1.5")
    third = Dividends((0, 0, 1), periods=2).fundamental_value(1)
    assert third == Fraction(2, 3)
    assert as_price(third) == Decimal("0.67")
    odd = Dividends((3, 12), 1, probabilities=(Fraction(1, 3), Fraction(2, 3)))
    assert odd.fundamental_value(1) == 9


@given(assets, st.data())
def test_the_value_of_holding_is_the_next_periods_value_and_its_mean_dividend(
    asset: Dividends, data: Any
) -> None:
    """FV_t (1 + r) = E[d] + FV_{t+1}, and after the last period a unit is worth K."""
    period = data.draw(st.integers(1, asset.periods))
    last = period == asset.periods
    then = asset.terminal if last else asset.fundamental_value(period + 1)
    due = Fraction(asset.mean) + Fraction(then)
    assert Fraction(asset.fundamental_value(period)) * (1 + Fraction(asset.interest)) == due


@given(assets)
def test_json_brings_the_same_asset_back(asset: Dividends) -> None:
    assert Dividends.from_plain(asset.plain()) == asset


@pytest.mark.long
def test_the_same_seed_draws_the_same_dividends_and_all_of_them_come() -> None:
    one, two, other = ([PAPER.draw(t, seed) for t in range(1, 16)] for seed in ("a", "a", "b"))
    assert one == two != other
    drawn = Counter(PAPER.draw(1, seed) for seed in range(4000))
    assert drawn.keys() == {0, 8, 28, 60}
    assert all(abs(count / 4000 - 1 / 4) < 0.03 for count in drawn.values())


def test_draws_have_the_probabilities_that_were_said() -> None:
    asset = Dividends((1, 2, 3), 1, probabilities=(Decimal("0.5"), 0, Fraction(1, 2)))
    drawn = Counter(asset.draw(1, seed) for seed in range(2000))
    assert drawn.keys() == {1, 3}
    assert abs(drawn[1] / 2000 - 1 / 2) < 0.04


def test_a_period_pays_interest_and_dividend_and_the_last_one_buys_out() -> None:
    asset = Dividends((0, 10), periods=2, terminal=7, interest=Decimal("0.05"))
    assert asset.settle(1, 101, 3, 10) == (101 + 5 + 30, 3)
    assert asset.settle(2, 101, 3, 0) == (101 + 5 + 21, 0)
    assert asset.settle(1, 101, 3, 0, Decimal("0.01")) == (Decimal("106.05"), 3)
    assert asset.settle(1, 100, -2, 10) == (100 + 5 - 20, -2)


@given(st.integers(-100, 1000), st.integers(-5, 5), st.integers(0, 60))
def test_without_interest_nothing_but_the_dividend_is_paid(
    cash: int, units: int, paid: int
) -> None:
    assert PAPER.settle(3, cash, units, paid) == (cash + paid * units, units)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"possible": ()}, "list of dividends is empty"),
        ({"possible": 24}, "possible=24 is not a list"),
        ({"probabilities": "1/2"}, "not a list"),
        ({"possible": (0, 1.5)}, "1.5 is not an amount"),
        ({"possible": (0, Decimal("NaN"))}, "not an amount"),
        ({"periods": 0}, "periods=0"),
        ({"periods": True}, "periods=True"),
        ({"terminal": "much"}, "'much' is not an amount"),
        ({"interest": 0.05}, "interest=0.05"),
        ({"interest": -1}, "interest=-1"),
        ({"probabilities": (1,)}, "2 dividends and 1 prob"),
        ({"probabilities": (0.5, 0.5)}, "not probabilities"),
        ({"probabilities": (Fraction(1, 2), Fraction(1, 3))}, "not probabilities"),
        ({"probabilities": (2, -1)}, "not probabilities"),
    ],
)
def test_what_is_no_asset_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadMarket, match=says):
        Dividends(**{"possible": (0, 10), "periods": 5, **options})


@pytest.mark.parametrize("period", [0, 16, "first", 1.0])
def test_a_period_that_the_asset_does_not_have_is_refused(period: Any) -> None:
    for act in (PAPER.fundamental_value, lambda t: PAPER.draw(t, 1)):
        with pytest.raises(BadMarket, match="periods 1 to 15"):
            act(period)


def test_the_rows_tell_what_holding_is_worth_and_what_was_paid() -> None:
    frame = PAPER.frame({1: 28, 2: None}, units=18)
    assert frame[["period", "side", "unit", "value"]].values.tolist() == [
        [1, "hold", 18, 360.0], [1, "dividend", 18, 28.0], [2, "hold", 18, 336.0],
    ]  # fmt: skip
    assert frame.player.isna().all()
    assert frame.dtypes.astype(str).to_dict() == {
        "period": "int64", "player": "category", "side": "category", "unit": "int64",
        "value": "float64",
    }  # fmt: skip
