"""Outcomes of institutions beside plain recomputations: ties, no bids, reserves, one bidder."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from math import ceil, exp, log
from random import Random
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.institutions.naive_sales import naive_multi_unit, naive_posted_offer, naive_sealed_bid
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.institutions import (
    BertrandMarket,
    CommonValue,
    CournotMarket,
    Decision,
    DutchClock,
    Endowment,
    EnglishClock,
    Game,
    Institution,
    LinearDemand,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
    Seen,
    ZeroIntelligence,
    simulate_institution,
)
from uproot_nb.institutions.auctions.multi_unit import multi_unit_outcome
from uproot_nb.institutions.auctions.sealed_bid import sealed_bid_outcome
from uproot_nb.institutions.auctions.values import drawn_between
from uproot_nb.institutions.game import ABSENT
from uproot_nb.institutions.oligopoly import shared_demand
from uproot_nb.institutions.prediction_market import scoring_rule_cost, scoring_rule_prices

WHOLE = st.integers(0, 6)
CENTS = WHOLE.map(lambda count: Decimal("0.05") * count)
AMOUNTS = st.sampled_from([WHOLE, CENTS])
_A_GUESS = Decimal("0.34")
NAMES = ["ann", "bob", "cleo", "dan"]


def by_name(amounts: Any) -> Any:
    return st.dictionaries(st.sampled_from(NAMES), amounts, max_size=4)


def decided(institution: Institution, game: Game, *asked: Decision) -> Game:
    for one in asked:
        game = game.after(institution.check(game, one, one.elapsed))
    return game


def bidding(*values: Any) -> Game:
    return Game({n: Endowment(values=(v,)) for n, v in zip(NAMES, values, strict=False)})


# ---- sealed bids ----------------------------------------------------------------------------


@given(AMOUNTS.flatmap(lambda a: st.tuples(by_name(a), a)), st.sampled_from(["first", "second"]))
def test_an_item_goes_to_the_highest_bid(drawn: Any, pricing: Any) -> None:
    bids, reserve = drawn
    assert sealed_bid_outcome(bids, pricing, reserve) == naive_sealed_bid(bids, pricing, reserve)


def test_ties_are_broken_by_the_sessions_seed_and_by_nobodys_order() -> None:
    auction, winners = SealedBidAuction(), set()
    for seed in map(str, range(20)):
        found = set()
        for order in (("ann", "bob"), ("bob", "ann")):
            game = Game(dict.fromkeys(order, Endowment(values=(9,))), seed=seed)
            game = decided(auction, game, *(Decision(name, "bid", (5,)) for name in order))
            result = auction.result(game)
            found.add(next(name for name in order if result.allocations[name].units))
        assert len(found) == 1
        winners |= found
    assert winners == {"ann", "bob"}


def test_the_winner_earns_what_the_item_is_worth_less_the_price() -> None:
    auction = SealedBidAuction("second", PrivateValues(0, 100), tick=Decimal("0.1"))
    game = decided(
        auction, bidding(80, 95, 10), Decision("ann", "bid", (Decimal("60.3"),)),
        Decision("bob", "bid", (70,)), Decision("cleo", "bid", (0,)),
    )  # fmt: skip
    result = auction.result(game)
    assert result.price == Decimal("60.3")
    assert result.allocations["bob"].profit == Decimal("34.7")
    assert (result.revenue, result.surplus, result.maximum_surplus) == (Decimal("60.3"), 95, 95)
    assert result.profits + result.revenue == result.surplus


def test_nobody_bids_and_nothing_is_sold() -> None:
    auction = SealedBidAuction(reserve=50)
    game = decided(auction, bidding(40, 30), Decision("ann", "pass"), Decision("bob", "pass"))
    result = auction.result(game)
    assert auction.is_over(game, 0)
    assert (result.price, result.units, result.efficiency) == (None, 0, 0)


def test_a_single_bidder_pays_the_reserve_or_the_own_bid() -> None:
    for pricing, price in (("first", 70), ("second", 20)):
        auction = SealedBidAuction(pricing, reserve=20)  # type: ignore[arg-type]
        game = decided(auction, bidding(90), Decision("ann", "bid", (70,)))
        assert auction.result(game).price == price


def test_what_is_no_bid_is_refused() -> None:
    auction = SealedBidAuction(reserve=20, tick=5)
    wrong = {
        "no_amount": ("x", None, True, 7.5, Decimal("NaN")), "too_low": (15, -5), "off_tick": (22,),
        "too_high": (205, 10**30),
    }  # fmt: skip
    for code, amounts in wrong.items():
        for amount in amounts:
            with pytest.raises(OrderRefused) as refused:
                decided(auction, bidding(90, 80), Decision("ann", "bid", (amount,)))
            assert refused.value.code == code
    game = decided(auction, bidding(90, 80), Decision("ann", "bid", (25,)))
    for asked, code in (
        (Decision("ann", "bid", (30,)), "already"), (Decision("eve", "bid", (30,)), "not_now"),
        (Decision("bob", "leave"), "not_now"), (Decision("bob", "bid", ()), "no_amount"),
        (Decision("bob", "bid", (25,), "x"), "not_now"),
    ):  # fmt: skip
        with pytest.raises(OrderRefused) as refused:
            decided(auction, game, asked)
        assert refused.value.code == code


# ---- several units --------------------------------------------------------------------------


@given(
    AMOUNTS.flatmap(lambda a: st.tuples(by_name(st.lists(a, max_size=3)), a)),
    st.integers(1, 6),
    st.sampled_from(["uniform", "discriminatory"]),
    st.sampled_from(["rejected", "accepted"]),
)
def test_units_go_to_the_highest_bids(drawn: Any, supply: int, pricing: Any, rule: Any) -> None:
    bids, reserve = drawn
    sale = multi_unit_outcome(bids, supply, pricing, reserve, rule)
    assert tuple(sale) == naive_multi_unit(bids, supply, pricing, reserve, rule)
    assert sum(sale.units.values()) <= supply
    for name, own in bids.items():
        best = sorted(own, reverse=True)[: sale.units[name]]
        assert sale.paid[name] <= sum(best)  # nobody pays more than was bid


def test_units_are_worth_their_values_and_a_bid_of_nothing_buys_nothing() -> None:
    auction = MultiUnitAuction("discriminatory", PrivateValues(0, 100, units=2), supply=3)
    game = Game({"ann": Endowment(values=(90, 60)), "bob": Endowment(values=(50, 10))})
    game = decided(auction, game, Decision("ann", "bid", (70, 40)), Decision("bob", "bid", (30, 0)))
    result = auction.result(game)
    assert {name: one.units for name, one in result.allocations.items()} == {"ann": 2, "bob": 1}
    assert (result.revenue, result.surplus, result.maximum_surplus) == (140, 200, 200)
    assert result.allocations["ann"].profit == 40
    uniform = MultiUnitAuction("uniform", PrivateValues(0, 100, units=2), supply=4)
    assert uniform.result(game).units == 3


# ---- oligopolies ----------------------------------------------------------------------------


@given(st.lists(st.integers(0, 120), max_size=4), st.integers(1, 3), st.integers(0, 20))
def test_a_quantity_is_sold_at_the_price_of_demand(
    quantities: list[int], slope: int, cost: int
) -> None:
    market = CournotMarket(LinearDemand(100, slope), costs=(cost,))
    names = NAMES[: max(1, len(quantities))]
    game = Game({name: Endowment("firm", costs=(cost,)) for name in names})
    for name, quantity in zip(names, quantities, strict=False):
        game = game.after(Decision(name, "quantity", (quantity,)))
    result = market.result(game)
    price = max(0, 100 - slope * sum(quantities))
    assert result.price == price
    for name, quantity in zip(names, quantities, strict=False):
        assert result.allocations[name].profit == (price - cost) * quantity
    # what consumers value, summed over slices of the demand curve in whose middles it is exact
    served = min(sum(quantities), 100 // slope)
    worth = sum(100 - slope * (n + 0.5) for n in range(served))
    gained = worth - cost * sum(quantities)
    assert float(result.surplus or 0) == pytest.approx(gained, abs=slope / 2)
    if result.efficiency is not None:
        assert result.efficiency <= 1 + 1e-12


@given(by_name(st.integers(0, 110)), st.integers(1, 3))
def test_the_cheapest_share_all_consumers(prices: dict[str, int], slope: int) -> None:
    sold = shared_demand(LinearDemand(100, slope), prices)
    wanted = max(0, (100 - min(prices.values(), default=100)) // slope)
    assert sum(sold.values()) == (wanted if prices else 0)
    cheapest = {name for name, price in prices.items() if price == min(prices.values())}
    assert set(sold) == cheapest
    assert not sold or max(sold.values()) - min(sold.values()) <= 1


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 9))
def test_no_price_realises_more_than_the_greatest_surplus(
    price: int, cost: int, slope: int
) -> None:
    market = BertrandMarket(LinearDemand(50, slope), costs=(cost,))
    game = Game({"ann": Endowment("firm", costs=(cost,))})
    result = market.result(game.after(Decision("ann", "price", (price,))))
    assert (result.surplus or 0) <= (result.maximum_surplus or 0)


def test_units_that_cannot_be_shared_are_sold_by_lot() -> None:
    market, winners = BertrandMarket(LinearDemand(11, 1), costs=(2,)), set()
    for seed in map(str, range(20)):
        game = Game(dict.fromkeys(("ann", "bob"), Endowment("firm", costs=(2,))), seed=seed)
        for name in ("ann", "bob"):
            game = game.after(Decision(name, "price", (4,)))
        result = market.result(game)
        assert sorted(one.profit for one in result.allocations.values()) == [6, 8]
        winners.add(max(result.allocations, key=lambda name: result.allocations[name].profit))
    assert winners == {"ann", "bob"}


def test_money_stays_exact_whatever_context_an_author_has() -> None:
    market = CournotMarket(LinearDemand(Decimal("100.01"), 1), tick=Decimal("0.001"), costs=(0,))
    game = Game({"ann": Endowment("firm", costs=(Decimal("0.003"),))})
    with localcontext(prec=3):
        game = game.after(Decision("ann", "quantity", (Decimal("33.333"),)))
        profit = market.result(game).allocations["ann"].profit
    assert profit == (Decimal("100.01") - Decimal("33.333") - Decimal("0.003")) * Decimal("33.333")


# ---- posted offers --------------------------------------------------------------------------

UNITS = st.lists(st.integers(1, 20), min_size=1, max_size=3)


@settings(max_examples=60)
@given(
    st.lists(UNITS.map(lambda u: tuple(sorted(u, reverse=True))), min_size=1, max_size=3),
    st.lists(UNITS.map(lambda u: tuple(sorted(u))), min_size=1, max_size=3),
    st.data(),
)
def test_buyers_buy_from_the_cheapest_until_it_would_be_a_loss(
    values: Any, costs: Any, data: Any
) -> None:
    market = PostedOffer(values=tuple(values), costs=tuple(costs))
    names = [f"p{number}" for number in range(len(values) + len(costs))]
    game = Game(market.deal(names, "1"), seed=str(data.draw(st.integers(0, 9))))
    sellers = game.players("seller")
    offers = [data.draw(st.integers(1, 20)) for _ in sellers]
    for seller, price in zip(sellers, offers, strict=True):
        game = game.after(Decision(seller, "offer", (price,)))
    queue = game.drawn(game.players("buyer"), "queue")
    while (buyer := market.whose_turn(game)) is not None:
        buy = market.actions(game, buyer, 0)[0]
        bought = len(game.made("buy", by=buyer))
        value = game.endowments[buyer].values[bought]
        target, _, price = min(buy.targets, key=lambda row: (row[2], int(row[1])))
        asked = Decision(buyer, "buy", (), target) if price <= value else Decision(buyer, "done")
        game = decided(market, game, asked)
    found = [
        (queue.index(one.player), int(one.target) - 1, one.amounts[0]) for one in game.made("buy")
    ]
    assert found == naive_posted_offer([game.endowments[b].values for b in queue], offers, costs)
    result = market.result(game)
    assert all(one.profit >= 0 for one in result.allocations.values())
    assert result.surplus == result.profits
    assert result.profits <= (result.maximum_surplus or 0)
    assert market.is_over(game, 0)


def test_who_is_not_there_is_not_waited_for() -> None:
    market = PostedOffer(values=((9,), (8,)), costs=((1, 1), (2,)))
    game = Game(market.deal(NAMES, "1"))
    game = game.after(Decision("ann", "offer", (5,))).after(Decision("bob", ABSENT))
    first = market.whose_turn(game)
    assert first is not None
    game = game.after(Decision(first, ABSENT))
    second = market.whose_turn(game)
    assert second not in (None, first)
    game = decided(market, game, Decision(str(second), "buy", (), "1"))
    assert market.is_over(game, 0)
    assert market.result(game).units == 1


# ---- clocks ---------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(0, 3))
def test_the_last_bidder_wins_at_the_price_of_the_last_exit(exits: list[int], seed: int) -> None:
    """Exits are in ticks, in the order of arrival; who would leave after the end has stayed."""
    clock = EnglishClock(PrivateValues(0, 10), lowest=2, highest=10, seconds_per_tick=0.5)
    names = NAMES[: len(exits)]
    game = Game({name: Endowment(values=(9,)) for name in names}, seed=str(seed))
    for tick, name in sorted(zip(exits, names, strict=True)):
        elapsed = tick * 0.5
        if clock.is_over(game, elapsed):
            break
        game = decided(clock, game, Decision(name, "leave", elapsed=elapsed))
    assert clock.is_over(game, clock.length())
    result, gone = clock.result(game), sorted(zip(exits, names, strict=True))
    stayed = [name for tick, name in gone if tick > 8]
    if max(exits) == 0:
        assert (result.price, result.units) == (None, 0)  # who leaves at once has not taken part
    elif len(stayed) > 1:
        assert result.price == 10
        assert any(result.allocations[name].units for name in stayed)
    else:
        winner = stayed[0] if stayed else gone[-1][1]
        others = [tick for tick, name in gone if name != winner]
        assert result.allocations[winner].units == 1
        assert result.price == 2 + max(others, default=0)


def test_a_clock_that_is_stopped_asks_no_price_that_it_has_not_shown() -> None:
    clock = EnglishClock(PrivateValues(0, 100), lowest=10, highest=60, seconds_per_tick=2)
    game = bidding(60, 50, 40).after(Decision("cleo", "leave", (20,), elapsed=20.0))
    for stopped, price, units in (
        (31.0, 25, 1), (-1.0, None, 0), (1.9, None, 0), (2.0, 11, 1), (None, 60, 1),
    ):  # fmt: skip
        result = clock.result(replace(game, stopped=stopped))
        assert (result.price, result.units) == (price, units)
    assert replace(game, stopped=31.0).after(Decision("bob", "leave", (25,))).stopped == 31.0
    falling = DutchClock(PrivateValues(0, 100))
    assert falling.result(replace(bidding(60, 50), stopped=5.0)).units == 0


def test_nobody_has_to_buy_at_the_first_price_of_a_rising_clock() -> None:
    """Also the last who is there decides, until the first price has been shown."""
    clock = EnglishClock(PrivateValues(0, 100), lowest=80, highest=90, seconds_per_tick=2)
    for action in ("leave", ABSENT):
        game = bidding(10, 20).after(Decision("ann", action, (80,)))
        assert not clock.is_over(game, 1.9)
        assert clock.actions(game, "bob", 1.9)
        both = decided(clock, game, Decision("bob", "leave", elapsed=1.9))
        assert clock.is_over(both, 1.9)
        assert (clock.result(both).units, clock.result(both).price) == (0, None)
        assert clock.is_over(game, 2.0)  # who is still there has agreed
        assert clock.result(game).allocations["bob"].paid == 80
    alone = bidding(10)
    assert not clock.is_over(alone, 1.9)
    assert clock.result(decided(clock, alone, Decision("ann", "leave", elapsed=0.5))).units == 0
    assert clock.is_over(alone, 2.0)


def test_a_falling_price_is_taken_by_who_comes_first() -> None:
    clock = DutchClock(PrivateValues(0, 10), lowest=1, highest=10, seconds_per_tick=2)
    game = Game({name: Endowment(values=(9,)) for name in ("ann", "bob")})
    assert [clock.price_at(t) for t in (-3, 0, 1.9, 2, 17.9, 18, 99)] == [10, 10, 10, 9, 2, 1, 1]
    with pytest.raises(OrderRefused) as early:
        decided(clock, game, Decision("ann", "accept", elapsed=-0.5))
    assert early.value.code == "not_now"
    sold = decided(clock, game, Decision("ann", "accept", elapsed=6.0))
    with pytest.raises(OrderRefused) as late:
        decided(clock, sold, Decision("bob", "accept", elapsed=6.0))
    assert late.value.code == "closed"
    assert clock.result(sold).price == 7
    assert clock.result(sold).allocations["ann"].profit == 2
    assert clock.is_over(game, 20.0)
    assert clock.result(game).units == 0


def test_a_clock_counts_in_exact_amounts() -> None:
    clock = EnglishClock(
        PrivateValues(0, 1), lowest=0, highest=1, tick=Decimal("0.1"), seconds_per_tick=0.1
    )
    assert clock.price_at(0.3) == Decimal("0.3")
    assert clock.prices()[-1] == 1
    assert len(clock.prices()) == 11


# ---- prediction markets ---------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(-20, 20)), max_size=8))
def test_the_market_maker_loses_at_most_what_the_rule_says(trades: Any) -> None:
    """And by the cost function, whatever the order of trades."""
    market = PredictionMarket(("A", "B"), liquidity=10, payout=100)
    game = Game(market.deal(["ann"], "1"), seed="1")
    for contract, count in trades:
        action = "buy" if count > 0 else "sell"
        asked = Decision("ann", action, (abs(count),), contract)
        try:
            game = decided(market, game, asked)
        except OrderRefused:
            continue
    held = market.shares(game, "ann")
    spent = sum(one.amounts[1] for one in game.made("buy", "sell"))
    exact = scoring_rule_cost(held, 10, 100) - scoring_rule_cost({"A": 0, "B": 0}, 10, 100)
    assert 0 <= spent - exact < len(game.decisions) + 1e-9  # each is rounded up by less than a tick
    result = market.result(game)
    assert result.revenue == -result.profits
    assert float(result.revenue) >= -100 * 10 * 0.6931472
    assert min(held.values()) >= 0


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(-20, 20)), max_size=6))
def test_what_a_trade_would_cost_is_what_it_costs(trades: Any) -> None:
    market = PredictionMarket(("A", "B"), liquidity=10, payout=100, max_shares=15)
    game, refused_though_quoted = Game(market.deal(["ann"], "1"), seed="1"), list[bool]()
    for contract, count in trades:
        action = "buy" if count > 0 else "sell"
        quoted = market.quoted_costs(game, "ann", action, abs(count))
        asked = Decision("ann", action, (abs(count),), contract)
        try:
            game = decided(market, game, asked)
        except OrderRefused:
            refused_though_quoted.append(contract in quoted)
        else:
            assert game.decisions[-1].amounts[1] == quoted[contract]
    assert not any(refused_though_quoted)
    for none in (0, 16, 1.5, "x", True, None):
        assert market.quoted_costs(game, "ann", "buy", none) == {}  # type: ignore[arg-type]
    assert market.quoted_costs(game, "ann", "done", 1) == {}


def test_prices_of_contracts_are_shares_of_the_payout_and_are_quoted_in_ticks() -> None:
    shares = scoring_rule_prices({"A": 30, "B": 0, "C": 10}, 10)
    assert float(sum(shares.values())) == pytest.approx(1)
    odds = float(shares["A"] / shares["B"])
    assert odds == pytest.approx(20.085536923)  # e³
    market = PredictionMarket(("A", "B"), liquidity=50, payout=100, tick=Decimal("0.01"))
    game = Game(market.deal(["ann", "bob"], "3"), seed="3")
    assert market.prices(game) == {"A": 50, "B": 50}
    game = decided(market, game, Decision("ann", "buy", (10,), "A"))
    (_, paid) = game.decisions[0].amounts
    exact = 100 * 50 * (log(exp(10 / 50) + 1) - log(2))
    assert paid == Decimal(ceil(exact * 100)) / 100
    assert market.cash_left(game, "ann") == 10_000 - paid


@pytest.mark.parametrize("liquidity", [Decimal("0.001"), Decimal("0.01"), 1, 50, 10_000])
def test_robots_trade_as_much_as_they_can_pay_whatever_the_liquidity(liquidity: Any) -> None:
    market = PredictionMarket(("A", "B", "C"), liquidity=liquidity, cash=200, accuracy=_A_GUESS)
    robots = {name: ZeroIntelligence(market) for name in NAMES}
    made = simulate_institution(market, robots, periods=5, seed=1).decisions
    assert made["reason"].isna().all()
    game = Game(market.deal(["ann"], "1")).after(Decision("ann", "buy", (60, 0), "B"))
    public = {"shares": {name: int(count) for name, count in market.shares(game).items()}}
    seen = Seen(game.endowments["ann"], {"trader": 1}, 1, 0.0, ("buy",), public)
    for contract in market.contracts:
        most = market._affordable(seen, contract)
        assert market.cost(game, contract, most) <= 200
        assert market.cost(game, contract, most + 1) > 200 - 1 - market.payout / 1_000


def test_nobody_sells_what_they_lack_or_spends_more_than_they_have() -> None:
    market = PredictionMarket(("A", "B"), liquidity=10, payout=100, cash=60)
    game = Game(market.deal(["ann"], "1"), seed="1")
    with pytest.raises(OrderRefused) as dear:
        decided(market, game, Decision("ann", "buy", (2,), "A"))
    assert dear.value.code == "no_cash"
    game = decided(market, game, Decision("ann", "buy", (1,), "A"))
    for asked in (Decision("ann", "sell", (2,), "A"), Decision("ann", "sell", (1,), "B")):
        with pytest.raises(OrderRefused):
            decided(market, game, asked)
    game = decided(market, game, Decision("ann", "sell", (1,), "A"), Decision("ann", "done"))
    assert market.cash_left(game, "ann") in (59, 60)
    assert market.is_over(game, 0)


@given(
    st.decimals(-50, 50, places=2), st.decimals(0, 20, places=2),
    st.sampled_from([1, Decimal(1), Decimal("0.3")]), st.integers(0, 99),
)  # fmt: skip
def test_what_is_drawn_is_a_multiple_of_the_tick_in_the_range(
    lowest: Decimal, width: Decimal, tick: Any, seed: int
) -> None:
    highest = lowest + width + tick
    drawn = drawn_between(lowest, highest, tick, Random(seed))
    assert lowest <= drawn <= highest
    assert drawn % tick == 0


# ---- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SealedBidAuction("third"),  # type: ignore[arg-type]
        lambda: SealedBidAuction("first", values=(0, 100)),  # type: ignore[arg-type]
        lambda: SealedBidAuction(reserve=0.5),  # type: ignore[arg-type]
        lambda: SealedBidAuction(reserve=-1),
        lambda: SealedBidAuction(tick=0),
        lambda: SealedBidAuction(feedback="none"),  # type: ignore[arg-type]
        lambda: PrivateValues(100, 100),
        lambda: PrivateValues(0, 100, units=0),
        lambda: CommonValue(0, 100, error=0),
        lambda: CommonValue(0, 100, error=60),
        lambda: SealedBidAuction("first", PrivateValues(0, 9, units=2)),
        lambda: MultiUnitAuction("pay"),  # type: ignore[arg-type]
        lambda: MultiUnitAuction(supply=0),
        lambda: PostedOffer(values=((),)),
        lambda: PostedOffer(costs=((1.5,),)),  # type: ignore[arg-type]
        lambda: SealedBidAuction("first", PrivateValues(1, 4), tick=5),
        lambda: SealedBidAuction(reserve=7, tick=5),
        lambda: SealedBidAuction(reserve=300),
        lambda: SealedBidAuction(reserve=Decimal("0.5")),
        lambda: MultiUnitAuction(max_bid=0),
        lambda: MultiUnitAuction(reserve=7, tick=5),
        lambda: EnglishClock(lowest=7, tick=5),
        lambda: DutchClock(PrivateValues(1, 4), tick=5),
        lambda: CournotMarket(LinearDemand(1, 10)),
        lambda: BertrandMarket(LinearDemand(10, 1), costs=(1,), tick=20),
        lambda: PostedOffer(values=((1,),), costs=((1,),), tick=5),
        lambda: PostedOffer(costs=((20, 50), ())),
        lambda: PostedOffer(values=()),
        lambda: PostedOffer(costs=((20, -50),)),
        lambda: CournotMarket(costs=(-1,)),
        lambda: CournotMarket(costs=()),
        lambda: CournotMarket(demand=100),  # type: ignore[arg-type]
        lambda: LinearDemand(100, 0),
        lambda: EnglishClock(seconds_per_tick=0),
        lambda: EnglishClock(lowest=10, highest=5),
        lambda: DutchClock(highest=10**9),
        lambda: PredictionMarket(("A",)),
        lambda: PredictionMarket(accuracy=Decimal(1)),
        lambda: PredictionMarket(accuracy=Decimal("0.49")),
        lambda: PredictionMarket(("A", "B", "C"), accuracy=Decimal("0.3")),
        lambda: PredictionMarket(liquidity=0),
    ],
)
def test_a_wrong_setting_shows_at_its_cell(wrong: Any) -> None:
    with pytest.raises(BadMarket):
        wrong()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"values": (80, 55.1)}, r'values\[1\]=55.1.*\n.*Decimal\("55.1"\)'),
        ({"values": "80"}, r"values='80'.*\n.*values=\(90, 70\)"),
        ({"values": (True,)}, "values"), ({"values": 80}, "values"), ({"costs": (None,)}, "costs"),
        ({"signal": 0.5}, "signal"), ({"cash": Decimal("NaN")}, "cash"),
    ],
)  # fmt: skip
def test_nobody_is_given_what_is_no_money(given: Any, message: str) -> None:
    with pytest.raises(BadMarket, match=message):
        Endowment(**given)


def test_whole_numbers_of_all_kinds_are_money() -> None:
    seven = numpy.int64(7)
    own = Endowment(values=[seven], costs=(seven,), signal=seven, cash=seven)  # type: ignore[arg-type]
    assert own == Endowment(values=(7,), costs=(7,), signal=7, cash=7)
    assert {type(one) for one in (*own.values, *own.costs, own.signal, own.cash)} == {int}
    assert repr(SealedBidAuction(reserve=seven)) == repr(SealedBidAuction(reserve=7))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (lambda: CournotMarket(costs=10), r"costs=10 .*\n.*costs=\(10,\)"),  # type: ignore[arg-type]
        (lambda: BertrandMarket(costs=10), r"costs=10 .*\n.*costs=\(10,\)"),  # type: ignore[arg-type]
        (lambda: PostedOffer(values=((90, 70))), r"\(90, 70\) .*\n.*\(\(90, 70\),\)"),  # type: ignore[arg-type]
        (lambda: PostedOffer(costs=20), r"costs=20 .*\n.*\(\(90, 70\),\)"),  # type: ignore[arg-type]
        (lambda: PostedOffer(costs=((20, 5.5),)), r'costs\[0\]\[1\]=5.5 .*\n.*Decimal\("5.5"\)'),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_who_forgets_a_comma_reads_where_it_goes(wrong: Any, remedy: str) -> None:
    with pytest.raises(BadMarket, match=remedy):
        wrong()


def test_schedules_must_fit_the_participants() -> None:
    for market, names in (
        (PostedOffer(), ["ann"]), (CournotMarket(costs=(1, 2)), NAMES), (SealedBidAuction(), []),
    ):  # fmt: skip
        with pytest.raises(BadMarket):
            market.deal_named(names, "1")
