"""Price range: the highest price that robot traders think of."""

from __future__ import annotations

import warnings

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.rules import NO_LIMIT, Rules

__all__ = ["highest_price", "warn_of_range"]

_FAR = 10
"""A range that is so many times the highest value is far beyond the values."""


def highest_price(rules: Rules, worth: Price | None) -> Price:
    """Return the highest price of the rules; if they name none, what units are *worth* at most.

    A trader who draws from a million prices for units worth a hundred would never trade.
    """
    if rules.highest != NO_LIMIT or worth is None:
        return rules.highest
    return min(worth, rules.highest)


def warn_of_range(rules: Rules | None, worth: Price | None, stacklevel: int) -> None:
    """Warn if the rules' highest price is far beyond what units are worth at most.

    Args:
        stacklevel: as of `warnings.warn`, for who calls this function.
    """
    if rules is None or worth is None or rules.max_price == NO_LIMIT:
        return
    if rules.highest > _FAR * max(worth, rules.tick):
        warnings.warn(
            f"max_price={rules.max_price} is far beyond the highest value, {worth}. Traders who "
            "draw from all prices, as ZIC, will hardly trade. Name a lower max_price, or none: "
            "then the highest value or cost is the highest price.",
            stacklevel=stacklevel + 1,
        )
