"""Random markets of robots under random rules: everything that the tables say, once more by hand.

`make test-all` tries a thousand of them; the quick suite tries a share.
"""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from tests.market.naive_market import NaiveMarket
from uproot_nb.market import CircuitBreaker, Fees, InducedValues, Rules, Tax
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.analysis.tables import book_table, trade_table
from uproot_nb.market.traders import ZIC, ZIU, simulate_market

MARKETS, SHARE = 1_000, 40
HIGHEST = 120


def random_rules(chance: Random) -> Rules:
    """Return rules in which each has a chance to be other than usual."""

    def perhaps(name: str, *values: Any) -> dict[str, Any]:
        return {name: chance.choice(values)} if chance.random() < 0.3 else {}

    lapse = chance.choice([None, None, None, "trade", "shout", "own"])
    trade_price = chance.choice(["maker", "maker", "taker", "middle", "k"])
    return Rules(
        max_price=HIGHEST, lapse=lapse, trade_price=trade_price,
        improvement=lapse != "shout" and chance.random() < 0.3,
        no_loss=chance.random() < 0.3,
        **({"k": Decimal(chance.choice(["0", "0.3", "1"]))} if trade_price == "k" else {}),
        **perhaps("floor", 20, 45), **perhaps("ceiling", 55, 80),
        **perhaps("buyer_tax", Tax(4), Tax(rate=Decimal("0.1")), Tax(-3)),
        **perhaps("seller_tax", Tax(5), Tax(2, Decimal("-0.05"))),
        **perhaps("fees", Fees(1, 2), Fees(-1, 3)),
        **perhaps("good_for", 3, 10),
        **perhaps("breaker", CircuitBreaker(Decimal("0.2"), 6), CircuitBreaker(1, 4, 30)),
        **perhaps("timing", "turns", "surplus"), **perhaps("short_sales", False),
    )  # fmt: skip


class RandomMarket:
    """A simulated market, and the same one once more as lists."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)
        self.rules = random_rules(chance)
        buyers = [f"b{n}" for n in range(chance.randint(1, 4))]
        sellers = [f"s{n}" for n in range(chance.randint(1, 4))]
        self.values = InducedValues.drawn(
            buyers, sellers, seed=chance.random(), units=chance.randint(1, 3), highest=100
        )
        kind = chance.choice([ZIC, ZIC, ZIU])
        self.tables = simulate_market(
            {name: kind() for name in buyers + sellers}, self.values, periods=2, steps=60,
            rules=self.rules, seed=seed,
        )  # fmt: skip

    def rows(self, period: int) -> list[dict[str, Any]]:
        events = self.tables.order_events
        found: list[dict[str, Any]] = events[events.period == period].to_dict("records")  # type: ignore[assignment]
        return found

    def recomputed(self, period: int) -> NaiveMarket:
        """Give a naive market the orders that were accepted in a period."""
        owners = [*self.values.values, *self.values.costs]
        naive = NaiveMarket(self.rules, self.values.value_of, dict.fromkeys(owners, (0, 0)))
        breaker = self.rules.breaker
        first = None if breaker is None else breaker.reference
        naive.reference = None if first is None else int(first)
        replaced = None
        for row in self.rows(period):
            naive.wait(row["time"] - naive.now)
            if row["event"] == "cancel" and row["reason"] == "replaced":
                replaced = next(o for o in naive.orders if o.number == row["order"])
            if row["event"] == "submit":
                price = int(row["price"])
                naive.enter(row["player"], row["side"], price, row["quantity"], replaced)
                replaced = None
        return naive


def worth(market: RandomMarket, naive: NaiveMarket) -> dict[str, float]:
    """Return what was earned, taxed and charged, trade by trade."""
    done: defaultdict[tuple[str, str], int] = defaultdict(int)
    found = dict.fromkeys(("surplus", "tax_revenue", "fee_revenue"), 0.0)
    for buyer, seller, price, quantity, _, taker in naive.trades:
        for side, player, sign in (("buy", buyer, 1), ("sell", seller, -1)):
            takes = naive.sides[taker] == side
            fee = market.rules.fees.taker if takes else market.rules.fees.maker
            due = naive.due(side, price, takes)
            for _ in range(quantity):
                done[player, side] += 1
                value = market.values.value_of(player, side, done[player, side])  # type: ignore[arg-type]
                assert value is not None
                found["surplus"] += sign * float(value - price) - due
                found["tax_revenue"] += due - float(fee)
                found["fee_revenue"] += float(fee)
    return found


def most(values: InducedValues) -> float:
    """Return the greatest surplus: of the best buyers and sellers who gain together."""
    pairs = zip(values.all_values(), values.all_costs(), strict=False)
    return float(sum(max(value - cost, 0) for value, cost in pairs))


def check_order(tables: MarketTables) -> None:
    """Compare tables with those that are made of the table of events, halts and all."""
    events = tables.order_events
    assert list(events.seq) == list(range(1, len(events) + 1))
    assert events.time.is_monotonic_increasing
    assert_frame_equal(book_table(events), tables.book)
    assert_frame_equal(trade_table(events, tables.induced_values), tables.trades)


def check(seed: int) -> None:
    """Compare all that the tables say of a random market with what lists and loops say."""
    market = RandomMarket(seed)
    check_order(market.tables)
    for row in market.tables.period_rows:
        period = row["period"]
        naive = market.recomputed(period)
        events = market.rows(period)
        fills = [r for r in events if r["event"] in ("fill", "partial_fill")]
        told = [
            (int(taker["price"]), taker["quantity"], maker["order"], taker["order"])
            for maker, taker in zip(fills[::2], fills[1::2], strict=True)
        ]
        assert told == [(price, count, *orders) for _, _, price, count, *orders in naive.trades]
        halts = [(r["event"], r["reason"]) for r in events if r["event"] in ("halt", "resume")]
        assert halts == [(event, why) for event, why, _ in naive.statuses]
        assert row["trades"] == len(told)
        volume = sum(count for _, count, *_ in told)
        assert row["volume"] == volume
        mean = sum(p * n for p, n, *_ in told) / volume if volume else math.nan
        assert row["mean_price"] == pytest.approx(mean, nan_ok=True)
        found, best = worth(market, naive), most(market.values)
        welfare = sum(found.values())
        for name, amount in {**found, "welfare": welfare, "maximum_surplus": best}.items():
            assert row[name] == pytest.approx(amount, abs=1e-9), name
        efficiency = welfare / best if best else math.nan
        assert row["efficiency"] == pytest.approx(efficiency, nan_ok=True)
        assert row["deadweight_loss"] == pytest.approx(best - welfare, abs=1e-9)
        assert row["equilibrium_welfare"] <= best + 1e-9


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, SHARE, 10))
def test_what_the_tables_say_of_random_markets_is_what_happened(first: int) -> None:
    for seed in range(first, first + 10):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(SHARE, MARKETS, 80))
def test_what_the_tables_say_of_a_thousand_random_markets_is_what_happened(first: int) -> None:
    for seed in range(first, min(first + 80, MARKETS)):
        check(seed)
