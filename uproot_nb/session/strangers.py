"""Strangers: match players again in each round, with or without repeated meetings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from random import Random
from typing import Any

from uproot_nb.errors import NoStrangersLeft, UprootError, WrongRecipient
from uproot_nb.session.entities import Player
from uproot_nb.session.world import World, world_of

__all__ = ["perfect_strangers", "strangers"]

Groups = list[list[Player]]

MOST_STEPS = 1_000
"""Attempts to place a player, after which a search for groups begins again in another order."""
MOST_SEARCHES = 20
"""Searches after which no more are made."""
MOST_LOOKS = 100_000
"""Players looked at in all searches of a matching; about 0.2 µs each."""
MOST_SEARCHED = 200
"""Players among whom groups are searched for; more are matched by a rotation only."""


def strangers(players: Iterable[Player], size: int = 2) -> Groups:
    """Match players at random, whether or not they have met: *random strangers*.

        def match(page, waiting):
            return strangers(waiting, 2) if len(waiting) == 8 else []

        create_groups(run.session, strangers(run.players, 4), overwrite=True)   # in a cell

    Players who are left over are in no group. The draw follows from the session's seed and from
    how many groups there have been, so that each round has a new one. "Strangers" as opposed to
    "partners", who stay together, are those of Andreoni (1988), Why free ride?, Journal of Public
    Economics 37, 291-304.

    Raises:
        UprootError: *size* is not a number of players.
    """
    everybody = _players(players, size)
    if not everybody:
        return []
    order = _shuffled(everybody)
    return [order[at : at + size] for at in range(0, len(order) - size + 1, size)]


def perfect_strangers(players: Iterable[Player], size: int = 2, *, rounds: int = 1) -> Groups:
    """Match players so that no two of them have ever been in one group: *perfect strangers*.

        def match(page, waiting):
            return perfect_strangers(waiting, 2) if len(waiting) == 8 else []

    All groups of the session so far count as meetings. Everybody is in a group:
    the number of players is a multiple of *size*. The same n players can be matched in pairs for
    n - 1 rounds, and n = k * m players in groups of k for m rounds if no prime factor of m is less
    than k: by the rotation of Kamecke (1997), Rotations: Matching schemes that efficiently preserve
    the best reply structure of a one shot game, International Journal of Game Theory 26, 409-417.
    As long as these players have been matched in this way only, that many rounds are certain.

    Beyond that, groups of up to 200 players are searched for, in orders that follow from the seed,
    as does who is who in the rotation. A search is bounded by steps, not by time, so that a
    rerun finds the same; it takes a few hundredths of a second at most. So it may miss a
    matching that exists; the error says which. The number of rounds differs by one or so from
    seed to seed:

        12 in threes: 3 rounds    16 in fours: 3 rounds    36 in fours: 7 rounds
        18 in threes: 6 rounds    24 in fours: 4 rounds    48 in fours: 10 rounds
        24 in threes: 8 rounds    32 in fours: 6 rounds    30 in fives: 3 rounds

    Args:
        rounds: how many rounds are still to come, this one included; if somebody has met too many
            for all of them, the error comes now and not in the last round.

    Raises:
        NoStrangersLeft: no such matching is possible any more, or none was found.
        UprootError: *size* or the number of players is wrong.
    """
    everybody = _players(players, size)
    if not everybody:
        return []
    if len(everybody) % size:
        raise UprootError(
            f"perfect_strangers() cannot put {len(everybody)} players into groups of {size}.\n"
            "Give it as many players as the groups have places."
        )
    unmet = _unmet(everybody)
    _check_enough(everybody, unmet, size, rounds)
    order = _shuffled(sorted(everybody, key=lambda player: player.id), rounds_draw_anew=False)
    names = [player.name for player in order]
    found = _scheduled(names, size, unmet) or _searched(names, size, unmet, _rng(everybody))
    by_name = {player.name: player for player in everybody}
    return [[by_name[name] for name in group] for group in found]


# ---- who has met whom ----


def _unmet(everybody: Sequence[Player]) -> dict[str, set[str]]:
    """Return for each player the others whom they have never met."""
    names = {player.name for player in everybody}
    world = world_of(everybody[0])
    return {name: names - {name} - world.state.met(name) for name in names}


def _check_enough(
    everybody: Sequence[Player], unmet: dict[str, set[str]], size: int, rounds: int
) -> None:
    needed = (size - 1) * rounds
    short = min(everybody, key=lambda player: len(unmet[player.name]))
    left = len(unmet[short.name])
    if left < needed:
        ahead = "this round" if rounds == 1 else f"{rounds} more rounds"
        raise NoStrangersLeft(
            f"player/{short.name} has {left} of the {len(everybody)} players left whom they have "
            f"not met, and {ahead} in groups of {size} would need {needed}."
        )


# ---- groups ----


def _scheduled(names: list[str], size: int, unmet: dict[str, set[str]]) -> list[list[str]]:
    """Return the first round of a rotation in which nobody meets again; empty if there is none."""
    for groups in _rotation(names, size):
        if all(_are_strangers(group, unmet) for group in groups):
            return groups
    return []


def _are_strangers(group: list[str], unmet: dict[str, set[str]]) -> bool:
    return all(b in unmet[a] for at, a in enumerate(group) for b in group[at + 1 :])


def _rotation(names: list[str], size: int) -> Iterator[list[list[str]]]:
    """Yield the rounds of a matching in which no two players meet twice.

    Pairs go round a table at which the first one stays (the circle method). For larger groups each
    player has a column, and column c moves c places on in each round.
    """
    count = len(names) // size
    if size == 2:
        first, others = names[0], names[1:]
        for turn in range(len(others)):
            ring = [first, *others[turn:], *others[:turn]]
            yield [[ring[at], ring[-1 - at]] for at in range(count)]
    elif all(gcd(step, count) == 1 for step in range(1, size)):
        columns = [names[column * count : (column + 1) * count] for column in range(size)]
        for turn in range(count):
            yield [
                [people[(row + number * turn) % count] for number, people in enumerate(columns)]
                for row in range(count)
            ]


def _searched(
    names: list[str], size: int, unmet: dict[str, set[str]], rng: Random
) -> list[list[str]]:
    """Return groups of strangers, found by trial; whoever has fewest left is placed first.

    Those who are even come in a random order. By name they would form closed blocks, which soon
    have nobody left to meet.
    """
    order = sorted(names)
    number = {name: place for place, name in enumerate(order)}
    strange = [sum(1 << number[other] for other in unmet[name]) for name in order]
    looks, ranks = MOST_LOOKS, list(range(len(order)))
    for _ in range(MOST_SEARCHES if len(names) <= MOST_SEARCHED else 0):
        rng.shuffle(ranks)
        search = _Search(size, strange, ranks, looks)
        if search.place(search.everybody):
            return [[order[number] for number in group] for group in search.groups]
        if not search.is_given_up:
            raise NoStrangersLeft(
                f"There is no matching of {len(names)} players into groups of {size} any more in "
                "which no two meet again."
            )
        looks -= search.looks
    how = "it was searched for in many ways, but not in all."
    if len(names) > MOST_SEARCHED:
        how = f"beyond the rotation, groups are searched for among {MOST_SEARCHED} players at most."
    raise NoStrangersLeft(
        f"No matching of {len(names)} players into groups of {size} strangers was found; {how}"
    )


class _Search:
    """A search for groups of strangers, with a limit so that it never holds up the session.

    Players are numbers, and sets of them are bits of an integer, which are counted at once.

    Args:
        unmet: for each player, those whom they have never met.
        ranks: who comes first of those who are even, by player.
    """

    def __init__(self, size: int, unmet: list[int], ranks: list[int], most_looks: int) -> None:
        self._size, self._unmet, self._ranks = size, unmet, ranks
        self._most_looks = most_looks
        self.everybody = (1 << len(unmet)) - 1
        self.groups: list[list[int]] = []
        self.steps = self.looks = 0

    @property
    def is_given_up(self) -> bool:
        """Whether the limit was reached, so that not everything was tried."""
        return self.steps >= MOST_STEPS or self.looks >= self._most_looks

    def place(self, left: int) -> bool:
        """Put all who are left into groups; return whether that is possible."""
        if not left:
            return True
        unmet, _, first = self._sorted(left, left)[0]
        if unmet < self._size - 1:
            return False
        return self._fill(left ^ 1 << first, left & self._unmet[first], [first])

    def _fill(self, left: int, free: int, group: list[int]) -> bool:
        """Complete a group and all others.

        Args:
            free: those of *left* whom nobody in the group has met.
        """
        self.steps += 1
        if self.is_given_up:
            return False
        if len(group) == self._size:
            self.groups.append(group)
            if self.place(left):
                return True
            self.groups.pop()
            return False
        return any(
            self._fill(left ^ 1 << one, free & self._unmet[one], [*group, one])
            for *_, one in self._sorted(free, left)
        )

    def _sorted(self, those: int, left: int) -> list[tuple[int, int, int]]:
        """Return how many of *left* each may still meet, rank and player, the fewest first."""
        found = []
        self.looks += those.bit_count()
        while those:
            one = (those & -those).bit_length() - 1
            those &= those - 1
            found.append(((self._unmet[one] & left).bit_count(), self._ranks[one], one))
        found.sort()
        return found


# ---- players and draws ----


def _players(players: Any, size: Any) -> list[Player]:
    if isinstance(size, bool) or not isinstance(size, int) or size < 2:
        raise UprootError(f"A group of strangers has 2 or more members, not {size!r}.")
    if isinstance(players, (str, bytes)) or not isinstance(players, Iterable):
        raise WrongRecipient(players)
    found = list(players)
    for player in found:
        if not isinstance(player, Player):
            raise WrongRecipient(player)
    if len({player.name for player in found}) < len(found):
        raise UprootError("A player is listed twice among the strangers.\nList each player once.")
    return found


def _shuffled(players: Sequence[Player], rounds_draw_anew: bool = True) -> list[Player]:
    """Return players in an order that follows from the session's seed."""
    shuffler = _rng(players) if rounds_draw_anew else world_of(players[0]).new_rng("strangers/")
    order = sorted(players, key=lambda player: player.id)
    shuffler.shuffle(order)
    return order


def _rng(players: Sequence[Player]) -> Random:
    """Return a generator that follows from the session's seed and how many groups there were."""
    world: World = world_of(players[0])
    return world.new_rng(f"strangers/{world.state.meetings}")
