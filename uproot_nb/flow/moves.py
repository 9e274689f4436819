"""Moves: put players on pages, and set their fields for the round, block and app."""

from __future__ import annotations

from typing import Any

from uproot_nb.experiment.order import Step
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.departures import Departures
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.undone_moves import remember_place
from uproot_nb.log.state import ARRIVED
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Moves", "mark_of"]

FLOW = Cause("", "", "uproot_nb", "")
"""The cause of these, whoever moves a player: they follow from the move."""


def mark_of(hook: str, page: type[Page], position: int) -> str:
    """Return the mark of a hook that runs once: for each page, or for each place in the order.

    A loaded app's hooks run for each place, and so in each round, as in the framework.
    """
    if page.app or hook.endswith("_always_once"):
        return f"{hook}@{position}"
    return f"{hook}:{page.key}"


class Moves:
    """Logs where players are; of authors' code, it runs only a page order's own function.

    Args:
        departures: notified of each move in the same commit.
    """

    def __init__(self, world: World, journeys: Journeys, departures: Departures) -> None:
        self._world, self._journeys = world, journeys
        self._moved, self.batch = departures.note, departures.batch

    def cause(self, player: Player, what: str) -> Cause:
        """Return the cause of an act of the flow itself for a player."""
        page = self._journeys.pages.get(player.page or "")
        if page is None:
            return Cause(player.name, "", what, "")
        self._world.see_code(page)
        return Cause(player.name, page.key, f"{page.__name__}.{what}", page.source.hash)

    def go(
        self, player: Player, position: int, why: str = "flow", cause: Cause | None = None
    ) -> None:
        """Put a player on the step at a position, or after the last page."""
        world, journeys = self._world, self._journeys
        with world.lock:
            steps = journeys.steps(player)
            position = max(0, min(position, len(steps)))
            page = journeys.page(player, position)
            cause = cause or world.lock.cause or self.cause(player, why)
            old = remember_place(player, cause)
            if player.page is not None:
                self._write(player, cause, "leave", player.page, {"page": player.page})
            value: dict[str, Any] = {"page": None if page is None else page.key}
            value["nth"] = journeys.nth(player, position)
            self._write(player, cause, "enter", value["page"] or "", value, position)
            step = journeys.step(player, position)
            if old is not None:
                old.note_entered()
            if step is not None and step.page:
                self._set_place(player, step, cause)
            self._moved(player)

    def mark(self, player: Player, what: str) -> None:
        """Log that something which runs once has run for a player."""
        with self._world.lock:
            cause = self.cause(player, what.partition(":")[0])
            self._world.journal.fold_for(cause, "once", player.subject, what, "null")

    def note_arrived(self, player: Player) -> None:
        """Log that a player has arrived: all hooks before the page have run for this visit."""
        self.mark(player, ARRIVED)

    def has_arrived(self, player: Player) -> bool:
        """Return whether all hooks before the player's page have run."""
        return player._state.has_arrived

    def _write(
        self,
        player: Player,
        cause: Cause,
        kind: str,
        field: str,
        value: dict[str, Any],
        position: int | None = None,
    ) -> None:
        world = self._world
        at = player.position if position is None else position
        text = world.codec.encode({"position": at, **value})
        world.journal.fold_for(cause, kind, player.subject, field, text)

    def _set_place(self, player: Player, step: Step, moved: Cause) -> None:
        """Set the player's fields for the round, block and app of a step."""
        fields: dict[str, Any] = {}
        if step.rounds:
            fields = {"round": step.round, "round_nested": list(step.rounds)}
        if step.block:
            fields["block"] = step.block
        app = step.page.rpartition("/")[0]
        if app:
            fields["app"] = app
        if step.between and self._first_time(player):
            showed = player.get("between_showed", [])
            fields["between_showed"] = [*showed, *[step.page] * step.between]
        lock = self._world.lock
        before = lock.begin_step(moved.part(FLOW) if isinstance(moved, Attempt) else FLOW)
        try:
            for name, value in fields.items():
                if player.get(name) != value:
                    player._set(name, value)
        finally:
            lock.end_step(before)

    def _first_time(self, player: Player) -> bool:
        """Return whether a player is at this position for the first time, and log it."""
        what = f"between:{player.position}"
        if what in player._state.done:
            return False
        self.mark(player, what)
        return True
