"""Match: whom an order would trade with, found before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from uproot_nb.market.orderbook.levels import Ladder
from uproot_nb.market.orderbook.orders import Order

__all__ = ["NOTHING", "Match", "match"]


@dataclass(slots=True)
class Match:
    """The standing orders that an order meets, best price first and oldest first."""

    fills: list[tuple[Order, int]] = field(default_factory=list)
    own: list[Order] = field(default_factory=list)
    """The trader's own orders on the way."""
    quantity: int = 0
    ticks: int = 0
    """What all fills cost together."""
    worst: int = 0
    """The last fill's price in ticks."""


NOTHING = Match()


def match(ladder: Ladder, player: str, key: int | None, quantity: int) -> Match:
    """Return what an order of *player* would meet on the other side's ladder.

    A limit order's *key* is its rank on its own side: it meets the levels whose key is not above
    its negative.
    """
    found = Match()
    for level in ladder:
        if key is not None and level.key + key > 0:
            break
        for order in level.orders.values():
            if order.player == player:
                found.own.append(order)
                continue
            filled = min(order.remaining, quantity - found.quantity)
            found.fills.append((order, filled))
            found.quantity += filled
            found.worst = abs(order.key)
            found.ticks += filled * found.worst
            if found.quantity == quantity:
                return found
    return found
