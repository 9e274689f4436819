"""Dropouts: players who have been offline too long, by the state of their connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uproot_nb.errors import UprootError, WrongRecipient
from uproot_nb.flow.timeouts import Timeouts
from uproot_nb.session.entities import Player
from uproot_nb.session.functions import name_of_function
from uproot_nb.session.world import World, world_of

__all__ = ["TOLERANCE", "Dropouts", "mark_dropout", "watch_for_dropout"]

TOLERANCE = 30.0
"""Seconds that a player may be offline, if the author names none."""

Handler = Callable[[Player], Any]


def watch_for_dropout(player: Player, handler: Handler, tolerance: float = TOLERANCE) -> None:
    """Call *handler* after the player has been offline for *tolerance* seconds.

        async def left(player):
            player.timed_out = True
            move_to_end(player)

        def new_player(player):
            watch_for_dropout(player, left, tolerance=15)

    A browser that reconnects in time is not a dropout. The watch survives a restart of the kernel
    if the handler is defined at the top level of the notebook or app.

    Raises:
        UprootError: the handler cannot be called, or the tolerance is not a number of seconds.
    """
    if not isinstance(player, Player):
        raise WrongRecipient(player)
    if not callable(handler):
        raise UprootError(
            f"watch_for_dropout() got {handler!r} as its handler, which is not a function.\n"
            "Pass a function that takes the player, such as 'async def left(player)'."
        )
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or tolerance < 0:
        raise UprootError(
            f"watch_for_dropout() got tolerance={tolerance!r}, which is not a number of seconds.\n"
            "Pass 0 or more, such as tolerance=30."
        )
    world_of(player).dropouts.watch(player, handler, float(tolerance))


def mark_dropout(player: Player) -> None:
    """Count a player as a dropout: nobody waits for them, and the handler of a watch runs."""
    if not isinstance(player, Player):
        raise WrongRecipient(player)
    world_of(player).dropouts.mark(player)


class Dropouts:
    """Watches players' connections.

    Args:
        call: runs an author's handler for a player and reports its errors; afterwards the player
            has left.
        find: returns the handler of a name in the log.
        dropped: called after each dropout, so that nobody goes on waiting for the player.
        left: called with each dropout who has no handler.
        clocks: the run's time, which stands still in a pause.
    """

    def __init__(
        self,
        world: World,
        call: Callable[[Handler, Player], None],
        find: Callable[[str], Handler | None],
        dropped: Callable[[], None],
        left: Callable[[Player], None],
        clocks: Timeouts,
    ) -> None:
        self._world, self._call, self._find = world, call, find
        self._dropped, self._left, self._clocks = dropped, left, clocks
        self._since: dict[str, float] = {}
        """By player: when their absence began, by `clocks.elapsed`."""
        clocks.shift_listeners["dropouts"] = self._follow
        self._handlers: dict[str, Handler] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.is_recorded: Callable[[Player], bool] = lambda player: False
        """Whether a recording decides when a watched player drops out, and no timer; in a rerun."""

    def watch(self, player: Player, handler: Handler, tolerance: float) -> None:
        """Watch a player; a second watch replaces the first."""
        world = self._world
        with world.lock:
            self._handlers[player.name] = handler
            now = world.journal.clock()
            name = name_of_function(handler)
            watch = {"handler": name, "tolerance": tolerance, "since": now}
            self._since[player.name] = self._clocks.elapsed
            self._write(player, {"watch": watch})
        world.loop.call_soon_threadsafe(self.arm, player)

    def mark(self, player: Player) -> None:
        """Count a player as a dropout, online or not."""
        with self._world.lock:
            if not player.has_dropped_out:
                self._drop(player, by_hand=True)

    def drop_as_recorded(self, player: Player) -> None:
        """Count a watched player as a dropout at the recorded moment."""
        with self._world.lock:
            if self.is_recorded(player) and not player.has_dropped_out:
                self._drop(player)

    def resume(self) -> None:
        """Resume the watches that are in the log."""
        now, elapsed = self._world.journal.clock(), self._clocks.elapsed
        for player in self._world.players():
            state = player._state
            if state.watch is not None:
                since = max(state.offline_since or 0.0, state.watch["since"])
                self._since[player.name] = elapsed - max(0.0, now - since)
        self._arm_all()

    def _follow(self, seconds: float) -> None:
        """Set the timers again after a pause or a change of the machine's clock."""
        self._world.loop.call_soon_threadsafe(self._arm_all)

    def _arm_all(self) -> None:
        for player in self._world.players():
            self.arm(player)

    def note_presence(self, player: Player) -> None:
        """Handle that a player has connected or disconnected."""
        if not player.online:
            self._since[player.name] = self._clocks.elapsed
            self.arm(player)
            return
        timer = self._timers.pop(player.name, None)
        if timer is not None:
            timer.cancel()
        if player.has_dropped_out and not player._state.dropped_by_hand:
            self._write(player, {"dropped": False})

    def arm(self, player: Player) -> None:
        """Set a timer for the moment when the player will have been offline too long."""
        timer = self._timers.pop(player.name, None)
        if timer is not None:
            timer.cancel()
        state = player._state
        if state.watch is None or state.online or state.dropped or not state.claimed:
            return
        if self._clocks.stopped:
            return  # armed again when the clocks go on
        left = max(0.0, self._remaining(player))
        self._timers[player.name] = self._world.loop.call_later(left, self._check, player)

    def close(self) -> None:
        """Cancel every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _check(self, player: Player) -> None:
        self._timers.pop(player.name, None)
        with self._world.lock:
            state = player._state
            if state.watch is None or state.online or state.dropped or self._clocks.stopped:
                return
            if self.is_recorded(player):
                return
            if self._remaining(player) > 0.02:
                self.arm(player)
            else:
                self._drop(player)

    def _remaining(self, player: Player) -> float:
        """Return how many seconds longer a player may be offline."""
        watch, elapsed = player._state.watch or {"tolerance": 0.0}, self._clocks.elapsed
        return float(self._since.get(player.name, elapsed) + watch["tolerance"] - elapsed)

    def _drop(self, player: Player, by_hand: bool = False) -> None:
        self._write(player, {"dropped": True, "by_hand": by_hand})
        watch = player._state.watch
        if watch is None:
            self._left(player)
        else:
            handler = self._find(watch["handler"]) or self._handlers.get(player.name)
            self._call(handler or _lost(watch["handler"]), player)
        self._dropped()

    def _write(self, player: Player, value: dict[str, Any]) -> None:
        self._world.journal.fold("dropout", player.subject, "", self._world.codec.encode(value))


def _lost(name: str) -> Handler:
    """Return a handler that reports why the author's own was not called."""

    def lost_handler(player: Player) -> None:
        raise UprootError(
            f"player/{player.name} dropped out, but the handler '{name}' is not defined in this "
            "kernel.\nDefine it in a cell, outside other functions, and serve again."
        )

    return lost_handler
