"""Game pages: what pages have in common on which players trade or decide, period by period."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from uproot_nb.errors import OrderRefused
from uproot_nb.experiment.pages import Check, Page
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World, world_of

__all__ = [
    "COMMON_ATTRIBUTES", "group_or_all", "group_subject", "in_own_words",
    "is_page_duration", "page_function", "reached_periods", "warn_once",
]  # fmt: skip


def is_page_duration(value: Any) -> bool:
    """Return whether a value is a number of seconds above 0, or None for no end."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (is_number and 0 < value < float("inf"))


COMMON_ATTRIBUTES: Mapping[str, Check] = {
    "seconds": (is_page_duration, "seconds, more than 0, or None"),
    "practice": (lambda v: isinstance(v, bool), "True or False"),
    "texts": (lambda v: isinstance(v, Mapping), "a dict of texts by the refusal's code"),
}
"""The checks of attributes that all these pages have."""


def page_function(page: type[Page], name: str) -> Any:
    """Return a page's function as its author wrote it; its first argument is the page."""
    value = getattr(page, name)
    return getattr(value, "__func__", value)


def reached_periods(player: Player, is_one: Callable[[type[Page] | None], bool]) -> int:
    """Return how many pages of a kind the player has reached in the page order, at least 1."""
    journeys = world_of(player).flow.journeys
    places = range(player.position + 1)
    return max(1, sum(is_one(journeys.page(player, place)) for place in places))


def group_or_all(player: Player) -> Iterable[Player]:
    """Return the players of the player's group, else everybody."""
    return player.session.players if player.group is None else player.group.players


def group_subject(player: Player) -> str:
    """Return a key shared by the players of `group_or_all`."""
    return "session" if player.group is None else player.group.subject


def in_own_words(texts: Mapping[str, str], refusal: OrderRefused) -> OrderRefused:
    """Return a refusal with the page's own text, if it has one."""
    text = texts.get(refusal.code)
    return refusal if text is None else OrderRefused(refusal.code, text)


_WARNED = "game pages/warned"
"""The name of the warnings that were shown."""


def warn_once(world: World, page: type[Page], text: str) -> None:
    """Warn the researcher of a page, in the notebook and the log; not again in this kernel."""
    shown = world.models.indexes.setdefault(_WARNED, set())
    if world.is_served and (page.key, text) not in shown:
        shown.add((page.key, text))
        world.runtime.reports.warn(text, Cause("", page.key, page.__name__, ""))
