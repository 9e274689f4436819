"""Account: what a trader has, and how much of it is bound by standing orders."""

from __future__ import annotations

from collections.abc import Callable

from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.prices import Price, PriceGrid

__all__ = ["Account", "UnitValue"]

UnitValue = Callable[[str, Side, int], Price | None]
"""Says what a player's unit (the first is 1) is worth to a buyer or costs a seller; None: no such
unit."""


class Account:
    """One trader's cash, units and standing orders."""

    __slots__ = (
        "_grid", "ask_units", "bid_ticks", "bid_units", "bought", "counts", "earned", "endowed",
        "initial_cash", "initial_units", "orders", "player", "sold",
    )  # fmt: skip

    def __init__(self, player: str, grid: PriceGrid, cash: Price = 0, units: int = 0) -> None:
        self.player, self._grid = player, grid
        self.initial_cash, self.initial_units = cash, units
        self.endowed = False
        """Whether the trader has what it was given, and no credit."""
        self.bought = self.sold = 0
        self.earned = 0
        """Ticks received less ticks paid."""
        self.bid_ticks = self.bid_units = self.ask_units = 0
        """What standing orders bind."""
        self.orders: dict[int, Order] = {}
        """The standing orders by number, oldest first."""
        self.counts: dict[Side, int] = {"buy": 0, "sell": 0}
        """How many of them there are on each side."""

    @property
    def cash(self) -> Price:
        """Money in hand, bound or not."""
        return self._grid.sum(self.initial_cash, self.earned)

    @property
    def units(self) -> int:
        """Units in hand, bound or not; negative after short sales."""
        return self.initial_units + self.bought - self.sold

    @property
    def free_ticks(self) -> int:
        """Money that no standing bid binds, in ticks."""
        return self._grid.affordable(self.initial_cash) + self.earned - self.bid_ticks

    @property
    def free_units(self) -> int:
        """Units that no standing ask binds."""
        return self.units - self.ask_units

    def add(self, order: Order) -> None:
        """Take an order among the standing ones."""
        self.orders[order.number] = order
        self.counts[order.side] += 1
        self.bind(order, order.remaining)

    def remove(self, order: Order) -> None:
        """Take an order with nothing left out of the standing ones."""
        del self.orders[order.number]
        self.counts[order.side] -= 1

    def bind(self, order: Order, quantity: int) -> None:
        """Set aside what *quantity* of a standing order needs; a negative one sets it free."""
        if order.side == "buy":
            self.bid_ticks -= order.key * quantity
            self.bid_units += quantity
        else:
            self.ask_units += quantity

    def trade(self, side: Side, ticks: int, quantity: int) -> None:
        """Take part in a trade."""
        if side == "buy":
            self.earned -= ticks * quantity
            self.bought += quantity
        else:
            self.earned += ticks * quantity
            self.sold += quantity
