"""Page orders: what each operator makes of its entries, for one player."""

from __future__ import annotations

from random import Random as Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb import Between, Bracket, NoshowPage, Page, Random, RandomOrder, Repeat, Rounds
from uproot_nb.errors import BadPage
from uproot_nb.experiment.order import Step, check_order, expand, pages_of


class A(Page):
    pass


class B(Page):
    pass


class D(Page):
    pass


class Quiet(NoshowPage):
    pass


def steps(*entries: Any, seed: Any = 1, decided: tuple[bool, ...] = ()) -> list[Step]:
    return expand([lambda: list(entries)], Generator(seed), decided)


def keys(*entries: Any, **more: Any) -> list[str]:
    return [step.page for step in steps(*entries, **more)]


def test_lists_are_taken_in_order_however_they_are_nested() -> None:
    assert keys(A, [B, (Quiet,)], []) == ["A", "B", "Quiet"]


def test_random_draws_an_order_and_brackets_stay_together() -> None:
    seen = {tuple(keys(Random(A, Bracket(B, Quiet), D), seed=n)) for n in range(60)}
    assert len(seen) == 6
    assert all(order.index("Quiet") == order.index("B") + 1 for order in seen)
    assert RandomOrder is Random


def test_between_shows_one_entry_and_tells_which() -> None:
    chosen = [steps(Between(A, Bracket(B, D)), seed=n) for n in range(40)]
    assert {tuple(step.page for step in one) for one in chosen} == {("A",), ("B", "D")}
    assert all([step.between for step in one] == [1, 0][: len(one)] for one in chosen)


def test_rounds_count_from_one_and_nested_rounds_are_listed_from_outside_in() -> None:
    walk = steps(Rounds(A, Rounds(B, n=2), n=2))
    assert [(step.page, step.rounds) for step in walk] == [
        ("A", (1,)), ("B", (1, 1)), ("B", (1, 2)), ("A", (2,)), ("B", (2, 1)), ("B", (2, 2)),
    ]  # fmt: skip


def test_rounds_of_one_block_count_on_and_nested_ones_belong_to_it() -> None:
    order = (
        Rounds(A, n=2, block="red"), Rounds(A, n=1, block="blue"), Repeat(B, block="red"),
        Rounds(A, Rounds(D, n=2), n=1, block="blue"),
    )  # fmt: skip
    walk = steps(*order, decided=(True, False))
    found = [(s.block, s.page, s.round, s.rounds) for s in walk if s.page]
    assert found == [
        ("red", "A", 1, (1,)), ("red", "A", 2, (2,)), ("blue", "A", 1, (1,)),
        ("red", "B", 3, (3,)), ("red", "B", 4, (4,)),
        ("blue", "A", 2, (2,)), ("blue", "D", 3, (2, 1)), ("blue", "D", 4, (2, 2)),
    ]  # fmt: skip
    assert [Step.load(step.dump()) for step in walk] == walk


def test_repeat_stops_where_something_is_to_be_decided() -> None:
    assert keys(Repeat(A), B) == ["A", ""]
    assert keys(Repeat(A), B, decided=(True,)) == ["A", "", "A", ""]
    assert keys(Repeat(A), B, decided=(True, False)) == ["A", "", "A", "", "B"]
    assert steps(Repeat(A), B)[-1].again is None


def test_the_next_app_is_asked_for_its_order_when_it_begins() -> None:
    asked = []

    def second() -> list[Any]:
        asked.append(True)
        return [B]

    parts = [lambda: [A], second]
    assert [s.page for s in expand(parts, Generator(1))] == ["A", ""]
    assert not asked
    assert [s.page for s in expand(parts, Generator(1), (True,))] == ["A", "", "B"]


entries = st.recursive(
    st.sampled_from([A, B, D, Quiet]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        *[
            st.lists(inner, min_size=1, max_size=3).map(lambda found, kind=kind: kind(*found))
            for kind in (Random, Bracket, Between, Repeat, lambda *e: Rounds(*e, n=2))
        ],
    ),
    max_leaves=8,
)


@given(order=st.lists(entries, max_size=4), seed=st.integers(0, 50), data=st.data())
def test_what_is_decided_later_changes_nothing_of_what_went_before(
    order: list[Any], seed: int, data: st.DataObject
) -> None:
    decided: tuple[bool, ...] = ()
    walk = steps(*order, seed=seed)
    for _ in range(4):
        if not walk or walk[-1].again is not None or walk[-1].page:
            break
        decided = (*decided, data.draw(st.booleans()))
        longer = steps(*order, seed=seed, decided=decided)
        assert longer[: len(walk) - 1] == walk[:-1]
        walk = longer
    assert [Step.load(step.dump()) for step in walk] == walk
    assert {step.page for step in walk} <= {page.key for page in pages_of(order)} | {""}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: check_order([A, 3]), "page_order[1]"),
        (lambda: check_order([Page]), "not a page"),
        (lambda: check_order(A), "not a list"),
        (lambda: check_order([[A, "B"]]), "page_order[0][1]"),
        (lambda: Random(), "no pages"),
        (lambda: Rounds(A, n=-1), "n=-1"),
        (lambda: Rounds(A, n=True), "n=True"),
        (lambda: Rounds(A, n=1, block=""), "not a name"),
        (lambda: Between(A, None), "Between(…)[1]"),
    ],
)
def test_a_mistake_in_an_order_is_named_where_it_is_written(wrong: Any, word: str) -> None:
    with pytest.raises(BadPage) as caught:
        wrong()
    assert word in str(caught.value)
