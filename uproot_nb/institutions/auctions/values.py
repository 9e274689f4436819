"""PrivateValues and CommonValue: what an item is worth to bidders, drawn anew each period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from uproot_nb.errors import BadMarket
from uproot_nb.institutions.game import Endowment, Game
from uproot_nb.institutions.money import (
    Price,
    difference,
    money_fields,
    product,
    ticks_of,
    ticks_within,
    total,
)

__all__ = ["UP_TO_100", "CommonValue", "PrivateValues", "are_drawn", "check_bids", "drawn_between"]


@dataclass(frozen=True)
class PrivateValues:
    """Each bidder's own value, uniform between two amounts and independent of the others'.

        PrivateValues(0, 100)
        PrivateValues(0, 100, units=2)      # the first unit has the higher of two draws

    Args:
        units: how many units each bidder can use.
        flat: whether all units of a bidder are worth the same.
    """

    lowest: Price
    highest: Price
    units: int = 1
    flat: bool = False

    def __post_init__(self) -> None:
        money_fields(self, {"lowest": 0, "highest": None})
        if self.highest <= self.lowest:
            raise BadMarket("There is no value between these.", "Write PrivateValues(0, 100).")
        if type(self.units) is not int or self.units < 1:
            raise BadMarket(f"units={self.units!r} is not a number of units.", "Write units=2.")

    def deal(self, players: Sequence[str], seed: str, tick: Price) -> dict[str, Endowment]:
        """Return each player's values, multiples of *tick*."""
        chance = Random(f"{seed}/values")
        return {name: Endowment(values=self._drawn(chance, tick)) for name in players}

    def _drawn(self, chance: Random, tick: Price) -> tuple[Price, ...]:
        count = 1 if self.flat else self.units
        drawn = sorted(
            (drawn_between(self.lowest, self.highest, tick, chance) for _ in range(count)),
            reverse=True,
        )
        return tuple(drawn * (self.units // count))


@dataclass(frozen=True)
class CommonValue:
    """One value for all, of which each bidder sees an estimate (Kagel and Levin 1986).

        CommonValue(25, 225, error=15)

    The value is uniform between *lowest* and *highest*. Given the value, the estimates are
    independent and uniform from *error* below to *error* above it.
    """

    lowest: Price
    highest: Price
    error: Price

    def __post_init__(self) -> None:
        money_fields(self, {"lowest": 0, "highest": None, "error": None})
        if self.error <= 0:
            raise BadMarket(f"error={self.error!r} is not positive.", "Write error=15.")
        if difference(self.highest, self.lowest) < product(2, self.error):
            raise BadMarket(
                "The range of values is smaller than that of the estimates.",
                "Write a range of at least twice the error.",
            )

    def deal(self, players: Sequence[str], seed: str, tick: Price) -> dict[str, Endowment]:
        """Return the value and each player's estimate, multiples of *tick*."""
        chance = Random(f"{seed}/values")
        value = drawn_between(self.lowest, self.highest, tick, chance)
        least, most = difference(value, self.error), total((value, self.error))
        return {
            name: Endowment(values=(value,), signal=drawn_between(least, most, tick, chance))
            for name in players
        }


UP_TO_100 = PrivateValues(0, 100)
"""The values where an author says nothing else."""


def are_drawn(game: Game, values: PrivateValues | CommonValue) -> bool:
    """Return whether formulas for draws from *values* hold for the endowments of a period."""
    worths = (worth for own in game.endowments.values() for worth in own.values)
    return not game.given and all(values.lowest <= worth <= values.highest for worth in worths)


def check_bids(
    values: PrivateValues | CommonValue, tick: Price, reserve: Price, max_bid: Price
) -> None:
    """Check that there are values and bids that fit.

    Raises:
        BadMarket: no value is a multiple of *tick*, the reserve is none, or no bid is allowed.
    """
    ticks_within(values.lowest, values.highest, tick)
    ticks_of("reserve", reserve, tick)
    if max_bid < max(reserve, tick):
        raise BadMarket(
            f"There is no bid between the reserve, {reserve}, to the highest bid, {max_bid}.",
            f"Write max_bid={max(reserve, tick)!r} or more, or a lower reserve.",
        )


def drawn_between(lowest: Price, highest: Price, tick: Price, chance: Random) -> Price:
    """Return a multiple of *tick*, uniform from *lowest* to *highest*.

    Raises:
        BadMarket: there is none.
    """
    return product(tick, chance.randint(*ticks_within(lowest, highest, tick)))
