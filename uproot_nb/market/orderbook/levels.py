"""Ladder: one side of the book, its price levels from the best to the worst."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Iterator

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Order

__all__ = ["Ladder", "Level"]


class Level(msgspec.Struct):
    """The orders at one price, in the order of filling; `quantity` is what is shown of them."""

    key: int
    price: Price
    quantity: int = 0
    orders: OrderedDict[int, Order] = msgspec.field(default_factory=OrderedDict)
    hidden: int = 0
    """Units that stand and are not shown."""

    def parts(self, taker: str) -> Iterator[tuple[Order, int]]:
        """Yield the parts of the orders in the order of filling; *taker*'s own orders once.

        When the shown part of an order is filled, the next one comes behind all others.
        """
        later = deque[tuple[Order, int]]()
        for order in self.orders.values():
            part = order.shown if order.peak else order.remaining
            yield order, part
            if order.remaining > part and order.player != taker:
                later.append((order, order.remaining - part))
        while later:
            order, left = later.popleft()
            part = min(order.peak, left)
            yield order, part
            if left > part:
                later.append((order, left - part))

    def show_next(self, order: Order, filled: int) -> None:
        """Show the next part of an order whose shown part is filled."""
        order.shown -= filled
        if not order.shown and order.remaining:
            order.shown = min(order.peak, order.remaining)
            self.quantity += order.shown
            self.hidden -= order.shown
            self.orders.move_to_end(order.number)


class Ladder:
    """The levels of a side by their key; `best` is the one with the smallest.

    The ranks are the keys with the other sign, sorted: the best level is the last. Most orders come
    and go near the best, and there a list moves little. With 100,000 different prices all over the
    range half of it moves with each order, and a command takes some 20 µs instead of 4.
    """

    __slots__ = ("_levels", "_ranks", "best")

    def __init__(self) -> None:
        self._levels: dict[int, Level] = {}
        self._ranks: list[int] = []
        self.best: Level | None = None

    def __iter__(self) -> Iterator[Level]:
        levels = self._levels
        return (levels[-rank] for rank in reversed(self._ranks))

    def __len__(self) -> int:
        return len(self._ranks)

    def add(self, order: Order) -> Level:
        """Add an order behind the others at its price."""
        key = order.key
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = Level(key, order.price)
            insort(self._ranks, -key)
            best = self.best
            if best is None or key < best.key:
                self.best = level
        level.orders[order.number] = order
        level.quantity += order.remaining
        if order.peak:
            hidden = order.remaining - order.shown
            level.quantity -= hidden
            level.hidden += hidden
        return level

    def take(self, order: Order, quantity: int) -> Level:
        """Remove a part of an order that is shown; an empty level disappears."""
        level = self._levels[order.key]
        order.remaining -= quantity
        level.quantity -= quantity
        if order.peak:
            level.show_next(order, quantity)
        if not order.remaining:
            del level.orders[order.number]
            if not level.orders:
                ranks = self._ranks
                del self._levels[level.key]
                if level is self.best:
                    ranks.pop()
                    self.best = self._levels[-ranks[-1]] if ranks else None
                else:
                    del ranks[bisect_left(ranks, -level.key)]
        return level

    def take_hidden(self, order: Order, quantity: int) -> int:
        """Remove up to so many units of an order that are not shown; return how many."""
        found = min(quantity, order.remaining - order.shown)
        order.remaining -= found
        self._levels[order.key].hidden -= found
        return found

    def best_without(self, order: Order | None) -> Level | None:
        """Return the best level without *order*."""
        best = self.best
        if best is None or order is None or order.number not in best.orders:
            return best
        if len(best.orders) > 1:
            return best
        levels = iter(self)
        next(levels)
        return next(levels, None)
