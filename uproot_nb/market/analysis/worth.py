"""Worth: what a unit in a market is worth at most, which is as high as robot traders think."""

from __future__ import annotations

from collections.abc import Iterable

from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.charges import UnitCharges

__all__ = ["highest_value", "highest_worth", "most_paid"]


def highest_value(values: InducedValues) -> Price | None:
    """Return the highest value or cost; None if there are no units."""
    units: Iterable[Iterable[Price]] = (*values.values.values(), *values.costs.values())
    return max((price for one in units for price in one), default=None)


def highest_worth(values: InducedValues, charges: UnitCharges | None) -> Price | None:
    """Return the highest value or cost, or what a buyer can pay for a unit if a subsidy is more."""
    worth = highest_value(values)
    most = max((price for units in values.values.values() for price in units), default=None)
    if worth is None or most is None or charges is None:
        return worth
    return max(worth, charges.limit("buy", most))


def most_paid(value: Price, cash: Iterable[Price]) -> Price:
    """Return what a unit of an asset can cost at most: nobody pays more than the richest has."""
    return max([value, *cash])
