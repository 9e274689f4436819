"""Waits: players wait for each other; whoever comes last wakes the others, and nobody polls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from uproot_nb.engine.entities import Group, Player, Session
from uproot_nb.engine.groups import create_group
from uproot_nb.engine.hooks import attempt_for, run_authors, run_hook
from uproot_nb.engine.journeys import Journeys
from uproot_nb.engine.moves import Moves
from uproot_nb.engine.steps import Cause
from uproot_nb.engine.world import World
from uproot_nb.errors import BadPage, WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.experiment.pages import GroupCreatingWait, Page, SynchronizingWait

__all__ = ["Progress", "WAIT_EVENT", "Waits"]

WAIT_EVENT = "_uproot_wait"
"""The push that tells a wait page how many are here, and how many are needed."""


class Waits:
    """Decides, at each arrival, whether those who wait may go on.

    Args:
        follow: lets a player who was moved on be settled on the next page, and the browser follow.
        tell: pushes data to players' wait pages.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        moves: Moves,
        follow: Callable[[Player], None],
        tell: Callable[[list[Player], dict[str, Any]], None],
    ) -> None:
        self._world, self._journeys, self._moves = world, journeys, moves
        self._follow, self._tell = follow, tell
        self._running: set[str] = set()

    async def check(self, player: Player) -> bool:
        """Let a player who is on a page go on if nobody is to be waited for; tell whether so."""
        page = self._page_of(player)
        if page is None or not page.waits or not self._moves.has_arrived(player):
            return False
        visit = player._state.entered
        if issubclass(page, GroupCreatingWait):
            await self._group(page, player._state.nth)
        elif issubclass(page, SynchronizingWait):
            await self._synchronize(page, player)
        return player._state.entered != visit

    def waiting_on(self, key: str) -> list[Player]:
        """Return who waits on a page now."""
        return [p for p in self._world.players() if p.page == key and self._moves.has_arrived(p)]

    def progress(self, player: Player) -> Progress:
        """Return how many are here for a player who waits, and how many are needed."""
        page, nth = self._page_of(player), player._state.nth
        if page is None or not issubclass(page, (GroupCreatingWait, SynchronizingWait)):
            return {"here": 0, "needed": None}
        if issubclass(page, GroupCreatingWait):
            here = len(self._candidates(page, nth))
            return {"here": min(here, page.group_size), "needed": page.group_size}
        if hasattr(page, "wait_for"):
            return {"here": 1, "needed": None}
        awaited = self._awaited(page, player)
        here = sum(self._is_here(p, page, nth) for p in awaited)
        return {"here": here, "needed": len(awaited)}

    # ---- making groups ----

    async def _group(self, page: type[GroupCreatingWait], nth: int) -> None:
        """Make as many groups as there are players for; finish those that a kill left half-made."""
        for group in self._half_made(page, nth):
            await self._finish_group(page, group, nth)
        while True:
            with self._world.lock:
                here = self._candidates(page, nth)
                if len(here) < page.group_size:
                    break
                group = self._make(page, nth, here[: page.group_size])
            await self._finish_group(page, group, nth)
        self._announce(here)

    def _candidates(self, page: type[GroupCreatingWait], nth: int) -> list[Player]:
        """Return who can be put into a group, those who came first first."""
        here = [
            p
            for p in self.waiting_on(page.key)
            if p._state.nth == nth and p.online and not p.has_dropped_out
        ]
        taken = {name for group in self._half_made(page, nth) for name in _names(group.players)}
        return sorted((p for p in here if p.name not in taken), key=lambda p: p._state.entered)

    def _make(self, page: type[Page], nth: int, members: list[Player]) -> Group:
        """Make one group; the log tells for which wait page, should a kill come before its end."""
        world = self._world
        group = create_group(world.session, members, overwrite=True)
        app = page.key.rpartition("/")[0]
        if app:
            group._set("app", app)
        self._mark(f"grouped:{page.key}#{nth}:{group.subject}", members[-1], page)
        return group

    def _half_made(self, page: type[Page], nth: int) -> list[Group]:
        begun, done = f"grouped:{page.key}#{nth}:", f"after_grouping:{page.key}#{nth}:"
        marks = self._world.state.done
        subjects = [mark.removeprefix(begun) for mark in marks if mark.startswith(begun)]
        names = [s.partition("/")[2] for s in subjects if done + s not in marks]
        return [self._world.group(name) for name in names if self._world.group(name).players]

    async def _finish_group(self, page: type[Page], group: Group, nth: int) -> None:
        done = f"after_grouping:{page.key}#{nth}:{group.subject}"
        if done in self._running or done in self._world.state.done:
            return
        members = list(group.players)
        await self._once(page, "after_grouping", group, done, members[-1])
        self._release(members, page, nth)

    # ---- waiting for each other ----

    async def _synchronize(self, page: type[SynchronizingWait], player: Player) -> None:
        nth = player._state.nth
        awaited = await self._awaited_by(page, player)
        subject = self._subject(page, player)
        done = f"all_here:{page.key}#{nth}:{subject.subject}"
        if hasattr(page, "wait_for"):
            done += (
                ":" + hashlib.sha256(" ".join(sorted(_names(awaited))).encode()).hexdigest()[:12]
            )
        with self._world.lock:
            missing = [p for p in awaited if not self._is_here(p, page, nth)]
        if missing and done not in self._world.state.done:
            self._announce([p for p in awaited if p not in missing])
            return
        if done in self._running:
            return  # whoever came last is at it, and will take everybody along
        if done not in self._world.state.done:
            await self._once(page, "all_here", subject, done, player)
        self._release([*awaited, player], page, nth)

    async def _awaited_by(self, page: type[Page], player: Player) -> list[Player]:
        if not hasattr(page, "wait_for"):
            return self._awaited(page, player)
        tried = attempt_for(player, page, "wait_for")
        chosen = await run_hook(page, "wait_for", player, tried, default=())
        return self._players(page, chosen)

    def _awaited(self, page: type[Page], player: Player) -> list[Player]:
        return list(self._subject(page, player).players)

    def _subject(self, page: Any, player: Player) -> Group | Session:
        if page.synchronize == "session":
            return player.session
        if player.group is not None:
            return player.group
        if hasattr(page, "wait_for"):
            return player.session
        raise BadPage(
            page.__name__,
            f"it waits for the group of player/{player.name}, who is in none.",
            'Put a GroupCreatingWait before it, or write synchronize = "session".',
        )

    def _players(self, page: type[Page], chosen: Any) -> list[Player]:
        if not isinstance(chosen, Iterable) or isinstance(chosen, (str, PlayerIdentifier)):
            chosen = [chosen]
        everybody, found = self._world.players(), []
        for one in chosen:
            if not isinstance(one, (Player, PlayerIdentifier, str)):
                raise WrongRecipient(one)
            found.append(everybody.get(one))
        return list(dict.fromkeys(found))

    def _is_here(self, player: Player, page: type[Page], nth: int) -> bool:
        """Tell whether a player waits at this place, has passed it, or need not be waited for."""
        if player.has_dropped_out:
            return True
        position = self._journeys.place(player, page.key, nth)
        if position is None:
            return self._never_comes(player)
        if player.position == position:
            return self._moves.has_arrived(player)
        return player.position > position

    def _never_comes(self, player: Player) -> bool:
        """Tell whether a player's journey, which lacks a place, cannot lead there any more."""
        steps = player._state.journey
        if steps is None:
            return False
        return player.position >= len(steps) or not self._journeys.is_open(player, len(steps) - 1)

    # ---- both ----

    async def _once(
        self, page: type[Page], hook: str, subject: Group | Session, done: str, player: Player
    ) -> None:
        """Run a hook of all who waited, once; its end and its mark are one."""
        self._running.add(done)
        try:
            note = partial(self._mark, done, player, page)
            function = getattr(page, hook, None) or _nothing
            tried = attempt_for(player, page, hook)
            await run_authors(function, self._world, tried, subject, then=note)
        finally:
            self._running.discard(done)

    def _mark(self, done: str, player: Player, page: type[Page]) -> None:
        world = self._world
        with world.lock:
            what = done.partition(":")[0]
            name = f"{page.__name__}.{what}"
            cause = Cause(player.name, page.key, name, page.source.hash)
            world.journal.fold_for(cause, "once", "session", done, "null")

    def _release(self, players: list[Player], page: type[Page], nth: int) -> None:
        """Let those who wait at this place go on."""
        with self._world.lock:
            for player in dict.fromkeys(players):
                here = player.page == page.key and player._state.nth == nth
                if here and self._moves.has_arrived(player):
                    self._moves.go(player, player.position + 1)
                    self._follow(player)

    def _announce(self, waiting: list[Player]) -> None:
        """Tell those who still wait how many are here."""
        if waiting:
            self._tell(waiting, self.progress(waiting[0]))

    def _page_of(self, player: Player) -> type[Page] | None:
        return self._journeys.page(player, player.position)


Progress = dict[str, int | None]


def _nothing(subject: Any) -> None:
    """Stand in for a hook that the author did not write."""


def _names(players: Iterable[Player]) -> list[str]:
    return [player.name for player in players]
