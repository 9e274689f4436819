"""Trade prices: the price of a trade between an order that stood and one that met it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from uproot_nb.market.orderbook.amounts import Price

__all__ = ["TradeTicks", "trade_ticks_of"]

TradeTicks = Callable[[int, int | None], int]
"""The price in ticks, of the maker's limit and the taker's (None for a market order)."""

_HALF = Fraction(1, 2)


def trade_ticks_of(whose: str, k: Price) -> TradeTicks | None:
    """Return the function that sets the price of trades; None where it is the maker's.

    With `trade_price="k"` the price is (1 - k) * ask + k * bid, rounded down to a whole tick (the
    k-double auction of Chatterjee and Samuelson 1983, Operations Research 31); "middle" is k = 1/2.
    """
    if whose == "maker":
        return None
    if whose == "taker":
        return lambda maker, taker: maker if taker is None else taker
    share = _HALF if whose == "middle" else Fraction(k)

    def between(maker: int, taker: int | None) -> int:
        if taker is None:
            return maker
        low, high = (maker, taker) if maker < taker else (taker, maker)
        return low + int(share * (high - low))

    return between
