"""Grouping: groups those who wait to be grouped, by their number or by an author's `match`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import index
from typing import Any, NamedTuple, TypeAlias

from sortedcontainers import SortedDict

from uproot_nb.errors import BadPage
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.experiment.pages import GroupCreatingWait, Page
from uproot_nb.flow.hooks import attempt_for, run_authors, value_of
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.whereabouts import Place, Whereabouts
from uproot_nb.session.entities import Group, Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.groups import create_group
from uproot_nb.session.world import World

__all__ = ["GroupHook", "Grouping", "Progress", "groups_of"]

Progress: TypeAlias = dict[str, int | None]
"""How many are `here`, how many are `needed` (None if that is unknown), and how many are `waiting`
where an author's rule decides."""

GroupHook = Callable[[type[Page], int, Group], Awaitable[None]]
"""Runs `after_grouping` once for a group, and lets its members go on."""


class PoolKey(NamedTuple):
    """What the players of one pool have in common."""

    size: int | None = None
    """What the function `group_size` returned; None for the page's plain `group_size`."""
    match_by: str = ""
    """What `match_by` returned, as text of the log."""


EVERYBODY = PoolKey()
"""The pool of a page on which all can be grouped with each other."""


class Lobby:
    """The players at one place who can be grouped, in pools of those who can be together.

    A change costs the same however many there are.
    """

    def __init__(self) -> None:
        self.page: type[Page] | None = None
        """The page class that has sorted the players."""
        self.unsorted: dict[str, None] = {}
        """Players whose pool is not known yet."""
        self.changed: dict[PoolKey, None] = {}
        """Pools that somebody has joined or left since they were last checked."""
        self._players: dict[str, int] = {}
        """The visit of each player: whoever came first is grouped first."""
        self._pools: dict[PoolKey, SortedDict] = {}
        self._key_of: dict[str, PoolKey] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._players)

    def add(self, name: str, visit: int) -> None:
        """Let a player be grouped, once it is known with whom."""
        self._players[name] = visit
        self.unsorted[name] = None

    def remove(self, name: str) -> None:
        """Let a player be grouped no longer."""
        self.unsorted.pop(name, None)
        key, visit = self._key_of.pop(name, None), self._players.pop(name)
        if key is not None:
            del self._pools[key][visit, name]
            self.changed[key] = None
            if not self._pools[key]:
                del self._pools[key]

    def sort_in(self, name: str, key: PoolKey) -> None:
        """Put a player into a pool, unless the player has left."""
        if name in self.unsorted:
            del self.unsorted[name]
            self._key_of[name] = key
            self._pools.setdefault(key, SortedDict())[self._players[name], name] = None
            self.changed[key] = None

    def leave_out(self, name: str) -> None:
        """Let a player wait in no pool: the author's function has failed for them."""
        self.unsorted.pop(name, None)

    def sort_anew(self, page: type[Page]) -> None:
        """Forget the pools: this class has the page now."""
        self.page = page
        self.changed.clear()
        self._pools.clear()
        self._key_of.clear()
        self.unsorted.update(dict.fromkeys(self._players))

    def key_of(self, name: str) -> PoolKey | None:
        """Return a player's pool; None if it is not known."""
        return self._key_of.get(name)

    def count_again(self, name: str) -> None:
        """Let a player's pool count as changed."""
        if name in self._key_of:
            self.changed[self._key_of[name]] = None

    def size(self, key: PoolKey) -> int:
        """Return how many are in a pool."""
        return len(self._pools.get(key, ()))

    def first(self, key: PoolKey, count: int | None = None) -> list[str]:
        """Return the first players of a pool, in order of arrival; all without a *count*."""
        return [name for _, name in islice(self._pools.get(key, ()), count)]


class Grouping:
    """Makes groups of the players on a GroupCreatingWait.

    Args:
        finish: runs the hook of a new group, and lets its members go on.
        mark: (mark, player, page) → logs that a group was made, or that its hook has ended.
        report: reports an error of an author's function; nobody is grouped by it.
        wake: called when players can be grouped who could not, or the other way round.
        announce: called when `take_news` has news for waiting players.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        whereabouts: Whereabouts,
        finish: GroupHook,
        mark: Callable[[str, Player, type[Page]], None],
        report: Callable[[BaseException, Player], None],
        wake: Callable[[], None],
        announce: Callable[[], None],
    ) -> None:
        self._world, self._journeys, self._whereabouts = world, journeys, whereabouts
        self._finish, self._mark, self._report = finish, mark, report
        self._wake, self._has_news = wake, announce
        self._lobbies: dict[Place, Lobby] = {}
        self._place_of: dict[str, Place] = {}
        """The place of each player who can be grouped."""
        self._half_made: dict[Place, dict[str, list[str]]] = defaultdict(dict)
        """The members of groups whose hook has not ended, by place."""
        self._grouped: set[str] = set()
        self._news: dict[tuple[Place, PoolKey], None] = {}

    # ---- changes of players and groups ----

    def note(self, name: str) -> None:
        """Handle a change of a player: whether, and where, the player can be grouped."""
        place = self._whereabouts.place_of(name) if self._is_free(name) else None
        before = self._place_of.get(name)
        if place is not None and not self._groups(place):
            place = None
        if place == before:
            return
        if before is not None:
            self._lobbies[before].remove(name)
            del self._place_of[name]
        if place is not None:
            visit = self._world.state.players[name].entered
            self._lobbies.setdefault(place, Lobby()).add(name, visit)
            self._place_of[name] = place
        self._wake()

    def _is_free(self, name: str) -> bool:
        state = self._world.state.players[name]
        is_there = state.online and not state.dropped and not state.idle
        return is_there and name not in self._grouped

    def _groups(self, place: Place) -> bool:
        page = self._journeys.pages.get(place[0])
        return page is not None and issubclass(page, GroupCreatingWait)

    def note_group(self, subject: str) -> None:
        """Handle a change of a group's members."""
        for groups in self._half_made.values():
            if subject in groups:
                self._free(groups.pop(subject))
                self._hold(groups, subject)

    def note_mark(self, mark: str) -> None:
        """Handle that a group was made, or that its hook has ended."""
        what, _, rest = mark.partition(":")
        if what not in ("grouped", "after_grouping"):
            return
        where, _, subject = rest.rpartition(":")
        page, _, nth = where.rpartition("#")
        groups = self._half_made[page, int(nth)]
        if what == "after_grouping":
            self._free(groups.pop(subject, []))
        elif f"after_grouping:{rest}" not in self._world.state.done:
            self._hold(groups, subject)

    def _hold(self, groups: dict[str, list[str]], subject: str) -> None:
        known = self._world.state.groups.get(subject.partition("/")[2])
        members = list(known.members) if known is not None else []
        if members:
            groups[subject] = members
            self._grouped.update(members)
            for name in members:
                self.note(name)

    def _free(self, members: list[str]) -> None:
        self._grouped.difference_update(members)
        for name in members:
            self.note(name)

    # ---- what there is ----

    def is_due(self, place: Place) -> bool:
        """Return whether `group` has something to do at a place."""
        lobby = self._lobbies.get(place)
        changed = lobby is not None and bool(lobby.unsorted or lobby.changed)
        return changed or bool(self._half_made.get(place))

    def is_being_grouped(self, name: str) -> bool:
        """Return whether a player is in a group whose hook has not ended."""
        return name in self._grouped

    def who_can_be_grouped(self, place: Place) -> set[str]:
        """Return the names of the players at a place who can be grouped now."""
        return set(self._lobbies.get(place, ()))

    def progress(self, player: Player, page: type[GroupCreatingWait], nth: int) -> Progress:
        """Return how many of a player's pool are here, and how many are needed."""
        lobby = self._lobbies.get((page.key, nth)) or Lobby()
        key = lobby.key_of(player.name)
        if key is None and not _has_pools(page):
            key = EVERYBODY
        if key is None:
            return {"here": 0, "needed": None}
        return self._progress(page, lobby.size(key), key)

    def pool_of(self, player: Player, page: type[GroupCreatingWait], nth: int) -> tuple[str, ...]:
        """Return what names the pool of a player who waits to be grouped."""
        lobby = self._lobbies.get((page.key, nth))
        key = None if lobby is None else lobby.key_of(player.name)
        if key is None:
            return (player.subject,) if _has_pools(page) else ("pool",)
        return "pool", str(key.size), key.match_by

    def _progress(self, page: type[GroupCreatingWait], count: int, key: PoolKey) -> Progress:
        if hasattr(page, "match"):
            return {"here": 0, "needed": None, "waiting": count}
        size = key.size or page.group_size
        return {"here": min(count, size), "needed": size}

    def take_news(self) -> list[tuple[list[Player], Progress]]:
        """Return unsent progress, each with the players of a pool."""
        news, self._news = self._news, {}
        found: list[tuple[list[Player], Progress]] = []
        for place, key in news:
            page, lobby = self._journeys.pages.get(place[0]), self._lobbies.get(place)
            names = lobby.first(key) if lobby is not None else []
            if names and page is not None and issubclass(page, GroupCreatingWait):
                waiting = [self._world.player(name) for name in names]
                found.append((waiting, self._progress(page, len(names), key)))
        return found

    # ---- making groups ----

    async def group(self, page: type[GroupCreatingWait], nth: int, player: Player) -> None:
        """Make as many groups as possible; finish those that a kill has interrupted.

        Args:
            player: somebody at the place, whose pool is counted again in any case.
        """
        place = page.key, nth
        for subject in list(self._half_made.get(place, ())):
            await self._finish(page, nth, self._world.group(subject.partition("/")[2]))
        lobby = self._lobby_of(page, place)
        await self._sort(page, lobby)
        if not hasattr(page, "match"):
            lobby.count_again(player.name)
        while (key := self._next_changed(lobby)) is not None:
            await (self._match if hasattr(page, "match") else self._fill)(page, nth, lobby, key)
            self._news[place, key] = None
            self._has_news()

    def _lobby_of(self, page: type[Page], place: Place) -> Lobby:
        """Return who can be grouped at a place; sort them anew if the page was redefined."""
        with self._world.lock:
            lobby = self._lobbies.setdefault(place, Lobby())
            if lobby.page is not page:
                for name in self._whereabouts.arrived(place):
                    self.note(name)
                lobby.sort_anew(page)
            return lobby

    def _next_changed(self, lobby: Lobby) -> PoolKey | None:
        with self._world.lock:
            key = next(iter(lobby.changed), None)
            if key is not None:
                del lobby.changed[key]
            return key

    async def _sort(self, page: type[GroupCreatingWait], lobby: Lobby) -> None:
        """Find out with whom new players can be grouped."""
        for name in list(lobby.unsorted):
            player = self._world.player(name)
            try:
                key = await self._key_for(page, player) if _has_pools(page) else EVERYBODY
            except Exception as error:  # the border around authors' functions
                self._report(error, player)
                lobby.leave_out(name)
            else:
                with self._world.lock:
                    lobby.sort_in(name, key)

    async def _key_for(self, page: type[GroupCreatingWait], player: Player) -> PoolKey:
        size = None
        if callable(page.group_size):
            tried = attempt_for(player, page, "group_size")
            size = _size_for(player, page, await value_of(page, "group_size", player, tried))
        tried = attempt_for(player, page, "match_by")
        value = await value_of(page, "match_by", player, tried)
        return PoolKey(size, self._world.codec.encode(value))

    async def _fill(
        self, page: type[GroupCreatingWait], nth: int, lobby: Lobby, key: PoolKey
    ) -> None:
        """Make groups of a pool, as long as there are enough players."""
        size = key.size or page.group_size
        while True:
            with self._world.lock:
                if lobby.size(key) < size:
                    return
                members = [self._world.player(name) for name in lobby.first(key, size)]
                group = self._make(page, nth, members)
            await self._finish(page, nth, group)

    async def _match(
        self, page: type[GroupCreatingWait], nth: int, lobby: Lobby, key: PoolKey
    ) -> None:
        """Make the groups that the author's `match` returns."""
        with self._world.lock:
            waiting = [self._world.player(name) for name in lobby.first(key)]
        if not waiting:
            return
        tried = attempt_for(waiting[-1], page, "match")
        try:
            groups = await run_authors(self._matched, self._world, tried, page, nth, waiting)
        except Exception as error:  # the border around authors' functions
            self._report(error, waiting[-1])
            return
        for group in groups:
            await self._finish(page, nth, group)

    def _matched(self, page: Any, nth: int, waiting: list[Player]) -> list[Group]:
        """Call `match` and make its groups in the same step: nobody can leave between the two."""
        chosen = groups_of(page.__name__, page.match(Bunch(waiting, "waiting")), waiting)
        return [self._make(page, nth, members) for members in chosen]

    def make_by_hand(self, page: type[Page], nth: int, members: Sequence[Player]) -> None:
        """Make a group of players who wait here, whatever the page's rule says."""
        mark = _made(page, nth, self._create(page, members))
        self._world.journal.fold("once", "session", mark, "null")  # with the researcher's cause

    def _make(self, page: type[Page], nth: int, members: Sequence[Player]) -> Group:
        """Make one group; log its wait page, in case a kill comes before the hook has ended."""
        group = self._create(page, members)
        self._mark(_made(page, nth, group), members[-1], page)
        return group

    def _create(self, page: type[Page], members: Sequence[Player]) -> Group:
        group = create_group(self._world.session, members, overwrite=True)
        app = page.key.rpartition("/")[0]
        if app:
            group._set("app", app)
        return group


def _made(page: type[Page], nth: int, group: Group) -> str:
    """Return the mark of a group that a page has made."""
    return f"grouped:{page.key}#{nth}:{group.subject}"


def _has_pools(page: type[GroupCreatingWait]) -> bool:
    """Return whether a page's own functions decide who can be grouped with whom."""
    by_function = callable(page.group_size) or hasattr(page, "match_by")
    return by_function and not hasattr(page, "match")


def _size_for(player: Player, page: type[Page], size: Any) -> int:
    """Return what `group_size` returned, if it is a number of players."""
    try:
        number = index(size)
    except TypeError:
        number = 0
    if number < 1 or isinstance(size, bool):
        raise BadPage(
            page.__name__,
            f"its group_size returned {size!r} for player/{player.name}.",
            "Return a whole number, 1 or more.",
        )
    return number


def groups_of(page: str, returned: Any, waiting: Sequence[Player]) -> list[list[Player]]:
    """Return the groups that an author's `match` has returned, as lists of waiting players.

    Raises:
        BadPage: it is not a list of groups, or somebody is in it twice or does not wait.
    """
    if returned is None:
        return []
    by_name = {player.name: player for player in waiting}
    groups = [_members(page, group, by_name) for group in _listed(page, returned)]
    seen: set[str] = set()
    for player in (player for group in groups for player in group):
        if player.name in seen:
            raise _bad_match(page, f"player/{player.name} twice", "Put each player into one group.")
        seen.add(player.name)
    return groups


def _members(page: str, group: Any, waiting: dict[str, Player]) -> list[Player]:
    if isinstance(group, (Player, PlayerIdentifier)):
        raise _bad_match(
            page, f"{group!r} in place of a group", "Return a list of groups: [[a, b], [c, d]]."
        )
    members = [_member(page, one, waiting) for one in _listed(page, group)]
    if not members:
        raise _bad_match(page, "an empty group", "Leave it out.")
    return members


def _member(page: str, one: Any, waiting: dict[str, Player]) -> Player:
    if not isinstance(one, (Player, PlayerIdentifier)):
        raise _bad_match(page, f"{one!r} in a group", "Put players into groups.")
    if one.name not in waiting:
        raise _bad_match(
            page, f"player/{one.name}, who is not waiting", "Choose from the players in 'waiting'."
        )
    return waiting[one.name]


def _listed(page: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _bad_match(page, f"{value!r}", "Return a list of groups, each a list of players.")
    return list(value)


def _bad_match(page: str, what: str, remedy: str) -> BadPage:
    return BadPage(page, f"its match returned {what}; nobody was grouped.", remedy)
