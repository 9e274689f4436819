"""PlayerRow: a player in a table of players, as monitor, terminal and notebook show it."""

from __future__ import annotations

from typing import Any, NamedTuple

from uproot_nb.log.state import PlayerState

__all__ = ["HEADINGS", "PlayerRow", "status_of"]

HEADINGS = ("player", "label", "page", "round", "status")
"""Of the first columns of a table of players."""


class PlayerRow(NamedTuple):
    """What a table shows of a player; the browser's part of the monitor relies on the order."""

    name: str
    label: str
    page: str
    """The page's key; "" before the first page and past the last."""
    round: Any
    status: str
    since: float | None
    """When the player last connected or disconnected, in Unix seconds."""
    fields: tuple[str, ...] = ()
    """The values of the fields that somebody has chosen."""


def status_of(state: PlayerState, *, failed: bool = False, waits: bool = False) -> str:
    """Return "open", "dropped", "finished", "offline", "error", "waiting" or "online".

    Args:
        failed: whether the player sees the page for when an author's code has failed.
        waits: whether the player's page is a wait page.
    """
    if state.dropped:
        return "dropped"
    if failed and state.online:
        return "error"  # also past the last page, which has an end of its own
    if state.page is None and state.position >= 0:
        return "finished"
    if not state.online:
        return "offline" if state.claimed or state.position >= 0 else "open"
    return "waiting" if waits else "online"
