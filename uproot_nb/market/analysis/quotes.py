"""Quotes: the best bid and ask over time, computed from the order events."""

from __future__ import annotations

import math
from bisect import bisect_left, insort

import msgspec

from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.orderbook.outcomes import OrderEvent

__all__ = ["BestQuotes", "quotes"]


class BestQuotes(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask after an event; the fields are the columns of `book`."""

    seq: int
    time: float
    period: int
    bid: float
    ask: float
    spread: float
    midpoint: float
    bid_depth: int
    ask_depth: int


class _StandingSide:
    """What stands on a side: the units at each price, and the `best` price with its units.

    The ranks are the prices, or for asks their negatives, sorted: the best is the last.
    """

    __slots__ = ("_amounts", "_ranks", "_sign", "best")

    def __init__(self, sign: int) -> None:
        # Sorted: a book may have thousands of prices, and the best is asked for at each event.
        self._sign, self._ranks = sign, list[float]()
        self._amounts: dict[float, int] = {}
        self.best: tuple[float, int] = (0.0, 0)

    def change(self, price: float, quantity: int) -> None:
        """Add units at a price, or take them away."""
        amounts, ranks, rank = self._amounts, self._ranks, self._sign * price
        before = amounts.get(price, 0)
        left = before + quantity
        if not left:
            del amounts[price]
            if ranks[-1] == rank:
                ranks.pop()
            else:
                del ranks[bisect_left(ranks, rank)]
        else:
            amounts[price] = left
            if not before:
                insort(ranks, rank)
        if ranks:
            best = self._sign * ranks[-1]
            self.best = best, amounts[best]
        else:
            self.best = 0.0, 0


class _Standing:
    """The standing orders of a period, computed from its events."""

    def __init__(self) -> None:
        self.bids, self.asks = _StandingSide(1), _StandingSide(-1)
        self._limits: dict[int, tuple[_StandingSide, float]] = {}
        self._begun: set[int | None] = set()

    def take(self, event: OrderEvent) -> bool:
        """Apply an event; return whether the book is at rest after it."""
        kind = event.event
        if kind == "submit":
            if event.kind != "limit":  # it never stands
                return False
            side = self.bids if event.side == "buy" else self.asks
            assert event.price is not None
            self._limits[event.order] = side, (price := float(event.price))
            side.change(price, event.quantity)
            return True
        limit = self._limits.get(event.order)
        if limit is not None:
            limit[0].change(limit[1], -event.quantity)
        if kind == "cancel":
            return True
        # A trade is two fills; between them the book is not at rest.
        self._begun ^= {event.trade}
        return not self._begun


def quotes(its: PeriodEvents) -> list[BestQuotes]:
    """Return the best quotes after each event at which the book comes to rest and has changed.

    An order that meets others crosses them until the last of its fills, at the same time; there are
    no quotes for that. In a call market bids and asks may cross until the call; then the best of
    both are there, with spread and midpoint NaN.
    """
    found: list[BestQuotes] = []
    standing, period = _Standing(), its.period
    bids, asks, take = standing.bids, standing.asks, standing.take
    last: tuple[tuple[float, int], ...] = ()
    crossed: BestQuotes | None = None
    for seq, time, event in zip(its.seqs, its.times, its.events, strict=True):
        if crossed is not None:
            if crossed.time != time:
                last = (crossed.bid, crossed.bid_depth), (crossed.ask, crossed.ask_depth)
                found.append(crossed)
            crossed = None
        if not take(event):
            continue
        seen = bids.best, asks.best
        if last == seen:
            continue
        (bid, bid_depth), (ask, ask_depth) = seen
        if bid >= ask > 0:
            crossed = BestQuotes(
                seq, time, period, bid, ask, math.nan, math.nan, bid_depth, ask_depth
            )
            continue
        last = seen
        bid, ask = bid or math.nan, ask or math.nan
        spread, middle = ask - bid, (bid + ask) / 2
        found.append(BestQuotes(seq, time, period, bid, ask, spread, middle, bid_depth, ask_depth))
    return found if crossed is None else [*found, crossed]
