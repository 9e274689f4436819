"""What the monitor tells of players: a row each, and which rows are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uproot_nb.flow.journeys import Journeys
from uproot_nb.session.entities import Player

__all__ = ["COLUMNS", "PlayerRows", "shortened"]

COLUMNS = ("name", "label", "page", "round", "status", "since", "fields")
LONGEST_VALUE = 80


class PlayerRows:
    """Knows which rows were told already, so that only what is new is told."""

    def __init__(self, journeys: Journeys, fields: Sequence[str] = ()) -> None:
        self._journeys = journeys
        self.fields = tuple(fields)
        self.since: dict[str, float] = {}
        """When each player last came or went, Unix seconds."""
        self._told: dict[str, tuple[Any, ...]] = {}

    def forget(self) -> None:
        """Tell everything anew."""
        self._told.clear()

    def changed(self, players: Sequence[Player]) -> list[tuple[Any, ...]]:
        """Return the rows that differ from what was told before; called under the lock."""
        new = []
        for player in players:
            row = self.row(player)
            if self._told.get(player.name) != row:
                self._told[player.name] = row
                new.append(row)
        return new

    def row(self, player: Player) -> tuple[Any, ...]:
        """Return one player's row, as COLUMNS names it."""
        known = player.fields() if self.fields else {}
        values = tuple(shortened(_value(player, known, name)) for name in self.fields)
        label = player.get("label", None) or ""
        return (
            player.name, str(label), player.page or "", player.get("round", None),
            self.status(player), self.since.get(player.name), values,
        )  # fmt: skip

    def status(self, player: Player) -> str:
        """Return "open", "dropped", "finished", "offline", "error", "waiting" or "online".

        Whoever is online and sees the page for when an author's code has failed is at "error".
        """
        state = player._state
        if state.dropped:
            return "dropped"
        if state.online and player.name in self._journeys.failed:
            return "error"  # also past the last page, which has an end of its own
        if state.page is None and state.position >= 0:
            return "finished"
        if not state.online:
            return "offline" if state.claimed or state.position >= 0 else "open"
        page = self._journeys.pages.get(state.page or "")
        return "waiting" if page is not None and page.waits else "online"


_ITS_OWN = frozenset({
    "name", "id", "label", "member_id", "page", "position", "round", "round_nested", "online",
    "has_dropped_out", "group",
})  # fmt: skip
"""What players have beside the fields that authors set."""


def _value(player: Player, known: Mapping[str, Any], name: str) -> Any:
    """Return a field of a player, of the group ("group.pot") or of the session ("session.pot")."""
    if name in known:
        return known[name]
    owner, dot, field = name.partition(".")
    if dot and owner in ("group", "session"):
        entity = player.group if owner == "group" else player.session
        return "" if entity is None else entity.get(field, "")
    if name not in _ITS_OWN:
        return ""
    value = getattr(player, name, None)
    value = getattr(value, "name", value) if name == "group" else value
    return "" if value is None else value


def shortened(value: Any) -> str:
    """Return a value as a short text, whatever its class makes of that."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # the border around authors' __repr__
        text = f"({type(value).__name__} without a readable repr)"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
