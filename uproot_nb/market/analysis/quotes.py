"""Quotes: the best bid and ask over time, computed from the order events."""

from __future__ import annotations

import math
from bisect import bisect_left, insort

import msgspec

from uproot_nb.market.analysis.period_events import PeriodEvents

__all__ = ["BestQuotes", "quotes", "spreads"]

_Best = tuple[float, int]
"""The best price of a side and the units there; 0 and 0 where it is empty."""
_Moment = tuple[int, float, _Best, _Best]
"""An event's number and time, and the best bid and ask after it."""


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
    """What is seen of a side: the units at each price, and the `best` price with its units.

    The ranks are the prices, or for asks their negatives, sorted: the best is the last.
    """

    __slots__ = ("_amounts", "_ranks", "_sign", "best")

    def __init__(self, sign: int) -> None:
        # Sorted: a book may have thousands of prices, and the best is asked for at each event.
        self._sign = sign
        self._ranks: list[float] = []
        self._amounts: dict[float, int] = {}
        self.best: _Best = (0.0, 0)

    def change(self, price: float, quantity: int) -> None:
        """Add units at a price, or take them away."""
        amounts, ranks, rank = self._amounts, self._ranks, self._sign * price
        if not quantity:
            return
        before = amounts.get(price, 0)
        left = before + quantity
        if left:
            amounts[price] = left
            if not before:
                insort(ranks, rank)
            if rank == ranks[-1]:
                self.best = price, left
            return
        del amounts[price]
        if rank != ranks[-1]:
            del ranks[bisect_left(ranks, rank)]
            return
        ranks.pop()
        best = self._sign * ranks[-1] if ranks else 0.0
        self.best = best, amounts.get(best, 0)


def quotes(its: PeriodEvents) -> list[BestQuotes]:
    """Return the best quotes after each event at which the book comes to rest and has changed.

    An order that meets others crosses them until the last of its fills, at the same time; there are
    no quotes for that. In a call market bids and asks may cross until the call; then the best of
    both are there, with spread and midpoint NaN.
    """
    period = its.period
    return [_best_quotes(seq, time, period, *bid, *ask) for seq, time, bid, ask in _moments(its)]


def spreads(its: PeriodEvents) -> tuple[list[float], list[float]]:
    """Return the spreads of the same rows, and their times; they are found in less time.

    Where the best quotes were noted, rows of a command that are followed by another are not there:
    they hold for no time.
    """
    if its.best:
        noted = [
            math.nan if bid is None or ask is None else float(ask) - float(bid)
            for _, bid, ask in its.best
        ]
        return noted, [time for time, _, _ in its.best]
    moments = _moments(its)
    found = [
        ask[0] - bid[0] if bid[0] and bid[0] < ask[0] else math.nan for _, _, bid, ask in moments
    ]
    return found, [time for _, time, _, _ in moments]


def _moments(its: PeriodEvents) -> list[_Moment]:
    """Return when the best quotes changed; found once, for several tables are made of it."""
    if its.quotes is None:
        its.quotes = _found_moments(its)
    return its.quotes


def _found_moments(its: PeriodEvents) -> list[_Moment]:
    found: list[_Moment] = []
    bids, asks = _StandingSide(1), _StandingSide(-1)
    limits: dict[int, tuple[_StandingSide, float]] = {}
    parts: dict[int, int] = {}  # what is seen of the orders that are shown in parts
    begun: set[int | None] = set()
    last_bid: _Best | None = None
    last_ask: _Best | None = None
    crossed: _Moment | None = None
    for seq, time, event in zip(its.seqs, its.times, its.events, strict=True):
        if crossed is not None:
            if crossed[1] != time:
                _, _, last_bid, last_ask = crossed
                found.append(crossed)
            crossed = None
        kind = event.event
        if kind == "submit":
            if event.kind != "limit" or event.price is None:  # it never stands
                continue
            side, price = bids if event.side == "buy" else asks, float(event.price)
            limits[event.order] = side, price
            seen = event.quantity
            if event.shown is not None:
                seen = parts[event.order] = event.shown
            side.change(price, seen)
        else:
            limit = limits.get(event.order)
            if limit is not None:
                change = -event.quantity
                if event.shown is not None:
                    change = event.shown - parts[event.order]
                    parts[event.order] = event.shown
                limit[0].change(limit[1], change)
            if kind != "cancel":
                # A trade is two fills; between them the book is not at rest.
                begun ^= {event.trade}
                if begun:
                    continue
        bid, ask = bids.best, asks.best
        if bid != last_bid or ask != last_ask:
            if bid[0] >= ask[0] > 0:
                crossed = seq, time, bid, ask
            else:
                last_bid, last_ask = bid, ask
                found.append((seq, time, bid, ask))
    return found if crossed is None else [*found, crossed]


def _best_quotes(
    seq: int, time: float, period: int, bid: float, bid_depth: int, ask: float, ask_depth: int
) -> BestQuotes:
    """Return the quotes, NaN where a side is empty; spread and midpoint also where they cross."""
    spread = middle = math.nan
    if bid and ask and bid < ask:
        spread, middle = ask - bid, (bid + ask) / 2
    bid, ask = bid or math.nan, ask or math.nan
    return BestQuotes(seq, time, period, bid, ask, spread, middle, bid_depth, ask_depth)
