"""The watchdog: names the code that holds everybody up, while it does so."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr

import pytest

from tests.engine.running import Browser, serving, until
from uproot_nb import Page, Run, live

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
        await until(lambda: warnings(run))
        assert await ann.call("echo", 1) == 1
        assert len(warnings(run)) == 1
        assert f"Slow.{method}" in warnings(run)[0]
        shown = stderr.getvalue()
        assert shown.count("held up") + shown.count("busy") == 1


async def test_a_slow_hook_is_named() -> None:
    """Hooks hold the lock as live methods do."""
    with redirect_stderr(io.StringIO()) as stderr, serving(Slow) as run:
        ann = await Browser.open(run)
        run.session.slow_page = True
        loading = asyncio.create_task(ann.fetch())
        await until(lambda: "Slow.templatevars" in stderr.getvalue())
        RELEASE.set()
        assert (await loading).code == 200


async def test_a_cell_that_keeps_the_lock_is_named() -> None:
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
        await until(lambda: warnings(run))
        assert "script has held up" in warnings(run)[0]
        assert len(warnings(run)) == 1


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
