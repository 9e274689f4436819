"""The journal: what is said was committed first, and what was committed is never lost."""
# ruff: noqa: ANN001, ANN201, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.components.log_places import LogPlace
from tests.running import Browser, Distant, Faulty, plain, serving, together, until, until_true
from uproot_nb import Page, Run, live, notify, players, send_to
from uproot_nb.errors import ClosedRun, UprootError
from uproot_nb.log.codec import Codec
from uproot_nb.log.places import open_place
from uproot_nb.log.postgres.address import Place
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.state import State
from uproot_nb.session import journal
from uproot_nb.session.world import World, load_state


class Market(Page):
    """Trades and notifies."""

    @live
    def echo(page, player, x):
        return x

    @live
    def offer(page, player, price: float):
        player.price = price
        player.session.offers.append([player.name, price])
        notify(player, players(player.session), price)
        return price


class After(Page):
    """The page after the market."""


def new_session(session):
    session.offers = []
    session.book = {"bids": {}, "best": None}


NAMES = {"new_session": new_session}


@pytest.fixture(params=[Faulty, Distant])
def faulty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    """The log of the next run in memory: its disk can be full, and retries come soon."""
    log: Faulty = request.param()
    monkeypatch.setattr("uproot_nb.log.places.MemoryLog", lambda: log)
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.02)
    return log


def committed(log: Any, name: str = "market") -> State:
    """Return what another process would read from the log."""
    return load_state(log, name, Codec())


# ---- commit, then speak ----


@pytest.mark.long
async def test_nothing_is_published_before_the_commit_and_all_in_order_after(
    faulty: Faulty,
) -> None:
    """While the disk is full neither reply nor push nor page leaves; then all do, in order."""
    with serving(Market, After, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await together(ann.settle(), bob.settle())
        with faulty.disk_full():
            asked = [await ann.ask("offer", n) for n in range(3)] + [await ann.ask("echo", "e")]
            page = asyncio.create_task(bob.submit())
            await until(lambda: run.players[0].get("price") == 2)
            send_to(run.players[0], "from a cell")
            refused = faulty.refused
            await until(lambda: faulty.refused > refused + 3)
            assert set(await ann.pong()) <= {"status"}
            assert set(await bob.pong()) <= {"status"}
            assert not page.done()
            assert run.players[0].subject not in committed(faulty).fields
        assert [await ann.answer(one) for one in asked] == [0, 1, 2, "e"]
        assert (await page).code == 303
        assert await ann.settle() == [0, 1, 2, "from a cell"]
        seqs = [event.seq for event in faulty.read("market")]
        assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.long
async def test_the_researcher_sees_why_everybody_waits(
    faulty: Faulty, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The log's error is shown, and not once for each retry."""
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run)
        with faulty.disk_full():
            asked = await ann.ask("echo", 1)
            await until(lambda: faulty.refused > 10)
        assert await ann.answer(asked) == 1
    shown = capfd.readouterr().err + caplog.text
    assert "No space left" in shown
    assert shown.count("No space left") <= 3


@pytest.mark.long
async def test_participants_read_paused_while_the_disk_is_full(faulty: Faulty) -> None:
    """The page does not look as if it ran; afterwards it goes on by itself."""
    with serving(Market, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert await ann.status() == "running"
        with faulty.disk_full():
            asked = await ann.ask("echo", 1)
            assert await ann.status() == "paused"
            await bob.reconnect()
            assert await bob.status() == "paused"
        assert await ann.status() == "running"
        assert await ann.answer(asked) == 1


@pytest.mark.long
async def test_another_programs_lock_makes_writing_wait_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program writes to the file, the loop answers; then all is written, in order."""
    monkeypatch.setattr(journal, "BUSY_REPORTED_AFTER", 0.0)
    db = tmp_path / "log.sqlite3"
    with (
        serving(Market, names=NAMES, db=str(db)) as run,
        closing(sqlite3.connect(db, isolation_level=None)) as other,
    ):
        ann = await Browser.open(run)
        assert await ann.status() == "running"
        other.execute("BEGIN IMMEDIATE")
        asked = [await ann.ask("offer", n) for n in range(3)]
        assert await ann.status() == "paused"
        for _ in range(20):  # each of them would wait for the file, if the loop did
            run.session.x = 1
            assert await ann.pong() == []
        other.execute("ROLLBACK")
        assert [await ann.answer(one) for one in asked] == [0, 1, 2]
        assert await ann.status() == "running"


@pytest.mark.long
async def test_nothing_is_acknowledged_while_the_file_is_away(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is noticed without a call: participants read "paused", and the cell shows why."""
    db = tmp_path / "log.sqlite3"
    with serving(Market, names=NAMES, db=str(db)) as run:
        ann = await Browser.open(run)
        assert await ann.status() == "running"
        db.rename(tmp_path / "elsewhere")
        assert await ann.status() == "paused"
        assert "log.sqlite3 was moved, deleted or replaced" in capfd.readouterr().err
        asked = await ann.ask("offer", 1)
        assert await ann.pong() == []
        (tmp_path / "elsewhere").rename(db)
        assert await ann.answer(asked) == 1
        assert await ann.status() == "running"


@pytest.mark.long
async def test_a_run_whose_file_was_deleted_goes_on_in_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was acknowledged before and after is in the file that the cell names."""
    monkeypatch.setattr("uproot_nb.log.sqlite.file_writer.RESCUE_SECONDS", 0.0)
    monkeypatch.setattr("uproot_nb.log.sqlite.file_writer.CHECK_SECONDS", 0.0)
    db, rescued = tmp_path / "log.sqlite3", tmp_path / "log.rescued.sqlite3"
    with serving(Market, names=NAMES, db=str(db)) as run:
        ann = await Browser.open(run)
        assert await ann.call("offer", 1) == 1
        db.unlink()
        assert await ann.call("offer", 2) == 2
        assert run.events["value"].tolist().count(2.0) == 1
        assert run.path == str(rescued)
    state = load_state(SqliteLog(rescued, readonly=True), "market", Codec())
    assert [price for _, price in state.value("session", "offers")] == [1, 2]


@pytest.mark.long
async def test_closing_waits_for_another_program_that_is_writing(tmp_path: Path) -> None:
    """A lock that is held for a moment costs no event."""
    db = tmp_path / "log.sqlite3"
    with (
        closing(sqlite3.connect(db, isolation_level=None, check_same_thread=False)) as other,
        serving(Market, names=NAMES, db=str(db)) as run,
    ):
        run.session.x = 1
        other.execute("BEGIN IMMEDIATE")
        run.session.x = 2
        loop = run._runtime.loop
        loop.call_soon_threadsafe(loop.call_later, 0.05, other.execute, "ROLLBACK")
    assert load_state(SqliteLog(db, readonly=True), "market", Codec()).value("session", "x") == 2


def test_a_snapshot_that_cannot_be_saved_is_tried_again(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task that saves them goes on, and closing does not fail."""
    saved = faulty.save_snapshot
    refused: list[Any] = []

    def refuse(snapshot: Any) -> None:
        refused.append(snapshot)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "SNAPSHOT_AFTER", 0)
    monkeypatch.setattr(journal, "SNAPSHOT_RETRY_SECONDS", 0.0)
    with serving(Market, names=NAMES) as run:
        faulty.save_snapshot = refuse  # type: ignore[method-assign]
        tick = run._runtime.world.journal.tick
        until_true(lambda: tick() or len(refused) >= 2)
        faulty.save_snapshot = saved  # type: ignore[method-assign]
        until_true(lambda: tick() or faulty.load_snapshot("market") is not None)
        run.session.x = 1
        faulty.save_snapshot = refuse  # type: ignore[method-assign]


@pytest.mark.long
async def test_cells_that_look_while_the_disk_is_full_do_not_speed_up_the_retries(
    faulty: Faulty,
) -> None:
    """Each commit that fails is tried again once, not once for every look."""
    with serving(Market, names=NAMES) as run:
        with faulty.disk_full():
            run.session.x = 1
            for _ in range(50):
                assert len(run.events) > 0
            refused = faulty.refused
            await until(lambda: faulty.refused > refused + 10)
            waiting = [h for h in list(run._runtime.loop._scheduled) if "commit" in repr(h)]
            assert len(waiting) <= 1
        await until(lambda: "x" in run.events["field"].tolist())


async def test_what_reading_shows_is_whole_while_the_disk_is_full(faulty: Faulty) -> None:
    """history() includes what is not yet on disk."""
    with serving(Market, names=NAMES) as run, faulty.disk_full():
        run.session.x = 1
        run.session.x = 2
        assert [change.value for change in run.session.history("x")] == [1, 2]


def test_closing_while_the_disk_is_full_reports_lost_events(faulty: Faulty) -> None:
    """Participants have not seen them, and the researcher gets an error."""
    with serving(Market, names=NAMES) as run:
        until_true(lambda: run.events["kind"].eq("open").any())
        with faulty.disk_full():
            run.session.x = 1
            with pytest.raises(UprootError, match="could not be written"):
                run.close()
        assert run.closed
    with serving(Market, name="another", names=NAMES) as run:
        run.session.x = 1


def test_serve_returns_only_when_the_places_are_committed(faulty: Faulty) -> None:
    """A link that the researcher sees leads to a place that no crash can take away."""
    with serving(Market, names=NAMES, players=3) as run:
        assert set(committed(faulty).players) == {player.name for player in run.players}


# ---- cells ----


@contextmanager
def busy_loop(run: Run) -> Iterator[None]:
    """Let the run's loop do nothing until the block ends, so that it commits nothing."""
    begun, go_on = threading.Event(), threading.Event()
    loop = run._runtime.loop
    loop.call_soon_threadsafe(lambda: (begun.set(), go_on.wait(30.0)))
    begun.wait(30.0)
    try:
        yield
    finally:
        go_on.set()


def test_leaving_the_outermost_block_means_committed() -> None:
    """Whatever kills the process then, the block is in the log."""
    with serving(Market, names=NAMES) as run, busy_loop(run):
        log, journal = run._runtime.world.log, run._runtime.world.journal
        with run.lock:
            with run.lock, run.players[0] as player:
                for number in range(100):
                    player.number = number
            assert log.last_seq("market") == journal.committed < journal.seq
        assert log.last_seq("market") == journal.seq
        with run.players[0] as player:
            player.number = -1
        assert log.last_seq("market") == journal.seq


@pytest.mark.long
async def test_a_block_in_a_live_method_is_one_transaction_with_its_outcome() -> None:
    """Leaving it commits nothing: the method may still fail, or be cut off."""

    class Blocks(Page):
        """A method with a block."""

        @live
        def act(page, player):
            with run.lock, player:
                player.x = 1
            return run._runtime.world.journal.committed

    with serving(Blocks) as run:
        ann = await Browser.open(run)
        await ann.settle()
        before = run._runtime.world.journal.committed
        assert await ann.call("act") == before


@pytest.mark.long
def test_a_block_of_very_many_changes_is_committed_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits for a commit is bounded, and everything arrives in order."""
    monkeypatch.setattr(journal, "MOST_PENDING", 1_000)
    with serving(Market, names=NAMES) as run:
        sizes: list[int] = []
        log = run._runtime.world.log
        append = log.append

        def noting(events: Any) -> None:
            sizes.append(len(events))
            append(events)

        log.append = noting  # type: ignore[method-assign]
        run.players[0].rows = []
        with run.lock:
            for number in range(10_000):
                run.players[0].rows.append(number)
        assert max(sizes) <= 1_001
        assert committed(log).value(run.players[0].subject, "rows") == list(range(10_000))


# ---- atomic ----


@pytest.mark.long
async def test_a_method_and_its_outcome_are_one_transaction() -> None:
    """No reader of the log ever sees a part of a method without awaits."""
    batches: list[list[str]] = []
    with serving(Market, names=NAMES) as run:
        log = run._runtime.world.log
        append = log.append

        def noting(events: Any) -> None:
            batches.append([event.kind for event in events])
            append(events)

        log.append = noting  # type: ignore[method-assign]
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        reading = threading.Event()

        def read() -> None:
            while not reading.is_set():
                len(run.events)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(40):
            await together(ann.call("offer", number), bob.call("offer", number))
        reading.set()
        reader.join()
        for batch in batches:
            kinds = [kind for kind in batch if kind in ("set", "append", "notify", "call")]
            assert kinds == ["set", "append", "notify", "call"] * (len(kinds) // 4)


# ---- snapshots ----


def replayed(path: Place, name: str = "market") -> dict[str, Any]:
    """Return the state as replaying every event from the first gives it."""
    log = open_place(path)
    try:
        state = State(Codec()).apply_all(log.read(name))
        return plain(state)
    finally:
        log.close()


@pytest.mark.long
def test_a_snapshot_holds_only_what_is_committed(world: World) -> None:
    world.journal.commit()
    world.session.answer = 1
    world.journal.take_snapshot()
    assert world.log.load_snapshot(world.name) is None
    world.journal.commit()
    world.journal.take_snapshot()
    snapshot = world.log.load_snapshot(world.name)
    assert snapshot is not None
    assert snapshot.seq == world.log.last_seq(world.name)


@pytest.mark.long
@pytest.mark.sample(1)
async def test_resuming_from_a_snapshot_equals_replaying_all(place: LogPlace) -> None:
    """Snapshots only shorten the replay."""
    for number in range(3):
        with serving(Market, db=place.address, names=NAMES) as run:
            ann = await Browser.open(run, number % 2)
            for price in range(5):
                await ann.call("offer", price)
            run.session.book["bids"][number] = {number: [1, 2]}
            run.session.book["bids"].setdefault("x", []).append(number)
    log = place.open()
    snapshot = log.load_snapshot("market")
    assert snapshot is not None
    assert snapshot.seq == log.last_seq("market")
    folded = plain(load_state(log, "market", Codec()))
    log.close()
    assert folded == replayed(place.address)
    assert len(folded["fields"]["session"]["offers"]) == 15
    assert folded["fields"]["session"]["book"]["bids"]["x"] == [0, 1, 2]


@pytest.mark.long
async def test_a_snapshot_taken_amid_the_session_changes_nothing(tmp_path: Path) -> None:
    """What follows it is replayed on top."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, db=path, names=NAMES) as run:
        ann = await Browser.open(run)
        await ann.call("offer", 1, call_id="a-1")
        await ann.settle()
        run._runtime.world.journal.take_snapshot()
        assert run._runtime.world.log.load_snapshot("market") is not None
        await ann.call("offer", 2, call_id="a-2")
        live_state = [list(offer) for offer in run.session.offers]
        copy_of(path, tmp_path / "copy.sqlite3")
    with serving(Market, db=tmp_path / "copy.sqlite3", names=NAMES, copy=True) as run:
        assert run.session.offers == live_state
        again = await Browser.open(run)
        assert await again.call("offer", 9, call_id="a-1") == 1
        assert await again.call("offer", 9, call_id="a-2") == 2
        assert len(run.session.offers) == 2


def copy_of(source: Path, target: Path) -> None:
    """Copy a database as another process would find it if this one died now."""
    read, write = sqlite3.connect(source), sqlite3.connect(target)
    read.backup(write)
    read.close()
    write.close()


# ---- closing ----


def test_a_closed_run_refuses_changes_and_still_shows_what_was() -> None:
    """Writing raises ClosedRun; reading goes on."""
    with serving(Market, names=NAMES) as run:
        run.session.x = 1
        run.players[0].y = [1]
        run.close()
        run.close()
        changes = [
            lambda: setattr(run.session, "x", 2),
            lambda: run.players[0].y.append(2),
            lambda: run.session.book["bids"].update({1: 2}),
            lambda: delattr(run.session, "x"),
            lambda: send_to(run.players, 1),
            run.pause,
            run.resume,
        ]
        for change in changes:
            with pytest.raises(ClosedRun, match="market"):
                change()
        assert (run.session.x, run.players[0].y) == (1, [1])
        assert run.session.book == {"bids": {}, "best": None}
        assert [change.value for change in run.session.history("x")] == [1]
        assert "x" in run.events["field"].tolist()
        assert len(run.state) == 2
        assert "closed" in repr(run)


async def test_participants_see_that_the_session_has_closed() -> None:
    """Status, then 4404."""
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run)
        await ann.settle()
        run.close()
        while await ann.status() != "closed":
            pass
        assert await ann.closed() == 4404


# ---- killed ----

SERVER = """
import sys
from uproot_nb import *

class Market(Page):
    "Trades."

    @live
    def offer(page, player, price: float):
        player.price = price
        player.session.offers.append([player.name, price])
        notify(player, players(player.session), price)
        return len(player.session.offers)

def new_session(session):
    session.offers = []

run = serve([Market], players=2, db=sys.argv[1], name="market", embedded=True, port=0)
print(*run.links["url"], flush=True)
import threading
threading.Event().wait()
"""


@pytest.mark.sample(1)
async def test_killing_the_process_loses_nothing_that_was_acknowledged(place: LogPlace) -> None:
    """SIGKILL amid trading: each answered call is in the log once, and each unanswered at most."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(place)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        links = (await asyncio.to_thread(process.stdout.readline)).split()
        browsers = [Browser(link) for link in links]
        for browser in browsers:
            await browser.load()
            await browser.connect()
        acknowledged: list[list[int]] = [[], []]

        async def trade(number: int) -> None:
            browser = browsers[number]
            for price in range(100_000):
                await browser.call("offer", price)
                acknowledged[number].append(price)

        trading = [asyncio.create_task(trade(number)) for number in range(2)]
        await until(lambda: min(map(len, acknowledged)) > 50, 30)
        os.kill(process.pid, signal.SIGKILL)
        await together(*trading)
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    with serving(Market, db=place.address, names=NAMES) as run:
        check_kept(run, acknowledged)
        pushed = [v["data"] for v in run.events.query("kind == 'notify'")["value"]]
        assert len(pushed) == len(run.session.offers)
        seen = browsers[0].events
        late = Browser(run.link(run.players[0]))
        late.page, late.since = browsers[0].page, browsers[0].since
        await late.connect()
        await late.settle()
        assert [e["data"] for e in seen] + late.data() == pushed


def check_kept(run: Run, acknowledged: list[list[int]]) -> None:
    """Compare what the log has with what browsers were sent."""
    for number, prices in enumerate(acknowledged):
        name = run.players[number].name
        kept = [price for who, price in run.session.offers if who == name]
        assert kept[: len(prices)] == prices
        assert len(kept) <= len(prices) + 1
        assert run.players[number].price == kept[-1]


async def test_something_that_fails_after_a_commit_holds_nothing_else_up() -> None:
    """What waits for the same commit is done all the same, and the researcher reads what failed."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        done: list[int] = []
        world = run._runtime.world

        def fail() -> None:
            raise OSError("a fault of ours")

        with run.lock:
            world.journal.after_commit(fail)
            world.journal.after_commit(lambda: done.append(1))
        assert await ann.call("echo", 1) == 1
        assert done == [1]
        assert run.errors["type"].tolist() == ["OSError"]


def test_reading_goes_on_after_an_event_that_is_not_committed_yet(world: World) -> None:
    first = world.journal.write("set", "session", "a", "1")
    second = world.journal.write("set", "session", "b", "2")
    found = [event.seq for event in world.journal.read({"set"}, "session", after=first)]
    assert found == [second]


# ---- inputs that are logged before what follows from them ----


def logged_since(run: Run, seq: int) -> list[str]:
    """Return the fields of the events after one."""
    run._refresh()
    return [event.field for event in run._runtime.world.log.read("market", after=seq)]


def test_an_input_is_logged_before_the_first_event_that_follows_and_only_then() -> None:
    with serving(Market, names=NAMES) as run:
        writer = run._runtime.world.journal
        seq = writer.seq
        with run.lock, writer.input(lambda: writer.write("back", "session", "first", "null")):
            run.session.a = 1
            run.session.b = 2
        with run.lock, writer.input(lambda: writer.write("back", "session", "none", "null")):
            pass
        run.session.c = 3
        assert logged_since(run, seq) == ["first", "a", "b", "c"]


def test_inputs_at_the_same_time_are_logged_in_the_order_in_which_they_came() -> None:
    with serving(Market, names=NAMES) as run:
        writer = run._runtime.world.journal
        seq = writer.seq

        def log(name: str) -> None:
            writer.write("back", "session", name, "null")

        with run.lock, writer.input(lambda: log("first")), writer.input(lambda: log("second")):
            run.session.a = 1
        assert logged_since(run, seq) == ["first", "second", "a"]
