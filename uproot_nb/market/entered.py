"""Entered: prices and quantities as participants write them, and as scripts send them."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

from uproot_nb.market.prices import Price

__all__ = ["entered_price", "entered_quantity"]

_NUMBER = re.compile(r"\s*([-+]?)(\d{1,15})(?:[.,](\d{1,12}))?\s*\Z", re.ASCII)
_WHOLE = re.compile(r"\s*[-+]?\d{1,15}\s*\Z", re.ASCII)
_DECIMALS = 2
"""As many as amounts of money usually have."""


def entered_price(told: Any, tick: Price) -> Any:
    """Return the price that is meant, as an int or a Decimal; what is none stays as it is.

        entered_price("2,50", Decimal("0.05"))      # Decimal("2.50")

    A point or a comma stands before the decimals. With more of them than the tick has, and than
    two, a text is no price: "1,000" may mean a thousand.
    """
    if isinstance(told, float) and isfinite(told):  # a script's: the shortest decimals it can mean
        return int(told) if told.is_integer() else Decimal(repr(told))
    if not isinstance(told, str):
        return told
    found = _NUMBER.match(told)
    if found is None:
        return told
    sign, whole, rest = found.groups("")
    if len(rest) > max(_DECIMALS, decimals_of(tick)):
        return told
    return int(sign + whole) if not rest.strip("0") else Decimal(f"{sign}{whole}.{rest}")


def entered_quantity(told: Any) -> Any:
    """Return the number of units that is meant, as an int; what is none stays as it is."""
    if isinstance(told, str) and _WHOLE.match(told):
        return int(told)
    return int(told) if isinstance(told, float) and told.is_integer() else told


def decimals_of(tick: Price) -> int:
    """Return how many decimals prices may have."""
    exponent = tick.as_tuple().exponent if isinstance(tick, Decimal) else 0
    return max(0, -exponent) if isinstance(exponent, int) else 0
