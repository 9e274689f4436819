"""Who may call, who waits, and that nothing is lost of the count."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.server.pressure.pressure import Debt, Pressure

pytestmark = pytest.mark.asyncio

MOST, MOST_OF_ONE = 100, 40


class Shares:
    """The pressure, by players' names."""

    def __init__(self) -> None:
        self.pressure = Pressure(MOST, MOST_OF_ONE)
        self._shares: dict[str, Debt] = {}

    def __getattr__(self, name: str) -> Any:
        act = getattr(self.pressure, name)
        return act if name in ("size", "waiting", "_line") else partial(self._act, act)

    def _act(self, act: Any, player: str, *others: Any) -> Any:
        return act(self.of(player), *others)

    def of(self, player: str) -> Debt:
        return self._shares.setdefault(player, self.pressure.share())

    def stick(self, stuck: bool) -> None:
        self.pressure.stuck = stuck


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_player_with_too_much_waits_and_nobody_else() -> None:
    pressure = Shares()
    pressure.add("ann", MOST_OF_ONE)
    assert not pressure.may_call("ann")
    assert pressure.may_ask("ann")
    assert pressure.may_call("bob")
    went: list[str] = []
    pressure.wait("ann", "socket", lambda: went.append("ann"))
    pressure.remove("ann", 1)
    await turns()
    assert went == ["ann"]
    assert pressure.may_call("ann")


async def test_with_too_much_in_all_each_may_have_one_call() -> None:
    pressure = Shares()
    for name in ("ann", "bob", "cat"):
        pressure.add(name, MOST_OF_ONE - 1)
    assert not pressure.may_call("ann")
    assert pressure.may_call("dan")
    pressure.add("dan", 5)
    assert not pressure.may_call("dan")
    went: list[str] = []
    pressure.wait("dan", "dan", lambda: went.append("dan"))
    pressure.remove("dan", 5)  # the others still have too much
    await turns()
    assert went == ["dan"]


async def test_those_who_wait_because_of_others_go_on_in_their_order() -> None:
    pressure = Shares()
    pressure.stick(True)
    went: list[int] = []
    for number in range(50):
        pressure.wait(f"p{number}", number, lambda number=number: went.append(number))  # type: ignore[misc]
    pressure.leave("p7", 7)
    await turns()
    assert went == []
    pressure.stick(False)
    await turns()
    assert went == [number for number in range(50) if number != 7]


async def test_a_request_waits_until_the_kernel_reads_again() -> None:
    pressure = Shares()
    pressure.stick(True)
    asked = asyncio.ensure_future(pressure.admits("ann", 60.0))
    await turns()
    assert not asked.done()
    pressure.stick(False)
    assert await asked
    pressure.stick(True)
    assert not await pressure.admits("ann", 0.0)
    assert not pressure._line
    assert not pressure.waiting


async def test_one_who_cannot_go_on_yet_costs_no_turns() -> None:
    """A socket with too many calls of its own waits for an answer, and not turn by turn."""
    pressure = Shares()
    tries: list[int] = []

    def go_on() -> None:
        tries.append(1)
        pressure.wait("ann", "socket", go_on)

    pressure.add("ann", 10)
    pressure.wait("ann", "socket", go_on)
    pressure.remove("ann", 5)
    await turns()
    assert tries == [1]


STEP = st.tuples(st.sampled_from("abcd"), st.sampled_from(["call", "answer", "stick", "read"]))


class Caller:
    """A player's socket: what it cannot send waits."""

    def __init__(self, pressure: Shares, name: str) -> None:
        self.pressure, self.name = pressure, name
        self.unsent, self.sent = 0, 0

    def call(self) -> None:
        self.unsent += 1
        if self.unsent == 1:
            self.go_on()

    def go_on(self) -> None:
        while self.unsent and self.pressure.may_call(self.name):
            self.unsent -= 1
            self.sent += 1
            self.pressure.add(self.name, 15)
        if self.unsent:
            self.pressure.wait(self.name, self, self.go_on)

    def answer(self) -> None:
        if self.sent:
            self.sent -= 1
            self.pressure.remove(self.name, 15)


@examples(60)
@given(st.lists(STEP, max_size=80))
async def test_whatever_comes_the_count_is_right_and_in_the_end_all_is_sent(
    steps: list[tuple[str, str]],
) -> None:
    pressure = Shares()
    callers: dict[str, Any] = {name: Caller(pressure, name) for name in "abcd"}
    for name, what in steps:
        if what in ("stick", "read"):
            pressure.stick(what == "stick")
        else:
            getattr(callers[name], what)()
        await turns(3)
        assert pressure.size == 15 * sum(one.sent for one in callers.values())
        assert pressure.size < MOST + 4 * 15
        for one in callers.values():
            assert pressure.of(one.name).size == 15 * one.sent < MOST_OF_ONE + 15
    pressure.stick(False)
    await turns(5)
    while any(one.sent or one.unsent for one in callers.values()):
        assert any(one.sent for one in callers.values()), "somebody waits for nothing"
        for one in callers.values():
            one.answer()
        await turns(5)
    assert pressure.size == 0
    assert not pressure._line
    assert not pressure.waiting


async def test_what_several_servers_let_through_is_as_much_as_one_lets() -> None:
    parts = [Pressure(8 * MOST, 8 * MOST_OF_ONE) for _ in range(4)]
    for pressure in parts:
        pressure.divide(4)
        ann, strangers = pressure.share(), pressure.strangers
        while pressure.may_call(ann):
            pressure.add(ann, 5)
        while pressure.may_ask(strangers):
            pressure.add(strangers, 5)
        assert ann.size == 2 * MOST_OF_ONE
        assert strangers.size == MOST
    assert sum(pressure.size for pressure in parts) <= 8 * MOST
    parts[0].divide(1)
    assert parts[0].may_call(ann)


async def test_those_who_waited_go_on_when_a_server_has_gone() -> None:
    pressure = Pressure(8 * MOST, 8 * MOST_OF_ONE)
    pressure.divide(4)
    ann, went = pressure.share(), list[str]()
    pressure.add(ann, 2 * MOST_OF_ONE)
    assert not pressure.may_call(ann)
    pressure.wait(ann, "socket", lambda: went.append("ann"))
    pressure.divide(1)
    pressure.remove(ann, 1)
    await turns()
    assert went == ["ann"]
