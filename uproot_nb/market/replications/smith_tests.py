"""Smith's tests: his ten markets of 1962, with ZIP robots in the place of people."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from uproot_nb.market.designs.design import Design
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.presets import CLIFF
from uproot_nb.market.traders.trader import View
from uproot_nb.market.traders.zero_intelligence_plus import ZIP

__all__ = ["OfferTaker", "smith_tests"]

_PARTS: dict[str, tuple[dict[int, str], int]] = {
    "1": ({1: "1"}, 5), "2": ({1: "2"}, 3), "3": ({1: "3"}, 4), "4": ({1: "4A", 5: "4B"}, 7),
    "5": ({1: "5A", 5: "5B"}, 6), "6": ({1: "6A", 5: "6B"}, 5), "7": ({1: "7"}, 6),
    "8": ({1: "8"}, 6), "9": ({1: "9A", 4: "9B"}, 4), "10": ({1: "10"}, 3),
}  # fmt: skip
"""Which part of a test begins with which period, and how many periods there are.

Test 6B had a second period, which time cut short; Table 1 has no alpha for it."""

_OFFERS_ALONE = 4
"""Periods of test 8A, in which only sellers were permitted to enunciate offers (p. 124)."""


class OfferTaker(ZIP):
    """A ZIP trader who makes no bids in test 8A, and takes or leaves what sellers offer.

    With `Rules(timing="answers")` a buyer sees an ask only when that is put to it.
    """

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return its price; None where that would be a bid which nobody asked for."""
        makes_a_bid = view.side == "buy" and view.ask is None
        if makes_a_bid and view.period <= _OFFERS_ALONE:
            return None
        return super().quote(view, chance)


def _in_cents(chance: Random) -> ZIP:
    return ZIP(chance, absolute=5)


def _taker_in_cents(chance: Random) -> OfferTaker:
    return OfferTaker(chance, absolute=5)


def smith_tests() -> dict[str, Design]:
    """Return the designs of the ten tests; part B of one follows on its part A."""
    rules = replace(CLIFF, tick=1, max_price=2_000)
    return {
        f"test {test}": Design(
            {begin: Design.smith(test=part).values_in(1) for begin, part in parts.items()},
            _taker_in_cents if test == "8" else _in_cents,
            periods=periods, rules=rules, steps=550,
        )
        for test, (parts, periods) in _PARTS.items()
    }  # fmt: skip
