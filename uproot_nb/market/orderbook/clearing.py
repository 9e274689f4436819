"""Clearing: who trades with whom, and at what price, when a call market is cleared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from uproot_nb.market.orderbook.levels import Ladder
from uproot_nb.market.orderbook.orders import Order
from uproot_nb.market.orderbook.prices import Price

__all__ = ["Clearing", "find_clearing"]


@dataclass(slots=True)
class Clearing:
    """The result of a call, computed before anything changes."""

    pairs: list[tuple[Order, Order, int]] = field(default_factory=list)
    """Bid, ask and quantity, the best of each side first."""
    ticks: int | None = None
    """The price of all trades, in ticks; None if nothing is traded."""


def find_clearing(bids: Ladder, asks: Ladder, k: Price) -> Clearing:
    """Return the trades that clear a market of limit orders at one price.

    The largest possible quantity is traded: the best bids, by price and then by time, meet the best
    asks as long as the bid is not below the ask. With q units traded, the market clears at the
    prices from max(c_q, v_{q+1}) to min(v_q, c_{q+1}), where v are all bid limits, highest first,
    and c all ask limits, lowest first, as in `equilibrium`. Of this interval [a, b] the price is
    (1 - k) * a + k * b, rounded down to a whole tick: the k-double auction (Rustichini,
    Satterthwaite and Williams 1994, "Convergence to efficiency in a simple market with incomplete
    information", Econometrica 62; k = 1 is the buyer's bid double auction of Satterthwaite and
    Williams 1989, REStud 56).

    No order trades beyond its limit. Bids above the price and asks below it are filled in full;
    orders at the price may be rationed, later ones first.
    """
    found = Clearing()
    buying, selling = _queue(bids), _queue(asks)
    bid, ask = next(buying, None), next(selling, None)
    wanted, offered = _left(bid), _left(ask)
    while bid is not None and ask is not None and bid.ticks >= ask.ticks:
        quantity = min(wanted, offered)
        found.pairs.append((bid, ask, quantity))
        wanted, offered = wanted - quantity, offered - quantity
        if not wanted:
            bid = next(buying, None)
            wanted = _left(bid)
        if not offered:
            ask = next(selling, None)
            offered = _left(ask)
    if found.pairs:
        last_bid, last_ask, _ = found.pairs[-1]
        low = max(order.ticks for order in (last_ask, bid) if order is not None)
        high = min(order.ticks for order in (last_bid, ask) if order is not None)
        found.ticks = low + int(Fraction(k) * (high - low))
    return found


def _queue(ladder: Ladder) -> Iterator[Order]:
    for level in ladder:
        yield from level.orders.values()


def _left(order: Order | None) -> int:
    return 0 if order is None else order.remaining
