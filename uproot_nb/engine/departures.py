"""Departures: when somebody has gone, pages look again at those who are left on them."""

from __future__ import annotations

from functools import partial
from typing import Any

from uproot_nb.engine.entities import Player
from uproot_nb.engine.hooks import attempt_for, blame, cause_of, undo
from uproot_nb.engine.journeys import Journeys
from uproot_nb.engine.steps import perform
from uproot_nb.engine.trouble import Trouble
from uproot_nb.engine.whereabouts import Whereabouts
from uproot_nb.engine.world import World

__all__ = ["Departures"]


class Departures:
    """Lets pages on which players depend on each other know that somebody has moved or dropped out.

    That are kinds of pages with a class method `look_again(player)`, such as a call market's. It
    runs at once, under the same lock and in the same commit as the move: neither a kill nor another
    player's call comes between the two, and a rerun has them in the same order.
    """

    def __init__(
        self, world: World, journeys: Journeys, whereabouts: Whereabouts, trouble: Trouble
    ) -> None:
        self._world, self._journeys = world, journeys
        self._whereabouts, self._trouble = whereabouts, trouble

    def look(self, player: Player) -> None:
        """Let every such page on which somebody is look again, now that *player* has gone."""
        pages = [page for page in self._journeys.pages.values() if hasattr(page, "look_again")]
        if not pages:
            return
        with self._world.lock:
            for page in pages:
                if self._whereabouts.is_shown(page.key):
                    self._look(page, player)

    def _look(self, page: Any, player: Player) -> None:
        world, tried = self._world, attempt_for(player, page, "look_again")
        before = world.lock.begin_step(tried)
        try:
            perform(partial(page.look_again, player))
        except Exception as error:  # the border around authors' functions
            undo(world, tried)
            blame(error, tried)
            self._trouble.report(error, cause_of(error) or tried, player.subject)
        finally:
            world.lock.end_step(before)
