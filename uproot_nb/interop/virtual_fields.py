"""Virtual fields: what the framework stores of its players, groups and sessions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.session.entities import Player, Session, VirtualFields
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.model import ENTRIES, Model

__all__ = ["VIRTUAL_FIELDS", "page_order_of"]


def page_order_of(player: Player) -> list[str]:
    """Return the player's pages as "app/Page"; `show_page` is the number of the present one."""
    journeys: Any = player._world.flow.journeys  # type: ignore[attr-defined]
    pages = [journeys.page(player, n) for n in range(len(journeys.steps(player)))]
    return ["" if page is None else page.key for page in pages]


def _player_by_name(session: Session) -> Callable[[str | PlayerIdentifier], Player]:
    def player(plike: str | PlayerIdentifier) -> Player:
        return session._world.player(plike if isinstance(plike, str) else plike.name)

    return player


def _models(session: Session) -> Bunch[Model]:
    world: Any = session._world
    return Bunch(world.models.having(ENTRIES), "session")


def _apps(session: Session) -> list[str]:
    world: Any = session._world
    return [app.name for app in world.flow.journeys.setup.apps]


def _nothing_to_do(entity: Any) -> Callable[[], None]:
    """Return a function for apps that read or write the framework's cache: there is none here."""
    return lambda: None


VIRTUAL_FIELDS: VirtualFields = {
    ("player", "page_order"): page_order_of,
    ("player", "payoff"): lambda player: Decimal(0),
    ("player", "started"): lambda player: player.position >= 0,
    ("player", "_uproot_group"): lambda player: player.group and ~player.group,
    ("player", "_uproot_session"): lambda player: ~player.session,
    ("player", "_uproot_dropout"): lambda player: player.has_dropped_out,
    ("group", "_uproot_players"): lambda group: [~player for player in group.players],
    ("model", "sname"): lambda model: model.session.name,
    ("model", "mname"): lambda model: model.name,
    ("session", "player"): _player_by_name,
    ("session", "models"): _models,
    ("session", "apps"): _apps,
    ("session", "_uproot_players"): lambda session: [~player for player in session.players],
    ("session", "_uproot_groups"): lambda session: [group.name for group in session.groups],
    **{
        (kind, name): _nothing_to_do
        for kind in ("player", "group", "session", "model")
        for name in ("flush", "refresh")
    },
}
