"""PlayerRow: a player in a table of players, as monitor, terminal and notebook show it."""

from __future__ import annotations

from typing import Any, NamedTuple

from uproot_nb.experiment.exits import DONE, DROPPED_OUT, NEVER_CAME, STILL_IN
from uproot_nb.log.state import PlayerState

__all__ = ["HEADINGS", "PlayerRow", "ended_as", "is_in", "status_of"]

_NEVER_IN = frozenset({"declined", "screened", "lobby", "full"})

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
    by: str = ""
    """What carries the connection if it is no WebSocket: "polling"."""
    entered: float = 0.0
    """When the player came to the page, in Unix seconds; 0 if on none."""
    stuck: bool = False
    """Whether the player is on the page for longer than is usual there."""
    group: str = ""
    treatment: str = ""
    payoff: str = ""
    ended_as: str = ""
    """How the participation has ended; "still in" or "never came" otherwise."""
    paid: bool = False
    hand: float = 0.0
    """When the player raised a hand that is still up, in Unix seconds; 0 without one."""
    waits_for: str = ""
    """For whom the player waits, as "PC-04, who is on Contribute"; "" for who does not."""
    trader: str = ""
    """What tables of markets call the player who has no label: "Buyer 1"; "" without a market."""

    @property
    def called(self) -> str:
        """The label, or what tables of markets call the player; "" if there is neither."""
        return self.label or self.trader

    @property
    def status_and_way(self) -> str:
        """The status, and what carries the connection if that is worth a word."""
        return f"{self.status} ({self.by})" if self.by else self.status


def status_of(
    state: PlayerState, *, failed: bool = False, waits: bool = False, at_end: bool = False
) -> str:
    """Return "open", "dropped", "finished", "offline", "error", "idle", "waiting" or "online".

    "idle" is who waits, and has not answered the question "Are you still there?".

    Args:
        failed: whether the player sees the page for when an author's code has failed.
        waits: whether the player's page is a wait page.
        at_end: whether the player is on a last page that asks for nothing.
    """
    if state.freed:
        return "finished"
    if state.dropped:
        return "dropped"
    if failed and state.online:
        return "error"  # also past the last page, which has an end of its own
    if at_end or (state.page is None and state.position >= 0):
        return "finished"
    if not state.online:
        return "offline" if state.claimed or state.position >= 0 else "open"
    if waits and state.idle:
        return "idle"
    return "waiting" if waits else "online"


def ended_as(state: PlayerState) -> str:
    """Return how a player's participation ended, or "never came", or "still in".

    A player who is offline for too long has dropped out, and is still in after coming back.
    """
    if not state.has_come:
        return NEVER_CAME
    if state.ended:
        return state.ended
    if state.page is None and state.position >= 0:  # in a snapshot of an earlier version
        return DROPPED_OUT if state.dropped else DONE
    return DROPPED_OUT if state.dropped else STILL_IN


def is_in(state: PlayerState) -> bool:
    """Return whether a player takes up one of a room's places, or has.

    Those do not who declined, were screened out, left the lobby, or whose place was freed.
    """
    return not state.freed and state.ended not in _NEVER_IN
