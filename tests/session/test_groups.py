"""Groups: who interacts with whom, made by the experimenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.worlds_at_rest import Worlds, loaded, replayed
from uproot_nb.errors import UnknownPlayer, UprootError, WrongRecipient
from uproot_nb.log.events import Event
from uproot_nb.session.groups import add_to_group, create_group, create_groups
from uproot_nb.session.world import World

Logged = Callable[[], list[Event]]


def members(world: World) -> dict[str, list[int]]:
    """Return the ids of each group's members, which are those in the log, too."""
    now = {group.name: group.players.each("id") for group in world.session.groups}
    for state in (replayed(world), loaded(world)):
        ids = {name: player.id for name, player in state.players.items()}
        told = {name: [ids[m] for m in group.members] for name, group in state.groups.items()}
        assert told == now
        assert {(n, p.group, p.member_id) for n, p in state.players.items()} == {
            (p.name, p.group and p.group.name, p.member_id) for p in world.players()
        }
    return now


def test_members_know_their_group_and_each_other(market: World) -> None:
    ann, bob, cyd, dan = market.players()
    group = create_group(market.session, [cyd, ann])
    assert group.players == [cyd, ann]
    assert (cyd.group, ann.group, bob.group) == (group, group, None)
    assert (cyd.member_id, ann.member_id, bob.member_id) == (0, 1, None)
    assert (ann.other_in_group, list(ann.others_in_group)) == (cyd, [cyd])
    assert (group.name, group.id, group.session) == ("g0", 0, market.session)
    assert list(dan.others_in_group) == []
    with pytest.raises(LookupError, match="0 others in the group"):
        _ = dan.other_in_group
    assert members(market) == {"g0": [2, 0]}


def test_members_may_be_given_as_players_names_labels_or_identifiers(market: World) -> None:
    ann, bob, cyd, _ = market.players()
    eve = market.add_player(label="seat 5")
    create_group(market.session, [ann, bob.name, ~cyd, "seat 5"], gname="mixed")
    assert members(market) == {"mixed": [0, 1, 2, eve.id]}


def test_groups_have_fields_and_names_of_their_own(market: World) -> None:
    group = create_group(market.session, market.players()[:2], gname="north")
    group.book = []
    group.book.append(1)
    assert replayed(market).value("group/north", "book") == [1]
    assert market.session.groups.get("north") == group


def test_create_groups_makes_one_of_each_bunch(market: World) -> None:
    players = market.players()
    made = create_groups(market.session, [players[:2], players[2:]])
    assert made.each("name") == ["g0", "g1"]
    assert members(market) == {"g0": [0, 1], "g1": [2, 3]}


def test_a_player_in_a_group_is_moved_only_with_overwrite(market: World, logged: Logged) -> None:
    players = market.players()
    create_group(market.session, players[:3])
    logged()
    for attempt in (
        lambda: create_group(market.session, players[2:]),
        lambda: create_groups(market.session, [[players[3]], [players[0]]]),
        lambda: add_to_group(market.session.groups[0], players[1]),
    ):
        with pytest.raises(UprootError, match=r"is in group 'g0' already.\nGive overwrite=True"):
            attempt()
    assert logged() == []
    create_group(market.session, players[2:], overwrite=True)
    assert members(market) == {"g0": [0, 1], "g1": [2, 3]}
    assert [p.member_id for p in players] == [0, 1, 0, 1]


def test_a_group_is_replaced_only_with_overwrite(market: World) -> None:
    players = market.players()
    create_group(market.session, players[:2], gname="north").pot = 5
    with pytest.raises(UprootError, match="There is a group 'north' already"):
        create_group(market.session, players[2:], gname="north")
    again = create_group(market.session, players[1:], gname="north", overwrite=True)
    assert (again.id, again.pot, players[0].group, players[0].member_id) == (0, 5, None, None)
    assert members(market) == {"north": [1, 2, 3]}


def test_add_to_group_puts_a_player_last(market: World) -> None:
    players = market.players()
    north, south = create_groups(market.session, [players[:1], players[1:3]])
    add_to_group(north, players[3])
    add_to_group(north, ~players[1], overwrite=True)
    add_to_group(north, players[0], overwrite=True)
    assert members(market) == {"g0": [3, 1, 0], "g1": [2]}
    assert (players[2].member_id, south.players.each("id")) == (0, [2])


MISTAKES: list[tuple[Callable[[Any, Any], Any], type[Exception], str]] = [
    (lambda s, p: create_group(s, [p[0], p[0]]), UprootError, "listed twice"),
    (lambda s, p: create_group(s, [p[0], p[0].name]), UprootError, "listed twice"),
    (lambda s, p: create_groups(s, [[p[0]], [p[0]]]), UprootError, "listed twice"),
    (lambda s, p: create_group(s, []), UprootError, "needs members"),
    (lambda s, p: create_groups(s, [[p[0]], []]), UprootError, "needs members"),
    (lambda s, p: create_group(s, ["nobody"]), UnknownPlayer, "nobody"),
    (lambda s, p: create_group(s, [p[0], 5]), WrongRecipient, "5"),
    (lambda s, p: create_group(s, p[0]), WrongRecipient, "Player"),
    (lambda s, p: create_group(s, p[0].name), WrongRecipient, "str"),
    (lambda s, p: create_group(s, ~p[0]), WrongRecipient, "PlayerIdentifier"),
    (lambda s, p: create_group(s, [s]), WrongRecipient, "Session"),
    (lambda s, p: create_group(s, p[:2], gname=""), UprootError, "cannot be named ''"),
    (lambda s, p: create_group(s, p[:2], gname=5), UprootError, "cannot be named 5"),
    (lambda s, p: create_group(s, p[:2], gname="\ud800"), UprootError, "cannot be named"),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_is_named_and_makes_no_group(market: World, logged: Logged, number: int) -> None:
    attempt, error, named = MISTAKES[number]
    logged()
    with pytest.raises(error, match=named):
        attempt(market.session, market.players())
    assert logged() == []
    assert members(market) == {}


def test_a_player_of_another_session_is_refused(worlds: Worlds, market: World) -> None:
    other = worlds.open("other", seed=2)
    stranger = other.add_player()
    for member in (stranger, ~stranger):
        with pytest.raises(UprootError):
            create_group(market.session, [member])
    assert members(market) == {}


def test_groups_are_there_after_a_restart(worlds: Worlds, market: World) -> None:
    create_groups(market.session, [market.players()[:2], market.players()[2:]])
    market.journal.close()
    again = worlds.open()
    assert members(again) == {"g0": [0, 1], "g1": [2, 3]}
    assert again.players()[0].other_in_group == again.players()[1]
    assert create_group(again.session, again.players()[:1], overwrite=True).name == "g2"
