"""The formulas of adaptive aggressiveness: known values, and what holds for all of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.aggressiveness import (
    aggressiveness_at,
    desired_theta,
    matching_theta,
    target_price,
)

HIGHEST = 200.0
SIDES = st.sampled_from(["buy", "sell"])
PRICES = st.floats(1, 199)
SHARES = st.floats(-1, 1)
THETAS = st.floats(-8, 2)


@pytest.mark.parametrize(
    ("side", "limit", "aggressiveness", "target"),
    [
        # intra-marginal, at an equilibrium price of 100
        ("buy", 120, 0.0, 100.0), ("buy", 120, 1.0, 120.0), ("buy", 120, -1.0, 0.0),
        ("buy", 120, 0.5, 100 + 20 * math.expm1(-1) / math.expm1(-2)),
        ("sell", 80, 0.0, 100.0), ("sell", 80, 1.0, 80.0), ("sell", 80, -1.0, 200.0),
        ("sell", 80, 0.5, 80 + 20 * (1 - math.expm1(-1) / math.expm1(-2))),
        # extra-marginal
        ("buy", 90, 0.0, 90.0), ("buy", 90, 0.7, 90.0), ("buy", 90, -1.0, 0.0),
        ("buy", 90, -0.5, 90 * (1 - math.expm1(-1) / math.expm1(-2))),
        ("sell", 110, 0.3, 110.0), ("sell", 110, -1.0, 200.0),
        ("sell", 110, -0.5, 110 + 90 * math.expm1(-1) / math.expm1(-2)),
    ],
)  # fmt: skip
def test_targets_are_those_of_the_paper(
    side: Side, limit: float, aggressiveness: float, target: float
) -> None:
    found = target_price(side, limit, 100, aggressiveness, -2.0, HIGHEST)
    assert found == pytest.approx(target)


@pytest.mark.parametrize(
    ("theta", "equilibrium", "limit", "aggressiveness", "target"),
    [
        (-2.0, 100, 120, -0.5, 66.64667632543204),
        (1.5, 90, 140, -0.3, 80.53495619338184),
        (-6.0, 60, 150, -0.7, 0.10131318977318449),
    ],
)
def test_targets_are_those_of_another_program(
    theta: float, equilibrium: float, limit: float, aggressiveness: float, target: float
) -> None:
    """Booth's Trader_AA.py in the Bristol Stock Exchange, run until Newton's method converges."""
    others = limit, equilibrium, aggressiveness, theta, HIGHEST
    assert target_price("buy", *others) == pytest.approx(target)
    mirrored = HIGHEST - limit, HIGHEST - equilibrium, aggressiveness, theta, HIGHEST
    assert target_price("sell", *mirrored) == pytest.approx(HIGHEST - target)


def test_below_zero_theta_is_another_one() -> None:
    """Equation 3 below 0, with the theta that Newton's method gives."""
    bend = matching_theta(20 / 100 * -2 / math.expm1(-2))
    assert bend / math.expm1(bend) == pytest.approx(20 / 100 * -2 / math.expm1(-2))
    wanted = 100 * (1 - math.expm1(0.5 * bend) / math.expm1(bend))
    assert target_price("buy", 120, 100, -0.5, -2.0, HIGHEST) == pytest.approx(wanted)


@given(st.floats(1e-9, 1e4))
@examples(100)
def test_the_matching_theta_solves_its_equation(slope: float) -> None:
    x = matching_theta(slope)
    assert (x / math.expm1(x) if x else 1.0) == pytest.approx(slope, rel=1e-6)


@given(SIDES, PRICES, PRICES, SHARES, SHARES, THETAS)
@examples(150)
def test_more_aggressive_is_nearer_to_the_other_side_and_never_a_loss(
    side: Side, limit: float, equilibrium: float, one: float, two: float, theta: float
) -> None:
    less, more = (
        target_price(side, limit, equilibrium, share, theta, HIGHEST)
        for share in sorted((one, two))
    )
    sign = 1 if side == "buy" else -1
    assert sign * less <= sign * more + 1e-6
    assert sign * more <= sign * limit + 1e-6
    assert -1e-6 <= more <= HIGHEST + 1e-6


@given(SIDES, PRICES, PRICES, st.floats(0, 200), THETAS)
@examples(150)
def test_the_aggressiveness_at_a_price_aims_at_it(
    side: Side, limit: float, equilibrium: float, price: float, theta: float
) -> None:
    """Or at the limit, where the price would be a loss."""
    found = aggressiveness_at(side, limit, equilibrium, price, theta, HIGHEST)
    assert -1 <= found <= 1
    aim = target_price(side, limit, equilibrium, found, theta, HIGHEST)
    wanted = min(price, limit) if side == "buy" else max(price, limit)
    assert aim == pytest.approx(wanted, abs=1e-3)


@given(SIDES, st.floats(5, 195), st.floats(5, 195), THETAS)
@examples(100)
def test_the_target_has_no_kink_at_zero(
    side: Side, limit: float, equilibrium: float, theta: float
) -> None:
    sign = 1 if side == "buy" else -1
    if sign * (limit - equilibrium) < 1:
        return  # extra-marginal: flat above 0
    step = 1e-6
    below, at, above = (
        target_price(side, limit, equilibrium, r, theta, HIGHEST) for r in (-step, 0.0, step)
    )
    assert (at - below) / step == pytest.approx((above - at) / step, rel=0.01, abs=0.01)


def test_prices_that_are_calm_make_theta_large() -> None:
    assert desired_theta(0.0) == 2.0
    assert desired_theta(1.0) == -8.0
    assert desired_theta(0.5) == pytest.approx(-8 + 10 * (1 - 0.5 * math.exp(-1)))
