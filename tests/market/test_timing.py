"""When robot traders act in a simulation: by chance, in turn, by surplus, and in auction steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from uproot_nb.errors import BadMarket
from uproot_nb.market import Dividends, InducedValues, Rules
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.traders import (
    GD,
    ZIC,
    ZIP,
    Heedless,
    NearZeroIntelligence,
    Shout,
    Trader,
    View,
    simulate_asset_market,
    simulate_market,
)
from uproot_nb.market.traders.trader import expected_surplus

BUYERS, SELLERS = [f"b{n}" for n in range(5)], [f"s{n}" for n in range(5)]
VALUES = InducedValues.symmetric(BUYERS, SELLERS, highest=100, lowest=20, step=8, units=2)
ANSWERS = Rules(lapse="shout", timing="answers", max_price=150)
STEPS = Rules(improvement=True, lapse="trade", timing="steps", max_price=150)


@dataclass
class Fixed:
    """Names a price of its own, and notes what it was asked and what it heard."""

    price: Price | None
    surplus: float = 0.0
    asked: list[View] = field(default_factory=list)
    heard: list[Shout] = field(default_factory=list)

    def quote(self, view: View, chance: Random) -> Price | None:
        self.asked.append(view)
        return self.price

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        self.heard.append(shout)

    def expected_surplus(self, view: View) -> float:
        return self.surplus


def units(names: Mapping[str, Any]) -> InducedValues:
    """Give each a unit: who begins with b is a buyer."""
    return InducedValues(
        {name: [100] for name in names if name[0] == "b"},
        {name: [10] for name in names if name[0] == "s"},
    )


def test_in_turn_everybody_acts_once_in_each_round_in_orders_that_differ() -> None:
    order: list[str] = []

    class Noting(Heedless):
        def __init__(self, name: str) -> None:
            self.name = name

        def quote(self, view: View, chance: Random) -> None:
            order.append(self.name)

    traders = {name: Noting(name) for name in [*BUYERS, *SELLERS]}
    simulate_market(traders, VALUES, steps=100, rules=Rules(timing="turns"))
    rounds = [tuple(order[begin : begin + 10]) for begin in range(0, 100, 10)]
    assert all(sorted(one) == sorted(traders) for one in rounds)
    assert len(set(rounds)) > 5


def test_who_expects_more_acts_more_often_and_who_expects_nothing_never() -> None:
    traders = {"b0": Fixed(None, 3.0), "b1": Fixed(None, 1.0), "s0": Fixed(None, 0.0)}
    rules = Rules(timing="surplus")
    simulate_market(traders, units(traders), steps=2_000, rules=rules, seed=1)
    acted = {name: len(trader.asked) for name, trader in traders.items()}
    assert acted["s0"] == 0
    assert acted["b0"] + acted["b1"] == 2_000
    assert 1_400 < acted["b0"] < 1_600


def test_nobody_acts_where_nobody_expects_a_surplus() -> None:
    traders: Any = {"b0": Fixed(10), "s0": Fixed(10)}
    tables = simulate_market(traders, units(traders), steps=50, rules=Rules(timing="surplus"))
    assert list(tables.order_events["event"]) == ["close"]


def test_what_is_expected_of_a_trader_without_beliefs_is_the_most_there_is() -> None:
    buys = View("buy", 90, None, None, None, 1, 200, lowest=20)
    sells = View("sell", 90, None, None, None, 1, 200)
    assert (expected_surplus(ZIC(), buys), expected_surplus(ZIC(), sells)) == (70, 110)
    gd = GD()
    for price in (60, 70):
        gd.observe(Shout("buy", price, True), None, Random(1))
    price = gd.quote(sells, Random(1))
    assert price is not None
    belief = gd.belief("sell", float(price), 200.0)
    assert expected_surplus(gd, sells) == pytest.approx(belief * (float(price) - 90))


@pytest.mark.long
@pytest.mark.parametrize("kind", [ZIC, GD, lambda: ZIP(Random(4), absolute=1.0)])
def test_each_shout_is_answered_at_once_or_lapses(kind: Any) -> None:
    traders: dict[str, Trader] = {name: kind() for name in [*BUYERS, *SELLERS]}
    events = simulate_market(traders, VALUES, steps=300, rules=ANSWERS, seed=2).order_events
    for _, shout in events[events["event"] != "close"].groupby("time"):
        what = list(shout["event"])
        assert what in (["submit", "cancel"], ["submit", "submit", "fill", "fill"])
        first = shout.iloc[0]
        assert (shout.loc[shout["event"] == "fill", "price"] == first["price"]).all()
        assert len(set(shout["side"])) == len(set(shout["player"])) == len(set(shout["order"]))
    assert (events["event"] == "fill").sum() >= 8


@pytest.mark.long
def test_all_who_would_take_a_shout_have_the_same_chance() -> None:
    """As in the program printed with Cliff and Bruten 1997: a draw among the willing."""
    takers: Counter[str] = Counter()
    for seed in range(300):
        traders: dict[str, Any] = {"s0": Fixed(50), "b0": Fixed(60), "b1": Fixed(50)}
        traders |= {"b2": Fixed(40), "b3": Fixed(None)}
        tables = simulate_market(traders, units(traders), steps=30, rules=ANSWERS, seed=seed)
        first = tables.trades.iloc[0]
        if first["initiator"] == "buy":
            takers[first["buyer"]] += 1
            assert first["price"] == 50
            assert Shout("sell", 50, True, answered=True) in traders["b3"].heard
    assert set(takers) == {"b0", "b1"}
    assert abs(takers["b0"] - takers["b1"]) < 40


def test_gd_counts_a_shout_that_was_answered_as_taken_itself() -> None:
    one, other = GD(), GD()
    one.observe(Shout("sell", 50, True, answered=True), None, Random(1))
    other.observe(Shout("sell", 50, False), None, Random(1))
    other.observe(Shout("buy", 50, True), None, Random(1))
    for price in range(1, 150, 7):
        assert one.belief("sell", price, 150.0) == other.belief("sell", price, 150.0)


def test_in_auction_steps_the_holders_of_the_best_quotes_accept_or_nobody() -> None:
    """Naive: of all quotes of a step only the best of each side is current, and they trade."""
    traders: dict[str, Any] = {
        "b0": Fixed(40), "b1": Fixed(45), "s0": Fixed(60), "s1": Fixed(55), "s2": Fixed(None),
    }  # fmt: skip
    tables = simulate_market(traders, units(traders), steps=3, rules=STEPS)
    quotes = tables.order_events.query("event == 'submit'")
    assert sorted(zip(quotes["player"], quotes["price"], strict=True)) == [("b1", 45), ("s1", 55)]
    # in each step all are asked for a quote, then the two holders whether they accept
    assert [len(trader.asked) for trader in traders.values()] == [3, 6, 3, 6, 3]
    assert all(view.bid == 45 and view.ask == 55 for view in traders["b0"].asked[1:])


@pytest.mark.long
def test_where_one_side_has_no_quote_everybody_on_it_may_accept() -> None:
    class Background(Heedless):
        def quote(self, view: View, chance: Random) -> Price | None:
            return view.ask

    bought: Counter[str] = Counter()
    for seed in range(200):
        traders: Any = {"b0": Background(), "b1": Background(), "s0": Fixed(50)}
        tables = simulate_market(traders, units(traders), steps=1, rules=STEPS, seed=seed)
        bought.update(tables.trades["buyer"])
        assert list(tables.trades["price"]) == [50]
    assert set(bought) == {"b0", "b1"}
    assert 70 < bought["b0"] < 130


@pytest.mark.long
def test_where_both_accept_a_draw_says_at_whose_price() -> None:
    prices: Counter[float] = Counter()
    for seed in range(200):
        traders: Any = {"b0": Fixed(60), "b1": Fixed(20), "s0": Fixed(50), "s1": Fixed(90)}
        tables = simulate_market(traders, units(traders), steps=1, rules=STEPS, seed=seed)
        prices.update(tables.trades["price"])
        assert tables.book.iloc[-1][["bid", "ask"]].isna().all()
    assert set(prices) == {50, 60}
    assert 70 < prices[50] < 130


@pytest.mark.long
@pytest.mark.parametrize("kind", [ZIC, GD])
def test_a_step_has_one_trade_at_most_and_quotes_get_better_until_it(kind: Any) -> None:
    traders: dict[str, Trader] = {name: kind() for name in [*BUYERS, *SELLERS]}
    tables = simulate_market(traders, VALUES, steps=200, rules=STEPS, seed=3)
    assert tables.trades["time"].is_unique
    assert tables.periods["efficiency"][0] > 0.8
    again = simulate_market(
        {name: kind() for name in traders}, VALUES, steps=200, rules=STEPS, seed=3
    )
    assert again.order_events.equals(tables.order_events)


def test_in_auction_steps_all_legal_quotes_are_heard_by_all() -> None:
    """Participant's manual (Palmer, Rust and Miller 1990), section 1.2: all bids and offers.

    Naive: in each step, all quotes that are better than what stood before it; the best come last.
    """
    traders: dict[str, Any] = {
        "b0": Fixed(10), "b1": Fixed(30), "b2": Fixed(20), "b3": Fixed(151),
        "s0": Fixed(100), "s1": Fixed(80), "s2": Fixed(90), "s3": Fixed(None),
    }  # fmt: skip
    tables = simulate_market(traders, units(traders), steps=2, rules=STEPS)
    quotes = tables.order_events.query("event == 'submit'")
    assert sorted(zip(quotes["player"], quotes["price"], strict=True)) == [("b1", 30), ("s1", 80)]
    for trader in traders.values():
        heard = [(one.side, one.price) for one in trader.heard]
        assert heard[:4] == [("buy", 10), ("buy", 20), ("sell", 100), ("sell", 90)]
        assert sorted(heard[4:]) == [("buy", 30), ("sell", 80)]
        assert not any(one.accepted for one in trader.heard)


def test_in_auction_steps_a_quote_that_the_rules_refuse_is_in_nobodys_way() -> None:
    traders: dict[str, Any] = {
        "b0": Fixed(40), "b1": Fixed(120), "s0": Fixed(60), "s1": Fixed(5),
    }  # fmt: skip
    rules = replace(STEPS, no_loss=True)
    tables = simulate_market(traders, units(traders), steps=1, rules=rules)
    quotes = tables.order_events.query("event == 'submit'")
    assert sorted(zip(quotes["player"], quotes["price"], strict=True)) == [("b0", 40), ("s0", 60)]
    assert sorted((one.side, one.price) for one in traders["b0"].heard) == [
        ("buy", 40), ("sell", 60),
    ]  # fmt: skip


@dataclass
class Yielding(Heedless):
    """Quotes a price first, and is content with another as soon as somebody else's stands."""

    first: Price
    then: Price

    def quote(self, view: View, chance: Random) -> Price:
        there = view.ask if view.side == "buy" else view.bid
        return self.first if there is None else self.then


K = {"trade_price": "k", "k": Decimal("0.25")}


@pytest.mark.parametrize("timing", [ANSWERS, STEPS])
@pytest.mark.parametrize("own", [{"trade_price": "taker"}, {"trade_price": "middle"}, K, {}])
def test_who_accepts_trades_at_the_price_that_the_rules_say(
    timing: Rules, own: dict[str, Any]
) -> None:
    """Naive: of the shout and the accepting trader's own price, the share k of the bid."""
    seen = set[str]()
    for seed in range(20):
        traders: dict[str, Any] = {"b0": Yielding(40, 80), "s0": Yielding(70, 20)}
        rules = replace(timing, **own)
        tables = simulate_market(traders, units(traders), steps=2, rules=rules, seed=seed)
        (trade,) = tables.trades.to_dict("records")
        bid, ask = (80, 70) if trade["initiator"] == "buy" else (40, 20)
        maker, taker = (ask, bid) if trade["initiator"] == "buy" else (bid, ask)
        prices = {
            "maker": maker, "taker": taker, "middle": (bid + ask) // 2,
            "k": int(0.75 * ask + 0.25 * bid),
        }  # fmt: skip
        assert trade["price"] == prices[rules.trade_price]
        seen.add(str(trade["initiator"]))
    assert seen == {"buy", "sell"}


def test_asset_markets_know_no_other_timing() -> None:
    with pytest.raises(BadMarket, match="drawn all alike"):
        simulate_asset_market(
            {"a": NearZeroIntelligence()}, Dividends((0, 1), 2), {"a": (10, 1)},
            rules=Rules(timing="turns"),
        )  # fmt: skip


def test_a_price_control_is_the_end_of_the_range_that_robots_think_of() -> None:
    rules = Rules(floor=55, ceiling=65)
    for kind in (ZIC, GD, lambda: ZIP(Random(3), absolute=1.0)):
        traders: dict[str, Trader] = {name: kind() for name in [*BUYERS, *SELLERS]}
        tables = simulate_market(traders, VALUES, steps=300, rules=rules, seed=5)
        quotes = tables.order_events.query("event == 'submit'")["price"]
        assert quotes.between(55, 65).all()
        assert len(tables.trades) > 3
