"""Order: somebody's wish to buy or sell, as long as it stands in the book."""

from __future__ import annotations

from typing import Literal

import msgspec

from uproot_nb.market.orderbook.prices import Price

__all__ = ["OTHER", "Kind", "Order", "Side"]

Side = Literal["buy", "sell"]
Kind = Literal["limit", "market"]

OTHER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


# Without references to other objects there is nothing for the garbage collector to look through,
# however many orders there are.
class Order(msgspec.Struct, gc=False):
    """A standing order; `key` is its rank by price, the smaller the better on either side."""

    number: int
    player: str
    side: Side
    key: int
    price: Price
    quantity: int
    remaining: int

    @property
    def ticks(self) -> int:
        """The price in ticks."""
        return self.key if self.side == "sell" else -self.key
