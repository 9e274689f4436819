"""How the labels of one network are judged once many were wrong."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.server.rates.buckets import TokenBucket
from uproot_nb.server.rates.guesses import Guesses

pytestmark = pytest.mark.asyncio

NEVER = 3600.0


def guesses(free: int, pause: float = 0.0) -> Guesses:
    return Guesses(TokenBucket(1e-9, free, asyncio.get_running_loop().time()), pause)


async def in_line(line: Guesses, count: int) -> list[asyncio.Task[bool]]:
    """Let so many wait."""
    tasks = [asyncio.create_task(line.wait()) for _ in range(count)]
    before = line.waiting
    while line.waiting < before + count:
        await asyncio.sleep(0)
    return tasks


async def test_turns_go_to_the_newest_and_to_the_oldest_alternately() -> None:
    """A person who comes after many of a program is next, and nobody waits for ever."""
    line, order = guesses(1), list[int]()
    assert await line.wait()

    async def take_turn(number: int) -> None:
        assert not await line.wait()
        order.append(number)

    await asyncio.gather(*map(take_turn, range(6)))
    assert order == [5, 0, 4, 1, 3, 2]


@given(st.lists(st.booleans(), max_size=30))
async def test_a_right_label_buys_no_wrong_ones(rights: list[bool]) -> None:
    """Somebody with a label of their own does not guess faster by it."""
    line, free = guesses(3, NEVER), 3
    for is_right in rights:
        if not free:
            break
        took = await line.wait()
        if is_right:
            line.give_back(took)
        free -= not is_right
    waiting = await in_line(line, free + 1) if not free else []
    assert line.waiting == len(waiting)
    line.give_back(False)  # somebody who was let through by a turn had a right one
    assert line.waiting == len(waiting)
    for task in waiting:
        task.cancel()


async def test_a_right_label_lets_the_next_through_at_once() -> None:
    line = guesses(1, NEVER)
    took = await line.wait()
    (waiting,) = await in_line(line, 1)
    line.give_back(took)
    assert await waiting


@pytest.mark.parametrize("gone", [0, 1, 2])
async def test_the_turn_of_who_is_gone_goes_to_others(gone: int) -> None:
    line = guesses(1, NEVER)
    took = await line.wait()
    waiting = await in_line(line, 3)
    waiting[gone].cancel()
    line.give_back(took)
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    done = [task for n, task in enumerate(waiting) if n != gone and task.done()]
    assert len(done) == line.waiting == 1
    for task in waiting:
        task.cancel()


async def test_a_turn_that_comes_as_its_taker_goes_is_given_back() -> None:
    line = guesses(1, NEVER)
    took = await line.wait()
    first, second = await in_line(line, 2)
    line.give_back(took)
    given_to = second if line.waiting and not first.cancelled() else first
    given_to.cancel()
    first.cancel()
    await asyncio.wait([first, second])
    assert line.waiting == 0
    assert await line.wait()  # what was free is free again
