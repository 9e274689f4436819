"""Meant players: the players that a researcher means by a name, a label, a table or its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from uproot_nb.errors import AmbiguousLabel, WrongRecipient
from uproot_nb.experiment.entrance.labels import LabelIndex, clean_label

__all__ = ["Holder", "called", "holders", "meant_players", "without_tables"]


class Holder(NamedTuple):
    """A place: the player's name and label, and whether it was given to another."""

    name: str
    label: str | None
    freed: bool


def called(name: str, label: str | None) -> str:
    """Return how messages call a player: "PC-04 (abc12)", or the name of one without a label."""
    return f"{label} ({name})" if label else name


class _Labeled(Protocol):
    label: str | None
    freed: bool


def holders(players: Mapping[str, _Labeled]) -> list[Holder]:
    """Return the places of a session, given `state.players`."""
    return [Holder(name, one.label, one.freed) for name, one in players.items()]


def meant_players(players: Any, places: Iterable[Holder]) -> list[Any]:
    """Return players with names in the place of labels, tables and rows of tables.

        meant_players(["abc12", "pc-04", run.players[0]], holders(state.players))
        meant_players(run.state[run.state.cash > 5], holders(state.players))

    A name comes before a label. A label counts in other letters, too, if only one is like it, and
    is that of who has the seat now. What is neither stays as it is, as players do.

    Raises:
        AmbiguousLabel: several have the label.
        WrongRecipient: a table has no players.
    """
    found = list(without_tables(players))
    if not any(isinstance(one, str) for one in found):
        return found
    known = _Known(places)
    return [known.named(one) if isinstance(one, str) else one for one in found]


def without_tables(players: Any) -> Iterator[Any]:
    """Yield players one by one, and those of tables and rows by their names.

    Tables have them in the column `player` or, as `run.state` does, in the index of this name.
    """
    if isinstance(players, tuple) and hasattr(players, "_fields"):
        yield _of_tuple(players)
    elif _is_table(players):
        yield from without_tables(_of_table(players))
    elif isinstance(players, (str, bytes, Mapping)) or not isinstance(players, Iterable):
        yield players
    else:
        for one in players:
            yield from without_tables(one)


def _of_tuple(row: Any) -> Any:
    """Return the player of a row of `DataFrame.itertuples`; an identifier stays as it is."""
    return getattr(row, "player", getattr(row, "Index", row))


def _is_table(table: Any) -> bool:
    return (isinstance(table, Mapping) and "player" in table) or hasattr(table, "iloc")


def _of_table(table: Any) -> Any:
    """Return what a table, a column, a row, or a row as a dict says of players.

    Raises:
        WrongRecipient: it is of something else.
    """
    if "player" in table:
        return table["player"]
    if table.index.name == "player":
        return list(table.index)
    if getattr(table, "name", None) == "player":
        return list(table)
    if "page" in table and isinstance(getattr(table, "name", None), str):
        return table.name  # a row of run.state
    raise WrongRecipient(table)


class _Known:
    """Names and labels of places."""

    def __init__(self, places: Iterable[Holder]) -> None:
        places = list(places)
        self._names = {place.name for place in places}
        self._labels = LabelIndex(place.label for place in places if place.label)
        self._holders: dict[str, list[Holder]] = {}
        for place in places:
            self._holders.setdefault(place.label or "", []).append(place)

    def named(self, text: str) -> str:
        """Return the name of the player who has a name or label; the same text if nobody has."""
        label = None if text in self._names else self._labels.find(clean_label(text))
        if label is None:
            return text
        found = self._holders[label]
        now = [place.name for place in found if not place.freed] or [found[-1].name]
        if len(now) > 1:
            raise AmbiguousLabel(label, now)
        return now[0]
