"""LiveTraderLabels: what players without a label are called in a running session's markets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from uproot_nb.engine.changed_subjects import ChangedSubjects
from uproot_nb.session.entities import Player
from uproot_nb.session.model import Model
from uproot_nb.session.world import World

__all__ = ["LiveTraderLabels"]

_KINDS = ("market", "institution")
"""The fields in which models describe a period."""
_DESCRIPTION = frozenset({"name", "period", "rules"})


class LiveTraderLabels:
    """Calls players "Buyer 1" or "Player 3", as the tables of markets and institutions do.

        traders = LiveTraderLabels(world, changes)
        traders.refresh()           # the names of those who are called something else now
        traders.of(player)          # "Buyer 1"; "" in a session without markets

    The role is that of the first of the session's periods in which the player has one. A refresh
    costs a step for each model that has changed. Used under the run's lock.
    """

    def __init__(self, world: World, changes: ChangedSubjects) -> None:
        self._world, self._changes = world, changes
        self._seen = -1
        self._trades = False
        self._roles: dict[str, str] = {}
        self._read: dict[str, Any] = {}
        """By model: the values or endowments that were looked at."""

    def of(self, player: Player) -> str:
        """Return what tables call a player without a label; "" in a session without markets."""
        if not self._trades:
            return ""
        # lazy: most sessions have no market
        from uproot_nb.market.analysis.trader_labels import role_label

        return role_label(self._roles.get(player.name), player.id)

    def refresh(self) -> set[str]:
        """Look at periods that are new or have changed; return whose labels are others now."""
        traded, before = self._trades, dict(self._roles)
        for model in self._changed_models():
            data = self._data_of(model)
            if data is not None and data is not self._read.get(model.name):
                self._read[model.name] = data
                self._roles = {**_roles_in(data), **self._roles}
        if self._trades and not traded:
            return set(self._world.state.players)
        return self._roles.keys() - before.keys()

    def _changed_models(self) -> Iterable[Model]:
        """Return the models that may have changed since the last look, oldest first."""
        models = self._world.models
        seen, self._seen = self._seen, self._world.journal.seq
        if seen < 0:
            self._changes.since(self._seen)  # it begins to remember
            return [model for kind in _KINDS for model in models.having(kind)]
        kinds = (subject.partition("/") for subject in reversed(self._changes.since(seen)))
        found = (models.get(name) for kind, _, name in kinds if kind == "model")
        return [model for model in found if model is not None]

    def _data_of(self, model: Model) -> Mapping[str, Any] | None:
        """Return the values or endowments of a period; None before it has any."""
        described = (model.get(kind) for kind in _KINDS)
        if not any(isinstance(one, Mapping) and one.keys() >= _DESCRIPTION for one in described):
            return None
        self._trades = True
        found: Mapping[str, Any] | None = model.get("values") or model.get("endowments")
        return found


def _roles_in(data: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the roles by a market's induced values, or by an institution's endowments."""
    if data.keys() != {"values", "costs"}:
        return {name: own["role"] for name, own in data.items()}
    # lazy: most sessions have no market
    from uproot_nb.market.analysis.trader_labels import induced_roles

    return induced_roles(data["values"], data["costs"])
