"""Trader labels: what tables call a trader beside the random name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas

__all__ = ["LABELLED", "first_roles", "induced_roles", "labelled", "role_label", "trader_labels"]

Roles = Mapping[str, str]
"""By a player's name: "buyer", "seller", "bidder", "firm", "trader" …"""


class PlaceInSession(Protocol):
    """A player's place, and the label of whoever has taken it."""

    @property
    def id(self) -> int:
        """The number of the place, from 0."""

    @property
    def label(self) -> str | None:
        """The participant's label; None without one."""


LABELLED = {"player": "label", "buyer": "buyer_label", "seller": "seller_label"}
"""By a column of names: the column of labels beside it."""


def trader_labels(
    players: Mapping[str, PlaceInSession], periods: Iterable[Roles]
) -> dict[str, str]:
    """Return each player's label in the tables of a market or an institution.

    It is the player's own label; without one, "Buyer 1", "Seller 2" or "Player 3": the number is
    the place in the session, from 1, and the role that of the first period in which the player has
    one. So a label stays as it is in later periods, and two players without labels of their own
    never have the same.

    Args:
        periods: the roles of each period, in their order.
    """
    roles = first_roles(periods)
    return {
        name: player.label or role_label(roles.get(name), player.id)
        for name, player in players.items()
    }


def role_label(role: str | None, place: int) -> str:
    """Return what a player without a label is called, by the role and the place from 0.

    role_label("buyer", 0)      # "Buyer 1"
    role_label(None, 2)         # "Player 3"
    """
    return f"{(role or 'player').capitalize()} {place + 1}"


def first_roles(periods: Iterable[Roles]) -> dict[str, str]:
    """Return each player's role in the first period in which the player has one."""
    found: dict[str, str] = {}
    for roles in periods:
        found = {**roles, **found}
    return found


def induced_roles(values: Collection[str], costs: Collection[str]) -> dict[str, str]:
    """Return the roles in a period by who has values and who has costs; "player" with both."""
    return {
        name: "player" if name in values and name in costs
        else "buyer" if name in values else "seller"
        for name in {*values, *costs}
    }  # fmt: skip


def labelled(table: pandas.DataFrame, labels: Mapping[str, str]) -> pandas.DataFrame:
    """Return a table with a column of labels right of each column of players' names."""
    made = table.copy(deep=False)
    for names, name in LABELLED.items():
        if names in made:
            found = made[names].astype(object).map(labels.get, na_action="ignore")
            made.insert(list(made.columns).index(names) + 1, name, found.astype("string"))
    return made
