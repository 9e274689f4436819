"""Waits: players wait for each other; the last to arrive releases the others, without polling."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from heapq import nsmallest
from itertools import islice
from typing import Any, TypeAlias

from uproot_nb.errors import BadPage, WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.experiment.pages import GroupCreatingWait, Page, SynchronizingWait
from uproot_nb.flow.hooks import attempt_for, run_authors, run_hook
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.moves import Moves
from uproot_nb.flow.waiting.grouping import Grouping, Progress
from uproot_nb.flow.waiting.label_order import label_order
from uproot_nb.flow.waiting.reasons import Waiting
from uproot_nb.flow.whereabouts import Place, Whereabouts
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["WAIT_EVENT", "Waits"]

WAIT_EVENT = "_uproot_wait"
"""The push with how many are here, and how many are needed."""

MOST_NAMED = 5
"""Players waited for who are named; of more, there is the number."""

SESSION = "session"
"""The subject of a gathering of the whole session."""


class _Gathering:
    """The players whom one place waits for; a count checks only those who have changed."""

    def __init__(self, names: Iterable[str]) -> None:
        self.unseen = dict.fromkeys(names)
        """Players who have changed since the last count."""
        self.here: set[str] = set()
        self.missing: set[str] = set()

    def names(self) -> set[str]:
        """Return the names of all whom the place waits for."""
        return {*self.unseen, *self.here, *self.missing}

    def count(self, is_here: Callable[[str], bool]) -> None:
        """Check the players who have changed."""
        for name in self.unseen:
            here = is_here(name)
            (self.here if here else self.missing).add(name)
            (self.missing if here else self.here).discard(name)
        self.unseen.clear()


_Key: TypeAlias = tuple[str, int, str]
"""A gathering: the page's key, which of its occurrences, and the group or session that waits."""


class Waits:
    """Decides, at each arrival, whether waiting players may go on.

    An arrival costs the same however many wait: a count checks only players who have changed.

    Args:
        follow: brings a released player to the next page, and the browser with them.
        announce: called when `take_news` has news for waiting players.
        wake: called when `to_wake` may have somebody new.
        report: reports an error of an author's function that holds up nobody's page.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        moves: Moves,
        whereabouts: Whereabouts,
        follow: Callable[[Player], None],
        announce: Callable[[], None],
        wake: Callable[[], None],
        report: Callable[[BaseException, Player], None],
    ) -> None:
        self._world, self._journeys, self._moves = world, journeys, moves
        self._whereabouts, self._follow, self._has_news = whereabouts, follow, announce
        self._wake = wake
        self.grouping = Grouping(
            world, journeys, whereabouts, self._finish_group, self._mark, report, wake, announce
        )  # fmt: skip
        self._running: set[str] = set()
        self._gatherings: dict[_Key, _Gathering] = {}
        self._gatherings_of: dict[str, set[_Key]] = defaultdict(set)
        self._keys_of: dict[str, set[_Key]] = defaultdict(set)
        """The gatherings of each group, and of the session."""
        self._changed: dict[_Key, None] = {}
        """Gatherings that may have become complete."""
        self._failed: dict[str, None] = {}
        """Players who wait because a hook has failed."""
        self._news: dict[_Key, None] = {}
        self._chosen_by: dict[str, list[str]] = {}
        """For whom players were to wait at last, by a page's `wait_for`."""
        self._known = set(world.state.players)
        self._begin()

    def _begin(self) -> None:
        world = self._world
        for mark in world.state.done:
            self.grouping.note_mark(mark)
        for place in self._whereabouts.places():
            for name in self._whereabouts.arrived(place):
                self._note(name)
        self._whereabouts.listeners.append(self._note)
        world.journal.watch("once", lambda event: self.grouping.note_mark(event.field))
        world.journal.watch("wait", lambda event: self.grouping.note(_name_in(event.subject)))
        world.journal.watch("group", lambda event: self._note_group(event.subject))

    async def check(self, player: Player) -> bool:
        """Let a waiting player go on if nobody is missing; return whether they did."""
        page = self._page_of(player)
        if page is None or not page.waits or not self._moves.has_arrived(player):
            return False
        visit = player._state.entered
        self._failed[player.name] = None
        if issubclass(page, GroupCreatingWait):
            await self.grouping.group(page, player._state.nth, player)
        elif issubclass(page, SynchronizingWait):
            await self._synchronize(page, player)
        self._failed.pop(player.name, None)
        return player._state.entered != visit

    def to_wake(self) -> list[Player]:
        """Return waiting players whose `check` may now let somebody go on."""
        with self._world.lock:
            names = dict(self._failed)
            for key in self._changed:
                names.update(dict.fromkeys(self._first_of(key)))
            self._changed.clear()
            for place in self._whereabouts.places():
                names.update(dict.fromkeys(self._to_ask(place)))
            return [self._world.player(name) for name in names]

    def _first_of(self, key: _Key) -> list[str]:
        """Return one player who waits in a gathering, if any."""
        page, nth, subject = key
        place_of = self._whereabouts.place_of
        if subject == SESSION:
            return list(islice(self._whereabouts.arrived((page, nth)), 1))
        waiting = (n for n in self._members(subject) if place_of(n) == (page, nth))
        return list(islice(waiting, 1))

    def _to_ask(self, place: Place) -> Collection[str]:
        """Return the players at a place who must be checked themselves."""
        page = self._journeys.pages.get(place[0])
        if page is None or not page.waits:
            return ()
        arrived = self._whereabouts.arrived(place)
        if issubclass(page, GroupCreatingWait):
            return list(islice(arrived, 1)) if self.grouping.is_due(place) else ()
        return arrived if hasattr(page, "wait_for") else ()

    def progress(self, player: Player) -> Progress:
        """Return how many are here where a player waits, and how many are needed."""
        page, nth = self._page_of(player), player._state.nth
        if page is None or not issubclass(page, (GroupCreatingWait, SynchronizingWait)):
            return {"here": 0, "needed": None}
        if issubclass(page, GroupCreatingWait):
            with self._world.lock:
                return self.grouping.progress(player, page, nth)
        if hasattr(page, "wait_for"):
            return {"here": 1, "needed": None}
        with self._world.lock:
            gathering = self._counted(page, nth, self._subject(page, player).subject)
            here = len(gathering.here)
            return {"here": here, "needed": here + len(gathering.missing)}

    def reason_key(self, player: Player) -> tuple[str, ...] | None:
        """Return what players have in common who wait for the same; None for who does not wait."""
        state = player._state
        page = self._journeys.pages.get(state.page or "")
        if page is None or not page.waits or not state.has_arrived:
            return None
        place = page.key, str(state.nth)
        if issubclass(page, GroupCreatingWait):
            return (*place, *self.grouping.pool_of(player, page, state.nth))
        if hasattr(page, "wait_for") or not issubclass(page, SynchronizingWait):
            return (*place, player.subject)
        is_session = page.synchronize == "session"
        return (*place, SESSION if is_session else f"group/{state.group}")

    def reason(self, player: Player) -> Waiting | None:
        """Return for whom a player waits, and why; None for who does not wait.

        It calls no function of an author.
        """
        state = player._state
        page = self._journeys.pages.get(state.page or "")
        if page is None or not page.waits or not state.has_arrived:
            return None
        if issubclass(page, GroupCreatingWait):
            progress = self.grouping.progress(player, page, state.nth)
            if progress["needed"] is None:
                return Waiting("rule", here=progress.get("waiting") or 0)
            here, needed = progress["here"] or 0, progress["needed"]
            return Waiting("group", (), needed - here, here, needed)
        missing, here = self._missing(page, player)
        if not missing:
            return Waiting("failed" if player.name in self._failed else "rule")
        players = self._world.state.players
        first = nsmallest(MOST_NAMED, missing, key=lambda name: label_order(players[name]))
        return Waiting("players", tuple(first), len(missing), here, here + len(missing))

    def affected(self, names: Iterable[str]) -> set[tuple[str, ...]]:
        """Return the keys of reasons that a change of these players may have changed."""
        keys = {key for name in names for key in self._gatherings_of.get(name, ())}
        return {(page, str(nth), subject) for page, nth, subject in keys}

    def _missing(self, page: type[Page], player: Player) -> tuple[Collection[str], int]:
        """Return who is missing where a player waits for others, and how many are here."""
        nth, group = player._state.nth, player._state.group
        if hasattr(page, "wait_for"):
            chosen = [self._world.player(name) for name in self._chosen_by.get(player.name, ())]
            missing = [p.name for p in chosen if not self._is_here(p, page, nth)]
            return missing, len(chosen) - len(missing)
        if not issubclass(page, SynchronizingWait) or (page.synchronize != SESSION and not group):
            return (), 0
        gathering = self._counted(page, nth, self._subject(page, player).subject)
        return gathering.missing, len(gathering.here)

    def take_news(self) -> list[tuple[list[Player], Progress]]:
        """Return unsent progress, each with the waiting players who are online."""
        with self._world.lock:
            news, self._news = self._news, {}
            found = self.grouping.take_news()
            for page, nth, subject in news:
                arrived = self._whereabouts.arrived((page, nth))
                names = self._members(subject) if subject != SESSION else list(arrived)
                waiting = [self._world.player(name) for name in names if name in arrived]
                waiting = [player for player in waiting if player.online]
                if waiting:
                    found.append((waiting, self.progress(waiting[0])))
            return found

    # ---- changes of players and groups ----

    def _note(self, name: str) -> None:
        """Handle a change of a player."""
        for key in self._gatherings_of.get(name, ()):
            self._gatherings[key].unseen[name] = None
            self._changed[key] = None
        if name not in self._known:
            self._note_joined(name)
        if self._whereabouts.place_of(name) is None:
            self._failed.pop(name, None)
            self._chosen_by.pop(name, None)
        self.grouping.note(name)

    def _note_joined(self, name: str) -> None:
        """Add a new player to the gatherings of the whole session."""
        self._known.add(name)
        for key in self._keys_of[SESSION]:
            self._gatherings[key].unseen[name] = None
            self._gatherings_of[name].add(key)
            self._changed[key] = None

    def regroup(self, players: Sequence[Player]) -> bool:
        """Make a group of players who wait to be grouped on the same page; they go on soon.

        Return False if they do not, so that nothing was done.
        """
        places = {self._whereabouts.place_of(player.name) for player in players}
        place = places.pop()
        page = None if place is None else self._journeys.pages.get(place[0])
        if places or place is None or page is None or not issubclass(page, GroupCreatingWait):
            return False
        self.grouping.make_by_hand(page, place[1], players)
        return True

    def _note_group(self, subject: str) -> None:
        """Count a group's gatherings again after a change of its members."""
        for key in list(self._keys_of.get(subject, ())):
            self._forget(key)
            self._gather(key)
            self._changed[key] = None
            self._wake()  # nobody may be missing any more
        self.grouping.note_group(subject)

    # ---- making groups ----

    async def _finish_group(self, page: type[Page], nth: int, group: Group) -> None:
        """Run `after_grouping` once for a new group, and let its members go on."""
        done = f"after_grouping:{page.key}#{nth}:{group.subject}"
        if done in self._running or done in self._world.state.done:
            return
        members = list(group.players)
        await self._once(page, "after_grouping", group, done, members[-1])
        self._release(members, page, nth)

    # ---- waiting for each other ----

    async def _synchronize(self, page: type[SynchronizingWait], player: Player) -> None:
        nth, subject = player._state.nth, self._subject(page, player)
        done = f"all_here:{page.key}#{nth}:{subject.subject}"
        if hasattr(page, "wait_for"):
            chosen = await self._chosen(page, player)
            self._chosen_by[player.name] = _names(chosen)
            names = " ".join(sorted(_names(chosen)))
            done += ":" + hashlib.sha256(names.encode()).hexdigest()[:12]
        if done in self._running:
            return  # the hook is running, and will release everybody
        if done in self._world.state.done:
            self._release([player], page, nth)
            return
        key = page.key, nth, subject.subject
        if hasattr(page, "wait_for"):
            with self._world.lock:
                if not all(self._is_here(p, page, nth) for p in chosen):
                    return
            await self._once(page, "all_here", subject, done, player)
            self._release([*chosen, player], page, nth)
            return
        with self._world.lock:
            missing = self._counted(page, nth, subject.subject).missing
        if missing:
            self._announce(key)
            return
        await self._once(page, "all_here", subject, done, player)
        with self._world.lock:
            self._forget(key)
        self._release([*subject.players, player], page, nth)

    def _counted(self, page: type[Page], nth: int, subject: str) -> _Gathering:
        key = page.key, nth, subject
        gathering = self._gatherings.get(key) or self._gather(key)
        player = self._world.player
        gathering.count(lambda name: self._is_here(player(name), page, nth))
        return gathering

    def _gather(self, key: _Key) -> _Gathering:
        gathering = self._gatherings[key] = _Gathering(self._members(key[2]))
        self._keys_of[key[2]].add(key)
        for name in gathering.unseen:
            self._gatherings_of[name].add(key)
        return gathering

    def _forget(self, key: _Key) -> None:
        gathering = self._gatherings.pop(key, None)
        self._changed.pop(key, None)
        self._keys_of[key[2]].discard(key)
        for name in () if gathering is None else gathering.names():
            self._gatherings_of[name].discard(key)

    def _members(self, subject: str) -> list[str]:
        """Return the names of a group's players, or of all players."""
        state, name = self._world.state, subject.partition("/")[2]
        if subject == SESSION:
            return list(state.players)
        return list(state.groups[name].members) if name in state.groups else []

    async def _chosen(self, page: type[Page], player: Player) -> list[Player]:
        """Return the players for whom `wait_for` lets a player wait."""
        tried = attempt_for(player, page, "wait_for")
        chosen = await run_hook(page, "wait_for", player, tried, default=())
        return self._players(chosen)

    def _subject(self, page: Any, player: Player) -> Group | Session:
        if page.synchronize == "session":
            return player.session
        if player.group is not None:
            return player.group
        if hasattr(page, "wait_for"):
            return player.session
        raise BadPage(
            page.__name__,
            f"it waits for the group of player/{player.name}, who is not in a group.",
            'Put a GroupCreatingWait before it, or write synchronize = "session".',
        )

    def _players(self, chosen: Any) -> list[Player]:
        if not isinstance(chosen, Iterable) or isinstance(chosen, (str, PlayerIdentifier)):
            chosen = [chosen]
        everybody = self._world.players()
        found: list[Any] = []
        for one in chosen:
            if not isinstance(one, (Player, PlayerIdentifier, str)):
                raise WrongRecipient(one)
            here = isinstance(one, Player) and one._world is self._world
            found.append(one if here else everybody.get(one))
        return list(dict.fromkeys(found))

    def _is_here(self, player: Player, page: type[Page], nth: int) -> bool:
        """Return whether a player waits at this place, has passed it, or is not needed."""
        if player.has_dropped_out:
            return True
        position = self._journeys.place(player, page.key, nth)
        if position is None:
            return self._never_comes(player)
        if player.position == position:
            return self._moves.has_arrived(player)
        return player.position > position

    def _never_comes(self, player: Player) -> bool:
        """Return whether a player, whose journey lacks a place, cannot get there any more."""
        steps = player._state.journey
        if steps is None:
            return False
        return player.position >= len(steps) or not self._journeys.is_open(player, len(steps) - 1)

    # ---- both ----

    async def _once(
        self, page: type[Page], hook: str, subject: Group | Session, done: str, player: Player
    ) -> None:
        """Run a hook once for all who waited; it ends and is logged in the same step."""
        self._running.add(done)
        try:
            note = partial(self._mark, done, player, page)
            function = getattr(page, hook, None) or _nothing
            tried = attempt_for(player, page, hook)
            await run_authors(function, self._world, tried, subject, then=note)
        finally:
            self._running.discard(done)

    def _mark(self, done: str, player: Player, page: type[Page]) -> None:
        """Log that something which runs once for many has run."""
        world = self._world
        with world.lock:
            what = done.partition(":")[0]
            name = f"{page.__name__}.{what}"
            cause = Cause(player.name, page.key, name, page.source.hash)
            world.journal.fold_for(cause, "once", "session", done, "null")

    def _release(self, players: list[Player], page: type[Page], nth: int) -> None:
        """Let players who wait at this place go on."""
        with self._moves.batch():
            for player in dict.fromkeys(players):
                here = player.page == page.key and player._state.nth == nth
                if here and self._moves.has_arrived(player):
                    self._moves.go(player, player.position + 1)
                    self._follow(player)

    def _announce(self, key: _Key) -> None:
        """Schedule a push to those who still wait."""
        self._news[key] = None
        self._has_news()

    def _page_of(self, player: Player) -> type[Page] | None:
        return self._journeys.page(player, player.position)


def _nothing(subject: Any) -> None:
    """Replace a hook that the author did not write."""


def _name_in(subject: str) -> str:
    """Return the name of the player that is a subject."""
    return subject.removeprefix("player/")


def _names(players: Iterable[Player]) -> list[str]:
    return [player.name for player in players]
