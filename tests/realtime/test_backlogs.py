"""Backlogs: what a page has missed comes exactly once and in order, or the page loads anew."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, Rejected, serving, until
from uproot_nb import Page, Run, live, move_to_page, notify, send_to
from uproot_nb.bridge.messages import FAMILY_BITS, Backlog, SocketOpened
from uproot_nb.errors import LogAway
from uproot_nb.realtime import delivery
from uproot_nb.server.sockets import PlayerSocket
from uproot_nb.session.browser_json import LARGEST_VALUE, TooLarge


class First(Page):
    """Everybody starts here."""

    @live
    def give(page, player, size: int):
        return "x" * size

    @live
    def push(page, player, size: int):
        notify(player, player, "x" * size)


class Second(Page):
    """Some go on."""


class _Socket(PlayerSocket):
    """A socket whose other end is a tab in this process."""

    def __init__(self, tab: Tab, server: Any, player: Any) -> None:
        super().__init__(server.sockets, player, tab.page, tab.since)
        self._tab = tab

    def write(self, frames: bytes) -> None:
        while frames:
            size, start = frames[1], 2
            if size >= 126:
                start = 4 if size == 126 else 10
                size = int.from_bytes(frames[2:start], "big")
            self._tab.receive(json.loads(frames[start : start + size]))
            frames = frames[start + size :]


class Tab:
    """A page in a browser: it is rendered once, and connects again and again."""

    def __init__(self, run: Run, number: int) -> None:
        player = run.players[number]
        self.player = player.name
        with run.lock:
            run._runtime.world.journal.commit()
            self.page, self.entered = player.position, player._state.entered
            self.rendered = self.since = run._runtime.world.journal.seq
        self.received: list[tuple[int, Any]] = []
        self.loads_anew = False
        self.sockets: list[_Socket] = []

    def connect(self, run: Run) -> None:
        connect(run, [self])

    def disconnect(self, run: Run) -> None:
        async def close_socket() -> None:
            if self.sockets:
                self.sockets.pop().on_closed()

        run._runtime.wait_for(close_socket())

    def receive(self, frame: dict[str, Any]) -> None:
        """Do what the page's script does."""
        if frame["op"] == "event" and not self.loads_anew:
            assert frame["seq"] > self.since
            self.since = frame["seq"]
            self.received.append((frame["seq"], frame["data"]))
        elif frame["op"] == "action":
            self.loads_anew |= frame.get("entered") != self.entered


def connect(run: Run, tabs: list[Tab]) -> None:
    """Open a socket for each tab, all at once."""

    async def open_sockets() -> None:
        server = run._runtime.line._connect.__self__.server  # type: ignore[attr-defined]
        for tab in tabs:
            player = server.sessions.get(run._runtime.world.key).players[tab.player]
            tab.sockets.append(_Socket(tab, server, player))
            tab.sockets[-1].on_open()

    run._runtime.wait_for(open_sockets())


async def _settled(run: Run) -> None:
    """Wait until everything that was written is committed and sent, and every socket answered."""
    world = run._runtime.world
    world.journal.commit()
    while run._runtime.delivery._opened:
        await asyncio.sleep(0.001)
    for _ in range(5):
        await asyncio.sleep(0)


def settle(run: Run) -> None:
    run._runtime.wait_for(_settled(run))


def sent_to(run: Run, tab: Tab) -> list[tuple[int, Any]]:
    """Return what the log has for a tab since it was rendered."""
    world = run._runtime.world
    found = []
    for event in world.log.read(world.name, after=tab.rendered, kinds={"notify"}):
        value = json.loads(event.value)
        if tab.player in value["recipients"]:
            found.append((event.seq, value["data"]))
    return found


NUMBERS = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(st.just("push"), st.sets(NUMBERS), st.integers(1, 40)),
    st.tuples(st.just("pushes"), st.sets(NUMBERS), st.integers(1, 12)),
    st.tuples(st.sampled_from(["connect", "disconnect", "load", "other load"]), NUMBERS),
    st.tuples(st.sampled_from(["move", "lie"]), NUMBERS, st.integers(0, 1)),
    st.tuples(st.sampled_from(["restart", "line", "settle", "write"])),
)


@examples(25)
@given(steps=st.lists(STEPS, min_size=5, max_size=40))
def test_each_push_comes_once_and_in_order_or_the_page_loads_anew(steps: list[Any]) -> None:
    """Through pushes, reconnects, moves, lines that break, restarts, and what must be searched."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(delivery, "REMEMBERED", 4)
        patch.setattr(delivery, "REMEMBERED_BYTES", 3000)
        patch.setattr(delivery, "LARGEST_BACKLOG", 2000)
        patch.setattr(delivery, "PART_BYTES", 150)
        patch.setattr(delivery, "_EVENTS_A_TURN", 2)
        _Walk(Path(folder) / "log.sqlite3").take(steps)


class _Walk:
    def __init__(self, db: Path) -> None:
        self.db, self.tabs, self.count = db, list[Tab](), 0

    def take(self, steps: list[Any]) -> None:
        place = 0
        while place <= len(steps):
            with serving(First, Second, players=3, db=self.db) as run:
                if not self.tabs:
                    run.advance(run.players)
                    settle(run)
                    self.tabs = [Tab(run, number) for number in range(3)]
                for tab in self.tabs:
                    tab.sockets.clear()
                    tab.connect(run)
                while place < len(steps) and steps[place] != ("restart",):
                    self.do(run, *steps[place])
                    place += 1
                place += 1
                if place > len(steps):
                    self.check(run)

    def do(self, run: Run, what: str, *details: Any) -> None:
        if what in ("push", "pushes"):
            for _ in range(details[1] if what == "pushes" else 1):
                self.count += 1
                size = 1 if what == "pushes" else details[1]
                who = [run.players[number] for number in sorted(details[0])]
                send_to(who, [self.count, "x" * size])
        elif what == "connect":
            if not self.tabs[details[0]].sockets:
                self.tabs[details[0]].connect(run)
        elif what == "disconnect":
            self.tabs[details[0]].disconnect(run)
        elif what in ("load", "other load"):
            fresh = Tab(run, details[0])
            fresh.connect(run)
            if what == "load":
                self.tabs[details[0]].disconnect(run)
                self.tabs[details[0]] = fresh
            else:
                self.tabs.append(fresh)
        elif what == "move":
            move_to_page(run.players[details[0]], details[1])
        elif what == "lie":
            liar = Tab(run, details[0])
            liar.since = details[1] * 2**50
            liar.received = []
            liar.connect(run)
            settle(run)
            assert liar.received == [] or details[1] == 0
            liar.disconnect(run)
        elif what == "line":
            self.break_line(run)
        elif what == "settle":
            settle(run)
        else:
            run.session.number = self.count

    def break_line(self, run: Run) -> None:
        """Let the kernel lose the line and come back: the server names every socket anew."""

        async def cut() -> None:
            served = run._runtime.line._connect.__self__.server  # type: ignore[attr-defined]
            run._runtime.delivery.forget_sockets()
            for link in served.links:
                for session in link.sessions.values():
                    for opened in served.sockets.of_session(session):
                        opened.announce()

        run._runtime.wait_for(cut())

    def check(self, run: Run) -> None:
        for tab in self.tabs:
            if not tab.sockets:
                tab.connect(run)
        settle(run)
        for tab in self.tabs:
            player = run.players.get(tab.player)
            expected = sent_to(run, tab)
            assert tab.received == expected[: len(tab.received)]
            if not tab.loads_anew:
                assert player._state.entered == tab.entered
                assert tab.received == expected


def test_a_page_gets_no_push_of_the_next_visit_to_the_same_page() -> None:
    """Else it would count as that visit's own page, if it lost its line before it is reloaded."""
    with serving(First, Second) as run:
        run.advance(run.players)
        settle(run)
        tab = Tab(run, 0)
        tab.connect(run)
        settle(run)
        with run.lock:
            move_to_page(run.players[0], First)
            send_to(run.players[0], "for the next visit")
        settle(run)
        assert tab.loads_anew
        assert tab.since == tab.rendered


# ---- what it costs ----


class _Searches:
    """Counts how often the log is searched for pushes."""

    def __init__(self, run: Run, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        log = run._runtime.world.log
        read = log.read

        def counted(*args: Any, **options: Any) -> Any:
            kinds = options.get("kinds") or ()
            self.count += "notify" in kinds
            return read(*args, **options)

        patch.setattr(log, "read", counted)


def _opened(run: Run, numbers: list[int], since: list[int]) -> list[Tab]:
    tabs = [Tab(run, number) for number in numbers]
    for tab, seq in zip(tabs, since, strict=True):
        tab.since = tab.rendered = seq
    return tabs


@pytest.mark.long
def test_pages_that_come_back_after_a_restart_are_served_by_one_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them, at another place in the log: it is not read once for every page."""
    options: dict[str, Any] = {"players": 20, "db": tmp_path / "log.sqlite3"}
    with serving(First, **options) as run:
        run.advance(run.players)
        settle(run)
        tabs = []
        for number in range(20):
            send_to(run.players[::2], number)
            tabs.append(Tab(run, number))
    with serving(First, **options) as run:
        searches = _Searches(run, monkeypatch)
        connect(run, tabs)
        settle(run)
        assert searches.count == 1
        assert [tab.received for tab in tabs] == [sent_to(run, tab) for tab in tabs]
        assert sum(len(tab.received) for tab in tabs) == 100
        assert not any(tab.loads_anew for tab in tabs)


def test_what_a_page_cannot_have_missed_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser may claim any `since`, older than its page or of another log."""
    monkeypatch.setattr(delivery, "REMEMBERED", 5)
    with serving(First, Second, db=tmp_path / "log.sqlite3") as run:
        run.advance(run.players)
        for number in range(50):
            send_to(run.players, number)
        move_to_page(run.players[0], Second)
        settle(run)
        searches = _Searches(run, monkeypatch)
        tabs = _opened(run, [0] * 30, [*range(29), 2**50])
        connect(run, tabs)
        settle(run)
        assert searches.count == 0
        assert [tab.received for tab in tabs] == [[]] * 30
        assert tabs[-1].loads_anew
        tab = Tab(run, 0)
        tab.entered = -1  # a page of an earlier visit
        tab.since = run.players[0]._state.entered - 1
        tab.connect(run)
        settle(run)
        assert tab.loads_anew


def test_sockets_that_have_gone_are_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens and closes connections in a loop lets nobody search."""
    monkeypatch.setattr(delivery, "REMEMBERED", 5)
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        run.advance(run.players)
        settle(run)
        entered = run.players[0]._state.entered
        for number in range(50):
            send_to(run.players, number)
        settle(run)
        searches = _Searches(run, monkeypatch)
        (tab,) = _opened(run, [0], [entered])
        server = run._runtime.line._connect.__self__.server  # type: ignore[attr-defined]
        player = server.sessions.get(run._runtime.world.key).players[tab.player]

        async def open_and_close() -> None:
            for _ in range(100):
                socket = _Socket(tab, server, player)
                socket.on_open()
                socket.on_closed()

        run._runtime.wait_for(open_and_close())
        settle(run)
        assert (searches.count, tab.received) == (0, [])


def test_what_is_too_much_to_send_again_is_a_reload_of_that_page_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its size or by its number, from memory or from the log."""
    options: dict[str, Any] = {"players": 4, "db": tmp_path / "log.sqlite3"}
    monkeypatch.setattr(delivery, "LARGEST_BACKLOG", 3_000)
    monkeypatch.setattr(delivery, "LONGEST_BACKLOG", 30)
    with serving(First, **options) as run:
        run.advance(run.players)
        settle(run)
        tabs = [Tab(run, number) for number in range(4)]
        send_to(run.players[0], "x" * 4_000)
        for number in range(40):
            send_to(run.players[1], number)
        send_to(run.players[2], "few")
        for tab in tabs[:1]:
            tab.connect(run)
        settle(run)
        assert tabs[0].loads_anew
    with serving(First, **options) as run:
        for tab in tabs[1:]:
            tab.connect(run)
        settle(run)
        assert [tab.loads_anew for tab in tabs] == [True, True, False, False]
        assert [data for _, data in tabs[2].received] == ["few"]
        send_to(run.players, "all")
        settle(run)
        assert [data for _, data in tabs[2].received] == ["few", "all"]
        assert [data for _, data in tabs[3].received] == ["all"]


@pytest.mark.long
def test_a_page_loads_anew_when_the_log_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not left without pushes for ever, and the researcher sees why."""
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        run.advance(run.players)
        settle(run)
        tab = Tab(run, 0)
        send_to(run.players, "missed")
    with serving(First, db=tmp_path / "log.sqlite3") as run:

        def broken(*args: Any, **options: Any) -> Any:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(run._runtime.world.log, "read", broken)
            tab.connect(run)
            settle(run)
        assert tab.loads_anew
        assert "Input/output error" in run.errors["message"].iloc[-1]


def test_a_page_waits_for_a_log_that_is_away_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that restarts is no reason to load the page anew, and nothing comes twice."""
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        run.advance(run.players)
        settle(run)
        tab = Tab(run, 0)
        for number in range(5):
            send_to(run.players, number)
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        log, searches = run._runtime.world.log, itertools.count(1)
        read = log.read

        def read_or_break(*args: Any, **options: Any) -> Any:
            breaks = next(searches) < 3
            for place, event in enumerate(read(*args, **options)):
                if breaks and place == 2:
                    raise LogAway("a database", "it restarts")
                yield event

        monkeypatch.setattr(delivery, "AGAIN_SECONDS", 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(log, "read", read_or_break)
            tab.connect(run)
            settle(run)
        assert next(searches) == 4
        assert not tab.loads_anew
        assert [data for _, data in tab.received] == list(range(5))
        assert "LogAway" not in run.errors["type"].tolist()


@pytest.mark.long
def test_a_search_that_fails_leaves_nobody_behind_who_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are served by the next search, though no other socket comes."""
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        run.advance(run.players)
        settle(run)
        first, second = Tab(run, 0), Tab(run, 1)
        send_to(run.players, "missed")
    with serving(First, db=tmp_path / "log.sqlite3") as run:
        backlogs, searches = run._runtime.delivery, list[int]()
        search = backlogs._search

        async def fail_once(missed: list[Any]) -> None:
            searches.append(len(missed))
            if len(searches) > 1:
                await search(missed)
                return
            while len(backlogs._late) < 2:
                await asyncio.sleep(0)
            for _ in range(5):
                await asyncio.sleep(0)  # the second one's own search has been asked for
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(backlogs, "_search", fail_once)
        first.connect(run)
        second.connect(run)
        settle(run)
        assert first.loads_anew
        assert [data for _, data in second.received] == ["missed"]
        assert searches == [1, 1]


# ---- what is too large ----


@pytest.mark.long
async def test_a_value_that_is_too_large_is_refused_where_it_is_sent_or_returned() -> None:
    """The author reads how large it is, and what the limit is; nobody else notices."""
    with serving(First) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert await ann.call("give", LARGEST_VALUE - 2) == "x" * (LARGEST_VALUE - 2)
        for method in ("give", "push"):
            with pytest.raises(Rejected):
                await ann.call(method, LARGEST_VALUE)
            assert f"{LARGEST_VALUE + 2:,} bytes" in run.errors["message"].iloc[-1]
            assert f"{LARGEST_VALUE:,}" in run.errors["message"].iloc[-1]
        with pytest.raises(TooLarge) as refused:
            send_to(run.players, ["x" * 70_000_000])
        assert (refused.value.size, refused.value.limit) == (70_000_004, LARGEST_VALUE)
        assert "notify" not in set(run.events["kind"])
        send_to(run.players, "small")
        assert await ann.settle() == await bob.settle() == ["small"]


@pytest.mark.parametrize("remembered", [500, 2], ids=["from memory", "from the log"])
def test_a_gateway_that_reads_slowly_delays_no_other_gateways_backlogs(
    monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    monkeypatch.setattr(delivery, "REMEMBERED", remembered)
    with serving(First, players=1) as run:
        runtime, name = run._runtime, run.players[0].name
        run.advance(run.players)
        player = run.players[0]
        since = player._state.entered
        for _ in range(6):
            send_to(run.players, "x" * 200_000)
        sent: list[Any] = []
        reads = asyncio.Event()

        async def drain(number: int) -> None:
            if number >> FAMILY_BITS == SLOW:
                await reads.wait()

        def last_parts() -> list[int]:
            return [one.socket for one in sent if isinstance(one, Backlog) and not one.more]

        async def catch_up() -> None:
            runtime.world.send, runtime.world.drain = sent.append, drain
            slow = [SLOW << FAMILY_BITS | n for n in range(3)]
            fast = [FAST << FAMILY_BITS | n for n in range(3)]
            for number in [*slow, *fast]:
                runtime.delivery.catch_up(
                    SocketOpened(number, runtime.world.key, name, player.position, since)
                )
            await until(lambda: set(fast) <= set(last_parts()))
            assert not set(slow) <= set(last_parts())
            reads.set()
            await until(lambda: not runtime.delivery._opened)
            assert sorted(last_parts()) == sorted([*slow, *fast])
            for number in slow:
                frames = [f for one in sent if isinstance(one, Backlog) and one.socket == number
                          for f in one.frames]  # fmt: skip
                assert len(frames) == len(set(frames)) == 6

        send, wait = runtime.world.send, runtime.world.drain
        runtime.wait_for(catch_up())
        runtime.world.send, runtime.world.drain = send, wait


SLOW, FAST = 1, 2
