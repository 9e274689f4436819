"""Equilibrium: the quantities and prices at which demand meets supply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from uproot_nb.market.orderbook.constraints import Constrained, Constraints

__all__ = ["Equilibrium", "equilibrium", "known_equilibrium"]

Amount = Any
"""A number: int, Decimal or float, the same for all values and costs of a market."""


@dataclass(frozen=True)
class Equilibrium:
    """The competitive equilibria of a market: an interval of quantities and one of prices.

    A bound of the price is None if there is none: for example above, if everything is sold and
    nobody else would sell, or in a market without buyers or sellers.
    """

    quantity_low: int
    quantity_high: int
    price_low: Amount | None
    price_high: Amount | None
    maximum_surplus: Amount
    """The traders' gain, after taxes and fees, at the smallest quantity."""
    tax_revenue: Amount
    """At the smallest quantity, and the middle of the prices."""
    fee_revenue: Amount = 0
    """The exchange's fees, likewise."""
    welfare: Amount = 0
    """What traders, treasury and exchange have together: values less costs of what is traded, with
    the quantity of the interval for which that is most. After a subsidy units may be traded that
    cost more than they are worth."""
    deadweight_loss: Amount = 0
    """How much smaller it is than without taxes, fees and price controls."""

    @property
    def price(self) -> Amount | None:
        """The middle of the interval of prices; None if it has no end."""
        return _middle(self.price_low, self.price_high)


def equilibrium(
    values: Iterable[Amount], costs: Iterable[Amount], tax: Amount = 0,
    under: Constrained | None = None,
) -> Equilibrium:  # fmt: skip
    """Return where demand (all units' *values*) meets supply (all units' *costs*).

    With values in falling order, costs in rising order, and q units traded in equilibrium, the
    price lies between max(c_q, v_{q+1}) and min(v_q, c_{q+1}). Units with v_q = c_q may be traded
    or not: hence an interval of quantities. The seller pays a tax per unit (a subsidy if negative):
    prices are what buyers pay, and the surplus is the traders' after the tax.

    equilibrium([90, 70, 50], [20, 40, 60])
    # quantity 2; price 50 to 60; maximum surplus 100

    *under* are rules with price controls, taxes and fees. Prices are then those that traders name:
    buyers' taxes come on top of them, and sellers' taxes are taken from them. A unit of value v is
    demanded up to the price (v - t) / (1 + r), one of cost c supplied from (c + t) / (1 - r) on,
    with tax and fee t per unit and rate r. A ceiling below all prices that clear the market, or a
    floor above them, is the price; the shorter side trades all that gains there, the longer one
    what gains most (efficient rationing). So it is at the lowest tick, and at a `max_price` that
    the rules name: there are no prices beyond them.

    equilibrium([90, 70, 50], [20, 40, 60], under=Rules(ceiling=30))
    # quantity 1; price 30; maximum surplus 70; deadweight loss 30
    """
    limits = _limits(tax, under)
    worth, outlay = sorted(values, reverse=True), sorted(costs)
    if limits is not None and limits.needs_fractions:
        limits = limits.in_fractions()
        worth, outlay = ([Fraction(amount) for amount in units] for units in (worth, outlay))
    # In the same order: who would pay more without a tax pays more with it.
    demand = worth if limits is None else [limits.bid(value) for value in worth]
    supply = outlay if limits is None else [limits.ask(cost) for cost in outlay]
    low, high, lowest, highest = _crossing(demand, supply)
    if limits is not None:
        low, high, lowest, highest = _controlled(limits, demand, supply, low, high, lowest, highest)
    gains = [value - cost for value, cost in zip(worth, outlay, strict=False)]
    price = _middle(lowest, highest)
    taxes = limits.tax(price) * low if limits is not None and low else 0
    fees = 2 * limits.fee * low if limits is not None else 0
    welfare = sum(gains[:low]) + sum(gain for gain in gains[low:high] if gain > 0)
    return Equilibrium(
        low, high, lowest, highest, sum(gains[:low]) - taxes - fees, taxes, fees, welfare,
        sum(gain for gain in gains if gain > 0) - welfare,
    )  # fmt: skip


@lru_cache(maxsize=256)
def known_equilibrium(values: tuple[float, ...], costs: tuple[float, ...]) -> Equilibrium:
    """Return the equilibrium without constraints; of the same units, what was found before.

    The periods of a market mostly have the same units, and so do the markets of a study.
    """
    return equilibrium(values, costs)


def _middle(low: Amount | None, high: Amount | None) -> Amount | None:
    return None if low is None or high is None else (low + high) / 2


def _limits(tax: Amount, under: Constrained | None) -> Constraints | None:
    if under is None and not tax:
        return None
    found = Constraints() if under is None else under.constraints
    found = replace(found, seller_tax=found.seller_tax + tax) if tax else found
    return None if found == Constraints() else found


_Found = tuple[int, int, Amount | None, Amount | None]
"""The interval of quantities, and that of prices."""


def _crossing(demand: Sequence[Amount], supply: Sequence[Amount]) -> _Found:
    """Return where demand, which falls, meets supply, which rises."""
    pairs = list(zip(demand, supply, strict=False))
    low = sum(value > cost for value, cost in pairs)
    high = sum(value >= cost for value, cost in pairs)
    floors = [*supply[max(low - 1, 0) : low], *demand[low : low + 1]]
    ceilings = [*demand[max(low - 1, 0) : low], *supply[low : low + 1]]
    return low, high, max(floors, default=None), min(ceilings, default=None)


def _controlled(
    limits: Constraints, demand: Sequence[Amount], supply: Sequence[Amount],
    low: int, high: int, lowest: Amount | None, highest: Amount | None,
) -> _Found:  # fmt: skip
    """Return the same under a floor and a ceiling, and within the range of prices."""
    floor, ceiling = limits.lowest, limits.highest
    if not demand and not supply:
        return low, high, lowest, highest
    if ceiling is not None and lowest is not None and ceiling < lowest:
        offered = [sum(c < ceiling for c in supply), sum(c <= ceiling for c in supply)]
        return min(offered[0], high), min(offered[1], high), ceiling, ceiling
    if floor is not None and highest is not None and floor > highest:
        wanted = [sum(v > floor for v in demand), sum(v >= floor for v in demand)]
        return min(wanted[0], high), min(wanted[1], high), floor, floor
    # Where an interval has no end, only a law is one.
    lowest = limits.floor if lowest is None else lowest
    highest = limits.ceiling if highest is None else highest
    if floor is not None and lowest is not None:
        lowest = max(lowest, floor)
    if ceiling is not None and highest is not None:
        highest = min(highest, ceiling)
    return low, high, lowest, highest
