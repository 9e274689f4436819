"""NewPlaces: places that are opened, and the author's new_player for each."""

from __future__ import annotations

from functools import partial

from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.hooks import run_authors
from uproot_nb.realtime.rooms import Door
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["NewPlaces"]


class NewPlaces:
    """Opens places, and introduces their players to the experiment."""

    def __init__(self, world: World, flow: Flow, tasks: SessionTasks) -> None:
        self._world, self._flow, self._tasks = world, flow, tasks

    def count(self) -> int:
        """Return how many places there are, without those that were given to others."""
        return sum(not player.freed for player in self._world.state.players.values())

    async def open(self, claimed: bool = True) -> Player:
        """Open one more place and run the author's new_player for it."""
        player = self._world.add_player(claimed=claimed)
        await self.introduce(player)
        return player

    async def introduce(self, player: Player) -> None:
        """Run the author's new_player once; after an error it is run again."""
        cause = Cause(player.name, "", "new_player", "")
        for app in self._flow.journeys.setup.apps:
            what = f"new_player:{app.name}"
            if app.new_player is not None and what not in player._state.done:
                note = partial(self._flow.moves.mark, player, what)
                await run_authors(app.new_player, self._world, cause, player, then=note)

    def introduce_soon(self, player: Player) -> None:
        """Run the author's new_player on the loop; after a kill, the next kernel runs it."""
        cause = Cause(player.name, "", "new_player", "")
        self._world.loop.call_soon_threadsafe(
            lambda: self._tasks.start(self.introduce(player), cause)
        )

    def door(self) -> Door:
        """Return what rooms use of the flow."""
        flow = self._flow
        return Door(self._receive_newcomer, flow.newcomers.note, flow.room_page, flow.places)

    async def _receive_newcomer(self, player: Player) -> None:
        """Run the author's new_player and arrived for somebody who has come through a room."""
        await self.introduce(player)
        await self._flow.newcomers.welcome(player)
