"""Stays: who is on which page since when, and what is usual there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import Browser, Clocks, serving, until
from uproot_nb import Page
from uproot_nb.engine.stays import ENOUGH, LEAST_SECONDS, TIMES, UNKNOWN_SECONDS


class First(Page):
    """First."""


class Second(Page):
    """Second."""


class Never(Page):
    """Nobody sees it."""

    @classmethod
    def show(cls, player):  # noqa: ANN001, ANN206
        return False


@pytest.mark.long
async def test_the_usual_time_is_that_of_those_who_went_on_by_themselves() -> None:
    """Not of those whom somebody has moved; and never less than a minute."""
    with serving(First, Never, Second, players=ENOUGH + 2) as run:
        clocks, stays = Clocks(run), run._runtime.stays
        browsers = [await Browser.open(run, place) for place in range(ENOUGH + 2)]
        await until(lambda: all(p._state.has_arrived for p in run.players))
        assert stays.limit("First") == UNKNOWN_SECONDS
        clocks.wall, clocks.steady = clocks.wall + 100, clocks.steady + 100
        for browser in browsers[:ENOUGH]:
            await browser.submit()
        await until(lambda: len(stays._past.get("First", ())) == ENOUGH)
        assert abs(stays.limit("First") - 100 * TIMES) < 5
        assert stays.limit("Never") == UNKNOWN_SECONDS
        run.advance(run.players[-1])
        assert len(stays._past["First"]) == ENOUGH
        stays._past["First"].extend([1.0] * 50)
        stays._limits.clear()
        assert stays.limit("First") == LEAST_SECONDS


async def test_a_pause_does_not_count_and_dropouts_are_on_no_page() -> None:
    with serving(First, Second) as run:
        clocks, stays = Clocks(run), run._runtime.stays
        ann = await Browser.open(run, 0)
        await Browser.open(run, 1)
        await ann.settle()
        run.pause()
        clocks.wall, clocks.steady = clocks.wall + 10_000, clocks.steady + 10_000
        run.resume()
        assert stays.stuck("First") == []
        assert len(stays.here["First"]) == 2
        run.mark_dropout(run.players[0])
        assert list(stays.here["First"]) == [run.players[1].name]
        run.free(run.players[1])
        assert not stays.here["First"]


@pytest.mark.long
async def test_a_restarted_kernel_knows_what_was_usual_and_since_when_people_are_there(
    tmp_path: Path,
) -> None:
    db = str(tmp_path / "stays.sqlite3")
    with serving(First, Second, db=db, players=ENOUGH + 1) as run:
        clocks = Clocks(run)
        browsers = [await Browser.open(run, place) for place in range(ENOUGH + 1)]
        await until(lambda: all(p._state.has_arrived for p in run.players))
        clocks.wall, clocks.steady = clocks.wall + 100, clocks.steady + 100
        for browser in browsers[:ENOUGH]:
            await browser.submit()
        await until(lambda: [p.page for p in run.players].count("Second") == ENOUGH)
    with serving(First, Second, db=db, players=ENOUGH + 1) as run:
        stays, name = run._runtime.stays, run.players[-1].name
        assert stays.limit("First") == UNKNOWN_SECONDS
        stays.recall()
        stays.recall()
        assert abs(stays.limit("First") - 100 * TIMES) < 5
        assert name in stays.here["First"]
        assert run.players[-1]._state.entered_at > 0
