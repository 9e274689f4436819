"""Attendance: which players are online, by their open sockets."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from uproot_nb.flow.dropouts import Dropouts
from uproot_nb.flow.flow import Flow
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Attendance"]


class Attendance:
    """Logs who is online; whoever is waited for, or watched for dropout, depends on it.

    Args:
        report: reports an error with one player, which must not stop the code after it.
    """

    def __init__(
        self,
        world: World,
        flow: Flow,
        dropouts: Dropouts,
        report: Callable[[BaseException], None],
    ) -> None:
        self._world, self._flow, self._dropouts = world, flow, dropouts
        self._report = report
        self._sockets: dict[str, dict[int, str]] = {}  # by player: what carries each socket

    def note(self, player: str, socket: int, here: bool, by: str = "") -> None:
        """Note that a socket of a player has opened or closed.

        Args:
            by: what carries the socket, if it is no WebSocket.
        """
        if here and self._is_awaited(player):
            return  # a socket without a page
        sockets = self._sockets.setdefault(player, {})
        if here:
            sockets[socket] = by
        else:
            sockets.pop(socket, None)
        world = self._world
        state = world.state.players.get(player)
        by = "" if "" in sockets.values() else next(iter(sockets.values()), "")
        if state is not None and (state.online, state.by) != (bool(sockets), by):
            kind = "connect" if sockets else "disconnect"
            value = orjson.dumps({"by": by}).decode() if by else "null"
            with world.lock:
                cause = Cause(player, state.page or "", kind, "")
                world.journal.fold_for(cause, kind, f"player/{player}", "", value)
                entity = world.player(player)
                self._dropouts.note_presence(entity)
            self._flow.note_presence(entity)

    def _is_awaited(self, name: str) -> bool:
        """Return whether nobody has begun as a player of that name."""
        world = self._world
        return name in world.state.players and self._flow.newcomers.awaits(world.player(name))

    def note_all_left(self) -> None:
        """Log that nobody is online any more; called just before the end."""
        world = self._world
        with world.lock:
            for name, state in world.state.players.items():
                if state.online:
                    cause = Cause(name, state.page or "", "disconnect", "")
                    world.journal.fold_for(cause, "disconnect", f"player/{name}", "", "null")

    def reset(self) -> None:
        """Forget the sockets of an earlier connection; the server reports the open ones again."""
        for name in list(self._world.state.players):
            self._sockets[name] = {}
            try:
                self.note(name, -1, False)
            except Exception as error:  # the border around one player: the others follow
                self._report(error)
