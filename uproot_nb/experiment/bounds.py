"""Bounds: checks of the numbers in a field's declaration, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from uproot_nb.errors import BadField

__all__ = ["Number", "check_bounds", "check_number", "check_places", "check_whole", "exact"]

Number = int | float | Decimal
Mistake = Callable[[str, str], BadField]


def exact(number: Any) -> Decimal:
    """Return the number that an author wrote, exactly: 0.1 is a tenth.

    Raises:
        ValueError: it is not a finite number.
    """
    if isinstance(number, Decimal):
        found = number
    elif isinstance(number, bool) or not isinstance(number, Real):
        raise ValueError(number)
    elif isinstance(number, Integral):
        found = Decimal(int(number))
    else:
        found = Decimal(repr(float(number)))
    if not found.is_finite():
        raise ValueError(number)
    return found


def check_bounds(mistake: Mistake, least: Any, most: Any, step: Any) -> None:
    """Refuse bounds without a number between them, and steps that are not positive."""
    for name, value in (("min", least), ("max", most), ("step", step)):
        check_number(mistake, name, value)
    if least is not None and most is not None and exact(least) > exact(most):
        raise mistake(f"min={least} is more than max={most}.", "Exchange min and max.")
    if step is not None and exact(step) <= 0:
        raise mistake(f"step={step} is not positive.", "Write a step such as 0.5.")


def check_number(
    mistake: Mistake, name: str, value: Any, least: Any = None, most: Any = None
) -> None:
    """Refuse a value other than None that is not a finite number from *least* to *most*."""
    if value is None:
        return
    try:
        number = exact(value)
    except ValueError:
        what = f"{name}={value!r} is not a finite number."
        raise mistake(what, f"Write a number, such as {name}=1.") from None
    too_small = least is not None and number < exact(least)
    if too_small or (most is not None and number > exact(most)):
        what = f"{name}={value} is not between min={least} and max={most}."
        raise mistake(what, f"Choose a {name} that participants could enter.")


def check_whole(mistake: Mistake, name: str, value: Any) -> int:
    """Return *value* as an int, or refuse it."""
    try:
        number = exact(value)
    except ValueError:
        number = Decimal("0.5")
    if number != number.to_integral_value():
        raise mistake(f"{name}={value!r} is not a whole number.", f"Write {name}=1.")
    return int(number)


def check_places(mistake: Mistake, places: Any) -> None:
    """Refuse a number of decimals that cannot be shown; accept None."""
    if places is not None and not 0 <= check_whole(mistake, "places", places) <= 20:
        raise mistake(
            f"places={places} is out of range.", "Write a number of decimals from 0 to 20."
        )
