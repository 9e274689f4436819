"""Depth: the public view of a book, its price levels without names."""

from __future__ import annotations

from itertools import islice
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.amounts import Price, plain
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import LevelChange, Outcome

__all__ = ["Depth", "plain_changes"]

_SIDES: tuple[Side, Side] = ("buy", "sell")


class Depth:
    """The quantity and the number of orders at each price, as of one event.

    depth = Depth.of(book)
    depth.apply(book.limit("ann", "buy", 9))
    depth.levels("buy")             # [(9, 1, 1)]: price, quantity, orders, best first
    """

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self._levels: dict[Side, dict[Price, tuple[int, int]]] = {"buy": {}, "sell": {}}

    @classmethod
    def of(cls, book: Book, levels: int | None = None) -> Depth:
        """Return a book's depth; with *levels*, only the best so many prices of each side."""
        made = cls(book.seq)
        for side in _SIDES:
            for level in islice(book.ladders[side], levels):
                made._levels[side][level.price] = level.quantity, len(level.orders)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Depth):
            return NotImplemented
        return (self.seq, self._levels) == (other.seq, other._levels)

    __hash__ = None  # type: ignore[assignment]

    def levels(self, side: Side) -> list[tuple[Price, int, int]]:
        """Return a side's prices with quantity and number of orders, best first."""
        found = sorted(self._levels[side].items(), reverse=side == "buy")
        return [(price, *amounts) for price, amounts in found]

    def apply(self, outcome: Outcome) -> None:
        """Apply a command's changes.

        Raises:
            BadMarket: an earlier change is missing.
        """
        if outcome.before != self.seq:
            raise BadMarket(
                f"This depth is at {self.seq}, the changes begin after {outcome.before}.",
                "Take a new one: Depth.of(book).",
            )
        for change in outcome.changes:
            if change.quantity:
                self._levels[change.side][change.price] = change.quantity, change.orders
            else:
                self._levels[change.side].pop(change.price, None)
        self.seq = outcome.seq

    def plain(self) -> dict[str, Any]:
        """Return plain data for JSON: seq, and bids and asks as rows (price, quantity, orders)."""
        rows = {
            name: [[plain(price), *amounts] for price, *amounts in self.levels(side)]
            for name, side in (("bids", _SIDES[0]), ("asks", _SIDES[1]))
        }
        return {"seq": self.seq, **rows}


def plain_changes(outcome: Outcome) -> dict[str, Any]:
    """Return a command's changes as plain data for JSON.

    To bring a depth from `before` to `seq`, set each (side, price, quantity, orders) and drop those
    with quantity zero. A depth at any other number must be fetched again.
    """
    return {
        "before": outcome.before, "seq": outcome.seq,
        "changes": [_row(change) for change in outcome.changes],
    }  # fmt: skip


def _row(change: LevelChange) -> list[Any]:
    return [change.side, plain(change.price), change.quantity, change.orders]
