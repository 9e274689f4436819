"""Decisive changes: tables of rounds follow from them as from all changes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.rounds.histories import FIELDS, ORDERS, STEPS, WHO, History
from tests.examples import examples
from uproot_nb.analysis.past_states import read_codec
from uproot_nb.analysis.rounds.decisive_changes import decisive_changes
from uproot_nb.analysis.rounds.locator import MOVES
from uproot_nb.analysis.rounds.recorder import RECORDED, RoundRecorder
from uproot_nb.analysis.rounds.round_pieces import rows_of
from uproot_nb.analysis.rounds.timeline import Timeline, moves_after
from uproot_nb.log.events import CHANGES, Event

pytest.importorskip("pyarrow")
from tests.analysis.test_arrow_columns import arrays_of

SETS = st.lists(st.tuples(st.just("set"), WHO, st.sampled_from(FIELDS), st.integers(0, 9)))


def timeline_of(history: History) -> Timeline:
    timeline = Timeline(read_codec())
    timeline.take(moves_after(history.log, "m", 0))
    return timeline


def chosen(history: History, page_size: int) -> list[Event]:
    changes = list(history.log.read("m", kinds=CHANGES))
    pages = [changes[n : n + page_size] for n in range(0, len(changes), page_size)]
    timeline = timeline_of(history)
    return [event for page in pages for event in decisive_changes(arrays_of(page), timeline)]


def recorded(events: Iterable[Event]) -> tuple[Any, ...]:
    recorder = RoundRecorder(read_codec())
    rows = rows_of(recorder.pieces(events))
    inside = [(name, list(rounds)) for name, rounds in recorder.inside.items()]
    return rows, inside, list(recorder.outside)


@examples(150)
@given(st.sampled_from(ORDERS), STEPS, SETS, STEPS, st.sampled_from([3, 20, 200]))
def test_the_same_rows_and_columns_follow_from_decisive_changes(
    order: Any, before: Any, sets: Any, behind: Any, page_size: int
) -> None:
    history = History(order).go(before).go(sets).go(behind)
    moves = history.log.read("m", kinds=MOVES)
    some = recorded(heapq.merge(moves, chosen(history, page_size)))
    assert some == recorded(history.log.read("m", kinds=RECORDED))


def test_of_many_values_in_one_round_the_first_and_the_last_are_decisive() -> None:
    history = History(ORDERS[0])
    history.enter(0, 1)
    for bid in range(50):
        history.set(0, "bid", bid)
    bids = [event.value for event in chosen(history, 1000) if event.field == "bid"]
    assert bids == ["0", "49"]


def test_values_from_which_a_list_was_changed_in_place_are_decisive() -> None:
    history = History(ORDERS[0])
    history.enter(0, 1)
    for bids in ([1], [2], [3]):
        history.set(0, "bids", bids)
    history.append(0, 4)
    found = [event.kind for event in chosen(history, 1000) if event.field == "bids"]
    assert found == ["set", "set", "set", "append"]


def test_changes_of_groups_are_in_no_table_of_rounds() -> None:
    history = History(ORDERS[0])
    history.group("g1", [0, 1])
    assert not chosen(history, 1000)
