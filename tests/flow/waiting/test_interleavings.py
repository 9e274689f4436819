"""Whatever people on a wait page do, and in any order: the groups are right at every moment."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.page_reporting import report
from uproot_nb import GroupCreatingWait, Page
from uproot_nb.testing import Participant, Served, served

PLAYERS = 6


class Play(Page):
    """Play."""


class BySize(GroupCreatingWait):
    """Even players in pairs, odd ones in threes."""

    idle, idle_answer, leave_after = 20, 5, 40

    def group_size(page, player):
        return 2 + player.id % 2

    def after_grouping(page, group):
        note(group)


class ByRule(GroupCreatingWait):
    """The same by a rule, one group at a time."""

    idle, idle_answer, leave_after = 20, 5, 40

    def match(page, waiting):
        for size in (2, 3):
            pool = [player for player in waiting if 2 + player.id % 2 == size]
            if len(pool) >= size:
                return [pool[:size]]
        return []

    def after_grouping(page, group):
        note(group)


def note(group: Any) -> None:
    group.away = [p.id for p in group.players if not p.online or p._state.idle]


ACTS = st.sampled_from(["come", "come", "go", "touch", "answer", "leave"])
STEPS = st.lists(
    st.one_of(
        st.tuples(ACTS, st.integers(0, PLAYERS - 1)),
        st.tuples(st.just("wait"), st.sampled_from([1, 6, 21, 45])),
        st.tuples(st.sampled_from(["drop out", "come back to it"]), st.integers(0, PLAYERS - 1)),
    ),
    max_size=30,
)


@pytest.mark.long
@pytest.mark.parametrize("page", [BySize, ByRule])
@examples(40)
@given(steps=STEPS)
def test_nobody_is_grouped_twice_or_while_away_and_no_full_group_is_left_waiting(
    page: type[Page], steps: list[tuple[str, int]]
) -> None:
    with served([page, Play], players=PLAYERS, arrive=False) as session:
        for one in session:
            one.is_attentive = False
        for what, number in steps:
            if what == "wait":
                session.advance(number)
            else:
                act(session, session[number], what)
            check(session, page)


def act(session: Served, one: Participant, what: str) -> None:
    player = one.player
    if what == "come":
        one.arrive()
    elif what == "go":
        one.leave()
    elif what == "drop out":
        session.run.mark_dropout(player)
    elif what == "come back to it":
        if player.position > 0:
            session.run.revert(player)
    elif player.position >= 0:
        word = {"touch": "touched", "answer": "here", "leave": "left"}[what]
        report(session, one, "wait", {"what": word})
    session.settle()


def check(session: Served, page: type[Page]) -> None:
    players, groups = session.run.players, session.run.session.groups
    assert [group.away for group in groups] == [[] for _ in groups]
    now = [player.id for group in groups for player in group.players]
    assert max(Counter(now).values(), default=0) <= 1
    for player in players:
        if player.page == "Play":
            assert player.group is not None
    there = [
        player for player in players
        if player.page == page.__name__ and player.online and not player._state.idle
        and not player.has_dropped_out and player._state.has_arrived
    ]  # fmt: skip
    waiting = Counter(2 + player.id % 2 for player in there)
    assert all(count < size for size, count in waiting.items()), waiting
