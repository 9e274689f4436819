"""Ladder: one side of the book, its price levels from the best to the worst."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Iterator

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Order

__all__ = ["Ladder", "Level"]

_NEAR = 512
"""How many levels are sorted at least, if there are as many."""
_SHARE = 16
"""Where there are far more, one in so many is."""


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

    The ranks are the keys with the other sign, sorted: the best level is the last. A sorted list of
    a thousand moves in no time, so only the levels near the best are in it, from the rank `_last`
    on. The others are looked for when no nearer one is left.
    """

    __slots__ = ("_empty", "_last", "_levels", "_most", "_ranks", "best")

    def __init__(self) -> None:
        self._levels: dict[int, Level] = {}
        self._ranks: list[int] = []
        self._last: int | None = None
        self._most = 2 * _NEAR
        self._empty: Level | None = None
        """The level that disappeared last, to be used again."""
        self.best: Level | None = None

    def __iter__(self) -> Iterator[Level]:
        levels, last = self._levels, self._last
        for rank in reversed(self._ranks):
            yield levels[-rank]
        if last is not None:
            yield from (levels[key] for key in sorted(levels) if -key < last)

    def __len__(self) -> int:
        return len(self._levels)

    def add(self, order: Order) -> Level:
        """Add an order behind the others at its price."""
        key = order.key
        level = self._levels.get(key)
        if level is None:
            level = self._empty
            if level is None:
                level = Level(key, order.price)
            else:
                self._empty, level.key, level.price = None, key, order.price
            self._levels[key] = level
            last = self._last
            if last is None or -key >= last:
                self._rank(-key)
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
                del self._levels[level.key]
                self._empty = level
                if level is self.best:
                    self.best = self._next_best()
                elif self._last is None or -level.key >= self._last:
                    ranks = self._ranks
                    del ranks[bisect_left(ranks, -level.key)]
        return level

    def _rank(self, rank: int) -> None:
        """Put a level among those near the best; if they are too many, the worse half is not."""
        ranks = self._ranks
        insort(ranks, rank)
        if len(ranks) > self._most:
            del ranks[: len(ranks) // 2]
            self._last = ranks[0]

    def _next_best(self) -> Level | None:
        """Return the level after the best one, which has disappeared."""
        self._ranks.pop()
        if not self._levels:
            self._last = None
            return None
        if not self._ranks:
            self._look_further()
        return self._levels[-self._ranks[-1]]

    def _look_further(self) -> None:
        """Sort the best of all levels, now that no one near is left."""
        # A share of them, for all are sorted to find it.
        count = max(_NEAR, len(self._levels) // _SHARE)
        self._ranks = [-key for key in reversed(sorted(self._levels)[:count])]
        self._last = self._ranks[0] if count < len(self._levels) else None
        self._most = 2 * count

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
