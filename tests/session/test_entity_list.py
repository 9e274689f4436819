"""Bunches: players (or groups) as one thing to filter, read and assign."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.worlds_at_rest import Worlds, replayed
from uproot_nb.errors import UnknownPlayer, Unstorable
from uproot_nb.experiment.query import F
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.groups import create_groups
from uproot_nb.session.world import World


@pytest.fixture
def four(market: World) -> Bunch[Player]:
    everybody = market.players()
    everybody.assign("cash", [5, 10, 15, 20])
    everybody.assign("role", ["buyer", "seller", "buyer", "clerk"])
    return everybody


def test_a_bunch_is_a_sequence(four: Bunch[Player]) -> None:
    assert len(four) == 4
    assert [p.id for p in four] == [0, 1, 2, 3]
    assert four[-1].id == 3
    assert [p.id for p in four[1:3]] == [1, 2]
    assert isinstance(four[1:3], Bunch)
    assert four == list(four)
    assert [p.id for p in reversed(four)] == [3, 2, 1, 0]
    with pytest.raises(IndexError):
        four[4]


def test_in_takes_what_get_takes(four: Bunch[Player]) -> None:
    ann = four[0]
    for key in (ann, ann.name, ~ann, 0):
        assert key in four
        assert key not in four[1:]
    for key in (None, True, "nobody", 9, object()):
        assert key not in four


def test_get_finds_by_name_label_id_and_identifier(market: World, four: Bunch[Player]) -> None:
    eve = market.add_player(label="seat 5")
    everybody = market.players()
    for key in (eve, eve.name, "seat 5", 4, np.int64(4), ~eve):
        assert everybody.get(key) is eve
    assert four.get("seat 5", None) is None
    with pytest.raises(
        UnknownPlayer, match=r"(?s)no player 'seat 5' in session 'market'.*run\.links"
    ):
        four.get("seat 5")


def test_a_name_goes_before_another_players_label(market: World) -> None:
    bob = market.players()[1]
    market.add_player(label=bob.name)
    assert market.players()[::-1].get(bob.name) is bob


def test_get_distinguishes_sessions_and_kinds(worlds: Worlds, market: World) -> None:
    other = worlds.open("other")
    groups = create_groups(market.session, [market.players()[:2], market.players()[2:]])
    assert other.add_player().name == market.players()[0].name
    assert market.players().get(~other.players()[0], None) is None
    assert groups.get(~groups[1]) == groups[1]
    assert groups.get("g1") == groups[1]
    assert groups.get(~market.players()[0], None) is None


def test_filter_returns_members_for_which_all_conditions_hold(four: Bunch[Player]) -> None:
    def ids(*conditions: Any) -> list[int]:
        return [p.id for p in four.filter(*conditions)]

    assert ids(F.cash > 5, F.role == "buyer") == [2]
    assert ids((F.cash < 10) | (F.role == "clerk")) == [0, 3]
    assert ids(~(F.role == "buyer")) == [1, 3]
    assert ids(F.role.is_in(["clerk", "seller"])) == [1, 3]
    assert ids(lambda p: p.id == 1) == [1]
    assert ids() == [0, 1, 2, 3]
    assert ids(F.id >= 2) == [2, 3]
    assert ids(F.session.name == "market") == [0, 1, 2, 3]


def test_filter_passes_over_who_has_no_such_field(four: Bunch[Player]) -> None:
    four[1].bid, four[2].bid = 3, None
    assert [p.id for p in four.filter(F.bid > 1)] == [1]
    assert [p.id for p in four.filter(F.bid != 3)] == [2]
    assert [p.id for p in four.filter(F.bid)] == [1]
    assert [p.id for p in four.filter(~F.bid & (F.cash > 5))] == [2, 3]


def test_filter_explains_how_to_write_a_condition(four: Bunch[Player]) -> None:
    with pytest.raises(TypeError, match=r"Write filter\(F\.bid > 3\)"):
        four.filter(four[0].cash > 3)  # type: ignore[arg-type]


def test_find_one_finds_exactly_one(four: Bunch[Player]) -> None:
    assert four.find_one(role="clerk").id == 3
    assert four.find_one(F.cash > 5, role="buyer").id == 2
    with pytest.raises(LookupError, match=r"2 in .* have role='buyer', not one"):
        four.find_one(role="buyer")
    with pytest.raises(LookupError, match=r"0 in .* have nothing=1, not one"):
        four.find_one(nothing=1)


def test_each_reads_one_field_or_several(four: Bunch[Player]) -> None:
    assert four.each("cash") == [5, 10, 15, 20]
    assert four[:2].each("id", "role") == [(0, "buyer"), (1, "seller")]
    assert four[:1].each("nothing") == [None]
    assert four[:0].each("cash") == []


@pytest.mark.parametrize(
    ("values", "dealt"),
    [
        (7, [7] * 4),
        ("ab", ["ab"] * 4),
        (None, [None] * 4),
        ({"a": 1}, [{"a": 1}] * 4),
        ({1, 2, 3, 4}, [{1, 2, 3, 4}] * 4),
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ((1, 2, 3, 4), [1, 2, 3, 4]),
        (range(4), [0, 1, 2, 3]),
        (np.array([1, 2, 3, 4]), [1, 2, 3, 4]),
        (itertools.cycle("xy"), ["x", "y", "x", "y"]),
        ((n for n in range(4)), [0, 1, 2, 3]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_assign_gives_one_value_to_all_or_one_to_each(
    four: Bunch[Player], values: Any, dealt: list[Any]
) -> None:
    four.assign("x", values)
    assert four.each("x") == dealt
    past = replayed(four[0]._world)
    assert [past.value(p.subject, "x") for p in four] == dealt


def test_an_identifier_is_one_value_however_many_players_there_are(four: Bunch[Player]) -> None:
    pair = four[:2]
    pair.assign("partner", ~four[3])
    assert pair.each("partner") == [~four[3]] * 2


def test_a_dict_given_to_all_is_one_for_each(four: Bunch[Player]) -> None:
    four.assign("book", {"a": []})
    four[0].book["a"].append(1)
    assert four.each("book") == [{"a": [1]}, {"a": []}, {"a": []}, {"a": []}]


@pytest.mark.parametrize("values", [[1, 2, 3], [1] * 5, iter([1])])
def test_assign_refuses_another_number_of_values(four: Bunch[Player], values: Any) -> None:
    with pytest.raises(ValueError, match=r"values for 4 in session 'market'.\nGive one value"):
        four.assign("x", values)
    assert four.each("x") == [None] * 4


def test_assign_names_the_field_that_cannot_hold_a_value(four: Bunch[Player]) -> None:
    with pytest.raises(Unstorable, match=rf"{four[0].subject}\.x cannot hold"):
        four.assign("x", object())


def test_apply_returns_what_the_function_gives(four: Bunch[Player]) -> None:
    assert four.apply(lambda p: p.cash * 2) == [10, 20, 30, 40]


def test_df_has_a_row_for_each_member(four: Bunch[Player]) -> None:
    four[0].rows = [1]
    frame = four.df
    assert list(frame.columns) == ["name", "id", "cash", "role", "rows"]
    assert frame["name"].tolist() == [p.name for p in four]
    assert frame["cash"].tolist() == [5, 10, 15, 20]
    four[0].rows.append(2)
    assert frame["rows"][0] == [1]
    assert list(four[:0].df.columns) == ["name", "id"]


def test_a_bunch_is_fixed_when_it_is_made(market: World, four: Bunch[Player]) -> None:
    market.add_player()
    assert len(four) == 4
    assert len(market.players()) == 5


def test_a_bunch_shows_who_is_in_it(four: Bunch[Player]) -> None:
    names = ", ".join(p.name for p in four[:2])
    assert repr(four[:2]) == f"<Bunch of 2: {names}>"
