"""Cells and live methods change the same data, and never see half of a change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from live_jupyter import LiveJupyter
from live_kernel import Kernel
from robot import Robot

from tests.driving.robots import Robots

PLAYERS = 6
TOTAL = 1000
BURST = 900
BANK = f"""
from uproot_nb import *

def new_session(session):
    session.left, session.right, session.broken = {TOTAL}, 0, 0
    session.parts = {{"left": {TOTAL}, "right": 0}}

def check(session):
    parts = session.parts
    if session.left + session.right != {TOTAL} or parts["left"] + parts["right"] != {TOTAL}:
        session.broken += 1

class Bank(Page):
    @live
    def move(page, player, amount: int):
        session = player.session
        check(session)
        session.left -= amount
        session.parts["left"] -= amount
        for _ in range(200):
            pass                          # time enough for another thread to look
        session.right += amount
        session.parts["right"] += amount
        check(session)
        return session.left + session.right

    @live
    async def move_and_wait(page, player, amount: int):
        import asyncio
        session = player.session
        for part in (amount, -amount):
            check(session)
            session.left -= part
            session.right += part
            await asyncio.sleep(0)        # whole again before every pause
        return session.left + session.right

run = serve([Bank], players={PLAYERS}, db=":memory:")
"""
WATCH_AND_CHANGE = """
import time
seen, rounds, ends = set(), 0, time.monotonic() + 3.0
while time.monotonic() < ends:
    with run.lock:
        seen.add(run.session.left + run.session.right)
        seen.add(sum(run.session.parts.values()))
    with run.lock:
        run.session.left += 5
        run.session.parts["left"] += 5
        run.session.right -= 5
        run.session.parts["right"] -= 5
    rounds += 1
"""


@pytest.fixture
def bank(jupyter: LiveJupyter) -> Kernel:
    """A session with an invariant: left and right together are always the same."""
    kernel = jupyter.start_kernel()
    kernel.run(BANK)
    return kernel


async def _keep_moving(robot: Robot, method: str, over: asyncio.Event) -> list[Any]:
    replies: list[Any] = []
    # As many as a player may send in one go: a fast machine would be refused for being too fast.
    while not over.is_set() and len(replies) < BURST:
        replies.append(await robot.invoke(method, 1 + len(replies) % 7))
    await over.wait()
    return replies


@pytest.mark.parametrize("method", [pytest.param("move", marks=pytest.mark.slow), "move_and_wait"])
def test_neither_side_ever_sees_half_a_change(bank: Kernel, method: str) -> None:
    with Robots(bank.value("list(run.links['url'])")) as robots:
        over = asyncio.Event()
        moving = [
            robots.begin(_keep_moving(robots[number], method, over)) for number in range(PLAYERS)
        ]
        bank.run(WATCH_AND_CHANGE)

        async def end() -> None:
            over.set()

        robots.do(end())
        replies = [reply for future in moving for reply in future.result(30.0)]
    assert bank.value("sorted(seen)") == [TOTAL]
    assert set(replies) == {TOTAL}
    assert bank.value("run.session.broken") == 0
    assert len(replies) > 100
    assert bank.value("rounds") > 100


def test_what_a_cell_and_calls_add_up_is_all_there(bank: Kernel) -> None:
    """`+=` reads and writes: without a lock around both, additions would be lost."""
    bank.run(
        """
class Bank(Page):
    @live
    def add(page, player):
        player.session.right += 1

with run.lock:
    run.session.right = 0
"""
    )
    with Robots(bank.value("list(run.links['url'])")) as robots:

        async def add(robot: Robot) -> None:
            for _ in range(200):
                await robot.invoke("add")

        adding = [robots.begin(add(robots[number])) for number in range(PLAYERS)]
        bank.run("for _ in range(500):\n    with run.lock:\n        run.session.right += 1")
        for future in adding:
            future.result(60.0)
    assert bank.value("run.session.right") == 500 + 200 * PLAYERS


def test_a_cell_sees_its_own_change_at_once_and_everybody_else_the_last(bank: Kernel) -> None:
    bank.run("run.session.left = 1\nassert run.session.left == 1")
    with Robots(bank.value("list(run.links['url'])")[:1]) as robots:
        assert robots.do(robots[0].invoke("move", 0)) == 1
