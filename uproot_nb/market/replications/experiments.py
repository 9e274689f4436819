"""Experiments: the designs that replicate each of the published studies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from uproot_nb.market.designs.design import Design
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.replications.insider_trading import mispricing_figures
from uproot_nb.market.replications.smith_tests import smith_tests
from uproot_nb.market.traders.belief import GD
from uproot_nb.market.traders.trader import Shout, View
from uproot_nb.market.traders.zero_intelligence import ZIC, ZIU
from uproot_nb.market.traders.zero_intelligence_plus import ZIP

__all__ = ["REPLICATIONS", "Replication", "expected_surpluses"]


@dataclass(frozen=True)
class Replication:
    """A published study, and the designs that repeat it.

    Attributes:
        title: what is repeated.
        designs: makes the designs, by the names that the published figures have; of a study that
            is computed, not simulated, none.
        runs: how many sessions the table in the documentation has.
        computed: returns the figures that are computed, by statistic and design.
    """

    title: str
    designs: Callable[[], Mapping[str, Design]]
    runs: int
    computed: Callable[[], Mapping[tuple[str, str], float]] | None = None


def _gode_sunder() -> dict[str, Design]:
    kinds: dict[str, Any] = {"ZI-U": ZIU, "ZI-C": ZIC}
    return {
        f"{name} {market}": Design.gode_sunder(market, kind)
        for name, kind in kinds.items()
        for market in range(1, 6)
    }


def _gjerstad_dickhaut() -> dict[str, Design]:
    kinds: dict[str, Any] = {"GD": GD, "ZI-C": ZIC}
    return {name: Design.gjerstad_dickhaut(kind, steps=300) for name, kind in kinds.items()}


_SHOUTS = {
    "symmetric": (590, 570), "flat supply": (695, 560), "excess demand": (520, 515),
    "excess supply": (525, 515),
}  # fmt: skip
"""Shouts of a day of Cliff's program, of ZI-C and of ZIP: means over 200 experiments."""


def _cliff_zic() -> dict[str, Design]:
    return {
        market: Design.cliff(market, ZIC, steps=steps) for market, (steps, _) in _SHOUTS.items()
    }


def _cliff_zip() -> dict[str, Design]:
    half = Decimal("0.50")
    shifts = {"demand up": {"demand": half}, "supply up": {"supply": -half}}
    return {
        **{
            market: Design.cliff(market, ZIP, steps=steps) for market, (_, steps) in _SHOUTS.items()
        },
        **{
            name: Design.cliff("symmetric", ZIP, periods=15, steps=535, shifts={11: shift})
            for name, shift in shifts.items()
        },
    }


_UNITS: tuple[tuple[str, Side, int], ...] = (
    ("buyer 1", "buy", 225), ("buyer 2", "buy", 280), ("buyer 3", "buy", 260),
    ("buyer 4", "buy", 305), ("seller 1", "sell", 190), ("seller 2", "sell", 140),
    ("seller 3", "sell", 230), ("seller 4", "sell", 165),
)  # fmt: skip


def expected_surpluses() -> dict[tuple[str, str], float]:
    """Return the expected surplus of each trader in Example 3 of Gjerstad and Dickhaut (1998).

    Seller 3 has asked 3.00, and buyer 1 has taken it; nobody knows more. In cents.
    """
    trader, chance = GD(), Random(0)
    trader.observe(Shout("sell", 300, False), None, chance)
    trader.observe(Shout("buy", 300, True), None, chance)
    return {
        ("expected_surplus", name): trader.expected_surplus(
            View(side, limit, None, None, None, 1, 1_000)
        )
        for name, side, limit in _UNITS
    }


REPLICATIONS: Mapping[str, Replication] = {
    "gode_sunder": Replication("Zero intelligence in five markets", _gode_sunder, 50),
    "gjerstad_dickhaut_example": Replication(
        "Beliefs after one trade", dict, 1, expected_surpluses
    ),
    "gjerstad_dickhaut": Replication("Beliefs in the symmetric market", _gjerstad_dickhaut, 60),
    "cliff_zic": Replication("Zero intelligence in Cliff's four markets", _cliff_zic, 40),
    "cliff_zip": Replication("ZIP in Cliff's four markets, day by day", _cliff_zip, 20),
    "smith": Replication("ZIP in Smith's markets, and people", smith_tests, 10),
    "schmidt_stoeckl_palan": Replication(
        "Mispricing of an asset, from recorded trades", dict, 1, mispricing_figures
    ),
}
"""By name, in the order of the documentation's page."""
