"""LinearDemand: what simulated consumers buy at a price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from uproot_nb.institutions.money import Price, difference, mean, money_fields, plain, product

__all__ = ["USUAL_DEMAND", "LinearDemand"]


@dataclass(frozen=True)
class LinearDemand:
    """Consumers who pay P = intercept - slope Q for a total quantity Q, and never less than 0.

    demand = LinearDemand(100, 1)
    demand.price(40)        # 60
    demand.quantity(60)     # 40
    """

    intercept: Price = 100
    slope: Price = 1

    def __post_init__(self) -> None:
        smallest = Decimal("1e-9")
        money_fields(self, {"intercept": smallest, "slope": smallest})

    def price(self, quantity: Price) -> Price:
        """Return the price at which a quantity is sold."""
        return max(0, difference(self.intercept, product(self.slope, quantity)))

    def quantity(self, price: Price) -> int:
        """Return how many whole units consumers buy at a price."""
        return max(0, int(difference(self.intercept, price) // self.slope))

    def worth(self, quantity: Price) -> Price:
        """Return what a quantity is worth to the consumers: the area below the demand curve.

        Units sold beyond a price of 0 are worth nothing.
        """
        most = mean(self.intercept, self.slope)
        used = quantity if quantity <= most else most
        triangle = product(product(self.slope, used), used)
        return difference(product(self.intercept, used), mean(triangle, 2))

    def surplus(self, cost: Price) -> Price:
        """Return the greatest gains from trade at this cost per unit: (a - c)² / 2b."""
        margin = difference(self.intercept, cost)
        return mean(product(margin, margin), product(2, self.slope)) if margin > 0 else 0

    def plain(self) -> str:
        """Return the demand as participants read it."""
        slope = "" if self.slope == 1 else f"{plain(self.slope)} "
        return f"P = {plain(self.intercept)} − {slope}Q"


USUAL_DEMAND = LinearDemand(100, 1)
"""The demand where an author says nothing else."""
