"""Visits: the tokens of one stay on a page, and the names of what forms post beside answers."""

from __future__ import annotations

from hashlib import blake2b
from typing import Protocol

__all__ = ["AGE", "BACK", "POSITION", "TIMEOUT", "VISIT", "draft_token", "visit_token"]

POSITION, VISIT = "_uproot_page", "_uproot_visit"
BACK = "_uproot_back"
TIMEOUT = "_uproot_timeout"
"""Posted with a form that nobody has sent: at the deadline, or from a page that was left."""
AGE = "_uproot_age"
"""Milliseconds since the form's last change, by the page's clock; of pages with a deadline."""


class VisitState(Protocol):
    """Where a player is."""

    @property
    def entered(self) -> int:
        """The seq at which the player entered the page."""


class PlayerOnPage(Protocol):
    """A player, as far as tokens go."""

    @property
    def name(self) -> str:
        """The player's name in the session."""

    @property
    def _state(self) -> VisitState: ...


class VisitKey(Protocol):
    """A session's world, as far as tokens go."""

    @property
    def visit_key(self) -> bytes:
        """The session's secret for them."""


def visit_token(world: VisitKey, player: PlayerOnPage, visit: int | None = None) -> str:
    """Return a token that proves that a form was made for a visit of this player.

    Args:
        visit: the seq at which the player entered the page; None for the present visit.
    """
    entered = player._state.entered if visit is None else visit
    return _token(world, f"visit/{player.name}/{entered}")


def draft_token(world: VisitKey, player: PlayerOnPage, place: str = "") -> str:
    """Return a token for a player, or a page of theirs, under which the browser stores a draft."""
    return _token(world, f"draft/{player.name}/{place}")


def _token(world: VisitKey, text: str) -> str:
    return blake2b(text.encode(), key=world.visit_key, digest_size=12).hexdigest()
