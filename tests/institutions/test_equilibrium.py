"""Equilibria of institutions: nobody gains by deciding otherwise, by integration or enumeration."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product
from random import Random
from typing import Any

import numpy
import pytest

from uproot_nb.errors import BadMarket
from uproot_nb.institutions import (
    BertrandMarket,
    BestReply,
    CommonValue,
    CournotMarket,
    Decision,
    DutchClock,
    Endowment,
    EnglishClock,
    EquilibriumStrategy,
    Game,
    LinearDemand,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
    ZeroIntelligence,
    simulate_institution,
)
from uproot_nb.institutions.auctions.bidding_theory import (
    common_value_bid,
    first_price_bid,
    order_statistic_bid,
    second_price_common_bid,
)
from uproot_nb.institutions.oligopoly import bertrand_prices, cournot_quantities

pytestmark = pytest.mark.long

# ---- private values -------------------------------------------------------------------------


@pytest.mark.parametrize(("bidders", "reserve"), [(2, 0), (3, 25), (6, 40), (2, 5)])
def test_no_bid_of_another_type_pays_in_a_first_price_auction(bidders: int, reserve: float) -> None:
    low, high = 10.0, 110.0
    start = max(low, reserve)
    types = numpy.linspace(start, high, 301)
    bids = numpy.array([first_price_bid(x, bidders, low, high, reserve) for x in types])
    wins = ((types - low) / (high - low)) ** (bidders - 1)
    for value in (start + 1, 50.0, 75.0, high):
        payoffs = (value - bids) * wins
        own = first_price_bid(value, bidders, low, high, reserve)
        assert own is not None
        chance = ((value - low) / (high - low)) ** (bidders - 1)
        assert payoffs.max() <= (value - own) * chance + 1e-9
    assert first_price_bid(start - 1, bidders, low, high, reserve) is None
    assert (numpy.diff(bids) > 0).all()


def test_the_known_special_cases() -> None:
    assert first_price_bid(60, 4, 0, 100) == pytest.approx(45)
    assert first_price_bid(60, 1, 0, 100, 20) == 20
    assert order_statistic_bid(60, 4, 1, 0, 100) == pytest.approx(45)
    assert order_statistic_bid(60, 2, 2, 0, 100, 10) == 10
    # the others' lower value is uniform below v: its mean is a third of v for n = 3, k = 2 near 0
    assert order_statistic_bid(1e-3, 3, 2, 0, 1) == pytest.approx(0.5e-3, rel=1e-2)


@pytest.mark.parametrize(("bidders", "units"), [(3, 2), (5, 3), (4, 1)])
def test_no_bid_of_another_type_pays_where_each_pays_the_own_bid(bidders: int, units: int) -> None:
    types = numpy.linspace(0, 100, 201)
    bids = numpy.array([order_statistic_bid(x, bidders, units, 0, 100, 5) or 0 for x in types])
    draws = numpy.sort(numpy.random.default_rng(1).uniform(0, 100, (40_000, bidders - 1)))
    marginal = draws[:, -units]
    wins = numpy.searchsorted(numpy.sort(marginal), types) / len(marginal)
    for value in (30.0, 70.0, 100.0):
        payoffs = (value - bids) * wins * (types >= 5)
        at = numpy.searchsorted(types, value)
        assert payoffs.max() <= payoffs[at] + 0.15  # the draws' error


# ---- common values --------------------------------------------------------------------------

LOW, HIGH, ERROR = 20.0, 100.0, 10.0


@pytest.mark.parametrize("pricing", ["first", "second"])
@pytest.mark.parametrize("bidders", [2, 4])
def test_no_bid_of_another_type_pays_where_the_value_is_common(pricing: str, bidders: int) -> None:
    """By integration over all values that an estimate leaves possible, near the ends too."""
    formula = common_value_bid if pricing == "first" else second_price_common_bid
    types = numpy.linspace(LOW - ERROR, HIGH + ERROR, 1_201)
    bids = numpy.array([formula(x, bidders, LOW, HIGH, ERROR) for x in types])
    assert (numpy.diff(bids) > -1e-9).all()
    step = types[1] - types[0]
    for signal in (15.0, 26.0, 35.0, 60.0, 85.0, 95.0, 105.0):
        values = numpy.linspace(max(LOW, signal - ERROR), min(HIGH, signal + ERROR), 801)[:, None]
        below = numpy.clip((types[None, :] - values + ERROR) / (2 * ERROR), 0, 1)
        wins = below ** (bidders - 1)
        if pricing == "first":
            payoffs = ((values - bids[None, :]) * wins).mean(axis=0)
        else:
            density = numpy.diff(wins, axis=1)
            prices = (bids[1:] + bids[:-1]) / 2
            gains = numpy.cumsum((values - prices[None, :]) * density, axis=1).mean(axis=0)
            payoffs = numpy.concatenate([[0.0], gains])
        own = round((signal - types[0]) / step)
        assert payoffs.max() <= payoffs[own] + 0.004, signal


def test_in_the_middle_it_is_the_formula_of_the_papers() -> None:
    """Kagel and Levin (1986); Kagel, Levin and Harstad (1995)."""
    signal, n = 60.0, 4
    decay = 2 * ERROR / (n + 1) * numpy.exp(-n / (2 * ERROR) * (signal - LOW - ERROR))
    assert common_value_bid(signal, n, LOW, HIGH, ERROR) == pytest.approx(signal - ERROR + decay)
    middle = second_price_common_bid(signal, n, LOW, HIGH, ERROR)
    assert middle == pytest.approx(signal - ERROR * (n - 2) / n)


def test_the_winner_is_cursed_who_bids_the_expected_value() -> None:
    """Equilibrium bidders earn; who bids the own estimate loses (winner's curse)."""
    auction = SealedBidAuction("first", CommonValue(25, 225, error=15))

    class Naive(EquilibriumStrategy):
        def decide(self, seen: Any, chance: Random) -> Any:
            return self.institution.random_move(seen, _Highest())  # type: ignore[arg-type]

    names = ["ann", "bob", "cleo", "dan"]
    profits = {
        kind: simulate_institution(
            auction, {name: kind(auction) for name in names}, periods=120, seed=2
        ).allocations["profit"].sum()
        for kind in (EquilibriumStrategy, Naive)
    }  # fmt: skip
    assert profits[EquilibriumStrategy] > 0 > profits[Naive]


class _Highest(Random):
    def randint(self, a: int, b: int) -> int:
        return b


# ---- dominant strategies, by enumeration ----------------------------------------------------


def profit_of(institution: Any, game: Game, player: str = "ann") -> Any:
    return institution.result(game).allocations[player].profit


def test_to_bid_the_value_is_dominant_in_a_second_price_auction() -> None:
    auction = SealedBidAuction("second", PrivateValues(0, 5), reserve=1)
    for value, *others in product(range(6), range(1, 6), range(1, 6)):
        game = Game({n: Endowment(values=(value,)) for n in ("ann", "bob", "cleo")})
        for name, bid in zip(("bob", "cleo"), others, strict=True):
            game = game.after(Decision(name, "bid", (bid,)))
        profits = {
            bid: profit_of(auction, game.after(Decision("ann", "bid", (bid,))))
            for bid in range(1, 8)
        }
        truthful = 0 if value < 1 else profits[value]
        assert truthful == max(0, *profits.values())


def test_to_bid_the_value_is_dominant_where_one_unit_each_has_a_uniform_price() -> None:
    auction = MultiUnitAuction("uniform", PrivateValues(0, 4), supply=2)
    for value, *others in product(range(1, 5), range(1, 5), range(1, 5), range(1, 5)):
        names = ("bob", "cleo", "dan")
        game = Game({n: Endowment(values=(value,)) for n in ("ann", *names)})
        for name, bid in zip(names, others, strict=True):
            game = game.after(Decision(name, "bid", (bid,)))
        profits = {
            bid: profit_of(auction, game.after(Decision("ann", "bid", (bid,))))
            for bid in range(1, 6)
        }
        assert profits[value] == max(profits.values())


def test_two_bidders_for_two_units_reduce_their_demand() -> None:
    """Against (w, 0) with w uniform, no pair of bids pays more than (v, 0)."""
    auction = MultiUnitAuction("uniform", PrivateValues(0, 20, units=2, flat=True), supply=2)
    for value in (4, 11, 20):

        def expected(first: int, second: int, value: int = value) -> float:
            gains = []
            for other in range(1, 21):
                game = Game({n: Endowment(values=(value, value)) for n in ("ann", "bob")})
                game = game.after(Decision("bob", "bid", (other, 0)))
                gains.append(
                    profit_of(auction, game.after(Decision("ann", "bid", (first, second))))
                )
            return sum(gains) / len(gains)

        pairs = [(first, second) for first in range(21) for second in range(0, first + 1, 2)]
        best = max(expected(*pair) for pair in pairs)
        # whole ticks leave less than half a tick to gain
        assert best <= expected(value, 0) + 0.5
        if value < 20:
            assert expected(value, 0) > expected(value, value - value % 2)


def test_to_stay_up_to_the_value_is_dominant_on_a_rising_clock() -> None:
    clock = EnglishClock(PrivateValues(0, 5), lowest=0, highest=6, seconds_per_tick=1)
    for value, *others in product(range(6), range(6), range(6)):

        def profit(leaving: int, value: int = value, others: Any = tuple(others)) -> Any:
            exits = sorted([(leaving, "ann"), *zip(others, ("bob", "cleo"), strict=True)])
            game = Game({n: Endowment(values=(value,)) for n in ("ann", "bob", "cleo")})
            for tick, name in exits:
                if not clock.is_over(game, tick):
                    decision = Decision(name, "leave", elapsed=float(tick))
                    game = game.after(clock.check(game, decision, tick))
            return profit_of(clock, game)

        assert profit(value) == max(profit(tick) for tick in range(7))


# ---- oligopolies ----------------------------------------------------------------------------


@pytest.mark.parametrize("costs", [(10, 10), (10, 20), (10, 10, 10), (5, 95), (10, 30, 80)])
def test_no_other_quantity_pays(costs: tuple[int, ...]) -> None:
    demand = LinearDemand(100, 1)
    market = CournotMarket(demand, costs=costs, tick=Decimal("0.0001"))
    names = [f"firm {number}" for number in range(len(costs))]
    game = Game(market.deal(names, "1"))
    found = [Decimal(str(round(q, 4))) for q in cournot_quantities(demand, costs)]
    for name in names:

        def profit(quantity: Any, name: str = name) -> float:
            played = game
            for other, chosen in zip(names, found, strict=True):
                amount = quantity if other == name else chosen
                played = played.after(Decision(other, "quantity", (amount,)))
            return float(profit_of(market, played, name))

        own = found[names.index(name)]
        assert max(profit(q) for q in range(0, 101)) <= profit(own) + 1e-3
    assert market.benchmark(game).price == pytest.approx(float(demand.price(sum(found))), abs=1e-3)


@pytest.mark.parametrize(
    "costs",
    [
        (10, 10), (10, 10, 10), (10, 40), (10, 80, 90), (20, 20, 30), (19, 20), (10, 11, 11),
        (Decimal("18.5"), 20), (Decimal("18.5"), 19), (18, Decimal("19.5"), 20), (98, 99),
    ],
)  # fmt: skip
def test_no_other_price_pays(costs: tuple[Any, ...]) -> None:
    demand = LinearDemand(100, 1)
    market = BertrandMarket(demand, costs=costs)
    names = [f"firm {number}" for number in range(len(costs))]
    game, found = Game(market.deal(names, "1")), bertrand_prices(demand, costs, 1)
    for name in names:

        def profit(price: Any, name: str = name) -> Any:
            played = game
            for other, chosen in zip(names, found, strict=True):
                amount = price if other == name else chosen
                played = played.after(Decision(other, "price", (amount,)))
            return profit_of(market, played, name)

        own = profit(found[names.index(name)])
        assert max(profit(price) for price in range(0, 101)) <= own


def test_best_replies_of_two_firms_lead_to_the_equilibrium() -> None:
    """Cournot's own argument; with three firms and constant costs they need not."""
    market = CournotMarket(LinearDemand(100, 1), costs=(10,))
    firms = {name: BestReply(market) for name in ("ann", "bob")}
    tables = simulate_institution(market, firms, periods=12, seed=4)
    last = tables.allocations.query("period == 12")
    assert list(last["units"]) == pytest.approx([30, 30], abs=1)
    prices = BertrandMarket(LinearDemand(100, 1), costs=(10,))
    firms = {name: BestReply(prices) for name in ("ann", "bob")}
    tables = simulate_institution(prices, firms, periods=100, seed=4)
    assert tables.periods["price"].iloc[-1] <= 11


# ---- posted offers and prediction markets ---------------------------------------------------


def test_competitive_offers_realise_the_whole_surplus() -> None:
    market = PostedOffer(values=((90, 70, 40), (80, 60)), costs=((20, 50), (30, 45, 70)))
    names = ["s1", "s2", "b1", "b2"]
    tables = simulate_institution(market, {n: EquilibriumStrategy(market) for n in names}, seed=1)
    (period,) = tables.periods.to_dict("records")
    assert period["efficiency"] == 1
    assert period["price"] == pytest.approx(period["equilibrium_price"], abs=0.5)
    random = simulate_institution(
        market, {n: ZeroIntelligence(market) for n in names}, periods=60, seed=1
    )
    assert 0.2 < random.periods["efficiency"].mean() < 1
    assert (random.allocations["profit"] >= 0).all()


def test_to_move_the_price_by_the_hint_pays_most_and_prices_tell_all_hints() -> None:
    market = PredictionMarket(("A", "B", "C"), liquidity=40, payout=100, tick=Decimal("0.001"))
    game = Game(market.deal(["ann"], "1"), seed="1")
    likely = {"A": 0.7, "B": 0.15, "C": 0.15}  # by the hint A alone

    def expected(shares: int) -> float:
        return likely["A"] * 100 * shares - float(market.cost(game, "A", shares))

    best = max(range(1, 200), key=expected)
    robots = {name: EquilibriumStrategy(market) for name in ("ann", "bob", "cleo", "dan", "eve")}
    tables = simulate_institution(market, robots, periods=20, seed=3)
    bought = tables.decisions.query("action == 'buy' and unit == 1")["amount"]
    assert set(bought) == {best}
    gap = tables.periods["price"] - tables.periods["equilibrium_price"]
    assert gap.abs().max() < 1.5


@pytest.mark.parametrize(
    ("institution", "dominant"),
    [
        (SealedBidAuction("first"), False), (SealedBidAuction("second"), True),
        (SealedBidAuction("second", CommonValue(25, 225, 15)), False), (DutchClock(), False),
        (EnglishClock(highest=500), True), (MultiUnitAuction("discriminatory"), False),
        (MultiUnitAuction("uniform"), True),
        (MultiUnitAuction("uniform", PrivateValues(0, 100, units=2, flat=True)), False),
    ],
)  # fmt: skip
def test_given_values_have_no_equilibrium_that_needs_a_distribution(
    institution: Any, dominant: bool
) -> None:
    drawn = Game(institution.deal(["ann", "bob"], "1"), seed="1")
    assert institution.benchmark(drawn).price is not None
    assert (institution.benchmark(replace(drawn, given=True)).price is not None) == dominant
    outside = {
        name: replace(own, values=tuple(500 for _ in own.values))
        for name, own in drawn.endowments.items()
    }
    found = institution.benchmark(replace(drawn, endowments=outside))
    assert (found.price is not None) == dominant == bool(found.amounts)


# ---- what has no formula says so ------------------------------------------------------------


@pytest.mark.parametrize(
    "institution",
    [
        SealedBidAuction("first", CommonValue(25, 225, 15), reserve=30),
        MultiUnitAuction("uniform", PrivateValues(0, 100, units=3), supply=4),
        MultiUnitAuction("uniform", price_rule="accepted"),
    ],
)
def test_where_no_formula_is_known_robots_say_so_and_tables_have_none(institution: Any) -> None:
    names = ["ann", "bob", "cleo"]
    with pytest.raises(BadMarket, match="no equilibrium"):
        simulate_institution(institution, {n: EquilibriumStrategy(institution) for n in names})
    tables = simulate_institution(institution, {n: ZeroIntelligence(institution) for n in names})
    assert tables.periods["equilibrium_price"].isna().all()


def test_best_replies_need_what_the_others_have_done() -> None:
    with pytest.raises(BadMarket, match="others' decisions"):
        BestReply(CournotMarket(feedback="price"))
    auction = SealedBidAuction()
    with pytest.raises(BadMarket, match="no best reply"):
        simulate_institution(auction, {"ann": BestReply(auction)}, periods=2)


# ---- revenue --------------------------------------------------------------------------------


def test_four_auctions_have_the_same_expected_revenue() -> None:
    """Revenue equivalence (Vickrey 1961): (n - 1) / (n + 1) of the highest value, here 50."""
    values, names = PrivateValues(0, 100), ["ann", "bob", "cleo"]
    revenues = []
    for auction in (
        SealedBidAuction("first", values, tick=Decimal("0.1")),
        SealedBidAuction("second", values, tick=Decimal("0.1")),
        EnglishClock(values), DutchClock(values),
    ):  # fmt: skip
        robots = {name: EquilibriumStrategy(auction) for name in names}
        tables = simulate_institution(auction, robots, periods=250, seed=3)
        revenues.append(float(tables.periods["revenue"].mean()))
        assert tables.periods["efficiency"].mean() > 0.99
    assert revenues == pytest.approx([50] * 4, abs=2.5)


def test_the_same_seed_gives_the_same_tables() -> None:
    clock = EnglishClock(PrivateValues(0, 100))
    drawn = [
        simulate_institution(
            clock, {n: ZeroIntelligence(clock) for n in ("ann", "bob", "cleo")}, periods=20, seed=s
        ).decisions
        for s in (1, 1, 2)
    ]
    assert drawn[0].equals(drawn[1])
    assert not drawn[0].equals(drawn[2])
