"""GDX: the dynamic program over the chances to trade that are left."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.examples import examples
from uproot_nb.market.traders import GD, GDX, Shout, View

SIDES = st.sampled_from(["buy", "sell"])
PRICES = st.integers(1, 60)
SHOUTS = st.lists(st.builds(Shout, SIDES, PRICES, st.booleans()), max_size=12)
VIEWS = st.builds(
    View, SIDES, PRICES, st.none() | PRICES, st.none() | PRICES, st.none(), st.just(1), st.just(60),
    st.sampled_from([1.0, 0.5, 0.1]), later=st.lists(PRICES, max_size=2).map(tuple),
)  # fmt: skip


def heard(trader: GD, shouts: list[Shout]) -> GD:
    for shout in shouts:
        trader.observe(shout, None, Random(1))
    return trader


def value(trader: GDX, view: View, units: tuple[int, ...], chances: int) -> float:
    """V(m, n) of the paper, by trying every price of the grid."""
    if not units or not chances:
        return 0.0
    sign = 1 if view.side == "sell" else -1
    kept = 0.9 * value(trader, view, units, chances - 1)
    traded = 0.9 * value(trader, view, units[1:], chances - 1)
    possible = [0.0 + kept]
    for price in range(1, 61):
        gain = sign * (price - units[0])
        belief = trader.belief(view.side, price, 60.0, view.bid, view.ask)
        if gain >= 0:
            possible.append(belief * (gain + traded) + (1 - belief) * kept)
    return max(possible)


@given(VIEWS, SHOUTS)
@examples(60)
def test_the_worth_of_a_unit_that_is_kept_is_that_of_trying_every_price(
    view: View, shouts: list[Shout]
) -> None:
    """Values fall from unit to unit, and costs rise."""
    trader = heard(GDX(chances=3), shouts)
    units = tuple(sorted((view.limit, *view.later), reverse=view.side == "buy"))
    view = replace(view, limit=units[0], later=units[1:])
    left = trader.chances_left(view)
    whole, fewer = (value(trader, view, some, left) for some in (units, units[1:]))  # type: ignore[arg-type]
    sign = 1 if view.side == "sell" else -1
    beliefs = trader._beliefs(view.side, 60.0, view.bid, view.ask)
    worth = sign * (trader._reserve(view, beliefs) - view.limit)
    assert worth == pytest.approx(0.9 * (whole - fewer), abs=0.02)


@given(VIEWS, SHOUTS)
@examples(60)
def test_without_a_future_it_is_gd(view: View, shouts: list[Shout]) -> None:
    chance = Random(1)
    wanted = heard(GD(), shouts).quote(view, chance)
    assert heard(GDX(discount=0), shouts).quote(view, chance) == wanted
    assert heard(GDX(), shouts).quote(replace(view, time_left=0.0), chance) == wanted


def test_who_has_time_asks_for_more_and_in_the_end_gives_in() -> None:
    shouts = [Shout("sell", price, price < 40) for price in (20, 30, 38, 45, 50, 55)]
    view = View("sell", 10, 20, 50, None, 1, 60)
    asks = [
        heard(GDX(), shouts).quote(replace(view, time_left=left), Random(1))
        for left in (0.8, 0.1, 0.0)
    ]
    assert asks == sorted(asks, reverse=True)  # type: ignore[type-var]
    assert asks[0] > asks[-1] == heard(GD(), shouts).quote(view, Random(1))  # type: ignore[operator]


@pytest.mark.parametrize("earlier", [0, 1])
def test_without_a_clock_it_is_gd_once_it_has_quoted_as_often_as_it_expects(earlier: int) -> None:
    """In each period anew, also after one that had a clock."""
    shouts = [Shout("sell", price, price < 40) for price in (20, 30, 38, 45, 50, 55)]
    view = View("sell", 10, 20, 50, None, 1, 60, period=2)
    trader, chance = GDX(chances=8), Random(1)
    heard(trader, shouts)
    for asked in range(8 * earlier):
        trader.quote(replace(view, period=1, time_left=1 - asked / 8), chance)
    last = heard(GD(), shouts).quote(view, chance)
    for period in (2, 3):
        left, asks = [], []
        for _ in range(12):
            asks.append(trader.quote(replace(view, period=period), chance))
            left.append(trader.chances_left(view))
        assert left == [max(0, left[0] - asked) for asked in range(12)]
        assert 8 <= left[0] <= 11
        assert asks == sorted(asks, reverse=True)  # type: ignore[type-var]
        assert asks[0] > asks[-1] == last  # type: ignore[operator]


def test_a_better_unit_that_comes_later_is_no_reason_to_wait() -> None:
    """Two units share the chances: who has two is more eager to trade the first."""
    one = View("buy", 50, None, 45, None, 1, 60)
    trader = heard(GDX(), [Shout("sell", price, price < 40) for price in (30, 35, 45)])
    beliefs = trader._beliefs("buy", 60.0, None, 45)
    assert trader._reserve(one, beliefs) < trader._reserve(replace(one, later=(48,)), beliefs) <= 50


def test_it_learns_how_often_it_is_asked() -> None:
    trader, chance = GDX(chances=25), Random(1)
    view = View("sell", 10, None, None, None, 1, 60)
    assert trader.chances_left(view) == 25
    for asked in range(100):
        trader.quote(replace(view, time_left=1 - asked / 100), chance)
    assert trader.chances_left(replace(view, time_left=0.5)) in range(40, 50)
    trader.quote(replace(view, period=2), chance)
    assert trader.chances_left(view) in range(80, 100)
