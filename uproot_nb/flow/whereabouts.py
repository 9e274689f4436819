"""Whereabouts: which players are at which place of the page order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import TypeAlias

from uproot_nb.log.events import Event
from uproot_nb.log.state import ARRIVED
from uproot_nb.session.world import World

__all__ = ["Place", "Whereabouts"]

Place: TypeAlias = tuple[str, int]
"""A page's key, and which of its occurrences in the page order."""

_KINDS = frozenset({"join", "enter", "once", "dropout", "order", "connect", "disconnect"})


class Whereabouts:
    """Follows players by the events that move them; used under the run's lock.

    Code that checked all players at each move would make moving all of them quadratic.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._arrived: dict[Place, dict[str, None]] = {}
        self._place_of: dict[str, Place] = {}
        self._page_of: dict[str, str] = {}
        self._on_page: Counter[str] = Counter()
        self.listeners: list[Callable[[str], None]] = []
        """Called with the name of each player who has changed."""
        for name in world.state.players:
            self._note(name)
        for kind in _KINDS:
            world.journal.watch(kind, self._handle)

    def arrived(self, place: Place) -> Collection[str]:
        """Return the names of the players who are at a place, in the order of their arrival."""
        return self._arrived.get(place, {}).keys()

    def places(self) -> list[Place]:
        """Return the places where players are."""
        return list(self._arrived)

    def place_of(self, name: str) -> Place | None:
        """Return the place where a player is; None on the way between pages."""
        return self._place_of.get(name)

    def is_shown(self, page: str) -> bool:
        """Return whether any player is on a page."""
        return self._on_page[page] > 0

    def _handle(self, event: Event) -> None:
        if event.kind == "once" and event.field != ARRIVED:
            return
        name = event.subject.partition("/")[2]
        self._note(name)
        for listener in self.listeners:
            listener(name)

    def _note(self, name: str) -> None:
        state = self._world.state.players[name]
        there = state.page is not None and state.has_arrived
        place = (state.page or "", state.nth) if there else None
        self._move(name, self._place_of.get(name), place)
        page, before = state.page or "", self._page_of.get(name, "")
        if page != before:
            self._on_page[before] -= 1
            self._on_page[page] += 1
            self._page_of[name] = page

    def _move(self, name: str, old: Place | None, new: Place | None) -> None:
        if old == new:
            return
        if old is not None:
            del self._place_of[name]
            there = self._arrived[old]
            del there[name]
            if not there:
                del self._arrived[old]
        if new is not None:
            self._place_of[name] = new
            self._arrived.setdefault(new, {})[name] = None
