"""Newcomers: who has really begun, the address with which they came, and the hook `arrived`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.experiment.entrance.labels import is_label
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.setup import App
from uproot_nb.flow.hooks import run_authors
from uproot_nb.flow.moves import Moves
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Newcomers", "merged_query", "stored_query"]

OWN = "_uproot_"
"""How the names of our own parameters begin."""

MOST_PARAMETERS = 100
LONGEST_NAME = 200
LONGEST_VALUE = 2_000
"""Characters of one parameter's value that are stored."""
MOST_CHARACTERS = 20_000
"""Characters of all names and values together that are stored."""


class Newcomers:
    """Notes once for each player that somebody has begun, and runs the author's `arrived`.

    Args:
        apps: returns the session's apps.
    """

    def __init__(
        self,
        world: World,
        apps: Callable[[], Sequence[App]],
        moves: Moves,
        reports: ErrorReports,
    ) -> None:
        self._world, self._apps, self._moves, self._reports = world, apps, moves, reports
        self._turns: dict[str, asyncio.Lock] = {}
        self.way_in = WayIn()
        """How participants come by the join link and personal links."""
        self.logs_arrivals = True
        """Whether arrivals are logged; a rerun logs those that the recording has."""

    def awaits(self, player: Player) -> bool:
        """Return whether nobody has begun as this player yet."""
        return self.logs_arrivals and player._state.arrived_at is None

    def note(self, player: Player, request: HttpRequest, by: str, way: WayIn) -> None:
        """Log that somebody begins, with the parameters of their address; only the first time.

        Args:
            by: "link", "join" or "room".
        """
        with self._world.lock:
            if not self.awaits(player):
                return
            query, cut = stored_query(request.query)
            value: dict[str, Any] = {"query": query, "by": by}
            if by == "room":
                value["room"] = request.room
            if way.recruiter is not None:
                value["recruiter"] = way.recruiter.key
            label = way.label(request.query) if way.label_from else ""
            if by == "link" and not player.label and is_label(label):
                value["label"] = label
            cause = self._moves.cause(player, "arrive")
            text = self._world.codec.encode(value)
            self._world.journal.fold_for(cause, "arrive", player.subject, "", text)
            if cut:
                self._reports.shortened(cut, cause)

    async def welcome(self, player: Player) -> None:
        """Run `arrived` for a player who has begun, unless it has run.

        Raises:
            Exception: the hook failed; the next request tries it again.
        """
        if not self._due(player):
            return
        # A second click must not run it again while it is still running.
        async with self._turns.setdefault(player.name, asyncio.Lock()):
            for app in self._due(player):
                await self._run_arrived(app, player)
        self._turns.pop(player.name, None)

    def _due(self, player: Player) -> list[App]:
        """Return the apps whose `arrived` is still to run."""
        if not player._state.arrived_by:
            return []
        done = player._state.done
        return [app for app in self._apps() if app.arrived and _mark(app) not in done]

    async def _run_arrived(self, app: App, player: Player) -> None:
        cause = Cause(player.name, "", "arrived", "")
        note = partial(self._moves.mark, player, _mark(app))
        await run_authors(app.arrived, self._world, cause, player, then=note)


def _mark(app: App) -> str:
    return f"arrived:{app.name}"


def stored_query(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], str]:
    """Return the parameters to store, without our own, and what was cut ("" if nothing was).

    Of a name that occurs twice, the first counts.
    """
    query: dict[str, str] = {}
    cut: list[str] = []
    left = MOST_CHARACTERS
    for name, value in pairs:
        if not name or name.startswith(OWN) or name in query:
            continue
        if len(query) >= MOST_PARAMETERS or len(name) > min(LONGEST_NAME, left):
            cut.append(f"{name[:40]!r} is left out")
            continue
        room = min(LONGEST_VALUE, left - len(name))
        if len(value) > room:
            cut.append(f"{name[:40]!r} has {len(value):,} characters, of which {room:,} are stored")
        query[_storable(name)] = _storable(value[:room])
        left -= len(name) + min(len(value), room)
    return query, _sentence(cut)


def _sentence(cut: Sequence[str]) -> str:
    if not cut:
        return ""
    more = f"; and {len(cut) - 3:,} more" if len(cut) > 3 else ""
    return f"The address has more than player.query can hold: {'; '.join(cut[:3])}{more}."


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def merged_query(player: Player, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters of an address, and those with which the player came."""
    return {**player.query, **dict(reversed(pairs))}
