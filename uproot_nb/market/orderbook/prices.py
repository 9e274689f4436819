"""PriceGrid: the prices that are allowed, and each price as a whole number of ticks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.amounts import EXACT, Price, exact

__all__ = ["PriceGrid"]


class PriceGrid:
    """The multiples of the tick from the lowest to the greatest price.

    grid = PriceGrid(Decimal("0.05"), Decimal("200"))
    grid.ticks(Decimal("1.15"))     # 23
    grid.price(23)                  # Decimal("1.15")
    """

    __slots__ = ("_is_unit", "_whole", "highest", "lowest", "tick")

    def __init__(self, tick: Price, highest: Price, lowest: Price = 0) -> None:
        for name, amount in (("tick", tick), ("max_price", highest)):
            made = exact(amount)
            if made is None or made <= 0:
                raise BadMarket(
                    f"{name}={amount!r} is not a positive amount of money.",
                    f'Write a whole number or a Decimal, as {name}=Decimal("0.01").',
                )
        self.tick, self.highest, self.lowest = tick, highest, lowest
        self._whole = type(tick) is int
        self._is_unit = self._whole and tick == 1

    def ticks(self, price: Any) -> int:
        """Return *price* in ticks.

        Raises:
            OrderRefused: the price is not on the grid.
        """
        is_whole = self._is_unit and type(price) is int
        if is_whole and 0 < price <= self.highest and price >= self.lowest:
            ticks: int = price  # in most markets
            return ticks
        made = exact(price)
        if made is None:
            raise OrderRefused("no_price", refusals.NO_PRICE)
        if made <= 0:
            raise OrderRefused("not_positive", refusals.NOT_POSITIVE)
        if made > self.highest:
            raise OrderRefused("too_high", refusals.TOO_HIGH, highest=self.highest)
        if made < self.lowest:
            raise OrderRefused("too_low", refusals.TOO_LOW, lowest=self.lowest)
        if self._whole and type(made) is int:
            count, rest = divmod(made, self.tick)
            on_grid = rest == 0
        else:
            count = int(EXACT.divide_int(Decimal(made), Decimal(self.tick)))
            on_grid = self.price(count) == made
        if not on_grid:
            raise OrderRefused("off_tick", refusals.OFF_TICK, tick=self.tick)
        return int(count)

    def price(self, ticks: int) -> Price:
        """Return a number of ticks as money: an int if the tick is an int, else a Decimal."""
        if self._whole:
            return ticks * self.tick
        return EXACT.multiply(Decimal(ticks), Decimal(self.tick))

    def affordable(self, cash: Price) -> int:
        """Return how many ticks *cash* pays for; negative for a debt."""
        if self._whole and isinstance(cash, int):
            return int(cash // self.tick)
        count = int(EXACT.divide_int(Decimal(cash), Decimal(self.tick)))
        return count - 1 if self.price(count) > cash else count

    def sum(self, cash: Price, ticks: int) -> Price:
        """Return the exact sum of *cash* and a number of ticks."""
        earned = self.price(ticks)
        if isinstance(cash, int) and isinstance(earned, int):
            return cash + earned
        return EXACT.add(Decimal(cash), Decimal(earned))
