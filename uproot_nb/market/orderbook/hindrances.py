"""Hindrances: rules under which nobody could trade in a kind of market, with what to write."""

from __future__ import annotations

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.rules import Rules

__all__ = ["NO_COSTS", "check_unendowed"]

NO_COSTS = (
    "no_loss=True needs values and costs, and an asset's traders have none: all their orders would "
    "be refused"
)
"""Why an asset is not traded with `no_loss`."""


def check_unendowed(rules: Rules) -> None:
    """Refuse rules of money for traders with values and costs, whom nobody endows with cash."""
    if rules.budget:
        raise BadMarket(
            "budget=True lets nobody buy here: traders with induced values have no cash, and a "
            "simulation or a design endows them with none.",
            "Leave out budget, or trade an asset: its traders have endowments.",
        )
    if rules.margin:
        raise BadMarket(
            f"margin={rules.margin!r} means nothing here: it is held back of cash, and traders "
            "with induced values have none.",
            "Leave out margin; max_short=… limits what they may owe without cash.",
        )
