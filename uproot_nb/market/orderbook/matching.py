"""Match: the orders that an order would trade with, found before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from uproot_nb.market.orderbook.levels import Ladder, Level
from uproot_nb.market.orderbook.orders import Order

__all__ = ["NOTHING", "Match", "match"]


@dataclass(slots=True)
class Match:
    """The standing orders that an order meets, best price first and oldest first."""

    fills: list[tuple[Order, int]] = field(default_factory=list)
    own: list[Order] = field(default_factory=list)
    """The trader's own orders that it would meet first."""
    quantity: int = 0
    ticks: int = 0
    """The cost of all fills, with taxes and fees."""
    worst: int = 0
    """The price of the last fill, in ticks."""


NOTHING = Match()


def match(
    ladder: Ladder, player: str, key: int | None, quantity: int,
    cost: Callable[[int, int | None], int] | None = None,
) -> Match:  # fmt: skip
    """Return the orders on the other side that an order of *player* would meet.

    A limit order's *key* is its rank on its own side; it meets the levels whose key is at most
    the negative of that. *cost* is what a unit costs in a trade with a maker's price; by default it
    is that price.
    """
    found, limit = Match(), None if key is None else abs(key)
    for level in ladder:
        if key is not None and level.key + key > 0:
            break
        if level.hidden:
            _match_parts(found, level, player, limit, quantity, cost)
            if found.quantity == quantity:
                return found
            continue
        for order in level.orders.values():
            if order.player == player:
                found.own.append(order)
                continue
            filled = min(order.remaining, quantity - found.quantity)
            found.fills.append((order, filled))
            found.quantity += filled
            found.worst = abs(order.key)
            ticks = found.worst if cost is None else cost(found.worst, limit)
            found.ticks += filled * ticks
            if found.quantity == quantity:
                return found
    return found


def _match_parts(
    found: Match, level: Level, player: str, limit: int | None, quantity: int,
    cost: Callable[[int, int | None], int] | None,
) -> None:  # fmt: skip
    """Match the orders of a level that does not show all of its units."""
    found.worst = abs(level.key)
    ticks = found.worst if cost is None else cost(found.worst, limit)
    for order, part in level.parts():
        if order.player == player:
            if all(own is not order for own in found.own):
                found.own.append(order)
            continue
        filled = min(part, quantity - found.quantity)
        found.fills.append((order, filled))
        found.quantity += filled
        found.ticks += filled * ticks
        if found.quantity == quantity:
            return
