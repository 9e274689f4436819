"""PlayerRows: a row for each player of a running session, and which rows have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uproot_nb.flow.journeys import Journeys
from uproot_nb.log.player_status import PlayerRow, status_of
from uproot_nb.session.entities import Player

__all__ = ["PlayerRows", "shortened"]

LONGEST_VALUE = 80


class PlayerRows:
    """Makes players' rows, and remembers the last ones, so that only changes are sent."""

    def __init__(self, journeys: Journeys, fields: Sequence[str] = ()) -> None:
        self._journeys = journeys
        self.fields = tuple(fields)
        self.since: dict[str, float] = {}
        """When each player last came or went, Unix seconds."""
        self._sent: dict[str, PlayerRow] = {}

    def forget(self) -> None:
        """Let every row count as changed."""
        self._sent.clear()

    def changed(self, players: Sequence[Player]) -> list[PlayerRow]:
        """Return the rows that differ from the last ones; called under the lock."""
        new = []
        for player in players:
            row = self.row(player)
            if self._sent.get(player.name) != row:
                self._sent[player.name] = row
                new.append(row)
        return new

    def row(self, player: Player) -> PlayerRow:
        """Return one player's row."""
        known = player.fields() if self.fields else {}
        values = tuple(shortened(_value(player, known, name)) for name in self.fields)
        label = player.get("label", None) or ""
        return PlayerRow(
            player.name, str(label), player.page or "", player.get("round", None),
            self.status(player), self.since.get(player.name), values,
        )  # fmt: skip

    def status(self, player: Player) -> str:
        """Return a player's status; see `status_of`."""
        state = player._state
        page = self._journeys.pages.get(state.page or "")
        return status_of(
            state, failed=player.name in self._journeys.failed,
            waits=page is not None and page.waits,
        )  # fmt: skip


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
