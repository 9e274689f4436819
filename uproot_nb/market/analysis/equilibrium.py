"""Equilibrium: the quantities and prices at which demand meets supply."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Equilibrium", "equilibrium"]

Amount = Any
"""A number: int, Decimal or float, the same for all values and costs of a market."""


@dataclass(frozen=True)
class Equilibrium:
    """The competitive equilibria of a market: an interval of quantities and one of prices.

    A bound of the price is None where there is none, as above when everything is sold and nobody
    else would sell, in a market without buyers or sellers.
    """

    quantity_low: int
    quantity_high: int
    price_low: Amount | None
    price_high: Amount | None
    maximum_surplus: Amount
    tax_revenue: Amount
    """With the least quantity."""

    @property
    def price(self) -> Amount | None:
        """The middle of the interval of prices; None where it has no end."""
        if self.price_low is None or self.price_high is None:
            return None
        return (self.price_low + self.price_high) / 2


def equilibrium(values: Iterable[Amount], costs: Iterable[Amount], tax: Amount = 0) -> Equilibrium:
    """Return where demand (all units' *values*) meets supply (all units' *costs*).

    With values sorted to fall, costs to rise, and q units traded in equilibrium, the price lies
    between max(c_q, v_{q+1}) and min(v_q, c_{q+1}). Units with v_q = c_q may be traded or not:
    hence an interval of quantities. A tax of so much per unit (a subsidy if negative) is paid by
    the seller: prices are what buyers pay, and the surplus is the traders' after the tax.

    equilibrium([90, 70, 50], [20, 40, 60])
    # quantity 2; price 50 to 60; maximum surplus 100
    """
    demand = sorted(values, reverse=True)
    supply = sorted(cost + tax for cost in costs)
    pairs = list(zip(demand, supply, strict=False))
    low = sum(value > cost for value, cost in pairs)
    high = sum(value >= cost for value, cost in pairs)
    floors = [*supply[max(low - 1, 0) : low], *demand[low : low + 1]]
    ceilings = [*demand[max(low - 1, 0) : low], *supply[low : low + 1]]
    return Equilibrium(
        low, high, max(floors, default=None), min(ceilings, default=None),
        sum(value - cost for value, cost in pairs[:low]), tax * low,
    )  # fmt: skip
