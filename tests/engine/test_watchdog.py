"""The watchdog: names the code that holds everybody up, while it does so."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.running import Browser, Rejected, plain, serving, until
from uproot_nb import Page, Run, live
from uproot_nb.engine.watchdog import Watchdog
from uproot_nb.monitor.monitor import Monitor
from uproot_nb.session.world import load_state

pytestmark = pytest.mark.watchdog
RELEASE = threading.Event()


class Slow(Page):
    """Holds the lock or the loop until the test lets go."""

    def templatevars(page, player):
        if player.session.get("slow_page"):
            assert RELEASE.wait(20)
        return {}

    @live
    def sync(page, player):
        assert RELEASE.wait(20)

    @live
    async def coroutine(page, player):
        await asyncio.sleep(0)
        assert RELEASE.wait(20)

    @live(exclusive="session")
    def alone(page, player):
        assert RELEASE.wait(20)

    @live(thread=True)
    def threaded(page, player):
        assert RELEASE.wait(20)

    @live
    async def patient(page, player):
        while not RELEASE.is_set():
            await asyncio.sleep(0.01)

    @live
    def echo(page, player, x):
        return x


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    RELEASE.clear()
    yield
    RELEASE.set()


def warnings(run: Run) -> list[str]:
    """Return what the log has of the watchdog."""
    errors = run.errors
    return [value["message"] for value in errors[errors["field"] == "Warning"]["value"]]


def beats_of(run: Run, count: int) -> Callable[[], bool]:
    """Say when the watchdog has heard from the loop *count* times more (ten times a second)."""
    beats: set[float] = set()

    def enough() -> bool:
        beats.add(run._runtime.watchdog._beat)
        return len(beats) > count

    return enough


@pytest.mark.long
@pytest.mark.parametrize("method", ["sync", "coroutine", "alone"])
async def test_a_slow_live_method_is_named_while_it_still_holds_everybody_up(
    method: str,
) -> None:
    """The researcher reads it before the method ends (it may never end), and once."""
    with redirect_stderr(io.StringIO()) as stderr, serving(Slow) as run:
        ann = await Browser.open(run)
        asked = await ann.ask(method)
        await until(lambda: f"Slow.{method}" in stderr.getvalue())
        RELEASE.set()
        await ann.answer(asked)
        named = f"Slow.{method}"
        await until(lambda: any(named in warning for warning in warnings(run)))
        assert await ann.call("echo", 1) == 1
        assert sum(named in warning for warning in warnings(run)) == 1
        assert stderr.getvalue().count(named) == 1


@pytest.mark.long
async def test_a_slow_hook_is_named() -> None:
    """Hooks hold the lock as live methods do."""
    with redirect_stderr(io.StringIO()) as stderr, serving(Slow) as run:
        ann = await Browser.open(run)
        run.session.slow_page = True
        loading = asyncio.create_task(ann.fetch())
        await until(lambda: "Slow.templatevars" in stderr.getvalue())
        RELEASE.set()
        assert (await loading).code == 200


@pytest.mark.long
async def test_a_cell_that_holds_the_lock_is_named() -> None:
    """The warning comes while the cell holds it, and once."""
    with redirect_stderr(io.StringIO()) as stderr, serving(Slow) as run:
        ann = await Browser.open(run)

        def cell() -> None:
            with run.lock:
                assert RELEASE.wait(20)

        thread = threading.Thread(target=cell)
        thread.start()
        await until(lambda: "held up" in stderr.getvalue())
        RELEASE.set()
        thread.join()
        assert await ann.call("echo", 1) == 1
        held = "script has held up"
        await until(lambda: any(held in warning for warning in warnings(run)))
        assert sum(held in warning for warning in warnings(run)) == 1


@pytest.mark.long
@pytest.mark.parametrize("method", ["threaded", "patient"])
async def test_what_holds_nobody_up_is_not_warned_of(method: str) -> None:
    """A method in a thread, or one that awaits, may take as long as it likes."""
    with serving(Slow) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        asked = await ann.ask(method)
        await until(beats_of(run, 8))
        assert await bob.call("echo", 1) == 1
        RELEASE.set()
        await ann.answer(asked)
        assert not [warning for warning in warnings(run) if method in warning]


@pytest.mark.long
async def test_many_short_steps_are_not_taken_for_a_long_one() -> None:
    """Who lets go in between holds nobody up."""
    with serving(Slow) as run:
        ann = await Browser.open(run)
        stop, longest = threading.Event(), 0.0

        def cell() -> None:
            nonlocal longest
            while not stop.is_set():
                with run.lock:
                    begun = time.monotonic()
                    run.session.x = 1
                longest = max(longest, time.monotonic() - begun)

        thread = threading.Thread(target=cell)
        thread.start()
        enough = beats_of(run, 8)
        for number in range(200):
            assert await ann.call("echo", number) == number
        await until(enough)
        stop.set()
        thread.join()
        # A machine so busy that one step takes long is warned of rightly.
        assert longest > 0.3 or not [warning for warning in warnings(run) if "held up" in warning]


# ---- nested steps, and code without an end ----


class Endless(Page):
    """Does not come to its end by itself."""

    def templatevars(page, player):
        while player.session.get("endless_page"):
            pass
        return {}

    @live
    def nested(page, player):
        player.session.runtime_of_test.append(1)
        RUNTIMES[player.session.name].interventions.message([player.name], "a step within the step")
        assert RELEASE.wait(20)

    @live
    def sync(page, player):
        player.begun = player.get("begun", 0) + 1
        while True:
            pass

    @live
    async def coroutine(page, player):
        await asyncio.sleep(0)
        player.begun = player.get("begun", 0) + 1
        while True:
            pass

    @live(exclusive="session")
    def alone(page, player):
        player.begun = player.get("begun", 0) + 1
        while True:
            pass

    @live
    def stubborn(page, player):
        player.begun = player.get("begun", 0) + 1
        while True:
            try:  # noqa: SIM105  (as authors write it)
                json.loads("[1, 2]")
            except Exception:
                pass

    @live
    def busy(page, player):
        while True:
            player.count = player.get("count", 0) + 1
            player.session.runtime_of_test.append(player.count)
            del player.session.runtime_of_test[0]

    @live
    def echo(page, player, x):
        return x


RUNTIMES: dict[str, Any] = {}


def new_session(session):
    session.runtime_of_test = []


NAMES = {"new_session": new_session}


@pytest.mark.long
async def test_a_step_within_a_slow_step_does_not_hide_it() -> None:
    """The method is named, though a step within it has come to its end."""
    with redirect_stderr(io.StringIO()) as stderr, serving(Endless, names=NAMES) as run:
        RUNTIMES[run.session.name] = run._runtime
        ann = await Browser.open(run)
        asked = await ann.ask("nested")
        await until(lambda: "Endless.nested has held up" in stderr.getvalue())
        RELEASE.set()
        await ann.answer(asked)


async def interrupted(run: Run) -> str:
    """Interrupt what holds everybody up once the watchdog has named it."""
    await until(lambda: run._runtime.watchdog._warned_for == run._runtime.lock.since > 0)
    return await asyncio.to_thread(run.interrupt)


@pytest.mark.long
@pytest.mark.parametrize("method", ["sync", "coroutine", "alone", "stubborn"])
async def test_a_loop_without_an_end_is_ended_by_an_interrupt(method: str) -> None:
    """The caller reads it, everybody goes on, and the researcher reads in which line it was."""
    with redirect_stderr(io.StringIO()) as stderr, serving(Endless, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        asked = [await ann.ask(method, call_id="a-1"), await bob.ask("echo", 1)]
        assert await interrupted(run) == f"Endless.{method}"
        with pytest.raises(Rejected, match="Interrupted: This was interrupted"):
            await ann.answer(asked[0])
        assert await bob.answer(asked[1]) == 1
        assert await ann.call("echo", 2) == 2
        assert run.players[0].begun == 1
        with pytest.raises(Rejected, match="Interrupted"):
            await ann.call(method, call_id="a-1")
        assert run.players[0].begun == 1
        traceback = run.errors.set_index("type")["traceback"]["StepInterrupted"]
        assert f"in {method}" in traceback
        assert "test_watchdog.py" in stderr.getvalue()
        await until(lambda: any("run.interrupt() ends it" in text for text in warnings(run)))


@pytest.mark.long
async def test_a_page_without_an_end_is_ended_by_an_interrupt() -> None:
    """Hooks likewise; the participant gets the calm page."""
    with redirect_stderr(io.StringIO()), serving(Endless, names=NAMES) as run:
        ann = await Browser.open(run)
        run.session.endless_page = True
        loading = asyncio.create_task(ann.fetch())
        assert await interrupted(run) == "Endless.templatevars"
        assert (await loading).code == 500
        assert await ann.call("echo", 2) == 2


@pytest.mark.long
async def test_an_interrupt_never_cuts_our_own_code_in_half() -> None:
    """Whenever it comes, what was written is whole: numbers without a gap, all of it replayable."""
    with redirect_stderr(io.StringIO()), serving(Endless, names=NAMES) as run:
        ann = await Browser.open(run)
        for number in range(10):
            asked = await ann.ask("busy")
            await until(run._runtime.lock.is_in_step)
            assert await asyncio.to_thread(run.interrupt) == "Endless.busy"
            with pytest.raises(Rejected, match="Interrupted"):
                await ann.answer(asked)
            assert await ann.call("echo", number) == number
        world = run._runtime.world
        seqs = run.events["seq"].tolist()
        assert seqs == list(range(1, len(seqs) + 1))
        replayed = load_state(world.log, world.name, world.codec)
        assert plain(replayed) == plain(world.state)


async def test_nothing_is_interrupted_where_nothing_is_held_up() -> None:
    """Neither an idle run nor a method that waits."""
    with serving(Slow) as run:
        ann = await Browser.open(run)
        assert run.interrupt() == ""
        asked = await ann.ask("patient")
        assert await asyncio.to_thread(run.interrupt) == ""
        RELEASE.set()
        await ann.answer(asked)


@pytest.mark.long
async def test_a_monitor_is_warned_while_the_loop_is_blocked() -> None:
    """Not only afterwards: it may be for ever."""
    told: list[dict[str, Any]] = []
    with redirect_stderr(io.StringIO()), serving(Slow) as run:
        monitor = Monitor(run._runtime, run, told.append)
        ann = await Browser.open(run)
        asked = await ann.ask("sync")
        await until(lambda: any(message["op"] == "held" for message in told))
        assert "Slow.sync" in told[0]["text"]
        RELEASE.set()
        await ann.answer(asked)
        del monitor


# ---- the kernel dies meanwhile ----

KILLED = '''
import asyncio, pathlib, time
from uproot_nb import *

BEGUN = pathlib.Path("begun.txt")

def begin(method):
    first = not BEGUN.exists()
    with BEGUN.open("a") as file:
        file.write(method + chr(10))
    return first

class Market(Page):
    """Does not come to its end the first time."""

    @live
    def loop(page, player):
        while begin("loop"):
            time.sleep(3600)
        return "done"

    @live
    async def waiting(page, player):
        if begin("waiting"):
            await asyncio.sleep(3600)
        return "done"

    @live(thread=True)
    def threaded(page, player):
        if begin("threaded"):
            time.sleep(3600)
        return "done"

    @live(repeatable=True)
    def again(page, player):
        player.begun = True
        if begin("again"):
            time.sleep(3600)
        return "done"

    @live(repeatable=True)
    async def again_later(page, player):
        player.begun = True
        if begin("again_later"):
            await asyncio.sleep(3600)
        return "done"

    @live
    def echo(page, player, x):
        return x

run = serve([Market], players=2, name="market", db="log.sqlite3", embedded=True, port=0)
print(run.link(run.players[0]), run.link(run.players[1]), flush=True)
time.sleep(3600)
'''


@contextmanager
def kernel(folder: Path) -> Iterator[tuple[Any, list[str]]]:
    """Serve KILLED in a process of its own; give the process and the players' links."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline().split()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("method", "outcome"),
    [
        ("threaded", "Interrupted"), ("again", "done"), ("loop", "Interrupted"),
        pytest.param("waiting", "Interrupted", marks=pytest.mark.slow),
        pytest.param("again_later", "done", marks=pytest.mark.slow),
    ],
)  # fmt: skip
@pytest.mark.sample(1)
async def test_a_call_that_ran_when_the_kernel_died_is_not_run_again(
    method: str, outcome: str, tmp_path: Path
) -> None:
    """Its caller gets an error; calls that had not begun run now, a repeatable one again."""
    with kernel(tmp_path) as (process, links):
        ann = Browser(links[0])
        await ann.load()
        await ann.connect()
        await ann.ask(method, call_id="a-1")
        await ann.ask("echo", 7, call_id="a-2")
        begun = tmp_path / "begun.txt"
        await until(lambda: begun.exists() and method in begun.read_text())
        await until(lambda: noted(tmp_path, method))
        process.kill()
    with kernel(tmp_path) as (_, links):
        again = Browser(links[0])
        await again.load()
        await again.connect()
        try:
            answer = await again.call(method, call_id="a-1")
        except Rejected as rejection:
            answer = rejection.kind
        assert answer == outcome
        assert await again.call("echo", 7, call_id="a-2") == 7
        runs = (tmp_path / "begun.txt").read_text().split()
        assert runs == [method] * (1 if outcome == "Interrupted" else 2)


def noted(folder: Path, method: str) -> bool:
    """Tell whether the disk knows of the call; of a repeatable one it need not."""
    if method.startswith("again"):
        return True
    if any(b"started" in lock.read_bytes() for lock in folder.glob("*.lock")):
        return True
    with closing(sqlite3.connect(folder / "log.sqlite3")) as log:
        rows = log.execute("SELECT value FROM events WHERE kind = 'call'").fetchall()
    return any("started" in value for (value,) in rows)


def test_only_a_loop_that_was_asked_and_is_silent_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the watchdog's own thread was kept, by a slow disk or a printed warning."""
    now, asked = [100.0], []
    monkeypatch.setattr("uproot_nb.engine.watchdog.time.monotonic", lambda: now[0])
    lock: Any = SimpleNamespace(since=0.0)
    loop: Any = SimpleNamespace(call_soon_threadsafe=asked.append)
    watchdog = Watchdog(lock, loop, lambda text, cause: None)
    now[0] += 60
    assert not watchdog.is_stuck()
    watchdog._ask_for_beat()
    watchdog._ask_for_beat()
    assert len(asked) == 1
    now[0] += 0.5
    assert not watchdog.is_stuck()
    now[0] += 0.2
    assert watchdog.is_stuck()
    asked.pop()()
    assert not watchdog.is_stuck()
