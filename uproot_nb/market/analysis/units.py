"""Units: the induced values of one period as the statistics need them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from uproot_nb.market.analysis.equilibrium import Equilibrium, equilibrium, known_equilibrium
from uproot_nb.market.orderbook.constraints import CONSTRAINT_SIDES, Constrained, Constraints

if TYPE_CHECKING:
    import pandas

__all__ = ["InducedUnits", "Units", "constraint_rows", "units_by_period"]

InducedUnits: TypeAlias = "pandas.DataFrame | list[tuple[int, str | None, str, int, float]]"
"""The table `induced_values`, or its rows."""


class Units:
    """What each player's units are worth or cost in a period, and how many were traded.

    Of an asset, what holding each of its units is worth to anybody (`holding`) and has paid
    (`dividend`; both NaN without an asset), and how many units there are (`outstanding`). The
    `constraints` are the price controls, taxes and fees of the period, by their names.
    """

    def __init__(self) -> None:
        self.holding = self.dividend = math.nan
        self.outstanding = 0
        self.values: defaultdict[tuple[str, str], dict[int, float]] = defaultdict(dict)
        self.traded: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.constraints: dict[str, float] = {}
        self._unvalued: Counter[tuple[str, str]] = Counter()
        """How many units each player has traded that have neither value nor cost."""
        self._known: dict[Any, Any] = {}
        """What follows from values, costs and constraints alone, as far as somebody asked."""

    def share(self, other: Units) -> None:
        """Find what follows from values, costs and constraints once for both, if they are alike.

        The periods of a market mostly have the same units.
        """
        if self.values == other.values and self.constraints == other.constraints:
            self._known = other._known

    def equilibrium(self, constrained: bool = True) -> Equilibrium:
        """Return the competitive equilibrium, or that which there would be without constraints.

        With constraints it is in exact fractions: who just gains nothing after a tax of 0.1 would
        trade or not by the rounding of floats.
        """
        found: Equilibrium | None = self._known.get(constrained)
        if found is None:
            found = self._known[constrained] = self._equilibrium(constrained)
        return found

    def _equilibrium(self, constrained: bool) -> Equilibrium:
        if not (self.constraints and constrained):
            return known_equilibrium(tuple(self.all_of("buy")), tuple(self.all_of("sell")))
        # Sorted as floats, which is faster.
        values, costs = sorted(self.all_of("buy"), reverse=True), sorted(self.all_of("sell"))
        return equilibrium(map(_exact, values), map(_exact, costs), under=self._limits())

    def schedules(self, constrained: bool = True) -> tuple[list[float], list[float]]:
        """Return demand and supply in prices as traders name them: before taxes and fees."""
        values, costs = sorted(self.all_of("buy"), reverse=True), sorted(self.all_of("sell"))
        if not (self.constraints and constrained):
            return values, costs
        limits = self._limits()
        demand = [float(limits.bid(_exact(value))) for value in values]
        return demand, [float(limits.ask(_exact(cost))) for cost in costs]

    def take(self, player: str, side: str, quantity: int) -> float:
        """Return the value of the player's next units together; NaN if one of them has none."""
        key = player, side
        done, known = self.traded[key], self.values.get(key) or {}
        self.traded[key] = after = done + quantity
        if quantity == 1 and after in known:  # as in most trades
            return known[after]
        units = [known.get(unit, math.nan) for unit in range(done + 1, after + 1)]
        missing = sum(map(math.isnan, units))
        if missing:
            self._unvalued[key] += missing
        return math.fsum(units)

    def all_of(self, side: str) -> list[float]:
        """Return the values of everybody's units on a side."""
        found: list[float] | None = self._known.get(side)
        if found is None:
            found = self._known[side] = [
                value
                for (_, its), units in self.values.items()
                if its == side
                for value in units.values()
            ]
        return found

    def traded_of(self, side: str) -> list[float]:
        """Return the values of the units that were traded on a side; NaN for those without one.

        Units that a middleman has resold are left out.
        """
        found: list[float] = []
        for player, its in self.traded:
            if its == side:
                values = self._values_of(player, its)
                if self.resells(player):
                    values = [value for value in values if not math.isnan(value)]
                found += values
        return found

    def resells(self, player: str) -> bool:
        """Tell whether a player is a middleman, who has sold on all that has no value or cost.

        Such units are worth nothing to the player but the difference of their prices. Of an asset
        that is not known before its last dividend.
        """
        if not self._unvalued or not math.isnan(self.holding):
            return False
        return self._unvalued[player, "buy"] == self._unvalued[player, "sell"] > 0

    def worth(self, player: str, side: str) -> float:
        """Return the value of all that a middleman has traded on a side."""
        return math.fsum(v for v in self._values_of(player, side) if not math.isnan(v))

    def _values_of(self, player: str, side: str) -> list[float]:
        key = player, side
        known, count = self.values.get(key) or {}, self.traded.get(key, 0)
        return [known.get(unit, math.nan) for unit in range(1, count + 1)]

    def equilibrium_surpluses(self, at: Equilibrium) -> dict[tuple[str, str], float]:
        """Return what each player and side earns in an equilibrium: all units trade that gain.

        Where a price control leaves more units that gain than are traded, those trade that gain
        most, and those that gain alike in the same share.
        """
        known: tuple[Equilibrium, dict[tuple[str, str], float]] | None = self._known.get("surplus")
        if known is None or known[0] is not at:
            known = self._known["surplus"] = at, self._surpluses(at)
        return known[1]

    def _surpluses(self, at: Equilibrium) -> dict[tuple[str, str], float]:
        if at.price is None:
            return dict.fromkeys(self.values, 0.0)
        if self.constraints:
            return {**self._rationed("buy", at), **self._rationed("sell", at)}
        price, signs = float(at.price), {"buy": 1, "sell": -1}
        return {
            key: math.fsum(
                [gain for v in units.values() if (gain := signs[key[1]] * (v - price)) > 0]
            )
            for key, units in self.values.items()
        }

    def _rationed(self, side: str, at: Equilibrium) -> dict[tuple[str, str], float]:
        """Return the same for the players of a side, whose units are sorted once for all."""
        limits, quantity, sign = self._limits(), at.quantity_high, 1 if side == "buy" else -1
        players = {key: units.values() for key, units in self.values.items() if key[1] == side}
        if quantity == 0:
            return dict.fromkeys(players, 0.0)
        # Who has the higher value, or the lower cost, gains more.
        ranks = sorted((sign * value for value in self.all_of(side)), reverse=True)
        last = ranks[quantity - 1]
        share = Fraction(quantity - sum(rank > last for rank in ranks), ranks.count(last))

        def gain(value: float) -> Any:
            found = max(limits.gain(side, _exact(value), at.price), Fraction(0))
            return found if sign * value > last else found * share

        return {
            key: float(sum(gain(value) for value in values if sign * value >= last))
            for key, values in players.items()
        }

    def _limits(self) -> Constraints:
        return Constraints(**{name: _exact(amount) for name, amount in self.constraints.items()})


def units_by_period(induced_values: InducedUnits) -> defaultdict[int, Units]:
    """Return each period's units, before any trade.

    Only the sides "buy" and "sell" are units of demand and supply; the rows "hold" and "dividend"
    describe an asset (see `Dividends.frame`), and others the rules (see `constraint_rows`).
    """
    found: defaultdict[int, Units] = defaultdict(Units)
    rows: Iterable[Any] = induced_values
    if not isinstance(induced_values, list):
        columns = (induced_values[name] for name in ("period", "player", "side", "unit", "value"))
        rows = zip(*columns, strict=True)
    for period, player, side, unit, value in rows:
        units = found[int(period)]
        if side == "hold":
            units.holding, units.outstanding = float(value), int(unit)
        elif side == "dividend":
            units.dividend = float(value)
        elif side in CONSTRAINT_SIDES:
            units.constraints[str(side)] = float(value)
        else:
            units.values[str(player), str(side)][int(unit)] = float(value)
    for before, its in pairwise(found.values()):
        its.share(before)
    return found


def constraint_rows(
    rules: Constrained | None, periods: Iterable[int]
) -> list[tuple[int, str | None, str, int, float]]:
    """Return the rows of `induced_values` for the rules that move equilibrium, where there are any.

    They are the same for all: the player is missing, and the unit is 0.
    """
    if rules is None:
        return []
    known = {name: getattr(rules.constraints, name) for name in CONSTRAINT_SIDES}
    return [
        (period, None, name, 0, float(amount))
        for period in periods
        for name, amount in known.items()
        if amount not in (None, 0)
    ]


def _exact(amount: float) -> Fraction:
    """Return the short decimal that a float stands for: of 0.1 one tenth."""
    return Fraction(repr(amount))
