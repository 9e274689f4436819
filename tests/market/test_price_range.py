"""A range of prices far beyond what units are worth is warned of where it is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.silence import without_warning
from uproot_nb.market import Design, Dividends, InducedValues, Rules
from uproot_nb.market.orderbook.rules import NO_LIMIT
from uproot_nb.market.traders import ZIC, simulate_asset_market, simulate_market

VALUES = InducedValues({"b0": [90, 80]}, {"s0": [10, Decimal("20.5")]})
HELD: Any = {"b0": (100, 1), "s0": (500, 1)}
ASSET = Dividends((0, 10), periods=2)


def traders() -> dict[str, Any]:
    return {"b0": ZIC(), "s0": ZIC()}


def simulate(rules: Rules | None) -> None:
    simulate_market(traders(), VALUES, steps=3, rules=rules)


def design(rules: Rules | None) -> None:
    Design(VALUES, ZIC, steps=3, rules=rules)


def simulate_asset(rules: Rules | None) -> None:
    simulate_asset_market(traders(), ASSET, HELD, steps=3, rules=rules)


@pytest.mark.parametrize(("run", "worth"), [(simulate, 90), (design, 90), (simulate_asset, 500)])
def test_a_range_far_beyond_the_values_is_warned_of_at_its_line(run: Any, worth: int) -> None:
    with pytest.warns(UserWarning, match=f"max_price={10 * worth + 1} is far beyond.*{worth}") as w:
        run(Rules(max_price=10 * worth + 1))
    assert [one.filename for one in w] == [__file__]


@pytest.mark.parametrize("run", [simulate, design, simulate_asset])
@pytest.mark.parametrize("most", [None, NO_LIMIT, 200, 900])
def test_other_ranges_are_not_warned_of(run: Any, most: int | None) -> None:
    with without_warning():
        run(None if most is None else Rules(max_price=most))
