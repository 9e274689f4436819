"""Lists, dicts and sets in fields behave as plain ones, and every change of theirs is logged."""

from __future__ import annotations

import copy
import dataclasses
import json
import operator
import pickle
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.examples import some_of
from tests.worlds_at_rest import Worlds, events_of, loaded, replayed
from uproot_nb.errors import ClosedRun, Unstorable
from uproot_nb.log.codec import MAX_DEPTH
from uproot_nb.log.events import Event
from uproot_nb.session.tracked import TrackedDict, TrackedList, TrackedSet, plain
from uproot_nb.session.world import World

Logged = Callable[[], list[Event]]

# ---- any sequence of operations, against plain twins --------------------------------------

keys = st.one_of(st.integers(-2, 2), st.sampled_from(["a", "b", "$x"]), st.just((1, "k")))
scalars = st.one_of(
    st.integers(-2, 3), st.booleans(), st.none(), st.sampled_from(["", "a", "$set", "ä"]),
    st.just(Decimal("1.5")), st.floats(-1, 1, width=16), st.just(b"x"),
)  # fmt: skip
hashables = st.one_of(
    st.integers(-2, 3), st.sampled_from(["a", "b"]), st.just((1, 2)), st.just(frozenset({1}))
)
values = st.recursive(
    scalars | st.sets(hashables, max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.tuples(inner),
        st.tuples(inner, inner),
    ),
    max_leaves=6,
)
indices = st.integers(-4, 4)
ends = st.none() | indices
slices = st.builds(slice, ends, ends, st.sampled_from([None, None, 1, -1, 2, -2, 0]))
iterables = st.one_of(st.lists(values, max_size=4), st.just(5), st.just("ab"))
fields = st.sampled_from(["a", "b"])


def containers(value: Any) -> list[Any]:
    """Return all lists, dicts and sets within a value, in an order that twins share."""
    found: list[Any] = [value] if isinstance(value, (list, dict, set)) else []
    if isinstance(value, (list, tuple)):
        inner = list(value)
    else:
        inner = list(value.values()) if isinstance(value, dict) else []
    for item in inner:
        found.extend(containers(item))
    return found


def shape(value: Any) -> Any:
    """Return a value with types that `==` does not distinguish (1, True, 1.0) written out."""
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple, [shape(item) for item in value])
    if isinstance(value, dict):
        return (dict, [(shape(k), shape(v)) for k, v in value.items()])
    if isinstance(value, set):
        return (set, {(type(v), v) for v in value})
    return (type(value), value)


LIST_OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]] = {
    "append": (lambda t, v: t.append(v), (values,)),
    "extend": (lambda t, v: t.extend(v), (iterables,)),
    "insert": (lambda t, i, v: t.insert(i, v), (indices | st.just("x"), values)),
    "set": (lambda t, i, v: t.__setitem__(i, v), (indices | st.just("x"), values)),
    "set slice": (lambda t, i, v: t.__setitem__(i, v), (slices, iterables)),
    "del": (lambda t, i: t.__delitem__(i), (indices | st.just("x") | slices,)),
    "pop": (lambda t, i: t.pop(i), (indices | st.just("x"),)),
    "pop last": (lambda t: t.pop(), ()),
    "remove": (lambda t, v: t.remove(v), (values,)),
    "clear": (lambda t: t.clear(), ()),
    "sort": (lambda t, r: t.sort(reverse=r), (st.booleans(),)),
    "sort by": (lambda t: t.sort(key=repr), ()),
    "sort wrongly": (lambda t: t.sort(key=lambda v: v["no"]), ()),
    "reverse": (lambda t: t.reverse(), ()),
    "times": (operator.imul, (st.integers(-1, 3) | st.just("x"),)),
    "move": (lambda t: t.append(t.pop(0)), ()),
    "swap": (lambda t: t.__setitem__(slice(0, 2), t[1::-1]), ()),
    "keep": (lambda t: t.__setitem__(slice(None), [v for v in t if v]), ()),
    "itself": (lambda t: t.append(copy.deepcopy(t)), ()),
}
DICT_OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]] = {
    "set": (lambda t, k, v: t.__setitem__(k, v), (keys | st.just([]), values)),
    "del": (lambda t, k: t.__delitem__(k), (keys | st.just([]),)),
    "update": (lambda t, v: t.update(v), (st.dictionaries(keys, values) | st.just([1]),)),
    "update by name": (lambda t, v: t.update(self=v, b=v), (values,)),
    "setdefault": (lambda t, k, v: t.setdefault(k, v), (keys, values)),
    "pop": (lambda t, k: t.pop(k), (keys,)),
    "pop or": (lambda t, k, v: t.pop(k, v), (keys, values)),
    "popitem": (lambda t: t.popitem(), ()),
    "clear": (lambda t: t.clear(), ()),
    "or": (operator.ior, (st.dictionaries(keys, values),)),
    "deepen": (lambda t, k, v: t.setdefault(k, []).append(v), (keys, values)),
    "move": (lambda t, k, n: t.__setitem__(n, t.pop(k)), (keys, keys)),
}
sets = st.sets(hashables, max_size=4)
SET_OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]] = {
    "add": (lambda t, v: t.add(v), (hashables | st.just([]) | st.just({1}),)),
    "update": (lambda t, v, w: t.update(v, w), (sets, sets | st.just([[]]))),
    "discard": (lambda t, v: t.discard(v), (hashables | st.just([]) | st.just({1}),)),
    "remove": (lambda t, v: t.remove(v), (hashables | st.just({1}),)),
    "clear": (lambda t: t.clear(), ()),
    "minus": (lambda t, v: t.difference_update(v), (sets | st.just(5),)),
    "and": (lambda t, v: t.intersection_update(v), (sets | st.just([[]]),)),
    "xor": (lambda t, v: t.symmetric_difference_update(v), (sets,)),
    "in place or": (operator.ior, (sets | st.just([1]),)),
    "in place minus": (operator.isub, (sets | st.just([1]),)),
    "in place and": (operator.iand, (sets | st.just([1]),)),
    "in place xor": (operator.ixor, (sets | st.just([1]),)),
}


def outcome(operation: Callable[..., Any], target: Any, arguments: list[Any]) -> tuple[str, Any]:
    """Return ("gives", a result) or ("raises", an error's type)."""
    try:
        return "gives", operation(target, *arguments)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return "raises", type(error)


class Twins(RuleBasedStateMachine):
    """Two fields, and plain values that everything is done to as well."""

    world: World

    @initialize(first=values, second=values)
    def begin(self, first: Any, second: Any) -> None:
        for field in events_fields(self.world):
            delattr(self.world.session, field)
        self.session = self.world.session
        self.twins: dict[str, Any] = {}
        self.taken: list[tuple[Any, Any]] = []
        self.assign("a", first)
        self.assign("b", second)

    @rule(field=fields, value=values)
    def assign(self, field: str, value: Any) -> None:
        setattr(self.session, field, value)
        self.twins[field] = copy.deepcopy(value)

    @rule()
    def alias(self) -> None:
        self.session.a = self.session.b
        self.twins["a"] = copy.deepcopy(self.twins["b"])

    @rule(field=fields, extra=st.lists(values, max_size=2))
    def add_in_place(self, field: str, extra: list[Any]) -> None:
        if isinstance(self.twins[field], list):
            self.twins[field] += copy.deepcopy(extra)
            setattr(self.session, field, getattr(self.session, field).__iadd__(extra))

    @rule(field=fields, data=st.data())
    def operate(self, field: str, data: st.DataObject) -> None:
        found = containers(self.twins[field])
        if found:
            number = data.draw(st.integers(0, len(found) - 1))
            live = containers(getattr(self.session, field))[number]
            self.do_to_both(live, found[number], data)
            self.twins[field] = apart(self.twins[field])

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def change_what_was_taken_out(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.taken) - 1))
        live, twin = self.taken[number]
        self.do_to_both(live, twin, data, free=True)
        self.taken[number] = (live, apart(twin))

    @precondition(lambda self: self.taken)
    @rule(field=fields)
    def put_back_what_was_taken_out(self, field: str) -> None:
        live, twin = self.taken.pop()
        if isinstance(self.twins[field], list):
            getattr(self.session, field).append(live)
            self.twins[field].append(copy.deepcopy(twin))

    def do_to_both(self, live: Any, twin: Any, data: st.DataObject, free: bool = False) -> None:
        table = {list: LIST_OPERATIONS, dict: DICT_OPERATIONS, set: SET_OPERATIONS}[type(twin)]
        name = data.draw(st.sampled_from(sorted(table)), label="operation")
        operation, strategies = table[name]
        arguments = [data.draw(strategy) for strategy in strategies]
        before, events = copy.deepcopy(twin), len(events_of(self.world))
        expected = outcome(operation, twin, copy.deepcopy(arguments))
        got = outcome(operation, live, arguments)
        assert got[0] == expected[0]
        if expected[0] == "raises":
            assert got[1] is expected[1]
            assert shape(plain(live)) == shape(before)
            assert len(events_of(self.world)) == events
            restore(twin, before)
        elif "pop" in name:
            assert shape(plain(got[1])) == shape(expected[1])
            if type(expected[1]) in (list, dict, set) and not free:
                self.taken.append((got[1], expected[1]))
        if free:
            assert len(events_of(self.world)) == events

    @invariant()
    def live_and_twin_are_the_same(self) -> None:
        for field, twin in getattr(self, "twins", {}).items():
            assert shape(plain(getattr(self.session, field))) == shape(twin)

    @invariant()
    def replay_and_snapshot_tell_the_same(self) -> None:
        for state in (replayed(self.world), loaded(self.world)):
            for field, twin in getattr(self, "twins", {}).items():
                assert shape(state.value("session", field)) == shape(twin)


def apart(value: Any) -> Any:
    """Return a value without repeated objects, of which a field makes two values."""
    if isinstance(value, (list, tuple)):
        return type(value)(apart(item) for item in value)
    if isinstance(value, dict):
        return {key: apart(item) for key, item in value.items()}
    return set(value) if isinstance(value, set) else value


def events_fields(world: World) -> list[str]:
    return list(world.state.names("session"))


def restore(twin: Any, before: Any) -> None:
    """Undo what a plain operation did before it raised (ours does nothing in that case)."""
    twin.clear()
    twin.extend(before) if isinstance(twin, list) else twin.update(before)


@pytest.mark.long
def test_the_log_reproduces_any_sequence_of_changes(worlds: Worlds) -> None:
    numbers = iter(range(10**6))

    class Here(Twins):
        def __init__(self) -> None:
            super().__init__()
            self.world = worlds.open(f"s{next(numbers)}")

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here,
        settings=settings(
            max_examples=some_of(100),
            stateful_step_count=30,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        ),
    )


# ---- small events --------------------------------------------------------------------------


def test_an_append_is_one_small_event_whatever_the_length(world: World, logged: Logged) -> None:
    world.session.strokes = list(range(5000))
    logged()
    world.session.strokes.append({"x": 1})
    world.session.strokes += [2]
    world.session.strokes.extend([3])
    events = logged()
    assert [event.kind for event in events] == ["append"] * 3
    assert all(len(event.value) < 50 for event in events)


def test_other_changes_of_one_item_are_small_too(world: World, logged: Logged) -> None:
    session = world.session
    session.rows, session.book, session.seen = (
        [[0]] * 500,
        dict.fromkeys(range(500), 0),
        set(range(500)),
    )
    logged()
    session.rows[250][0] = 1
    session.rows.insert(3, "x")
    del session.rows[4]
    session.rows.pop()
    session.book[7] = "y"
    session.book.pop(8)
    session.seen.add(-1)
    session.seen.discard(3)
    events = logged()
    assert [event.kind for event in events] == [
        "update", "insert", "remove", "remove", "update", "remove", "insert", "remove"
    ]  # fmt: skip
    assert all(len(event.value) < 60 for event in events)


def test_a_change_of_nothing_logs_nothing(world: World, logged: Logged) -> None:
    session = world.session
    session.rows, session.book, session.seen = [1, 2], {"a": []}, {1}
    logged()
    session.rows += []
    session.rows.extend(())
    session.rows.sort()
    session.rows *= 1
    session.rows[5:] = []
    session.book.update({})
    session.book["a"] = session.book["a"]
    session.book.setdefault("a", 5)
    session.seen.add(1)
    session.seen |= {1}
    session.seen.discard(9)
    session.rows = session.rows
    session.book["a"].clear()
    assert logged() == []


def test_each_change_names_its_field_and_path(world: World, logged: Logged) -> None:
    world.session.book = {"bids": [{"qty": [1]}]}
    logged()
    world.session.book["bids"][0]["qty"].append(2)
    (event,) = logged()
    assert (event.subject, event.field, event.kind) == ("session", "book", "append")
    assert json.loads(event.value) == {"path": ["bids", 0, "qty"], "values": [2]}


# ---- what is refused -----------------------------------------------------------------------

MUTATIONS: list[Callable[[Any, Any], Any]] = [
    lambda s, v: s.rows.append(v),
    lambda s, v: s.rows.extend([1, v]),
    lambda s, v: s.rows.insert(0, [v]),
    lambda s, v: s.rows.__setitem__(0, v),
    lambda s, v: s.rows.__setitem__(slice(0, 1), [v]),
    lambda s, v: operator.iadd(s.rows, [v]),
    lambda s, v: s.rows[1].append((v,)),
    lambda s, v: s.rows[1].__setitem__(slice(None), [1, v]),
    lambda s, v: s.book.__setitem__("k", v),
    lambda s, v: s.book.update(a=1, b=v),
    lambda s, v: s.book.setdefault("z", v),
    lambda s, v: s.book["in"].update({1: v}),
    lambda s, v: s.seen.add(v),
    lambda s, v: s.seen.update({5}, {v}),
    lambda s, v: setattr(s, "rows", [v]),
    lambda s, v: setattr(s, "fresh", v),
]


class Alien:
    """Nothing that a log could hold."""


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_an_unstorable_value_is_refused_at_once_and_nothing_changes(
    world: World, logged: Logged, mutation: Callable[[Any, Any], Any]
) -> None:
    session = world.session
    session.rows, session.book, session.seen = [1, [2], (3, [4])], {"k": 1, "in": {}}, {1}
    before = plain(session.fields())
    logged()
    with pytest.raises(Unstorable, match=r"session\.(rows|book|seen|fresh) cannot hold .*Alien"):
        mutation(session, Alien())
    assert logged() == []
    assert plain(session.fields()) == before
    session.rows[2][1].append(5)
    assert replayed(world).value("session", "rows") == [1, [2], (3, [4, 5])]


def test_nesting_beyond_what_the_log_holds_is_refused_where_it_happens(world: World) -> None:
    session = world.session
    session.deep = []
    inner = session.deep
    for _ in range(MAX_DEPTH):
        inner.append([])
        inner = inner[0]
    with pytest.raises(Unstorable, match=r"session\.deep .*nested"):
        inner.append([])
    assert loaded(world).value("session", "deep") == plain(session.deep)
    session.copy = session.deep


@pytest.mark.long
@pytest.mark.parametrize("depth", [1, 3, 40])
def test_a_deep_value_in_a_deep_place_is_refused(world: World, depth: int) -> None:
    """Keys that are no text take three levels of JSON each; orjson reads a bounded number."""
    session = world.session
    session.deep = {}
    inner = session.deep
    for _ in range(depth):
        inner = inner.setdefault(1, {})
    content: Any = 0
    refused = False
    for _ in range(MAX_DEPTH):
        content = {1: content}
        try:
            inner[2] = content
        except Unstorable:
            refused = True
            break
        assert loaded(world).value("session", "deep") == plain(session.deep)
    assert refused
    assert replayed(world).value("session", "deep") == plain(session.deep)


def test_a_ring_is_refused(world: World) -> None:
    ring: list[Any] = []
    ring.append(ring)
    world.session.rows = [1]
    with pytest.raises(Unstorable, match=r"session\.rows .*itself"):
        world.session.rows.append(ring)
    assert world.session.rows == [1]


def test_after_the_run_is_closed_nothing_changes(world: World) -> None:
    session = world.session
    session.rows, session.book, session.seen = [2, 1], {"a": 1}, {1}
    world.journal.close()
    for change in (
        lambda: session.rows.append(3), session.rows.sort, session.rows.pop,
        lambda: session.book.update(b=2), session.book.clear, lambda: session.seen.add(2),
        session.seen.pop, lambda: setattr(session, "rows", 5), lambda: delattr(session, "rows"),
        lambda: operator.setitem(session.rows, slice(0, 1), [7, 8]),
    ):  # fmt: skip
        with pytest.raises(ClosedRun):
            change()
    assert (session.rows, session.book, session.seen) == ([2, 1], {"a": 1}, {1})


@pytest.mark.parametrize(
    ("start", "mistake"),
    [
        ([1], lambda c: c.__setitem__(5, 0)),
        ([1], lambda c: c.__setitem__("x", 0)),
        ([1], lambda c: c.__delitem__(5)),
        ([1], lambda c: c.__delitem__("x")),
        ([1], lambda c: c.pop(5)),
        ([], lambda c: c.pop()),
        ([1], lambda c: c.pop("x")),
        ([1], lambda c: c.insert("x", 1)),
        ([1], lambda c: c.insert(2**80, 1)),
        ([1], lambda c: c.remove(7)),
        ([1], lambda c: c.extend(7)),
        ([1], lambda c: operator.iadd(c, 7)),
        ([1], lambda c: operator.imul(c, "x")),
        ([1, 2], lambda c: c.__setitem__(slice(0, 2), 7)),
        ([1, 2], lambda c: c.__setitem__(slice(None, None, 2), [7, 8])),
        ([1, "a"], lambda c: c.sort()),
        ([1, 2], lambda c: c.sort(key=lambda v: 1 / 0)),
        ([1], lambda c: c.nonsense),
        ({}, lambda c: c.popitem()),
        ({}, lambda c: c.pop("a")),
        ({"a": 1}, lambda c: c.pop("a", 1, 2)),
        ({}, lambda c: c.__delitem__("a")),
        ({}, lambda c: c["a"]),
        ({}, lambda c: c.__setitem__([], 1)),
        ({}, lambda c: c.update(7)),
        ({}, lambda c: c.update([1])),
        ({}, lambda c: c.setdefault([], 1)),
        (set(), lambda c: c.pop()),
        (set(), lambda c: c.remove(1)),
        (set(), lambda c: c.add([])),
        (set(), lambda c: c.add({1})),
        (set(), lambda c: c.update(7)),
        ({1}, lambda c: c.difference_update([[]])),
        ({1}, lambda c: operator.ior(c, [1])),
    ],
)
def test_a_mistake_raises_the_error_of_the_plain_type(
    world: World, logged: Logged, start: Any, mistake: Callable[[Any], Any]
) -> None:
    world.session.value = start
    logged()
    with pytest.raises(Exception) as plain_error:  # noqa: PT011
        mistake(copy.copy(start))
    with pytest.raises(plain_error.type) as error:
        mistake(world.session.value)
    assert str(error.value).replace("TrackedSet", "set") == str(plain_error.value)
    assert logged() == []
    assert plain(world.session.value) == start


# ---- where values hang ---------------------------------------------------------------------


def test_a_value_assigned_twice_stays_two_values(world: World) -> None:
    session = world.session
    session.a = {"rows": [1]}
    session.b = session.a
    session.b["rows"].append(2)
    session.a["rows"].append(3)
    assert (session.a, session.b) == ({"rows": [1, 3]}, {"rows": [1, 2]})
    assert replayed(world).values("session") == {"a": {"rows": [1, 3]}, "b": {"rows": [1, 2]}}


def test_the_authors_own_list_stays_the_authors_own(world: World) -> None:
    rows = [[1]]
    world.session.rows = rows
    rows[0].append(2)
    rows.append([3])
    assert world.session.rows == [[1]]


def test_a_value_that_its_field_has_given_up_logs_no_more(world: World, logged: Logged) -> None:
    session = world.session
    session.rows, session.pair = [[1]], ([1], 2)
    old, inner, in_pair = session.rows, session.rows[0], session.pair[0]
    session.rows = [5]
    session.pair = 0
    del session.pair
    logged()
    old.append(6)
    inner.append(7)
    in_pair.append(8)
    assert logged() == []
    assert session.rows == [5]
    assert old == [[1, 7], 6]


def test_a_value_that_another_has_replaced_logs_no_more(world: World, logged: Logged) -> None:
    session = world.session
    session.rows = [[1], [2], [3], [4], {"a": [5], "b": [6], "c": [7]}]
    inner = session.rows[4]
    gone = [*session.rows[:4], *inner.values()]
    session.rows[0] = 0
    session.rows[1:2] = []
    del session.rows[1]
    session.rows.remove([4])
    inner["a"] = 0
    inner.update(b=0)
    del inner["c"]
    logged()
    for value in gone:
        value.append("late")
    assert logged() == []
    assert session.rows == [0, {"a": 0, "b": 0}]


def test_a_row_taken_out_and_put_back_is_still_the_same_row(world: World) -> None:
    session = world.session
    session.rows, session.done = [{"qty": 1}, {"qty": 2}], []
    row = session.rows.pop(0)
    row["qty"] = 10
    session.done.append(row)
    row["qty"] += 1
    session.rows.append({"qty": 3})
    session.rows.sort(key=lambda r: -r["qty"])
    session.rows[:] = [r for r in session.rows if r["qty"] > 2]
    kept = session.rows[0]
    session.rows.reverse()
    kept["qty"] = 30
    assert session.done == [{"qty": 11}]
    assert session.rows == [{"qty": 30}]
    assert replayed(world).values("session") == {"rows": [{"qty": 30}], "done": [{"qty": 11}]}


def test_a_list_put_into_itself_is_put_in_as_a_copy(world: World) -> None:
    session = world.session
    session.rows = [[1]]
    session.rows.append(session.rows)
    session.rows.append(session.rows[0])
    session.rows[0].append(2)
    free = session.rows.pop(1)
    free[0].append(free)
    session.rows[0] = session.rows
    session.rows.append(free)
    free[0].append("end")
    expected = plain(session.rows)
    assert replayed(world).value("session", "rows") == expected
    assert expected[0] == [[1, 2], [1]]


def test_lists_in_tuples_are_tracked(world: World, logged: Logged) -> None:
    session = world.session
    session.pair = (1, ([2], {"k": [3]}))
    session.rows = [(4, [5, 6]), (4, [5, 6])]
    logged()
    session.pair[1][0].append(20)
    session.pair[1][1]["k"].sort()
    session.pair[1][1]["k"].insert(0, 9)
    session.pair[1][1]["k"].sort()
    session.rows.insert(0, None)
    session.rows[2][1].reverse()
    session.rows[1][1].append(7)
    assert session.pair == (1, ([2, 20], {"k": [3, 9]}))
    assert session.rows == [None, (4, [5, 6, 7]), (4, [6, 5])]
    assert replayed(world).values("session") == plain(session.fields())


def test_items_are_found_however_a_list_was_shifted(world: World) -> None:
    session = world.session
    session.rows = [[n] for n in range(200)]
    last, first = session.rows[199], session.rows[0]
    for n in range(100):
        session.rows.insert(0, [-n])
    del session.rows[120:150]
    session.rows.reverse()
    last.append("last")
    first.append("first")
    assert replayed(world).value("session", "rows") == plain(session.rows)


def test_what_is_read_after_a_restart_is_tracked_through_and_through(worlds: Worlds) -> None:
    first = worlds.open()
    first.session.rows = []
    first.session.rows.append([1])
    first.session.rows.append({"k": ([2],)})
    first.session.kept = [[0]]
    first.journal.commit()
    second = worlds.open()
    second.session.rows[0].append(10)
    second.session.rows[1]["k"][0].append(20)
    second.session.kept[0] += [1]
    second.journal.close()
    third = worlds.open()
    third.session.kept[0].append(2)
    assert replayed(third).values("session") == {
        "rows": [[1, 10], {"k": ([2, 20],)}], "kept": [[0, 1, 2]]
    }  # fmt: skip


@dataclasses.dataclass
class Lot:
    qty: int


def test_objects_in_a_list_are_copies_that_nobody_changes_unseen(world: World) -> None:
    lot, array = Lot(1), np.array([1, 2])
    world.session.lots = [lot]
    world.session.book = {"arrays": (array,)}
    world.session.lots.append(lot)
    lot.qty, array[0] = 9, 9
    assert world.session.lots == [Lot(1), Lot(1)]
    assert world.session.book["arrays"][0].tolist() == [1, 2]


# ---- as any list, dict or set --------------------------------------------------------------


def test_tracked_values_pass_for_plain_ones(world: World) -> None:
    session = world.session
    session.rows, session.book, session.seen = [2, [1]], {"a": [1], "b": {}}, {1, 2}
    for value, kind in ((session.rows, list), (session.book, dict), (session.seen, set)):
        same = plain(value)
        assert isinstance(value, kind)
        assert type(same) is kind
        assert value == same
        assert same == value
        assert repr(value) == repr(same)
        assert kind(value) == same
        assert len(value) == len(same)
        assert list(value) == list(same)
        for made in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
            assert type(made) is kind
            assert made == same
    assert json.dumps(session.book) == '{"a": [1], "b": {}}'
    assert orjson.dumps(session.book) == b'{"a":[1],"b":{}}'
    assert {**session.book} == session.book
    assert session.book | {"c": 1} == {"a": [1], "b": {}, "c": 1}
    assert session.book.keys() & {"a", "z"} == {"a"}
    assert session.book.keys() == {"a", "b"}
    assert list(reversed(session.book)) == ["b", "a"]
    assert list(reversed(session.rows)) == [[1], 2]
    assert session.seen | {3} == {1, 2, 3}
    assert {2, 5} - session.seen == {5}
    assert session.rows + [3] == [2, [1], 3]  # noqa: RUF005
    assert sorted(session.seen) == [1, 2]
    assert [1, *session.rows[1]] == [1, 1]


def test_a_shallow_copy_shares_what_is_in_it(world: World) -> None:
    world.session.rows = [[1]]
    for shallow in (copy.copy(world.session.rows), world.session.rows.copy()):
        shallow[0].append(2)
    assert world.session.rows == [[1, 2, 2]]
    assert replayed(world).value("session", "rows") == [[1, 2, 2]]


def test_a_container_made_from_a_tracked_type_hangs_nowhere(world: World, logged: Logged) -> None:
    made = type(world_list(world))([1])
    made.append([2])
    made[1].append(3)
    by_key = TrackedDict.fromkeys("ab")
    by_key["a"] = 1
    both = TrackedSet({1})
    both.add(2)
    world.session.rows = made
    logged()
    made.append(4)
    assert len(logged()) == 1
    assert (world.session.rows, by_key, both) == ([1, [2, 3], 4], {"a": 1, "b": None}, {1, 2})


def world_list(world: World) -> Any:
    world.session.some = []
    assert type(world.session.some) is TrackedList
    return world.session.some


def test_frames_shuffles_and_bisection_work_on_tracked_lists(world: World) -> None:
    session = world.session
    session.rows = [{"t": n, "who": "ab"[n % 2]} for n in range(6)]
    assert pd.DataFrame(session.rows).groupby("who")["t"].sum().to_dict() == {"a": 6, "b": 9}
    random.Random(1).shuffle(session.rows)
    session.rows[0]["t"] = -1
    assert replayed(world).value("session", "rows") == plain(session.rows)
    assert sorted(row["t"] for row in session.rows)[0] == -1


def test_iterating_while_changing_goes_on_as_in_plain_python(world: World) -> None:
    world.session.rows, world.session.book = [1, 2], {"a": 1}
    with world.lock:
        for row in world.session.rows:
            if len(world.session.rows) < 5:
                world.session.rows.append(row)
        keys = iter(world.session.book)
        world.session.book["x"] = 1
        with pytest.raises(RuntimeError, match="changed size"):
            next(keys)
    assert world.session.rows == [1, 2, 1, 2, 1]
    for key in world.session.book:
        world.session.book[key + "y"] = 1
    assert replayed(world).value("session", "book") == world.session.book
