"""AA: adaptive aggressiveness, its learning step by step, and what it makes of markets."""

from __future__ import annotations

from dataclasses import replace as replace_rules
from random import Random

import pytest
from msgspec.structs import replace

from uproot_nb.market import Design, InducedValues, Rules
from uproot_nb.market.orderbook.presets import CLIFF
from uproot_nb.market.traders import AA, ZIC, ZIP, Shout, View
from uproot_nb.market.traders.aggressiveness import aggressiveness_at

CHANCE = Random(1)
BUYS = View("buy", 120, None, None, None, 1, 200)
SELLS = View("sell", 80, None, None, None, 1, 200)

NAMES = [f"b{n}" for n in range(6)], [f"s{n}" for n in range(6)]
SYMMETRIC = InducedValues.symmetric(*NAMES, highest=325, lowest=75, step=14, units=3)
KINDS = {
    "AA": AA, "ZIP": lambda chance: ZIP(chance, absolute=5.0), "ZIC": ZIC,
}  # fmt: skip


def after_trades(*prices: int) -> AA:
    trader = AA(Random(1))
    for price in prices:
        trader.observe(Shout("buy", price, True), None, CHANCE)
    return trader


def test_the_estimate_weighs_the_newest_trades_most() -> None:
    trader = after_trades(500, 90, 100, 110, 100, 120)  # the first is forgotten
    weights = [1, 0.9, 0.9**2, 0.9**3, 0.9**4]
    prices = [120, 100, 110, 100, 90]
    mean = sum(w * p for w, p in zip(weights, prices, strict=True)) / sum(weights)
    assert trader.equilibrium == pytest.approx(mean)


def test_before_any_trade_it_goes_a_third_of_the_way() -> None:
    trader = AA(Random(1))
    assert trader.quote(BUYS, CHANCE) == 40  # from 0 to its value
    assert trader.quote(replace(BUYS, bid=60, ask=90), CHANCE) == 72  # to 90 * 1.05 + 0.05
    assert trader.quote(SELLS, CHANCE) == 160
    assert trader.quote(replace(SELLS, bid=100, ask=160), CHANCE) == 138  # to 100 * 0.95 - 0.05
    assert trader.quote(replace(BUYS, bid=120), CHANCE) is None


def test_then_it_takes_what_is_no_worse_than_its_target() -> None:
    trader = after_trades(100)
    trader.aggressiveness = {"buy": 0.0, "sell": 0.0}
    assert trader.quote(replace(BUYS, bid=70, ask=100), CHANCE) == 100
    assert trader.quote(replace(BUYS, bid=70, ask=101), CHANCE) == 80
    assert trader.quote(replace(SELLS, bid=100, ask=130), CHANCE) == 100
    assert trader.quote(replace(SELLS, bid=99, ask=130), CHANCE) == 120
    assert trader.quote(replace(BUYS, bid=99, ask=101), CHANCE) == 100  # by one tick at least
    assert trader.quote(replace(BUYS, bid=100, ask=101), CHANCE) is None
    assert trader.quote(replace(BUYS, bid=100, ask=101, own=100), CHANCE) == 100


def test_a_step_of_learning() -> None:
    """r <- r + b1 (d - r), with d a bit beside the aggressiveness at the price that was heard."""
    trader = after_trades(100, 100)
    trader.aggressiveness["buy"], trader._short = 0.2, 0.5
    trader.observe(Shout("buy", 110, False), BUYS, CHANCE)
    heard = aggressiveness_at("buy", 120, 100, 110, trader.theta, 200)
    assert trader.aggressiveness["buy"] == pytest.approx(0.2 + 0.5 * (heard * 1.05 + 0.05 - 0.2))
    trader.aggressiveness["buy"] = 0.9
    trader.observe(Shout("sell", 100, True), BUYS, CHANCE)  # it would have paid more
    assert trader.aggressiveness["buy"] == pytest.approx(0.9 + 0.5 * (0 - 0.05 - 0.9))


@pytest.mark.parametrize(
    ("shout", "direction"),
    [
        (Shout("buy", 115, True), 1), (Shout("sell", 115, True), 1), (Shout("sell", 90, True), -1),
        (Shout("buy", 115, False), 1), (Shout("buy", 90, False), 0), (Shout("sell", 90, False), 0),
    ],
)  # fmt: skip
def test_who_hears_what_becomes_more_or_less_aggressive(shout: Shout, direction: int) -> None:
    trader = after_trades(100, 100, 100)
    trader.aggressiveness["buy"] = 0.0
    trader.observe(shout, BUYS, CHANCE)
    after = trader.aggressiveness["buy"]
    assert (after > 0) - (after < 0) == direction
    mirrored, other = after_trades(100, 100, 100), {"buy": "sell", "sell": "buy"}
    mirrored.aggressiveness["sell"] = 0.0
    there = Shout(other[shout.side], 200 - int(shout.price), shout.accepted)  # type: ignore[arg-type]
    mirrored.observe(there, SELLS, CHANCE)
    moved = mirrored.aggressiveness["sell"]
    assert (moved > 0) - (moved < 0) == direction


def test_volatile_prices_lower_theta_and_calm_ones_raise_it() -> None:
    trader = after_trades(100)
    first = trader.theta
    trader.observe(Shout("buy", 100, True), None, CHANCE)
    assert trader.theta == first  # there is nothing to compare yet
    trader.observe(Shout("buy", 150, True), None, CHANCE)
    assert trader.theta < first
    low = trader.theta
    for _ in range(6):
        trader.observe(Shout("buy", 130, True), None, CHANCE)
    assert trader.theta > low


def test_who_has_nothing_left_learns_of_prices_alone() -> None:
    trader = after_trades(100)
    before = dict(trader.aggressiveness)
    trader.observe(Shout("buy", 150, True), None, CHANCE)
    trader.observe(Shout("buy", 160, False), None, CHANCE)
    assert trader.equilibrium == pytest.approx((150 + 90) / 1.9)
    assert trader.aggressiveness == before


def test_where_its_quote_has_lapsed_it_goes_on_from_there() -> None:
    trader = AA(Random(1))
    quotes = [trader.quote(BUYS, CHANCE) for _ in range(20)]
    assert quotes[:3] == [40, 67, 85]
    assert quotes[-1] == quotes[-2] == 120  # its limit, again and again
    assert trader.quote(replace(BUYS, ask=100), CHANCE) == 100
    assert trader.quote(replace(BUYS, ask=130), CHANCE) == 120
    trader.observe(Shout("sell", 110, True), None, CHANCE)
    assert trader.quote(BUYS, CHANCE) == 35  # after a trade it starts anew
    seller = AA(Random(1))
    quotes = [seller.quote(SELLS, CHANCE) for _ in range(20)]
    assert quotes[:2] == [160, 133]
    assert quotes[-1] == quotes[-2] == 80
    assert seller.quote(replace(SELLS, bid=100), CHANCE) == 100
    assert seller.quote(replace(SELLS, period=2), CHANCE) == 160


@pytest.mark.long
@pytest.mark.parametrize(
    "rules",
    [replace_rules(CLIFF, tick=1, max_price=400), Rules(max_price=400, good_for=3.0)],
)  # fmt: skip
def test_it_trades_where_quotes_lapse(rules: Rules) -> None:
    design = Design(SYMMETRIC, AA, periods=2, steps=400, rules=rules)
    assert design.simulate(1).periods["efficiency"].mean() > 0.8


def test_it_quotes_a_price_bound_while_nobody_has() -> None:
    buyer, seller = after_trades(50, 50), after_trades(80, 80)
    assert buyer.quote(replace(BUYS, lowest=60), CHANCE) == 60
    assert seller.quote(replace(SELLS, limit=10, highest=60), CHANCE) == 60
    assert AA(Random(1)).quote(replace(SELLS, limit=200), CHANCE) == 200
    assert AA(Random(1)).quote(replace(SELLS, limit=201), CHANCE) is None
    assert after_trades(50).quote(replace(BUYS, lowest=60, bid=60), CHANCE) is None
    rules = Rules(max_price=400, floor=200, ceiling=200)
    tables = Design(SYMMETRIC, AA, periods=1, steps=400, rules=rules).simulate(1)
    assert tables.periods["efficiency"].tolist() == [1]


@pytest.mark.slow
def test_prices_are_closer_to_equilibrium_than_zips_and_zips_than_zics() -> None:
    """What the paper finds in symmetric markets; over seeds, here with three units each."""
    alphas, efficiencies = dict[str, float](), dict[str, float]()
    for kind, maker in KINDS.items():
        design = Design(SYMMETRIC, maker, periods=5, steps=1_000, rules=Rules(max_price=400))
        periods = [design.simulate(seed).periods for seed in range(6)]
        alphas[kind] = sum(one["alpha"].mean() for one in periods)
        efficiencies[kind] = sum(one["efficiency"].mean() for one in periods)
    assert alphas["AA"] < alphas["ZIP"] < alphas["ZIC"]
    assert efficiencies["AA"] > efficiencies["ZIP"] > efficiencies["ZIC"]
