"""Joins: give places to participants who open the join link, one for each press of its button."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Joins", "OpenPlace"]

OpenPlace = Callable[[bool, str], Awaitable[Player]]
"""(claimed, visit) → a new place, after `new_player` has run for it."""

_VISIT = re.compile(r"[\w-]{16,64}", re.ASCII)


class Joins:
    """Gives each participant a free place, or opens one more.

    A press that arrives twice, also across a restart, gets the same place.

    Args:
        failure: renders the page to show when `new_player` has failed.
        reply: answers a request once everything written so far is committed.
    """

    def __init__(
        self,
        world: World,
        reports: ErrorReports,
        open_place: OpenPlace,
        failure: Callable[[HttpRequest], HttpReply],
        reply: Callable[[HttpReply], None],
    ) -> None:
        self._world, self._reports, self._open_place = world, reports, open_place
        self._failure, self._reply = failure, reply
        self._turns: dict[str, asyncio.Lock] = {}

    async def answer(self, request: HttpRequest) -> None:
        """Answer a press of the join button."""
        visit = _visit_in(request)
        if not visit:  # nothing distinguishes one press from another
            self._reply(await self._join(request, ""))
            return
        turn = self._turns.setdefault(visit, asyncio.Lock())
        async with turn:  # a second press waits until the first has its place
            self._reply(await self._join(request, visit))
        self._turns.pop(visit, None)

    async def _join(self, request: HttpRequest, visit: str) -> HttpReply:
        world = self._world
        player = world.joined_before(visit) or world.claim_place(visit=visit)
        try:
            if player is None:
                player = await self._open_place(True, visit)
        except (Exception, asyncio.CancelledError) as error:  # the border around new_player
            if world.closing:
                raise
            self._reports.report(error, Cause("", "", "new_player", ""))
            return self._failure(request)
        location = f"../../../p/{world.token(player.name)}/"
        return HttpReply(request.request, 303, [("Location", location)], b"")


def _visit_in(request: HttpRequest) -> str:
    """Return the id of this visit to the join link; "" if the form has none."""
    visit = dict(request.form).get("_uproot_visit", "")
    return visit if _VISIT.fullmatch(visit) else ""
