"""Arrivals: run what comes between entering a page and showing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.hooks import attempt_for, run_hook, value_of
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.moves import Moves, mark_of
from uproot_nb.session.entities import Player

__all__ = ["Arrivals"]

LONGEST_WALK = 100_000
"""Steps that a player may take without seeing a page; more count as an endless loop."""


class BeginTimeout(Protocol):
    """Starts a page's timeout for a player, in seconds; *held*: its clock stands still."""

    def __call__(
        self, player: Player, page: type[Page], seconds: Any, *, held: bool = False
    ) -> None: ...


class Arrivals:
    """Brings players to the next page that is shown, or on which they wait.

    Args:
        may_go_on: lets a player on a wait page go on if nobody is missing; returns whether it did.
        begin_timeout: starts a page's timeout for a player.
        is_blocked: whether a page requires something that the player's browser has not shown yet.
        holds_clock: whether nobody can begin with the page yet, so that its clock stands still.
    """

    def __init__(
        self,
        journeys: Journeys,
        moves: Moves,
        may_go_on: Callable[[Player], Awaitable[bool]],
        begin_timeout: BeginTimeout,
        is_blocked: Callable[[Player, type[Page]], bool],
        holds_clock: Callable[[Player, type[Page]], bool],
    ) -> None:
        self._journeys, self._moves = journeys, moves
        self._may_go_on, self._begin_timeout = may_go_on, begin_timeout
        self._is_blocked, self._holds_clock = is_blocked, holds_clock

    async def settle(self, player: Player, request: Any = None) -> type[Page] | None:
        """Run the hooks on the way to the next page, and return that page; None at the end.

        Args:
            request: the browser's request, for `early`; None if the server moves the player.

        Raises:
            Exception: a hook failed; the player stays, and the next request tries it again.
        """
        if player.position < 0:
            self._moves.go(player, 0)
        for _ in range(LONGEST_WALK):
            page = self._journeys.page(player, player.position)
            if page is not None:
                stays = await self._arrive(player, page, request)
                if stays and not await self._may_go_on(player):
                    return self._journeys.page(player, player.position)
            elif player.position >= len(self._journeys.steps(player)):
                return None
            else:
                self._pass_open_end(player)
        raise BadPage(
            "page_order",
            f"player/{player.name} passed {LONGEST_WALK} pages without being shown any.",
            "Set player.add_round to False at some point, or show a page in every round.",
        )

    # ---- one page ----

    async def _arrive(self, player: Player, page: type[Page], request: Any) -> bool:
        """Run the hooks of an arrival; return whether the player stays on the page."""
        visit = player._state.entered
        if self._moves.has_arrived(player):
            await self._early(player, page, request)
            return player._state.entered == visit
        if page.app and not await self._prepare(player, page, request, visit):
            return False
        tried = attempt_for(player, page, "show")
        shown = page.shown and await run_hook(page, "show", player, tried, default=True)
        if not self._is_at(player, visit):
            return False
        if shown and self._is_blocked(player, page):
            return True  # nothing of the page begins before the browser has what it requires
        early = request if shown or not page.shown else None
        if not page.app and not await self._prepare(player, page, early, visit):
            return False
        if shown:
            await self._once(player, page, "before_once", visit)
            return await self._stay(player, page, visit)
        if not page.shown and not page.app:
            await self._once(player, page, "before_once", visit)
            await self._once(player, page, "after_once", visit)
        await self._once(player, page, "after_always_once", visit)
        if self._is_at(player, visit):
            self._moves.go(player, player.position + 1)
        return False

    async def _prepare(self, player: Player, page: type[Page], request: Any, visit: int) -> bool:
        """Run the hooks that pages have whether they are shown or not; return False if they move.

        In a loaded app they run before `show`, as in the framework, so that `show` may use what
        they have set.
        """
        await self._early(player, page, request)
        await self._once(player, page, "before_always_once", visit)
        return self._is_at(player, visit)

    async def _stay(self, player: Player, page: type[Page], visit: int) -> bool:
        if not self._is_at(player, visit):
            return False
        tried = attempt_for(player, page, "timeout")
        seconds = await value_of(page, "timeout", player, tried)
        if not self._is_at(player, visit):
            return False
        with player._world.lock:
            self._moves.note_arrived(player)
            if seconds is not None:
                held = self._holds_clock(player, page)
                self._begin_timeout(player, page, seconds, held=held)
        return True

    async def _early(self, player: Player, page: type[Page], request: Any) -> None:
        """Run `early` with the first request of a visit."""
        what = f"early:{player._state.entered}"
        if request is None or not hasattr(page, "early") or what in player._state.done:
            return
        await self._run_marked(player, page, "early", what, request)

    async def _once(self, player: Player, page: type[Page], hook: str, visit: int) -> None:
        """Run a hook, unless it has run for this page or place."""
        what = mark_of(hook, page, player.position)
        if not hasattr(page, hook) or what in player._state.done:
            return
        if self._is_at(player, visit):
            await self._run_marked(player, page, hook, what)

    async def _run_marked(
        self, player: Player, page: type[Page], hook: str, what: str, *args: Any
    ) -> None:
        """Run a hook and log, in the same step, that it has run."""
        tried = attempt_for(player, page, hook)
        note = partial(self._moves.mark, player, what)
        await run_hook(page, hook, player, tried, *args, then=note)

    def _is_at(self, player: Player, visit: int) -> bool:
        """Return whether the player is still on this visit: no hook has moved them."""
        return player._state.entered == visit

    def _pass_open_end(self, player: Player) -> None:
        """Decide whether a Repeat goes on, or enter the next app; then step over the place."""
        position = player.position
        with player._world.lock:
            if self._journeys.is_open(player, position):
                repeats = self._journeys.repeats(player, position)
                again = bool(player.get("add_round", False)) if repeats else True
                self._journeys.decide(player, again)
            self._moves.go(player, position + 1)
