"""DropoutHandlers: authors' functions for players who have been offline too long."""

from __future__ import annotations

from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.flow.dropouts import Handler
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.hooks import cause_of, run_authors
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["DropoutHandlers"]


class DropoutHandlers:
    """Runs a dropout's handler on the loop; afterwards the player has left."""

    def __init__(
        self, world: World, flow: Flow, tasks: SessionTasks, reports: ErrorReports
    ) -> None:
        self._world, self._flow, self._tasks, self._reports = world, flow, tasks, reports

    def call(self, handler: Handler, player: Player) -> None:
        """Run a handler soon, and report its errors; any thread may call."""
        cause = self._flow.moves.cause(player, getattr(handler, "__name__", "dropout"))
        self._world.loop.call_soon_threadsafe(
            lambda: self._tasks.start(self._handle(handler, player, cause))
        )  # a cell may have marked the player

    async def _handle(self, handler: Handler, player: Player, cause: Cause) -> None:
        try:
            await run_authors(handler, self._world, cause, player)
        except Exception as error:  # the border around authors' handlers
            self._reports.report(error, cause_of(error) or cause, player.subject)
        self._flow.departures.note(player)
