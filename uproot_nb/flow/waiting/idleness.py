"""Idleness: asks waiting participants who do nothing whether they are still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from numbers import Real
from typing import Any

from uproot_nb.experiment.pages import GroupCreatingWait, Page, WaitPage
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.page_reports import Reported
from uproot_nb.flow.timeouts import Timeouts
from uproot_nb.flow.whereabouts import Whereabouts
from uproot_nb.log.state import ASKED, AWAY, HERE, LEFT, TOUCHED
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["IDLE_EVENT", "LOBBY", "Idleness", "seconds_left"]

IDLE_EVENT = "_uproot_idle"
"""The push with whether a participant is asked, and how long it is to the way out."""
LOBBY = "lobby"
"""The exit of those who stop waiting."""
EARLY = 0.02
"""Seconds before its time at which a timer counts as on time."""
AGAIN_SECONDS = 5.0
"""How long nobody is asked whose group is just being made."""
SLACK = 2.0
"""Seconds by which a browser's clock may be ahead when it offers the way out."""
TOUCHES_LOGGED = 4
"""How many touches are logged, at most, in the time after which a participant is asked."""


def seconds_left(page: type[WaitPage], idle: str, silent: float) -> float | None:
    """Return after how many seconds something follows from a participant's silence; None if never.

    Args:
        idle: "" as long as nobody has asked, "asked", or "away" without an answer in time.
        silent: seconds since the participant was seen, or was asked.
    """
    if not issubclass(page, GroupCreatingWait) or page.idle is None or idle == AWAY:
        return None
    return (page.idle if idle == "" else page.idle_answer) - silent


class Idleness:
    """Watches players on wait pages by what their browsers report, and remembers who is away.

    The log has each question and answer, so that a restart goes on where it was and a rerun
    repeats them. A browser that reports what is not true harms only its own player.

    Args:
        clocks: the run's time, which stands still in a pause.
        push: pushes something to the page of one player.
        leave: ends a player's participation by an exit.
        is_being_grouped: returns whether a group with the player of this name is being made.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        whereabouts: Whereabouts,
        clocks: Timeouts,
        push: Callable[[Player, Any], None],
        leave: Callable[[Player, str], None],
        is_being_grouped: Callable[[str], bool],
    ) -> None:
        self._world, self._journeys, self._whereabouts = world, journeys, whereabouts
        self._clocks, self._push, self._leave = clocks, push, leave
        self._is_being_grouped = is_being_grouped
        self._ended = world.state.time
        """When the last kernel's log ends: nobody could touch a page after that."""
        self._visits: dict[str, int] = {}
        """The visit of each player who is watched."""
        self._came: dict[str, float] = {}
        """When each player has come, by `clocks.elapsed`; as for the two below."""
        self._seen: dict[str, float] = {}
        """When each player was last seen or, since then, asked."""
        self._logged: dict[str, float] = {}
        """When a touch was last logged."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.is_recorded = False
        """Whether a recording says who is asked and what they answer, and no timer; in a rerun."""
        clocks.shift_listeners["idleness"] = lambda seconds: self._arm_all()

    # ---- coming and going ----

    def resume(self) -> None:
        """Watch those who wait by the log, as if no time had passed since it ended."""
        for place in self._whereabouts.places():
            for name in self._whereabouts.arrived(place):
                self.note(name)
                state = self._world.state.players[name]
                self._came[name] -= max(0.0, self._ended - state.settled_at)
                if not state.idle:
                    seen = max(state.settled_at, state.touched)
                    self._seen[name] -= max(0.0, self._ended - seen)
        self._whereabouts.listeners.append(self.note)

    def note(self, name: str) -> None:
        """Handle a change of a player: watch who has begun to wait, and nobody else."""
        state = self._world.state.players[name]
        visit = state.entered if self._whereabouts.place_of(name) is not None else 0
        if self._visits.get(name, 0) == visit:
            return
        if visit:
            self._visits[name] = visit
            self._came[name] = self._seen[name] = self._clocks.elapsed
            self._world.loop.call_soon_threadsafe(self._arm, name)
        else:
            for known in (self._visits, self._came, self._seen, self._logged):
                known.pop(name, None)
            self._world.loop.call_soon_threadsafe(self._disarm, name)

    # ---- timers ----

    def _arm(self, name: str) -> None:
        """Set a timer for the moment when something follows from a player's silence."""
        self._disarm(name)
        left = self._left(name)
        if left is not None and not self._clocks.stopped and not self.is_recorded:
            self._timers[name] = self._world.loop.call_later(max(0.0, left), self._check, name)

    def _arm_all(self) -> None:
        for name in list(self._visits):
            self._world.loop.call_soon_threadsafe(self._arm, name)

    def _disarm(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Cancel every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _left(self, name: str) -> float | None:
        page = self._page_of(name)
        if page is None:
            return None
        silent = self._clocks.elapsed - self._seen[name]
        return seconds_left(page, self._world.state.players[name].idle, silent)

    def _check(self, name: str) -> None:
        """Ask a player who was silent for so long, or count one who has not answered as away."""
        self._timers.pop(name, None)
        with self._world.lock:
            left = self._left(name)
            if left is None or self._clocks.stopped:
                return
            if left > EARLY or self._is_being_grouped(name):
                wait = left if left > EARLY else AGAIN_SECONDS
                self._timers[name] = self._world.loop.call_later(wait, self._check, name)
                return
            idle = self._world.state.players[name].idle
            self._note_that(self._world.player(name), ASKED if idle == "" else AWAY)

    # ---- what browsers report ----

    def receive(self, report: Reported) -> None:
        """Handle what the script of a wait page reports.

        Raises:
            ValueError: it is nothing that our script sends.
        """
        what, ago = _read(report.data)
        player = report.player
        page = self._page_of(player.name)
        if page is None or report.position != player.position:
            return  # the page of a visit before
        if what == HERE and player._state.idle:
            self._note_that(player, HERE)
        elif what in (HERE, TOUCHED):
            self._touch(player, page, ago)
        else:
            self._ask_to_leave(player, page)

    def _touch(self, player: Player, page: type[WaitPage], ago: float) -> None:
        """Note that a participant was seen so many seconds ago; only an answer ends a question."""
        name, now = player.name, self._clocks.elapsed
        idle = page.idle if issubclass(page, GroupCreatingWait) else None
        if idle is None or player._state.idle:
            return
        self._seen[name] = max(self._seen[name], now - min(ago, idle))
        if now - self._logged.get(name, self._came[name]) >= idle / TOUCHES_LOGGED:
            self._note_that(player, TOUCHED)

    def _ask_to_leave(self, player: Player, page: type[WaitPage]) -> None:
        """Let a participant stop waiting, if the page offers it by now."""
        left = self._until_leaving(player.name, page)
        if left is None or self._is_being_grouped(player.name):
            return
        if left > SLACK:
            self._push(player, self.shown(player))
        else:
            self._note_that(player, LEFT)

    def _until_leaving(self, name: str, page: type[WaitPage]) -> float | None:
        if page.leave_after is None:
            return None
        return max(0.0, self._came[name] + page.leave_after - self._clocks.elapsed)

    # ---- what follows ----

    def repeat(self, player: Player, what: str) -> None:
        """Do again what a recording says, if the player waits."""
        if self._page_of(player.name) is not None:
            self._note_that(player, what)

    def shown(self, player: Player) -> dict[str, Any]:
        """Return what the page shows of this: whether to ask, and when to offer the way out."""
        page = self._page_of(player.name)
        if page is None:
            return {}
        grouping = page if issubclass(page, GroupCreatingWait) else None
        return {
            "idle": player._state.idle, "leave_in": self._until_leaving(player.name, page),
            "idle_after": grouping and grouping.idle,
            "idle_answer": grouping and grouping.idle_answer,
        }  # fmt: skip

    def _note_that(self, player: Player, what: str) -> None:
        """Log that a player was seen, asked, or has answered; and do what follows from it."""
        world, page = self._world, self._page_of(player.name)
        assert page is not None
        now = self._clocks.elapsed
        if what == TOUCHED:
            self._logged[player.name] = now
        else:
            self._seen[player.name] = now
        world.see_code(page)
        cause = Cause(player.name, page.key, f"{page.__name__}.{what}", page.source.hash)
        before = world.lock.begin_step(cause)
        try:
            text = world.codec.encode({"what": what})
            world.journal.fold_for(cause, "wait", player.subject, page.key, text)
            if what == LEFT:
                self._leave(player, LOBBY)
            elif what != TOUCHED:
                self._push(player, self.shown(player))
        finally:
            world.lock.end_step(before)
        world.loop.call_soon_threadsafe(self._arm, player.name)

    def _page_of(self, name: str) -> type[WaitPage] | None:
        """Return the wait page of a player who is watched."""
        if name not in self._visits:
            return None
        page: type[Page] | None = self._journeys.pages.get(
            self._world.state.players[name].page or ""
        )
        return page if page is not None and issubclass(page, WaitPage) else None


def _read(data: Any) -> tuple[str, float]:
    """Return what is reported, and how many seconds ago it was."""
    what, ago = (data.get("what"), data.get("ago", 0)) if isinstance(data, dict) else (None, 0)
    if what not in (HERE, TOUCHED, LEFT) or isinstance(ago, bool) or not isinstance(ago, Real):
        raise ValueError("No wait page sends this report.")
    return what, max(0.0, float(ago))
