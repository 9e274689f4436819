"""The best quotes that a simulation notes give the mean spread that its order events give."""

from __future__ import annotations

import math

import pytest

from tests.market.random_markets import random_tables
from uproot_nb.market.analysis.quotes import spreads
from uproot_nb.market.analysis.results import SimulatedMarket
from uproot_nb.market.analysis.statistics import time_weighted_mean

WITHOUT_ASSET = [number for number in range(18) if number % 8 != 7]


@pytest.mark.parametrize("number", WITHOUT_ASSET)
def test_the_mean_spread_is_that_of_the_events(number: int) -> None:
    market = random_tables(number)
    assert isinstance(market, SimulatedMarket)
    for its in market._recorded[0]:
        noted = time_weighted_mean(*spreads(its), its.end)
        its.best = []
        found = time_weighted_mean(*spreads(its), its.end)
        assert noted == found or (math.isnan(noted) and math.isnan(found))
