"""Schedules: the values of each period of a design, shifted, and dealt to those who trade."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, TypeVar

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.designs.trader_makers import needs_arguments
from uproot_nb.market.orderbook.amounts import Price, exact, total

__all__ = [
    "COUNTS", "Shifts", "Values", "ValuesSource", "check_shifts", "check_values", "drawn_values",
    "in_period", "renamed", "shifted",
]  # fmt: skip

COUNTS = {"periods": 1, "steps": 1, "groups": 1, "practice": 0}
"""What is counted in a design, and the least there may be."""

Something = TypeVar("Something")

ValuesSource = (
    InducedValues | Callable[[Random], InducedValues] | Callable[[Random, int], InducedValues]
)
"""Induced values; or a function that draws them for a market, or for each of its periods."""

Values = ValuesSource | Mapping[int, ValuesSource]
"""The values of all periods; or those from a period on, by its number."""

Shifts = Mapping[int, Mapping[str, Price]]
"""What is added to all values ("demand") and all costs ("supply") from a period on."""


def in_period(by_period: Mapping[int, Something], period: int) -> Something:
    """Return the entry for a period: that of the latest number up to it, else the first."""
    begun = [number for number in by_period if number <= period]
    return by_period[max(begun) if begun else min(by_period)]


def drawn_values(source: ValuesSource, period: int, seed: int | str) -> InducedValues:
    """Return values as they are, or as the function draws them from the seed.

    Raises:
        BadMarket: the function returns something else.
    """
    if isinstance(source, InducedValues):
        return source
    function: Callable[..., Any] = source
    if needs_arguments(function) > 1:
        made = function(Random(f"{seed}/values/{period}"), period)
    else:
        made = function(Random(f"{seed}/values"))
    if not isinstance(made, InducedValues):
        raise BadMarket(
            f"The function of values returned {type(made).__name__}.", "Return InducedValues(…)."
        )
    return made


def shifted(values: InducedValues, demand: Price = 0, supply: Price = 0) -> InducedValues:
    """Return the values with *demand* added to each value and *supply* to each cost."""
    if not demand and not supply:
        return values
    return InducedValues(
        {name: [total((unit, demand)) for unit in units] for name, units in values.values.items()},
        {name: [total((unit, supply)) for unit in units] for name, units in values.costs.items()},
    )


def renamed(values: InducedValues, names: Mapping[str, str]) -> InducedValues:
    """Return the values of those who are in *names*, under their new names."""
    return InducedValues(
        {names[name]: units for name, units in values.values.items() if name in names},
        {names[name]: units for name, units in values.costs.items() if name in names},
    )


def check_values(values: Any) -> None:
    """Refuse what gives no values."""
    sources: Iterable[Any] = [values]
    if isinstance(values, Mapping):
        _check_periods("values", values)
        sources = values.values()
    for source in sources:
        if not isinstance(source, InducedValues) and not callable(source):
            raise BadMarket(
                f"values={values!r} are not induced values.",
                "Give InducedValues(…), or a function of random numbers that returns such; or a "
                "dict of them, by the period from which they hold.",
            )


def check_shifts(shifts: Any) -> None:
    """Refuse shifts that are no amounts of money."""
    if not isinstance(shifts, Mapping):
        raise BadMarket(f"shifts={shifts!r} is not a dict.", _EXAMPLE)
    if shifts:
        _check_periods("shifts", shifts)
    for shift in shifts.values():
        right = isinstance(shift, Mapping) and set(shift) <= {"demand", "supply"}
        if not right or any(exact(amount) is None for amount in shift.values()):
            raise BadMarket(f"{shift!r} is not a shift of demand or supply.", _EXAMPLE)


_EXAMPLE = 'Write shifts={4: {"demand": 20, "supply": -5}}, for example.'


def _check_periods(name: str, by_period: Mapping[Any, Any]) -> None:
    if not by_period or any(type(number) is not int for number in by_period):
        raise BadMarket(
            f"{name}={by_period!r} does not say from which period the entries hold.",
            f"Write {name}={{1: …, 4: …}}; practice periods have numbers up to 0.",
        )
