"""Ladder: one side of the book, its price levels from the best to the worst."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from sortedcontainers import SortedDict

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Order

__all__ = ["Ladder", "Level"]


class Level:
    """The orders at one price, oldest first."""

    __slots__ = ("key", "orders", "price", "quantity")

    def __init__(self, key: int, price: Price) -> None:
        self.key, self.price, self.quantity = key, price, 0
        self.orders: OrderedDict[int, Order] = OrderedDict()


class Ladder:
    """The levels of a side by their key; `best` is the one with the smallest."""

    __slots__ = ("_levels", "best")

    def __init__(self) -> None:
        self._levels: dict[int, Level] = SortedDict()
        self.best: Level | None = None

    def __iter__(self) -> Iterator[Level]:
        return iter(self._levels.values())

    def __len__(self) -> int:
        return len(self._levels)

    def add(self, order: Order) -> Level:
        """Add an order behind the others at its price."""
        key = order.key
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = Level(key, order.price)
            if self.best is None or key < self.best.key:
                self.best = level
        level.orders[order.number] = order
        level.quantity += order.remaining
        return level

    def take(self, order: Order, quantity: int) -> Level:
        """Remove a part of an order, or all of it; an empty level disappears."""
        level = self._levels[order.key]
        order.remaining -= quantity
        level.quantity -= quantity
        if not order.remaining:
            del level.orders[order.number]
            if not level.orders:
                del self._levels[order.key]
                if level is self.best:
                    self.best = next(iter(self._levels.values()), None)
        return level

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
