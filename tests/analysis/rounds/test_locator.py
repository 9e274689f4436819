"""Locator: in which round and group somebody is, whatever the page order and code do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.rounds.histories import NAMES, ORDERS, STEPS, History
from tests.analysis.rounds.people_in import people_in
from uproot_nb.analysis.past_states import Past, read_codec
from uproot_nb.analysis.rounds.journey_rounds import JourneyRounds
from uproot_nb.analysis.rounds.locator import FLOW, Location, Locator
from uproot_nb.analysis.rounds.timeline import Timeline
from uproot_nb.flow import moves

SIMPLE, TRAINED, NESTED, _ = ORDERS


def where(history: History, who: str = "player/ann") -> Location:
    locator = Locator(read_codec())
    for event in history.log.read("m"):
        locator.apply(event)
    return locator.of(who)


def round_of(history: History, who: str = "player/ann") -> Any:
    key = where(history, who).round
    return key and (key.name, key.number, key.address)


def test_the_cause_of_the_page_flow_is_the_one_it_logs() -> None:
    assert moves.FLOW.cause == FLOW


@pytest.mark.parametrize(
    ("order", "position", "expected"),
    [
        (SIMPLE, 0, None), (SIMPLE, 1, ("", 1, "")), (SIMPLE, 3, ("", 3, "")), (SIMPLE, 4, None),
        (SIMPLE, 5, None),
        (TRAINED, 0, ("training", 1, "")), (TRAINED, 2, ("", 1, "")), (TRAINED, 5, ("", 2, "")),
        (TRAINED, 7, ("2", 1, "")),
        (NESTED, 0, ("", 1, "")), (NESTED, 1, ("", 1, "1.1")), (NESTED, 4, ("", 1, "2.1")),
    ],
)  # fmt: skip
def test_the_page_order_says_which_round_it_is(order: Any, position: int, expected: Any) -> None:
    assert round_of(History(order).go([("enter", 0, position)])) == expected


def test_who_goes_back_into_a_round_is_in_it_again() -> None:
    steps = [("enter", 0, 2), ("enter", 0, 4), ("enter", 0, 2)]
    assert round_of(History(SIMPLE).go(steps)) == ("", 2, "")


def test_code_that_counts_rounds_begins_one_by_each_whole_number() -> None:
    history = History().go([("count", 0, 1), ("count", 0, 2)])
    assert round_of(history) == ("", 2, "")
    assert round_of(history.go([("count", 0, "third")])) is None


def test_code_may_count_within_a_round_of_the_page_order() -> None:
    history = History(TRAINED).go([("enter", 0, 0), ("set", 0, "round", 7)])
    assert round_of(history) == ("training", 7, "")
    assert round_of(history.go([("enter", 0, 1)])) == ("training", 2, "")


def test_a_group_is_in_the_round_in_which_all_its_members_are() -> None:
    history = History(SIMPLE).go([("group", "g1", [0, 1]), ("enter", 0, 2), ("enter", 1, 2)])
    assert round_of(history, "group/g1") == ("", 2, "")
    assert round_of(history.go([("enter", 0, 3)]), "group/g1") is None
    assert round_of(history.go([("group", "g2", [0])]), "group/g1") == ("", 2, "")
    assert where(history).group == "g2"
    assert where(history.go([("group", "g2", [])])).group == ""


def test_a_journey_that_goes_on_at_its_open_end_has_the_rounds_of_one_drawn_at_once() -> None:
    pages = [{"page": "A", "rounds": [n]} for n in (1, 2, 3)]
    steps = [pages[0], {"again": True}, pages[1], {"again": False}, "B", pages[0]]
    piecewise, at_once = JourneyRounds(), JourneyRounds()
    piecewise.splice(0, 0, [pages[0], {"again": None}])
    piecewise.splice(1, 2, steps[1:])
    at_once.splice(0, 0, steps)
    assert [piecewise.at(n) for n in range(6)] == [at_once.at(n) for n in range(6)]
    last = at_once.at(5)
    assert last is not None
    assert (last.name, last.number) == ("2", 1)


@given(st.sampled_from(ORDERS), STEPS, st.integers(1, 9))
def test_a_timeline_says_of_each_event_what_was_true_then(order: Any, steps: Any, n: int) -> None:
    events = list(History(order).go(steps).log.read("m"))
    timeline, locator = Timeline(read_codec()), Locator(read_codec())
    for start in range(0, len(events), n):
        timeline.take(events[start : start + n])
    subjects = [f"player/{name}" for name in NAMES] + ["group/g1", "group/g2", "player/nobody"]
    for event in events:
        locator.apply(event)
        by_seq = timeline.at(subjects, [event.seq] * len(subjects)).tolist()
        for subject, place in zip(subjects, by_seq, strict=True):
            if place >= 0:
                assert timeline.locations[place] == locator.of(subject)
            else:
                assert locator.of(subject).round is None
                assert subject.startswith("group/") or not locator.of(subject).group


@given(st.sampled_from(ORDERS), STEPS)
def test_groups_in_the_end_are_those_of_the_state(order: Any, steps: Any) -> None:
    log = History(order).go(steps).log
    state, people = Past(log, "m", read_codec()).state(), people_in(log, "m")
    rows: list[dict[str, Any]] = [{"player": name, "seq": state.seq} for name in NAMES]
    people.add_to(rows)
    for row in rows:
        player = state.players[row["player"]]
        assert (row["group"], row["label"], row["bot"]) == (player.group, player.label, player.bot)
