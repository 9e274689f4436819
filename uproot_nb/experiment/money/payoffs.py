"""Payoff: what a player has earned, an exact number that calculates with floats."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any

from uproot_nb.errors import BadPayoff

__all__ = ["PAYOFF", "Payoff", "payoff_of"]

PAYOFF = "payoff"
"""The field of a player that is a number, whatever is assigned."""


class Payoff(Decimal):
    """A Decimal that calculates with floats, too: `player.payoff + 0.1` is exact.

    A float counts as the number it prints as, in comparisons, too: `player.payoff == 0.3`. Results
    are stored as any Decimal. As a key of a dict or a member of a set it is the Decimal.
    """

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return _payoff(super().__add__(_exact(other)))

    def __radd__(self, other: Any) -> Any:
        return _payoff(super().__radd__(_exact(other)))

    def __sub__(self, other: Any) -> Any:
        return _payoff(super().__sub__(_exact(other)))

    def __rsub__(self, other: Any) -> Any:
        return _payoff(super().__rsub__(_exact(other)))

    def __mul__(self, other: Any) -> Any:
        return _payoff(super().__mul__(_exact(other)))

    def __rmul__(self, other: Any) -> Any:
        return _payoff(super().__rmul__(_exact(other)))

    def __truediv__(self, other: Any) -> Any:
        return _payoff(super().__truediv__(_exact(other)))

    def __rtruediv__(self, other: Any) -> Any:
        return _payoff(super().__rtruediv__(_exact(other)))

    def __floordiv__(self, other: Any) -> Any:
        return _payoff(super().__floordiv__(_exact(other)))

    def __mod__(self, other: Any) -> Any:
        return _payoff(super().__mod__(_exact(other)))

    def __rfloordiv__(self, other: Any) -> Any:
        return _payoff(super().__rfloordiv__(_exact(other)))

    def __rmod__(self, other: Any) -> Any:
        return _payoff(super().__rmod__(_exact(other)))

    def __divmod__(self, other: Any) -> Any:
        return _payoffs(super().__divmod__(_exact(other)))

    def __rdivmod__(self, other: Any) -> Any:
        return _payoffs(super().__rdivmod__(_exact(other)))

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return _payoff(super().__pow__(_exact(other), modulo))

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        return _payoff(super().__rpow__(_exact(other), modulo))

    def __round__(self, places: Any = None) -> Any:
        return super().__round__() if places is None else _payoff(super().__round__(places))

    def __pos__(self) -> Any:
        return _payoff(super().__pos__())

    def __neg__(self) -> Any:
        return _payoff(super().__neg__())

    def __abs__(self) -> Any:
        return _payoff(super().__abs__())

    def __eq__(self, other: object) -> bool:
        return super().__eq__(_exact(other))

    def __ne__(self, other: object) -> bool:
        return super().__ne__(_exact(other))

    def __lt__(self, other: Any) -> bool:
        return not _is_nan(other) and super().__lt__(_exact(other))

    def __le__(self, other: Any) -> bool:
        return not _is_nan(other) and super().__le__(_exact(other))

    def __gt__(self, other: Any) -> bool:
        return not _is_nan(other) and super().__gt__(_exact(other))

    def __ge__(self, other: Any) -> bool:
        return not _is_nan(other) and super().__ge__(_exact(other))

    # 0.3 and Decimal("0.3") both equal a payoff and have different hashes; it has the Decimal's,
    # which is that of every int and of every float that is the same number exactly.
    __hash__ = Decimal.__hash__


def payoff_of(subject: str, value: object) -> Decimal:
    """Return a value that is assigned to `player.payoff` as a Decimal.

    Whole numbers, floats (as they print), text in digits, Decimals and numpy's numbers are taken.

    Raises:
        BadPayoff: it is something else, or not finite.
    """
    number = _exact(value)
    if isinstance(number, (int, str, Decimal)):
        try:
            payoff = Decimal(number)
        except InvalidOperation:
            payoff = Decimal("NaN")
        if payoff.is_finite():
            return payoff
    raise BadPayoff(subject, value)


def _payoff(result: Any) -> Any:
    return Payoff(result) if isinstance(result, Decimal) else result


def _payoffs(result: Any) -> Any:
    return tuple(map(_payoff, result)) if isinstance(result, tuple) else result


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def _exact(value: Any) -> Any:
    """Return a number as an int or Decimal, and anything else as it is."""
    if isinstance(value, (int, Decimal)):
        return value
    if isinstance(value, float):
        return Decimal(repr(float(value)))
    if isinstance(value, Integral):
        return int(value)
    return _printed(value) if isinstance(value, Real) else value


def _printed(value: Real) -> Any:
    """Return a number such as numpy's float32 as the Decimal that it prints as."""
    try:
        return Decimal(str(value))
    except InvalidOperation:  # as a Fraction
        return value
