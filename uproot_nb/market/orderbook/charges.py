"""Charges: taxes, subsidies and fees, and what they make of the price of a unit."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.prices import PriceGrid

__all__ = ["Fees", "Tax", "UnitCharges"]


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax on one side of the market; a subsidy where it is negative.

    Rules(buyer_tax=Tax(5), seller_tax=Tax(rate=Decimal("0.1")))

    Args:
        per_unit: money for each unit traded, a multiple of the tick.
        rate: a share of the price of each unit (ad valorem), rounded to the nearest tick, halves
            up.
    """

    per_unit: Price = 0
    rate: Price = 0

    def plain(self) -> dict[str, Any]:
        """Return the tax as JSON has it."""
        return {"per_unit": plain(self.per_unit), "rate": plain(self.rate)}


@dataclass(frozen=True, slots=True)
class Fees:
    """What the exchange charges for each unit traded; a rebate where it is negative.

    Rules(fees=Fees(maker=-1, taker=2))

    Args:
        maker: for the order that stood; in a call, the earlier one.
        taker: for the order that met it; in a call, the later one.
    """

    maker: Price = 0
    taker: Price = 0

    def plain(self) -> dict[str, Any]:
        """Return the fees as JSON has them."""
        return {"maker": plain(self.maker), "taker": plain(self.taker)}


class UnitCharges:
    """The taxes and fees of a market per unit, in ticks.

    charges = UnitCharges(Tax(5), Tax(rate=Decimal("0.1")), Fees(), PriceGrid(1, 200))
    charges.total("buy", 40)        # 45: what a buyer spends at a price of 40
    charges.total("sell", 40)       # 36: what a seller gets
    charges.limit("buy", 40)        # 35: the highest price at which 40 pay for all
    """

    def __init__(self, buyer_tax: Tax, seller_tax: Tax, fees: Fees, grid: PriceGrid) -> None:
        self._grid = grid
        self._per_unit: dict[str, int] = {
            "buy": _ticks("buyer_tax", buyer_tax.per_unit, grid),
            "sell": _ticks("seller_tax", seller_tax.per_unit, grid),
        }
        self._rates: dict[str, tuple[int, int]] = {
            "buy": _share("buyer_tax", buyer_tax.rate),
            "sell": _share("seller_tax", seller_tax.rate),
        }
        if self._rates["sell"][0] >= self._rates["sell"][1]:
            raise BadMarket("A tax takes all of the price.", "Write a seller_tax rate below 1.")
        if self._rates["buy"][0] <= -self._rates["buy"][1]:
            raise BadMarket("A subsidy pays all of the price.", "Write a buyer_tax rate above -1.")
        self._fees = (_ticks("fees", fees.maker, grid), _ticks("fees", fees.taker, grid))

    @classmethod
    def from_plain(cls, data: dict[str, Any], grid: PriceGrid) -> UnitCharges:
        """Return the charges of the plain data of rules."""
        buyer, seller = (
            Tax(**{key: from_plain(value) for key, value in data[name].items()})
            for name in ("buyer_tax", "seller_tax")
        )
        fees = Fees(**{key: from_plain(value) for key, value in data["fees"].items()})
        return cls(buyer, seller, fees, grid)

    def tax(self, side: str, ticks: int) -> int:
        """Return the tax on a unit at a price."""
        over, under = self._rates[side]
        return self._per_unit[side] + ((2 * over * ticks + under) // (2 * under) if over else 0)

    def fee(self, takes: bool) -> int:
        """Return the fee on a unit of the order that stood, or of the one that met it."""
        return self._fees[takes]

    def total(self, side: str, ticks: int) -> int:
        """Return what a unit at a price costs a buyer or brings a seller, at the higher fee."""
        due = self.tax(side, ticks) + max(self._fees)
        return ticks + due if side == "buy" else ticks - due

    def limit(self, side: str, value: Price) -> Price:
        """Return the worst price at which a unit of this value or cost is no loss.

        It is the highest for a buyer, the lowest for a seller, and may lie outside the range of
        prices: then there is none that is no loss.
        """
        most = self._grid.affordable(self._grid.highest) + 1
        if side == "buy":
            worth = self._grid.affordable(value)
            at = bisect_right(range(most), worth, key=lambda t: self.total("buy", t)) - 1
        else:
            cost = -self._grid.affordable(-value)
            at = bisect_left(range(most), cost, key=lambda t: self.total("sell", t))
        return self._grid.price(at)


def _ticks(name: str, amount: Any, grid: PriceGrid) -> int:
    made = exact(amount)
    ticks = None if made is None else grid.affordable(made)
    if ticks is None or grid.price(ticks) != made:
        raise BadMarket(
            f"{name}: {amount!r} is not a multiple of the tick, {grid.tick}.",
            "Write a whole number of ticks, as an int or a Decimal.",
        )
    return ticks


def _share(name: str, rate: Any) -> tuple[int, int]:
    made = exact(rate)
    if made is None:
        raise BadMarket(
            f"{name}: rate={rate!r} is not a share.", 'Write it as Decimal("0.1"), never a float.'
        )
    return Fraction(made).as_integer_ratio()
