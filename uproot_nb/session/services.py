"""Services: the parts of the serving code that authors' functions use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import EllipsisType
from typing import Any, Protocol

from uproot_nb.experiment.pages import Page
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause

__all__ = [
    "DeliveryService", "DropoutService", "FlowService", "JourneyService", "RuntimeService",
    "TaskService", "TimeoutService", "WarningService", "Where",
]  # fmt: skip

Where = type[Page] | int | EllipsisType | None
"""The page that a push is for: a page class, a position, ... for any, None for the sender's."""


class DeliveryService(Protocol):
    """Pushes data to browsers, and steers them."""

    def notify(
        self, sender: Player | None, recipients: Any, data: Any, event: str | None, where: Where
    ) -> None:
        """Push *data* to the recipients who are on the page *where*."""

    def act(self, recipients: Any, action: str, **details: Any) -> None:
        """Steer the recipients' open browsers (reload, redirect)."""


class JourneyService(Protocol):
    """Knows each player's page order."""

    def page(self, player: Player, position: int) -> type[Page] | None:
        """Return the page at a position of a player's order."""

    def count(self, player: Player, is_meant: Callable[[type[Page] | None], bool]) -> int | None:
        """Return how many pages of an order are meant; None while a `Repeat` is undecided."""


class TimeoutService(Protocol):
    """Knows each player's deadline."""

    shift_listeners: dict[str, Callable[[float], None]]
    """By name: called with the seconds by which every deadline was moved."""

    @property
    def now(self) -> float:
        """The time for deadlines, in Unix seconds; it stands still in a pause."""

    @property
    def stopped(self) -> bool:
        """Whether the clocks are stopped."""

    def has_passed(self, player: Player) -> bool:
        """Return whether a player's time on the page is up."""

    def remaining(self, player: Player) -> float | None:
        """Return the seconds left on a player's page; None without a deadline."""


class FlowService(Protocol):
    """Moves players through the page order."""

    undoes_moves: bool
    """Whether the moves of a hook that fails are undone."""

    @property
    def journeys(self) -> JourneyService:
        """The players' page orders."""

    @property
    def timeouts(self) -> TimeoutService:
        """The players' deadlines."""

    def position_of(self, player: Player, page: type[Page] | int) -> int:
        """Return where a page is in a player's order."""

    def end_of(self, player: Player) -> int:
        """Return the position past a player's last page."""

    def move_to(self, player: Player, position: int) -> None:
        """Move a player; an open browser follows."""

    def leave(self, player: Player, reason: str) -> None:
        """End a player's participation by an exit."""

    def note_put_back(self, player: Player, cause: Cause, was_seen: bool) -> None:
        """Go on with a visit from which a hook that failed had moved the player."""


class DropoutService(Protocol):
    """Watches players' connections."""

    def watch(self, player: Player, handler: Callable[[Player], Any], tolerance: float) -> None:
        """Call *handler* once a player has been offline for *tolerance* seconds."""

    def mark(self, player: Player) -> None:
        """Mark a player as dropped out."""


class WarningService(Protocol):
    """Shows warnings to the researcher."""

    def warn(self, message: str, cause: Cause) -> None:
        """Show and log a warning."""


class TaskService(Protocol):
    """Runs authors' code in the background."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine on the run's loop, from that loop."""

    def spawn_from_cell(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the run's loop, from any other thread."""


class RuntimeService(Protocol):
    """Runs the session."""

    @property
    def reports(self) -> WarningService:
        """Shows warnings to the researcher."""

    @property
    def tasks(self) -> TaskService:
        """What runs in the background."""

    def find_function(self, name: str) -> Callable[..., Any] | None:
        """Return an author's function by the name that the log has."""
