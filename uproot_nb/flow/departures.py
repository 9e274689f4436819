"""Departures: notify pages on which players depend on each other when one of them leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from uproot_nb.experiment.pages import Page
from uproot_nb.flow.hooks import attempt_for, blame, cause_of, undo
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.whereabouts import Whereabouts
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.journal import Attempt
from uproot_nb.session.steps import perform
from uproot_nb.session.world import World

__all__ = ["Departures"]


class Departures:
    """Calls `look_again(player)` of pages that define it, when a player has moved or dropped out.

    A call market's page is one. It is called while it has players; with `looks_when_empty`, always,
    so that it can end what the last of them has left. Its `looks_once_for(player)` returns equal
    values for players who need one call only. The call runs under the lock and in the commit of the
    move: neither a kill nor another player's call comes between the two, and a rerun repeats their
    order.
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
        """The players who have left in a `batch`; None outside one."""

    def note(self, player: Player) -> None:
        """Notify the pages that still have players that *player* has left."""
        with self._world.lock:
            if self._gone is None:
                self._notify([player])
            else:
                self._gone[player] = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Notify pages once for all who leave in a block, at its end and in the same commit.

        Otherwise each of many moves would make the page check all who are left.
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
                self._notify(gone)

    def _notify(self, gone: Collection[Player]) -> None:
        pages: list[Any] = list(self._journeys.pages.values()) if gone else []
        for page in pages:
            if hasattr(page, "look_again") and self._looks(page):
                last = {page.looks_once_for(player): player for player in gone}
                for player in last.values():
                    self._call(page, player)

    def _looks(self, page: type[Page]) -> bool:
        looks_always: bool = getattr(page, "looks_when_empty", False)
        return looks_always or self._whereabouts.is_shown(page.key)

    def _call(self, page: Any, player: Player) -> None:
        world, tried = self._world, attempt_for(player, page, "look_again")
        outer = world.lock.cause or world.journal.outside()
        if isinstance(outer, Attempt) and world.flow.undoes_moves:
            outer.within.append(tried)  # if the hook that has moved the player fails
        before = world.lock.begin_step(tried)
        try:
            perform(partial(page.look_again, player))
        except Exception as error:  # the border around authors' functions
            undo(world, tried)
            blame(error, tried)
            self._reports.report(error, cause_of(error) or tried, player.subject)
        finally:
            world.lock.end_step(before)
