"""Formatting: the template filters `to` and `fmtnum` for numbers."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["fmtnum", "to"]

MINUS = "\N{MINUS SIGN}"


def to(value: float | Decimal, places: int = 2) -> str:
    """Format a number with so many decimals: `{{ player.payoff | to(2) }}` gives 3.50."""
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

    Args:
        sep: the thousands separator.
        decsep: the decimal sign.
    """
    sign, whole, fraction = _parts(value, places)
    number = _grouped(whole, sep) + (decsep if fraction else "") + fraction
    return f"{MINUS if sign else ''}{pre}{number}{post}"


def _parts(value: float | Decimal, places: int) -> tuple[bool, str, str]:
    """Split a rounded number: whether it is negative, its whole part, its decimals."""
    negative = value < 0
    whole, _, fraction = format(abs(value), f".{places}f").partition(".")
    return bool(negative and (whole + fraction).strip("0")), whole, fraction


def _grouped(whole: str, sep: str) -> str:
    if not sep or not whole.isdigit():
        return whole
    return f"{int(whole):,}".replace(",", sep)
