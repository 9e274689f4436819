"""State: what replaying the log gives, as latest values."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import UprootError
from uproot_nb.log import state as state_module
from uproot_nb.log.call_rows import FORMER_CHARACTERS, CallRow
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import MemoryLog
from uproot_nb.log.state import (
    KNOWN_PAGE_LOADS,
    CallLedger,
    State,
    change_container,
    changes_until,
    split_call_id,
)

CODEC = Codec()


def happening(
    seq: int, kind: str, subject: str = "session", field: str = "", value: Any = None
) -> Event:
    text = CODEC.encode(value)
    return Event(seq, 1000.0 + seq, "market", kind, subject, field, text, "", "", "", "")


def events(*told: tuple[Any, ...]) -> Iterator[Event]:
    for seq, (kind, *rest) in enumerate(told, 1):
        yield happening(seq, kind, *rest)


def folded(*told: tuple[Any, ...]) -> State:
    return State(CODEC).apply_all(events(*told))


def everything(state: State) -> Any:
    """Return all that a state tells, in a form that can be compared."""
    fields = {subject: state.values(subject) for subject in state.fields}
    return copy.deepcopy((
        state.seq, state.time, fields, state.players, state.groups, state.opened, state.settings,
        state.frozen,
    ))  # fmt: skip


# ---- fields --------------------------------------------------------------------------------


def test_the_latest_value_counts() -> None:
    state = folded(
        ("set", "player/a", "bid", 1), ("set", "session", "bid", Decimal("2.5")),
        ("set", "player/a", "bid", 3), ("set", "player/a", "cash", 5), ("del", "player/a", "cash"),
    )  # fmt: skip
    assert state.values("player/a") == {"bid": 3}
    assert state.value("session", "bid") == Decimal("2.5")
    assert (state.seq, state.time) == (5, 1005.0)
    assert (list(state.names("player/b")), state.values("player/b")) == ([], {})
    for subject, name in (("player/a", "cash"), ("player/b", "bid")):
        with pytest.raises(KeyError):
            state.value(subject, name)


def test_a_deletion_of_what_is_not_there_is_passed_over() -> None:
    assert folded(("del", "player/a", "bid")).values("player/a") == {}


CHANGES: list[tuple[Any, list[tuple[str, dict[str, Any]]], Any]] = [
    ([1], [("append", {"path": [], "values": [2, 3]})], [1, 2, 3]),
    ([1], [("insert", {"path": [], "index": 0, "value": [2]})], [[2], 1]),
    ([1, 2], [("update", {"path": [], "items": [[1, 5], [0, 6]]})], [6, 5]),
    ([1, 2], [("remove", {"path": [], "key": 0})], [2]),
    ([1, 2], [("remove", {"path": [], "all": True})], []),
    ({}, [("update", {"path": [], "items": [["a", 1], [2, (3,)]]})], {"a": 1, 2: (3,)}),
    ({"a": 1, 2: 3}, [("remove", {"path": [], "key": 2})], {"a": 1}),
    ({"a": 1}, [("remove", {"path": [], "all": True})], {}),
    ({1}, [("insert", {"path": [], "values": [2]})], {1, 2}),
    ({1, 2}, [("remove", {"path": [], "values": [2, 9]})], {1}),
    ({1, 2}, [("remove", {"path": [], "all": True})], set()),
    (({"a": [[1]]},), [("append", {"path": [0, "a", 0], "values": [2]})], ({"a": [[1, 2]]},)),
    (
        {(1, 2): []},
        [("append", {"path": [(1, 2)], "values": [[]]}),
         ("append", {"path": [(1, 2), 0], "values": [7]})],
        {(1, 2): [[7]]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("start", "changes", "end"), CHANGES)
def test_a_change_in_place_is_repeated(start: Any, changes: Any, end: Any) -> None:
    told = [(kind, "session", "x", change) for kind, change in changes]
    state = folded(("set", "session", "x", start), *told)
    assert state.value("session", "x") == end
    assert type(state.value("session", "x")) is type(end)
    assert State(CODEC).load(state.dump()).value("session", "x") == end
    alone = copy.deepcopy(start)
    for kind, change in changes:
        change_container(alone, kind, change)
    assert alone == end


def test_a_value_that_is_read_between_two_changes_is_whole_each_time() -> None:
    state = folded(("set", "session", "x", [1]))
    assert state.value("session", "x") == [1]
    state.apply(happening(2, "append", "session", "x", {"path": [], "values": [2]}))
    assert state.value("session", "x") == [1, 2]
    assert State(CODEC).load(state.dump()).value("session", "x") == [1, 2]


def test_a_value_is_made_its_readers_own_once_and_whole() -> None:
    made: list[Any] = []

    def own(subject: str, name: str, value: Any) -> Any:
        made.append((subject, name, copy.deepcopy(value)))
        return tuple(value)

    state = State(CODEC, own).apply_all(
        events(
            ("set", "session", "x", []),
            ("append", "session", "x", {"path": [], "values": [[1]]}),
            ("append", "session", "x", {"path": [0], "values": [2]}),
            ("set", "session", "n", 5),
        )
    )
    assert made == []
    assert (state.value("session", "x"), state.value("session", "n")) == (([1, 2],), 5)
    assert state.value("session", "x") is state.value("session", "x")
    assert made == [("session", "x", [[1, 2]])]


def test_an_object_that_its_reader_changed_is_kept_as_the_log_has_it() -> None:
    state = folded(("set", "session", "x", np.array([1, 2])))
    state.value("session", "x")[0] = 9
    assert State(CODEC).load(state.dump()).value("session", "x").tolist() == [1, 2]


def test_an_unknown_kind_of_event_only_counts() -> None:
    state = folded(("set", "session", "x", 1), ("weather", "session", "x", 2))
    assert (state.value("session", "x"), state.seq) == (1, 2)


def test_taking_events_in_apart_leaves_what_was_read_as_it_was() -> None:
    state = folded(("set", "session", "x", ([1], {"a": [2]}, 3)))
    before = state.value("session", "x")
    state.apply_apart(happening(2, "append", "session", "x", {"path": [1, "a"], "values": [4]}))
    after = state.value("session", "x")
    state.apply_apart(happening(3, "append", "session", "x", {"path": [0], "values": [5]}))
    assert before == ([1], {"a": [2]}, 3)
    assert after == ([1], {"a": [2, 4]}, 3)
    assert state.value("session", "x") == ([1, 5], {"a": [2, 4]}, 3)
    assert after[0] is before[0]


# ---- players, groups, calls ----------------------------------------------------------------

JOINED: tuple[tuple[Any, ...], ...] = (
    ("join", "player/a", "", {"id": 0, "label": None, "claimed": False}),
    ("join", "player/b", "", {"id": 1, "label": "seat 5", "claimed": True}),
    ("join", "player/c", "", {"id": 2}),
)


def test_a_place_is_opened_and_claimed() -> None:
    state = folded(*JOINED, ("join", "player/a", "", {"id": 0, "claimed": True, "label": "x"}))
    assert [(n, p.id, p.label, p.claimed) for n, p in state.players.items()] == [
        ("a", 0, "x", True), ("b", 1, "seat 5", True), ("c", 2, None, False)
    ]  # fmt: skip
    assert (state.players["c"].position, state.players["c"].page) == (-1, None)


def test_a_label_stays_when_the_place_is_claimed() -> None:
    state = folded(*JOINED, ("join", "player/b", "", {"id": 1, "claimed": True}))
    assert state.players["b"].label == "seat 5"


def test_a_player_moves_and_comes_and_goes() -> None:
    state = folded(
        *JOINED, ("enter", "player/a", "First", {"position": 0, "page": "First"}),
        ("connect", "player/a"), ("once", "player/a", "before_once:First"),
        ("connect", "player/b"), ("disconnect", "player/b"),
        ("leave", "player/a", "First", {"position": 0, "page": "First"}),
        ("enter", "player/a", "", {"position": 1, "page": None}),
    )  # fmt: skip
    ann, bob = state.players["a"], state.players["b"]
    assert (ann.position, ann.page, ann.entered, ann.online, ann.claimed, ann.done) == (
        1, None, 10, True, True, {"before_once:First": 6}
    )  # fmt: skip
    assert (bob.online, bob.position) == (False, -1)


def test_a_group_has_its_members_in_order_and_lets_them_go() -> None:
    state = folded(
        *JOINED, ("group", "group/g", "", {"id": 0, "members": ["b", "a"]}),
        ("group", "group/h", "", {"id": 1, "members": ["c"]}),
        ("group", "group/g", "", {"id": 0, "members": ["a"]}),
    )  # fmt: skip
    assert {n: (p.group, p.member_id) for n, p in state.players.items()} == {
        "a": ("g", 0), "b": (None, None), "c": ("h", 0)
    }  # fmt: skip
    assert [(n, g.id, g.members) for n, g in state.groups.items()] == [
        ("g", 0, ["a"]), ("h", 1, ["c"])
    ]  # fmt: skip


def test_a_member_who_has_moved_on_stays_where_it_is() -> None:
    state = folded(
        *JOINED, ("group", "group/g", "", {"id": 0, "members": ["a", "b"]}),
        ("group", "group/h", "", {"id": 1, "members": ["a"]}),
        ("group", "group/g", "", {"id": 0, "members": ["b"]}),
    )  # fmt: skip
    assert (state.players["a"].group, state.players["b"].member_id) == ("h", 0)


def test_calls_that_ran_are_known() -> None:
    state = folded(*JOINED, ("call", "player/a", "post", {"id": "load-7"}))
    calls = state.players["a"].calls
    assert [calls.is_new(i) for i in ("load-6", "load-7", "load-8", "other-1")] == [
        False, False, True, True
    ]  # fmt: skip
    assert state.players["b"].calls.is_new("load-7")


def test_a_call_with_hostile_arguments_does_not_stop_a_replay() -> None:
    lone = Event(
        4, 1.0, "market", "call", "player/a", "post",
        '{"id":"x-1","args":["\\ud800",1e999],"kwargs":{}}', "", "", "", "",
    )  # fmt: skip
    state = folded(*JOINED)
    state.apply(lone)
    assert not state.players["a"].calls.is_new("x-1")


def test_the_call_of_somebody_unknown_is_passed_over() -> None:
    assert folded(("call", "player/z", "post", {"id": "x-1"})).players == {}


@pytest.mark.parametrize(
    ("call_id", "parts"),
    [
        ("load-7", ("load", 7)), ("a-b-7", ("a-b", 7)), ("7", ("7", 0)), ("", ("", 0)),
        ("load-", ("load-", 0)), ("load-x", ("load-x", 0)), ("load--7", ("load-", 7)),
        ("load-٣", ("load-٣", 0)), ("load-²", ("load-²", 0)), ("-7", ("", 7)),
        ("load-" + "9" * 16, ("load-" + "9" * 16, 0)),
    ],
)  # fmt: skip
def test_an_id_has_a_page_load_and_a_number(call_id: str, parts: tuple[str, int]) -> None:
    assert split_call_id(call_id) == parts
    ledger = CallLedger()
    assert ledger.is_new(call_id)
    ledger.note(call_id)
    assert not ledger.is_new(call_id)


def test_a_call_is_known_again_after_any_number_of_other_page_loads() -> None:
    ledger = CallLedger()
    for load in range(3 * KNOWN_PAGE_LOADS):
        ledger.note(f"load{load}-5", load + 1)
    assert len(ledger.highest) == len(ledger.roots) == KNOWN_PAGE_LOADS
    assert [ledger.is_new(f"load0-{number}") for number in (4, 5, 6)] == [False, False, True]
    assert ledger.is_new("another-1")
    loaded = CallLedger(ledger.highest, ledger.roots, ledger.former)
    assert not loaded.is_new("load0-5")


def test_a_page_load_that_comes_back_after_many_others_goes_on_counting() -> None:
    ledger = CallLedger()
    ledger.note("early-1", 1)
    for load in range(2 * KNOWN_PAGE_LOADS):
        ledger.note(f"load{load}-5", load + 2)
    ledger.note("early-2", 2000)
    for load in range(2 * KNOWN_PAGE_LOADS):
        ledger.note(f"more{load}-5", load + 3000)
    assert [ledger.is_new(f"early-{number}") for number in (1, 2, 3)] == [False, False, True]


@pytest.mark.long
def test_page_loads_without_end_take_bounded_memory() -> None:
    ledger = CallLedger()
    for load in range(20_000):
        ledger.note(f"load{load}-5", load + 1)
    assert len(ledger.former) <= FORMER_CHARACTERS
    assert not ledger.is_new("load19000-5")
    assert not ledger.is_new("load12000-5")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=80))
def test_the_row_of_any_call_is_found_in_few_steps(calls: list[tuple[str, bool]]) -> None:
    """Rows of several page loads, some with a `started` row of their own before the outcome."""
    ledger, rows, reads = CallLedger(), {}, 0
    numbers = {"a": 0, "b": 0}

    def write(call_id: str, outcome: str) -> None:
        seq = 3 * len(rows) + 1
        rows[seq] = CallRow(call_id, outcome, back=ledger.back(call_id))
        ledger.note(call_id, seq)

    def read(seq: int) -> CallRow | None:
        nonlocal reads
        reads += 1
        return rows[seq]

    for prefix, started in calls:
        numbers[prefix] += 1
        for outcome in ("started", "ok") if started else ("ok",):
            write(f"{prefix}-{numbers[prefix]}", outcome)
    for prefix, last in numbers.items():
        for number in range(1, last + 1):
            reads = 0
            found = ledger.find(f"{prefix}-{number}", read)
            assert found is not None
            assert (found.id, found.outcome) == (f"{prefix}-{number}", "ok")
            assert reads <= 40
        assert ledger.find(f"{prefix}-0", read) is None


def test_a_session_is_opened_with_settings() -> None:
    settings = {"endowment": Decimal(10)}
    assert not folded(*JOINED).opened
    state = folded(("open", "session", "", {"settings": settings}))
    assert (state.opened, state.settings) == (True, settings)
    assert State(CODEC).load(state.dump()).settings == settings


def test_a_session_is_frozen_until_it_is_thawed() -> None:
    freeze = ("intervention", "session", "freeze", {"code": {"Offer": "a1"}})
    assert folded(*JOINED).frozen is None
    assert folded(freeze).frozen == {"Offer": "a1"}
    assert folded(freeze, ("intervention", "session", "thaw")).frozen is None


# ---- snapshots -----------------------------------------------------------------------------

TOLD: tuple[tuple[Any, ...], ...] = (
    *JOINED, ("open", "session", "", {"settings": {"n": 1}}),
    ("set", "player/a", "bid", 1), ("set", "session", "rows", [[1], {"k": ({2},)}]),
    ("enter", "player/a", "First", {"position": 0, "page": "First"}),
    ("append", "session", "rows", {"path": [0], "values": [5]}),
    ("group", "group/g", "", {"id": 0, "members": ["b", "a"]}),
    ("call", "player/a", "post", {"id": "load-7"}), ("set", "group/g", "pot", Decimal("1.5")),
    ("insert", "session", "rows", {"path": [1, "k", 0], "values": [3]}),
    ("connect", "player/b"), ("once", "player/a", "x"), ("del", "player/a", "bid"),
    ("update", "session", "rows", {"path": [1], "items": [["z", float("inf")]]}),
    ("set", "player/b", "unread", {"$tag": b"x"}), ("disconnect", "player/b"),
    ("intervention", "session", "thaw"),
    ("intervention", "session", "freeze", {"code": {"First": "a1"}}),
    ("remove", "session", "rows", {"path": [], "key": 0}),
)  # fmt: skip


@given(st.lists(st.integers(0, len(TOLD)), max_size=4).map(sorted), st.booleans())
def test_snapshots_only_shorten_the_replay(places: list[int], read: bool) -> None:
    """However often a session is saved and loaded on the way, and read or not, it ends the same."""
    told = list(events(*TOLD))
    state, last = State(CODEC), 0
    for place in places:
        state.apply_all(told[last:place])
        if read:
            everything(state)
        state, last = State(CODEC).load(state.dump()), place
    state.apply_all(told[last:])
    assert everything(state) == everything(folded(*TOLD))


def test_a_snapshot_is_json_that_says_where_it_ends() -> None:
    content = json.loads(folded(*TOLD).dump())
    assert content["seq"] == len(TOLD)
    assert content["fields"]["group/g"] == {"pot": '{"$decimal":"1.5"}'}


# ---- snapshots stay small ----


def test_the_text_of_what_a_snapshot_has_left_to_the_log_is_read_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tables of models read texts, and nobody may have read the value before."""
    monkeypatch.setattr(state_module, "MOST_ELEMENTS", 3)
    log, state = MemoryLog(), State(CODEC)
    log.claim("market")
    for number in range(1, 9):
        value = CODEC.encode({"path": [], "values": [number]}) if number > 1 else "[]"
        kind = "append" if number > 1 else "set"
        event = Event(number, 0.0, "market", kind, "model/a", "entries", value, "", "", "", "")
        log.append([event])
        state.apply(event)
    loaded = State(CODEC).load(state.dump(), changes_until(log, "market", state.seq))
    assert loaded.text("model/a", "entries") == "[2,3,4,5,6,7,8]"


KEYS = st.sampled_from([("model/a", "entries"), ("model/b", "entries"), ("session", "strokes")])


@given(steps=st.lists(st.tuples(KEYS, st.sampled_from("asuicx")), max_size=60))
def test_what_a_snapshot_leaves_to_the_log_is_read_from_it(steps: list[Any]) -> None:
    """Lists that are appended to, changed, set anew or deleted come out as they were."""
    log, state = MemoryLog(), State(CODEC)
    log.claim("market")

    def write(kind: str, subject: str, field: str, value: Any) -> None:
        event = Event(
            state.seq + 1, 0.0, "market", kind, subject, field, CODEC.encode(value), "", "", "", ""
        )
        log.append([event])
        state.apply(event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_module, "MOST_ELEMENTS", 3)
        patch.setattr(state_module, "LONGEST_TEXT", 30)
        for number, ((subject, field), what) in enumerate(steps):
            if field not in state.names(subject) or what == "s":
                write("set", subject, field, [number] * (number % 5))
            elif what == "a":
                write("append", subject, field, {"path": [], "values": [number, {"n": number}]})
            elif what == "u" and state.value(subject, field):
                write("update", subject, field, {"path": [], "items": [[0, number]]})
            elif what == "i":
                write("insert", subject, field, {"path": [], "index": 0, "value": "x" * number})
            elif what == "c":
                write("chat", subject, field, {"path": [], "values": [{"m": number}]})
            elif what == "x":
                write("del", subject, field, None)
            if number % 7 == 3:  # go on from a snapshot, as after a restart
                now = {subject: state.values(subject) for subject in list(state.fields)}
                dumped = state.dump()
                assert len(dumped) < 600
                state = State(CODEC).load(dumped, changes_until(log, "market", state.seq))
                again = state.dump() if number % 2 else dumped
                assert again == dumped  # what nobody has read is left to the log again
                found = {subject: state.values(subject) for subject in list(now)}
                assert found == now


def test_a_snapshot_without_its_log_says_what_it_lacks() -> None:
    """A long value is not lost in silence."""
    long = folded(("set", "session", "x", list(range(100_000))))
    state = State(CODEC).load(long.dump())
    with pytest.raises(UprootError, match="together with the log"):
        state.value("session", "x")


def test_snapshots_of_old_logs_are_read() -> None:
    """They hold every value themselves."""
    content = json.loads(folded(("set", "session", "x", list(range(20)))).dump())
    del content["logged"]
    assert State(CODEC).load(json.dumps(content).encode()).value("session", "x") == list(range(20))
