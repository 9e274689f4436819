"""InducedValues: what each unit is worth to its buyer and costs its seller."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.columns import frame_of, types_of
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.orders import Side

if TYPE_CHECKING:
    import pandas

__all__ = [
    "InducedValues", "highest_value", "highest_worth", "induced_value_columns",
    "induced_value_table",
]  # fmt: skip


@dataclass(frozen=True)
class InducedValues:
    """Redemption values of buyers and unit costs of sellers, first unit first (Smith 1976).

    values = InducedValues({"ann": [90, 70]}, {"bob": [20, 40]})
    values.value_of("ann", "buy", 2)        # 70
    Book(Rules(no_loss=True), values.value_of)

    The first unit bought redeems the first value, whatever its price.
    """

    values: Mapping[str, Sequence[Price]]
    costs: Mapping[str, Sequence[Price]]

    def __post_init__(self) -> None:
        for side in ("values", "costs"):
            given = getattr(self, side)
            made = {name: _exact_units(name, units) for name, units in given.items()}
            if any(made[name] is not units for name, units in given.items()):
                object.__setattr__(self, side, made)

    def plain(self) -> dict[str, dict[str, list[Any]]]:
        """Return the schedules as JSON has them; a Decimal is a text."""
        return {
            side: {name: [plain(value) for value in units] for name, units in schedules.items()}
            for side, schedules in (("values", self.values), ("costs", self.costs))
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Mapping[str, Iterable[Any]]]) -> InducedValues:
        """Return the values that `plain` wrote."""
        values, costs = (
            {name: [from_plain(value) for value in units] for name, units in data[side].items()}
            for side in ("values", "costs")
        )
        return cls(values, costs)

    def value_of(self, player: str, side: Side, unit: int) -> Price | None:
        """Return what the player's unit (from 1) is worth or costs; None if there is none."""
        units = (self.values if side == "buy" else self.costs).get(player, ())
        return units[unit - 1] if 1 <= unit <= len(units) else None

    def all_values(self) -> list[Price]:
        """Return all buyers' values, the highest first: the demand schedule."""
        return sorted((v for units in self.values.values() for v in units), reverse=True)

    def all_costs(self) -> list[Price]:
        """Return all sellers' costs, the lowest first: the supply schedule."""
        return sorted(cost for units in self.costs.values() for cost in units)

    def frame(self, periods: int | Iterable[int] = 1) -> pandas.DataFrame:
        """Return the table `induced_values`, the same for each of the periods.

        Columns: period (int64), player (category), side (category: buy, sell), unit (int64, from 1
        on), value (float64: the buyer's value or the seller's cost).
        """
        return induced_value_table(self.rows(periods))

    def rows(
        self, periods: int | Iterable[int] = 1
    ) -> list[tuple[int, str | None, str, int, float]]:
        """Return the rows of `frame`: period, player, side, unit, value."""
        numbers = [periods] if isinstance(periods, int) else list(periods)
        return [
            (period, player, side, unit, float(value))
            for period in numbers
            for side, schedules in (("buy", self.values), ("sell", self.costs))
            for player, units in schedules.items()
            for unit, value in enumerate(units, 1)
        ]

    @classmethod
    def symmetric(
        cls, buyers: Sequence[str], sellers: Sequence[str], *, highest: Price, lowest: Price,
        step: Price, units: int = 1,
    ) -> InducedValues:  # fmt: skip
        """Return demand that falls from *highest* and supply that rises from *lowest* by *step*.

        With as many buyers as sellers this is the symmetric design (Smith 1962, chart 1). Units
        are dealt back and forth, so that traders' units are worth about the same.
        """
        demand = [highest - rank * step for rank in range(len(buyers) * units)]
        supply = [lowest + rank * step for rank in range(len(sellers) * units)]
        return cls(_dealt(demand, buyers), _dealt(supply, sellers))

    @classmethod
    def box(
        cls, buyers: Sequence[str], sellers: Sequence[str], *, value: Price, cost: Price,
        units_to_buy: int = 1, units_to_sell: int = 1,
    ) -> InducedValues:  # fmt: skip
        """Return one value for all buyers and one cost for all sellers (the "swastika" design).

        The longer side of the market gets nothing in equilibrium: with more units to sell than to
        buy the price is the cost, else the value (Smith and Williams 1990).
        """
        return cls(
            {player: [value] * units_to_buy for player in buyers},
            {player: [cost] * units_to_sell for player in sellers},
        )

    @classmethod
    def drawn(
        cls, buyers: Sequence[str], sellers: Sequence[str], *, seed: int | str, units: int = 1,
        lowest: int = 1, highest: int = 100, draw: Callable[[random.Random], Price] | None = None,
    ) -> InducedValues:  # fmt: skip
        """Return independent draws: whole numbers from *lowest* to *highest*, or from *draw*.

        A buyer's values fall, a seller's costs rise. The same seed gives the same draws.
        """
        chance = random.Random(seed)
        one = draw or (lambda chance: chance.randint(lowest, highest))
        values = {p: sorted((one(chance) for _ in range(units)), reverse=True) for p in buyers}
        return cls(values, {p: sorted(one(chance) for _ in range(units)) for p in sellers})


def induced_value_table(
    rows: Iterable[tuple[int, str | None, str, int, float]],
) -> pandas.DataFrame:
    """Return the table `induced_values` of rows (period, player, side, unit, value).

    The columns and their dtypes are those of `InducedValues.frame`. What an asset is worth to
    everybody alike has rows without a player; see `Dividends.frame`.
    """
    return frame_of("induced_values", induced_value_columns(rows))


def induced_value_columns(
    rows: Iterable[tuple[int, str | None, str, int, float]],
) -> dict[str, list[Any]]:
    """Return the columns of that table, each as a list."""
    found = list(rows)
    names = types_of("induced_values")
    return {name: [row[place] for row in found] for place, name in enumerate(names)}


def _dealt(schedule: Sequence[Price], players: Sequence[str]) -> dict[str, list[Price]]:
    """Deal from left to right, then from right to left, and so on."""
    hands: dict[str, list[Price]] = {player: [] for player in players}
    for rank, value in enumerate(schedule):
        turn, place = divmod(rank, len(players))
        hands[players[-1 - place if turn % 2 else place]].append(value)
    return hands


def highest_value(values: InducedValues) -> Price | None:
    """Return the highest value or cost; None if there are no units."""
    units: Iterable[Iterable[Price]] = (*values.values.values(), *values.costs.values())
    return max((price for one in units for price in one), default=None)


def _exact_units(name: str, units: Iterable[Any]) -> Sequence[Price]:
    """Return units as they are given; whole numbers of numpy and others as int, in a list."""
    if not isinstance(units, Iterable):
        raise BadMarket(f"{name}'s values are {units!r}.", f"Write a list: {{{name!r}: [90, 70]}}.")
    if not isinstance(units, (list, tuple)):
        units = list(units)
    made = [exact(value) for value in units]
    known = [value for value in made if value is not None]
    if len(known) < len(made):
        raise BadMarket(
            f"Not all of {name}'s values are amounts of money: {units!r}.",
            "Write whole numbers or Decimals, never floats.",
        )
    is_same = all(value is one for value, one in zip(known, units, strict=True))
    return units if is_same else known


def highest_worth(
    values: InducedValues, limit: Callable[[Side, Price], Price] | None
) -> Price | None:
    """Return the highest value or cost, or what a buyer can pay for a unit if a subsidy is more.

    Args:
        limit: `UnitCharges.limit`, where there are taxes and fees.
    """
    worth = highest_value(values)
    most = max((price for units in values.values.values() for price in units), default=None)
    if worth is None or most is None or limit is None:
        return worth
    return max(worth, limit("buy", most))
