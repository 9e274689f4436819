"""Trader labels: what tables call a trader beside the random name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from uproot_nb.market.analysis.values import InducedValues

if TYPE_CHECKING:
    import pandas

__all__ = ["LABELLED", "labelled", "trader_labels"]


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
    players: Mapping[str, PlaceInSession], periods: Iterable[InducedValues]
) -> dict[str, str]:
    """Return each player's label in a market's tables.

    It is the player's own label; without one, "Buyer 1", "Seller 2" or "Player 3": the number is
    the place in the session, from 1, and the role that of the first period in which the player has
    units. Who has units to buy and to sell there, or never has any, is a "Player". So a label stays
    as it is in later periods, and two players without labels of their own never have the same.

    Args:
        periods: the values of the market's periods, in their order.
    """
    roles: dict[str, str] = {}
    for values in periods:
        for name in {*values.values, *values.costs}:
            both = name in values.values and name in values.costs
            roles.setdefault(name, "Player" if both else _role(name, values))
    return {
        name: player.label or f"{roles.get(name, 'Player')} {player.id + 1}"
        for name, player in players.items()
    }


def _role(name: str, values: InducedValues) -> str:
    return "Buyer" if name in values.values else "Seller"


def labelled(table: pandas.DataFrame, labels: Mapping[str, str]) -> pandas.DataFrame:
    """Return a table with a column of labels right of each column of players' names."""
    made = table.copy(deep=False)
    for names, name in LABELLED.items():
        if names in made:
            found = made[names].astype(object).map(labels.get, na_action="ignore")
            made.insert(list(made.columns).index(names) + 1, name, found.astype("string"))
    return made
