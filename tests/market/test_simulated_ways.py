"""A market is the same whichever way a simulation can go: hearing, noting and drawing."""

from __future__ import annotations

from decimal import Decimal
from functools import wraps
from random import Random
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.market.random_markets import digest, random_tables
from uproot_nb.errors import OrderRefused
from uproot_nb.market import Book, InducedValues, Rules
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.traders import (
    ZIP,
    CallResult,
    CallTrader,
    Heedless,
    Shout,
    View,
    simulate_market,
)
from uproot_nb.market.traders.draws import drawn_below, one_of
from uproot_nb.market.traders.trader import only_its_unit, sees_its_unit

NUMBERS = st.integers(1_000, 9_999)


class LookingOn:
    """A trader who gets a new view with each shout, because nothing says that it needs none."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def quote(self, view: View, chance: Random) -> Any:
        return self.inner.quote(view, chance)

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        self.inner.observe(shout, view, chance)

    def observe_call(self, result: CallResult, chance: Random) -> None:
        if isinstance(self.inner, CallTrader):
            self.inner.observe_call(result, chance)

    def expected_surplus(self, view: View) -> float:
        own = getattr(self.inner, "expected_surplus", None)
        if own is not None:
            return float(own(view))
        gain = view.limit - view.lowest if view.side == "buy" else view.highest - view.limit
        return max(0.0, float(gain))


class LookingOnAndChoosing(LookingOn):
    """One that says on which side it trades."""

    def side(self, period: int, chance: Random) -> Side:
        side: Side = self.inner.side(period, chance)
        return side


def looking_on(trader: Any) -> Any:
    if isinstance(trader, Heedless):
        return trader  # it hears nothing, in whatever way
    return (LookingOnAndChoosing if hasattr(trader, "side") else LookingOn)(trader)


@given(NUMBERS)
@examples(8)
def test_who_sees_no_more_than_its_unit_does_what_it_would_with_a_new_view(number: int) -> None:
    assert digest(random_tables(number, looking_on), 17) == digest(random_tables(number), 17)


@given(NUMBERS)
@examples(8)
def test_the_tables_of_what_was_noted_are_those_of_its_table(number: int) -> None:
    noted = random_tables(number)
    read = MarketTables("read", noted.order_events, noted.induced_values)
    for name in noted.names:
        pandas.testing.assert_frame_equal(
            getattr(read, name), getattr(noted, name), check_exact=True
        )


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_draw_is_that_of_randrange_and_of_choice(count: int, seed: int) -> None:
    ours, theirs = Random(seed), Random(seed)
    some = range(count)
    for _ in range(3):
        assert drawn_below(count, ours) == theirs.randrange(count)
        assert one_of(some, ours) == theirs.choice(some)
    assert ours.getstate() == theirs.getstate()


def test_an_override_sees_everything_unless_it_says_so() -> None:
    class Asking(ZIP):
        def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
            super().observe(shout, view, chance)

    class Saying(Asking):
        @only_its_unit
        def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
            super().observe(shout, view, chance)

    class Wrapped(ZIP):
        @wraps(ZIP.observe)
        def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
            super().observe(shout, view, chance)

    kinds = (ZIP, Asking, Saying, Wrapped)
    assert [sees_its_unit(kind(Random(1))) for kind in kinds] == [True, False, True, False]


def test_a_trader_may_switch_its_own_quote() -> None:
    asked: list[str] = []

    class Switching:
        def quote(self, view: View, chance: Random) -> Any:
            asked.append("first")
            return view.limit

        def late(self, view: View, chance: Random) -> Any:
            asked.append("late")
            return view.limit

        def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
            self.quote = self.late  # type: ignore[method-assign]

    values = InducedValues({"b": [9, 8, 7]}, {"s": [8, 8, 8]})
    simulate_market({"b": Switching(), "s": Switching()}, values, steps=30, seed=1)
    assert asked[0] == "first"
    assert set(asked[1:]) == {"late"}
    assert len(asked) > 2


def test_units_that_are_equal_stay_what_they_are() -> None:
    seen: list[type] = []

    class Looking(Heedless):
        def quote(self, view: View, chance: Random) -> None:
            seen.extend(type(one) for one in view.later)

    for one in (int, Decimal):
        seen.clear()
        values = InducedValues({"b": [one(9), one(8)]}, {"s": [1]})
        simulate_market({"b": Looking(), "s": Looking()}, values, steps=10, seed=1)
        assert set(seen) == {one}


def test_an_override_hears_with_the_quotes_that_stand_after_the_shout() -> None:
    seen: list[tuple[Shout, View]] = []

    class Asking(ZIP):
        def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
            if view is not None:
                seen.append((shout, view))
            super().observe(shout, view, chance)

    values = InducedValues({"b": [90, 80]}, {"s": [10, 20]})
    simulate_market({"b": Asking(Random(1)), "s": Asking(Random(2))}, values, steps=40, seed=1)
    stood = [(shout, view) for shout, view in seen if not shout.accepted]
    assert stood
    for shout, view in stood:
        assert shout.price == (view.bid if shout.side == "buy" else view.ask)


def test_a_market_is_bound_by_cash_as_soon_as_somebody_is_endowed() -> None:
    book = Book(Rules())
    book.limit("ann", "buy", 9)
    book.endow("bob", cash=5)
    with pytest.raises(OrderRefused):
        book.limit("bob", "buy", 9)
    assert book.limit("ann", "buy", 9).resting == 1
