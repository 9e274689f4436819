"""Price input: prices and quantities as participants type them, and as scripts send them."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

from uproot_nb.experiment.numbers import NotANumber, read_number
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.durations import as_time

__all__ = ["entered_price", "entered_quantity", "entered_time"]

_MOST_DIGITS = 15
"""Before the decimal point; nothing costs more."""
_DECIMALS = 2
"""Decimals of usual amounts of money."""


def entered_price(value: Any, tick: Price, language: str = "en") -> Any:
    """Return the price as an int or a Decimal; anything else is returned unchanged.

        entered_price("2,50", Decimal("0.05"))      # Decimal("2.50")

    Texts are parsed as in forms, by the *language* of the page. A text with more than two decimals,
    and more than the tick has, is not a price: "1,000" may mean a thousand.
    """
    if isinstance(value, float) and isfinite(value):  # from a script: its shortest decimal form
        return int(value) if value.is_integer() else Decimal(repr(value))
    number = _read(value, language)
    if number is None or _decimals(number) > max(_DECIMALS, decimals_of(tick)):
        return value
    return int(number) if number == number.to_integral_value() else number


def entered_quantity(value: Any, language: str = "en") -> Any:
    """Return the number of units as an int; anything else is returned unchanged."""
    number = _read(value, language)
    if number is not None and _decimals(number) == 0:
        return int(number)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def entered_time(value: Any, language: str = "en") -> Any:
    """Return a number of seconds as a float; None for an empty text, anything else unchanged."""
    if isinstance(value, str) and not value.strip():
        return None
    number = _read(value, language)
    return as_time(value if number is None else number)


def _read(value: Any, language: str) -> Decimal | None:
    if not isinstance(value, str):
        return None
    try:
        number = read_number(value, language, exponents=False)
    except NotANumber:
        return None
    return number if number.adjusted() < _MOST_DIGITS else None


def decimals_of(tick: Price) -> int:
    """Return how many decimals prices may have."""
    return _decimals(tick) if isinstance(tick, Decimal) else 0


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
