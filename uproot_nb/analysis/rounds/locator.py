"""Locator: in which group and round each player is, event by event."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import orjson

from uproot_nb.analysis.rounds.journey_rounds import JourneyRounds, RoundKey
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

__all__ = ["FLOW", "MOVES", "ROUND", "Location", "Locator", "whole_number"]

MOVES = frozenset({"enter", "order", "group"})
"""The kinds of events, beside changes of the field ROUND, that move somebody."""
ROUND = "round"
FLOW = "uproot_nb"
"""The cause of changes that the page flow itself makes."""

_PLAYER, _GROUP = "player/", "group/"
_INT64 = range(-(2**63), 2**63)


class Location(NamedTuple):
    """A group, "" for none, and a round, None outside of rounds."""

    group: str = ""
    round: RoundKey | None = None


_NOWHERE = Location()


class _Whereabout:
    """Where one player is; `by_step`: the page order has said which round it is."""

    __slots__ = ("by_step", "group", "journey", "round")

    def __init__(self) -> None:
        self.group = ""
        self.round: RoundKey | None = None
        self.by_step = False
        self.journey = JourneyRounds()


class Locator:
    """Follows players and groups through a log.

        locator = Locator(codec)
        for event in log.read("market"):
            for subject in locator.apply(event):
                locator.of(subject)     # Location("g1", RoundKey("", 1, (2,), 2))

    A player is in a round of the page order from its first page to its last. Code that counts
    `player.round` by itself begins a round by each whole number that it sets. A group is in the
    round in which all its members are.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._players: dict[str, _Whereabout] = {}
        self._members: dict[str, list[str]] = {}
        self._rounds: dict[str, Counter[RoundKey | None]] = {}
        """By group: how many members are in which round."""

    def of(self, subject: str) -> Location:
        """Return where a player or a group is."""
        if subject.startswith(_GROUP):
            return self._of_group(subject.removeprefix(_GROUP))
        known = self._players.get(subject.removeprefix(_PLAYER))
        return _NOWHERE if known is None else Location(known.group, known.round)

    def _of_group(self, name: str) -> Location:
        rounds = self._rounds.get(name, ())
        return Location(name, next(iter(rounds)) if len(rounds) == 1 else None)

    def apply(self, event: Event) -> list[str]:
        """Take in the next event; return the players and groups that may be elsewhere now."""
        if event.kind == "group":
            return self._regroup(event)
        if not event.subject.startswith(_PLAYER):
            return []
        if event.kind == "order":
            value = self._codec.decode(event.value)
            journey = self._player(event).journey
            journey.splice(value["at"], value["to"], value["steps"])
        elif event.kind == "enter":
            return self._enter(event)
        elif event.field == ROUND and event.kind in ("set", "del"):
            return self._count(event)
        return []

    def _player(self, event: Event) -> _Whereabout:
        return self._players.setdefault(event.subject.removeprefix(_PLAYER), _Whereabout())

    def _enter(self, event: Event) -> list[str]:
        value, player = self._codec.decode(event.value), self._player(event)
        position = value["position"]
        found = None
        if value["page"] is not None:
            if not player.journey.knows(position):
                return []
            found = player.journey.at(position)
        if found is None and not player.by_step:
            return []
        player.by_step = found is not None
        return self._put(event, player, found)

    def _count(self, event: Event) -> list[str]:
        """Take in a value of `player.round`; after a move it says what its step has said."""
        player, number = self._player(event), whole_number(event)
        before = player.round
        if before is not None and before.number == number:
            return []
        player.by_step = False
        if number is None:
            return self._put(event, player, None)
        block, part = (before.block, before.part) if before is not None else ("", 1)
        return self._put(event, player, RoundKey(block, part, (number,), number))

    def _put(self, event: Event, player: _Whereabout, found: RoundKey | None) -> list[str]:
        before, player.round = player.round, found
        if before == found:
            return []
        if not player.group:
            return [event.subject]
        counts = self._rounds[player.group]
        _take_out(counts, before)
        counts[found] += 1
        return [event.subject, f"{_GROUP}{player.group}"]

    def _regroup(self, event: Event) -> list[str]:
        name = event.subject.removeprefix(_GROUP)
        members: list[str] = self._codec.decode(event.value)["members"]
        before = self._members.get(name, [])
        for member in before:
            player = self._players[member]
            if player.group == name:
                player.group = ""
        others = [self._join(member, name) for member in members]
        self._members[name] = list(members)
        self._rounds[name] = Counter(self._players[member].round for member in members)
        moved = [f"{_PLAYER}{member}" for member in dict.fromkeys([*before, *members])]
        return [
            *moved,
            *(f"{_GROUP}{group}" for group in dict.fromkeys(others) if group),
            f"{_GROUP}{name}",
        ]

    def _join(self, member: str, name: str) -> str:
        """Put a player into a group; return the group that was left for it."""
        player = self._players.setdefault(member, _Whereabout())
        left, player.group = player.group, name
        if left:
            _take_out(self._rounds[left], player.round)
        return left


def _take_out(counts: Counter[RoundKey | None], round: RoundKey | None) -> None:
    counts[round] -= 1
    if counts[round] <= 0:
        del counts[round]


def whole_number(event: Event) -> int | None:
    """Return what an event sets a field to if that is a whole number of 64 bits, else None."""
    if event.kind != "set":
        return None
    try:
        value: Any = orjson.loads(event.value)
    except orjson.JSONDecodeError:  # NaN, say
        return None
    return value if type(value) is int and value in _INT64 else None
