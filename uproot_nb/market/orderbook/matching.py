"""Match: the orders that an order would trade with, found before anything changes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from uproot_nb.market.orderbook.levels import Ladder, Level
from uproot_nb.market.orderbook.orders import Order

__all__ = ["NOTHING", "Match", "match"]


class Match(msgspec.Struct):
    """The standing orders that an order meets, best price first and oldest first."""

    fills: list[tuple[Order, int]] = []
    own: list[Order] = []
    """The trader's own orders that it would meet first."""
    quantity: int = 0
    ticks: int = 0
    """The cost of all fills, with taxes and fees."""
    worst: int = 0
    """The price of the last fill, in ticks."""


NOTHING = Match()


def match(
    ladder: Ladder, player: str, key: int | None, quantity: int,
    cost: Callable[[int, int | None], int] | None = None, stops_at_own: bool = False,
) -> Match:  # fmt: skip
    """Return the orders on the other side that an order of *player* would meet.

    A limit order's *key* is its rank on its own side; it meets the levels whose key is at most
    the negative of that. *cost* is what a unit costs in a trade with a maker's price; by default it
    is that price. With *stops_at_own* the first of the player's own orders ends the search.
    """
    found, limit = Match(), None if key is None else abs(key)
    left = quantity
    for level in ladder:
        if key is not None and level.key + key > 0:
            break
        worst = abs(level.key)
        ticks = worst if cost is None else cost(worst, limit)
        if level.hidden:
            left = _match_parts(found, level, player, left, ticks, stops_at_own)
            if not left or (stops_at_own and found.own):
                break
            continue
        for order in level.orders.values():
            if order.player == player:
                found.own.append(order)
                if stops_at_own:
                    return found
                continue
            filled = order.remaining
            if filled > left:
                filled = left
            found.fills.append((order, filled))
            left -= filled
            found.worst = worst
            found.ticks += filled * ticks
            if not left:
                found.quantity = quantity
                return found
    found.quantity = quantity - left
    return found


def _match_parts(
    found: Match, level: Level, player: str, left: int, ticks: int, stops_at_own: bool
) -> int:
    """Match the orders of a level that does not show all of its units; return what is left.

    Args:
        left: how many units are to be matched yet.
        ticks: what each costs.
    """
    for order, part in level.parts(player):
        if order.player == player:
            found.own.append(order)
            if stops_at_own:
                break
            continue
        filled = min(part, left)
        found.fills.append((order, filled))
        left -= filled
        found.worst = abs(level.key)
        found.ticks += filled * ticks
        if not left:
            break
    return left
