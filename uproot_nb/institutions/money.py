"""Money: exact sums and products of whole numbers and Decimals, and amounts on a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.institutions import refusals
from uproot_nb.market.orderbook.amounts import EXACT, Price, exact, from_plain, plain, total
from uproot_nb.market.orderbook.prices import PriceGrid

__all__ = [
    "Price", "difference", "from_plain", "is_beyond", "mean", "money_fields", "nearest_on_grid",
    "on_grid", "plain", "product", "ticks_above", "ticks_below", "ticks_of", "ticks_within",
    "total",
]  # fmt: skip

_STATISTIC = Context(prec=28, traps=[])


def difference(amount: Price, other: Price) -> Price:
    """Return *amount* less *other*, exactly."""
    if isinstance(amount, int) and isinstance(other, int):
        return amount - other
    return EXACT.subtract(Decimal(amount), Decimal(other))


def product(amount: Price, other: Price) -> Price:
    """Return the exact product: an int of two ints, else a Decimal."""
    if isinstance(amount, int) and isinstance(other, int):
        return amount * other
    return EXACT.multiply(Decimal(amount), Decimal(other))


def mean(amount: Price, count: Price) -> Price:
    """Return *amount* / *count*: an int if both are and it is whole, else a Decimal of 28 digits.

    It is a statistic; what is paid is never divided.
    """
    if isinstance(amount, int) and isinstance(count, int) and amount % count == 0:
        return amount // count
    return _STATISTIC.divide(Decimal(amount), Decimal(count))


def on_grid(amount: Any, tick: Price, lowest: Price, highest: Price) -> Price:
    """Return *amount*, a multiple of *tick* from *lowest* (0 or more) to *highest*.

    Raises:
        OrderRefused: it is not.
    """
    made = exact(amount)
    if made is None:
        raise OrderRefused("no_amount", refusals.NO_AMOUNT)
    if made < lowest:
        raise OrderRefused("too_low", refusals.TOO_LOW, lowest=lowest)
    if made > highest:
        raise OrderRefused("too_high", refusals.TOO_HIGH, highest=highest)
    if made:
        try:
            PriceGrid(tick, highest).ticks(made)
        except OrderRefused:
            raise OrderRefused("off_tick", refusals.OFF_TICK, tick=tick) from None
    return made


def nearest_on_grid(amount: float, tick: Price, lowest: Price, highest: Price) -> Price:
    """Return the multiple of *tick* from *lowest* to *highest* that is nearest to a number."""
    count = math.floor(amount / float(tick) + 0.5)
    least, most = ticks_above(lowest, tick), ticks_below(highest, tick)
    return product(tick, max(least, min(count, most)))


def is_beyond(amount: float, highest: Price, tick: Price) -> bool:
    """Return whether a number is above the highest amount, and not only by rounding to the tick."""
    return amount > float(highest) + float(tick) / 2


def ticks_below(amount: Price, tick: Price) -> int:
    """Return how many ticks the highest multiple of *tick* has that is not above an amount."""
    whole = int(amount // tick)  # of a Decimal, towards 0
    return whole - 1 if product(tick, whole) > amount else whole


def ticks_above(amount: Price, tick: Price) -> int:
    """Return how many ticks the lowest multiple of *tick* has that is not below an amount."""
    return -ticks_below(difference(0, amount), tick)


def ticks_within(lowest: Price, highest: Price, tick: Price) -> tuple[int, int]:
    """Return how many ticks the lowest and the highest multiple of *tick* in a range have.

    Raises:
        BadMarket: there is none.
    """
    first, last = ticks_above(lowest, tick), ticks_below(highest, tick)
    if first > last:
        raise BadMarket(
            f"No multiple of {tick} lies between {lowest} and {highest}.", "Write a smaller tick."
        )
    return first, last


def ticks_of(name: str, amount: Price, tick: Price) -> int:
    """Return how many ticks a setting has.

    Raises:
        BadMarket: it is no multiple of *tick*; the error calls it *name*.
    """
    count = ticks_below(amount, tick)
    below = product(tick, count)
    if below != amount:
        raise BadMarket(
            f"{name}={amount!r} is not a multiple of tick={tick!r}.",
            f"Write {name}={below!r}, or another tick.",
        )
    return count


def money_fields(owner: Any, least: Mapping[str, Price | None]) -> None:
    """Check settings that are amounts of money, and make them ints or Decimals.

    Args:
        least: the smallest value of each setting, by name; None if any amount is right.

    Raises:
        BadMarket: one is not money, or too small.
    """
    for name, lowest in least.items():
        value = getattr(owner, name)
        made = exact(value)
        if made is None:
            raise BadMarket(
                f"{name}={value!r} is not an amount of money.",
                f'Write a whole number or a Decimal, as {name}=Decimal("0.50").',
            )
        object.__setattr__(owner, name, made)  # the owner is frozen
        if lowest is not None and made < lowest:
            raise BadMarket(f"{name}={value!r} is too small.", f"Write {name}={lowest} or more.")
