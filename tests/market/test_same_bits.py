"""A seed gives the same market in each version, to the last bit that a platform does not decide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.market.random_markets import digest, random_tables

KNOWN: dict[str, str] = json.loads(Path(__file__).with_name("random_markets.json").read_text())
"""The digests of markets as version 0.1.0 first simulated them; calls, since ZIP learns in them."""


@pytest.mark.long
@pytest.mark.parametrize("number", sorted(map(int, KNOWN)))
def test_a_market_is_what_it_was(number: int) -> None:
    assert digest(random_tables(number)) == KNOWN[str(number)]
