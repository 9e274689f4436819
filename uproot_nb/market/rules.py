"""Rules: what a market allows its traders."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from uproot_nb.errors import BadMarket
from uproot_nb.market.prices import Price, PriceGrid, from_plain, plain

__all__ = ["Rules", "SelfTrade"]

SelfTrade = Literal["refuse", "cancel_oldest"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a market allows.

    Rules(tick=Decimal("0.5"), improvement=True, no_loss=True)

    Args:
        tick: Prices are multiples of it. A Decimal makes all prices Decimals.
        max_price: No order may ask for more.
        max_quantity: No order may be larger.
        self_trade: An order that would meet the trader's own is refused ("refuse"), or the older
            one is cancelled and the new one goes on ("cancel_oldest").
        improvement: A limit order must be better than the best of its side (spread reduction).
        no_loss: Nobody may bid more than a unit's value, or ask less than its cost.
        budget: Nobody may bid more than the cash that is not bound by other bids.
        short_sales: Units may be sold that one does not have.
        max_orders: How many orders a trader may have standing on a side; None is no limit.
    """

    tick: Price = 1
    max_price: Price = 1_000_000
    max_quantity: int = 10_000
    self_trade: SelfTrade = "refuse"
    improvement: bool = False
    no_loss: bool = False
    budget: bool = False
    short_sales: bool = True
    max_orders: int | None = None

    def __post_init__(self) -> None:
        PriceGrid(self.tick, self.max_price)
        if self.self_trade not in ("refuse", "cancel_oldest"):
            raise BadMarket(
                f"self_trade={self.self_trade!r} is no rule.", 'Say "refuse" or "cancel_oldest".'
            )
        counts = {"max_quantity": self.max_quantity}
        if self.max_orders is not None:
            counts["max_orders"] = self.max_orders
        for name, count in counts.items():
            if type(count) is not int or count < 1:
                raise BadMarket(
                    f"{name}={count!r} is no number of units.", f"Say {name}=1 or more."
                )

    def plain(self) -> dict[str, Any]:
        """Return the rules as JSON has them; a Decimal is a text."""
        return asdict(self) | {"tick": plain(self.tick), "max_price": plain(self.max_price)}

    @classmethod
    def from_plain(cls, told: dict[str, Any]) -> Self:
        """Return the rules that `plain` told."""
        money = {name: from_plain(told[name]) for name in ("tick", "max_price")}
        return cls(**{**told, **money})
