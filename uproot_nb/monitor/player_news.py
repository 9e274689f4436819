"""PlayerNews: which players' rows have changed, found without looking at all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from uproot_nb.engine.runtime import Runtime
from uproot_nb.log.chat_rows import name_of_chat, players_with_chats
from uproot_nb.log.player_status import PlayerRow
from uproot_nb.monitor.live_trader_labels import LiveTraderLabels
from uproot_nb.monitor.player_rows import PlayerRows
from uproot_nb.session.entities import Player
from uproot_nb.steering.overview import Overview, PageLine
from uproot_nb.steering.withheld import Withheld

__all__ = ["OVERVIEW_SECONDS", "PlayerNews"]

OVERVIEW_SECONDS = 1.0
"""Between two looks at who is stuck and who waits for whom, which time alone changes."""
LARGE_GROUP = 20
"""Members from which on a group's change makes their rows anew only if its fields are shown."""

CHATS = name_of_chat("")
"""What the names of the chats with the researcher begin with."""


class PlayerNews:
    """The rows and the overview of one monitor; used under the run's lock.

    A look costs as much as has changed since the last one, and once a second a step for each player
    who is on a page. Calls of participants pay a step for each event, however many watch.
    """

    def __init__(
        self, runtime: Runtime, fields: Sequence[str] = (), withheld: Withheld | None = None
    ) -> None:
        self._runtime, self._withheld = runtime, withheld
        self.overview = Overview(runtime, withheld)
        self._traders = LiveTraderLabels(runtime.world, runtime.changes)
        self.rows = PlayerRows(
            runtime.flow.journeys, fields, self.overview, withheld, self._traders
        )
        self._seen = -1
        self._failed: set[str] = set()
        self._next = 0.0
        self._lines: list[PageLine] = []
        self.chats: list[str] = []
        """Whose chats with the researcher have changed."""

    def take(self) -> tuple[list[PlayerRow], list[PageLine] | None]:
        """Return the rows that have changed, and the overview if it has."""
        runtime = self._runtime
        self._refresh_withheld()
        everything, names, lines = self.rows.is_new, self._changed(), None
        if everything or runtime.loop.time() >= self._next:
            self._next = runtime.loop.time() + OVERVIEW_SECONDS
            names.update(dict.fromkeys(self.overview.refresh()))
            found = self.overview.lines()
            if everything or found != self._lines:
                self._lines = lines = found
        players = runtime.world.players() if everything else self._players(names)
        return self.rows.changed(players), lines

    def _refresh_withheld(self) -> None:
        """Learn whom a viewer's rows must protect; make all rows anew if labels come or go."""
        is_new = self._seen != self._runtime.world.journal.seq
        if self._withheld is not None and is_new and self._withheld.refresh():
            self.rows.forget()

    def _players(self, names: Iterable[str]) -> Iterator[Player]:
        world = self._runtime.world
        return (world.player(name) for name in names if name in world.state.players)

    def _changed(self) -> dict[str, None]:
        """Return the players of whom something may have changed since the last look."""
        world, failed = self._runtime.world, self._runtime.flow.journeys.failed
        seen, self._seen = self._seen, world.journal.seq
        names = dict.fromkeys([*(self._failed ^ failed), *self._traders.refresh()])
        self._failed = set(failed)
        self.chats = players_with_chats(world.state) if self.rows.is_new else []
        for subject in self._runtime.changes.since(seen):
            kind, _, name = subject.partition("/")
            if kind == "player":
                names[name] = None
            elif kind == "model" and name.startswith(CHATS):
                self.chats.append(name.removeprefix(CHATS))
            elif kind == "group":
                names.update(dict.fromkeys(self._members(name)))
            elif kind == "session" and self._shows("session."):
                names.update(dict.fromkeys(world.state.players))
        return names

    def _members(self, group: str) -> list[str]:
        known = self._runtime.world.state.groups.get(group)
        members = [] if known is None else known.members
        return members if len(members) < LARGE_GROUP or self._shows("group.") else []

    def _shows(self, owner: str) -> bool:
        return any(field.startswith(owner) for field in self.rows.fields)
