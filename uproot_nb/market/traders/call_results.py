"""CallResult: what a robot trader hears when a call market is cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, Protocol, runtime_checkable

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders.trader import Trader, View

__all__ = ["CallResult", "CallTrader", "SentOrder", "hear_call"]


class SentOrder(NamedTuple):
    """A trader's own order for a unit: what it saw of the unit, its price, whether it traded."""

    view: View
    price: Price
    traded: bool


@dataclass(frozen=True)
class CallResult:
    """The outcome of a call, as each trader hears it: offline and over connections alike.

    Attributes:
        price: of all trades; None if there were none.
        quantity: how many units were traded by all.
        orders: the trader's own orders, as they were sent. Of those of a side the best traded; of
            those at the same price, those that were sent first.
    """

    price: Price | None
    quantity: int
    orders: tuple[SentOrder, ...]


@runtime_checkable
class CallTrader(Trader, Protocol):
    """A trader who learns from one call to the next."""

    def observe_call(self, result: CallResult, chance: Random) -> None:
        """Hear the outcome of a call."""


def hear_call(
    trader: Any, price: Price | None, quantity: int, sent: Sequence[tuple[View, Price]],
    traded: dict[Side, int], chance: Random,
) -> None:  # fmt: skip
    """Let a trader hear of a call, if it wants to.

    Args:
        sent: its orders of one unit each, as it saw the unit, and their prices.
        traded: how many units it bought and sold.
    """
    if not isinstance(trader, CallTrader):
        return
    best: set[int] = set()
    signs: dict[Side, int] = {"buy": -1, "sell": 1}
    for side, sign in signs.items():
        places = [place for place, (view, _) in enumerate(sent) if view.side == side]
        places.sort(key=lambda place: (sign * sent[place][1], place))
        best.update(places[: traded[side]])
    orders = (SentOrder(view, asked, n in best) for n, (view, asked) in enumerate(sent))
    trader.observe_call(CallResult(price, quantity, tuple(orders)), chance)
