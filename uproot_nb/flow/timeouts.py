"""Timeouts: pages' deadlines, kept by the server whether or not a browser is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import Any

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["GRACE", "Timeouts"]

GRACE = 2.0
"""Seconds that an open browser has, from the deadline on, to send what is in its form."""
LONGEST = 10 * 365 * 86400.0
"""Seconds that count as for ever."""
EARLY = 0.05
"""Seconds before the deadline from which a form counts as sent at the deadline."""


class Timeouts:
    """Arms each player's deadline and tells when it has passed.

    That it has is an event, written before anything follows from it: what came too late, and what
    just in time, can be read off the log, and comes out the same when it is told again.

    Args:
        ask: asks the player's open browser for its form.
        up: is called, in a task's stead, when a player's time is up and no form came.
    """

    def __init__(
        self,
        world: World,
        cause_for: Callable[[Player, str], Cause],
        ask: Callable[[Player], None],
        up: Callable[[Player], Any],
    ) -> None:
        self._world, self._cause_for, self._ask, self._up = world, cause_for, ask, up
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._paused_at: float | None = None
        self.were_stopped = False
        """Whether there has been a pause, of which a browser that was away knows nothing."""
        self._lost = 0.0
        self.shift_listeners: dict[str, Callable[[float], None]] = {}
        """By whom: is told after a pause by how many seconds everything ends later."""
        self.is_recorded: Callable[[Player], bool] = lambda player: False
        """Whether somebody else is going to say when a player's time is up: a recording."""

    def begin(self, player: Player, page: type[Page], seconds: Any) -> None:
        """Give a player so many seconds for the page, from now on."""
        if not _is_seconds(seconds):
            raise BadPage(
                page.__name__,
                f"its timeout is {seconds!r} for player/{player.name}.",
                "Return a number of seconds, or None for no timeout.",
            )
        seconds = min(float(seconds), LONGEST)
        self._set(player, self._now + max(0.0, seconds))

    def remaining(self, player: Player) -> float | None:
        """Return the seconds that are left, 0 or more; None without a timeout."""
        deadline = player._state.deadline
        if deadline is None:
            return None
        return max(0.0, deadline - self._now)

    @property
    def stopped(self) -> bool:
        """Whether the clocks stand still."""
        return self._paused_at is not None

    @property
    def _now(self) -> float:
        """The time that counts: in a pause it stands still."""
        return self._world.clock() if self._paused_at is None else self._paused_at

    @property
    def elapsed(self) -> float:
        """Seconds since some moment, without pauses and whatever the machine's clock is set to."""
        return self._now - self._lost

    def has_passed(self, player: Player) -> bool:
        """Tell whether the player's deadline is reached, and log it once it is."""
        state = player._state
        if state.deadline is None or self._paused_at is not None:
            return False
        with self._world.lock:
            if not state.late and self._is_over(player) and not self.is_recorded(player):
                self.note_passed(player)
            return state.late

    def note_passed(self, player: Player) -> None:
        """Log that the player's time is up."""
        self._write(player, {"deadline": player._state.deadline, "passed": True})

    def resume(self) -> None:
        """Arm the deadlines that the log knows of."""
        for player in self._world.players():
            if player._state.deadline is not None:
                self.arm(player)

    def arm(self, player: Player) -> None:
        """Wake up at the player's deadline."""
        self.disarm(player)
        left = self.remaining(player)
        if left is not None and self._paused_at is None:
            visit = player._state.entered
            self._timers[player.name] = self._world.loop.call_later(
                left, self._reached, player, visit, GRACE
            )

    def disarm(self, player: Player) -> None:
        """Forget the player's timer."""
        timer = self._timers.pop(player.name, None)
        if timer is not None:
            timer.cancel()

    def pause(self) -> None:
        """Stop the clocks."""
        if self._paused_at is None:
            self._paused_at = self._world.clock()
            self.were_stopped = True

    def go_on(self) -> None:
        """Let the clocks run again: everybody has as much time left as before the pause."""
        if self._paused_at is None:
            return
        lost = self._world.clock() - self._paused_at
        self._paused_at = None
        self._shift(lost)

    def follow_clock(self, seconds: float) -> None:
        """Move every deadline along with the machine's clock, which was set."""
        if self._paused_at is not None:
            self._paused_at += seconds
        self._shift(seconds)

    def _shift(self, seconds: float) -> None:
        self._lost += seconds
        for player in self._world.players():
            if player._state.deadline is not None:
                self._set(player, player._state.deadline + seconds)
        for shift in list(self.shift_listeners.values()):
            shift(seconds)

    def close(self) -> None:
        """Forget every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _set(self, player: Player, deadline: float) -> None:
        world = self._world
        with world.lock:
            self._write(player, {"deadline": deadline}, world.lock.cause)
        world.loop.call_soon_threadsafe(self.arm, player)

    def _write(self, player: Player, told: dict[str, Any], cause: Cause | None = None) -> None:
        world = self._world
        cause = cause or self._cause_for(player, "timeout")
        text = world.codec.encode(told)
        world.journal.fold_for(cause, "timeout", player.subject, player.page or "", text)

    def _is_over(self, player: Player) -> bool:
        return (self.remaining(player) or 0.0) <= EARLY

    def _reached(self, player: Player, visit: int, grace: float) -> None:
        self._timers.pop(player.name, None)
        with self._world.lock:
            state = player._state
            if state.entered != visit or state.deadline is None or self._paused_at is not None:
                return
            if not self._is_over(player):
                self.arm(player)  # it was moved meanwhile
            elif not self.has_passed(player):
                return  # who says when it has arms it again
            elif grace and state.online:
                self._ask(player)
                self._timers[player.name] = self._world.loop.call_later(
                    grace, self._reached, player, visit, 0.0
                )
            else:
                self._up(player)


def _is_seconds(value: Any) -> bool:
    """Tell whether a value is a number of seconds (of any kind of number, but no NaN)."""
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool) and value == value
