"""The step lock: authors' code is atomic between awaits, beside cells, and fair to both."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving, together, until, until_true
from uproot_nb import Page, Refused, live, spawn
from uproot_nb.session.steps import Cause, StepLock, StepLoop, Steps, drive

SEEN: list[Any] = []
"""What authors' code of a test has noted."""


class Bank(Page):
    """Moves money between two accounts; their sum is always 100."""

    @live
    def move(page, player, amount: int):
        check(player.session)
        player.session.left -= amount
        player.session.right += amount
        check(player.session)

    @live
    async def move_later(page, player, amount: int):
        for _ in range(3):
            check(player.session)
            player.session.left -= amount
            player.session.right += amount
            check(player.session)
            await asyncio.sleep(0)

    @live
    async def move_in_tasks(page, player, amount: int):
        async def one() -> None:
            check(player.session)
            player.session.left -= amount
            player.session.right += amount
            await asyncio.sleep(0)
            check(player.session)

        await asyncio.gather(one(), one())
        async with asyncio.TaskGroup() as group:
            group.create_task(one())

    @live(thread=True)
    def move_in_thread(page, player, amount: int):
        with player.session as session:
            session.left -= amount
            session.right += amount

    @live
    def echo(page, player, x):
        return x


def check(session):
    """Note every sum that is not whole."""
    if session.left + session.right != 100:
        SEEN.append((session.left, session.right))


def new_session(session):
    session.left, session.right = 50, 50


NAMES = {"new_session": new_session}


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.clear()


@pytest.mark.long
async def test_an_invariant_over_two_fields_holds_for_cells_and_live_methods_under_load() -> None:
    """Neither side ever sees half a change of the other, nor loses one."""
    with serving(Bank, names=NAMES, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        stop = threading.Event()
        looked = [0, 0]

        def cell(number: int) -> None:
            session = run.session
            while not stop.is_set():
                with run.lock:
                    check(session)
                    session.left += 1
                    session.right -= 1
                    check(session)
                looked[number] += 1

        cells = [threading.Thread(target=cell, args=(number,)) for number in range(2)]
        for thread in cells:
            thread.start()
        methods = ["move", "move_later", "move_in_tasks", "move_in_thread"]
        for round_ in range(15):
            asked = [b.call(methods[(n + round_) % 4], 1) for n, b in enumerate(browsers)]
            assert await together(*asked) == [None] * 4
        await until(lambda: min(looked) > 10)
        stop.set()
        for thread in cells:
            thread.join(10)
        assert SEEN == []
        moved = 15 * (1 + 3 + 3 + 1)
        assert run.session.right == 50 + moved - sum(looked)


@pytest.mark.long
async def test_a_cell_in_a_tight_loop_does_not_starve_calls() -> None:
    """The experiment's thread goes first."""
    with serving(Bank, names=NAMES) as run:
        ann = await Browser.open(run)
        stop = threading.Event()

        def cell() -> None:
            while not stop.is_set():
                with run.lock:
                    run.session.left  # noqa: B018

        thread = threading.Thread(target=cell)
        thread.start()
        started = time.monotonic()
        for number in range(100):
            assert await ann.call("echo", number) == number
        took = time.monotonic() - started
        stop.set()
        thread.join(10)
        assert took < 10  # a starved thread waits for ever, not for milliseconds


@pytest.mark.long
async def test_calls_in_a_tight_loop_do_not_starve_a_cell() -> None:
    """However many calls come, a cell gets the lock."""
    with serving(Bank, names=NAMES, players=4) as run:
        browsers = [await Browser.open(run, n) for n in range(4)]
        got = threading.Event()

        def cell() -> None:
            for _ in range(20):
                with run.lock:
                    run.session.left += 0
            got.set()

        async def load(browser: Browser) -> int:
            calls = 0
            while not got.is_set() and calls < 900:
                await browser.call("echo", 1)
                calls += 1
            return calls

        threading.Thread(target=cell, daemon=True).start()
        calls = await together(*[load(browser) for browser in browsers])
        assert got.is_set()
        assert all(isinstance(number, int) and number < 900 for number in calls)


async def test_the_lock_may_be_taken_again_and_again() -> None:
    """Functions that lock call each other, in cells and with entities in between."""
    with serving(Bank, names=NAMES) as run:
        ann = await Browser.open(run)
        with run.lock, run.lock, run.session as session, run.lock:
            session.left += 1
            session.right -= 1
        assert await ann.call("echo", 1) == 1


async def test_what_a_cell_does_under_the_lock_is_seen_as_a_whole_or_not_at_all() -> None:
    """A call that comes in the middle waits for the cell."""
    with serving(Bank, names=NAMES) as run:
        ann = await Browser.open(run)
        with run.lock:
            run.session.left = 0
            asked = await ann.ask("move", 5)
            run.session.right = 100
        await ann.answer(asked)
        assert SEEN == []
        assert (run.session.left, run.session.right) == (-5, 105)


# ---- what hangs elsewhere ----


def in_time(act: Any) -> Any:
    """Run *act* in a thread of its own; fail if it hangs."""
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(act())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert outcome, "it hangs"
    return outcome[0]


async def note(what: str) -> str:
    """Note something, in the background."""
    SEEN.append(what)
    return what


async def test_spawning_under_the_lock_does_not_hang() -> None:
    """Even while a call waits for that lock."""
    with serving(Bank, names=NAMES) as run:
        ann = await Browser.open(run)

        def cell() -> Any:
            with run.lock:
                asked = asyncio.run_coroutine_threadsafe(ann.ask("echo", 1), loop).result(10)
                return asked, run.spawn(note("spawned"))

        loop = asyncio.get_running_loop()
        asked, _ = await asyncio.to_thread(in_time, cell)
        assert await ann.answer(asked) == 1
        await until(lambda: SEEN == ["spawned"])


def test_closing_under_the_lock_does_not_hang() -> None:
    """It closes or raises an error; and it can be closed afterwards."""

    def cell(run: Any) -> Any:
        with run.lock:
            return run.close()

    with serving(Bank, names=NAMES) as run:
        in_time(lambda: cell(run))
        in_time(run.close)
        assert run.closed


class Closer(Page):
    """Closes its own run."""

    @live
    def close(page, player):
        SEEN.append(RUNS[0].close)
        RUNS[0].close()

    @live
    def echo(page, player, x):
        return x


RUNS: list[Any] = []


async def test_a_live_method_that_closes_its_run_does_not_hang() -> None:
    """The call is refused or the run closes, but nothing stands still."""
    with serving(Closer) as run:
        RUNS[:] = [run]
        ann = await Browser.open(run)
        asked = await ann.ask("close")
        with contextlib.suppress(Rejected):
            await ann.answer(asked)
        await asyncio.to_thread(in_time, run.close)
        assert run.closed


@pytest.mark.long
def test_spawn_gives_back_what_the_coroutine_returns() -> None:
    """A cell may wait for it, or cancel it."""
    with serving(Bank, names=NAMES) as run:
        assert run.spawn(note("done")).result(10) == "done"
        sleeping = run.spawn(asyncio.sleep(3600))
        sleeping.cancel()
        until_true(sleeping.cancelled)


# ---- tasks of authors' code ----


class Tasks(Page):
    """Starts tasks of its own."""

    @live
    async def gathered(page, player):
        async def put(name: str) -> None:
            await asyncio.sleep(0)
            setattr(player, name, name)

        await asyncio.gather(put("a"), put("b"), *[put("c")])
        return [player.a, player.b, player.c]

    @live
    async def timed_out(page, player):
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(3600)
        except TimeoutError:
            player.timed_out = True
            return "timed out"

    @live
    async def waited_for(page, player):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(3600), 0.001)
        player.waited = True
        return "went on"

    @live
    async def one_fails(page, player):
        async def bad() -> None:
            raise Refused("child")

        async def good() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                player.cleaned_up = True

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(good())
                group.create_task(bad())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    @live
    async def shielded(page, player):
        task = asyncio.ensure_future(asyncio.sleep(0, "kept"))
        return await asyncio.shield(task)

    @live
    async def generator(page, player):
        async def numbers() -> Any:
            try:
                for number in range(3):
                    player.last = number
                    yield number
                    await asyncio.sleep(0)
            finally:
                player.generator_closed = True

        async for number in numbers():
            if number == 1:
                break
        found = [n async for n in numbers()]
        return found

    @live
    async def queue(page, player):
        queue: asyncio.Queue[int] = asyncio.Queue(1)

        async def produce() -> None:
            for number in range(5):
                await queue.put(number)

        task = asyncio.create_task(produce())
        got = [await queue.get() for _ in range(5)]
        await task
        return got

    @live
    async def threads(page, player):
        def work() -> int:
            player.from_thread = 1
            return 7

        return await asyncio.to_thread(work)

    @live
    async def spawned(page, player):
        async def later() -> None:
            await asyncio.sleep(0)
            player.background = True
            raise KeyError("in the background")

        spawn(later())
        return "started"

    @live
    async def named(page, player):
        task = asyncio.create_task(asyncio.sleep(0), name="my task")
        await task
        return [task.get_name(), asyncio.current_task() is not None]

    @live
    async def locked(page, player):
        lock = asyncio.Lock()
        async with lock:
            await asyncio.sleep(0)
        condition = asyncio.Event()
        asyncio.get_running_loop().call_soon(condition.set)
        await condition.wait()
        return "through"


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("gathered", ["a", "b", "c"]), ("timed_out", "timed out"), ("waited_for", "went on"),
        ("shielded", "kept"), ("generator", [0, 1, 2]), ("queue", [0, 1, 2, 3, 4]), ("threads", 7),
        ("spawned", "started"), ("named", ["my task", True]), ("locked", "through"),
    ],
)  # fmt: skip
async def test_what_asyncio_offers_works_in_live_methods(method: str, result: Any) -> None:
    """Tasks, groups, timeouts, queues, generators, threads."""
    with serving(Tasks) as run:
        ann = await Browser.open(run)
        assert await ann.call(method) == result


async def test_a_failing_child_cancels_the_others_and_their_clean_up_is_logged() -> None:
    """The finally of a cancelled task still changes the player."""
    with serving(Tasks) as run:
        ann = await Browser.open(run)
        with pytest.raises(Rejected, match="Refused: child"):
            await ann.call("one_fails")
        assert run.players[0].cleaned_up is True


@pytest.mark.parametrize(
    ("method", "field"),
    [("gathered", "c"), ("timed_out", "timed_out"), ("threads", "from_thread"), ("queue", "")],
)
async def test_changes_of_tasks_and_threads_name_the_method_that_started_them(
    method: str, field: str
) -> None:
    """Actor, page, cause and code of each event are those of the call."""
    with serving(Tasks) as run:
        ann = await Browser.open(run)
        await ann.call(method)
        events = run.events
        changes = events[(events["field"] == field) & (events["kind"] == "set")]
        for _, change in changes.iterrows():
            assert change["cause"] == f"Tasks.{method}"
            assert change["actor"] == run.players[0].name
            assert change["page"] == "Tasks"
            assert change["code"] == Tasks.source.hash
        assert len(changes) == (1 if field else 0)


@pytest.mark.long
async def test_a_spawned_task_that_fails_is_shown_and_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its exception reaches run.errors and stderr, its changes name it."""
    with serving(Tasks) as run:
        ann = await Browser.open(run)
        await ann.call("spawned")
        # A slow machine may add a warning.
        await until(lambda: len(run.errors.query("field != 'Warning'")) == 1)
        error = run.errors.query("field != 'Warning'").iloc[0]
        assert error["field"] == "KeyError"
        assert "later" in error["cause"]
        assert "in the background" in capsys.readouterr().err
        change = run.events.query("field == 'background'").iloc[0]
        assert "later" in change["cause"]


async def test_a_spawned_task_ends_with_the_run_and_may_clean_up() -> None:
    """Its finally runs, and its changes are logged."""

    async def work(session: Any) -> None:
        try:
            session.working = True
            await asyncio.sleep(3600)
        finally:
            session.working = False

    with serving(Bank, names=NAMES) as run:
        run.spawn(work(run.session))
        await until(lambda: run.session.get("working"))
        run.close()
        assert run.session.working is False
        assert run.events.query("field == 'working'")["value"].tolist() == [True, False]


@pytest.mark.long
async def test_closing_amid_calls_leaves_no_task_behind(caplog: pytest.LogCaptureFixture) -> None:
    """Calls in flight are cancelled, and asyncio has nothing to complain about."""

    class Endless(Page):
        """Never answers."""

        @live
        async def wait(page, player):
            try:
                SEEN.append("begun")
                await asyncio.sleep(3600)
            finally:
                SEEN.append("cleaned up")

        @live(exclusive="session")
        async def wait_alone(page, player):
            SEEN.append("begun")
            await asyncio.sleep(3600)

    with serving(Endless, players=3) as run:
        browsers = [await Browser.open(run, n) for n in range(3)]
        await browsers[0].ask("wait")
        await browsers[1].ask("wait_alone")
        await browsers[2].ask("wait_alone")
        await until(lambda: SEEN.count("begun") == 2)
        await together(*[browser.pong() for browser in browsers])
        run.close()
    assert "cleaned up" in SEEN
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_spawn_outside_any_run_explains_what_to_write_instead() -> None:
    """A cell uses run.spawn."""
    with pytest.raises(Exception, match=r"run\.spawn"):
        spawn(asyncio.sleep(0))


# ---- the parts alone ----


def test_a_cell_is_known_to_hold_the_lock_until_its_outermost_block_ends() -> None:
    """The watchdog goes by the time since when it is held."""
    lock = StepLock()
    with lock:
        since = lock.since
        with lock:
            assert lock.since == since > 0
        assert lock.since == since
    assert lock.since == 0


def stepping() -> tuple[StepLock, StepLoop]:
    """Return a lock and its loop."""
    lock = StepLock()
    loop = StepLoop(lock)
    lock.thread_of_steps = threading.get_ident()
    return lock, loop


def test_the_lock_is_held_in_steps_and_free_at_suspensions() -> None:
    """Cause and lock belong to the step that runs."""
    lock, loop = stepping()
    cause = Cause("ann", "Market", "Market.post", "abc")
    seen: list[Any] = []

    async def authors_code() -> str:
        seen.append((lock.owned(), lock.cause))
        await asyncio.sleep(0)
        seen.append((lock.owned(), lock.cause))
        return "done"

    async def beside() -> None:
        for _ in range(3):
            seen.append((lock.owned(), lock.cause))
            await asyncio.sleep(0)

    async def both() -> Any:
        steps = asyncio.Task(drive(Steps(authors_code(), lock, cause)))
        await asyncio.gather(asyncio.Task(beside()), steps)
        return await steps

    assert loop.run_until_complete(both()) == "done"
    assert seen.count((True, cause)) == 2
    assert seen.count((False, None)) == 3
    loop.close()


def test_closing_the_steps_closes_the_coroutine() -> None:
    """A generator that is thrown away runs its finally, and lets the lock go."""
    lock, loop = stepping()
    seen: list[str] = []

    async def authors_code() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("closed")

    async def begin() -> Any:
        driven = drive(Steps(authors_code(), lock, Cause("", "", "", "")))
        driven.send(None)
        driven.close()

    loop.run_until_complete(begin())
    assert seen == ["closed"]
    assert not lock.owned()
    loop.close()


def test_cancelling_the_steps_reaches_the_coroutine_under_the_lock() -> None:
    """Cancellation is thrown into authors' code like any exception."""
    lock, loop = stepping()
    seen: list[bool] = []

    async def authors_code() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append(lock.owned())
        return "survived"

    async def cancel() -> Any:
        task = asyncio.Task(drive(Steps(authors_code(), lock, Cause("", "", "", ""))))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert loop.run_until_complete(cancel()) == "survived"
    assert seen == [True]
    loop.close()
