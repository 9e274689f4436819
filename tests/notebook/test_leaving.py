"""Restart, Shut down and exit() run no call by halves: it has run, or it runs after the restart."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from live_jupyter import LiveJupyter
from live_kernel import Kernel
from robot import CallRefused, Robot

from tests.driving.robots import Robots
from tests.running import Browser, serving, until
from uproot_nb import Page, live
from uproot_nb.engine import process_exit
from uproot_nb.errors import ClosedRun

PLAYERS = 30
METHODS = ("plainly", "later", "in_thread", "exclusively")
PAGES = """
import asyncio, time
from uproot_nb import *

def helper(x):
    return x + 1

class Count(Page):
    "Each method changes two fields; they are the same whenever no method is at it."

    @live
    def plainly(page, player):
        player.plainly_begun = helper(player.get("plainly_begun", 0))
        for _ in range(200):
            helper(1)
        player.plainly_done = helper(player.get("plainly_done", 0))
        notify(player, player, "done")

    @live
    async def later(page, player):
        player.later_begun = helper(player.get("later_begun", 0))
        await asyncio.sleep(0.01)
        helper(1)
        await asyncio.to_thread(helper, 1)
        player.later_done = helper(player.get("later_done", 0))

    @live(thread=True)
    def in_thread(page, player):
        player.in_thread_begun = helper(player.get("in_thread_begun", 0))
        time.sleep(0.01)
        player.in_thread_done = helper(player.get("in_thread_done", 0))

    @live(exclusive="session")
    async def exclusively(page, player):
        player.exclusively_begun = helper(player.get("exclusively_begun", 0))
        await asyncio.sleep(0.001)
        player.exclusively_done = helper(player.get("exclusively_done", 0))

"""
SERVE = "run = serve([Count], players=30, name='count', db='{}.sqlite3')"


class Caller:
    """Robots who call without a pause, and count what they were answered."""

    def __init__(self, robots: Robots) -> None:
        self.robots = robots
        self.answered: Counter[tuple[int, str]] = Counter()
        self.refused: list[str] = []
        self._stopping = False
        self._calling: list[Any] = []

    def begin(self) -> None:
        """Call from now on."""
        self._stopping = False
        self._calling = [
            self.robots.begin(self._call(self.robots[n], n, METHODS[n % len(METHODS)]))
            for n in range(len(self.robots))
        ]

    def wait_for_more(self, calls: int = 100) -> None:
        """Wait until so many more calls were answered."""
        self.robots.do(self._more(calls))

    def end(self) -> None:
        """Call no more, and have an answer to each call."""
        self._stopping = True
        for calling in self._calling:
            calling.result(60.0)

    async def _more(self, calls: int) -> None:
        wanted = self.answered.total() + calls
        async with asyncio.timeout(60.0):
            while self.answered.total() + len(self.refused) < wanted:
                await asyncio.sleep(0.01)

    async def _call(self, robot: Robot, number: int, method: str) -> None:
        while not self._stopping:
            try:
                await robot.invoke(method)
                self.answered[number, method] += 1
            except CallRefused as error:
                self.refused.append(f"{method}: {error}")


def restart(jupyter: LiveJupyter, kernel: Kernel) -> Kernel:
    """Press Restart."""
    kernel.restart()
    return kernel


def shut_down(jupyter: LiveJupyter, kernel: Kernel) -> Kernel:
    """Press Shut down, and open the notebook again."""
    kernel.shut_down()
    return jupyter.start_kernel()


def leave(jupyter: LiveJupyter, kernel: Kernel) -> Kernel:
    """Run exit() in a cell; Jupyter starts the kernel again by itself, or on Restart."""
    kernel.begin("exit()")
    kernel.wait_for_end()
    kernel.restart()
    return kernel


@pytest.mark.parametrize(
    "end", [restart, *(pytest.param(end, marks=pytest.mark.slow) for end in (shut_down, leave))]
)
@pytest.mark.slow
def test_a_kernel_that_ends_politely_leaves_no_call_half_done(
    jupyter: LiveJupyter, end: Callable[[LiveJupyter, Kernel], Kernel]
) -> None:
    """30 participants call without a pause; each call was answered, and done once and whole."""
    kernel, cell = jupyter.start_kernel(), PAGES + SERVE.format(end.__name__)
    kernel.run(cell)
    with Robots(kernel.value("list(run.links['url'])")) as robots:
        caller = Caller(robots)
        caller.begin()
        for _ in range(2):
            caller.wait_for_more()
            kernel = end(jupyter, kernel)
            kernel.run(cell)
        caller.wait_for_more()
        caller.end()
        assert caller.refused == []
        for number in range(PLAYERS):
            method = METHODS[number % len(METHODS)]
            fields = kernel.value(f"run.players[{number}].fields()")
            count = caller.answered[number, method]
            assert fields == {f"{method}_begun": count, f"{method}_done": count}
    kernel.run("run.close()")
    kernel.shut_down()


# ---- in one process ----

GATE = threading.Event()


class Stuck(Page):
    """Its method ends when the test lets it."""

    @live
    def wait(page, player):
        player.begun = True
        GATE.wait(30.0)
        player.done = True

    @live
    async def wait_long(page, player):
        player.begun_long = True
        await asyncio.sleep(3600)

    @live
    def echo(page, player, x):
        return x


@pytest.mark.long
async def test_what_does_not_end_in_time_is_as_if_the_process_was_killed() -> None:
    """Nothing of it is committed, and nobody is answered."""
    GATE.clear()
    with serving(Stuck) as run:
        ann = await Browser.open(run)
        await ann.settle()
        await ann.ask("wait")
        runtime, log = run._runtime, run._runtime.world.log
        await until(lambda: runtime.lock.holder == "Stuck.wait")
        runtime.begin_to_leave()
        runtime.leave(time.monotonic())
        GATE.set()
        await asyncio.to_thread(runtime._thread.join)
        assert [e for e in log.read("market") if e.field in ("begun", "done", "wait")] == []
        assert run.closed
        with pytest.raises(ClosedRun):
            run.session.too_late = True


@pytest.mark.long
async def test_a_call_that_is_cut_off_after_a_change_is_known_to_have_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is answered "interrupted" after the restart, and not run again."""
    monkeypatch.setattr("uproot_nb.engine.runtime.FINISHING_SECONDS", 0.05)
    with serving(Stuck) as run:
        ann = await Browser.open(run)
        await ann.ask("wait_long")
        await until(lambda: run.players[0].get("begun_long"))
        log = run._runtime.world.log
        run._runtime.begin_to_leave()
        run._runtime.leave(time.monotonic() + process_exit.EXIT_SECONDS)
        kinds = [(e.kind, e.field) for e in log.read("market") if "long" in e.field]
        assert kinds == [("set", "begun_long"), ("call", "wait_long")]


async def test_calls_that_come_while_the_process_ends_are_left_to_the_next_kernel() -> None:
    """They are neither refused nor begun."""
    with serving(Stuck) as run:
        runtime = run._runtime
        ann = await Browser.open(run)
        await ann.settle()
        seen = run._runtime.world.log.last_seq("market")
        leaving = threading.Event()
        runtime.loop.call_soon_threadsafe(leaving.wait, 10.0)
        runtime.begin_to_leave()
        asked = [await ann.ask("echo", n) for n in range(3)]
        leaving.set()
        runtime.leave(time.monotonic() + process_exit.EXIT_SECONDS)
        assert not runtime._thread.is_alive()
        assert all(e.kind != "call" for e in runtime.world.log.read("market", after=seen)), asked


def test_a_fork_does_not_wait_for_its_parents_threads() -> None:
    """A child process has none of them, and ends at once."""
    with serving(Stuck):
        child = os.fork()
        if child == 0:
            process_exit._EXITS._leave()
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
