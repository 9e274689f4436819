"""Classics: the values of well-known market experiments."""

from __future__ import annotations

from collections.abc import Sequence

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.amounts import Price

__all__ = ["box_values", "gode_sunder_values", "holt_values", "seat_names", "smith_values"]


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


def smith_values() -> InducedValues:
    """Smith's test 1, in cents: eleven buyers and eleven sellers with a unit each.

    Values fall from 325 to 75 and costs rise from 75 to 325, in steps of 25; the equilibrium price
    is 200, and 5 or 6 units are traded there (Smith 1962, JPE 70, chart 1).
    """
    buyers, sellers = seat_names(11, 11)
    return InducedValues.symmetric(buyers, sellers, highest=325, lowest=75, step=25)


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

    The paper shows the schedules as curves only (figures 1 to 5). These are a reconstruction from
    them; the notebook `zero_intelligence.ipynb` says how good it is.
    """
    if market not in _GODE_SUNDER and market != 5:
        raise BadMarket(f"There is no market {market!r} in the paper.", "Write 1, 2, 3, 4 or 5.")
    buyers, sellers = seat_names(6, 6)
    if market != 5:
        values, costs = _GODE_SUNDER[market]
        return InducedValues(
            {name: list(values) for name in buyers}, {name: list(costs) for name in sellers}
        )
    fall = [round(28 * rank / 17) for rank in range(18)]
    return InducedValues(
        _half_outside(buyers, [159 - step for step in fall], 127),
        _half_outside(sellers, [96 + step for step in fall], 131),
    )


_GODE_SUNDER: dict[int, tuple[Sequence[int], Sequence[int]]] = {
    1: ((102, 97, 92, 87, 82, 77), (34, 46, 58, 70, 82, 94)),
    2: ((117, 105, 93, 81, 69, 57), (49, 54, 59, 64, 69, 74)),
    3: ((133, 95, 90), (90, 95, 100)),
    4: ((180, 175, 170, 165, 160), (90, 142, 170, 190, 198)),
}
"""Values of each buyer and costs of each seller, by market; market 5 is put together apart."""


def _half_outside(
    names: Sequence[str], inside: Sequence[int], outside: int
) -> dict[str, list[Price]]:
    """Deal units to the first three traders; the others have seven each, beyond the margin."""
    return {
        **{name: list(inside[place::3]) for place, name in enumerate(names[:3])},
        **{name: [outside] * 7 for name in names[3:]},
    }


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
