"""Order: an order that stands in the book."""

from __future__ import annotations

from typing import Literal

import msgspec

from uproot_nb.market.orderbook.amounts import Price

__all__ = ["OTHER", "Kind", "Order", "Side"]

Side = Literal["buy", "sell"]
Kind = Literal["limit", "market", "ioc", "fok"]

OTHER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


# Its fields refer to no other objects, so the garbage collector need not visit the orders.
class Order(msgspec.Struct, gc=False):
    """A standing order; `key` ranks it by price, and the smaller key is better on both sides."""

    number: int
    player: str
    side: Side
    key: int
    price: Price
    quantity: int
    remaining: int
    due: int = 0
    """What a unit of a bid costs besides its price, in ticks: taxes and fees."""
    good_for: float | None = None
    """How long it may stand; None for no end."""
    expires: float | None = None
    """The time of the book at which it leaves."""
    peak: int = 0
    """How many of its units are shown at a time; 0 if all are."""
    shown: int = 0
    """How many of them are shown now, if not all are."""

    @property
    def ticks(self) -> int:
        """The price in ticks."""
        return self.key if self.side == "sell" else -self.key
