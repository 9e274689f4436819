"""Timeouts: the server keeps them, whether or not a browser is there."""
# ruff: noqa: ANN001, ANN202, C408, RUF012  (as authors write)

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.engine.running import Browser, serving, until
from uproot_nb import IntegerField, Page, Run, SynchronizingWait


class Last(Page):
    """The last page."""


def timed(seconds: float = 60.0) -> type[Page]:
    class Timed(Page):
        """Hurry."""

        fields = dict(number=IntegerField(label="Number", min=0, max=9))
        timeout = seconds

        def validate(page, player, data):
            return "Never good enough."

        def may_proceed(page, player):
            return False

        def timeout_reached(page, player):
            player.reached = player.get("reached", 0) + 1

        def after_once(page, player):
            player.after = True

    return Timed


async def test_a_player_without_a_browser_goes_on_when_time_is_up() -> None:
    with serving(timed(0.05), Last) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.fetch()
        await until(lambda: run.players[0].page == "Last")
        assert (run.players[0].reached, run.players[0].after) == (1, True)
        assert "number" not in run.players[0].fields()


async def test_an_open_browser_is_asked_for_its_form_and_what_is_valid_is_kept() -> None:
    with serving(timed(0.3), Last) as run:
        ann = await Browser.open(run, 0)
        assert 0 < ann.page["timeout"] <= 300
        action = await ann.action()
        assert (action["action"], action["timeout"]) == ("submit", True)
        assert (await ann.submit(number="7", _uproot_timeout="1")).code == 303
        player = run.players[0]
        assert (player.page, player.number, player.reached) == ("Last", 7, 1)


async def test_that_time_is_up_is_in_the_log_before_anything_follows_from_it() -> None:
    with serving(timed(), Last) as run:
        ann = await Browser.open(run, 0)
        player = run.players[0]
        deadline = player._state.deadline
        set_clock(run, deadline - 0.06)
        assert not run._runtime.flow.timeouts.has_passed(player)
        set_clock(run, deadline - 0.04)
        assert run._runtime.flow.timeouts.has_passed(player)
        set_clock(run, deadline - 0.06)  # a clock may be set back: what is late stays late
        assert run._runtime.flow.timeouts.has_passed(player)
        await ann.submit(number="7")
        assert (player.page, player.number) == ("Last", 7)
        journal = run._runtime.world.journal
        told = [json.loads(event.value) for event in journal.read({"timeout"}, player.subject)]
        assert told[:2] == [{"deadline": deadline}, {"deadline": deadline, "passed": True}]
        assert [one.get("reached") for one in told] == [None, None, True]


async def test_what_is_not_valid_is_dropped_without_a_word() -> None:
    with serving(timed(0.3), Last) as run:
        ann = await Browser.open(run, 0)
        await ann.action()
        assert (await ann.submit(number="70")).code == 303
        assert run.players[0].page == "Last"
        assert "number" not in run.players[0].fields()


async def test_nobody_saves_the_checks_by_claiming_that_time_is_up() -> None:
    with serving(timed(), Last) as run:
        ann = await Browser.open(run, 0)
        assert (await ann.submit(number="7", _uproot_timeout="1")).code == 422
        assert run.players[0].page == "Timed"


async def test_a_reload_gives_no_more_time() -> None:
    with serving(timed(), Last) as run:
        ann = await Browser.open(run, 0)
        deadline = run.players[0]._state.deadline
        await ann.load()
        assert run.players[0]._state.deadline == deadline
        assert ann.page["timeout"] <= 60_000


async def test_a_timeout_may_be_a_hook_and_none_is_none() -> None:
    class Sometimes(Page):
        """Sometimes."""

        def timeout(page, player):
            return None if player.id else 5

    with serving(Sometimes) as run:
        people = [await Browser.open(run, n) for n in (0, 1)]
        assert 0 < people[0].page["timeout"] <= 5000
        assert people[1].page["timeout"] is None


async def test_deadlines_outlast_the_kernel(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    Timed = timed()
    with serving(Timed, Last, db=log) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.load()
        run._runtime.world.journal.commit()
        deadline = run.players[0]._state.deadline
    with serving(Timed, Last, db=log) as run:
        assert run.players[0]._state.deadline == deadline
        timers = run._runtime.flow.timeouts._timers
        await until(lambda: run.players[0].name in timers)
        run._runtime.world.journal.clock = lambda: time.time() + 100
        ann = Browser(run.link(run.players[0]))
        await ann.load()  # comes back after the deadline
        assert run.players[0].page == "Last"


async def test_time_spent_in_a_pause_is_given_back() -> None:
    with serving(timed(), Last) as run:
        await Browser.open(run, 0)
        deadline = run.players[0]._state.deadline
        run.pause()
        now = time.time()
        run._runtime.world.journal.clock = lambda: now + 30
        run.resume()
        await until(lambda: run.players[0]._state.deadline >= deadline + 29)


async def test_browsers_hear_how_their_clock_stands_in_a_pause_and_after_it() -> None:
    """And one that comes back, which may have missed that."""
    with serving(timed(60.0), Last) as run:
        now = time.time()
        set_clock(run, now)
        ann = await Browser.open(run, 0)
        await until(lambda: run.players[0].online)
        set_clock(run, now + 10)
        run.pause()
        assert await clock_of(ann) == (50_000, True)
        set_clock(run, now + 40)
        run.resume()
        assert await clock_of(ann) == (50_000, False)
        await ann.reconnect()
        assert await clock_of(ann) == (50_000, False)


async def clock_of(browser: Browser) -> tuple[int, bool]:
    frame = await browser.frame(lambda f: f.get("action") == "clock")
    assert frame["entered"] == browser.page["entered"]
    return frame["remaining"], frame["stopped"]


async def test_a_wait_page_may_time_out() -> None:
    class Wait(SynchronizingWait):
        synchronize = "session"
        timeout = 0.05

        def timeout_reached(page, player):
            player.alone = True

    with serving(Wait, Last) as run:
        await Browser.open(run, 0)
        await until(lambda: run.players[0].page == "Last")
        assert run.players[0].alone


async def test_who_arrives_in_a_pause_is_given_it_once() -> None:
    """Whoever keeps an end of their own is told by how much it moves."""
    with serving(timed(60.0), Last) as run:
        timeouts, told = run._runtime.flow.timeouts, list[float]()
        timeouts.shifted["test"] = told.append
        now = time.time()
        set_clock(run, now)
        run.pause()
        set_clock(run, now + 20)
        await Browser(run.link(run.players[0])).fetch()
        set_clock(run, now + 30)
        run.resume()
        assert timeouts.remaining(run.players[0]) == 60
        assert told == [30]


def set_clock(run: Run, seconds: float) -> None:
    run._runtime.world.journal.clock = lambda: seconds
