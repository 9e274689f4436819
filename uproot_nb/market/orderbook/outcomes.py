"""Outcome: the effects of a command on the book, as values to log and push."""

from __future__ import annotations

from typing import Literal

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Kind, Side

__all__ = ["LevelChange", "OrderEvent", "Outcome", "Reason", "StatusChange", "Trade"]

Reason = Literal["asked", "reduced", "replaced", "self_trade", "unfilled", "lapsed", "expired"]
"""Why a quantity was cancelled."""


class OrderEvent(msgspec.Struct, frozen=True, gc=False):
    """Something happened to an order; the fields are the columns of `order_events`.

    A trade is two fills, the maker's and then the taker's (in a call market, the earlier order's
    and then the later's). A `cancel` with something remaining cancelled only a part.
    """

    seq: int
    event: Literal["submit", "fill", "partial_fill", "cancel"]
    order: int
    player: str
    side: Side
    kind: Kind
    price: Price | None
    """The order's limit (None for a market order); in a fill, the price paid."""
    quantity: int
    """Units submitted, filled or cancelled."""
    remaining: int
    """Units of the order left after this event."""
    reason: Reason | None = None
    trade: int | None = None
    tax: Price | None = None
    """What the player paid in taxes in a fill (a subsidy if negative), for all its units; None
    where the rules have neither taxes nor fees."""
    fee: Price | None = None
    shown: int | None = None
    """Units of the order that the book shows after this event; None if it shows all."""
    good_for: float | None = None
    """How long a new order may stand; None for no end."""


class StatusChange(msgspec.Struct, frozen=True, gc=False):
    """Trade was halted, or goes on.

    `reason` is "asked" (the researcher), "band" (a price has moved too far; `price` is that of the
    trade) or "over" (the time of the halt is).
    """

    event: Literal["halt", "resume"]
    reason: Literal["asked", "band", "over"]
    price: Price | None = None


class Trade(msgspec.Struct, frozen=True, gc=False):
    """Units changed hands, at the maker's price unless the rules (or a call) say another.

    `seq` is that of the taker's fill. In a call the later of the two orders is the taker's.
    """

    trade: int
    seq: int
    price: Price
    quantity: int
    buyer: str
    seller: str
    maker: str
    taker: str
    maker_order: int
    taker_order: int
    initiator: Side
    """The taker's side."""


class LevelChange(msgspec.Struct, frozen=True, gc=False):
    """The quantity and the number of orders now at a price; zero if none are left."""

    side: Side
    price: Price
    quantity: int
    orders: int


class Outcome(msgspec.Struct, frozen=True):
    """All effects of a command, in order.

    A view of the book at `before` is at `seq` after applying the changes. A view at any other
    number has missed something.
    """

    before: int
    seq: int
    order: int | None
    """The new order's number."""
    resting: int
    """Units of the new order that stand in the book."""
    events: list[OrderEvent]
    trades: list[Trade]
    changes: list[LevelChange]
    status: StatusChange | None = None
    """Whether trade is halted by this command, or goes on."""
    is_detailed: bool = False
    """Whether events may say how much of an order is shown, or how long it stands."""
