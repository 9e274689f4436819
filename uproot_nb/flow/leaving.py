"""Leaving: players' exits, by which their participation ends, and what they find there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.exits import exit_of, outcome_of, spelt_well
from uproot_nb.experiment.participation.farewells import Farewell, read_exits
from uproot_nb.flow.undone_moves import remember_place
from uproot_nb.log.player_status import ended_as
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Leaving"]


class Leaving:
    """Logs how players' participation ends; the log's `end` events are its only memory.

    Args:
        exits: returns what participants find at each exit of the experiment.
        way_in: returns how those come in who come by no room.
    """

    def __init__(
        self,
        world: World,
        exits: Callable[[], Mapping[str, Farewell]],
        way_in: Callable[[], WayIn],
    ) -> None:
        self._world, self._exits, self._way_in = world, exits, way_in

    @property
    def exits(self) -> list[str]:
        """The names of the experiment's own exits, in their order."""
        return list(self._exits())

    def check(self, exit: object) -> str:
        """Return the name of an exit.

        Raises:
            BadExit: it cannot be one, or is spelt almost like one of the experiment's.
        """
        return spelt_well(exit, self._exits())

    def end(self, player: Player, exit: str, cause: Cause) -> None:
        """Log that a player leaves by an exit."""
        world = self._world
        remember_place(player, cause)
        value = world.codec.encode({"exit": exit, "as": outcome_of(exit)})
        world.journal.fold_for(cause, "end", player.subject, exit, value)

    def free(self, player: Player, cause: Cause) -> None:
        """Log that a player's place is given to another."""
        value = self._world.codec.encode({"by": cause.actor})
        self._world.journal.fold_for(cause, "free", player.subject, "", value)

    def farewell_to(self, player: Player) -> Farewell:
        """Return what a player finds whose participation has ended."""
        exit, room = exit_of(ended_as(player._state)), player._state.room
        return self.farewell_at(exit, room, player.label or "", player.query, player.name)

    def farewell_at(
        self, exit: str, room: str, label: str, query: Mapping[str, str], player: str = ""
    ) -> Farewell:
        """Return what somebody finds at an exit, also without having become a player.

        An exit that the experiment does not have is that of the recruiter of the room or link.
        """
        values = {"label": label, "session": self._world.name, "player": player}
        values |= {f"query.{name}": value for name, value in query.items()}
        found = {**self._exits_of_recruiter(room), **self._exits()}.get(exit, Farewell())
        return found.filled(lambda name: values.get(name, ""))

    def _exits_of_recruiter(self, room: str) -> Mapping[str, Farewell]:
        stored = self._world.state.rooms.get(room) or {}
        recruiter = WayIn.load(stored.get("way", {})).recruiter or self._way_in().recruiter
        return {} if recruiter is None else read_exits(recruiter.exits)
