"""Quotas: arms by who counts, with caps, in one session and over all of a database."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from uproot_nb import (
    ArmsFull,
    GroupCreatingWait,
    Page,
    UprootError,
    balanced,
    create_group,
    leave,
    rerun,
)
from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.errors import LogBusy
from uproot_nb.log.quota_table import QuotaTable
from uproot_nb.testing import served

ARMS = ["control", "nudge"]


class Task(Page):
    """# A task"""


def by_completion(player):
    try:
        player.treatment = balanced(player.session, ARMS, count="completed", cap={"control": 2})
    except ArmsFull:
        leave(player, "full")


NAMES = {"arrived": by_completion}


def arms(session) -> Counter[Any]:
    return Counter(player.get("treatment") for player in session.run.players)


def test_the_arm_with_the_fewest_for_its_weight_is_drawn() -> None:
    with served([Task], players=6) as session:
        one = session.run.players
        drawn = balanced(one, {"control": 1, "nudge": 2}, count="arrived")
        assert Counter(drawn) == {"control": 2, "nudge": 4}


def test_a_tie_is_decided_by_the_sessions_seed() -> None:
    def drawn(seed: int) -> list[Any]:
        with served([Task], players=8, arrive=False, seed=seed) as session:
            return balanced(session.run.players, ARMS, count="arrived")  # type: ignore[no-any-return]

    assert drawn(1) == drawn(1)
    assert any(drawn(1) != drawn(seed) for seed in range(2, 6))


def test_a_player_keeps_the_arm() -> None:
    with served([Task], players=2) as session:
        ann = session[0].player
        first = balanced(ann, ARMS, count="arrived")
        assert [balanced(ann, ARMS, count="arrived") for _ in range(5)] == [first] * 5
        assert balanced(session[1].player, ARMS, count="arrived") != first


def test_who_leaves_early_no_longer_counts_for_completion() -> None:
    with served([Task], players=3) as session:
        ann, bob, eve = session.run.players
        first = balanced(ann, ARMS, count="completed")
        assert balanced(bob, ARMS, count="completed") != first
        leave(ann, "screened")
        assert balanced(eve, ARMS, count="completed") == first


@pytest.mark.parametrize(
    ("exit", "counts"),
    [("done", True), ("declined", False), ("dropout", False), ("timeout", False), ("mine", False)],
)
def test_completion_counts_those_who_are_done_or_still_in(exit: str, counts: bool) -> None:
    with served([Task], players=3) as session:
        ann, bob, eve = session.run.players
        assert balanced(ann, ["only"], count="completed", cap=2) == "only"
        assert balanced(bob, ["only"], count="completed", cap=2) == "only"
        leave(ann, exit)
        if counts:
            with pytest.raises(ArmsFull, match="every arm is full"):
                balanced(eve, ["only"], count="completed", cap=2)
        else:
            assert balanced(eve, ["only"], count="completed", cap=2) == "only"


def test_arrivals_count_whatever_becomes_of_them_until_they_are_freed() -> None:
    with served([Task], players=2) as session:
        ann, bob = session.run.players
        balanced(ann, ["only"], count="arrived", cap=1)
        leave(ann, "declined")
        with pytest.raises(ArmsFull):
            balanced(bob, ["only"], count="arrived", cap=1)
        session.run.free(ann)
        assert balanced(bob, ["only"], count="arrived", cap=1) == "only"


def test_everybody_who_finds_the_arms_full_leaves_as_full() -> None:
    names = {"arrived": by_completion}
    global ARMS
    before, ARMS = ARMS, ["control"]
    try:
        with served([Task], players=0, names=names) as session:
            for _ in range(4):
                session.join()
            ended = [player.ended_as for player in session.run.players]
            assert ended == ["still in", "still in", "full", "full"]
            session.run.free(session.run.players[0])
            session.join()
            assert session.run.players[4].ended_as == "still in"
    finally:
        ARMS = before


def test_a_group_has_one_arm_and_counts_once() -> None:
    with served([Task], players=4) as session:
        run = session.run
        pairs = [create_group(run.session, run.players[n : n + 2]) for n in (0, 2)]
        drawn = [balanced(pair, ARMS, count="completed") for pair in pairs]
        assert sorted(drawn) == sorted(ARMS)
        leave(run.players[0], "screened")
        with pytest.raises(ArmsFull):
            balanced(run.players[0], ARMS, count="completed", cap=1)
        leave(run.players[1], "screened")
        assert balanced(run.players[0], ARMS, count="completed", cap=1) == drawn[0]


def test_strata_are_balanced_and_capped_by_themselves() -> None:
    with served([Task], players=4) as session:
        drawn = [
            balanced(player, ARMS, count="arrived", within=place % 2, cap=1)
            for place, player in enumerate(session.run.players)
        ]
        assert {*drawn[::2]} == {*drawn[1::2]} == {*ARMS}


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"count": "finished"}, "count is"),
        ({"count": "arrived", "block": 4}, "excludes block"),
        ({"cap": {"contrl": 5}}, "'contrl' is no arm"),
        ({"cap": {"control": -1}}, "the cap of 'control' is -1"),
        ({"cap": 2.5}, "is 2.5"),
        ({"cap": True}, "is True"),
    ],
)
def test_what_makes_no_sense_is_refused(more: dict[str, Any], says: str) -> None:
    with served([Task], players=1) as session:
        with pytest.raises(UprootError) as refused:
            balanced(session[0].player, ARMS, **more)
        assert says in str(refused.value)
        with pytest.raises(UprootError, match="called without a player"):
            balanced(session.run.session, ARMS, count="arrived")


def test_a_hook_that_fails_after_the_draw_takes_no_place() -> None:
    tries: list[str] = []

    def arrived(player) -> None:
        player.treatment = balanced(player, ["only"], count="arrived", cap=1)
        tries.append(player.name)
        if len(tries) == 1:
            raise RuntimeError("no")

    with served([Task], players=0, names={"arrived": arrived}) as session:
        with pytest.raises(AssertionError):
            session.join()
        session.join()
        assert len(tries) == 2
        assert session.run.players[1].treatment == "only"


@pytest.mark.long
def test_a_rerun_draws_the_same(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"

    def arrived(player) -> None:
        player.treatment = balanced(player, ARMS, count="arrived", across=True)

    names = {"arrived": arrived}
    with served([Task], players=0, name="first", db=path, names=names) as session:
        session.join()
    with served([Task], players=0, name="second", db=path, names=names) as session:
        for _ in range(3):
            session.join().submit()
        recorded = [player.treatment for player in session.run.players]
        again = rerun(session.run, [Task], namespace=names)
    assert again.same, again
    assert list(again.state["treatment"]) == recorded


# ---- over all sessions of a database -------------------------------------------------------------


def across(player, cap=1, count="completed") -> Any:
    return balanced(player, ARMS, count=count, cap=cap, across=True)


@pytest.mark.long
def test_two_sessions_share_their_caps(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with (
        served([Task], players=2, name="a", db=path) as one,
        served([Task], players=2, name="b", db=path) as two,
    ):
        drawn = {across(one[0].player), across(two[0].player)}
        assert drawn == {*ARMS}
        for session in (one, two):
            with pytest.raises(ArmsFull):
                across(session[1].player)
        leave(two[0].player, "screened")
        two.settle()
        assert across(one[1].player) in ARMS


@pytest.mark.long
def test_the_counts_of_a_closed_session_stay(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=1, name="a", db=path) as session:
        first = across(session[0].player)
    with served([Task], players=1, name="b", db=path) as session:
        assert across(session[0].player) != first
    with served([Task], players=1, name="a", db=path) as session:
        assert across(session[0].player) == first, "and a restart counts nobody twice"
        with closing(sqlite3.connect(path)) as reader:
            assert reader.execute("SELECT sum(count) FROM quotas").fetchone() == (2,)


@pytest.mark.long
def test_a_file_that_another_program_has_locked_gives_no_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uproot_nb.log.quota_table._DRAW_SECONDS", 0.0)
    path = tmp_path / "study.sqlite3"
    with served([Task], players=1, name="a", db=path) as session:
        world = session.run._runtime.world
        world.journal.commit()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LogBusy):
                across(session[0].player)
            other.execute("ROLLBACK")
        assert across(session[0].player) in ARMS


@pytest.mark.long
def test_after_a_restart_who_leaves_makes_room_in_other_sessions_at_once(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=1, name="a", db=path) as session:
        balanced(session[0].player, ["only"], count="completed", cap=1, across=True)
    with (
        served([Task], players=1, name="a", db=path) as one,
        served([Task], players=1, name="b", db=path) as two,
    ):
        leave(one[0].player, "screened")
        one.settle()
        drawn = balanced(two[0].player, ["only"], count="completed", cap=1, across=True)
        assert drawn == "only"


@pytest.mark.long
def test_what_a_killed_kernel_has_not_told_the_others_they_hear_at_the_restart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=1, name="a", db=path) as session:
        across(session[0].player)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE quotas SET count = 7")
        with served([Task], players=1, name="a", db=path) as session:
            session.settle()
            assert other.execute("SELECT count FROM quotas").fetchall() == [(1,)]


@pytest.mark.long
def test_a_draw_that_is_taken_back_leaves_its_place_to_other_sessions(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite3"

    def arrived(player) -> None:
        balanced(player, ["only"], count="arrived", cap=1, across=True)
        raise RuntimeError("no")

    with (
        served([Task], players=0, name="a", db=path, names={"arrived": arrived}) as one,
        served([Task], players=1, name="b", db=path) as two,
    ):
        with pytest.raises(AssertionError):
            one.join()
        assert balanced(two[0].player, ["only"], count="arrived", cap=1, across=True) == "only"


def test_a_departure_that_finds_the_file_busy_is_published_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.sqlite3"
    with served([Task], players=1, name="a", db=path) as session:
        across(session[0].player)
        with monkeypatch.context() as busy:
            busy.setattr(QuotaTable, "if_free", lambda table: nullcontext(None))
            leave(session[0].player, "screened")
            session.settle()
        with closing(sqlite3.connect(path)) as reader:
            assert reader.execute("SELECT count FROM quotas").fetchall() == [(1,)]
            session.advance(1.0)
            assert reader.execute("SELECT count FROM quotas").fetchall() == [(0,)]


def one_each(player):
    try:
        player.treatment = balanced(player, ["only"], count="arrived", cap=1, across=True)
    except ArmsFull:
        leave(player, "full")


@pytest.mark.long
def test_a_rerun_finds_the_arms_full_that_other_sessions_had_filled(tmp_path: Path) -> None:
    path, names = tmp_path / "study.sqlite3", {"arrived": one_each}
    with served([Task], players=0, name="first", db=path, names=names) as one:
        one.join()
        with served([Task], players=0, name="second", db=path, names=names) as two:
            two.join()
            one.run.free(one.run.players[0])
            one.settle()
            two.join()
            assert [player.get("treatment") for player in two.run.players] == [None, "only"]
            again = rerun(two.run, [Task], namespace=names)
    assert again.same, again


@pytest.mark.long
def test_a_rerun_with_other_arms_draws_from_those(tmp_path: Path) -> None:
    def today(player) -> None:
        player.treatment = balanced(player, ["new"], count="arrived", across=True)

    path, names = tmp_path / "study.sqlite3", {"arrived": one_each}
    with served([Task], players=0, db=path, names=names) as session:
        session.join()
        again = rerun(session.run, [Task], namespace={"arrived": today})
    assert list(again.state["treatment"]) == ["new"]


# ---- any interleaving ----------------------------------------------------------------------------

CAP = 2
ROOM = 3


def deal(player):
    try:
        player.treatment = balanced(player, ARMS, count="completed", cap=CAP)
    except ArmsFull:
        leave(player, "full")


class Study(RuleBasedStateMachine):
    """People come by every kind of link, come back, leave and finish; places are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.session = served([Task, Task], players=2, arrive=False, names={"arrived": deal})
        self.session.run.room("lab", capacity=ROOM, returning="resume")
        self.given: dict[str, str] = {}
        self.place_of: dict[str, str] = {}
        """The place of each label that came by the room, until it is freed."""

    def teardown(self) -> None:
        self.session.close()

    @property
    def here(self) -> list[Any]:
        return [one for one in self.session if one.is_here and not one.at_end]

    @rule()
    def join(self) -> None:
        if len(self.session) < 8:
            self.session.join()

    @rule(label=st.sampled_from("abcdef"))
    def come_by_the_room(self, label: str) -> None:
        place = self._place_at_the_door(label)
        known = self.place_of.get(label)
        if known is not None:
            freed = next(p for p in self.session.run.players if p.name == known)._state.freed
            assert place == known or freed
        elif place:
            assert place not in self.place_of.values()
            self.place_of[label] = place

    def _place_at_the_door(self, label: str) -> str:
        """Return the name of the player whose page the room leads to; "" without a place."""
        world, rooms = self.session.run._runtime.world, self.session.run._runtime.rooms
        request = HttpRequest(0, world.key, "", "enter", [("label", label)], [], "en", room="lab")
        reply = self.session.do("the room", rooms.answer(request), 5.0)
        self.session.settle()
        address = dict(reply.headers).get("Location", "")
        return world.tokens().get(address.rstrip("/").rpartition("/")[2], "")

    @precondition(lambda self: len(self.session))
    @rule(place=st.integers(0, 7))
    def come_by_the_own_link(self, place: int) -> None:
        one = self.session[place % len(self.session)]
        if not (one.player._state.freed and not one.player._state.has_come):
            one.arrive()

    @precondition(lambda self: self.here)
    @rule(place=st.integers(0, 7))
    def go_on(self, place: int) -> None:
        self.here[place % len(self.here)].submit()

    @precondition(lambda self: self.here)
    @rule(place=st.integers(0, 7), exit=st.sampled_from(["declined", "screened", "dropout"]))
    def leave_early(self, place: int, exit: str) -> None:
        leave(self.here[place % len(self.here)].player, exit)
        self.session.settle()

    @rule(place=st.integers(0, 7))
    def free(self, place: int) -> None:
        players = self.session.run.players
        if len(players) < 12:
            self.session.run.free(players[place % len(players)])
            self.session.settle()

    @invariant()
    def caps_hold(self) -> None:
        counted = Counter(
            player.treatment
            for player in self.session.run.players
            if player.get("treatment") and not player._state.freed
            and player.ended_as in ("still in", "done")
        )  # fmt: skip
        assert all(count <= CAP for count in counted.values())

    @invariant()
    def nobody_gets_another_arm_or_place(self) -> None:
        now = {p.name: p.treatment for p in self.session.run.players if p.get("treatment")}
        assert self.given.items() <= now.items()
        self.given = now
        names = [one.player.name for one in self.session]
        assert len(names) == len(set(names))

    @invariant()
    def one_person_has_one_place(self) -> None:
        labels = [p.label for p in self.session.run.players if p.label and not p._state.freed]
        assert len(labels) == len(set(labels))

    @invariant()
    def the_counts_are_those_of_a_fresh_count(self) -> None:
        quotas = self.session.run._runtime.world.quotas
        for quota, tally in list(quotas._tallies.items()):
            kept = quotas._tally(quota).counts
            fresh = type(tally)(tally._state, quota.counting, tally.draws)
            fresh.catch_up()
            assert +kept == +fresh.counts


TestStudy = Study.TestCase
TestStudy.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


class Pair(GroupCreatingWait):
    group_size = 2

    def after_grouping(page, group):
        group.treatment = balanced(group, ARMS, count="completed")


@pytest.mark.long
def test_groups_of_a_wait_page_are_balanced() -> None:
    with served([Pair, Task], players=4) as session:
        assert {group.treatment for group in session.run.session.groups} == {*ARMS}
