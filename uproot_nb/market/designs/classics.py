"""Classics: the values of well-known market experiments."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.amounts import Price

__all__ = [
    "box_values", "cliff_values", "gjerstad_dickhaut_values", "gode_sunder_values", "holt_values",
    "seat_names", "smith_values",
]  # fmt: skip


def seat_names(buyers: int, sellers: int) -> tuple[list[str], list[str]]:
    """Return the names "buyer 1", …, and "seller 1", …

    Raises:
        BadMarket: a number is not one or more.
    """
    for name, count in (("buyers", buyers), ("sellers", sellers)):
        if type(count) is not int or count < 1:
            raise BadMarket(f"{name}={count!r} is not a count.", f"Write {name}=1 or more.")
    return (
        [f"buyer {number}" for number in range(1, buyers + 1)],
        [f"seller {number}" for number in range(1, sellers + 1)],
    )


def smith_values(test: str = "1") -> InducedValues:
    """One of ten tests of Smith (1962, JPE 70), or a part of one, in cents, read off his charts.

    In test 1, eleven values from 325 to 75 and eleven costs from 75 to 325, in steps of 25, have an
    equilibrium price of 200, at which 5 or 6 units are traded. Everybody has one unit, in tests 9
    and 10 two of the same value or cost. Parts B follow on A with other values: "4B", "5B", "6B",
    "9B". In "5B" two sellers are gone and the others keep their costs, so the names have gaps.
    Test "8" has the same values in both parts. Test "10" has the values of "9A" (p. 125).
    """
    if test not in _SMITH:
        known = ", ".join(repr(name) for name in _SMITH)
        raise BadMarket(f"There is no test {test!r}.", f"Write one of {known}.")
    values, costs = _SMITH[test]
    made = _alike(sorted(values, reverse=True), sorted(costs), 2 if test in _TWO_UNITS else 1)
    absent = _ABSENT.get(test, ())
    kept = {name: units for name, units in made.costs.items() if name not in absent}
    return InducedValues(made.values, kept)


_COSTS_5A = (210, 220, 230, 240, *range(260, 371, 10), 375)
_COSTS_6A = tuple(cost for cost in range(150, 401, 50) for _ in range(2))
_VALUES_9A = (*[370] * 3, *[360] * 3, 350, 350, 340, 330, 320, 310)
_COSTS_9A = (*range(20, 421, 40), 430, 440, 450)

_SMITH: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "1": (range(75, 326, 25), range(75, 326, 25)),
    "2": ([*range(410, 441, 5), *range(380, 401, 5), *range(325, 356, 5)], range(200, 371, 10)),
    "3": (range(160, 961, 40), [*range(40, 341, 20), 350, 360, 380, 400, 420, 460]),
    "4A": (range(250, 491, 20), [310] * 13),
    "4B": (range(210, 451, 20), [310] * 13),
    "5A": ([375, 370, 365, 360, 345, 340, 335, 325, *range(280, 321, 5)], _COSTS_5A),
    "5B": ([*range(410, 471, 10), *range(320, 391, 10), 300], _COSTS_5A),
    "6A": (range(850, 1_651, 50), _COSTS_6A),
    "6B": (range(700, 1_451, 50), _COSTS_6A),
    "7": (_VALUES_9A, range(20, 421, 40)),
    "8": (range(100, 376, 25), range(75, 326, 25)),
    "9A": (_VALUES_9A, _COSTS_9A),
    "9B": ([value + 50 for value in _VALUES_9A], _COSTS_9A),
    "10": (_VALUES_9A, _COSTS_9A),
}
"""Values and costs by test."""

_TWO_UNITS = ("9A", "9B", "10")

_ABSENT = {"5B": ("seller 1", "seller 17")}
"""Chart 5 has fifteen sellers in test 5B: without the cost of 210, as the text says, and of 375."""


def _alike(values: Sequence[Price], costs: Sequence[Price], units: int = 1) -> InducedValues:
    """Give each trader so many units of one value or cost."""
    buyers, sellers = seat_names(len(values), len(costs))
    return InducedValues(
        {name: [unit] * units for name, unit in zip(buyers, values, strict=True)},
        {name: [unit] * units for name, unit in zip(sellers, costs, strict=True)},
    )


def box_values(
    buyers: int, sellers: int, value: Price, cost: Price, units_to_buy: int, units_to_sell: int
) -> InducedValues:
    """One value for all buyers and one cost for all sellers; see `InducedValues.box`."""
    named = seat_names(buyers, sellers)
    return InducedValues.box(
        *named, value=value, cost=cost, units_to_buy=units_to_buy, units_to_sell=units_to_sell
    )


def gode_sunder_values(market: int) -> InducedValues:
    """One of the five markets of Gode and Sunder (1993, JPE 101), six traders on a side.

    The paper shows the schedules as curves only (figures 1 to 5). These are read off a scan, to the
    nearest whole number; a line may be off by one. Steps are six units wide, so all have the same
    units in markets 1 to 4. In market 5, three traders on each side share 17 units up to the
    equilibrium and one beyond, and three have six units each just beyond it; who had which, the
    paper does not say. There, the lines beyond the margin are at 130.5 and 125.0 on the scan.
    """
    if market not in _GODE_SUNDER and market != 5:
        raise BadMarket(f"There is no market {market!r} in the paper.", "Write 1, 2, 3, 4 or 5.")
    buyers, sellers = seat_names(6, 6)
    if market != 5:
        values, costs = _GODE_SUNDER[market]
        return InducedValues(
            {name: list(values) for name in buyers}, {name: list(costs) for name in sellers}
        )
    return InducedValues(
        _half_outside(buyers, _INSIDE[0], 125), _half_outside(sellers, _INSIDE[1], 130)
    )


_GODE_SUNDER: dict[int, tuple[Sequence[int], Sequence[int]]] = {
    1: ((102, 97, 92, 86, 83, 78), (34, 46, 58, 69, 83, 95)),
    2: ((117, 105, 93, 81, 69, 57), (49, 54, 59, 64, 69, 74)),
    3: ((134, 95, 90), (90, 95, 100)),
    4: ((180, 175, 170, 165, 160), (90, 141, 170, 190, 198)),
}
"""Values of each buyer and costs of each seller, by market; market 5 is put together apart.

The text gives the equilibrium prices of markets 2 and 4, 69 and 170, and of market 2 the lines are
half a unit lower than on the scan, as its price is."""

_INSIDE = (
    (159, 157, 156, 154, 152, 150, 148, 147, 145, 141, 139, 138, 136, 134, 132, 130, 129),
    (96, 98, 100, 102, 104, 105, 107, 109, 113, 114, 116, 118, 120, 121, 123, 125, 129),
)
"""Market 5: values and costs up to the equilibrium."""


def _half_outside(
    names: Sequence[str], inside: Sequence[int], outside: int
) -> dict[str, list[Price]]:
    """Deal units to the first three traders; the others have six each, beyond the margin."""
    units = [*inside, outside]
    return {
        **{name: list(units[place::3]) for place, name in enumerate(names[:3])},
        **{name: [outside] * 6 for name in names[3:]},
    }


def cliff_values(market: str) -> InducedValues:
    """One of the four markets of Cliff and Bruten (1997, HPL-97-91), a unit each, in dollars.

    "symmetric" (figure 15): 3.25 to 0.75 by 0.25 on both sides, as in Smith's test 1; "flat supply"
    (figure 17): the same demand, eleven costs of 2.00; "excess demand" (figure 19): eleven values
    of 2.00, six costs of 0.50; "excess supply" (figure 21): six values of 3.20, eleven costs of
    2.00. The equilibrium price is 2.00 in all. The outer lines of the last two follow from the
    expected prices in the text, 1.25 and 2.60.
    """
    slope = [Decimal("3.25") - step * Decimal("0.25") for step in range(11)]
    two = Decimal("2.00")
    markets: dict[str, tuple[list[Decimal], list[Decimal]]] = {
        "symmetric": (slope, slope),
        "flat supply": (slope, [two] * 11),
        "excess demand": ([two] * 11, [Decimal("0.50")] * 6),
        "excess supply": ([Decimal("3.20")] * 6, [two] * 11),
    }
    if market not in markets:
        known = ", ".join(repr(name) for name in markets)
        raise BadMarket(f"There is no market {market!r} in the report.", f"Write one of {known}.")
    return _alike(*markets[market])


def gjerstad_dickhaut_values() -> InducedValues:
    """The symmetric market of Gjerstad and Dickhaut (1998, GEB 22, p. 6), in cents.

    Four buyers and four sellers with three units each, an equilibrium price of 235 (experiment
    3pda01 of Ketcham, Smith and Williams 1984).
    """
    buyers, sellers = seat_names(4, 4)
    values = [[330, 225, 210], [280, 235, 220], [260, 240, 215], [305, 235, 230]]
    costs = [[190, 235, 250], [140, 245, 260], [210, 230, 255], [165, 235, 240]]
    return InducedValues(
        {name: list(units) for name, units in zip(buyers, values, strict=True)},
        {name: list(units) for name, units in zip(sellers, costs, strict=True)},
    )


def holt_values() -> InducedValues:
    """Holt's example of a pit market: eight buyers and eight sellers with a unit each.

    Four values are 10 and four are 4, four costs are 2 and four are 8. In equilibrium 4 units are
    traded at a price from 4 to 8, which leaves a surplus of 32 (Holt 2007, "Markets, Games, and
    Strategic Behavior", chapter 2).
    """
    buyers, sellers = seat_names(8, 8)
    return InducedValues(
        {name: [10] if place < 4 else [4] for place, name in enumerate(buyers)},
        {name: [2] if place < 4 else [8] for place, name in enumerate(sellers)},
    )
