"""Headcount: how many of a room's players are really in."""

from __future__ import annotations

from collections import Counter

from uproot_nb.log.events import Event
from uproot_nb.log.player_status import is_in
from uproot_nb.session.world import World

__all__ = ["Headcount"]


class Headcount:
    """Follows by the events who takes up a room's places; an arrival costs no count of all."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._room_of: dict[str, str] = {}
        self._counted: set[str] = set()
        self._counts: Counter[str] = Counter()
        for room in world.state.rooms:
            for name in world.state.names(f"room/{room}"):
                self._note(name, room)
        for kind in ("end", "enter", "free"):
            world.journal.watch(kind, self._follow)
        world.journal.watch("set", self._admit)

    def of(self, room: str) -> int:
        """Return how many of a room's players are in, or have finished."""
        return self._counts[room]

    def _admit(self, event: Event) -> None:
        kind, _, room = event.subject.partition("/")
        if kind == "room":
            self._note(event.field, room)

    def _follow(self, event: Event) -> None:
        name = event.subject.partition("/")[2]
        if name in self._room_of:
            self._note(name, self._room_of[name])

    def _note(self, name: str, room: str) -> None:
        self._room_of[name] = room
        counts, counted = is_in(self._world.state.players[name]), name in self._counted
        if counts != counted:
            self._counts[room] += 1 if counts else -1
            (self._counted.add if counts else self._counted.discard)(name)
