"""Strangers: who is matched with whom over rounds, and when no matching is left."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import serving
from uproot_nb import (
    GroupCreatingWait,
    Page,
    Rounds,
    Run,
    UprootError,
    create_groups,
    perfect_strangers,
    strangers,
)
from uproot_nb.errors import NoStrangersLeft, WrongRecipient
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.state import State
from uproot_nb.session.strangers import MOST_LOOKS, _Search
from uproot_nb.testing import served


class Play(Page):
    """Play."""


def ids(groups: Any) -> list[list[int]]:
    return [[player.id for player in group] for group in groups]


def play(run: Run, size: int) -> list[list[int]]:
    """Match for a round, and make the groups."""
    groups = perfect_strangers(run.players, size)
    create_groups(run.session, groups, overwrite=True)
    return ids(groups)


@pytest.mark.parametrize(
    ("players", "size", "rounds"),
    [(2, 2, 1), (4, 2, 3), (6, 2, 5), (12, 2, 11), (9, 3, 3), (15, 3, 5), (20, 4, 5)],
)
def test_perfect_strangers_never_meet_twice_in_as_many_rounds_as_there_can_be(
    players: int, size: int, rounds: int
) -> None:
    with serving(Play, players=players, seed=3) as run:
        met: list[tuple[int, ...]] = []
        for _ in range(rounds):
            groups = play(run, size)
            assert sorted(one for group in groups for one in group) == list(range(players))
            met += [pair for group in groups for pair in combinations(sorted(group), 2)]
        assert len(met) == len(set(met))


@pytest.mark.parametrize(
    ("players", "size", "rounds"), [(12, 3, 3), (24, 3, 8), (32, 4, 6), (36, 4, 7), (48, 4, 10)]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_search_reaches_the_rounds_that_its_docstring_names(
    players: int, size: int, rounds: int, seed: int
) -> None:
    with serving(Play, players=players, seed=seed) as run:
        met: list[tuple[int, ...]] = []
        for _ in range(rounds):
            groups = play(run, size)
            met += [pair for group in groups for pair in combinations(sorted(group), 2)]
        assert len(met) == len(set(met)) == rounds * players * (size - 1) // 2


def test_a_search_that_was_given_up_says_that_it_has_not_tried_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("uproot_nb.session.strangers.MOST_STEPS", 3)
    with (
        serving(Play, players=12, seed=3) as run,
        pytest.raises(NoStrangersLeft, match="in many ways, but not in all"),
    ):
        perfect_strangers(run.players, 3)


@pytest.mark.long
def test_a_search_that_fails_is_bounded_in_all_and_not_by_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[_Search] = []

    class Noted(_Search):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            searches.append(self)

    monkeypatch.setattr("uproot_nb.session.strangers._Search", Noted)
    with serving(Play, players=48, seed=3) as run:

        def play_on() -> None:
            while True:
                searches.clear()
                play(run, 4)

        with pytest.raises(NoStrangersLeft, match="in many ways, but not in all"):
            play_on()
    assert len(searches) > 1
    assert sum(search.looks for search in searches) <= MOST_LOOKS + 48


def test_it_says_clearly_that_no_such_matching_is_left() -> None:
    with serving(Play, players=4, seed=3) as run:
        for _ in range(3):
            play(run, 2)
        with pytest.raises(NoStrangersLeft, match="0 of the 4 players left whom they have not met"):
            play(run, 2)
        assert len(strangers(run.players, 2)) == 2


def test_it_says_so_where_enough_are_left_but_they_fit_no_more() -> None:
    """Two triangles are left to meet, and a triangle has no pairs for all."""
    with serving(Play, players=6, seed=3) as run:
        people = list(run.players)
        for a in people[:3]:
            for b in people[3:]:
                create_groups(run.session, [[a, b]], overwrite=True)
        with pytest.raises(NoStrangersLeft, match="There is no matching of 6 players"):
            perfect_strangers(people, 2)


def test_too_many_rounds_are_refused_before_the_first() -> None:
    with serving(Play, players=6) as run:
        perfect_strangers(run.players, 2, rounds=5)
        with pytest.raises(NoStrangersLeft, match="6 more rounds in groups of 2 would need 6"):
            perfect_strangers(run.players, 2, rounds=6)


@examples(25)
@given(
    size=st.integers(2, 4), count=st.integers(2, 4), seed=st.integers(),
    before=st.lists(st.sets(st.integers(0, 15), min_size=2, max_size=4), max_size=8),
)  # fmt: skip
def test_whatever_the_groups_before_nobody_meets_again(
    size: int, count: int, seed: int, before: list[set[int]]
) -> None:
    with serving(Play, players=size * count, seed=seed) as run:
        people, met = list(run.players), set()
        for group in before:
            members = [people[n] for n in sorted(group) if n < len(people)]
            if members:
                create_groups(run.session, [members], overwrite=True)
                met |= {frozenset(p.id for p in pair) for pair in combinations(members, 2)}
        try:
            groups = perfect_strangers(people, size)
        except NoStrangersLeft:
            return
        assert sorted(player.id for group in groups for player in group) == list(range(len(people)))
        pairs = [pair for group in groups for pair in combinations([p.id for p in group], 2)]
        assert not {frozenset(pair) for pair in pairs} & met


def test_a_matching_follows_from_the_sessions_seed() -> None:
    def drawn(seed: int) -> list[Any]:
        with serving(Play, players=8, seed=seed) as run:
            found: list[Any] = []
            for _ in range(3):
                groups = strangers(run.players, 2)
                create_groups(run.session, groups, overwrite=True)
                found += [ids(groups), play(run, 2)]
            return found

    assert drawn(1) == drawn(1) != drawn(2)
    first, _, second, _, third, _ = drawn(1)
    assert first != second != third


def test_strangers_leave_over_who_fits_into_no_group() -> None:
    with serving(Play, players=7) as run:
        groups = strangers(run.players, 3)
        assert [len(group) for group in groups] == [3, 3]
        assert strangers([], 2) == perfect_strangers([], 2) == []
        with pytest.raises(UprootError, match="7 players into groups of 3"):
            perfect_strangers(run.players, 3)


@pytest.mark.parametrize("size", [0, 1, True, "2", 2.0])
def test_a_size_that_is_none_is_refused(size: Any) -> None:
    with serving(Play) as run, pytest.raises(UprootError, match="2 or more members"):
        strangers(run.players, size)


def test_strangers_are_players_each_once() -> None:
    with serving(Play) as run:
        for wrong in (5, "ab", [1, 2], [run.players[0], "b"]):
            with pytest.raises(WrongRecipient):
                strangers(wrong, 2)  # type: ignore[arg-type]
        with pytest.raises(UprootError, match="listed twice"):
            perfect_strangers([run.players[0]] * 2, 2)


class Rematch(GroupCreatingWait):
    def match(page, waiting):
        return perfect_strangers(waiting, 2) if len(waiting) == 4 else []


@pytest.mark.long
def test_over_rounds_a_wait_page_matches_everybody_with_everybody() -> None:
    with served([Rounds(Rematch, Play, n=3)], players=4) as session:
        partners: dict[int, set[int]] = {n: set() for n in range(4)}
        for _ in range(3):
            for one in session:
                assert one.page == "Play"
                partners[one.player.id].add(one.player.other_in_group.id)
            for one in session:
                one.submit()
        assert partners == {n: set(range(4)) - {n} for n in range(4)}


def test_whom_players_have_met_survives_a_restart_and_a_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    with serving(Play, players=6, db=path, seed=3) as run:
        play(run, 2)
        play(run, 2)
        state = run._runtime.world.state
        met = {name: state.met(name) for name in state.players}
        copy = State(state.codec).load(state.dump())
        assert {name: copy.met(name) for name in copy.players} == met
        assert copy.meetings == state.meetings
    log = SqliteLog(path)
    again = State(state.codec).apply_all(log.read("market"))
    log.close()
    assert {name: again.met(name) for name in again.players} == met
    assert {len(others) for others in met.values()} == {2}
