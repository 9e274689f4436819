"""Amounts of money: whole numbers and Decimals, exact."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

__all__ = ["EXACT", "Price", "exact", "from_plain", "plain", "total"]

Price = int | Decimal
"""Money is a whole number or a Decimal, never a float."""

EXACT = Context(prec=60, traps=[])
"""An author's own decimal context must not move a price."""


def exact(amount: Any) -> Price | None:
    """Return *amount* as an int or a finite Decimal; None if it is neither."""
    if type(amount) is int:
        return amount
    if isinstance(amount, Decimal):
        return amount if amount.is_finite() else None
    if isinstance(amount, bool) or not hasattr(amount, "__index__"):
        return None
    return operator.index(amount)


def plain(price: Price | None) -> int | str | None:
    """Return money as JSON has it: a Decimal is a text with all its digits, "100" for 1E+2."""
    if not isinstance(price, Decimal):
        return price
    text = str(price)
    return format(price, "f") if "E" in text else text


def from_plain(data: int | str) -> Price:
    """Return the money that `plain` wrote."""
    return Decimal(data) if isinstance(data, str) else data


def total(amounts: Iterable[Price]) -> Price:
    """Return the exact sum of amounts of money."""
    found: Price = 0
    for one in amounts:
        whole = isinstance(found, int) and isinstance(one, int)
        found = found + one if whole else EXACT.add(Decimal(found), Decimal(one))
    return found
