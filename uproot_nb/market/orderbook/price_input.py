"""Entered: prices and quantities as participants write them, and as scripts send them."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

from uproot_nb.experiment.numbers import NotANumber, read_number
from uproot_nb.market.orderbook.prices import Price

__all__ = ["entered_price", "entered_quantity"]

_MOST_DIGITS = 15
"""Before the decimals; nothing costs more."""
_DECIMALS = 2
"""As many as amounts of money usually have."""


def entered_price(told: Any, tick: Price, language: str = "en") -> Any:
    """Return the price that is meant, as an int or a Decimal; what is none stays as it is.

        entered_price("2,50", Decimal("0.05"))      # Decimal("2.50")

    Texts are read as forms read them, by the *language* of the page. With more decimals than the
    tick has, and than two, a text is no price: "1,000" may mean a thousand.
    """
    if isinstance(told, float) and isfinite(told):  # a script's: the shortest decimals it can mean
        return int(told) if told.is_integer() else Decimal(repr(told))
    number = _read(told, language)
    if number is None or _decimals(number) > max(_DECIMALS, decimals_of(tick)):
        return told
    return int(number) if number == number.to_integral_value() else number


def entered_quantity(told: Any, language: str = "en") -> Any:
    """Return the number of units that is meant, as an int; what is none stays as it is."""
    number = _read(told, language)
    if number is not None and _decimals(number) == 0:
        return int(number)
    return int(told) if isinstance(told, float) and told.is_integer() else told


def _read(told: Any, language: str) -> Decimal | None:
    if not isinstance(told, str):
        return None
    try:
        number = read_number(told, language, exponents=False)
    except NotANumber:
        return None
    return number if number.adjusted() < _MOST_DIGITS else None


def decimals_of(tick: Price) -> int:
    """Return how many decimals prices may have."""
    return _decimals(tick) if isinstance(tick, Decimal) else 0


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
