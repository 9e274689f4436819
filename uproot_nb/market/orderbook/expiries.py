"""Expiries: which standing orders leave the book, and when."""

from __future__ import annotations

import heapq
from collections.abc import Container, Mapping

from uproot_nb.market.orderbook.orders import Order

__all__ = ["Expiries"]


_SPARE = 16


class Expiries:
    """The orders whose time ends; those that are filled or cancelled are forgotten.

    expiries = Expiries()
    expiries.add(order, book.orders)
    expiries.first(book.orders)        # 30.0: when the next one ends
    """

    def __init__(self) -> None:
        self._ends: list[tuple[float, int]] = []

    def add(self, order: Order, standing: Mapping[int, Order]) -> None:
        """Add an order that has an end, and is *standing* already."""
        assert order.expires is not None
        heapq.heappush(self._ends, (order.expires, order.number))
        if len(self._ends) > 2 * len(standing) + _SPARE:
            self._ends = [one for one in self._ends if one[1] in standing]
            heapq.heapify(self._ends)

    def first(self, standing: Container[int]) -> float | None:
        """Return when the next order ends; None if none does."""
        while self._ends and self._ends[0][1] not in standing:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def over(self, now: float, standing: Mapping[int, Order]) -> list[Order]:
        """Remove and return the orders whose time is over, by their ends, then by their numbers."""
        found = []
        while self._ends and self._ends[0][0] <= now:
            _, number = heapq.heappop(self._ends)
            if number in standing:
                found.append(standing[number])
        return found
