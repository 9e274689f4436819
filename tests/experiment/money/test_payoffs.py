"""A payoff is an exact number, whatever is assigned, and calculates with floats."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import BadPayoff
from uproot_nb.experiment.money.payoffs import Payoff, payoff_of

FLOATS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("assigned", "stored"),
    [
        (12, "12"), (0.1, "0.1"), (1e-7, "1E-7"), ("12.50", "12.50"), (Decimal("3.10"), "3.10"),
        (np.float64(0.1), "0.1"), (np.float32(0.1), "0.1"), (np.int64(7), "7"), (True, "1"),
        (-2.5, "-2.5"), (Payoff("1.5"), "1.5"),
    ],
)  # fmt: skip
def test_numbers_and_digits_become_the_decimal_that_they_print_as(
    assigned: Any, stored: str
) -> None:
    made = payoff_of("player/ann", assigned)
    assert type(made) is Decimal
    assert str(made) == stored


@pytest.mark.parametrize(
    "assigned",
    [None, "", "ten", "1,5", float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity"),
     np.nan, [], Fraction(1, 3), 1j, b"1", np.array([1, 2])],
)  # fmt: skip
def test_what_is_no_finite_number_is_refused_by_name(assigned: Any) -> None:
    with pytest.raises(BadPayoff, match=r"player/ann\.payoff cannot be .*\nAssign a number"):
        payoff_of("player/ann", assigned)


@pytest.mark.parametrize(
    "calculate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod]
)
@given(payoff=st.decimals(1, 1000, places=2), number=st.integers(1, 10_000))
def test_a_payoff_calculates_with_a_float_as_with_the_decimal_that_it_prints_as(
    calculate: Callable[[Any, Any], Any], payoff: Decimal, number: int
) -> None:
    result = calculate(Payoff(payoff), number / 100)
    assert type(result) is Payoff
    assert result == calculate(payoff, Decimal(repr(number / 100)))


@given(FLOATS, FLOATS)
def test_floats_calculate_with_payoffs_from_the_left_too(left: float, right: float) -> None:
    exact = Decimal(repr(left))
    assert left + Payoff(repr(right)) == exact + Decimal(repr(right))
    assert left - Payoff(repr(right)) == exact - Decimal(repr(right))
    assert np.float64(left) * Payoff(repr(right)) == exact * Decimal(repr(right))
    assert 3 / Payoff(2) == Payoff("1.5")


def test_a_payoff_and_what_is_no_number_do_not_add_up() -> None:
    with pytest.raises(TypeError):
        Payoff(1) + "1"
    assert Payoff(7) // 2.0 == 3
    assert -Payoff(2) + 0.5 == Payoff("-1.5")
    assert abs(Payoff(-2)) * 0.5 == 1
    assert sum([Payoff("0.1"), Payoff("0.2")], 0.3) == Decimal("0.6")


@given(FLOATS, FLOATS)
def test_a_payoff_compares_with_a_float_as_with_the_decimal_that_it_prints_as(
    left: float, right: float
) -> None:
    payoff, exact = Payoff(repr(left)), Decimal(repr(right))
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        assert compare(payoff, right) == compare(Decimal(repr(left)), exact)
        assert compare(right, payoff) == compare(exact, Decimal(repr(left)))
    assert payoff == left == payoff
    assert payoff == np.float64(left)


def test_comparisons_with_what_is_no_number_are_those_of_a_decimal() -> None:
    assert Payoff("0.3") in (1, 0.3)
    assert Payoff("0.1") == np.float32(0.1)
    assert Payoff(1) != "1"
    nan = float("nan")
    assert [Payoff(1) == nan, Payoff(1) < nan, Payoff(1) >= nan] == [False] * 3
    assert Payoff(1) < float("inf")
    with pytest.raises(TypeError):
        _ = Payoff(1) < "1"


@given(st.integers(-(10**9), 10**9))
def test_equal_whole_numbers_and_decimals_have_the_hash_of_a_payoff(number: int) -> None:
    payoff = Payoff(number)
    assert hash(payoff) == hash(number) == hash(float(number)) == hash(Decimal(number))
    assert {number: 1}[payoff] == 1


def test_every_operator_takes_a_float_on_either_side() -> None:
    seven, tenth = Payoff("7.5"), Payoff("0.1")
    assert (7.5 % Payoff(2), 0.7 // tenth) == (Payoff("1.5"), 7)
    assert divmod(seven, 2.0) == (3, 1.5)
    assert divmod(7.5, Payoff(2)) == (3, Payoff("1.5"))
    assert Payoff("2.25") ** 0.5 == 1.5
    assert 0.5 ** Payoff(2) == 0.25
    assert pow(Payoff(7), 2, 5) == 4
    assert round(Payoff("2.345"), 1) + 0.1 == 2.4
    assert round(seven) == 8
    results = [7.5 % Payoff(2), 0.7 // tenth, seven**0.5, 0.5**tenth, *divmod(7.5, tenth), +seven]
    assert {type(result) for result in results} == {Payoff}
