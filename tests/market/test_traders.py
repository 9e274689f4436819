"""Robot traders: what they may never do, and what the literature says that they do."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uproot_nb.errors import BadMarket
from uproot_nb.market import InducedValues, Rules
from uproot_nb.market.traders import (
    GD,
    ZIC,
    ZIP,
    ZIU,
    NearZeroIntelligence,
    Shout,
    Sniper,
    Trader,
    View,
    simulate_market,
)

BUYERS, SELLERS = [f"b{n}" for n in range(6)], [f"s{n}" for n in range(6)]
VALUES = InducedValues.symmetric(BUYERS, SELLERS, highest=120, lowest=40, step=4, units=3)
RULES = Rules(max_price=200)
MAKERS: dict[str, Callable[[int], Trader]] = {
    "ZIU": lambda n: ZIU(), "ZIC": lambda n: ZIC(), "GD": lambda n: GD(),
    "ZIP": lambda n: ZIP(Random(n), absolute=1.0), "Sniper": lambda n: Sniper() if n % 3 else ZIC(),
}  # fmt: skip

views = st.builds(
    View, st.sampled_from(["buy", "sell"]), st.integers(1, 200), st.none() | st.integers(1, 200),
    st.none() | st.integers(1, 200), st.none() | st.integers(1, 200), st.just(1), st.just(200),
    st.floats(0, 1), st.integers(1, 9),
)  # fmt: skip
shouts = st.builds(Shout, st.sampled_from(["buy", "sell"]), st.integers(1, 200), st.booleans())


def simulated(kind: str, seed: int = 1, periods: int = 4):  # noqa: ANN201
    traders = {name: MAKERS[kind](n) for n, name in enumerate([*BUYERS, *SELLERS])}
    return simulate_market(traders, VALUES, periods=periods, steps=500, rules=RULES, seed=seed)


@pytest.mark.parametrize("kind", ["ZIC", "ZIP", "GD", "Sniper"])
@given(view=views, heard=st.lists(shouts, max_size=12), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_a_constrained_trader_never_names_a_loss(
    kind: str, view: View, heard: list[Shout], seed: int
) -> None:
    trader, chance = MAKERS[kind](seed), Random(seed)
    trader.quote(view, chance)
    for shout in heard:
        trader.observe(shout, view, chance)
    price = trader.quote(view, chance)
    if price is not None:
        assert 0 < price <= 200
        assert price == int(price)
        assert price <= view.limit if view.side == "buy" else price >= view.limit


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_seed_gives_the_same_market(kind: str) -> None:
    one, two, other = simulated(kind), simulated(kind), simulated(kind, seed=2)
    assert one.order_events.equals(two.order_events)
    assert not one.order_events.equals(other.order_events)


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_made_or_lost(kind: str) -> None:
    """What buyers pay sellers get, and nobody trades a unit that is not theirs."""
    tables = simulated(kind)
    for _, traders in tables.traders.groupby("period"):
        assert traders["cash"].sum() == pytest.approx(0)
        bought = traders.query("side == 'buy'")["units"].sum()
        assert bought == traders.query("side == 'sell'")["units"].sum()
        assert traders["units"].max() <= 3
    assert not tables.trades[["value", "cost"]].isna().any().any()


def test_a_budget_makes_markets_efficient() -> None:
    """Gode and Sunder's result: not intelligence but the budget does it."""

    def mean(kind: str) -> float:
        return statistics.mean(
            simulated(kind, seed).periods["efficiency"].mean() for seed in (1, 2)
        )

    assert mean("ZIC") > 0.9 > mean("ZIU")


def test_those_who_learn_come_closer_to_equilibrium() -> None:
    """GD's prices in later periods; measured over seeds, against traders who learn nothing."""

    def late(kind: str) -> float:
        runs = (
            simulated(kind, seed, periods=5).periods["alpha"].iloc[2:].mean() for seed in (1, 2)
        )
        return statistics.mean(runs)

    assert late("GD") < late("ZIC")


def test_a_belief_falls_with_an_ask_and_rises_with_a_bid() -> None:
    trader, chance = GD(), Random(1)
    for side, price, accepted in (("sell", 90, False), ("buy", 60, False), ("sell", 75, True)):
        trader.observe(Shout(side, price, accepted), None, chance)  # type: ignore[arg-type]
    asks = [trader.belief("sell", price, 200.0) for price in range(0, 201, 5)]
    bids = [trader.belief("buy", price, 200.0) for price in range(0, 201, 5)]
    assert asks[0] == 1.0
    assert asks[-1] == 0.0
    assert bids[0] == 0.0
    assert bids[-1] == 1.0
    assert all(0 <= belief <= 1 for belief in (*asks, *bids))
    assert all(a >= b - 1e-9 for a, b in pairwise(asks))


def test_a_sniper_waits_for_a_good_deal() -> None:
    sniper, chance = Sniper(), Random(1)
    wide = View("buy", 100, 20, 90, None, 1, 200)
    assert sniper.quote(wide, chance) is None
    assert sniper.quote(View("buy", 100, 85, 90, None, 1, 200), chance) == 90
    assert sniper.quote(View("buy", 100, 20, 90, None, 1, 200, time_left=0.05), chance) == 90
    assert sniper.quote(View("buy", 80, 85, 90, None, 1, 200, time_left=0.05), chance) is None


def test_weak_foresight_sells_in_the_end() -> None:
    trader, chance = NearZeroIntelligence(), Random(1)
    early = sum(trader.side(1, chance) == "buy" for _ in range(2000)) / 2000
    late = sum(trader.side(15, chance) == "buy" for _ in range(2000)) / 2000
    assert early == pytest.approx(0.483, abs=0.05)
    assert late == pytest.approx(0.249, abs=0.05)
    assert trader.quote(View("buy", 24, None, None, None, 1, 200), chance) is not None


@pytest.mark.parametrize("kind", ["ZIC", "ZIP"])
def test_a_call_is_simulated_with_an_order_for_each_unit(kind: str) -> None:
    traders = {name: MAKERS[kind](n) for n, name in enumerate([*BUYERS, *SELLERS])}
    rules = Rules(max_price=200, call=True, no_loss=True)
    one, two = (
        simulate_market(traders, VALUES, periods=3, steps=10, rules=rules, seed=7) for _ in range(2)
    )
    assert one.order_events.equals(two.order_events)
    submitted = one.order_events.query("event == 'submit'").groupby(["period", "player"]).size()
    assert len(submitted) == 3 * len(traders)
    assert (submitted <= 3).all()
    assert sorted(set(one.trades["time"])) == [1, 11, 21]
    assert (one.trades.groupby("period")["price"].nunique() == 1).all()
    assert (one.trades[["buyer_surplus", "seller_surplus"]] >= 0).all().all()
    assert one.periods["efficiency"].between(0, 1).all()


def test_units_and_traders_must_fit() -> None:
    with pytest.raises(BadMarket, match="b1"):
        simulate_market({"b0": ZIC()}, InducedValues({"b0": [1], "b1": [1]}, {}))
