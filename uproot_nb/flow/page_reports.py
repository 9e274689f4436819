"""PageReports: what a page's script reports, handed to the listener for its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from uproot_nb.bridge.messages import PageReport
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.world import World

__all__ = ["Listener", "PageReports", "Reported"]


class Reported(NamedTuple):
    """A report as its listener gets it.

    `position` is that of the page that reports, which the player may have left by now; `socket` is
    the number of its connection, one for each tab. `data` is a stranger's: any JSON.
    """

    player: Player
    position: int
    socket: int
    data: Any


Listener = Callable[[Reported], None]
"""Takes a report, under the run's lock; raises ValueError for data that no page of ours sends."""


class PageReports:
    """Passes each report to the listener of its kind.

        reports.listen("focus", focus.note)

    The server lets a player's pages send five reports a second in the long run. A listener writes
    what follows from a report to the log, within bounds of its own, so that a rerun repeats it.
    """

    def __init__(self, world: World, reports: ErrorReports) -> None:
        self._world, self._errors = world, reports
        self._listeners: dict[str, Listener] = {}

    def listen(self, what: str, listener: Listener) -> None:
        """Let *listener* have the reports of this kind."""
        if what in self._listeners:
            raise ValueError(f"Somebody listens for '{what}' already.")
        self._listeners[what] = listener

    def receive(self, report: PageReport) -> None:
        """Pass a report on; one of no known kind, or that cannot be read, is only counted."""
        listener = self._listeners.get(report.what)
        state = self._world.state.players.get(report.player)
        if state is None or state.erased:  # a page that was left open reports of nobody
            return
        if listener is None:
            self._refuse(report, "unknown report")
            return
        try:
            data = orjson.loads(report.data)
            with self._world.lock:
                player = self._world.player(report.player)
                listener(Reported(player, report.page, report.socket, data))
        except ValueError:  # also of a number too large, or half a character
            self._refuse(report, f"report '{report.what}' that cannot be read")

    def _refuse(self, report: PageReport, what: str) -> None:
        self._errors.misuse(what, 1, f"player/{report.player}")
