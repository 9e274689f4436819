"""Quotes: the best bid and ask over time, read off what happened to the orders."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["quotes"]


class _Standing:
    """What stands in a period's book, as far as its events tell."""

    def __init__(self) -> None:
        self.sides: dict[str, defaultdict[float, int]] = {
            "buy": defaultdict(int), "sell": defaultdict(int)
        }  # fmt: skip
        self._limits: dict[int, tuple[str, float]] = {}
        self._begun: set[int] = set()

    def take(self, row: Mapping[str, Any]) -> bool:
        """Take in an event; say whether the book is at rest after it."""
        event, order = row["event"], int(row["order"])
        if event == "submit":
            if row["kind"] == "market":
                return False
            self._limits[order] = row["side"], float(row["price"])
            self._change(order, int(row["quantity"]))
            return True
        if order in self._limits:
            self._change(order, -int(row["quantity"]))
        if event == "cancel":
            return True
        # A trade is two fills; between them the book is not at rest.
        self._begun ^= {int(row["trade"])}
        return not self._begun

    def _change(self, order: int, quantity: int) -> None:
        side, price = self._limits[order]
        amounts = self.sides[side]
        amounts[price] += quantity
        if not amounts[price]:
            del amounts[price]


def quotes(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the best quotes after each event at which the book comes to rest and has changed.

    An order that meets others stands crossed with them until the last of its fills.
    """
    books: defaultdict[int, _Standing] = defaultdict(_Standing)
    last: dict[int, tuple[float, ...]] = {}
    for row in rows:
        if row["event"] == "reject":
            continue
        period = int(row["period"])
        book = books[period]
        at_rest = book.take(row)
        bids, asks = book.sides["buy"], book.sides["sell"]
        bid, ask = max(bids, default=math.nan), min(asks, default=math.nan)
        # NaN is unequal to itself, so an empty side is compared by its depth of nothing.
        seen = (max(bids, default=0), min(asks, default=0), bids.get(bid, 0), asks.get(ask, 0))
        if not at_rest or bid >= ask or last.get(period) == seen:
            continue
        last[period] = seen
        yield {
            "seq": row["seq"], "time": row["time"], "period": period, "bid": bid, "ask": ask,
            "spread": ask - bid, "midpoint": (bid + ask) / 2, "bid_depth": bids.get(bid, 0),
            "ask_depth": asks.get(ask, 0),
        }  # fmt: skip
