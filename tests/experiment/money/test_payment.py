"""Fees and points become money, to the cent."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import BadPayment
from uproot_nb.experiment.money.payment import Payment


def paid(payment: Payment, points: Any, ended_as: str = "done") -> str:
    return str(payment.amount(ended_as, None if points is None else Decimal(points)))


@pytest.mark.parametrize(
    ("points", "amount"),
    [("0", "5.00"), ("12", "6.20"), ("12.4", "6.25"), ("12.25", "6.25"), ("12.24", "6.20"),
     ("-20", "3.00"), ("-50", "0.00"), ("-51", "0.00"), ("1e3", "105.00")],
)  # fmt: skip
def test_who_has_finished_gets_the_fee_and_the_points_rounded_and_no_less_than_the_minimum(
    points: str, amount: str
) -> None:
    assert paid(Payment(fee=5, per_point="0.10", round_to="0.05"), points) == amount


@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [("half up", ["0.1", "0.2", "0.2", "0.2"]), ("half even", ["0.0", "0.2", "0.2", "0.2"]),
     ("up", ["0.1", "0.2", "0.2", "0.2"]), ("down", ["0.0", "0.1", "0.1", "0.1"])],
)  # fmt: skip
def test_halves_go_where_the_rule_says(rounding: str, amounts: list[str]) -> None:
    payment = Payment(round_to="0.10", rounding=rounding)
    assert [paid(payment, p) for p in ("0.05", "0.15", "0.151", "0.16")] == [
        f"{amount}0" for amount in amounts
    ]


def test_a_half_is_a_half_however_many_digits_come_after_it() -> None:
    payment = Payment(round_to="0.03", rounding="half even")
    assert paid(payment, "0.075") == "0.06"
    assert paid(payment, "0.075" + "0" * 400 + "1") == "0.09"
    assert paid(payment, "0.045") == "0.06"


def test_floats_count_as_they_print() -> None:
    assert paid(Payment(fee=0.1, per_point=0.2, round_to=0.01), 1) == "0.30"


def test_nobody_gets_more_than_the_maximum() -> None:
    assert paid(Payment(maximum="20"), "19.995") == "20.00"
    assert paid(Payment(maximum="20"), "1e12") == "20.00"


def test_others_than_those_who_have_finished_get_nothing() -> None:
    for how in ("still in", "never came", "lobby", "dropped out"):
        assert Payment(fee=5).amount(how, Decimal(7)) is None
        assert Payment(fee=5).fee(how) is None


def test_who_waited_in_vain_gets_a_fee_of_their_own() -> None:
    payment = Payment(fee={"done": 5, "lobby": "2.50", "dropout": 1}, per_point="0.10")
    assert paid(payment, None, "lobby") == "2.50"
    assert paid(payment, 3, "lobby") == "2.80"
    assert paid(payment, 3, "dropped out") == "1.30"
    assert payment.amount("timed out", Decimal(3)) is None


def test_pay_for_names_whom_the_same_fee_goes_to() -> None:
    payment = Payment(fee=5, pay_for={"done", "timeout"})
    assert paid(payment, 1, "timed out") == paid(payment, 1) == "6.00"
    assert payment.amount("lobby", None) is None
    assert paid(Payment(fee={"done": 5}, pay_for={"done", "lobby"}), 1, "lobby") == "1.00"


def test_who_has_finished_without_a_payoff_has_no_amount_unless_points_are_worth_nothing() -> None:
    assert Payment(fee=5).amount("done", None) is None
    assert Payment(fee=5).needs_points("done")
    assert paid(Payment(fee=5, per_point=0), None) == "5.00"


@pytest.mark.parametrize("points", ["NaN", "Infinity", "1e600", "1e-600"])
def test_a_payoff_that_is_no_amount_is_refused(points: str) -> None:
    with pytest.raises(BadPayment, match="cannot be paid"):
        Payment().amount("done", Decimal(points))


def test_a_rule_does_not_change() -> None:
    payment = Payment()
    for name in ("minimum", "fee"):
        with pytest.raises(AttributeError, match="cannot be changed"):
            setattr(payment, name, 3)
    assert payment == Payment()


def test_currencies_have_coins_of_their_own() -> None:
    assert paid(Payment(currency="JPY", per_point="0.7"), 5) == "4"
    assert paid(Payment(currency="KWD"), "0.1234") == "0.123"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"currency": "XXQ"}, "no currency with these letters"),
        ({"currency": "Euro"}, "three letters"), ({"currency": "eur"}, "three letters"),
        ({"fee": -1}, "0 or more"), ({"fee": "5 EUR"}, "digits"),
        ({"fee": {"done": None}}, "digits"),
        ({"fee": {3: 1}}, "name how people ended"), ({"per_point": float("nan")}, "digits"),
        ({"per_point": True}, "digits"), ({"round_to": 0}, "multiples of zero"),
        ({"round_to": "0.001"}, "fraction of 0.01 EUR"),
        ({"currency": "JPY", "round_to": "0.05"}, "fraction of 1 JPY"),
        ({"minimum": -1}, "0 or more"), ({"round_to": "0.05", "minimum": "0.01"}, "not a multiple"),
        ({"round_to": "0.05", "maximum": "9.99"}, "not a multiple"),
        ({"minimum": 5, "maximum": 4}, "less than the minimum"),
        ({"rounding": "nearest"}, "'half up', 'half even', 'up', 'down'"),
        ({"pay_for": "done"}, "write a set"), ({"fee": "1e900"}, "digits"),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused_when_the_cell_runs(
    arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadPayment, match=re.escape(why)):
        Payment(**arguments)


STEPS = st.sampled_from(["0.01", "0.03", "0.05", "0.10", "0.25", "0.50", "1", "2.50"])
MONEY = st.decimals(0, 1000, places=3)
RULES = st.builds(
    lambda step, fee, worth, low, more, rounding: Payment(
        fee=fee, per_point=worth, round_to=step, minimum=low * Decimal(step),
        maximum=(low + more) * Decimal(step), rounding=rounding,
    ),
    STEPS, MONEY, MONEY, st.integers(0, 50), st.integers(0, 10**6),
    st.sampled_from(["half up", "half even", "up", "down"]),
)  # fmt: skip
POINTS = st.decimals(-(10**9), 10**9, allow_nan=False) | st.floats(-1e6, 1e6).map(repr)


@given(payment=RULES, points=POINTS.map(Decimal))
def test_an_amount_is_the_nearest_multiple_between_the_limits(
    payment: Payment, points: Decimal
) -> None:
    amount, step = payment.amount("done", points), Fraction(payment.round_to)
    assert amount is not None
    assert payment.minimum <= amount <= (payment.maximum or 0)
    assert Fraction(amount) % step == 0
    total = Fraction(payment.fees["done"]) + Fraction(points) * Fraction(payment.per_point)
    bounded = min(max(total, Fraction(payment.minimum)), Fraction(payment.maximum or 0))
    off = Fraction(amount) - bounded
    assert abs(off) <= step / 2 if "half" in payment.rounding else abs(off) < step
    assert payment.rounding != "up" or off >= 0
    assert payment.rounding != "down" or off <= 0


@given(RULES)
def test_a_rule_is_the_same_after_it_was_logged(payment: Payment) -> None:
    assert Payment.of(payment.as_dict()) == payment
    assert hash(Payment.of(payment.as_dict())) == hash(payment)
