"""PlayerRows: a row for each player of a running session, and which rows have changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from uproot_nb.experiment.money.payoffs import PAYOFF
from uproot_nb.flow.journeys import Journeys
from uproot_nb.log.player_status import PlayerRow, ended_as, status_of
from uproot_nb.monitor.live_trader_labels import LiveTraderLabels
from uproot_nb.session.entities import Player
from uproot_nb.steering.overview import Overview
from uproot_nb.steering.treatment_fields import treatment_fields, treatment_of
from uproot_nb.steering.withheld import Withheld

__all__ = ["COLUMNS", "PlayerRows", "as_sent", "shortened"]

LONGEST_VALUE = 80
MOST_CLEANED = 1000
"""Characters of a value that are cleaned; whatever begins among the first 80 ends among these."""

_LINK_AT = 7
COLUMNS = (
    *PlayerRow._fields[:_LINK_AT], "link", "id", *PlayerRow._fields[_LINK_AT:],
)  # fmt: skip
"""The names of what is sent of a player, in this order; monitor.js relies on it."""


def as_sent(row: PlayerRow, player: Player, link: str) -> list[Any]:
    """Return a row as it is sent: in the order of `COLUMNS`."""
    return [*row[:_LINK_AT], link, player.id, *row[_LINK_AT:]]


class PlayerRows:
    """Makes players' rows, and remembers the last ones, so that only changes are sent.

    Args:
        overview: says who is stuck, and who waits for whom; without it, rows do not.
        withheld: what the rows' reader does not get; None for a steward.
        traders: what players without a label are called in markets; without it, rows do not say.
    """

    def __init__(
        self,
        journeys: Journeys,
        fields: Sequence[str] = (),
        overview: Overview | None = None,
        withheld: Withheld | None = None,
        traders: LiveTraderLabels | None = None,
    ) -> None:
        self._journeys, self._overview, self._withheld = journeys, overview, withheld
        self.traders = traders
        self.fields = tuple(fields)
        self.since: dict[str, float] = {}
        """When each player last came or went, Unix seconds."""
        self.hands: set[str] = set()
        """Whose hands are up, of those whose rows were made."""
        self._sent: dict[str, PlayerRow] = {}
        self._treatments: list[str] = []

    def forget(self) -> None:
        """Let every row count as changed."""
        self._sent.clear()

    @property
    def is_new(self) -> bool:
        """Whether every row counts as changed."""
        return not self._sent

    def changed(self, players: Iterable[Player]) -> list[PlayerRow]:
        """Return those of the players' rows that differ from the last ones; under the lock."""
        new, self._treatments = [], []
        for player in players:
            row = self.row(player)
            if self._sent.get(player.name) != row:
                self._sent[player.name] = row
                (self.hands.add if row.hand else self.hands.discard)(row.name)
                new.append(row)
        return new

    def row(self, player: Player) -> PlayerRow:
        """Return one player's row; under the lock."""
        values = tuple(self._shown(name, _value(player, name)) for name in self.fields)
        state, overview, label = player._state, self._overview, self._label(player)
        return PlayerRow(
            player.name, label, state.page or "", _stored(player, "round"),
            self.status(player), self.since.get(player.name), values,
            state.by,
            entered=state.entered_at if state.page is not None else 0.0,
            stuck=overview is not None and player.name in overview.stuck,
            group=self._shown("group", state.group or ""),
            treatment=self._shown("treatment", self._treatment(player)),
            payoff=self._shown(PAYOFF, _payoff(player)), ended_as=ended_as(state),
            paid=state.paid is not None, hand=state.hand,
            waits_for="" if overview is None else overview.waits_for.get(player.name, ""),
            trader="" if label or self.traders is None else self.traders.of(player),
        )  # fmt: skip

    def _label(self, player: Player) -> str:
        label = player._state.label or ""
        return label if self._withheld is None else self._withheld.label(label)

    def _shown(self, field: str, value: Any) -> str:
        if self._withheld is None:
            return shortened(value)
        return shortened(self._withheld.value(field, shortened(value, MOST_CLEANED)))

    def _treatment(self, player: Player) -> Any:
        state = player._world.state
        self._treatments = self._treatments or treatment_fields(state)
        return treatment_of(state, player.name, self._treatments)

    def status(self, player: Player) -> str:
        """Return a player's status; see `status_of`."""
        state = player._state
        page = self._journeys.pages.get(state.page or "")
        return status_of(
            state, failed=player.name in self._journeys.failed,
            waits=page is not None and page.waits, at_end=self._journeys.has_reached_last(player),
        )  # fmt: skip


_ITS_OWN = frozenset({
    "name", "id", "label", "member_id", "page", "position", "round", "round_nested", "online",
    "has_dropped_out", "ended_as", "group",
})  # fmt: skip
"""What players have beside the fields that authors set."""


def _payoff(player: Player) -> str:
    """Return a player's payoff as it prints; "" without one."""
    value = _stored(player, PAYOFF)
    return "" if value is None else str(value)


def _stored(player: Player, name: str) -> Any:
    """Return a field that was set, without reading the others; None without one."""
    state = player._world.state
    fields = state.fields.get(player.subject, ())
    return state.value(player.subject, name) if name in fields else None


def _value(player: Player, name: str) -> Any:
    """Return a field of a player, of the group ("group.pot") or of the session ("session.pot")."""
    if name in player._world.state.fields.get(player.subject, ()):
        return _stored(player, name)
    owner, dot, field = name.partition(".")
    if dot and owner in ("group", "session"):
        entity = player.group if owner == "group" else player.session
        return "" if entity is None else entity.get(field, "")
    if name not in _ITS_OWN:
        return ""
    value = getattr(player, name, None)
    value = getattr(value, "name", value) if name == "group" else value
    return "" if value is None else value


def shortened(value: Any, longest: int = LONGEST_VALUE) -> str:
    """Return a value as a short text, whatever its class makes of that."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # the border around authors' __repr__
        text = f"({type(value).__name__} without a readable repr)"
    return text if len(text) <= longest else text[: longest - 1] + "…"
