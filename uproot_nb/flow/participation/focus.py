"""Focus: when participants left a page's tab and came back, pasted, and first did something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
import orjson

from uproot_nb.experiment.pages import Page
from uproot_nb.flow.page_reports import Reported
from uproot_nb.log.state import PlayerState
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Focus", "MOST"]

MOST = 200
"""Events of one visit, in all tabs and loads of the page together."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=10**10)]
_Load = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z]{1,32}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[\w.:\[\]-]{0,64}\Z")]


class _Noted(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What happened, how many milliseconds after the page was loaded, and in which field."""

    what: Literal["shown", "left", "returned", "pasted", "first_key", "first_click"]
    ms: _Milliseconds
    name: _Name = ""


class _FocusReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of what a load of a page has noted, from its event number `first` on."""

    visit: _Count
    load: _Load
    first: _Count
    events: list[_Noted]


class Focus:
    """Logs what pages with `log_focus = True` report.

    A page sends again what may have been lost; the log has each event once, at most `MOST` of a
    visit. What a page reports as it is left may come after the player has entered the next one.

    Args:
        page_of: key of a page → the page as it is served now; None without one.
    """

    def __init__(self, world: World, page_of: Callable[[str], type[Page] | None]) -> None:
        self._world, self._page_of = world, page_of

    def note(self, reported: Reported) -> None:
        """Log a report's events that are not in the log yet."""
        try:
            report = msgspec.convert(reported.data, _FocusReport)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        player = reported.player
        key = _page_of_visit(player._state, report.visit)
        page = self._page_of(key)
        if page is None or not page.log_focus:
            return
        known = player._state.focus.get(f"{report.visit}/{report.load}", 0)
        if report.first > known:
            return  # what came before was lost; the page sends all again when it reconnects
        for number, noted in enumerate(report.events[known - report.first :], known):
            if _count(player._state, report.visit) < MOST:
                self._log(player, page, report, number, noted)

    def _log(
        self, player: Player, page: type[Page], report: _FocusReport, number: int, noted: _Noted
    ) -> None:
        value = {
            "what": noted.what, "ms": noted.ms, "visit": report.visit, "load": report.load,
            "n": number,
        }  # fmt: skip
        if noted.what == "pasted":
            value["field"] = noted.name
        cause = Cause(player.name, page.key, f"{page.__name__}.focus", page.source.hash)
        text = orjson.dumps(value).decode()
        self._world.journal.fold_for(cause, "focus", player.subject, page.key, text)


def _page_of_visit(state: PlayerState, visit: int) -> str:
    """Return the key of the page of a visit that lasts or was the last one; "" of any other."""
    if visit == state.entered and visit:
        return state.page or ""
    return (state.page_before or "") if visit == state.entered_before and visit else ""


def _count(state: PlayerState, visit: int) -> int:
    prefix = f"{visit}/"
    return sum(count for load, count in state.focus.items() if load.startswith(prefix))
