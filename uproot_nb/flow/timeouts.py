"""Timeouts: pages' deadlines, which the kernel enforces with or without a browser."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import Any

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause, CountedSteps
from uproot_nb.session.world import World

__all__ = ["GRACE", "RETURN_WITHIN", "Timeouts"]

GRACE = 2.0
"""Seconds that an open browser has, from the deadline on, to send its form."""
RETURN_WITHIN = 15.0
"""Seconds after the deadline in which a browser that was offline may bring what was entered.

They count from the return of the kernel or the participant server, if that was away. A browser
that lies about when something was entered gains so much, and `GRACE`.
"""
LONGEST = 10 * 365 * 86400.0
"""The longest timeout, in seconds."""
EARLY = 0.05
"""Seconds before the deadline from which a form counts as sent at the deadline."""


class Timeouts:
    """Sets a timer for each player's deadline, and logs when it has passed.

    The event is written before anything follows from it. So the log shows what came too late and
    what just in time, and a rerun decides the same.

    Args:
        cause_for: (player, what) → the cause of an act of the flow.
        ask: asks the player's open browser for its form.
        up: called when a player's time is up and no form has come.
        has_form: whether a player's page has a form with questions.
    """

    def __init__(
        self,
        world: World,
        cause_for: Callable[[Player, str], Cause],
        ask: Callable[[Player], None],
        up: Callable[[Player], Any],
        has_form: Callable[[Player], bool],
    ) -> None:
        self._has_form = has_form
        self._connected_at: float | None = None
        """When the participant server was there again; None while there is none."""
        self._world, self._cause_for, self._ask, self._up = world, cause_for, ask, up
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._paused_at: float | None = None
        self.were_changed = world.state.opened
        """Whether a browser that was offline may have missed a pause, or more time: there has been
        one, or the kernel has been restarted."""
        self._lost = 0.0
        self.shift_listeners: dict[str, Callable[[float], None]] = {}
        """By name: called with the seconds by which every deadline was moved."""
        self.is_recorded: Callable[[Player], bool] = lambda player: False
        """Whether a recording decides when a player's time is up and what follows: in a rerun."""

    def begin(self, player: Player, page: type[Page], seconds: Any, *, held: bool = False) -> None:
        """Start a page's timeout for a player, of so many seconds from now.

        Args:
            held: let the clock stand still until `release`.
        """
        if not _is_seconds(seconds):
            raise BadPage(
                page.__name__,
                f"its timeout is {seconds!r} for player/{player.name}.",
                "Set or return a number of seconds, or None for no timeout.",
            )
        seconds = max(0.0, min(float(seconds), LONGEST))
        if held:
            with self._world.lock:
                value = {"deadline": None, "held": seconds}
                self._write(player, value, self._world.lock.cause)
        else:
            self._set(player, self.now + seconds)

    def release(self, player: Player) -> None:
        """Start the clock of a timeout that is held. Idempotent."""
        with self._world.lock:
            held = player._state.held
            if held is not None:
                self._set(player, self.now + held)

    def face(self, player: Player) -> tuple[float, bool] | None:
        """Return what a page's clock shows: the seconds left, and whether it stands still.

        None without a timeout.
        """
        held = player._state.held
        if held is not None:
            return held, True
        left = self.remaining(player)
        return None if left is None else (left, self.stopped)

    @staticmethod
    def has_timeout(player: Player) -> bool:
        """Return whether a player's page has a timeout, whose clock may not have begun."""
        return player._state.deadline is not None or player._state.held is not None

    def extend(self, player: Player, seconds: float) -> None:
        """Give a player so many seconds more; if the time is up, they count from now."""
        deadline, held = player._state.deadline, player._state.held
        if held is not None:
            more = {"deadline": None, "held": min(held + seconds, LONGEST), "extended": seconds}
            self._write(player, more, self._world.lock.cause)
        elif deadline is not None:
            self.were_changed = True
            until = min(max(deadline, self.now) + seconds, self.now + LONGEST)
            self._set(player, until, extended=seconds)

    def remaining(self, player: Player) -> float | None:
        """Return the seconds left, 0 or more; None without a timeout whose clock has begun."""
        deadline = player._state.deadline
        if deadline is None:
            return None
        return max(0.0, deadline - self.now)

    @property
    def stopped(self) -> bool:
        """Whether the clocks are stopped."""
        return self._paused_at is not None

    @property
    def now(self) -> float:
        """The time for deadlines, in Unix seconds; it stands still in a pause."""
        return self._world.clock() if self._paused_at is None else self._paused_at

    @property
    def elapsed(self) -> float:
        """Seconds since some moment, without pauses and changes of the machine's clock."""
        return self.now - self._lost

    def has_passed(self, player: Player) -> bool:
        """Return whether the player's deadline has passed, and log it the first time."""
        state = player._state
        if state.deadline is None or self._paused_at is not None:
            return False
        with self._world.lock:
            if not state.late and self._is_over(player) and not self.is_recorded(player):
                self.note_passed(player)
            return state.late

    def is_overdue(self, player: Player) -> bool:
        """Return whether it is so long after the player's deadline that the browser was offline."""
        deadline = player._state.deadline
        if deadline is None or self.is_recorded(player):
            return False
        return self.now - deadline > GRACE

    def is_in_time(self, player: Player, age: float | None) -> bool:
        """Return whether a form that comes now was entered before the player's deadline.

        Args:
            age: seconds since the form's last change, by its page's clock; None if unknown.
        """
        deadline = player._state.deadline
        if deadline is None or not self.is_overdue(player):
            return True
        is_awaited = self.now <= self._last_moment(deadline) + GRACE
        return is_awaited and age is not None and self.now - age <= deadline + GRACE

    def awaits_form(self, player: Player) -> bool:
        """Return whether the time is up and the browser may still bring the form."""
        state = player._state
        is_near = state.deadline is not None and self.now <= self._last_moment(state.deadline)
        return is_near and state.late and self._was_here(player)

    def note_connection(self, connected: bool) -> None:
        """Note that the participant server is there, or has gone.

        While it is away nobody's browser can bring a form, so nobody is moved on without.
        """
        self._connected_at = self.now if connected else None
        if connected:
            self.resume()

    def _last_moment(self, deadline: float) -> float:
        """Return until when a form is waited for whose browser is offline at the deadline."""
        if self._connected_at is None:
            return math.inf
        return max(deadline, self._connected_at) + RETURN_WITHIN

    def _was_here(self, player: Player) -> bool:
        """Return whether somebody may have entered something on this visit to the page."""
        state = player._state
        return state.met == state.entered and not state.dropped and self._has_form(player)

    def note_passed(self, player: Player) -> None:
        """Log that the player's time is up.

        A call that finds it out counts as later, so that a rerun finds it out first, too.
        """
        self._write(player, {"deadline": player._state.deadline, "passed": True})
        cause = self._world.lock.cause
        if isinstance(cause, CountedSteps):
            cause.begin_anew()

    def resume(self) -> None:
        """Set timers for the deadlines in the log."""
        for player in self._world.players():
            if player._state.deadline is not None:
                self.arm(player)

    def arm(self, player: Player) -> None:
        """Set a timer for the player's deadline."""
        self.disarm(player)
        left = self.remaining(player)
        if left is not None and self._paused_at is None:
            visit = player._state.entered
            self._timers[player.name] = self._world.loop.call_later(
                left, self._reached, player, visit, GRACE
            )

    def disarm(self, player: Player) -> None:
        """Cancel the player's timer."""
        timer = self._timers.pop(player.name, None)
        if timer is not None:
            timer.cancel()

    def pause(self) -> None:
        """Stop the clocks."""
        if self._paused_at is None:
            self._paused_at = self._world.clock()
            self.were_changed = True

    def go_on(self) -> None:
        """Start the clocks again; everybody has as much time left as before the pause."""
        if self._paused_at is None:
            return
        lost = self._world.clock() - self._paused_at
        self._paused_at = None
        self._shift(lost)

    def follow_clock(self, seconds: float) -> None:
        """Move every deadline by a change of the machine's clock."""
        if self._paused_at is not None:
            self._paused_at += seconds
        self._shift(seconds)

    def _shift(self, seconds: float) -> None:
        self._lost += seconds
        if self._connected_at is not None:
            self._connected_at += seconds
        for player in self._world.players():
            if player._state.deadline is not None:
                self._set(player, player._state.deadline + seconds)
        for shift in list(self.shift_listeners.values()):
            shift(seconds)

    def close(self) -> None:
        """Cancel every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _set(self, player: Player, deadline: float, **details: Any) -> None:
        world = self._world
        with world.lock:
            self._write(player, {"deadline": deadline, **details}, world.lock.cause)
        world.loop.call_soon_threadsafe(self.arm, player)

    def _write(self, player: Player, value: dict[str, Any], cause: Cause | None = None) -> None:
        world = self._world
        cause = cause or self._cause_for(player, "timeout")
        text = world.codec.encode(value)
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
                self.arm(player)  # the deadline was moved
            elif not self.has_passed(player):
                return  # the recording sets the timer again
            elif grace and state.online:
                self._ask(player)
                self._timers[player.name] = self._world.loop.call_later(
                    grace, self._reached, player, visit, 0.0
                )
            elif not self.is_recorded(player):
                self._wait_or_go_on(player, visit)

    def _wait_or_go_on(self, player: Player, visit: int) -> None:
        if not self.awaits_form(player):
            self._up(player)
            return
        left = self._last_moment(player._state.deadline or 0.0) - self.now
        if left < math.inf:  # else until the server is back
            self._timers[player.name] = self._world.loop.call_later(
                left + EARLY, self._reached, player, visit, 0.0
            )


def _is_seconds(value: Any) -> bool:
    """Return whether a value is a real number other than NaN."""
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool) and value == value
