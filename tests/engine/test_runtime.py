"""The runtime: presence, places, pausing, and a state that is what replaying the log gives."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.examples import examples
from tests.running import Browser, Rejected, plain, serving, together, until
from uproot_nb import Page, create_group, live, move_to_page, notify, players
from uproot_nb.bots.client import Client
from uproot_nb.engine.connection import registration
from uproot_nb.errors import ClosedRun
from uproot_nb.log.codec import Codec
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.state import State
from uproot_nb.session.visits import visit_token


class Market(Page):
    """Trades."""

    @live
    def offer(page, player, price: int):
        player.offers.append({"price": price, "by": player})
        player.session.best[str(price % 3)] = [price]
        notify(player, players(player.session), price)
        return len(player.offers)

    @live
    async def later(page, player, price: int):
        player.begun = player.get("begun", 0) + 1
        await asyncio.sleep(0)
        player.session.seen |= {price}
        player.ended = player.get("ended", 0) + 1
        return price

    @live
    def fail(page, player):
        player.failed = player.get("failed", 0) + 1
        raise ValueError("as it must")


class Bank(Market):
    """Trades somewhere else."""


def new_session(session):
    session.best, session.seen = {}, set()


def new_player(player):
    player.offers = []


NAMES = {"new_session": new_session, "new_player": new_player}


# ---- presence ----


async def test_a_player_is_online_while_any_tab_is_connected() -> None:
    """Each change is an event; a second tab makes no difference."""
    with serving(Market, names=NAMES) as run:
        player = run.players[0]
        assert not player.online
        ann = await Browser.open(run)
        await until(lambda: player.online)
        tab = await Browser.open(run)
        await ann.disconnect()
        await tab.settle()
        assert player.online
        assert run.links["online"].tolist() == [True, False]
        await tab.disconnect()
        await until(lambda: not player.online)
        kinds = run.events["kind"]
        assert kinds[kinds.isin(["connect", "disconnect"])].tolist() == ["connect", "disconnect"]


@pytest.mark.long
async def test_the_log_says_what_carries_a_players_connection() -> None:
    """One tab by a WebSocket is enough to count as connected by one."""
    with serving(Market, names=NAMES) as run:
        player = run.players[0]
        link = run.link(player)
        async with Client(link, polling=True):
            await until(lambda: player.online)
            async with Client(link):
                await until(lambda: len(run.presence) == 2)
            await until(lambda: len(run.presence) == 3)
            assert player._state.by == "polling"
            log = run._runtime.world.log
            replayed = State(run._runtime.world.codec).apply_all(log.read(run.name))
            assert replayed.players[player.name].by == "polling"
        await until(lambda: not player.online)
        table = run.presence
        assert table["by"].tolist() == ["polling", "websocket", "polling"]
        assert table["offline_time"].tolist()[:2] == table["online_time"].tolist()[1:]
        assert table["seconds"].notna().all()


async def test_when_the_participant_server_is_lost_the_run_finds_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody counts as online meanwhile; then browsers come back and go on."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run)
        assert await ann.call("offer", 1, call_id="a-1") == 1
        await ann.settle()
        run._runtime.loop.call_soon_threadsafe(run._runtime.line._channel._other.close)
        await until(lambda: not run.players[0].online)
        await until(lambda: run._runtime.line._channel is not None)
        again = Browser(run.link(run.players[0]))
        again.page, again.since = ann.page, ann.since
        await again.connect()
        assert await again.call("offer", 1, call_id="a-1") == 1
        assert await again.call("offer", 2, call_id="a-2") == 2
        assert await again.settle() == [2]
        await until(lambda: run.players[0].online)


# ---- pausing and closing ----


async def test_pausing_and_closing_are_in_the_log_as_the_researchers_doing() -> None:
    """A page that is loaded meanwhile shows it, too."""
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run)
        run.pause()
        await ann.load()
        assert ann.page["state"] == "paused"
        run.resume()
        await ann.load()
        assert ann.page["state"] == "running"
        done = run.events.query("kind == 'intervention'")
        assert done["field"].tolist() == ["paused", "running"]
        assert set(done["actor"]) == {"researcher"}


@pytest.mark.long
async def test_no_call_begins_once_pause_has_returned() -> None:
    """What a cell does after run.pause() is alone."""
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run)
        for _ in range(20):
            asked = await ann.ask("offer", 1)
            run.pause()
            with run.lock:
                before = len(run.players[0].offers)
            await ann.pong()
            with run.lock:
                assert len(run.players[0].offers) == before
            run.resume()
            await ann.answer(asked)


def test_spawning_on_a_closed_run_raises_closed_run() -> None:
    """Like any other use of it."""
    with serving(Market, names=NAMES) as run:
        run.close()
        with pytest.raises(ClosedRun):
            run.spawn(asyncio.sleep(0))
        with pytest.raises(ClosedRun):
            move_to_page(run.players[0], Market)


def test_a_run_can_be_closed_from_several_threads_at_once() -> None:
    """It closes once, and everybody comes back."""
    with serving(Market, names=NAMES) as run:
        failed: list[BaseException] = []

        def close() -> None:
            try:
                run.close()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=close, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)
        assert failed == []
        assert run.closed


def test_a_closed_run_leaves_no_thread_behind() -> None:
    """Neither its loop nor its watchdog."""
    before = set(threading.enumerate())
    with serving(Market, names=NAMES) as run:
        assert set(threading.enumerate()) > before
        run.close()
    left = [t for t in set(threading.enumerate()) - before if t.name.startswith("uproot_nb")]
    for thread in left:
        thread.join(5)
    assert not [thread for thread in left if thread.is_alive()]


# ---- the state is what replaying gives ----


class Session(RuleBasedStateMachine):
    """Joins, calls, moves, lost connections and restarts in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "log.sqlite3"
        self.browsers: dict[int, Browser] = {}
        self.heard: dict[int, list[Any]] = {}
        self.counts: dict[int, int] = {}
        self.numbers = 0
        self.groups = 0
        self.context: Any = None

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run what a browser does."""
        return self.loop.run_until_complete(coroutine)

    @initialize()
    def serve(self) -> None:
        """Serve the session, for the first time or again."""
        self.context = serving(Market, Bank, names=dict(NAMES), db=self.path, players=2, seed=1)
        self.run = self.context.__enter__()

    def stop(self) -> None:
        """Close the run and lose all connections."""
        self.context.__exit__(None, None, None)
        for browser in self.browsers.values():
            assert self.do(browser.closed()) == 4404
        self.context = None

    @rule()
    def restart(self) -> None:
        """The kernel comes back; browsers connect with the page that they have."""
        self.stop()
        self.serve()
        for number, browser in self.browsers.items():
            browser.url = self.run.link(self.run.players[number])
            browser._waiting = []
            self.do(browser.connect())

    @rule()
    def join(self) -> None:
        """Somebody opens the join link."""
        if len(self.run.players) < 5:
            before = len(self.run.players)
            response = self.do(Browser(self.run.join_link).fetch(body={}))
            assert response.code == 303
            assert len(self.run.players) in (before, before + 1)

    @rule(number=st.integers(0, 4))
    def open(self, number: int) -> None:
        """A browser loads the page anew."""
        if number < len(self.run.players):
            if number in self.browsers:
                self.do(self.browsers[number].disconnect())
            self.browsers[number] = self.do(Browser.open(self.run, number))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), again=st.booleans(), price=st.integers(0, 9))
    def call(self, data: Any, again: bool, price: int) -> None:
        """A call, perhaps sent twice, perhaps for a page that was left."""
        number = data.draw(st.sampled_from(sorted(self.browsers)))
        method = data.draw(st.sampled_from(["offer", "later", "fail", "nothing"]))
        browser, player = self.browsers[number], self.run.players[number]
        stale = browser.page["page"] != player.position or player.page is None  # past the end
        self.numbers += 1
        args = [price] if method in ("offer", "later") else []
        outcomes = []
        for _ in range(1 + again):
            try:
                call = browser.call(method, *args, call_id=f"load-{self.numbers}")
                outcomes.append(self.do(call))
            except Rejected as rejection:
                outcomes.append(rejection.kind)
        assert len({str(outcome) for outcome in outcomes}) == 1
        if stale:
            assert outcomes[0] == "StalePage"
        elif method == "offer":
            self.counts[number] = self.counts.get(number, 0) + 1
            assert outcomes[0] == self.counts[number]
        else:
            assert outcomes[0] == {"later": price, "fail": "Error", "nothing": "NotLive"}[method]

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def reconnect(self, data: Any) -> None:
        """A browser loses its connection and comes back."""
        self.do(self.browsers[data.draw(st.sampled_from(sorted(self.browsers)))].reconnect())

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def submit(self, data: Any) -> None:
        """Somebody presses Next, perhaps on a page that was left."""
        number = data.draw(st.sampled_from(sorted(self.browsers)))
        browser, player = self.browsers[number], self.run.players[number]
        before, shown = player.position, browser.page["visit"]
        fresh = shown == visit_token(self.run._runtime.world, player) and before < 2
        assert self.do(browser.submit()).code == 303
        assert player.position == (before + 1 if fresh else before)

    @rule(number=st.integers(0, 4), page=st.sampled_from([Market, Bank]))
    def move(self, number: int, page: type[Page]) -> None:
        """The researcher moves a player."""
        if number < len(self.run.players):
            move_to_page(self.run.players[number], page)

    @rule(data=st.data())
    def group(self, data: Any) -> None:
        """The researcher forms a group anew."""
        members = data.draw(st.sets(st.sampled_from(range(len(self.run.players))), min_size=1))
        self.groups += 1
        chosen = [self.run.players[n] for n in sorted(members)]
        create_group(self.run.session, chosen, f"g{self.groups}", overwrite=True)

    @rule(key=st.sampled_from("abc"), value=st.integers() | st.text() | st.lists(st.booleans()))
    def change(self, key: str, value: Any) -> None:
        """A cell changes the session in place."""
        with self.run.lock:
            self.run.session.best[key] = value
            self.run.session.seen.discard(1)
            if isinstance(value, list):
                self.run.session.best[key].append(value and value[0])

    @invariant()
    def offers_are_as_many_as_calls(self) -> None:
        """No call ran twice, none was lost."""
        if self.context is not None:
            for number, player in enumerate(self.run.players):
                assert len(player.offers) == self.counts.get(number, 0)

    def teardown(self) -> None:
        """Compare the live state with what the log gives, from its first event and a snapshot."""
        if self.context is None:
            return
        world = self.run._runtime.world
        for browser in self.browsers.values():
            self.do(browser.settle())
            seqs = [event["seq"] for event in browser.events]
            assert seqs == sorted(set(seqs))
        self.stop()
        log = SqliteLog(self.path)
        codec = world.codec
        replayed = State(codec).apply_all(log.read("market"))
        snapshot = log.load_snapshot("market")
        assert snapshot is not None
        folded = State(Codec()).load(snapshot.state)
        folded.apply_all(log.read("market", after=folded.seq))
        assert plain(world.state) == plain(replayed)
        assert folded.players == replayed.players
        assert folded.groups == replayed.groups
        log.close()
        self.do(asyncio.sleep(0))
        self.loop.close()
        self.folder.cleanup()


Session.TestCase.settings = examples(
    40,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestReplay = Session.TestCase


@pytest.mark.long
async def test_calls_from_many_players_and_cells_replay_to_the_same_state(tmp_path: Path) -> None:
    """Under load too."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, names=NAMES, players=5, db=path) as run:
        browsers = [await Browser.open(run, n) for n in range(5)]
        stop = threading.Event()

        def cell() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                with run.lock:
                    run.session.best["cell"] = [number, {"n": number}]
                    run.session.best["cell"][1]["n"] += 1

        thread = threading.Thread(target=cell)
        thread.start()
        for number in range(20):
            calls = [b.call(["offer", "later"][number % 2], number) for b in browsers]
            results = await together(*calls)
            assert not [result for result in results if isinstance(result, Exception)]
        stop.set()
        thread.join()
        world = run._runtime.world
    log = SqliteLog(path)
    replayed = State(world.codec).apply_all(log.read("market"))
    assert plain(world.state) == plain(replayed)
    log.close()
