"""Amounts of money, without the rounding errors of floats."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from uproot_nb.errors import UprootError

__all__ = ["cu"]


def cu(amount: str | int | float | Decimal = "0") -> Decimal:
    """Make an exact amount (in currency units) from text or a number: `cu("10.00") / 4`.

    A float counts as the number it prints as: `cu(0.1)` is exactly 0.1.

    Raises:
        UprootError: *amount* is not a finite number.
    """
    written = repr(float(amount)) if isinstance(amount, float) else amount
    if not isinstance(written, bool) and isinstance(written, (str, int, Decimal)):
        try:
            made = Decimal(written)
        except InvalidOperation:
            made = Decimal("NaN")
        if made.is_finite():
            return made
    raise UprootError(f'cu({amount!r}): this is not an amount.\nWrite it in digits: cu("12.50").')
