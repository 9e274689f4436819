"""Walks: whatever order the pages have and whatever happens on the way, nobody is stuck.

A machine draws a page order, lets players submit, reload, go back, be moved and run out of time,
kills the kernel and brings it back, and holds the flow to what it promises.
"""
# ruff: noqa: ANN001, ANN201, C408, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.examples import examples, some_of
from tests.running import Browser, plain, serving, set_clock
from uproot_nb import (
    Between,
    Bracket,
    GroupCreatingWait,
    IntegerField,
    NoshowPage,
    Page,
    Random,
    Repeat,
    Rounds,
    SynchronizingWait,
    leave,
    mark_dropout,
    move_to_end,
    move_to_page,
)
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.state import State
from uproot_nb.session.visits import visit_token

PLAYERS = 4
BROKEN: set[str] = set()
"""The hooks that raise for now: an author's mistake, until it is mended."""
MOVES = [
    move_to_end,
    lambda player: leave(player, "screened"),
    lambda player: [move_to_page(one, 0) for one in player.session.players],
    lambda player: None,
]
"""Where each player's broken hook moves players, before it raises."""


def note(page, player, hook, of_the_page):
    """Keep on the player that a hook has run, for this page or at this position."""
    if hook in BROKEN:
        player.half_done = hook
        MOVES[player.id](player)
        raise RuntimeError(f"{hook} is broken")
    what = f"{hook} {page.__name__ if of_the_page else player.position}"
    player.ran = [*player.get("ran", []), what]


class Noted:
    """Hooks that run once, and keep that they did."""

    def before_always_once(page, player):
        note(page, player, "before_always_once", False)

    def before_once(page, player):
        note(page, player, "before_once", True)

    def after_once(page, player):
        note(page, player, "after_once", True)

    def after_always_once(page, player):
        note(page, player, "after_always_once", False)


class Ask(Noted, Page):
    """A question."""

    fields = dict(number=IntegerField(label="Number", min=0, max=9))


class Tell(Noted, Page):
    """A page that may be left backwards."""

    allow_back = True


class Timed(Noted, Page):
    """A page with little time."""

    fields = dict(number=IntegerField(label="Number", min=0, max=9))
    timeout = 60


class Skipped(Noted, Page):
    """A page for some."""

    def show(page, player):
        return player.id % 2 == 0


class Quiet(Noted, NoshowPage):
    """A page for nobody."""


class Decide(Noted, Page):
    """Another round, or not."""

    def before_once(page, player):
        note(page, player, "before_once", True)
        player.rounds_left = 2

    def before_always_once(page, player):
        note(page, player, "before_always_once", False)
        player.rounds_left = player.get("rounds_left", 2) - 1
        player.add_round = player.rounds_left > 0


class Pair(GroupCreatingWait):
    """Who comes first is paired first."""

    group_size = 2

    def after_grouping(page, group):
        if "after_grouping" in BROKEN:
            raise RuntimeError("after_grouping is broken")
        group.formed = group.get("formed", 0) + 1


class Everybody(SynchronizingWait):
    """All wait for all."""

    synchronize = "session"

    def all_here(page, session):
        if "all_here" in BROKEN:
            raise RuntimeError("all_here is broken")
        session.met = session.get("met", 0) + 1


PAGES = [Ask, Tell, Timed, Skipped, Quiet]
HOOKS = [
    "before_always_once", "before_once", "after_once", "after_always_once", "after_grouping",
    "all_here",
]  # fmt: skip


def operators(entries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw an entry of a page order that holds others."""
    some = st.lists(entries, min_size=1, max_size=3)
    return st.one_of(
        some.map(lambda found: Random(*found)),
        some.map(lambda found: Bracket(*found)),
        some.map(lambda found: Between(*found)),
        some,
        st.tuples(some, st.integers(1, 2)).map(lambda t: Rounds(*t[0], n=t[1])),
    )


ENTRIES = st.recursive(st.sampled_from(PAGES), operators, max_leaves=6)
WAITS = st.sampled_from([[Everybody], [Rounds(Ask, Everybody, n=2)], []])
# Who repeats or is shuffled comes to waits at other times than the rest: those stand outside.
ORDERS = st.tuples(
    st.sampled_from([[], [Pair]]), st.lists(ENTRIES, min_size=1, max_size=3), WAITS,
    st.lists(ENTRIES, max_size=2), st.sampled_from([[], [Repeat(Ask, Decide)]]), WAITS,
).map(lambda parts: [entry for part in parts for entry in part])  # fmt: skip


class Walk(RuleBasedStateMachine):
    """Four players on their way through a page order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.lives = 0
        self.context: Any = None
        self.browsers: list[Browser] = []
        self.earlier: list[list[dict[str, Any]]] = [[] for _ in range(PLAYERS)]
        """What each player's pages said of themselves, oldest first."""
        self.moved: set[int] = set()
        """Who was moved, and so did not pass every page."""
        self.late = 0.0
        """By how many seconds the server's clock goes ahead."""

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def settle(self) -> None:
        """Let what was begun come to its end: nobody is on the way any more."""
        flow = self.run._runtime.flow

        async def calm() -> None:
            quiet = 0
            while quiet < 5:
                await asyncio.sleep(0)
                quiet = 0 if any(turn.locked() for turn in flow._turns.values()) else quiet + 1

        self.run._runtime.wait_for(calm())

    # ---- the kernel ----

    @property
    def path(self) -> Path:
        """Return the database of the kernel's present life."""
        return Path(self.folder.name) / f"life{self.lives}.sqlite3"

    @initialize(order=ORDERS)
    def begin(self, order: list[Any]) -> None:
        """Serve the session, and let everybody come."""
        BROKEN.clear()
        self.order = order
        self.serve()
        for number in range(PLAYERS):
            self.browsers.append(self.do(Browser.open(self.run, number)))
            self.earlier[number].append(self.browsers[number].page)

    def serve(self) -> None:
        self.context = serving(*self.order, db=self.path, players=PLAYERS, seed=7, name="walk")
        self.run = self.context.__enter__()
        set_clock(self.run, lambda: time.time() + self.late)

    def stop(self) -> None:
        self.context.__exit__(None, None, None)
        self.context = None

    def come_back(self) -> None:
        """Let the browsers find the kernel again, with the pages that they have."""
        for number, browser in enumerate(self.browsers):
            browser.url = self.run.link(self.run.players[number])
            browser._waiting = []
            self.do(browser.connect())

    @rule()
    def kill(self) -> None:
        """The kernel dies: what it had committed is all that there is."""
        self.settle()
        journeys = self.journeys()
        with sqlite3.connect(self.path) as living:
            self.lives += 1
            with sqlite3.connect(self.path) as copy:
                living.backup(copy)
        copy.close()
        living.close()
        self.stop()
        self.serve()
        for before, after in zip(journeys, self.journeys(), strict=True):
            assert after[: len(before)] == before or before[: len(after)] == after
        self.come_back()

    @rule()
    def restart(self) -> None:
        """The run is closed and served again: everything is as it was."""
        self.settle()
        journeys = self.journeys()
        before = [(player.position, player.page) for player in self.run.players]
        self.stop()
        self.replays()
        self.serve()
        self.settle()
        for player, (position, page) in zip(self.run.players, before, strict=True):
            # A hook that was mended lets go on who waits, or is on the way through a page that
            # nobody sees; and the time of others than the one who looked may be up, too.
            passing = page in ("Pair", "Everybody", "Quiet", "Skipped") or self.late
            told = page, position, player.page, player.position
            assert player.position == position or (passing and player.position > position), told
        assert [a[: len(b)] for b, a in zip(journeys, self.journeys(), strict=True)] == journeys
        self.come_back()

    def journeys(self) -> list[list[Any]]:
        return [list(player._state.journey or []) for player in self.run.players]

    def replays(self) -> None:
        """Assert that the closed run's log gives the state that the run had."""
        world, log = self.run._runtime.world, SqliteLog(self.path)
        replayed = State(world.codec).apply_all(log.read("walk"))
        assert plain(world.state) == plain(replayed)
        log.close()

    # ---- the participants ----

    def look(self, number: int) -> Browser:
        """Load a player's page anew."""
        browser = self.browsers[number]
        self.settle()
        answer = self.do(browser.fetch())
        if answer.code == 200:
            self.do(browser.load())
            self.settle()
            self.earlier[number].append(browser.page)
        else:
            assert answer.code == 500
            assert BROKEN
        return browser

    @rule(number=st.integers(0, PLAYERS - 1))
    def reload(self, number: int) -> None:
        """A reload runs no once-hook again, and moves nobody who need not go."""
        player, before = self.run.players[number], self.run.players[number].position
        self.look(number)
        on = self.run._runtime.flow.journeys.page(player, before)
        assert player.position >= before
        if player.position > before and before >= 0 and on is not None:
            may_pass = on.waits or not on.shown or on in (Timed, Skipped)
            assert may_pass or player._state.deadline or BROKEN

    @rule(number=st.integers(0, PLAYERS - 1), answer=st.integers(-2, 12), twice=st.booleans())
    def submit(self, number: int, answer: int, twice: bool) -> None:
        """A good answer goes on, once; a bad one stays and keeps nothing."""
        player, browser = self.run.players[number], self.look(number)
        before, page, count = player.position, player.page, player.get("answers", 0)
        fresh = browser.page["visit"] == visit_token(self.run._runtime.world, player)
        time_is_up = self.run._runtime.flow.timeouts.is_overdue(player)
        sent = self.do(browser.submit(number=str(answer)))
        if twice:
            self.do(browser.submit(number=str(answer)))
        asks = page in ("Ask", "Timed")
        if not fresh or page is None or page in ("Pair", "Everybody"):
            assert player.position == before or page in ("Pair", "Everybody")
        elif time_is_up:  # a hook has kept the player: a bad answer counts as none, and fails there
            assert sent.code == 500 if BROKEN else player.position > before
        elif asks and not 0 <= answer <= 9:
            assert sent.code == 422
            assert player.position == before
        elif not BROKEN:
            assert sent.code == 303
            assert player.position > before
            assert not asks or player.number == answer
        assert player.get("answers", 0) == count

    @rule(number=st.integers(0, PLAYERS - 1), which=st.integers(0, 5))
    def submit_late(self, number: int, which: int) -> None:
        """A form of a page that was left changes nothing."""
        player, known = self.run.players[number], self.earlier[number]
        page = known[max(0, len(known) - 1 - which)]
        if page["visit"] == visit_token(self.run._runtime.world, player):
            return
        self.settle()
        before = player.position, player.get("number"), player.page
        body = {"_uproot_page": page["page"], "_uproot_visit": page["visit"], "number": "5"}
        self.do(self.browsers[number].fetch(body=body))
        assert (player.position, player.get("number"), player.page) == before

    @rule(number=st.integers(0, PLAYERS - 1))
    def back(self, number: int) -> None:
        """Back leads to the page that was shown before, where there is a way."""
        player, browser = self.run.players[number], self.look(number)
        before, can = player.position, browser.page["back"]
        fresh = browser.page["visit"] == visit_token(self.run._runtime.world, player)
        if player.page is None or not fresh:
            return
        self.do(browser.submit(_uproot_back="1"))
        assert player.position < before if can else player.position == before

    @rule(number=st.integers(0, PLAYERS - 1))
    def time_passes(self, number: int) -> None:
        """Whoever is on a page with a deadline goes on without an answer."""
        player = self.run.players[number]
        self.look(number)
        before, was_timed = player.position, player.page == "Timed"
        self.late += 120
        self.look(number)
        if was_timed and not BROKEN:
            assert player.position > before

    # ---- the researcher ----

    @rule(number=st.integers(0, PLAYERS - 1), page=st.sampled_from([Ask, Tell, Timed, Skipped]))
    def move(self, number: int, page: type[Page]) -> None:
        """A player is put on a page of their journey."""
        player = self.run.players[number]
        keys = [
            step if isinstance(step, str) else step.get("page") for step in player._state.journey
        ]
        if page.__name__ in keys:
            self.moved.add(number)
            move_to_page(player, page)

    @rule(number=st.integers(0, PLAYERS - 1), ends=st.booleans())
    def take_out(self, number: int, ends: bool) -> None:
        """A player is sent to the end, or nobody waits for them any more."""
        player = self.run.players[number]
        if ends:
            self.moved.add(number)
            move_to_end(player)
        else:
            mark_dropout(player)

    @rule(hooks=st.sets(st.sampled_from(HOOKS), max_size=2))
    def redefine(self, hooks: set[str]) -> None:
        """The author breaks hooks, and mends others."""
        BROKEN.clear()
        BROKEN.update(hooks)

    # ---- what holds all the time ----

    @invariant()
    def once_is_once(self) -> None:
        """No once-hook ran twice for a player and page, or position."""
        if self.context is None:
            return
        with self.run.lock:
            for player in self.run.players:
                often = [what for what, n in Counter(player.get("ran", [])).items() if n > 1]
                assert often == []
            met = [group.get("formed", 0) for group in self.run.session.groups]
        assert all(formed <= 1 for formed in met)

    @invariant()
    def what_a_broken_hook_did_is_undone(self) -> None:
        """The player's data are as before the hook."""
        if self.context is not None:
            with self.run.lock:
                assert [p.get("half_done") for p in self.run.players] == [None] * PLAYERS
                assert not any(p.ended_as == "screened" for p in self.run.players)

    def teardown(self) -> None:
        """Everybody can be walked to the end; and the log gives the state."""
        if self.context is not None:
            BROKEN.clear()
            self.walk_to_the_end()
            self.every_page_was_passed()
            self.stop()
            self.replays()
        self.do(asyncio.sleep(0))
        self.loop.close()
        self.folder.cleanup()

    def walk_to_the_end(self) -> None:
        left = set(range(PLAYERS))
        while left:
            before = [(p.position, p.page) for p in self.run.players]
            for number in sorted(left):
                player, browser = self.run.players[number], self.look(number)
                if player.page is None:
                    left.discard(number)
                elif not browser.page["wait"]:
                    self.do(browser.submit(number="3"))
            if left and before == [(p.position, p.page) for p in self.run.players]:
                stuck = {number: self.run.players[number].page for number in left}
                # Only who finds no partner any more waits in vain, and who waits for them: dropouts
                # are nobody's partners. The author moves those on who are alone.
                alone = [number for number, page in stuck.items() if page == "Pair"]
                free = [n for n in alone if not self.run.players[n].has_dropped_out]
                assert set(stuck.values()) <= {"Pair", "Everybody"}, stuck
                assert alone, stuck
                assert len(free) < Pair.group_size, stuck
                for number in alone:
                    self.moved.add(number)
                    move_to_end(self.run.players[number])

    def every_page_was_passed(self) -> None:
        """Whoever was never moved has run the hooks of each position, and of each page."""
        for number in set(range(PLAYERS)) - self.moved:
            player = self.run.players[number]
            steps = enumerate(player._state.journey)
            keys = {n: s if isinstance(s, str) else s.get("page") for n, s in steps}
            noted = {n: key for n, key in keys.items() if key and key not in ("Pair", "Everybody")}
            ran = set(player.get("ran", []))
            for position in noted:
                assert f"before_always_once {position}" in ran
                assert f"after_always_once {position}" in ran
            shown = set(noted.values()) - ({"Skipped"} if player.id % 2 else set())
            for key in shown:
                assert f"before_once {key}" in ran
                assert f"after_once {key}" in ran


Walk.TestCase.settings = examples(
    30,
    stateful_step_count=some_of(20),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestWalks = Walk.TestCase
