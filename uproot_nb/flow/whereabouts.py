"""Whereabouts: which players are at which place of the page order, without asking everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import TypeAlias

from uproot_nb.log.events import Event
from uproot_nb.log.state import ARRIVED
from uproot_nb.session.world import World

__all__ = ["Place", "Whereabouts"]

Place: TypeAlias = tuple[str, int]
"""A page's key, and which of its places in the page order."""

_KINDS = frozenset({"join", "enter", "once", "dropout", "order", "connect", "disconnect"})


class Whereabouts:
    """Follows players by the events that change where they are; used under the run's lock.

    Whatever looks at all players at each move makes moving all of them quadratic: this is asked
    instead.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._arrived: dict[Place, dict[str, None]] = {}
        self._place_of: dict[str, Place] = {}
        self._page_of: dict[str, str] = {}
        self._on_page: Counter[str] = Counter()
        self.listeners: list[Callable[[str], None]] = []
        """Called with the name of each player of whom something has changed."""
        for name in world.state.players:
            self._note(name)
        for kind in _KINDS:
            world.journal.watch(kind, self._hear)

    def arrived(self, place: Place) -> Collection[str]:
        """Return the names of those who have arrived at a place and are there, first come first."""
        return self._arrived.get(place, {}).keys()

    def places(self) -> list[Place]:
        """Return the places at which somebody has arrived."""
        return list(self._arrived)

    def place_of(self, name: str) -> Place | None:
        """Return the place at which a player has arrived; None while on the way."""
        return self._place_of.get(name)

    def is_shown(self, page: str) -> bool:
        """Tell whether anybody is on a page."""
        return self._on_page[page] > 0

    def _hear(self, event: Event) -> None:
        if event.kind == "once" and event.field != ARRIVED:
            return
        name = event.subject.partition("/")[2]
        self._note(name)
        for listener in self.listeners:
            listener(name)

    def _note(self, name: str) -> None:
        state = self._world.state.players[name]
        there = state.page is not None and 0 < state.entered == state.settled
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
