"""Robot traders: what they may never do, and what the literature says that they do."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.examples import examples
from uproot_nb.errors import BadMarket
from uproot_nb.market import Design, InducedValues, Rules
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.simulations.summary import finished_row
from uproot_nb.market.traders import (
    AA,
    GD,
    GDX,
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
    "ZIU": lambda n: ZIU(), "ZIC": lambda n: ZIC(), "GD": lambda n: GD(), "GDX": lambda n: GDX(),
    "ZIP": lambda n: ZIP(Random(n), absolute=1.0), "Sniper": lambda n: Sniper() if n % 3 else ZIC(),
    "AA": lambda n: AA(Random(n)),
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


@pytest.mark.parametrize("kind", ["ZIC", "ZIP", "GD", "GDX", "Sniper", "AA"])
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


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_seed_gives_the_same_market(kind: str) -> None:
    one, two, other = simulated(kind), simulated(kind), simulated(kind, seed=2)
    assert one.order_events.equals(two.order_events)
    assert not one.order_events.equals(other.order_events)


@pytest.mark.long
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


@pytest.mark.long
def test_a_budget_makes_markets_efficient() -> None:
    """Gode and Sunder's result: not intelligence but the budget does it."""

    def mean(kind: str) -> float:
        return statistics.mean(
            simulated(kind, seed).periods["efficiency"].mean() for seed in (1, 2)
        )

    assert mean("ZIC") > 0.9 > mean("ZIU")


@pytest.mark.long
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


def naive_belief(heard: list[Shout], side: str, price: float, highest: float) -> float:
    """The formulas of the paper again, by counting."""

    def at(where: float) -> float:
        if where <= 0 or where >= highest:
            return float((where <= 0) == (side == "sell"))
        good = bad = 0
        for one in heard:
            willing = one.price >= where if side == "sell" else one.price <= where
            asked = one.price <= where if side == "sell" else one.price >= where
            good += willing and (one.side != side or one.accepted)
            bad += asked and one.side == side and not one.accepted
        return good / (good + bad) if good + bad else 0.5

    known = {0.0, highest, *(float(one.price) for one in heard)}
    above = min((p for p in known if p >= price), default=highest)
    below = max((p for p in known if p <= price), default=0.0)
    if above <= below:
        return at(below)
    share = (price - below) / (above - below)
    return at(below) + (at(above) - at(below)) * (3 - 2 * share) * share * share


@given(
    st.lists(shouts, max_size=30), st.sampled_from(["buy", "sell"]),
    st.integers(-10, 230) | st.floats(0, 200), st.sampled_from([100.0, 200.0]),
)  # fmt: skip
@examples(150)
def test_beliefs_are_those_that_counting_gives(
    heard: list[Shout], side: Side, price: float, highest: float
) -> None:
    trader = GD(memory=40)
    trader._shouts.extend(heard)
    assert trader.belief(side, price, highest) == naive_belief(heard, side, price, highest)


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_tables_made_of_rows_are_those_made_of_data_frames(kind: str) -> None:
    made = simulated(kind, periods=2)
    again = MarketTables("simulation", made.order_events, made.induced_values)
    for name in made.names:
        pandas.testing.assert_frame_equal(getattr(made, name), getattr(again, name))
    assert finished_row(1, made) == finished_row(1, again)


def test_a_sniper_waits_for_a_good_deal() -> None:
    sniper, chance = Sniper(), Random(1)
    wide = View("buy", 100, 20, 90, None, 1, 200)
    assert sniper.quote(wide, chance) is None
    assert sniper.quote(View("buy", 100, 85, 90, None, 1, 200), chance) == 90
    assert sniper.quote(View("buy", 100, 20, 90, None, 1, 200, time_left=0.05), chance) == 90
    assert sniper.quote(View("buy", 80, 85, 90, None, 1, 200, time_left=0.05), chance) is None


@pytest.mark.parametrize(
    ("side", "limit", "tick", "opens"),
    [
        ("buy", 100, 1, 1), ("sell", 60, 1, 200), ("buy", 100, 7, 7), ("sell", 60, 7, 196),
        ("buy", 6, 7, None), ("sell", 201, 1, None), ("sell", 197, 7, None),
        ("buy", Decimal("0.5"), Decimal("0.1"), Decimal("0.1")),
    ],
)  # fmt: skip
def test_a_sniper_opens_an_empty_side_and_gives_nothing_away(
    side: Side, limit: Price, tick: Price, opens: Price | None
) -> None:
    empty = View(side, limit, None, None, None, tick, 200)
    assert Sniper().quote(empty, Random(1)) == opens
    bid, ask = (opens, None) if side == "buy" else (None, opens)
    if opens is not None:
        assert Sniper().quote(replace(empty, bid=bid, ask=ask), Random(1)) is None


def test_a_sniper_pays_no_more_than_anybody_did_before() -> None:
    """A narrow spread is not enough when the last period's trades were all cheaper."""
    chance, near = Random(1), View("buy", 100, 85, 90, None, 1, 200, period=2)
    heard: dict[int, Sniper] = {}
    for paid in (80, 95):
        heard[paid] = Sniper()
        heard[paid].observe(Shout("sell", paid, True), replace(near, period=1), chance)
    assert heard[80].quote(near, chance) is None
    assert heard[95].quote(near, chance) == 90
    selling = View("sell", 60, 85, 90, None, 1, 200, period=2)
    for paid, quoted in ((80, 85), (95, None)):
        sniper = Sniper()
        sniper.observe(Shout("buy", paid, True), replace(selling, period=1), chance)
        sniper.observe(Shout("buy", 99, True), replace(selling, period=1), chance)
        assert sniper.quote(selling, chance) == quoted


def test_a_quote_that_was_taken_is_believed_to_be_taken_again() -> None:
    """It stood first, and was heard as one that nobody took; the taking mends that."""
    trader, chance = GD(), Random(1)
    for price in (90, 80):
        trader.observe(Shout("sell", price, False), None, chance)
    assert trader.belief("sell", 80, 200.0) == 0.0
    trader.observe(Shout("buy", 80, True), None, chance)
    assert trader.belief("sell", 80, 200.0) == 1.0
    assert trader.belief("sell", 90, 200.0) == 0.0


@given(
    st.lists(shouts, max_size=30), st.none() | st.integers(1, 200), st.none() | st.integers(1, 200),
    st.integers(0, 210),
)  # fmt: skip
@examples(100)
def test_quotes_that_stand_do_not_count_yet(
    heard: list[Shout], bid: int | None, ask: int | None, price: int
) -> None:
    """Definition 7: one shout of each outstanding quote, the last, is left out."""
    counted = list(reversed(heard))
    for side, standing in (("buy", bid), ("sell", ask)):
        here = [s for s in counted if (s.side, s.price, s.accepted) == (side, standing, False)]
        if here:
            counted.remove(here[0])
    trader = GD(memory=40)
    trader._shouts.extend(heard)
    for side in ("buy", "sell"):
        wanted = naive_belief(counted, side, price, 200.0)
        assert trader.belief(side, price, 200.0, bid, ask) == wanted
        assert trader.belief(side, price, 200.0) == naive_belief(heard, side, price, 200.0)


def test_an_ask_counts_as_rejected_when_a_better_one_has_taken_its_place() -> None:
    trader, chance = GD(), Random(1)
    for price in (90, 80):
        trader.observe(Shout("sell", price, False), None, chance)
    assert trader.belief("sell", 80, 200.0, None, 80) > 0.0
    assert trader.belief("sell", 90, 200.0, None, 80) == 0.0
    assert trader.belief("sell", 80, 200.0) == 0.0


def test_a_sure_gain_is_believed_to_be_sure() -> None:
    """Nobody has sold at 60 yet, but who sells to the bid that stands there does."""
    trader, chance = GD(), Random(1)
    for price in (55, 50, 60):
        trader.observe(Shout("sell", price, False), None, chance)
    assert trader.quote(View("sell", 40, 60, None, None, 1, 200), chance) == 60


def plus(margin: float = 0.2) -> ZIP:
    trader = ZIP(Random(1))
    trader.margin = margin
    return trader


def test_who_has_sold_everything_still_learns_that_it_was_too_cheap() -> None:
    trader, chance = plus(), Random(1)
    trader.quote(View("sell", 100, None, None, None, 1, 200), chance)
    trader.observe(Shout("buy", 90, True), None, chance)
    assert trader.margin == 0.2
    trader.observe(Shout("buy", 150, True), None, chance)
    assert trader.margin > 0.2
    before = trader.margin
    trader.observe(Shout("sell", 105, False), None, chance)  # it has nothing to compete for
    assert trader.margin == before


@pytest.mark.parametrize("margin", [0.157, 0.203, 0.1999])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_shout_of_ones_own_that_fails_lowers_the_margin(side: str, margin: float) -> None:
    """Whichever way the price was rounded."""
    trader, chance = plus(margin), Random(1)
    view = View(side, 100, None, None, None, 1, 200)  # type: ignore[arg-type]
    price = trader.quote(view, chance)
    assert price is not None
    trader.observe(Shout(view.side, price, False), view, chance)
    assert trader.margin < margin


def test_each_unit_has_a_margin_of_its_own() -> None:
    """With one for all of them, units of different value pull it to and fro."""
    trader, chance = plus(), Random(1)
    first, second = (
        View("buy", limit, None, None, None, 1, 200, unit=unit)
        for unit, limit in ((1, 120), (2, 90))
    )
    trader.observe(Shout("buy", 110, False), first, chance)
    assert trader.margin < 0.2
    trader.quote(second, chance)
    assert trader.margin == 0.2


@pytest.mark.long
def test_prices_of_traders_with_several_units_come_closer_to_equilibrium() -> None:
    """Over the periods, on the average of several markets."""
    design = Design(VALUES, lambda chance: ZIP(chance, absolute=1.0), periods=6, steps=400)
    periods = pandas.concat([design.simulate(seed).periods for seed in range(8)])
    alphas = periods.groupby("period")["alpha"].mean()
    assert alphas[6] < 0.7 * alphas[1]


def test_what_was_heard_counts_on_every_grid() -> None:
    """Asks at 137 were taken, asks at 139 were not; nobody has a reason to ask for less."""
    for tick in (1, Decimal("0.01")):
        trader, chance = GD(memory=9), Random(1)
        for _ in range(40):
            trader.observe(Shout("sell", 139, False), None, chance)
        for _ in range(4):
            trader.observe(Shout("sell", 137, True), None, chance)
        view = View("sell", 100, None, None, None, tick, 2_000)
        assert trader.quote(view, chance) == 137


def test_who_has_values_and_costs_trades_on_both_sides() -> None:
    values = InducedValues({"ann": [90, 80], "bob": [50]}, {"ann": [20], "cem": [30, 40]})
    both = simulate_market({name: ZIC() for name in ("ann", "bob", "cem")}, values, steps=400)
    orders = both.order_events.query("player == 'ann' and event == 'submit'")
    assert set(orders["side"]) == {"buy", "sell"}
    limits = orders.groupby("side", observed=True)["price"]
    assert limits.max()["buy"] <= 90
    assert limits.min()["sell"] >= 20
    assert set(both.traders.query("player == 'ann'")["side"]) == {"buy", "sell"}
    earned = both.traders.groupby("player", observed=True)[["surplus", "equilibrium_surplus"]].sum()
    gaps = earned["surplus"] - earned["equilibrium_surplus"]
    assert len(gaps) == 3
    assert both.periods["profit_dispersion"][0] == pytest.approx((gaps**2).mean() ** 0.5)


def test_a_margin_is_never_given_up_altogether() -> None:
    trader, chance = plus(0.05), Random(1)
    view = View("sell", 100, None, None, None, 1, 200)
    for _ in range(50):
        trader.observe(Shout("sell", 20, False), view, chance)
    assert trader.margin > 0


LIMITS = range(75, 326, 25)
CLIFF = {
    "symmetric": (LIMITS, LIMITS), "flat supply": (LIMITS, [200] * 11),
    "excess demand": ([200] * 11, [50] * 6), "excess supply": ([320] * 6, [200] * 11),
}  # fmt: skip
"""The markets of Cliff and Bruten (1997), in cents; all have their equilibrium at 200."""


@pytest.mark.long
@pytest.mark.parametrize("market", CLIFF)
def test_margins_find_the_equilibrium_of_the_reports_markets(market: str) -> None:
    """Their traders have one unit each; within ten days they trade close to the equilibrium."""
    demand, supply = CLIFF[market]
    values = InducedValues(
        {f"b{n}": [value] for n, value in enumerate(demand)},
        {f"s{n}": [cost] for n, cost in enumerate(supply)},
    )
    traders = {
        name: ZIP(Random(n), absolute=5.0) for n, name in enumerate([*values.values, *values.costs])
    }
    rules = Rules(max_price=400)
    days = simulate_market(traders, values, periods=10, steps=600, rules=rules, seed=1).periods
    assert days["alpha"].iloc[-1] < min(5, days["alpha"].iloc[0])
    assert days["efficiency"].iloc[1:].mean() > 0.95


def test_weak_foresight_sells_in_the_end() -> None:
    trader, chance = NearZeroIntelligence(), Random(1)
    early = sum(trader.side(1, chance) == "buy" for _ in range(2000)) / 2000
    late = sum(trader.side(15, chance) == "buy" for _ in range(2000)) / 2000
    assert early == pytest.approx(0.483, abs=0.05)
    assert late == pytest.approx(0.249, abs=0.05)
    assert trader.quote(View("buy", 24, None, None, None, 1, 200), chance) is not None


@pytest.mark.parametrize("kind", ["ZIC", "ZIP"])
def test_a_call_is_simulated_with_an_order_for_each_unit(kind: str) -> None:
    rules = Rules(max_price=200, call=True, no_loss=True)
    one, two = (
        simulate_market(
            {name: MAKERS[kind](n) for n, name in enumerate([*BUYERS, *SELLERS])},
            VALUES, periods=3, steps=10, rules=rules, seed=7,
        )
        for _ in range(2)
    )  # fmt: skip
    assert one.order_events.equals(two.order_events)
    submitted = one.order_events.query("event == 'submit'").groupby(["period", "player"]).size()
    assert len(submitted) == 3 * len(BUYERS + SELLERS)
    assert (submitted <= 3).all()
    assert sorted(set(one.trades["time"])) == [1, 11, 21]
    assert (one.trades.groupby("period")["price"].nunique() == 1).all()
    assert (one.trades[["buyer_surplus", "seller_surplus"]] >= 0).all().all()
    assert one.periods["efficiency"].between(0, 1).all()


def test_units_and_traders_must_fit() -> None:
    with pytest.raises(BadMarket, match="b1"):
        simulate_market({"b0": ZIC()}, InducedValues({"b0": [1], "b1": [1]}, {}))


def test_a_trade_takes_all_quotes_away_where_the_paper_says_so() -> None:
    """Gode and Sunder's double auction: one best quote a side, and none left after a trade."""
    traders = {name: ZIC() for name in [*BUYERS, *SELLERS]}
    rules = Rules(max_price=200, improvement=True)
    tables = simulate_market(
        traders, VALUES, steps=800, rules=rules, seed=4, clear_after_trade=True
    )
    events = tables.order_events
    last = events[events["event"].isin(["fill", "partial_fill"])].groupby("trade")["seq"].max()
    book = tables.book.set_index("seq")
    for seq in last:
        time = events.set_index("seq")["time"][seq]
        after = book[book["time"] == time].iloc[-1]
        assert after[["bid", "ask"]].isna().all()


@pytest.mark.parametrize("kind", ["ZIU", "ZIC", "ZIP"])
@pytest.mark.parametrize("clears", [False, True])
def test_under_an_improvement_rule_quotes_only_get_better(kind: str, clears: bool) -> None:
    """Until the next trade, also where somebody quotes again who has the best quote."""
    traders = {name: MAKERS[kind](n) for n, name in enumerate([*BUYERS, *SELLERS])}
    rules = Rules(max_price=200, improvement=True)
    tables = simulate_market(
        traders, VALUES, steps=400, rules=rules, seed=2, clear_after_trade=clears
    )
    # who quotes anew cancels and submits at one moment; what counts is what then stands
    book = tables.book.drop_duplicates("time", keep="last")
    trades = set(tables.trades["time"])
    for before, now in pairwise(book.itertuples()):
        if now.time in trades or before.time in trades:
            continue
        assert not now.bid < before.bid
        assert not now.ask > before.ask


def test_units_are_traded_in_their_order() -> None:
    tables = simulated("ZIC", periods=1)
    for name, trades in tables.trades.groupby("buyer", observed=True):
        assert list(trades["value"]) == VALUES.values[str(name)][: len(trades)]
    for name, trades in tables.trades.groupby("seller", observed=True):
        assert list(trades["cost"]) == VALUES.costs[str(name)][: len(trades)]


def test_zero_intelligence_draws_from_the_whole_range() -> None:
    """ZI-U from 1 to 200, a ZI-C buyer from 1 to its value, a ZI-C seller from its cost to 200."""
    chance = Random(1)
    buys, sells = (View(side, 90, None, None, None, 1, 200) for side in ("buy", "sell"))  # type: ignore[arg-type]
    drawn = {
        (name, view.side): {trader.quote(view, chance) for _ in range(5_000)}
        for name, trader in (("ZIU", ZIU()), ("ZIC", ZIC()))
        for view in (buys, sells)
    }
    assert drawn["ZIU", "buy"] == drawn["ZIU", "sell"] == set(range(1, 201))
    assert drawn["ZIC", "buy"] == set(range(1, 91))
    assert drawn["ZIC", "sell"] == set(range(90, 201))


def test_who_builds_on_a_heedless_trader_may_listen() -> None:
    class Counting(ZIC):
        heard = 0

        def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
            self.heard += 1

    counting = Counting()
    traders: dict[str, Trader] = {name: ZIC() for name in [*BUYERS, *SELLERS]}
    simulate_market({**traders, "b0": counting}, VALUES, steps=100, rules=RULES)
    assert counting.heard > 50


def test_who_has_no_units_at_all_takes_no_part() -> None:
    values = InducedValues({"b0": [90], "b1": []}, {"s0": [10]})
    traders = {name: ZIC() for name in ("b0", "b1", "s0")}
    tables = simulate_market(traders, values, steps=200, rules=Rules(max_price=100))
    assert len(tables.trades) == 1
    assert "b1" not in set(tables.order_events["player"])


def test_the_numbers_of_zip_may_be_decimals_like_its_prices() -> None:
    values = InducedValues({"b": [90, 80]}, {"s": [10, 20]})

    def trades(absolute: Any) -> pandas.DataFrame:
        design = Design(values, partial(ZIP, absolute=absolute), steps=60)
        return design.simulate(1).trades

    assert trades(Decimal("0.5")).equals(trades(0.5))
