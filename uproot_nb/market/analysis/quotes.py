"""Quotes: the best bid and ask over time, computed from the order events."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sortedcontainers import SortedDict

__all__ = ["quotes"]

_NO_ORDER = frozenset({"reject", "close", "bankrupt", "halt", "resume"})
"""Events after which the book is as it was."""
_NO_SPREAD = {"spread": math.nan, "midpoint": math.nan}


class _Standing:
    """The standing orders of a period, computed from its events."""

    def __init__(self) -> None:
        # Sorted: a book may have thousands of prices, and the best is asked for at each event.
        self.sides: dict[str, Any] = {"buy": SortedDict(), "sell": SortedDict()}
        self._limits: dict[int, tuple[str, float]] = {}
        self._shown: dict[int, int] = {}
        """What is seen of the orders that are shown in parts."""
        self._begun: set[int] = set()

    def take(self, row: Mapping[str, Any]) -> bool:
        """Apply an event; return whether the book is at rest after it."""
        event, order = row["event"], int(row["order"])
        if event == "submit":
            if row["kind"] != "limit":  # it never stands
                return False
            self._limits[order] = row["side"], float(row["price"])
            shown = row.get("shown")
            if shown is not None:
                self._shown[order] = int(shown)
            self._change(order, int(row["quantity"] if shown is None else shown))
            return True
        if order in self._shown:
            self._change(order, int(row["shown"]) - self._shown[order])
            self._shown[order] = int(row["shown"])
        elif order in self._limits:
            self._change(order, -int(row["quantity"]))
        if event == "cancel":
            return True
        # A trade is two fills; between them the book is not at rest.
        self._begun ^= {int(row["trade"])}
        return not self._begun

    def seen(self) -> tuple[float, float, int, int]:
        """Return the best bid, the best ask and what stands there; 0 where a side is empty."""
        bids, asks = self.sides["buy"], self.sides["sell"]
        bid, bid_depth = bids.peekitem(-1) if bids else (0.0, 0)
        ask, ask_depth = asks.peekitem(0) if asks else (0.0, 0)
        return bid, ask, bid_depth, ask_depth

    def _change(self, order: int, quantity: int) -> None:
        side, price = self._limits[order]
        amounts = self.sides[side]
        if not quantity:
            return
        left = amounts.get(price, 0) + quantity
        if left:
            amounts[price] = left
        else:
            del amounts[price]


def quotes(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the best quotes after each event at which the book comes to rest and has changed.

    An order that meets others crosses them until the last of its fills, at the same time; no quote
    is yielded for that. In a call market bids and asks may cross until the call; then the best of
    both are yielded, with spread and midpoint NaN.
    """
    yield from sorted(_all_quotes(rows), key=lambda row: int(row["seq"]))


def _all_quotes(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    books: defaultdict[int, _Standing] = defaultdict(_Standing)
    last: dict[int, tuple[float, ...]] = {}
    crossed: dict[int, tuple[tuple[float, ...], dict[str, Any]]] = {}
    for row in rows:
        if row["event"] in _NO_ORDER:
            continue
        period = int(row["period"])
        before, stood = crossed.pop(period, ((), None))
        if stood is not None and stood["time"] != row["time"]:
            last[period] = before
            yield stood
        book = books[period]
        at_rest, seen = book.take(row), book.seen()
        if not at_rest or last.get(period) == seen:
            continue
        if seen[0] >= seen[1] > 0:
            crossed[period] = seen, _quote(row, *seen) | _NO_SPREAD
        else:
            last[period] = seen
            yield _quote(row, *seen)
    yield from (stood for _, stood in crossed.values())


def _quote(
    row: Mapping[str, Any], bid: float, ask: float, bid_depth: int, ask_depth: int
) -> dict[str, Any]:
    bid, ask = (price if price else math.nan for price in (bid, ask))
    return {
        "seq": row["seq"], "time": row["time"], "period": int(row["period"]), "bid": bid,
        "ask": ask, "spread": ask - bid, "midpoint": (bid + ask) / 2, "bid_depth": bid_depth,
        "ask_depth": ask_depth,
    }  # fmt: skip
