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

_MONEY = ("tick", "max_price", "k", "margin")


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
        short_sales: Traders may sell units that they do not have, and owe them. Whoever has a
            budget cannot spend what these were sold for before they are bought back. They may
            always be bought back, on credit if need be: so a trader whose cash is used up by
            dividends can cover. Units with an induced cost are not owed.
        max_short: The most units that a trader may owe; None for no limit.
        margin: Money that is held back for each unit owed, besides what it was sold for; without
            it in cash, a trader with a budget can sell no unit short.
        purse: Markets of one period and group whose rules name the same purse share the cash of
            their traders: what is spent in one is missing in the others. None: each market has a
            purse of its own.
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
    max_short: int | None = None
    margin: Price = 0
    purse: str | None = "purse"
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
        self._check_short_sales()
        counts = {"max_quantity": self.max_quantity}
        for name in ("max_orders", "max_short"):
            if getattr(self, name) is not None:
                counts[name] = getattr(self, name)
        for name, count in counts.items():
            if type(count) is not int or count < 1:
                raise BadMarket(
                    f"{name}={count!r} is not a number of units.", f"Write {name}=1 or more."
                )

    def _check_short_sales(self) -> None:
        if self.purse is not None and (not isinstance(self.purse, str) or not self.purse):
            raise BadMarket(
                f"purse={self.purse!r} is not a name.", 'Write purse="purse", or None for none.'
            )
        margin = exact(self.margin)
        if margin is None or margin < 0:
            raise BadMarket(
                f"margin={self.margin!r} is not an amount of money.", "Write margin=50, or 0."
            )
        if not self.short_sales and (margin or self.max_short is not None):
            raise BadMarket(
                "short_sales=False leaves nothing to limit.",
                "Write Rules(max_short=…, margin=…) without short_sales=False.",
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
