"""Dropouts: by the real state of connections, and no reconnect is one."""
# ruff: noqa: ANN001, ANN201, ANN202, PT018  (as authors write)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import Browser, Clocks, serving, until
from uproot_nb import Page, UprootError, mark_dropout, move_to_end, watch_for_dropout

LEFT: list[str] = []


async def left(player):
    LEFT.append(player.name)
    player.gone = True
    move_to_end(player)


class Play(Page):
    """Play."""


@pytest.fixture(autouse=True)
def nobody_left() -> None:
    LEFT.clear()


def watched(tolerance: float):
    def new_player(player):
        watch_for_dropout(player, left, tolerance=tolerance)

    return {"new_player": new_player, "left": left, "__name__": __name__}


@pytest.mark.long
async def test_who_leaves_for_too_long_is_handed_to_the_authors_handler() -> None:
    with serving(Play, names=watched(0.05)) as run:
        ann = await Browser.open(run, 0)
        await ann.disconnect()
        await until(lambda: [run.players[0].name] == LEFT)
        await until(lambda: run.players[0].page is None)
        assert run.players[0].has_dropped_out and run.players[0].gone
        assert not run.players[1].has_dropped_out  # nobody has ever come there
        assert "dropout" in set(run.events["kind"])


async def test_who_comes_back_in_time_is_no_dropout() -> None:
    with serving(Play, names=watched(60.0)) as run:
        ann = await Browser.open(run, 0)
        await ann.disconnect()
        timers = run._runtime.dropouts._timers
        await until(lambda: run.players[0].name in timers)
        await ann.connect()
        await until(lambda: run.players[0].name not in timers)
        assert LEFT == [] and not run.players[0].has_dropped_out


@pytest.mark.long
async def test_a_watch_outlasts_the_kernel(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Play, names=watched(0.2), db=log) as run:
        await Browser.open(run, 0)
        assert LEFT == []
    with serving(Play, names=watched(0.2), db=log) as run:
        await until(lambda: [run.players[0].name] == LEFT)


async def test_marking_is_at_once_and_a_connection_does_not_undo_it() -> None:
    with serving(Play, names=watched(60.0)) as run:
        ann = await Browser.open(run, 0)
        mark_dropout(run.players[0])
        await until(lambda: [run.players[0].name] == LEFT)
        await ann.reconnect()
        assert run.players[0].has_dropped_out


async def test_a_handler_that_fails_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(player):
        player.half = True
        raise ValueError("handler's mistake")

    with serving(Play) as run:
        await Browser.open(run, 0)
        watch_for_dropout(run.players[0], fails, tolerance=60)
        mark_dropout(run.players[0])
        await until(lambda: len(run.errors))
        assert "handler's mistake" in capsys.readouterr().err
        assert "half" not in run.players[0].fields()


def test_what_makes_no_sense_is_refused() -> None:
    with serving(Play) as run:
        for wrong in ((None, 30.0), (left, -1), (left, "soon")):
            with pytest.raises(UprootError):
                watch_for_dropout(run.players[0], *wrong)
        with pytest.raises(UprootError):
            mark_dropout("somebody")


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_setting_the_machines_clock_makes_nobody_a_dropout_and_keeps_nobody(
    jump: float,
) -> None:
    """What counts is how long somebody has really been away."""
    with serving(Play, names=watched(20.0)) as run:
        clocks = Clocks(run)
        ann = await Browser.open(run, 0)
        await until(lambda: run.players[0].online)
        await ann.disconnect()
        dropouts, player = run._runtime.dropouts, run.players[0]
        await until(lambda: player.name in dropouts._timers)
        clocks.wall += jump
        assert dropouts._remaining(player) == pytest.approx(20)
        await clocks.notice()
        assert dropouts._remaining(player) == pytest.approx(20)
        clocks.wall += 19
        clocks.steady += 19
        run._runtime.loop.call_soon_threadsafe(dropouts._check, player)
        await clocks.notice()
        assert not player.has_dropped_out
        clocks.wall += 1
        clocks.steady += 1
        run._runtime.loop.call_soon_threadsafe(dropouts._check, player)
        await until(lambda: player.has_dropped_out)


async def test_a_pause_does_not_count_as_being_away() -> None:
    with serving(Play, names=watched(20.0)) as run:
        clocks = Clocks(run)
        ann = await Browser.open(run, 0)
        await until(lambda: run.players[0].online)
        run.pause()
        await ann.disconnect()
        dropouts, player = run._runtime.dropouts, run.players[0]
        await until(lambda: not player.online)
        clocks.wall += 100
        clocks.steady += 100
        run._runtime.loop.call_soon_threadsafe(dropouts._check, player)
        await clocks.notice()
        assert not player.has_dropped_out
        run.resume()
        await until(lambda: player.name in dropouts._timers)
        assert dropouts._remaining(player) == pytest.approx(20)
