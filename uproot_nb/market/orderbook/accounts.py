"""Account: a trader's cash and units, and how much of them standing orders reserve."""

from __future__ import annotations

from collections.abc import Callable

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.prices import PriceGrid

__all__ = ["Account", "UnitValue"]

UnitValue = Callable[[str, Side, int], Price | None]
"""The value of a player's unit (the first is 1) to a buyer, or its cost to a seller; None if the
player has no such unit."""


class Account:
    """One trader's cash, units and standing orders."""

    __slots__ = (
        "_grid", "ask_units", "bid_ticks", "bid_units", "bought", "charged", "earned",
        "endowed", "held_ticks", "initial_cash", "initial_units", "made", "orders", "player",
        "sold",
    )  # fmt: skip

    def __init__(self, player: str, grid: PriceGrid, cash: Price = 0, units: int = 0) -> None:
        self.player, self._grid = player, grid
        self.initial_cash, self.initial_units = cash, units
        self.endowed = False
        """Whether the trader got an endowment and has no credit."""
        self.bought = self.sold = 0
        self.earned = 0
        """Ticks received minus ticks paid, with taxes and fees."""
        self.charged = 0
        """Taxes and fees paid, in ticks."""
        self.bid_ticks = self.bid_units = self.ask_units = 0
        """Reserved by standing orders."""
        self.held_ticks = 0
        """What the units that the trader owes were sold for."""
        self.made = 0
        """How many units the trader can produce: so many are sold, and not owed."""
        self.orders: dict[int, Order] = {}
        """The standing orders by number, oldest first."""

    @property
    def cash(self) -> Price:
        """Money in hand, reserved or not."""
        return self._grid.sum(self.initial_cash, self.earned)

    @property
    def units(self) -> int:
        """Units in hand, reserved or not; negative after short sales."""
        return self.initial_units + self.bought - self.sold

    @property
    def settled_units(self) -> int:
        """Units in hand, or owed if negative: those that were produced are neither."""
        return max(self.units, -self.owed)

    @property
    def free_ticks(self) -> int:
        """Money not reserved by standing bids, in ticks."""
        return self._grid.affordable(self.initial_cash) + self.earned - self.bid_ticks

    @property
    def owed(self) -> int:
        """Units sold short and not covered yet."""
        return max(0, -self.units - self.made)

    @property
    def to_cover(self) -> int:
        """Units owed that no standing bid is for."""
        return max(0, self.owed - self.bid_units)

    def owed_with(self, quantity: int) -> int:
        """Return the units owed once all standing asks and *quantity* more are filled."""
        return max(0, quantity - self.free_units)

    def spendable(self, margin: int) -> int:
        """Return the ticks that are free, with *margin* held back for each unit owed or offered."""
        return self.free_ticks - self.held_ticks - margin * self.owed_with(0)

    def released_by(self, covered: int, margin: int) -> int:
        """Return the ticks that are no longer held back when so many units owed are covered."""
        if not covered:
            return 0
        left = self.held_ticks * (self.owed - covered) // self.owed
        return self.held_ticks - left + margin * covered

    @property
    def free_units(self) -> int:
        """Units in hand, or to be produced, that standing asks do not reserve."""
        return self.units + self.made - self.ask_units

    def standing_units(self, side: Side) -> int:
        """Return the units of all standing orders of a side."""
        return self.bid_units if side == "buy" else self.ask_units

    def add(self, order: Order) -> None:
        """Add a standing order."""
        self.orders[order.number] = order
        self.reserve(order, order.remaining)

    def move(self, old: Order, new: Order) -> None:
        """Put an order in the place of a standing one of the same side, without any charges."""
        orders = self.orders
        del orders[old.number]
        orders[new.number] = new
        if new.side == "buy":
            self.bid_ticks += old.key * old.remaining - new.key * new.remaining
            self.bid_units += new.remaining - old.remaining
        else:
            self.ask_units += new.remaining - old.remaining

    def take(self, order: Order, quantity: int) -> None:
        """Release what a standing order reserved for so many units; it is gone if none remain."""
        self.reserve(order, -quantity)
        if not order.remaining:
            del self.orders[order.number]

    def reserve(self, order: Order, quantity: int) -> None:
        """Reserve the money or units of a standing order; a negative quantity releases them."""
        if order.side == "buy":
            self.bid_ticks += (order.due - order.key) * quantity
            self.bid_units += quantity
        else:
            self.ask_units += quantity

    def trade(self, side: Side, ticks: int, quantity: int) -> None:
        """Book a trade at so many ticks per unit, with taxes and fees."""
        if side == "buy":
            if self.held_ticks:
                self.held_ticks -= self.released_by(min(self.owed, quantity), 0)
            self.earned -= ticks * quantity
            self.bought += quantity
        else:
            self.earned += ticks * quantity
            self.sold += quantity
            owed = self.sold - self.bought - self.initial_units - self.made
            if owed > 0:
                self.held_ticks += ticks * min(owed, quantity)
