"""Periodic work of a run goes on after errors, and reports them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.running import Browser, Faulty, serving, until, until_true
from uproot_nb import Page
from uproot_nb.engine import upkeep
from uproot_nb.engine.background import repeat
from uproot_nb.engine.connection import registration


class Somewhere(Page):
    """Somewhere to be."""


def failing(times: list[int], error: Exception) -> Callable[..., None]:
    """Return what fails the first two times, and notes each."""

    def act(*ignored: Any) -> None:
        times.append(len(times))
        if len(times) < 3:
            raise error

    return act


async def test_an_act_that_fails_is_reported_and_done_again_and_so_are_the_others() -> None:
    times, others, errors = list[int](), list[int](), list[BaseException]()
    acts = failing(times, KeyError("oh")), lambda: others.append(1)
    task = asyncio.create_task(repeat(0.0, errors.append, *acts))
    await until(lambda: len(times) > 4)
    task.cancel()
    assert [repr(error) for error in errors] == ["KeyError('oh')"] * 2
    assert len(others) >= 4


@pytest.mark.long
@pytest.mark.parametrize("what", ["tick", "check_place"])
def test_a_snapshot_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Nor does a look at the file; whatever they raise."""
    monkeypatch.setattr(upkeep, "LOOK_SECONDS", 0.005)
    times: list[int] = []
    monkeypatch.setattr("uproot_nb.session.journal.Journal." + what, failing(times, KeyError("oh")))
    with serving(Somewhere) as run:
        until_true(lambda: len(times) > 5)
        errors = run.errors
        assert set(errors["type"]) == {"KeyError"}
        assert errors["count"].sum() == 2


@pytest.mark.parametrize("left", [SystemExit(1), KeyboardInterrupt()])
def test_exit_in_a_callback_does_not_end_the_experiments_thread(left: BaseException) -> None:
    """The researcher sees it, and participants are answered as before."""

    def leave() -> None:
        raise left

    with serving(Somewhere) as run:
        runtime = run._runtime
        runtime.loop.call_soon_threadsafe(leave)
        runtime.wait_for(asyncio.sleep(0))
        assert runtime._thread.is_alive()
        assert run.errors["type"].tolist() == [type(left).__name__]


@pytest.mark.long
async def test_a_line_that_is_lost_is_made_again_whatever_fails_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error about one player's absence affects neither the others nor the connection."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)

    def oh(player: Any) -> None:
        raise KeyError("oh")

    with serving(Somewhere) as run:
        runtime = run._runtime
        for number in range(2):
            await Browser.open(run, number)
        await until(lambda: all(player.online for player in run.players))
        monkeypatch.setattr(runtime.flow, "note_presence", oh)
        line = runtime.line._channel
        runtime.loop.call_soon_threadsafe(line._other.close)
        await until(lambda: runtime.line._channel not in (None, line))
        assert not any(player.online for player in run.players)
        assert "KeyError" in run.errors["type"].tolist()


def test_what_a_timer_raises_is_reported() -> None:
    """asyncio alone would print it to a terminal that nobody reads."""

    def oh() -> None:
        raise KeyError("oh")

    with serving(Somewhere) as run:
        run._runtime.loop.call_soon_threadsafe(run._runtime.loop.call_later, 0.0, oh)
        until_true(lambda: "KeyError" in run.errors["type"].tolist())


def test_the_watchdog_goes_on_after_a_warning_that_could_not_be_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times: list[int] = []
    monkeypatch.setattr("uproot_nb.engine.watchdog.CHECK_SECONDS", 0.005)
    monkeypatch.setattr("uproot_nb.engine.watchdog.Watchdog._check", failing(times, OSError()))
    with serving(Somewhere):
        until_true(lambda: len(times) > 4)


def test_whatever_prevents_writing_the_log_is_reported_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost, and what waits for the commit is done once it is made."""
    monkeypatch.setattr("uproot_nb.session.journal.RETRY_SECONDS", 0.005)
    with serving(Somewhere) as run:
        journal = run._runtime.world.journal
        times: list[int] = []
        append, fail = journal.log.append, failing(times, ValueError("no number fits"))

        def append_later(events: Any) -> None:
            fail()
            append(events)

        monkeypatch.setattr(journal.log, "append", append_later)
        run.players[0].cash = 3
        run._runtime.end_cell()
        until_true(lambda: not journal.pending and not journal.failing)
        assert len(times) == 3
        assert run.state["cash"].tolist()[:1] == [3]
        assert "no number fits" in capsys.readouterr().err


def test_snapshots_are_taken_again_when_the_disk_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at one snapshot is not the end of all."""
    monkeypatch.setattr(upkeep, "LOOK_SECONDS", 0.005)
    for name, value in (("SNAPSHOT_AFTER", 1), ("SNAPSHOT_RETRY_SECONDS", 0.0)):
        monkeypatch.setattr("uproot_nb.session.journal." + name, value)
    log = Faulty()
    saved: list[int] = []
    monkeypatch.setattr("uproot_nb.log.places.MemoryLog", lambda: log)
    save = log.save_snapshot

    def save_snapshot(snapshot: Any) -> None:
        saved.append(snapshot.seq)
        if len(saved) < 3:
            raise OSError(28, "No space left on device")
        save(snapshot)

    log.save_snapshot = save_snapshot  # type: ignore[method-assign]
    with serving(Somewhere) as run:
        until_true(lambda: log.load_snapshot(run.name) is not None)
        assert len(saved) >= 3
