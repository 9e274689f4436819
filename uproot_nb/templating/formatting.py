"""Formatting: the template filters `to` and `fmtnum` for numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from operator import index
from typing import Any

__all__ = ["amount", "fmtnum", "to"]

MINUS = "\N{MINUS SIGN}"


def to(value: float | Decimal, places: int = 2) -> str:
    """Format a number with this many decimals: `{{ player.payoff | to(2) }}` gives 3.50.

    It is rounded half up by the digits that people see, as on paper: 1.005 is 1.01.
    """
    sign, whole, fraction = _parts(value, places)
    return ("-" if sign else "") + whole + ("." if fraction else "") + fraction


def fmtnum(
    value: float | Decimal,
    pre: str = "",
    post: str = "",
    places: int = 2,
    sep: str = "",
    decsep: str = ".",
) -> str:
    """Format an amount with unit and minus sign: `{{ 1234.5 | fmtnum(pre="$") }}` is $1234.50.

    It is rounded half up by the digits that people see, as on paper: 1.005 is 1.01.

    Args:
        sep: the thousands separator.
        decsep: the decimal sign.
    """
    sign, whole, fraction = _parts(value, places)
    number = _grouped(whole, sep) + (decsep if fraction else "") + fraction
    return f"{MINUS if sign else ''}{pre}{number}{post}"


def amount(value: Any) -> Decimal:
    """Return a number as it prints: the float 1.005 as exactly that.

    Raises:
        TypeError: it is not a number.
    """
    if isinstance(value, (Decimal, int)):
        return Decimal(value)
    text = str(value)  # raises what a name that is not defined has to say
    try:
        return Decimal(text)
    except InvalidOperation:
        pass
    try:
        return Decimal(str(float(value)))  # a fraction
    except (TypeError, ValueError):
        raise TypeError(
            f"{value!r} cannot be shown as an amount, because it is not a number.\n"
            "Give a number, or show the value without 'fmtnum' and 'to'."
        ) from None


def _parts(value: Any, places: int) -> tuple[bool, str, str]:
    """Split a rounded number: whether it is negative, its whole part, its decimals."""
    exact, decimals = amount(value), index(places)
    if decimals < 0:
        raise ValueError(f"places must be a whole number of 0 or more, and is {decimals}.")
    if not exact.is_finite():
        return exact.is_signed() and not exact.is_nan(), "nan" if exact.is_nan() else "inf", ""
    precision = max(exact.adjusted(), 0) + decimals + 2
    context = Context(prec=precision, rounding=ROUND_HALF_UP)
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), context=context)
    whole, _, fraction = format(rounded.copy_abs(), "f").partition(".")
    return rounded.is_signed() and bool((whole + fraction).strip("0")), whole, fraction


def _grouped(whole: str, sep: str) -> str:
    if not sep or not whole.isdigit():
        return whole
    return f"{int(whole):,}".replace(",", sep)
