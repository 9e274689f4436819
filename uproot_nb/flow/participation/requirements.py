"""Requirements: lets players in to a page once their browser has what the page requires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
import orjson

from uproot_nb.experiment.exits import name_of_exit
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.participation.requirements import Device, Requires
from uproot_nb.flow.hooks import attempt_for
from uproot_nb.flow.page_reports import Reported
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.world import World

__all__ = ["CANNOT", "MOST", "Requirements", "WHAT_CANNOT", "needs_press"]

CANNOT = "cannot"
"""The name of the button of those who cannot meet the requirements."""
WHAT_CANNOT: dict[str, Any] = {"form": [[CANNOT, "1"]]}
"""Such a form as the log stores it, for a rerun."""
MOST = 20
"""Events of a visit about a browser that does not meet the requirements."""

_Pixels = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class _ClientReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser reports of itself."""

    width: _Pixels
    height: _Pixels
    is_touch: bool
    has_mouse: bool
    has_fullscreen: bool


class _FullscreenReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a page is shown in full screen: its visit, by the seq at which it was entered."""

    visit: int


class Requirements:
    """Decides by what browsers report whether a page is shown, and logs what they have reported.

    The clock of a page in full screen stands still until its participant is there.

    Args:
        page_at: (player, position) → the page there; None without one.
        let_in: loads a player's page again, in the open browsers.
        leave: ends a player's participation by an exit.
        begin_clock: starts the clock of a player's page, if it stands still, and shows it.
    """

    def __init__(
        self,
        world: World,
        page_at: Callable[[Player, int], type[Page] | None],
        let_in: Callable[[Player], None],
        leave: Callable[[Player, str], None],
        begin_clock: Callable[[Player], None],
    ) -> None:
        self._world, self._page_at, self._let_in, self._leave = world, page_at, let_in, leave
        self._begin_clock = begin_clock

    def block(self, player: Player, page: type[Page] | None) -> bool:
        """Return whether a page is not to be shown yet on this visit."""
        if page is None or page.requires is None:
            return False
        state = player._state
        return state.admitted != state.entered and not state.has_arrived

    def note(self, reported: Reported) -> None:
        """Log what a player's browser reports, and let the player in if it is enough."""
        try:
            report = msgspec.convert(reported.data, _ClientReport)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        player = reported.player
        page = self._page_at(player, player.position)
        if page is None or page.requires is None or reported.position != player.position:
            return  # the page was left meanwhile
        if self.block(player, page):
            self._judge(player, page, page.requires, report)
        if not self.block(player, page):
            self._let_in(player)  # also if the browser has missed it the first time

    def note_fullscreen(self, reported: Reported) -> None:
        """Let the page's clock begin: its participant has gone to full screen for the first time.

        It is logged once for each visit, and only if a clock has waited for it.
        """
        try:
            visit = msgspec.convert(reported.data, _FullscreenReport).visit
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        player = reported.player
        page = self._page_at(player, player.position)
        is_here = reported.position == player.position and visit == player._state.entered
        if page is None or not is_here or not needs_press(page):
            return
        tried = attempt_for(player, page, "requires")
        lock = self._world.lock
        before = lock.begin_step(tried.called(tried.cause))
        try:
            if player._state.held is not None:
                self._log(player, page, tried, {"fullscreen": True, "unmet": []})
            self._begin_clock(player)
        finally:
            lock.end_step(before)

    def _judge(
        self, player: Player, page: type[Page], requires: Requires, report: _ClientReport
    ) -> None:
        unmet = requires.unmet(Device(*msgspec.structs.astuple(report)))
        state = player._state
        if unmet and (unmet == state.unmet or state.client_reports >= MOST):
            return
        tried = attempt_for(player, page, "requires")
        self._log(player, page, tried, {**msgspec.structs.asdict(report), "unmet": unmet})

    def gives_up(self, player: Player, page: type[Page], posted: Mapping[str, str]) -> bool:
        """Return whether a form is that of somebody who cannot meet the requirements."""
        return CANNOT in posted and self.block(player, page)

    def give_up(self, player: Player, page: type[Page], tried: Attempt) -> None:
        """Let a player leave who cannot meet the requirements."""
        requires = page.requires
        assert requires is not None
        lock = self._world.lock
        before = lock.begin_step(tried.called(tried.cause))
        try:
            self._log(player, page, tried, {"unmet": player._state.unmet, "gave_up": True})
            self._leave(player, name_of_exit(requires.exit))
        finally:
            lock.end_step(before)

    def _log(
        self, player: Player, page: type[Page], tried: Attempt, value: Mapping[str, Any]
    ) -> None:
        text = orjson.dumps(value).decode()
        self._world.journal.fold_for(tried, "client", player.subject, page.key, text)


def needs_press(page: type[Page]) -> bool:
    """Return whether a page begins with a press of its participant, as one in full screen does."""
    return page.requires is not None and page.requires.fullscreen
