"""Statistics come out as by hand, and are NaN rather than an error where there is nothing."""

from __future__ import annotations

import math

import pytest

from uproot_nb.market.analysis import statistics
from uproot_nb.market.analysis.statistics import EfficiencyLoss, efficiency_loss


def test_smiths_alpha_and_the_root_mean_squared_deviation() -> None:
    # Deviations from 50: -5, 0, 5, 10; their squares' mean is 37.5.
    prices = [45, 50, 55, 60]
    assert statistics.price_deviations(prices, 50) == [-5, 0, 5, 10]
    assert statistics.rmsd(prices, 50) == pytest.approx(math.sqrt(37.5))
    assert statistics.alpha(prices, 50) == pytest.approx(100 * math.sqrt(37.5) / 50)


def test_volatility_of_a_path_that_doubles_and_halves() -> None:
    # Changes ln 2, -ln 2, ln 2: their mean is ln 2 / 3, their variance 4 (ln 2)^2 / 3.
    found = statistics.volatility([10, 20, 10, 20])
    assert found == pytest.approx(math.log(2) * math.sqrt(4 / 3))


def test_efficiency_profit_dispersion_shares_and_volume() -> None:
    assert statistics.efficiency(90, 100) == 0.9
    assert statistics.profit_dispersion([10, 0, 5], [7, 4, 5]) == pytest.approx(math.sqrt(25 / 3))
    assert statistics.surplus_share(40, 30) == 0.75
    assert statistics.volume_ratio(0, 0, 3) == 1
    assert [statistics.volume_ratio(v, 4, 5) for v in (2, 4, 5, 10)] == [0.5, 1, 1, 2]


def test_a_unit_not_traded_is_lost_and_a_unit_too_many_displaces() -> None:
    # Values 90 70 50, costs 20 40 60: price 55, maximum surplus 100.
    values, costs = [90, 70, 50], [20, 40, 60]
    # Only 90 and 20 trade: 70 - 40 = 30 is missing.
    assert efficiency_loss(values, costs, [90], [20]) == EfficiencyLoss(30, 0)
    # 50 buys in the place of 70: 70 is lost (15 from 55), 50 displaces (5).
    assert efficiency_loss(values, costs, [90, 50], [20, 40]) == EfficiencyLoss(15, 5)
    # One trade too many: 50 buys from 60.
    assert efficiency_loss(values, costs, values, costs) == EfficiencyLoss(0, 10)


def test_mispricing_relative_to_the_fundamental_value() -> None:
    # Mean value 20. Gaps 5, -5, 5.
    prices, values = [35, 15, 15], [30, 20, 10]
    assert statistics.relative_absolute_deviation(prices, values) == pytest.approx(5 / 20)
    assert statistics.relative_deviation(prices, values) == pytest.approx(5 / 3 / 20)
    without = [35, math.nan, 15]
    assert statistics.relative_absolute_deviation(without, values) == pytest.approx(5 / 20)


def test_amplitude_and_turnover_of_a_bubble() -> None:
    # Gaps -10, 0, 20 where the asset is worth 40 at first.
    assert statistics.price_amplitude([30, 30, 40], [40, 30, 20]) == 30 / 40
    assert statistics.price_amplitude([30, math.nan, 30], [40, 30, 20]) == 20 / 40
    assert statistics.turnover(27, 18) == 1.5


def test_what_holds_longer_counts_more() -> None:
    assert statistics.time_weighted_mean([2, math.nan, 6], [0, 3, 4], 5) == pytest.approx(3)


def test_nothing_is_nan() -> None:
    nothing = [
        statistics.efficiency(0, 0), statistics.alpha([], 5), statistics.alpha([4], None),
        statistics.alpha([4], 0), statistics.rmsd([], 5), statistics.volatility([]),
        statistics.volatility([1, 2]), statistics.volatility([1, 0, 2]),
        statistics.profit_dispersion([], []), statistics.surplus_share(0, 0),
        statistics.volume_ratio(0, 0, 0), statistics.relative_deviation([], []),
        statistics.relative_absolute_deviation([math.nan], [3]), statistics.mean([]),
        statistics.price_amplitude([], []), statistics.price_amplitude([math.nan], [3]),
        statistics.turnover(3, 0),
        statistics.time_weighted_mean([], [], 3), statistics.time_weighted_mean([1], [3], 3),
    ]  # fmt: skip
    assert all(math.isnan(value) for value in nothing)
    assert efficiency_loss([], [], [], []) == EfficiencyLoss(0, 0)
    assert math.isnan(efficiency_loss([9], [3], [math.nan], [3]).lost)
