"""Joins: give places to participants who open the join link, one for each press of its button."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.experiment.entrance.labels import is_label
from uproot_nb.flow.hooks import cause_of
from uproot_nb.flow.newcomers import Newcomers
from uproot_nb.realtime.comers import Comer, RoomOutcome, decide_return, find_place
from uproot_nb.realtime.return_addresses import note_return, way_back
from uproot_nb.realtime.rooms import STATUS, Render, see_other, show_part
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.known_places import KnownPlaces
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Introduce", "Joins"]

Introduce = Callable[[Player], Awaitable[None]]
"""Runs the author's new_player for a player, unless it has run."""


class Joins:
    """Gives each participant a free place, or opens one more.

    A press that arrives twice, also across a restart, gets the same place; so does a browser or a
    label that has one.

    Args:
        failure: renders the page to show when `new_player` or `arrived` has failed.
        render: renders Room.html.
    """

    def __init__(
        self,
        world: World,
        reports: ErrorReports,
        introduce: Introduce,
        newcomers: Newcomers,
        places: KnownPlaces,
        failure: Callable[[HttpRequest], HttpReply],
        render: Render,
    ) -> None:
        self._world, self._reports, self._places = world, reports, places
        self._introduce, self._newcomers = introduce, newcomers
        self._failure, self._render = failure, render
        self._turns: dict[str, asyncio.Lock] = {}

    def look(self, request: HttpRequest) -> HttpReply:
        """Answer somebody who only opens the link; with 404 that there is nothing but a button."""
        with self._world.lock:
            comer = Comer.of(request, self._newcomers.way_in)
            player, outcome = self._find(comer, request)
            if outcome is not RoomOutcome.ENTER:
                return self._show(outcome, comer, request)
            if player is None:
                return HttpReply(request.request, 404, [], b"")
            return self._lead(player, request)

    async def answer(self, request: HttpRequest) -> HttpReply:
        """Answer a press of the join button."""
        with self._world.lock:
            comer = Comer.of(request, self._newcomers.way_in)
            player, outcome = self._find(comer, request)
            if outcome is not RoomOutcome.ENTER:
                return self._show(outcome, comer, request)
            player = player or self._give_place(comer, request)
            note_return(player, request.query)
        reply = await self._let_in(player, request)
        self._places.remember(player, comer.cookie)
        return reply

    def led_home(self, player: Player, request: HttpRequest) -> HttpReply | None:
        """Lead somebody who begins by a player's own link to the place that their label has.

        Returns None if it has none, or this one.
        """
        way = self._newcomers.way_in
        if not way.label_from or player.label:
            return None
        with self._world.lock:
            comer = replace(Comer.of(request, way), label=way.label(request.query))
            if way.has_two_labels(request.query):
                return self._show(RoomOutcome.TWO_LABELS, comer, request)
            home = find_place(self._places, comer, way) if comer.label else None
            if home is None or home is player:
                return None
            outcome = decide_return(self._places, home, comer, way)
            if outcome is RoomOutcome.ENTER:
                note_return(home, request.query)
                return see_other(request, f"../{self._world.token(home.name)}/")
            return self._show(outcome, comer, request)

    def _find(self, comer: Comer, request: HttpRequest) -> tuple[Player | None, RoomOutcome]:
        """Return the place that somebody has, and what happens to them."""
        way = self._newcomers.way_in
        if way.is_preview(request.query):
            return None, RoomOutcome.PREVIEW
        if way.has_two_labels(request.query):
            return None, RoomOutcome.TWO_LABELS
        if comer.label and not is_label(comer.label):
            return None, RoomOutcome.LABEL_UNKNOWN
        player = self._world.joined_before(comer.visit)
        if player is not None and (player.label or "") in ("", comer.label):
            return player, RoomOutcome.ENTER
        player = find_place(self._places, comer, way)
        if player is not None:
            return player, decide_return(self._places, player, comer, way)
        needed = way.label_from and not comer.label
        return None, RoomOutcome.LABEL_NEEDED if needed else RoomOutcome.ENTER

    def _give_place(self, comer: Comer, request: HttpRequest) -> Player:
        """Give somebody a place; log both in one commit."""
        player = self._world.give_place(comer.label or None, comer.visit, comer.cookie)
        self._newcomers.note(player, request, "join", self._newcomers.way_in)
        return player

    async def _let_in(self, player: Player, request: HttpRequest) -> HttpReply:
        try:
            # A second press waits until the hooks have run for the first.
            async with self._turns.setdefault(player.name, asyncio.Lock()):
                await self._introduce(player)
                await self._newcomers.welcome(player)
        except (Exception, asyncio.CancelledError) as error:  # the border around authors' hooks
            if self._world.closing:
                raise
            self._reports.report(error, cause_of(error) or Cause("", "", "new_player", ""))
            return self._failure(request)
        self._turns.pop(player.name, None)
        return self._lead(player, request)

    def _lead(self, player: Player, request: HttpRequest) -> HttpReply:
        address = f"../../../p/{self._world.token(player.name)}/"
        return see_other(request, way_back(player, request.query, address))

    def _show(self, outcome: RoomOutcome, comer: Comer, request: HttpRequest) -> HttpReply:
        return show_part(self._render, outcome.value, comer, request, STATUS.get(outcome, 200))
