"""Grouping: who is grouped with whom, and what an author's `match` may return."""
# ruff: noqa: ANN001, ANN201, ANN202, PT018  (as authors write)

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from uproot_nb import GroupCreatingWait, Page
from uproot_nb.errors import BadPage
from uproot_nb.flow.waiting.grouping import groups_of
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.testing import Served, served


class Play(Page):
    """Play."""


class BySize(GroupCreatingWait):
    def group_size(page, player):
        return player.session.sizes[player.id]


class BySizeAndLanguage(GroupCreatingWait):
    group_size = 2

    def match_by(page, player):
        return player.session.languages[player.id]


class ByRole(GroupCreatingWait):
    """A buyer and a seller make a pair."""

    def match(page, waiting):
        page.calls.append([player.id for player in waiting])
        by_role: Any = {0: [], 1: []}
        for player in waiting:
            by_role[player.id % 2].append(player)
        return zip(by_role[0], by_role[1], strict=False)


@pytest.fixture(autouse=True)
def calls() -> list[list[int]]:
    ByRole.calls = []  # type: ignore[attr-defined]
    found: list[list[int]] = ByRole.calls  # type: ignore[attr-defined]
    return found


def start(page: type[Page], players: int, **fields: Any) -> Served:
    """Serve a wait page to people who have not come yet."""

    def new_session(session):
        for name, value in fields.items():
            setattr(session, name, value)

    names = {"new_session": new_session}
    return served([page, Play], players=players, arrive=False, names=names)


def groups(session: Served) -> list[list[int]]:
    return [[player.id for player in group.players] for group in session.run.session.groups]


def on(session: Served) -> list[str | None]:
    return [player.page for player in session.run.players]


def errors(session: Served) -> list[tuple[str, str]]:
    session.run._runtime.reports.settle(everything=True)
    session.run._runtime.world.journal.commit()
    found = session.run.errors
    return list(zip(found["cause"], found["message"], strict=True))


@pytest.mark.long
def test_treatments_with_groups_of_two_and_three_share_a_lobby() -> None:
    with start(BySize, 7, sizes=[2, 3, 3, 2, 2, 3, 2]) as session:
        for number, one in enumerate(session):
            one.arrive()
            made = {3: [[0, 3]], 5: [[0, 3], [1, 2, 5]], 6: [[0, 3], [1, 2, 5], [4, 6]]}
            expected = [made[n] for n in made if n <= number]
            assert groups(session) == (expected[-1] if expected else [])
        assert on(session) == ["Play"] * 7


@pytest.mark.long
def test_members_of_a_group_share_what_match_by_returns() -> None:
    languages = ["de", "en", ["de"], "en", "de", None, None]
    with start(BySizeAndLanguage, 7, languages=languages) as session:
        for one in session:
            one.arrive()
        assert groups(session) == [[1, 3], [0, 4], [5, 6]]
        assert on(session)[2] == "BySizeAndLanguage"


@pytest.mark.long
@pytest.mark.parametrize("size", [0, -1, "2", 2.0, True, None])
def test_a_size_that_is_no_number_of_players_groups_nobody_and_is_reported(size: Any) -> None:
    with start(BySize, 3, sizes=[size, 2, 2]) as session:
        with pytest.raises(AssertionError, match="BySize: its group_size returned"):
            session[0].arrive()
        session[1].arrive()
        session[2].arrive()
        assert on(session) == ["BySize", "Play", "Play"]
        assert "Please wait" in session[0].text


def test_who_goes_away_before_a_match_is_not_in_it(calls: list[list[int]]) -> None:
    with start(ByRole, 4) as session:
        session[0].arrive()
        session[2].arrive()
        session[0].leave()
        session[1].arrive()
        assert groups(session) == [[2, 1]]
        session[0].arrive()
        session[3].arrive()
        assert groups(session) == [[2, 1], [0, 3]]


@pytest.mark.long
def test_match_is_called_when_somebody_comes_or_goes_and_never_otherwise(
    calls: list[list[int]],
) -> None:
    with start(ByRole, 6) as session:
        session[0].arrive()
        session[2].arrive()
        assert calls == [[0], [0, 2]]
        session.advance(3600)
        session[0].reload()
        session.settle()
        assert calls == [[0], [0, 2]]
        session[2].leave()
        session.settle()
        assert calls[2:] == [[0]]
        session[2].arrive()
        session.settle()
        assert calls[3:] == [[0, 2]]
        session[1].arrive()
        assert calls[4:] == [[0, 2, 1], [2]]


def test_a_match_of_one_at_a_time_goes_on_until_nobody_is_returned() -> None:
    class Slowly(GroupCreatingWait):
        def match(page, waiting):
            return [waiting[:2]] if len(waiting) + len(waiting[0].session.groups) >= 4 else []

    with start(Slowly, 4) as session:
        for one in session:
            one.arrive()
        assert groups(session) == [[0, 1]]
        assert on(session) == ["Play", "Play", "Slowly", "Slowly"]


WRONG = {
    "a player twice": lambda waiting: [[waiting[0], waiting[0]]],
    "a player in two groups": lambda waiting: [[waiting[0]], [waiting[0], waiting[1]]],
    "somebody who does not wait": lambda w: [[w[0], w[0].session.players[2]]],
    "no list": lambda waiting: 5,
    "a player": lambda waiting: waiting[0],
    "players without a list around them": lambda waiting: [waiting[0], waiting[1]],
    "names": lambda waiting: [[player.name for player in waiting]],
    "text": lambda waiting: "ab",
    "an empty group": lambda waiting: [[], [*waiting]],
    "a dict": lambda waiting: {"pair": waiting},
    "a failure": lambda waiting: waiting[0].no_such_field,
}


@pytest.mark.long
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_match_groups_nobody_and_is_reported_with_its_page_and_cause(what: str) -> None:
    rule = [WRONG[what]]

    class Wrong(GroupCreatingWait):
        def match(page, waiting):
            waiting[0].touched = True
            return rule[0](waiting) if len(waiting) == 2 else None

    session = start(Wrong, 3)
    try:
        session[0].arrive()
        with pytest.raises(AssertionError, match=r"Wrong\.match"):
            session[1].arrive()
        assert groups(session) == [] and on(session)[:2] == ["Wrong", "Wrong"]
        assert [cause for cause, _ in errors(session)] == ["Wrong.match"]
        assert "Please wait" in session[1].text
        rule[0] = lambda waiting: [waiting]
        session[0].leave()
        session[0].arrive()
        session.settle()
        assert groups(session) == [[0, 1]]
    finally:
        session.run.close()


def test_groups_may_be_any_kind_of_list_and_name_players_by_their_identifiers() -> None:
    with start(Play, 4) as session:
        a, b, c, d = session.run.players
        returned = (group for group in [(a, ~b), {c}])
        assert groups_of("Pair", returned, [a, b, c, d]) == [[a, b], [c]]
        assert groups_of("Pair", None, [a]) == []
        with pytest.raises(BadPage, match=r"player/\w+, who is not waiting; nobody was grouped"):
            groups_of("Pair", [[a, b]], [a])


@pytest.mark.long
def test_a_redefined_page_sorts_those_who_wait_anew() -> None:
    with start(BySize, 4, sizes=[3, 3, 4, 4]) as session:
        for one in session:
            one.arrive()
        assert groups(session) == []

        class Again(GroupCreatingWait):
            def group_size(page, player):
                return 2

            def match_by(page, player):
                return player.id % 2

        Again.__name__ = "BySize"
        Again.belong_to("")
        session.run._runtime.flow.replace(Again)
        session.run._runtime.flow.wake_waiting(everybody=True)
        session.settle()
        assert sorted(groups(session)) == [[0, 2], [1, 3]]
        assert on(session) == ["Play"] * 4


def test_a_waiting_page_shows_how_many_wait_in_the_participants_own_pool() -> None:
    with start(BySize, 4, sizes=[3, 2, 3, 5]) as session:
        for one in session:
            one.arrive()
        session.advance(1)
        waits = session.run._runtime.flow.waits
        shown = [waits.progress(player) for player in session.run.players]
        three = {"here": 2, "needed": 3}
        assert shown == [three, {"here": 1, "needed": 2}, three, {"here": 1, "needed": 5}]


def test_where_a_rule_decides_the_page_shows_how_many_wait() -> None:
    with start(ByRole, 4) as session:
        session[0].arrive()
        session[2].arrive()
        waits = session.run._runtime.flow.waits
        assert waits.progress(session.run.players[0]) == {
            "here": 0, "needed": None, "waiting": 2
        }  # fmt: skip


class Both(GroupCreatingWait):
    def match(page, waiting):
        return [waiting] if len(waiting) == 2 else []

    def after_grouping(page, group):
        group.formed = group.get("formed", 0) + 1


def cut(session: Served, path: Path, upto: int) -> None:
    """Write a log that ends with an event, as a kill leaves it."""
    events = list(session.run._runtime.world.log.read("test", until=upto))
    with closing(SqliteLog(path)) as log:
        log.claim("test")
        log.append(events)
        log.release("test")


@pytest.mark.long
def test_a_match_that_a_kill_has_interrupted_is_finished_by_the_next_kernel(
    tmp_path: Path,
) -> None:
    with served([Both, Play]) as session:
        log = session.run._runtime.world.log
        once = log.read("test", kinds={"once"})
        made = next(event.seq for event in once if event.field.startswith("grouped"))
        cut(session, tmp_path / "cut.sqlite3", made)
    with served([Both, Play], db=tmp_path / "cut.sqlite3", arrive=False) as session:
        session.settle()
        assert groups(session) == [[0, 1]] and on(session) == ["Play", "Play"]
        assert session.run.session.groups[0].formed == 1
        session[0].arrive()
        assert session[0].page == "Play"


@pytest.mark.long
def test_who_waits_when_the_kernel_is_killed_is_matched_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    with served([ByRole, Play], players=3, arrive=False, db=path) as session:
        session[0].arrive()
        session[2].arrive()
        last = session.run._runtime.world.log.last_seq("test")
        cut(session, tmp_path / "cut.sqlite3", last)
    with served([ByRole, Play], players=3, arrive=False, db=tmp_path / "cut.sqlite3") as session:
        session[1].arrive()
        assert groups(session) == []  # the others' sockets went with the kernel
        session[2].arrive()
        assert groups(session) == [[2, 1]]
