"""Rules: what a market allows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, Self

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.prices import Price, PriceGrid, exact, from_plain, plain

__all__ = ["NO_LIMIT", "Rules", "SelfTrade"]

SelfTrade = Literal["refuse", "cancel_oldest"]

HIGHEST_PRICE = 10**12
"""Browsers count exactly up to 2 ** 53, and sums of money must stay below that."""

NO_LIMIT = 1_000_000
"""The highest price where an author names none: far above what anything is worth."""

_MONEY = ("tick", "max_price", "k")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a market allows.

    Rules(tick=Decimal("0.5"), improvement=True, no_loss=True)

    Args:
        tick: Prices are multiples of it. A Decimal makes all prices Decimals.
        max_price: The highest price of an order. Robot traders who draw from all prices need it;
            without it they use the range of values and costs.
        max_quantity: The largest order.
        self_trade: An order that would meet the trader's own is refused ("refuse"), or the older
            one is cancelled and the new one goes on ("cancel_oldest").
        improvement: A limit order must be better than the best of its side (spread reduction). Who
            has the best quote may replace it by a better one, but not fall back; it may be
            cancelled.
        no_loss: Nobody may bid more than a unit's value, or ask less than its cost.
        budget: Nobody may bid more than the cash that other bids have not reserved. By default
            (None) this holds for traders with an endowment; False lets everybody buy on credit.
        short_sales: Traders may sell units that they do not have.
        max_orders: The most standing orders of a trader on a side; None for no limit.
        call: Orders are collected, and traded at one price when the market is cleared (a call
            market, or clearing house). A trader's own bid and ask then "meet" if they cross.
        k: Where in the interval of prices that clear a call market its price is, from 0 (the
            lowest, best for buyers) to 1.
    """

    tick: Price = 1
    max_price: Price = NO_LIMIT
    max_quantity: int = 10_000
    self_trade: SelfTrade = "refuse"
    improvement: bool = False
    no_loss: bool = False
    budget: bool | None = None
    short_sales: bool = True
    max_orders: int | None = None
    call: bool = False
    k: Price = Decimal("0.5")

    def __post_init__(self) -> None:
        PriceGrid(self.tick, self.max_price)
        if self.max_price > HIGHEST_PRICE:
            raise BadMarket(
                f"max_price={self.max_price!r} is more than browsers can count exactly.",
                f"Write max_price={HIGHEST_PRICE} or less.",
            )
        if self.self_trade not in ("refuse", "cancel_oldest"):
            raise BadMarket(
                f"self_trade={self.self_trade!r} is not a rule.",
                'Write "refuse" or "cancel_oldest".',
            )
        self._check_call()
        counts = {"max_quantity": self.max_quantity}
        if self.max_orders is not None:
            counts["max_orders"] = self.max_orders
        for name, count in counts.items():
            if type(count) is not int or count < 1:
                raise BadMarket(
                    f"{name}={count!r} is not a number of units.", f"Write {name}=1 or more."
                )

    def _check_call(self) -> None:
        share = exact(self.k)
        if share is None or not 0 <= share <= 1:
            raise BadMarket(
                f"k={self.k!r} is not a share of an interval.", 'Write 0, 1 or k=Decimal("0.5").'
            )
        if self.call and self.improvement:
            raise BadMarket(
                "In a call market orders may cross, so none has to be better than the best.",
                "Write Rules(call=True) without improvement=True.",
            )

    def plain(self) -> dict[str, Any]:
        """Return the rules as JSON has them; a Decimal is a text."""
        return asdict(self) | {name: plain(getattr(self, name)) for name in _MONEY}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """Return the rules that `plain` wrote; rules unknown to an older version get defaults."""
        money = {name: from_plain(data[name]) for name in _MONEY if name in data}
        return cls(**{**data, **money})
