"""Bidding theory: risk-neutral equilibrium bids, as real numbers."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, exp

__all__ = [
    "common_value_bid", "first_price_bid", "order_statistic_bid", "second_price_common_bid",
]  # fmt: skip

_STEPS = 100
"""Of numeric integrals; the error is far below a tick."""


def first_price_bid(
    value: float, bidders: int, lowest: float, highest: float, reserve: float = 0
) -> float | None:
    """Return the equilibrium bid for one item in a first-price auction, None below the reserve.

    Values are independent and uniform. b(v) = v - ∫ F(x)^(n-1) dx / F(v)^(n-1), from the reserve to
    v (Vickrey 1961; Riley and Samuelson 1981). Without a reserve,
    b(v) = lowest + (v - lowest) (n-1) / n. A Dutch auction has the same equilibrium.
    """
    if value < reserve or value < lowest:
        return None
    if bidders == 1:
        return reserve
    start, width = max(reserve, lowest), value - lowest
    if width == 0:
        return value
    area = (width**bidders - (start - lowest) ** bidders) / bidders
    return value - area / width ** (bidders - 1)


def order_statistic_bid(
    value: float, bidders: int, units: int, lowest: float, highest: float, reserve: float = 0
) -> float | None:
    """Return the equilibrium bid where *units* winners pay their own bids and each wants one unit.

    b(v) = v - ∫ G(x) dx / G(v), where G is the distribution of the *units*-th highest of the
    others' values (Vickrey 1962; Weber 1983; Krishna 2010). With one unit it is
    `first_price_bid`.
    """
    if value < reserve or value < lowest:
        return None
    if bidders <= units:
        return reserve
    start = max(reserve, lowest)

    def others_below(x: float) -> float:
        share = (x - lowest) / (highest - lowest)
        return sum(
            comb(bidders - 1, j) * (1 - share) ** j * share ** (bidders - 1 - j)
            for j in range(units)
        )

    weight = others_below(value)
    if weight == 0:
        return value
    return value - _integral(others_below, start, value) / weight


def second_price_common_bid(
    signal: float, bidders: int, lowest: float, highest: float, error: float
) -> float:
    """Return the equilibrium bid for an item of common value in a second-price auction.

    It is E[V | own estimate = highest other estimate = x] (Milgrom and Weber 1982), here in closed
    form. In the middle of the range, x - error + 2 error / n (Kagel, Levin and Harstad 1995).
    """
    low, high = _shares(signal, lowest, highest, error)
    if bidders == 1 or high == low:
        return signal + error - error * (low + high)
    weighted = (bidders - 1) * (high**bidders - low**bidders)
    mean = weighted / (bidders * (high ** (bidders - 1) - low ** (bidders - 1)))
    return signal + error - 2 * error * mean


def common_value_bid(
    signal: float, bidders: int, lowest: float, highest: float, error: float
) -> float:
    """Return the equilibrium bid for an item of common value in a first-price auction.

    In the middle of the range, b(x) = x - e + y with y = 2e/(n+1) exp(-n (x - lowest - e) / 2e);
    below lowest + e, b(x) = lowest + (x - lowest + e) / (n+1) (Kagel and Levin 1986). Above
    highest - e, the differential equation of Milgrom and Weber (1982) is solved in steps:
    b' = (E[V | x, x] - b) f(x|x) / F(x|x).
    """
    if bidders == 1:
        return 0.0  # nobody else bids
    if signal <= lowest + error:
        return lowest + (signal - lowest + error) / (bidders + 1)
    middle = min(signal, highest - error)
    decay = exp(-bidders * (middle - lowest - error) / (2 * error))
    bid = middle - error + 2 * error / (bidders + 1) * decay
    if signal <= highest - error:
        return bid
    return _continued(bid, middle, signal, bidders, lowest, highest, error)


def _continued(
    bid: float, start: float, signal: float, bidders: int, lowest: float, highest: float,
    error: float,
) -> float:  # fmt: skip
    """Return the bid at *signal*, from that at *start*, by the classical Runge-Kutta method."""

    def slope(x: float, b: float) -> float:
        low, high = _shares(x, lowest, highest, error)
        n = bidders
        rate = n * (high ** (n - 1) - low ** (n - 1)) / (high**n - low**n) / (2 * error)
        return (second_price_common_bid(x, n, lowest, highest, error) - b) * rate

    end = min(signal, highest + error * (1 - 1e-9))
    step = (end - start) / _STEPS
    x = start
    for _ in range(_STEPS):
        first = slope(x, bid)
        second = slope(x + step / 2, bid + step * first / 2)
        third = slope(x + step / 2, bid + step * second / 2)
        fourth = slope(x + step, bid + step * third)
        bid += step * (first + 2 * second + 2 * third + fourth) / 6
        x += step
    return bid


def _shares(signal: float, lowest: float, highest: float, error: float) -> tuple[float, float]:
    """Return the bounds of the share of estimates below *signal*, over all values possible."""
    least, most = max(lowest, signal - error), min(highest, signal + error)
    return (signal + error - most) / (2 * error), (signal + error - least) / (2 * error)


def _integral(function: Callable[[float], float], start: float, end: float) -> float:
    """Return the integral by Simpson's rule."""
    step = (end - start) / _STEPS
    inner = sum(
        (4 if place % 2 else 2) * function(start + place * step) for place in range(1, _STEPS)
    )
    return (function(start) + inner + function(end)) * step / 3
