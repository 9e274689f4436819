"""Asset: what is traded in a design without values: dividends, and initial endowments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.orderbook.amounts import Price, exact
from uproot_nb.market.orderbook.rules import Rules

__all__ = ["ASSET_RULES", "Asset", "Endowments"]

Endowments = Mapping[str, tuple[Price, int]]
"""Cash and units of each trader, by the name of the seat."""

ASSET_RULES = Rules(budget=True, short_sales=False, self_trade="cancel_oldest")
"""The rules where a design names none: nobody has credit, or sells what they do not have."""


@dataclass(frozen=True)
class Asset:
    """An asset that pays dividends, and each trader's initial cash and units.

        asset = Asset(
            Dividends((0, 8, 28, 60), periods=15),
            {"a": (225, 3), "b": (585, 2), "c": (945, 1)},
        )
        Design(asset, NearZeroIntelligence, periods=15)

    It replaces the values of a design; the arms of a design may have different assets.

    Args:
        dividends: what each unit pays at the end of each period.
        endowments: cash and units by the names of the seats; or a function of random numbers that
            returns such, and draws them for each market, that is for each group.

    Raises:
        BadMarket: the dividends or the endowments are not valid.
    """

    dividends: Dividends
    endowments: Endowments | Callable[[Random], Endowments]

    def __post_init__(self) -> None:
        if not isinstance(self.dividends, Dividends):
            raise BadMarket(
                f"dividends={self.dividends!r} are not dividends.",
                "Write Asset(Dividends((0, 10), periods=5), …).",
            )
        if not callable(self.endowments):
            _check(self.endowments)

    @property
    def is_drawn(self) -> bool:
        """Whether endowments are drawn for each market."""
        return callable(self.endowments)

    def endowments_of(self, seed: int | str) -> Endowments:
        """Return the cash and the units of each seat in the market with this seed.

        Raises:
            BadMarket: the function returns something else.
        """
        if not callable(self.endowments):
            return self.endowments
        return _check(self.endowments(Random(f"{seed}/endowments")))


def _check(given: Any) -> Endowments:
    """Return endowments, or refuse what is none."""
    right = isinstance(given, Mapping) and bool(given)
    for name, own in given.items() if right else ():
        pair = isinstance(own, (tuple, list)) and len(own) == 2
        cash = exact(own[0]) if pair else None
        right = right and isinstance(name, str) and cash is not None and cash >= 0
        right = right and type(own[1]) is int and own[1] >= 0
    if not right:
        raise BadMarket(
            f"endowments={given!r} are not endowments.",
            'Write {"a": (225, 3), "b": (585, 2)}: cash (a whole number or a Decimal) and units, '
            "both at least 0.",
        )
    return {name: (own[0], own[1]) for name, own in given.items()}
