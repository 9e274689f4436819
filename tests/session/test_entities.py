"""What authors read and write on players, groups and the session."""

from __future__ import annotations

import copy
import dataclasses
import enum
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from tests.worlds_at_rest import CELL, Worlds, events_of, loaded, replayed
from uproot_nb.errors import ReservedName, UnknownField, Unstorable, UprootError
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.log.events import Event
from uproot_nb.session.entities import Change, FieldHistory, Player, Settings
from uproot_nb.session.groups import create_group
from uproot_nb.session.world import World

Logged = Callable[[], list[Event]]


class Side(enum.Enum):
    BUY = 1


@dataclasses.dataclass
class Lot:
    qty: int
    tags: list[str] = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    left: int
    right: list[int]


@pytest.fixture
def player(market: World) -> Player:
    return market.players()[0]


# ---- fields --------------------------------------------------------------------------------


def test_a_field_is_set_read_and_deleted(player: Player, logged: Logged) -> None:
    logged()
    player.bid = 3
    assert (player.bid, player.get("bid"), hasattr(player, "bid")) == (3, 3, True)
    del player.bid
    assert (player.get("bid"), player.get("bid", 7), hasattr(player, "bid")) == (None, 7, False)
    assert [(e.kind, e.subject, e.field, e.value, e.cause) for e in logged()] == [
        ("set", player.subject, "bid", "3", CELL.cause),
        ("del", player.subject, "bid", "null", CELL.cause),
    ]


def test_an_unset_field_raises_an_error_with_advice(player: Player) -> None:
    for read in (lambda: player.bid, lambda: delattr(player, "bid")):
        with pytest.raises(UnknownField, match=rf"{player.subject} has no field 'bid'.\nSet it"):
            read()
    assert player.get("bid", "none") == "none"


def test_a_field_that_holds_none_is_set(player: Player) -> None:
    player.bid = None
    assert hasattr(player, "bid")
    assert player.get("bid", 7) is None
    assert player.fields() == {"bid": None}


def test_fields_lists_what_was_set(player: Player) -> None:
    player.bid, player.rows = 1, [1]
    assert player.fields() == {"bid": 1, "rows": [1]}
    assert type(player.fields()) is dict
    assert {"bid", "rows", "history"} <= set(dir(player))


def test_setting_the_same_value_again_is_an_event_of_its_own(
    player: Player, logged: Logged
) -> None:
    logged()
    player.bid = 3
    player.bid = 3
    assert len(logged()) == 2


RESERVED = {
    "player": [
        "name", "id", "label", "member_id", "page", "position", "online", "session", "group",
        "get", "fields", "history", "within", "along", "subject", "others_in_group",
        "other_in_group", "others_in_session", "other_in_session", "_mine", "__class__", "_world",
    ],
    "group": ["name", "id", "players", "session", "get", "_x"],
    "session": ["name", "players", "groups", "settings", "history", "_x"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in RESERVED.items() for n in names])
def test_a_reserved_name_cannot_be_set_or_deleted(
    market: World, logged: Logged, kind: str, name: str
) -> None:
    group = create_group(market.session, market.players()[:2])
    entity = {"player": market.players()[0], "group": group, "session": market.session}[kind]
    logged()
    with pytest.raises(ReservedName, match=f"'{name}' is reserved.*\nChoose another name"):
        setattr(entity, name, 1)
    with pytest.raises(ReservedName):
        delattr(entity, name)
    assert logged() == []


@pytest.mark.parametrize("name", ["", "\ud800", "a\nb", "a\0"])
def test_a_name_that_no_log_can_hold_is_refused(player: Player, logged: Logged, name: str) -> None:
    logged()
    with pytest.raises(UprootError, match="cannot have a field named"):
        setattr(player, name, 1)
    assert logged() == []
    assert player.fields() == {}


def test_an_unstorable_value_is_refused_at_the_assignment(player: Player, logged: Logged) -> None:
    player.bid = 1
    logged()
    for value in (object(), [lambda: 0], {"a": {"b": len}}, iter([])):
        with pytest.raises(Unstorable, match=rf"{player.subject}\.bid cannot hold"):
            player.bid = value
    assert (player.bid, logged()) == (1, [])


def test_half_a_character_is_refused_at_the_assignment(player: Player) -> None:
    with pytest.raises(Unstorable, match=rf"{player.subject}\.note cannot hold .*half a char"):
        player.note = "a\ud800"
    player.notes = []
    with pytest.raises(Unstorable, match=rf"{player.subject}\.notes"):
        player.notes.append("\udfff")
    assert player.get("note") is None
    assert player.notes == []


VALUES: list[Any] = [
    None, True, 0, 2**80, -1.5, float("inf"), "ä\0", b"\x00\xff", Decimal("1.50"),
    date(2024, 5, 6), datetime(2024, 5, 6, 7, 8), timedelta(1), UUID(int=3), (1, [2], ()), [],
    {"a": {1: (2,)}}, {1, "a", (2,)}, frozenset({1}), Side.BUY, Lot(1, ["a"]), Pair(1, [2]),
    PlayerIdentifier("s", "a"), SessionIdentifier("s"), np.float32(1.5), np.int64(3),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_equal_and_of_the_same_type(
    worlds: Worlds, player: Player, value: Any
) -> None:
    def same(found: Any) -> bool:
        tracked = {list: list, dict: dict, set: set}.get(type(value))
        return bool(found == value) and (
            isinstance(found, tracked) if tracked else type(found) is type(value)
        )

    player.kept, player.among = value, [value]
    assert same(player.kept)
    assert same(player.among[0])
    player._world.journal.commit()
    again = worlds.open().player(player.name)
    assert same(again.kept)
    assert same(again.among[0])


def test_arrays_frames_and_generators_come_back(worlds: Worlds, player: Player) -> None:
    player.array = np.array([[1.5, 2]])
    player.frame = pd.DataFrame({"a": [1, 2]})
    player.draws = random.Random(7)
    player._world.journal.close()
    again = worlds.open().player(player.name)
    assert again.array.tolist() == [[1.5, 2.0]]
    assert again.frame.equals(pd.DataFrame({"a": [1, 2]}))
    assert again.draws.random() == random.Random(7).random()


def test_players_groups_and_sessions_are_values_too(worlds: Worlds, market: World) -> None:
    ann, bob, *_ = market.players()
    group = create_group(market.session, [ann, bob])
    ann.partner, ann.team, ann.all = bob, group, [market.session, {"p": bob}]
    assert ann.partner is bob
    assert ann.team == group
    assert ann.all == [market.session, {"p": bob}]
    market.journal.close()
    again = worlds.open().players()[0]
    assert again.partner.name == bob.name
    assert isinstance(again.partner, Player)
    assert (again.team.name, again.all[0].name, again.all[1]["p"]) == (
        group.name, "market", again.partner
    )  # fmt: skip


def test_the_authors_own_object_can_change_without_changing_the_field(player: Player) -> None:
    lot, array = Lot(1), np.array([1])
    player.lot, player.array, player.pair = lot, array, (array,)
    lot.qty, array[0] = 9, 9
    assert (player.lot, player.array.tolist(), player.pair[0].tolist()) == (Lot(1), [1], [1])


# ---- with ----------------------------------------------------------------------------------


def test_with_logs_in_place_changes(player: Player, logged: Logged) -> None:
    player.array, player.lot, player.draws = np.zeros(3), Lot(1), random.Random(1)
    player.frame, player.pair, player.same = pd.DataFrame({"a": [1]}), Pair(1, []), Lot(5)
    logged()
    with player as p:
        p.array[1] = 5
        p.lot.qty += 1
        p.lot.tags.append("x")
        first = p.draws.random()
        p.frame.loc[0, "a"] = 7
        p.pair.right.append(2)
        assert p.same == Lot(5)
    assert sorted(e.field for e in logged()) == ["array", "draws", "frame", "lot", "pair"]
    past = replayed(player._world).values(player.subject)
    for values in (past, loaded(player._world).values(player.subject), player.fields()):
        assert values["array"].tolist() == [0, 5, 0]
        assert values["lot"] == Lot(2, ["x"])
        assert values["frame"].loc[0, "a"] == 7
        assert values["pair"] == Pair(1, [2])
    rest = random.Random(1)
    assert (first, past["draws"].random()) == (rest.random(), rest.random())


def test_with_logs_changes_of_objects_in_lists(player: Player, logged: Logged) -> None:
    player.lots, player.book = [Lot(1), Lot(2)], {"a": (np.zeros(2),), "n": [1]}
    logged()
    with player as p:
        p.lots[1].qty = 20
        p.lots.append(Lot(3))
        p.lots[2].qty = 30
        p.book["a"][0][0] = 1
    assert player.lots == [Lot(1), Lot(20), Lot(30)]
    past = replayed(player._world).values(player.subject)
    assert past["lots"] == player.lots
    assert past["book"]["a"][0].tolist() == [1, 0]
    logged()
    with player as p:
        p.lots.append(Lot(4))
        assert p.book["n"] == [1]
    (event,) = [e for e in logged() if e.kind != "set"]
    assert event.kind == "append"
    assert replayed(player._world).value(player.subject, "lots") == player.lots


def test_with_logs_nothing_where_nothing_changed(player: Player, logged: Logged) -> None:
    player.array, player.lots, player.n = np.zeros(2), [Lot(1)], 1
    logged()
    with player as p:
        assert p.array.sum() == p.lots[0].qty - p.n
    assert logged() == []


def test_nested_with_logs_everything(player: Player) -> None:
    player.array, player.lot = np.zeros(1), Lot(1)
    with player as p:
        p.lot.qty = 2
        with player as q:
            q.array[0] = 1
        p.lot.qty = 3
        p.array[0] += 1
    past = replayed(player._world).values(player.subject)
    assert (past["lot"], past["array"].tolist()) == (Lot(3), [2])
    assert not player._world.lock.owned()


def test_with_logs_changes_before_an_error(player: Player) -> None:
    player.lot = Lot(1)

    def fail() -> None:
        with player as p:
            p.lot.qty = 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert replayed(player._world).value(player.subject, "lot") == Lot(2)
    assert not player._world.lock.owned()


@pytest.mark.parametrize("field", ["lot", "lots"])
def test_with_refuses_what_cannot_be_stored_and_takes_it_back(player: Player, field: str) -> None:
    player.lot, player.lots = Lot(1), [Lot(1), [2]]
    player.lots[1].append(3)
    with pytest.raises(Unstorable, match=rf"\.{field} cannot hold"), player as p:
        (p.lot if field == "lot" else p.lots[0]).tags = [object()]
    assert (player.lot, player.lots) == (Lot(1), [Lot(1), [2, 3]])
    player.lots[1].append(4)
    assert replayed(player._world).value(player.subject, "lots") == player.lots
    assert loaded(player._world).value(player.subject, "lot") == Lot(1)


def test_an_assignment_inside_with_counts(player: Player, logged: Logged) -> None:
    player.lot = Lot(1)
    logged()
    with player as p:
        p.lot.qty = 5
        p.lot = Lot(9)
        del p.lot
        p.lot = Lot(8)
        p.n = 1
    assert [(e.kind, e.field) for e in logged()] == [
        ("set", "lot"), ("del", "lot"), ("set", "lot"), ("set", "n")
    ]  # fmt: skip
    assert player.lot == Lot(8)


def test_an_array_changed_outside_with_is_not_in_the_snapshot_either(player: Player) -> None:
    player.array = np.zeros(1)
    player.array[0] = 5
    assert replayed(player._world).value(player.subject, "array").tolist() == [0]
    assert loaded(player._world).value(player.subject, "array").tolist() == [0]


# ---- the past ------------------------------------------------------------------------------


def test_history_has_every_change_with_the_value_after_it(player: Player) -> None:
    player.bid = 1
    player.rows = [[1]]
    player.rows[0].append(2)
    player.rows.append(3)
    player.bid = 2
    del player.bid
    told = [(c.field, c.value, c.available, c.cause) for c in player.history()]
    assert told == [
        ("bid", 1, True, "cell 1"), ("rows", [[1]], True, "cell 1"),
        ("rows", [[1, 2]], True, "cell 1"), ("rows", [[1, 2], 3], True, "cell 1"),
        ("bid", 2, True, "cell 1"), ("bid", None, False, "cell 1"),
    ]  # fmt: skip
    assert [c.value for c in player.history("bid")] == [1, 2, None]
    assert [c.seq for c in player.history()] == sorted(c.seq for c in player.history())
    assert player.history("nothing") == []


def test_a_history_groups_its_changes_in_one_pass() -> None:
    passes: list[int] = []

    class Counted(FieldHistory):
        def __iter__(self) -> Iterator[Change]:
            passes.append(1)
            return super().__iter__()

    change = Change(1, 1.0, "bid", 1, True, "", "")
    history = Counted([change, change._replace(field="ask"), change._replace(value=2)])
    assert [name for name, _ in history.items()] == history.keys() == ["bid", "ask"]
    assert [len(history.get("bid")), history.get("no", 0), len(history.values())] == [2, 0, 2]
    assert len(passes) == 5


def test_history_follows_changes_in_tuples_dicts_and_sets(player: Player) -> None:
    player.mixed = ({"a": [1]}, {5})
    player.mixed[0]["a"].append(2)
    player.mixed[1].add(6)
    player.mixed[0]["a"].sort(reverse=True)
    player.mixed[0].clear()
    assert [c.value for c in player.history("mixed")] == [
        ({"a": [1]}, {5}), ({"a": [1, 2]}, {5}), ({"a": [1, 2]}, {5, 6}),
        ({"a": [2, 1]}, {5, 6}), ({}, {5, 6}),
    ]  # fmt: skip


def test_what_history_returns_is_plain_and_changes_nothing(player: Player, logged: Logged) -> None:
    player.rows = [1]
    logged()
    (change,) = player.history("rows")
    change.value.append(2)
    assert type(change.value) is list
    assert logged() == []
    assert player.rows == [1]


def test_history_goes_back_beyond_a_snapshot(worlds: Worlds, player: Player) -> None:
    player.bid = 1
    player._world.journal.close()
    again = worlds.open().player(player.name)
    again.bid = 2
    assert [c.value for c in again.history("bid")] == [1, 2]


def rounds(player: Player) -> None:
    player.cash = 100
    for number in (1, 2, 3):
        player.round = number
        player.bid = number * 10
        player.rows = [number]
        player.rows.append(-number)
        if number == 2:
            player.only = "two"
    player.round = 4


def test_within_shows_the_fields_as_they_were(player: Player) -> None:
    rounds(player)
    assert player.within(round=1).bid == 10
    assert player.within(round=2).rows == [2, -2]
    assert player.within(round=2).cash == 100
    assert player.within(round=3).only == "two"
    assert player.within(round=4).bid == 30
    assert player.within(round=2, bid=20).fields() == {
        "cash": 100, "round": 2, "bid": 20, "rows": [2, -2], "only": "two"
    }  # fmt: skip


def test_within_strict_shows_only_what_was_set_then(player: Player) -> None:
    rounds(player)
    assert player.within(round=2, strict=True).fields() == {
        "round": 2, "bid": 20, "rows": [2, -2], "only": "two"
    }  # fmt: skip
    assert player.within(round=4, strict=True).fields() == {"round": 4}
    with pytest.raises(UnknownField, match="within round=3 has no field 'only'"):
        _ = player.within(round=3, strict=True).only


def test_within_strict_counts_changes_in_place(player: Player) -> None:
    player.rows, player.round = [], 1
    player.rows.append(1)
    player.round = 2
    assert player.within(round=1, strict=True).rows == [1]
    assert player.within(round=2, strict=True).get("rows") is None


def test_within_a_context_that_came_twice_is_the_last_time(player: Player) -> None:
    for number, bid in ((1, 5), (2, 6), (1, 7), (2, 8)):
        player.round = number
        player.bid = bid
    player.round = 1
    assert player.within(round=1).bid == 8
    assert player.within(round=2).bid == 8
    assert player.within(round=1, strict=True).fields() == {"round": 1}


def test_within_a_context_that_never_held_has_no_fields(player: Player) -> None:
    rounds(player)
    never = player.within(round=9)
    assert (never.fields(), never.get("bid", "none")) == ({}, "none")
    with pytest.raises(UnknownField, match="within round=9"):
        _ = never.bid


def test_within_sees_a_deleted_field_only_before(player: Player) -> None:
    player.round, player.bid = 1, 5
    player.round = 2
    del player.bid
    player.round = 3
    assert player.within(round=1).bid == 5
    assert player.within(round=2).get("bid") is None


def test_a_view_is_read_only(player: Player) -> None:
    rounds(player)
    view = player.within(round=1)
    with pytest.raises(UprootError, match="read-only"):
        view.bid = 5
    view.rows.append(5)
    assert player.within(round=1).rows == [1, -1]
    assert copy.copy(view).bid == 10


def test_along_goes_through_the_values_of_a_field(player: Player) -> None:
    rounds(player)
    assert [(number, view.bid) for number, view in player.along("round")] == [
        (1, 10), (2, 20), (3, 30), (4, 30)
    ]  # fmt: skip
    assert [view.rows for _, view in player.along("round")] == [[1, -1], [2, -2], [3, -3], [3, -3]]
    assert list(player.along("nothing")) == []


def test_along_a_field_that_is_a_list_or_is_deleted(player: Player) -> None:
    player.path = ["a"]
    player.n = 1
    player.path.append("b")
    player.n = 2
    del player.path
    player.n = 3
    player.path = ["a"]
    assert [(value, view.n) for value, view in player.along("path")] == [
        (["a"], 3), (["a", "b"], 2)
    ]  # fmt: skip


def test_along_within_a_context_has_what_was_set_while_it_held(player: Player) -> None:
    for app, numbers in (("a", (1, 2)), ("b", (1, 3)), ("a", (4,))):
        player.app = app
        for number in numbers:
            player.round = number
            player.bid = 10 * number
    within = player.within(app="a")
    assert [(n, view.bid) for n, view in within.along("round")] == [(1, 10), (2, 20), (4, 40)]
    assert [view.app for _, view in within.along("round")] == ["a", "a", "a"]
    assert [n for n, _ in player.within(app="b").along("round")] == [1, 3]
    nested = dict(within.along("round"))[2]
    assert [(value, view.round) for value, view in nested.along("bid")] == [(20, 2)]
    assert list(within.along("nothing")) == []


def test_groups_and_the_session_have_a_past_as_well(market: World) -> None:
    group = create_group(market.session, market.players()[:2])
    for entity in (group, market.session):
        rounds(entity)  # type: ignore[arg-type]
        assert entity.within(round=2).bid == 20
        assert [c.value for c in entity.history("bid")] == [10, 20, 30]


# ---- identity ------------------------------------------------------------------------------


def test_identifiers_name_players_groups_and_sessions(market: World) -> None:
    player = market.players()[0]
    group = create_group(market.session, [player])
    assert ~player == PlayerIdentifier("market", player.name)
    assert ~group == GroupIdentifier("market", group.name)
    assert ~market.session == SessionIdentifier("market")


def test_entities_are_equal_to_themselves_alone(worlds: Worlds, market: World) -> None:
    ann, bob, *_ = market.players()
    other = worlds.open("other")
    other.add_player()
    assert ann == market.player(ann.name)
    assert len({ann, bob, market.player(ann.name)}) == 2
    assert ann != bob
    assert ann != other.players()[0]
    assert market.session != other.session
    assert market.session == ann.session
    assert ann != ~ann
    assert copy.copy(ann) is ann
    assert copy.deepcopy([ann])[0] is ann


def test_a_player_knows_its_place(market: World) -> None:
    players = market.players()
    assert [p.id for p in players] == [0, 1, 2, 3]
    ann = players[0]
    assert (ann.page, ann.position, ann.online, ann.label, ann.group, ann.member_id) == (
        None, -1, False, None, None, None
    )  # fmt: skip
    assert ann.session.players == players
    assert repr(ann) == f"<Player player/{ann.name} of market>"
    assert [p.name for p in ann.others_in_session] == [p.name for p in players[1:]]
    with pytest.raises(LookupError, match="3 others in the session"):
        _ = ann.other_in_session


def test_an_admitted_player_has_a_label(market: World) -> None:
    assert market.add_player(label="seat 5", claimed=True).label == "seat 5"


def test_settings_are_read_only_with_attribute_access(worlds: Worlds) -> None:
    session = worlds.open(settings={"endowment": 10}).session
    assert (session.settings.endowment, session.settings["endowment"]) == (10, 10)
    assert (dict(session.settings), len(session.settings)) == ({"endowment": 10}, 1)
    assert session.settings.get("other", 5) == 5
    with pytest.raises(UnknownField, match="'other'"):
        _ = session.settings.other
    for change in (
        lambda: setattr(session.settings, "endowment", 5),
        lambda: setattr(session, "settings", {}),
    ):
        with pytest.raises(UprootError):
            change()
    assert session.settings.endowment == 10
    assert copy.copy(session.settings) == Settings({"endowment": 10})


# ---- other threads -------------------------------------------------------------------------


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


ROWS = list(range(40))
BOOK = dict.fromkeys(ROWS, 1)


@pytest.fixture
def changing(market: World, hasty: None) -> Iterator[World]:
    """A session whose containers another thread empties and fills again, always in whole steps."""
    session = market.session
    session.rows, session.book, session.seen, session.nested = ROWS, BOOK, set(ROWS), {"in": BOOK}
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            with market.lock:
                session.rows.clear()
                session.rows.extend(ROWS)
                for key in ROWS:
                    del session.book[key]
                    session.seen.remove(key)
                    session.nested["in"].pop(key)
                session.book.update(BOOK)
                session.seen.update(ROWS)
                session.nested["in"].update(BOOK)
            market.journal.commit()

    thread = threading.Thread(target=change)
    thread.start()
    yield market
    stop.set()
    thread.join()


def one_by_one(values: Iterable[Any]) -> list[Any]:
    """Go through values with a turn for other threads at each."""
    found = []
    for value in values:
        found.append(value)
        time.sleep(0)
    return found


READS: list[tuple[Callable[[Any], Any], Any]] = [
    (lambda s: list(s.rows), ROWS),
    (lambda s: one_by_one(s.rows), ROWS),
    (lambda s: copy.deepcopy(s.rows), ROWS),
    (lambda s: one_by_one(reversed(s.rows)), ROWS[::-1]),
    (lambda s: repr(s.rows), repr(ROWS)),
    (lambda s: s.rows.copy(), ROWS),
    (lambda s: one_by_one(s.book), ROWS),
    (lambda s: one_by_one(s.book.keys()), ROWS),
    (lambda s: one_by_one(s.book.values()), [1] * 40),
    (lambda s: one_by_one(s.book.items()), list(BOOK.items())),
    (lambda s: one_by_one(reversed(s.book)), ROWS[::-1]),
    (lambda s: dict(s.book), BOOK),
    (lambda s: {**s.book}, BOOK),
    (lambda s: s.book.copy(), BOOK),
    (lambda s: copy.deepcopy(s.book), BOOK),
    (lambda s: repr(s.book), repr(BOOK)),
    (lambda s: one_by_one(s.seen), ROWS),
    (lambda s: s.seen.copy(), set(ROWS)),
    (lambda s: repr(s.seen), repr(set(ROWS))),
    (lambda s: copy.deepcopy(s.nested), {"in": BOOK}),
    (lambda s: one_by_one(s.nested["in"].items()), list(BOOK.items())),
    (lambda s: one_by_one(s.fields()), ["rows", "book", "seen", "nested"]),
]


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(READS)))
def test_a_cell_that_reads_never_sees_half_a_change(changing: World, number: int) -> None:
    read, whole = READS[number]
    for _ in range(15):
        assert read(changing.session) == whole


@pytest.mark.long
def test_keys_that_are_asked_for_in_the_midst_of_a_change_wait_for_its_end(market: World) -> None:
    market.session.book = BOOK
    keys = market.session.book.keys  # what dict(book) takes hold of first, before it reads
    halfway, asking = threading.Event(), threading.Event()

    def change() -> None:
        with market.lock:
            for key in ROWS[:25]:
                del market.session.book[key]
            halfway.set()
            asking.wait()
            for _ in range(1000):
                time.sleep(0)  # the other thread has every opportunity to read too early
            market.session.book.clear()
            market.session.book.update(BOOK)

    def ask() -> Any:
        asking.set()
        return keys

    thread = threading.Thread(target=change)
    thread.start()
    halfway.wait()
    assert list(ask()()) == ROWS
    thread.join()


@pytest.mark.long
def test_threads_that_change_the_same_list_lose_nothing(market: World, hasty: None) -> None:
    session = market.session
    session.rows, session.book = [], {}

    def add(mine: int) -> None:
        for n in range(200):
            session.rows.append([mine, n])
            session.book.setdefault(n, []).append(mine)
            session.rows.remove([mine, n])
            session.rows.insert(0, (mine, n))

    threads = [threading.Thread(target=add, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(session.rows) == [(mine, n) for mine in range(3) for n in range(200)]
    assert all(sorted(session.book[n]) == [0, 1, 2] for n in range(200))
    past = replayed(market)
    assert past.value("session", "rows") == session.rows
    assert past.value("session", "book") == session.book
    assert [e.seq for e in events_of(market)] == list(range(1, market.journal.seq + 1))


def test_a_cell_waits_for_the_end_of_a_step_to_read(market: World) -> None:
    session = market.session
    session.cash = 0
    begun, seen = threading.Event(), []

    def read() -> None:
        begun.wait()
        seen.append(session.cash)

    thread = threading.Thread(target=read)
    thread.start()
    with market.lock:
        session.cash = -1
        begun.set()
        thread.join(0.05)
        assert seen == []
        session.cash = 5
    thread.join()
    assert seen == [5]
