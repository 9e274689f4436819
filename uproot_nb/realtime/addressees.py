"""Addressees: the players that a push is for, and the pages that they are on."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import Any

import orjson

from uproot_nb.log.state import PlayerState
from uproot_nb.session.world import World

__all__ = ["Addressees", "Everybody"]

_NO_PAGE = -2
"""In the place of a position: no browser."""


class Addressees:
    """Who gets a push, and the position of the page that each may show.

    `encoded` are the names as JSON, `members` as a set, if several pushes share it.
    """

    __slots__ = ("encoded", "members", "names", "positions")

    def __init__(self, names: list[str], states: dict[str, PlayerState]) -> None:
        self.names, self.encoded = names, orjson.dumps(names)
        self.positions = [_shown_position(states[name]) for name in names]
        self.members: frozenset[str] | None = None


class Everybody:
    """The addressees of pushes to all players of a session on one page.

    A push to all costs the same, however many there are, until somebody moves or comes.

    Args:
        find: returns the names of all who are at a place.
    """

    def __init__(self, world: World, find: Callable[[Any], list[str]]) -> None:
        self._world, self._find = world, find
        self._place: tuple[Any, ...] = ()
        self._found = Addressees([], {})

    def there(self, where: Any) -> Addressees:
        """Return those who are at *where*."""
        place = type(where), where, self._world.state.placed
        if not isinstance(where, (int, tuple, type, EllipsisType)) or place != self._place:
            self._found = Addressees(self._find(where), self._world.state.players)
            self._place = place
        elif self._found.members is None:  # they are addressed again
            self._found.members = frozenset(self._found.names)
        return self._found


def _shown_position(player: PlayerState) -> int:
    """Return the position of the page that a browser may show.

    Until a move has settled no browser has rendered the new visit: one that still shows the page
    before, maybe at the same position, gets nothing, and so cannot be taken for a new one later.
    """
    return player.position if player.has_arrived else _NO_PAGE
