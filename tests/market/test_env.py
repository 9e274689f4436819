"""MarketEnv: a Gymnasium environment whose agent trades as a PolicyTrader in the same market."""

from __future__ import annotations

import copy
import importlib
import sys
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import gymnasium
import numpy
import pytest
from gymnasium.utils.env_checker import check_env

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import (
    Asset,
    CircuitBreaker,
    Design,
    Dividends,
    Fees,
    InducedValues,
    Rules,
    Tax,
)
from uproot_nb.market.env import MarketEnv, PolicyTrader
from uproot_nb.market.traders import GD, ZIC
from uproot_nb.market.traders.simulated_period import SimulatedPeriod

NAMES = ["b1", "b2", "b3"], ["s1", "s2", "s3"]
VALUES = InducedValues.symmetric(*NAMES, highest=120, lowest=20, step=10, units=2)
DESIGN = Design(VALUES, ZIC, periods=2, steps=60, rules=Rules(max_price=140))


def hasty(observation: Any, mask: Any) -> int:
    """Take what there is to take, else quote closer to the limit as time passes."""
    return 1 if mask[1] else 2 + int(10 * observation[7]) if observation[7] < 0.8 else 0


def play(env: MarketEnv, **reset: Any) -> tuple[list[Any], list[float], dict[str, Any]]:
    """Play an episode; return observations, rewards, and the last information."""
    observation, info = env.reset(**reset)
    seen, rewards, over = [observation], list[float](), False
    while not over:
        step = env.step(hasty(observation, info["action_mask"]))
        observation, reward, over, truncated, info = step
        assert not truncated
        seen.append(observation)
        rewards.append(reward)
    return seen, rewards, info


@pytest.mark.filterwarnings("error")
def test_gymnasium_finds_no_fault() -> None:
    check_env(MarketEnv(DESIGN, "b1"))
    made = gymnasium.make("uproot_nb/Market-v0", design=DESIGN, seat="s2", levels=5)
    check_env(made.unwrapped)
    assert isinstance(made.unwrapped, MarketEnv)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(max_price=140), Rules(max_price=140, timing="surplus"),
        Rules(max_price=140, timing="turns", improvement=True, lapse="trade"),
        Rules(max_price=140, buyer_tax=Tax(7), seller_tax=Tax(-3)),
        Rules(max_price=140, good_for=15, terms=("iceberg",)),
        Rules(max_price=140, breaker=CircuitBreaker(Decimal("0.05"), 20)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seat", ["b1", "s2"])
def test_an_agent_earns_what_its_policy_earns_in_a_simulation(seat: str, rules: Rules) -> None:
    traders: Any = {name: GD if name != seat else ZIC for side in NAMES for name in side}
    design = replace(DESIGN, traders=traders, rules=rules, practice=1)
    _, rewards, info = play(MarketEnv(design, seat), options={"market": 3})
    policy = {seat: PolicyTrader(hasty)}
    tables = replace(design, traders={**traders, **policy}).simulate(3)
    earned = tables.traders.query("player == @seat")["surplus"].sum()
    assert info["profit"] == pytest.approx(sum(rewards))
    assert sum(rewards) == pytest.approx(float(earned))  # after taxes
    assert sum(rewards) > 0


def test_a_policy_has_the_same_mask_where_it_trades_as_where_it_was_trained() -> None:
    def nearest(observation: Any, mask: Any) -> int:
        return int(numpy.flatnonzero(mask)[-1])

    names = [name for side in NAMES for name in side]
    policy: Any = {**dict.fromkeys(names, ZIC), "b1": PolicyTrader(nearest, levels=6)}
    rules = Rules(max_price=140, improvement=True)
    design = replace(DESIGN, traders=policy, rules=rules)
    env = MarketEnv(design, "b1", levels=6)
    _, info = env.reset(options={"market": 1})
    over = False
    while not over:
        _, _, over, _, info = env.step(nearest(None, info["action_mask"]))
    earned = design.simulate(1).traders.query("player == 'b1'")["surplus"].sum()
    assert info["profit"] == float(earned) > 0


def test_a_seed_says_what_all_markets_are() -> None:
    env, other = MarketEnv(DESIGN, "b1"), MarketEnv(DESIGN, "b1")
    first, second = play(env, seed=1), play(env)
    again, next_one = play(other, seed=1), play(other)
    assert first[2]["market"] != second[2]["market"]
    for one, two in ((first, again), (second, next_one)):
        assert numpy.array_equal(one[0], two[0])
        assert one[1] == two[1]


def test_observations_are_in_their_space_and_say_what_is_seen() -> None:
    env = MarketEnv(DESIGN, "s1")
    seen, _, _ = play(env, seed=2)
    assert all(env.observation_space.contains(one) for one in seen)
    assert {one[0] for one in seen[:-1]} == {0.0}
    assert {round(140 * float(one[1])) for one in seen[:-1]} <= set(VALUES.costs["s1"])
    assert {float(one[8]) for one in seen[:-1]} <= {1.0, 0.5}


def test_an_action_that_is_not_legal_is_to_wait() -> None:
    waits, wrong = MarketEnv(DESIGN, "b1"), MarketEnv(DESIGN, "b1")
    _, info = wrong.reset(seed=5)
    waits.reset(seed=5)
    over = False
    while not over:
        (illegal, *_) = [*numpy.flatnonzero(info["action_mask"] == 0), 0]
        observation, reward, over, _, info = wrong.step(illegal)
        there, same, *_ = waits.step(0)
        assert numpy.array_equal(observation, there)
        assert reward == same == 0
    assert info["action_mask"].tolist() == [1] + [0] * 21


@pytest.mark.parametrize(
    ("seat", "rules", "message"),
    [
        ("b9", Rules(), "b1, s1"), ("b1", Rules(call=True), "one at a time"),
        ("b1", Rules(timing="answers", lapse="shout"), "one at a time"),
    ],
)  # fmt: skip
def test_a_market_without_turns_is_refused(seat: str, rules: Rules, message: str) -> None:
    with pytest.raises(BadMarket, match=message):
        MarketEnv(replace(DESIGN, rules=rules), seat)


def test_a_design_of_several_arms_or_without_robots_is_refused() -> None:
    with pytest.raises(BadMarket, match=r"MarketEnv\(design.arm\('tax'\), 'b1'\)"):
        MarketEnv(replace(DESIGN, arms={"tax": {"rules": Rules(buyer_tax=Tax(1))}}), "b1")
    with pytest.raises(BadMarket, match="no robot traders"):
        MarketEnv(replace(DESIGN, traders=None), "b1")


def test_a_seat_without_a_robot_is_told_what_to_do_at_the_design() -> None:
    others = {name: ZIC for side in NAMES for name in side if name != "b1"}
    with pytest.raises(BadMarket, match=r"do not fit: b1\.\n.*MarketEnv\(design, 'b1'\)"):
        Design(VALUES, others)


@pytest.mark.parametrize("knows", [True, False])
def test_who_buys_and_sells_does_not_take_its_own_quote(
    knows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not know what it has quoted is refused; who does never is."""
    refused: list[str] = []
    shout = SimulatedPeriod.shout

    def noted(period: SimulatedPeriod, name: str, *args: Any) -> Any:
        outcome = shout(period, name, *args)
        if outcome is None:
            refused.append(name)
        return outcome

    monkeypatch.setattr(SimulatedPeriod, "shout", noted)
    if not knows:
        monkeypatch.setattr(PolicyTrader, "_standing", lambda trader, view: {})
    values = InducedValues({"m": [110, 90], "b": [60]}, {"m": [20, 30], "s": [50]})
    env = MarketEnv(Design(values, ZIC, periods=2, steps=80, rules=Rules(max_price=140)), "m")
    env.action_space.seed(1)
    for seed in range(4):
        _, info = env.reset(seed=seed)
        over = False
        while not over:
            action = env.action_space.sample(mask=info["action_mask"])
            _, _, over, _, info = env.step(action)
    assert ("m" in refused) is not knows


def test_what_is_no_number_of_levels_and_no_option_is_refused() -> None:
    for levels in (-1, 2.5, True):
        with pytest.raises(BadMarket, match="levels="):
            MarketEnv(DESIGN, "b1", levels=levels)  # type: ignore[arg-type]
    with pytest.raises(BadMarket, match="no option 'seed'"):
        MarketEnv(DESIGN, "b1").reset(options={"seed": 7})


def test_a_design_of_an_asset_is_refused() -> None:
    asset = Asset(Dividends((0, 8), periods=3), {"a": (225, 3), "b": (585, 2)})
    with pytest.raises(BadMarket, match="nobody has values"):
        MarketEnv(Design(asset, ZIC, periods=3), "a")


def test_a_market_is_reset_before_the_first_step() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        MarketEnv(DESIGN, "b1").step(0)


def test_who_lacks_gymnasium_reads_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "uproot_nb.market.env")
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ImportError, match=r'pip install "uproot_nb\[gym\]"'):
        importlib.import_module("uproot_nb.market.env")


def drawn_design(chance: Random) -> Design:
    """Return a market with rules and values drawn at random, in which somebody may do both."""
    units = [[chance.randint(1, 120) for _ in range(chance.randint(1, 3))] for _ in range(5)]
    values = {"t0": units[0], "t1": units[1]}
    costs = {"t2": units[2], "t3": units[3]} | ({"t0": units[4]} if chance.random() < 0.5 else {})
    rules = Rules(
        tick=chance.choice([1, Decimal("0.05")]), improvement=chance.random() < 0.4,
        no_loss=chance.random() < 0.4, self_trade=chance.choice(["refuse", "cancel_oldest"]),
        lapse=chance.choice([None, None, "trade", "own"]), max_orders=chance.choice([None, 1]),
        timing=chance.choice(["uniform", "surplus", "turns"]), floor=chance.choice([None, 30]),
        ceiling=chance.choice([None, 80]), buyer_tax=chance.choice([Tax(), Tax(5), Tax(-5)]),
        fees=chance.choice([Fees(), Fees(maker=1, taker=2)]), max_price=chance.choice([100, 200]),
        good_for=chance.choice([None, 5]), short_sales=chance.random() < 0.8,
    )  # fmt: skip
    return Design(InducedValues(values, costs), ZIC, periods=2, steps=25, rules=rules)


def is_taken(env: MarketEnv, action: int) -> bool:
    """Return whether the market's own book takes an action's price, on a copy of the book."""
    turns: Any = env._turns
    book, view = copy.deepcopy(turns.gi_frame.f_locals["one"].book), env._view
    assert view is not None
    price = env._agent._named(action, view)
    own = [order for order in book.account(env.seat).orders.values() if order.side == view.side]
    if price is None or price == view.own:
        return price is not None  # it is shouted again
    try:
        if own:
            book.replace(env.seat, own[0].number, price)
        else:
            book.limit(env.seat, view.side, price)
    except OrderRefused:
        return False
    return True


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_the_market_takes_each_legal_action_and_an_illegal_one_is_to_wait(seed: int) -> None:
    chance = Random(seed)
    design, checked = drawn_design(chance), 0
    for seat in ("t0", "t2"):
        env, waiting = (MarketEnv(design, seat, levels=6) for _ in range(2))
        for each in (env, waiting):
            _, info = each.reset(options={"market": seed})
        over = env._view is None
        while not over:
            legal = numpy.flatnonzero(info["action_mask"]).tolist()
            for action in legal[1:]:
                assert is_taken(env, action), (env._view, action, design.rules)
                checked += 1
            illegal = numpy.flatnonzero(info["action_mask"] == 0).tolist()
            chosen = chance.choice(legal if chance.random() < 0.5 or not illegal else illegal)
            seen, earned, over, _, info = env.step(chosen)
            same = waiting.step(chosen if chosen in legal else 0)
            assert (seen == same[0]).all()
            assert (earned, over, info["profit"]) == (same[1], same[2], same[4]["profit"])
    assert checked
