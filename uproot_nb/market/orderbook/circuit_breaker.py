"""CircuitBreaker: the rule that halts trade when the price moves too far."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.durations import is_duration

__all__ = ["CircuitBreaker"]


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Halts trade for some time after a trade whose price is too far from the reference price.

    Rules(breaker=CircuitBreaker(Decimal("0.1"), length=30))

    The order whose trades go beyond the band trades as the book allows; then trade is halted. The
    price of its last trade is the next reference price.

    Args:
        band: how far a price may be from the reference price, as a share of that.
        length: how long trade is halted: seconds with people, steps in a simulation.
        reference: the first reference price; by default the price of the first trade.
    """

    band: Price
    length: float
    reference: Price | None = None

    def __post_init__(self) -> None:
        band = exact(self.band)
        if band is None or band <= 0:
            raise BadMarket(
                f"band={self.band!r} is not a share of the price.",
                'Write it as Decimal("0.1"), never a float.',
            )
        if not is_duration(self.length):
            raise BadMarket(
                f"length={self.length!r} is not a time.",
                "Write length=30: seconds with people, steps in a simulation.",
            )
        object.__setattr__(self, "length", float(self.length))
        reference = None if self.reference is None else exact(self.reference)
        if self.reference is not None and (reference is None or reference <= 0):
            raise BadMarket(
                f"reference={self.reference!r} is not a price.",
                "Write a whole number or a Decimal, or None for the first trade's price.",
            )

    def is_broken(self, reference: Price, price: Price) -> bool:
        """Return whether a price is too far from the reference price."""
        distance = abs(Fraction(price) - Fraction(reference))
        return distance > Fraction(self.band) * Fraction(reference)

    def plain(self) -> dict[str, Any]:
        """Return the rule as JSON has it."""
        return {
            "band": plain(self.band), "length": self.length, "reference": plain(self.reference)
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """Return the rule that `plain` wrote."""
        reference = data.get("reference")
        first = None if reference is None else from_plain(reference)
        return cls(from_plain(data["band"]), data["length"], first)
