"""Statistics of a market, each with its formula and source; NaN where undefined.

They take plain sequences of numbers. `uproot_nb.market.analysis.tables` applies them by period.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from uproot_nb.market.analysis.equilibrium import known_equilibrium

__all__ = [
    "EfficiencyLoss", "alpha", "deadweight_loss", "efficiency", "efficiency_loss", "mean",
    "price_amplitude", "price_deviations", "profit_dispersion", "relative_absolute_deviation",
    "relative_deviation", "rmsd", "surplus_share", "time_weighted_mean", "turnover", "volatility",
    "volume_ratio",
]  # fmt: skip

Number = Any
"""An int, a Decimal, a float or NaN; None counts as NaN."""


def efficiency(surplus: Number, maximum_surplus: Number) -> float:
    """Allocative efficiency: surplus / maximum surplus (Smith 1962; Plott and Smith 1978).

    With taxes and fees, the surplus includes what treasury and exchange receive. 1 is the
    maximum; trades at a loss can make it negative. NaN if there is nothing to gain.
    """
    return _ratio(surplus, maximum_surplus)


def deadweight_loss(maximum_surplus: Number, welfare: Number) -> float:
    """Deadweight loss: maximum surplus - welfare (Harberger 1954, AER 44).

    Welfare is the gain of traders, treasury and exchange together: values less costs of the
    units traded. The maximum surplus is that of a market without taxes, fees and price controls.
    The difference is lost to constraints, or to trades of the wrong units (see
    `efficiency_loss`).
    """
    return _float(maximum_surplus) - _float(welfare)


def alpha(prices: Iterable[Number], equilibrium_price: Number) -> float:
    """Smith's alpha: 100 * sigma0 / P0, in percent (Smith 1962).

    sigma0 is the root of the mean squared deviation of the prices from the equilibrium price P0.
    """
    return 100 * _ratio(rmsd(prices, equilibrium_price), equilibrium_price)


def rmsd(prices: Iterable[Number], equilibrium_price: Number) -> float:
    """Root mean squared deviation: sqrt(sum of (p - P0)^2 / n) (Gode and Sunder 1993)."""
    return math.sqrt(mean([gap**2 for gap in price_deviations(prices, equilibrium_price)]))


def price_deviations(prices: Iterable[Number], equilibrium_price: Number) -> list[float]:
    """The price path as deviations from equilibrium: p_t - P0, trade by trade."""
    middle = _float(equilibrium_price)
    return [price - middle for price in _floats(prices)]


def volatility(prices: Iterable[Number]) -> float:
    """Standard deviation of the changes ln p_t - ln p_{t-1} from trade to trade (n - 1 below).

    NaN with fewer than three prices, or prices that are not above zero.
    """
    path = _floats(prices)
    if len(path) < 3 or not all(price > 0 for price in path):
        return math.nan
    changes = [math.log(after / before) for before, after in pairwise(path)]
    middle = mean(changes)
    return math.sqrt(sum((change - middle) ** 2 for change in changes) / (len(changes) - 1))


def profit_dispersion(profits: Sequence[Number], equilibrium_profits: Sequence[Number]) -> float:
    """sqrt(sum of (a_i - pi_i)^2 / n) over traders (Gode and Sunder 1993; Cliff and Bruten 1997).

    a_i is what trader i has earned, pi_i what trader i would earn at the equilibrium price.
    """
    pairs = zip(profits, equilibrium_profits, strict=True)
    return math.sqrt(mean((_float(got) - _float(due)) ** 2 for got, due in pairs))


def surplus_share(surplus: Number, buyer_surplus: Number) -> float:
    """The buyers' share of the surplus: buyer surplus / surplus; the sellers have the rest."""
    return _ratio(buyer_surplus, surplus)


def volume_ratio(volume: int, quantity_low: int, quantity_high: int) -> float:
    """Volume / equilibrium quantity: 1 anywhere in the interval, else to its nearest bound."""
    if quantity_low <= volume <= quantity_high and quantity_high > 0:
        return 1.0
    return _ratio(volume, min(max(volume, quantity_low), quantity_high))


@dataclass(frozen=True)
class EfficiencyLoss:
    """What is missing from the maximum surplus, in money.

    `lost` is what intra-marginal units would have earned that were not traded, `displaced` what
    extra-marginal units cost that were traded instead (or besides).
    """

    lost: float
    displaced: float


def efficiency_loss(
    values: Iterable[Number],
    costs: Iterable[Number],
    traded_values: Iterable[Number],
    traded_costs: Iterable[Number],
) -> EfficiencyLoss:
    """Split maximum surplus - surplus into units not traded and units that should not have been.

    At the equilibrium price P (the middle of its interval), a buyer's unit is intra-marginal if
    v > P, a seller's if c < P. Then

        lost      = sum of |v - P| over intra-marginal units that were not traded
        displaced = sum of |v - P| over extra-marginal units that were traded

    (c for sellers), and lost + displaced = maximum surplus - surplus, because as many units are
    bought as sold (after Rust, Miller and Palmer 1993; Gode and Sunder 1997). *values* and *costs*
    are those of all units, the traded ones among them. NaN where a traded unit has no value.
    """
    demand, supply = _floats(values), _floats(costs)
    bought, sold = _floats(traded_values), _floats(traded_costs)
    if any(map(math.isnan, (*bought, *sold))):
        return EfficiencyLoss(math.nan, math.nan)
    middle = known_equilibrium(tuple(demand), tuple(supply)).price
    if middle is None:
        return EfficiencyLoss(0.0, 0.0)
    sides = ((demand, bought, 1), (supply, sold, -1))
    lost = displaced = 0.0
    for units, traded, sign in sides:
        left: dict[float, int] = {}
        for unit in units:
            left[unit] = left.get(unit, 0) + 1
        for unit in traded:
            left[unit] = left.get(unit, 0) - 1
        lost += sum(
            [gain * count for unit, count in left.items() if (gain := sign * (unit - middle)) > 0]
        )
        displaced += sum([cost for unit in traded if (cost := sign * (middle - unit)) > 0])
    return EfficiencyLoss(lost, displaced)


def relative_absolute_deviation(
    mean_prices: Sequence[Number], fundamental_values: Sequence[Number]
) -> float:
    """RAD = sum of |P_t - FV_t| / N / |mean FV| (Stöckl, Huber and Kirchler 2010).

    P_t is a period's volume-weighted mean price. Periods without a trade (NaN) are left out of the
    sum and of N; the mean of FV is over all periods.
    """
    return _relative([abs(gap) for gap in _gaps(mean_prices, fundamental_values)],
                     fundamental_values)  # fmt: skip


def relative_deviation(
    mean_prices: Sequence[Number], fundamental_values: Sequence[Number]
) -> float:
    """RD = sum of (P_t - FV_t) / N / |mean FV| (Stöckl, Huber and Kirchler 2010).

    Positive where the asset was overvalued; see `relative_absolute_deviation`.
    """
    return _relative(_gaps(mean_prices, fundamental_values), fundamental_values)


def price_amplitude(mean_prices: Sequence[Number], fundamental_values: Sequence[Number]) -> float:
    """Amplitude = (max of (P_t - FV_t) - min of (P_t - FV_t)) / FV_1 (Porter and Smith 1995).

    From trough to peak of the bubble, as a share of the first period's fundamental value (King,
    Smith, Williams and Van Boening 1993). Periods without a trade (NaN) are left out.
    """
    gaps = _gaps(mean_prices, fundamental_values)
    return _ratio(max(gaps) - min(gaps), fundamental_values[0]) if gaps else math.nan


def turnover(volume: int, units: int) -> float:
    """Turnover = units traded over all periods / units that there are (King et al. 1993).

    "The robustness of bubbles and crashes in experimental stock markets"; NaN without units.
    """
    return _ratio(volume, units)


def mean(numbers: Iterable[Number], weights: Iterable[Number] | None = None) -> float:
    """The mean, weighted if there are weights; NaN if there are no values."""
    found = _floats(numbers)
    if weights is None:
        return _ratio(sum(found), len(found))
    weighed = _floats(weights)
    return _ratio(sum([a * b for a, b in zip(found, weighed, strict=True)]), sum(weighed))


def time_weighted_mean(numbers: Sequence[Number], times: Sequence[float], end: float) -> float:
    """The mean over time of what holds from each of *times* until the next, the last until *end*.

    For spread and depth: moments at which the number is NaN (an empty side) are left out.
    """
    found, ends = _floats(numbers), [*times[1:], end] if times else []
    known = [
        (number, after - at)
        for number, at, after in zip(found, times, ends, strict=True)
        if number == number
    ]
    return _ratio(sum([number * span for number, span in known]), sum([s for _, s in known]))


def _gaps(prices: Sequence[Number], fundamental_values: Sequence[Number]) -> list[float]:
    pairs = zip(prices, fundamental_values, strict=True)
    gaps = [_float(price) - _float(value) for price, value in pairs]
    return [gap for gap in gaps if not math.isnan(gap)]


def _relative(gaps: Sequence[float], fundamental_values: Sequence[Number]) -> float:
    return _ratio(mean(gaps), abs(mean(fundamental_values)))


def _ratio(over: Number, under: Number) -> float:
    below = _float(under)
    return _float(over) / below if below else math.nan


def _floats(numbers: Iterable[Number]) -> list[float]:
    return [math.nan if number is None else float(number) for number in numbers]


def _float(number: Number) -> float:
    return math.nan if number is None else float(number)
