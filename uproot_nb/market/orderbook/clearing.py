"""Clearing: who trades with whom, and at what price, when a call market is cleared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.levels import Ladder
from uproot_nb.market.orderbook.orders import Order

__all__ = ["Clearing", "find_clearing"]


@dataclass(slots=True)
class Clearing:
    """The result of a call, computed before anything changes."""

    pairs: list[tuple[Order, Order, int]] = field(default_factory=list)
    """Bid, ask and quantity, the best of each side first."""
    ticks: int | None = None
    """The price of all trades, in ticks; None if nothing is traded."""


def find_clearing(
    bids: Ladder, asks: Ladder, k: Price, rationing: str = "time", lot: int | None = None
) -> Clearing:
    """Return the trades that clear a market of limit orders at one price.

    The largest possible quantity is traded: the best bids, by price and then by time, meet the best
    asks as long as the bid is not below the ask. With q units traded, the market clears at the
    prices from max(c_q, v_{q+1}) to min(v_q, c_{q+1}), where v are all bid limits, highest first,
    and c all ask limits, lowest first, as in `equilibrium`. Of this interval [a, b] the price is
    (1 - k) * a + k * b, rounded down to a whole tick: the k-double auction (Rustichini,
    Satterthwaite and Williams 1994, "Convergence to efficiency in a simple market with incomplete
    information", Econometrica 62; k = 1 is the buyer's bid double auction of Satterthwaite and
    Williams 1989, REStud 56).

    No order trades beyond its limit. Bids above the price and asks below it are filled in full. If
    the worst price at which a side trades has more units than trade, its orders are rationed: by
    time, later ones first; by a draw of their order, which follows from *lot*; or pro rata.
    """
    found, quantity = Clearing(), 0
    buying, selling = _queue(bids), _queue(asks)
    bid, ask = next(buying, None), next(selling, None)
    wanted, offered = _left(bid), _left(ask)
    last_bid, last_ask = bid, ask
    while bid is not None and ask is not None and bid.ticks >= ask.ticks:
        last_bid, last_ask, filled = bid, ask, min(wanted, offered)
        wanted, offered, quantity = wanted - filled, offered - filled, quantity + filled
        if not wanted:
            bid = next(buying, None)
            wanted = _left(bid)
        if not offered:
            ask = next(selling, None)
            offered = _left(ask)
    if quantity and last_bid is not None and last_ask is not None:
        low = max(order.ticks for order in (last_ask, bid) if order is not None)
        high = min(order.ticks for order in (last_bid, ask) if order is not None)
        found.ticks = low + int(Fraction(k) * (high - low))
        sides = (list(_fills(side, quantity, rationing, lot)) for side in (bids, asks))
        found.pairs.extend(_paired(*sides))
    return found


def _fills(
    ladder: Ladder, quantity: int, rationing: str, lot: int | None
) -> Iterator[tuple[Order, int]]:
    """Yield the orders of a side that trade, best first, and how many units of each."""
    for level in ladder:
        if not quantity:
            return
        orders = list(level.orders.values())
        if level.quantity > quantity and rationing == "pro rata":
            yield from _pro_rata(orders, quantity)
            return
        if level.quantity > quantity and rationing == "random":
            Random(lot).shuffle(orders)
        for order in orders:
            filled = min(order.remaining, quantity)
            if filled:
                yield order, filled
            quantity -= filled


def _pro_rata(orders: list[Order], quantity: int) -> Iterator[tuple[Order, int]]:
    """Yield orders with shares of a quantity in proportion to what is left of each.

    Shares are rounded down; units that are left over go to the largest remainders, older first.
    """
    total = sum(order.remaining for order in orders)
    shares = [divmod(quantity * order.remaining, total) for order in orders]
    over = quantity - sum(share for share, _ in shares)
    # Sorting is stable: of equal remainders the older order comes first.
    first = sorted(range(len(orders)), key=lambda place: -shares[place][1])[:over]
    for place, (share, _) in enumerate(shares):
        filled = share + (place in first)
        if filled:
            yield orders[place], filled


def _paired(
    bids: list[tuple[Order, int]], asks: list[tuple[Order, int]]
) -> Iterator[tuple[Order, Order, int]]:
    """Yield who trades with whom, and how many units: the first of both sides, and so on."""
    buying, selling = iter(bids), iter(asks)
    wanted = offered = 0
    while True:
        if not wanted:
            bid, wanted = next(buying, (None, 0))
        if not offered:
            ask, offered = next(selling, (None, 0))
        if bid is None or ask is None:
            return
        filled = min(wanted, offered)
        yield bid, ask, filled
        wanted, offered = wanted - filled, offered - filled


def _queue(ladder: Ladder) -> Iterator[Order]:
    for level in ladder:
        yield from level.orders.values()


def _left(order: Order | None) -> int:
    return 0 if order is None else order.remaining
