"""Timeouts: the server keeps them, whether or not a browser is there."""
# ruff: noqa: ANN001, ANN202, C408, RUF012  (as authors write)

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.running import Browser, Clocks, serving, set_clock, until
from uproot_nb import IntegerField, Page, SynchronizingWait, move_to_page, rerun
from uproot_nb.market import MarketPage
from uproot_nb.testing import Served, served


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


@pytest.mark.long
async def test_a_player_without_a_browser_goes_on_when_time_is_up() -> None:
    with serving(timed(0.05), Last) as run:
        ann = Browser(run.link(run.players[0]))
        await ann.fetch()
        await until(lambda: run.players[0].page == "Last")
        assert (run.players[0].reached, run.players[0].after) == (1, True)
        assert "number" not in run.players[0].fields()


@pytest.mark.long
async def test_an_open_browser_is_asked_for_its_form_and_valid_answers_are_stored() -> None:
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
        set_clock(run, lambda: deadline - 0.06)
        assert not run._runtime.flow.timeouts.has_passed(player)
        set_clock(run, lambda: deadline - 0.04)
        assert run._runtime.flow.timeouts.has_passed(player)
        set_clock(run, lambda: deadline - 0.06)  # a clock may be set back: what is late stays late
        assert run._runtime.flow.timeouts.has_passed(player)
        await ann.submit(number="7")
        assert (player.page, player.number) == ("Last", 7)
        journal = run._runtime.world.journal
        events = [json.loads(event.value) for event in journal.read({"timeout"}, player.subject)]
        assert events[:2] == [{"deadline": deadline}, {"deadline": deadline, "passed": True}]
        assert [one.get("reached") for one in events] == [None, None, True]


async def test_what_is_not_valid_is_dropped_without_a_word() -> None:
    class Both(Page):
        """Hurry."""

        fields = {"low": IntegerField(label="Low", max=9), "high": IntegerField(label="High")}
        timeout = 60.0

    with serving(Both, Last) as run:
        ann, player = await Browser.open(run, 0), run.players[0]
        deadline = player._state.deadline
        set_clock(run, lambda: deadline)
        assert (await ann.submit(low="70", high="70")).code == 303
        assert (player.page, player.high) == ("Last", 70)
        assert "low" not in player.fields()


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


@pytest.mark.long
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
        set_clock(run, lambda: time.time() + 100)
        ann = Browser(run.link(run.players[0]))
        await ann.load()  # comes back after the deadline
        assert run.players[0].page == "Last"


async def test_time_spent_in_a_pause_is_given_back() -> None:
    with serving(timed(), Last) as run:
        await Browser.open(run, 0)
        deadline = run.players[0]._state.deadline
        run.pause()
        now = time.time()
        set_clock(run, lambda: now + 30)
        run.resume()
        await until(lambda: run.players[0]._state.deadline >= deadline + 29)


@pytest.mark.long
async def test_browsers_hear_how_their_clock_stands_in_a_pause_and_after_it() -> None:
    """And one that comes back, which may have missed that."""
    with serving(timed(60.0), Last) as run:
        now = time.time()
        set_clock(run, lambda: now)
        ann = await Browser.open(run, 0)
        await until(lambda: run.players[0].online)
        set_clock(run, lambda: now + 10)
        run.pause()
        assert await clock_of(ann) == (50_000, True)
        set_clock(run, lambda: now + 40)
        run.resume()
        assert await clock_of(ann) == (50_000, False)
        await ann.reconnect()
        assert await clock_of(ann) == (50_000, False)


async def clock_of(browser: Browser) -> tuple[int, bool]:
    frame = await browser.frame(lambda f: f.get("action") == "clock")
    assert frame["entered"] == browser.page["entered"]
    return frame["remaining"], frame["stopped"]


@pytest.mark.long
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
    """Other deadlines are moved by the same seconds."""
    with serving(timed(60.0), Last) as run:
        timeouts, shifts = run._runtime.flow.timeouts, list[float]()
        timeouts.shift_listeners["test"] = shifts.append
        now = time.time()
        set_clock(run, lambda: now)
        run.pause()
        set_clock(run, lambda: now + 20)
        arriving = asyncio.create_task(Browser(run.link(run.players[0])).fetch())
        await until(lambda: run._runtime.flow.pause._waiting)
        set_clock(run, lambda: now + 30)
        run.resume()
        await arriving
        assert timeouts.remaining(run.players[0]) == 60
        assert shifts == [30]


# ---- before anybody is there ----


@pytest.mark.long
@pytest.mark.parametrize("kill", [False, True])
def test_the_clock_of_a_page_begins_when_somebody_comes(tmp_path: Path, kill: bool) -> None:
    """The researcher has moved the player there before: nobody loses time by that."""
    page, db = timed(60.0), tmp_path / "log.sqlite3"
    with served([Last, page, Last], players=2, db=db, arrive=False) as session:
        ann, bob = session
        ann.arrive()
        for one in session:
            move_to_page(one.player, page)
        session.advance(10)
        assert (bob.player._state.deadline, bob.player._state.held) == (None, 60.0)
        session.advance(70)
        assert [ann.player.page, bob.player.page] == ["Last", "Timed"]
        if not kill:
            comes_and_has_a_minute(session)
    if kill:
        with served([Last, page, Last], players=2, db=db, arrive=False) as session:
            comes_and_has_a_minute(session)


def comes_and_has_a_minute(session: Served) -> None:
    bob = session[1]
    bob.arrive()
    assert bob._client._boot["timeout"] == 60_000
    assert "stopped" not in bob._client._boot
    session.advance(55)
    bob.reload()
    assert bob._client._boot["timeout"] <= 5_000
    session.advance(8)
    assert bob.player.page == "Last"


@pytest.mark.long
def test_whoever_comes_in_a_pause_has_the_whole_time_after_it() -> None:
    page = timed(60.0)
    with served([Last, page, Last], players=1, arrive=False) as session:
        (ann,) = session
        move_to_page(ann.player, page)
        session.advance(500)
        ann.arrive()
        session.run.pause()
        session.advance(500)
        session.run.resume()
        session.advance(55)
        assert ann.player.page == "Timed"
        session.advance(8)
        assert ann.player.page == "Last"


@pytest.mark.long
def test_a_rerun_begins_the_clock_when_somebody_comes() -> None:
    page = timed(60.0)
    with served([Last, page, Last], players=2, arrive=False) as session:
        ann, bob = session
        for one in session:
            move_to_page(one.player, page)
        session.advance(100)
        ann.arrive()
        session.advance(70)
        again = rerun(session.run, [Last, page, Last])
        assert again.same, again.first
        assert [ann.player.page, bob.player.page] == ["Last", "Timed"]


# ---- the machine's clock ----


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 58.0, 86_400.0])
@pytest.mark.parametrize("paused", [False, True])
async def test_setting_the_machines_clock_neither_ends_nor_prolongs_a_page(
    jump: float, paused: bool
) -> None:
    """Nor does a sleep of the machine; the log's times go by the clock."""
    with serving(timed(60.0), Last) as run:
        clocks = Clocks(run)
        ann = await Browser.open(run, 0)
        timeouts, player = run._runtime.flow.timeouts, run.players[0]
        clocks.wall += 2
        clocks.steady += 2
        if paused:
            run.pause()
        clocks.wall += jump
        assert timeouts.remaining(player) == pytest.approx(58)
        assert not timeouts.has_passed(player)
        await clocks.notice()
        assert timeouts.remaining(player) == pytest.approx(58)
        assert player._state.deadline == pytest.approx(clocks.wall + 58)
        if paused:
            clocks.wall += 10
            clocks.steady += 10
            run.resume()
        assert timeouts.remaining(player) == pytest.approx(58)
        await ann.load()
        assert ann.page["timeout"] == pytest.approx(58_000, abs=1)
        clocks.wall += 58
        clocks.steady += 58
        assert timeouts.has_passed(player)
        run.session.now = True
        time = run.session.history("now")[0].time
        assert time == clocks.wall
        assert run.errors["message"].str.contains("clock was moved").sum() == 1


@pytest.mark.long
async def test_a_market_closes_when_it_would_have_whatever_the_clock_is_set_to() -> None:
    class Timed(MarketPage):
        """Trade."""

        seconds = 60

    with serving(Timed, Last) as run:
        clocks = Clocks(run)
        ann = await Browser.open(run, 0)
        clocks.wall += 3600
        assert (await ann.call("send_order", "market", "buy", 1))["mine"]
        await clocks.notice()
        assert (await ann.call("send_order", "market", "buy", 1))["mine"]


# ---- pauses ----


class Gate(SynchronizingWait):
    """Everybody waits for everybody."""

    synchronize = "session"


@pytest.mark.long
async def test_a_pause_stops_moves_and_waits_and_all_go_on_afterwards() -> None:
    class Ask(Page):
        """A question."""

        fields = dict(number=IntegerField(label="Number"))

    with serving(Ask, Gate, Last, players=3) as run:
        ann, bob, _ = [await Browser.open(run, n) for n in range(3)]
        for browser in (ann, bob):
            await browser.submit(number="1")
            await browser.load()
        run.pause()
        run.move_to_end(run.players[2])  # nobody is to be waited for any more
        for browser in (ann, bob):
            await browser.load()
            assert browser.page["state"] == "paused"
        assert [player.page for player in run.players[:2]] == ["Gate", "Gate"]
        run.resume()
        await until(lambda: [player.page for player in run.players[:2]] == ["Last", "Last"])


async def test_nobody_joins_in_a_pause_and_everybody_does_afterwards() -> None:
    with serving(Last) as run:
        run.pause()
        joining = asyncio.create_task(Browser(run.join_link).fetch(body={}))
        await until(lambda: run._runtime.flow.pause._waiting)
        assert not any(player._state.claimed for player in run.players)
        run.resume()
        assert (await joining).code == 303
        assert sum(player._state.claimed for player in run.players) == 1


@pytest.mark.long
async def test_a_request_that_waits_too_long_in_a_pause_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not done later, when nobody waits for it any more."""
    monkeypatch.setattr("uproot_nb.flow.pause.HOLDING_SECONDS", 0.01)
    with serving(Last) as run:
        run.pause()
        runtime = run._runtime
        assert not await asyncio.to_thread(runtime.wait_for, runtime.flow.pause.over())
        assert not runtime.flow.pause._waiting
        run.resume()
        assert await asyncio.to_thread(runtime.wait_for, runtime.flow.pause.over())
