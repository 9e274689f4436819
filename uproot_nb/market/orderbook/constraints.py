"""Constraints: price controls, taxes and fees, which move a market's equilibrium."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Protocol

__all__ = ["CONSTRAINT_SIDES", "Constrained", "Constraints"]

Amount = Any
"""A number: int, Decimal, float or Fraction."""


@dataclass(frozen=True)
class Constraints:
    """Price controls, taxes and fees; see the fields of `Rules`.

    Each field is a value of the column `side` in the rows of `induced_values` that have no player.
    `min_price` and `max_price` are no laws, but the ends of the range of prices: the lowest tick,
    and the highest price if the rules name one. They matter where an equilibrium lies beyond them.
    Nobody knows before a trade who will be its maker, so both sides are taken to pay the mean of
    both fees.
    """

    floor: Amount | None = None
    ceiling: Amount | None = None
    buyer_tax: Amount = 0
    buyer_tax_rate: Amount = 0
    seller_tax: Amount = 0
    seller_tax_rate: Amount = 0
    maker_fee: Amount = 0
    taker_fee: Amount = 0
    min_price: Amount | None = None
    max_price: Amount | None = None

    @property
    def constraints(self) -> Constraints:
        """Itself, as rules have theirs."""
        return self

    @property
    def lowest(self) -> Amount | None:
        """The lowest price that there may be; None if there is no end."""
        ends = [end for end in (self.floor, self.min_price) if end is not None]
        return max(ends, default=None)

    @property
    def highest(self) -> Amount | None:
        """The highest price that there may be; None if there is no end."""
        ends = [end for end in (self.ceiling, self.max_price) if end is not None]
        return min(ends, default=None)

    @property
    def fee(self) -> Amount:
        """The mean of both fees."""
        if self.maker_fee == self.taker_fee:
            return self.maker_fee
        both = self.maker_fee + self.taker_fee
        return Fraction(both, 2) if isinstance(both, int) else both / 2

    @property
    def needs_fractions(self) -> bool:
        """Whether prices at which nobody gains need not be multiples of the tick."""
        return bool(self.buyer_tax_rate or self.seller_tax_rate or self.maker_fee != self.taker_fee)

    def in_fractions(self) -> Constraints:
        """Return the same with exact fractions."""
        known = {name: getattr(self, name) for name in CONSTRAINT_SIDES}
        return Constraints(**{n: None if a is None else Fraction(a) for n, a in known.items()})

    def bid(self, value: Amount) -> Amount:
        """Return the price at which a unit of this value gains its buyer nothing."""
        return _divided(value - self.buyer_tax - self.fee, self.buyer_tax_rate)

    def ask(self, cost: Amount) -> Amount:
        """Return the price at which a unit of this cost gains its seller nothing."""
        return _divided(cost + self.seller_tax + self.fee, -self.seller_tax_rate)

    def gain(self, side: str, value: Amount, price: Amount) -> Amount:
        """Return what a buyer or seller of a unit gains at a price."""
        if side == "buy":
            return value - self.fee - self.buyer_tax - price * (1 + self.buyer_tax_rate)
        return price * (1 - self.seller_tax_rate) - self.seller_tax - self.fee - value

    def tax(self, price: Amount) -> Amount:
        """Return the taxes on a unit, of both sides together."""
        each, rate = self.buyer_tax + self.seller_tax, self.buyer_tax_rate + self.seller_tax_rate
        return each + price * rate if rate else each


class Constrained(Protocol):
    """Rules, or constraints themselves."""

    @property
    def constraints(self) -> Constraints:
        """The constraints on equilibrium."""


CONSTRAINT_SIDES = tuple(field.name for field in fields(Constraints))
"""The values of the column `side` in `induced_values` that are constraints."""


def _divided(amount: Amount, rate: Amount) -> Amount:
    """Return amount / (1 + rate)."""
    return amount if rate == 0 else amount / (1 + rate)
