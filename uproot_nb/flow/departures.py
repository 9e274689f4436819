"""Departures: when somebody has gone, pages look again at those who are left on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from uproot_nb.flow.hooks import attempt_for, blame, cause_of, undo
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.whereabouts import Whereabouts
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import perform
from uproot_nb.session.world import World

__all__ = ["Departures"]


class Departures:
    """Lets pages on which players depend on each other know that somebody has moved or dropped out.

    These are page classes that define `look_again(player)`, such as a call market's, and
    `looks_once_for(player)`: equal values mean that one look is enough for both players. It
    runs at once, under the same lock and in the same commit as the move: neither a kill nor another
    player's call comes between the two, and a rerun has them in the same order.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        whereabouts: Whereabouts,
        reports: ErrorReports,
    ) -> None:
        self._world, self._journeys = world, journeys
        self._whereabouts, self._reports = whereabouts, reports
        self._gone: dict[Player, None] | None = None
        """Who has gone in a block of `together`; None outside."""

    def note(self, player: Player) -> None:
        """Let every such page on which somebody is look again, now that *player* has gone."""
        with self._world.lock:
            if self._gone is None:
                self._look_for([player])
            else:
                self._gone[player] = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Look once for all who go in a block, at its end and in the same commit.

        Otherwise each of many who are moved would make the page ask all who are left.
        """
        with self._world.lock:
            if self._gone is not None:
                yield
                return
            self._gone = {}
            try:
                yield
            finally:
                gone, self._gone = self._gone, None
                self._look_for(gone)

    def _look_for(self, gone: Collection[Player]) -> None:
        pages: list[Any] = list(self._journeys.pages.values()) if gone else []
        for page in pages:
            if hasattr(page, "look_again") and self._whereabouts.is_shown(page.key):
                last = {page.looks_once_for(player): player for player in gone}
                for player in last.values():
                    self._look(page, player)

    def _look(self, page: Any, player: Player) -> None:
        world, tried = self._world, attempt_for(player, page, "look_again")
        before = world.lock.begin_step(tried)
        try:
            perform(partial(page.look_again, player))
        except Exception as error:  # the border around authors' functions
            undo(world, tried)
            blame(error, tried)
            self._reports.report(error, cause_of(error) or tried, player.subject)
        finally:
            world.lock.end_step(before)
