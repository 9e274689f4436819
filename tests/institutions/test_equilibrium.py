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
    Move,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
    Seen,
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
from uproot_nb.institutions.views import view_of

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
            return Move("bid", (seen.endowment.signal,))

    names = ["ann", "bob", "cleo", "dan"]
    profits = {
        kind: simulate_institution(
            auction, {name: kind(auction) for name in names}, periods=120, seed=2
        ).allocations["profit"].sum()
        for kind in (EquilibriumStrategy, Naive)
    }  # fmt: skip
    assert profits[EquilibriumStrategy] > 0 > profits[Naive]


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


@pytest.mark.parametrize("lowest", [0, 2, 4])
@pytest.mark.parametrize("rivals", [0, 1, 2])
def test_to_stay_up_to_the_value_is_dominant_on_a_rising_clock(lowest: int, rivals: int) -> None:
    """With a reserve, too: who is worth less than the first price leaves at it, and never pays."""
    clock = EnglishClock(PrivateValues(0, 5), lowest=lowest, highest=6, seconds_per_tick=1)
    names, ticks = ("ann", "bob", "cleo")[: rivals + 1], range(7 - lowest)
    for value, *others in product(range(6), *[ticks] * rivals):

        def profit(leaving: int, value: int = value, others: Any = tuple(others)) -> Any:
            exits = sorted([(leaving, "ann"), *zip(others, names[1:], strict=True)])
            game = Game({n: Endowment(values=(value,)) for n in names})
            for tick, name in exits:
                if not clock.is_over(game, tick):
                    decision = Decision(name, "leave", elapsed=float(tick))
                    game = game.after(clock.check(game, decision, tick))
            return profit_of(clock, game)

        truthful = profit(max(0, value - lowest))
        assert truthful == max(profit(tick) for tick in ticks) >= 0


@pytest.mark.parametrize("lowest", [0, 80])
@pytest.mark.parametrize("bidders", [1, 2, 3])
def test_a_rising_clock_sells_as_a_second_price_auction_with_a_reserve(
    lowest: int, bidders: int
) -> None:
    """The same seed gives the same values."""
    clock = EnglishClock(PrivateValues(0, 100), lowest=lowest, highest=90)
    sealed = SealedBidAuction("second", PrivateValues(0, 100), reserve=lowest, max_bid=90)
    found = [tables_of(rules, EquilibriumStrategy, bidders, 150) for rules in (clock, sealed)]
    columns = ["price", "units", "revenue", "surplus", "equilibrium_price"]
    rising, second = (tables.periods[columns] for tables in found)
    if lowest:
        assert rising.equals(second)  # of equal bidders a lot decides, so worths may be the same
        assert rising["units"].mean() < 1
    else:  # a single bidder, or two with nothing to gain, may leave at a price of 0
        assert (rising["revenue"] == second["revenue"]).all()
    assert (found[0].allocations["profit"] >= 0).all()


def tables_of(rules: Any, kind: Any, players: int, periods: int, seed: int = 3) -> Any:
    robots = {f"p{number}": kind(rules) for number in range(players)}
    return simulate_institution(rules, robots, periods=periods, seed=seed)


@pytest.mark.parametrize("tick", [1, 5, 20])
@pytest.mark.parametrize("bidders", [1, 3])
def test_a_falling_clock_sells_as_a_first_price_auction(tick: int, bidders: int) -> None:
    falling = DutchClock(PrivateValues(0, 100), lowest=0, highest=100, tick=tick)
    sealed = SealedBidAuction("first", PrivateValues(0, 100), tick=tick)
    prices = [
        tables_of(rules, EquilibriumStrategy, bidders, 150).periods[["price", "equilibrium_price"]]
        for rules in (falling, sealed)
    ]
    assert prices[0].equals(prices[1])
    gap = prices[0]["price"] - prices[0]["equilibrium_price"]
    assert gap.abs().max() <= tick / 2


def test_nobody_bids_above_a_value_that_is_no_multiple_of_the_tick() -> None:
    """As an author may have given it."""
    for rules in (
        SealedBidAuction("first", tick=20), SealedBidAuction("second", tick=20),
        MultiUnitAuction("uniform", tick=20), MultiUnitAuction("discriminatory", tick=20),
    ):  # fmt: skip
        seen = Seen(Endowment(values=(59,)), {"bidder": 50}, 1, 0.0, ("bid",), {})
        move = rules.equilibrium_move(seen, Random(1))
        assert move is not None
        assert move.amounts == (40,)
    move = DutchClock(tick=20).equilibrium_move(seen, Random(1))
    assert move is not None
    assert move.at == 3  # 100, 80, 60, 40


# ---- units for all --------------------------------------------------------------------------


@pytest.mark.parametrize(("bidders", "supply", "tick"), [(1, 1, 1), (2, 2, 1), (2, 3, 5)])
def test_where_there_are_units_for_all_nobody_bids_more_than_counts(
    bidders: int, supply: int, tick: int
) -> None:
    """By enumeration: no other bid pays more than the lowest that counts; all units are sold."""
    auction = MultiUnitAuction("discriminatory", PrivateValues(0, 20), supply=supply, tick=tick)
    tables = tables_of(auction, EquilibriumStrategy, bidders, 40)
    made = tables.decisions.merge(tables.endowments, on=["period", "player", "unit"])
    for _, row in made.iterrows():
        game = Game({"ann": Endowment(values=(int(row["amount_y"]),))})
        profits = [
            profit_of(auction, game.after(Decision("ann", "bid", (bid,))))
            for bid in (int(row["amount_x"]), *range(0, 41, tick))
        ]
        assert profits[0] == max(profits)
    willing = (tables.endowments["amount"] >= tick).groupby(tables.endowments["period"]).sum()
    assert list(tables.periods["units"]) == list(willing)
    sold = tables.periods.query("units > 0")
    assert (sold["price"] == tick).all()
    assert (sold["equilibrium_price"] == tick).all()
    assert (sold["efficiency"] == 1).all()


# ---- the highest amounts allowed ------------------------------------------------------------

CAPPED: list[tuple[Any, int]] = [
    (SealedBidAuction("first", max_bid=52, tick=5), 3),
    (SealedBidAuction("second", max_bid=50), 3),
    (SealedBidAuction("first", CommonValue(25, 225, error=15), max_bid=100), 4),
    (MultiUnitAuction("uniform", PrivateValues(0, 100, units=2), max_bid=50), 3),
    (MultiUnitAuction("discriminatory", max_bid=50), 3),
    (EnglishClock(highest=52, tick=5), 3), (EnglishClock(lowest=50, highest=50), 3),
    (EnglishClock(lowest=80), 2), (DutchClock(highest=50), 3),
    (PostedOffer(max_price=25), 4),
    (PostedOffer(costs=((60,), (30,)), values=((90,), (80,)), max_price=50), 4),
    (PostedOffer(costs=((51,), (52,)), values=((90,), (80,)), max_price=54, tick=5), 4),
    (BertrandMarket(LinearDemand(100, 1), costs=(10, 200)), 2),
    (BertrandMarket(LinearDemand(Decimal("100.5"), 1), costs=(200,)), 2),
    (BertrandMarket(LinearDemand(100, 1), costs=(95, 200), tick=30), 2),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "players"), CAPPED)
def test_robots_decide_what_is_allowed_and_what_brings_no_loss(rules: Any, players: int) -> None:
    tables = tables_of(rules, ZeroIntelligence, players, 60)
    assert tables.decisions["reason"].isna().all()
    assert (tables.allocations["profit"] >= 0).all()
    assert (tables.periods["price"].dropna() >= 0).all()
    assert tables.periods["units"].sum() > 0 or rules.kind in ("posted_offer", "bertrand")
    if tables.periods["equilibrium_price"].isna().all():
        with pytest.raises(BadMarket, match="no equilibrium"):
            tables_of(rules, EquilibriumStrategy, players, 60)
        return
    tables = tables_of(rules, EquilibriumStrategy, players, 60)
    assert tables.decisions["reason"].isna().all()
    assert (tables.allocations["profit"] >= 0).all()
    highest = float(rules.highest_amount("bid"))
    assert (tables.periods["equilibrium_price"].dropna() <= highest).all()
    gap = (tables.periods["equilibrium_price"] - tables.periods["price"]).dropna()
    assert gap.empty or gap.abs().max() <= float(rules.tick)


@pytest.mark.parametrize("pricing", ["first", "second"])
def test_random_bids_bring_no_loss_where_the_value_is_common(pricing: Any) -> None:
    auction = SealedBidAuction(pricing, CommonValue(25, 225, error=15))
    tables = tables_of(auction, ZeroIntelligence, 4, 150)
    assert (tables.allocations["profit"] >= 0).all()
    estimates = tables.endowments.query("item == 'estimate'")
    made = tables.decisions.merge(estimates, on=["period", "player"])
    least = (made["amount_y"] - 15).clip(lower=25)
    shares = made["amount_x"] / least
    assert shares.max() <= 1
    assert shares.mean() == pytest.approx(0.5, abs=0.05)


def test_a_cap_that_nobody_would_exceed_changes_nothing() -> None:
    for rules, players in (
        (SealedBidAuction("first"), 3), (MultiUnitAuction("discriminatory"), 4),
        (SealedBidAuction("second", CommonValue(25, 225, error=15)), 3),
    ):  # fmt: skip
        free = tables_of(rules, EquilibriumStrategy, players, 40)
        capped = tables_of(
            replace(rules, max_bid=rules.highest_amount("bid") // 2 + 20),
            EquilibriumStrategy, players, 40,
        )  # fmt: skip
        assert free.periods.equals(capped.periods)


def test_to_bid_the_highest_allowed_is_dominant_where_the_value_is_above_it() -> None:
    auction = SealedBidAuction("second", PrivateValues(0, 9), max_bid=4)
    for value, other in product(range(10), range(5)):
        gains = dict.fromkeys(range(5), 0.0)
        for bid, seed in product(range(5), range(20)):  # ties are broken by lot
            game = Game({n: Endowment(values=(value,)) for n in ("ann", "bob")}, seed=str(seed))
            game = game.after(Decision("ann", "bid", (bid,)))
            game = game.after(Decision("bob", "bid", (other,)))
            gains[bid] += float(profit_of(auction, game))
        assert gains[min(value, 4)] == max(gains.values())


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


@pytest.mark.parametrize(
    ("costs", "intercept", "tick"),
    [
        ((10, 200), 100, 1), ((200,), 100, 1), ((200, 300), 100, 1), ((95, 97), 100, 30),
        ((10, 95), Decimal("100.5"), 1), ((100, 100), 100, 1), ((99, 200), Decimal("100.5"), 7),
    ],
)  # fmt: skip
def test_no_price_is_above_that_at_which_nothing_is_bought(
    costs: Any, intercept: Any, tick: int
) -> None:
    """And none that is allowed pays more, whatever firms cost."""
    market = BertrandMarket(LinearDemand(intercept, 1), costs=costs, tick=tick)
    names = [f"firm {number}" for number in range(len(costs))]
    game = Game(market.deal(names, "1"))
    highest = market.highest_amount("price")
    assert market.demand.quantity(highest) == 0
    found = dict(zip(names, bertrand_prices(market.demand, costs, tick), strict=True))
    assert max(found.values()) <= highest
    for name in names:

        def profit(price: Any, name: str = name) -> Any:
            played = game
            for other in names:
                amount = price if other == name else found[other]
                played = played.after(Decision(other, "price", (amount,)))
            return profit_of(market, played, name)

        others = max(profit(price) for price in range(0, int(highest) + 1, tick))
        assert others <= profit(found[name])
        assert profit(found[name]) >= 0


@pytest.mark.parametrize("kind", [CournotMarket, BertrandMarket])
@pytest.mark.parametrize("gone", [[], ["cleo"], ["ann"], ["bob", "ann"]])
def test_firms_that_were_gone_first_are_not_reckoned_with(kind: Any, gone: list[str]) -> None:
    """In what robots choose, and in what tables predict."""
    names, costs = ["ann", "bob", "cleo"], (10, 20, 20)
    market = kind(LinearDemand(100, 1), costs=costs)
    game = Game(market.deal(names, "1"))
    for name in gone:
        game = game.after(Decision(name, "absent"))
    left = {name: cost for name, cost in zip(names, costs, strict=True) if name not in gone}
    alone = kind(LinearDemand(100, 1), costs=tuple(left.values()))
    expected = alone.benchmark(Game(alone.deal(list(left), "1")))
    assert market.benchmark(game) == expected
    for name in left:
        seen = Seen.of(view_of(market, game, name, 1, (0.0, 0.0), None))
        move = market.equilibrium_move(seen, Random(1))
        assert float(move.amounts[0]) == pytest.approx(expected.amounts[name], abs=0.5)
        assert "20" not in str(seen.public)  # nobody is told what others cost


@pytest.mark.parametrize("kind", [CournotMarket, BertrandMarket])
def test_robots_say_that_they_do_not_know_costs_that_an_author_gave(kind: Any) -> None:
    def moves(market: Any, *costs: int) -> list[Any]:
        names = ["ann", "bob", "cleo"][: len(costs)]
        given = zip(names, costs, strict=True)
        game = Game({name: Endowment("firm", costs=(cost,)) for name, cost in given}, given=True)
        views = [view_of(market, game, name, 1, (0.0, 0.0), None) for name in names]
        return [market.equilibrium_move(Seen.of(view), Random(1)).amounts[0] for view in views]

    for market, costs in (
        (kind(), (10, 12)), (kind(costs=(10, 20)), (10, 10)), (kind(costs=(10, 20)), (10, 20, 20)),
    ):  # fmt: skip
        with pytest.raises(BadMarket, match=r"`endow`.*\n.*costs=\(10, 20\)"):
            moves(market, *costs)
    market = kind(costs=(10, 20))
    assert moves(market, 20, 10) == moves(market, 10, 20)[::-1]


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


@pytest.mark.parametrize("max_price", [20, 45, 52, 54, 55, 60, 200])
def test_offers_are_the_competitive_price_or_the_highest_allowed(max_price: int) -> None:
    market = PostedOffer(max_price=max_price)  # competitive prices are 50 to 60
    tables = tables_of(market, EquilibriumStrategy, 4, 1)
    assert tables.decisions["reason"].isna().all()
    offers = tables.decisions.query("action == 'offer'")["amount"]
    assert set(offers) == {min(55, max_price)}
    assert list(tables.periods["equilibrium_price"]) == [min(55, max_price)]


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
