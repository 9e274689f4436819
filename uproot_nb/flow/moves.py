"""Moves: put players on pages, and set their fields for the round, block and app."""

from __future__ import annotations

from typing import Any

from uproot_nb.experiment.order import Step
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.departures import Departures
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.old_places import remember_place
from uproot_nb.log.state import ARRIVED
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Moves", "mark_of"]

ROUND_FIELDS = ("round", "round_nested", "block")
_MISSING = object()
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
        """Set the player's fields for the app, block and round of a step, one after the other.

        What holds no longer is deleted first, so that no number stands beside another block or app:
        `player.within(block="main", round=1)` finds what was so in that round.
        """
        fields = {**_app_of(step), **_round_of(player, step), **self._showed(player, step)}
        lock = self._world.lock
        before = lock.begin_step(moved.part(FLOW) if isinstance(moved, Attempt) else FLOW)
        try:
            for name in _outdated(player, fields):
                delattr(player, name)
            for name, value in fields.items():
                if player.get(name, _MISSING) != value:
                    player._set(name, value)
        finally:
            lock.end_step(before)

    def _showed(self, player: Player, step: Step) -> dict[str, Any]:
        """Return what each `Between` has chosen so far, if a choice begins with this step."""
        if not step.between or not self._first_time(player):
            return {}
        return {"between_showed": [*player.get("between_showed", []), *map(list, step.between)]}

    def _first_time(self, player: Player) -> bool:
        """Return whether a player is at this position for the first time, and log it."""
        what = f"between:{player.position}"
        if what in player._state.done:
            return False
        self.mark(player, what)
        return True


def _app_of(step: Step) -> dict[str, Any]:
    app = step.page.rpartition("/")[0]
    return {"app": app} if app else {}


def _round_of(player: Player, step: Step) -> dict[str, Any]:
    """Return the fields for the round of a step.

    In a loaded app they go by where the last round began, as in the framework: behind a nested
    round its numbers stay, and rounds without a block have the block None.
    """
    is_loaded = "/" in step.page
    block = step.block or None
    if not step.rounds or (is_loaded and _is_behind_nested(player, step, block)):
        return {}
    rounds = {"round_nested": list(step.rounds), "round": step.round}
    has_block = is_loaded or block is not None or player.get("block") is not None
    return {"block": block, **rounds} if has_block else rounds


def _is_behind_nested(player: Player, step: Step, block: str | None) -> bool:
    """Return whether the player's last round was one in the round of a step."""
    last, rounds = player.get("round_nested", []), list(step.rounds)
    is_of_it = player.get("block", _MISSING) == block
    return is_of_it and len(last) > len(rounds) and last[: len(rounds)] == rounds


def _outdated(player: Player, fields: dict[str, Any]) -> list[str]:
    """Return which of a player's fields to delete before these are set."""
    known = {name: player.get(name, _MISSING) for name in ("app", *ROUND_FIELDS)}
    there = [name for name in ROUND_FIELDS if known[name] is not _MISSING]
    if "app" in fields and known["app"] not in (_MISSING, fields["app"]):
        return there
    changes = "block" in fields and known["block"] != fields["block"]
    return ["round"] if changes and "round" in there else []
