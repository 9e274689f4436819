"""People: the session, label, bot, group and round of the player in a row of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson

from uproot_nb.analysis.arrow_columns import repeated_texts
from uproot_nb.analysis.json_cells import Column, Kind
from uproot_nb.analysis.rounds.locator import Location
from uproot_nb.analysis.rounds.timeline import Timeline
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.state import PlayerState

__all__ = ["IN_ROUND", "SESSION", "WHO", "People"]

SESSION: dict[str, Kind] = {"session": "text"}
IN_ROUND: dict[str, Kind] = {"block": "text", "round": "integer"}
_PLAYER: dict[str, Kind] = {"label": "text", "bot": "boolean", "group": "text", **IN_ROUND}
WHO = {
    "label": "string", "bot": "boolean", "group": "category", "block": "category",
    "round": "Int64",
}  # fmt: skip
"""The columns behind a player's name, with their dtypes."""


class People:
    """Answers who a player is, and where players and groups were at an event.

        people = People("market", state.players, timeline)
        people.add_to(rows)         # session, label, bot, group, block and round, by player and seq

    Args:
        players: by name, as they are at the end: labels and bots are those of then.
        labelled: whether changes have a column `label`.
        entries: returns the events that have added entries to models.
    """

    def __init__(
        self,
        session: str,
        players: Mapping[str, PlayerState],
        timeline: Timeline,
        labelled: bool = True,
        entries: Callable[[], Iterable[Event]] = tuple,
    ) -> None:
        self.session, self.timeline, self._labelled = session, timeline, labelled
        self._entries = entries
        self._labels = {name: player.label for name, player in players.items()}
        self._bots = {name: player.bot for name, player in players.items()}
        self._texts: dict[str, list[str | None]] = {}

    # ---- rows with a player ----

    def add_to(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add session, label, bot, group, block and round, by each row's `player` and `seq`."""
        subjects = [f"player/{row['player']}" for row in rows]
        places = self.timeline.at(subjects, [row["seq"] for row in rows])
        self._add(rows, [row["player"] for row in rows], places)

    def add_by_entry(self, rows: Sequence[dict[str, Any]], players: Sequence[str]) -> None:
        """Add the same by a list of players, "" for none, and the `id` of each row's entry."""
        subjects = [f"player/{player}" for player in players]
        places = self.timeline.at(subjects, [self._seqs.get(row["id"], 0) for row in rows])
        self._add(rows, players, places)

    @cached_property
    def _seqs(self) -> dict[str, int]:
        """The event that added each entry, by its id."""
        return {record["id"]: event.seq for event in self._entries() for record in _added(event)}

    def add_labels(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add session, label and bot, by each row's `player`."""
        for row in rows:
            row |= {"session": self.session} | self._who(row["player"])

    def _who(self, player: str) -> dict[str, Any]:
        return {"label": self._labels.get(player), "bot": self._bots.get(player)}

    def _add(self, rows: Sequence[dict[str, Any]], players: Sequence[str], places: Any) -> None:
        known = [*map(_values, self.timeline.locations), _values(Location())]  # -1: the last one
        for row, player, place in zip(rows, players, places.tolist(), strict=True):
            row |= {"session": self.session} | self._who(player) | known[place]

    # ---- changes ----

    def head(self, kind: str) -> dict[str, Kind]:
        """Return the columns that stand behind the name of a changed subject of this kind."""
        if kind == "player":
            return {n: k for n, k in _PLAYER.items() if n != "label" or self._labelled}
        return dict(IN_ROUND) if kind == "group" else {}

    def columns(self, kind: str, events: EventColumns | EventArrays) -> list[Column]:
        """Return the columns of `head` for changes to subjects of one kind."""
        head = self.head(kind)
        if not head:
            return []
        codes, subjects = _encoded(events)
        places = self._places(codes, subjects, events)
        names = [subject.partition("/")[2] for subject in subjects]
        made = {
            "label": (codes, list(map(self._labels.get, names))),
            "bot": (codes, [_truth(self._bots.get(name)) for name in names]),
            **{name: (places, texts) for name, texts in self._texts_by_place().items()},
        }
        column = _array_column if isinstance(events, EventArrays) else _list_column
        return [column(*made[name], kind_of_cells) for name, kind_of_cells in head.items()]

    def places(self, events: EventColumns | EventArrays) -> list[int]:
        """Return a number for each changed subject's location after the change."""
        found: list[int] = self._places(*_encoded(events), events).tolist()
        return found

    def _places(self, codes: Any, subjects: Sequence[str], events: Any) -> Any:
        return self.timeline.at_codes(self.timeline.codes(subjects)[codes], events.seq)

    def _texts_by_place(self) -> dict[str, list[str | None]]:
        """Return group, block and the JSON of the round of each location; the last are none."""
        locations = self.timeline.locations
        if len(self._texts.get("group", ())) != len(locations) + 1:
            rows = [*map(_values, locations), _values(Location())]
            self._texts = {name: [row[name] for row in rows] for name in ("group", "block")}
            numbers = [row["round"] for row in rows]
            self._texts["round"] = [None if n is None else str(n) for n in numbers]
        return self._texts


def _values(location: Location) -> dict[str, Any]:
    """Return group, block and round of a location as values, None where there is none."""
    key = location.round
    if key is None:
        return {"group": location.group or None, "block": None, "round": None}
    return {"group": location.group or None, "block": key.name or None, "round": key.number}


def _added(event: Event) -> Sequence[Mapping[str, Any]]:
    """Return the entries that an event has added; not those that it has put back."""
    added: Sequence[Mapping[str, Any]] = ()
    if event.kind == "append":
        added = orjson.loads(event.value)["values"]
    return added


def _truth(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"


def _encoded(events: EventColumns | EventArrays) -> tuple[Any, list[str]]:
    """Return the changed subjects as codes, and the subject of each code."""
    import numpy as np  # lazy: see __init__

    if isinstance(events, EventArrays):
        return events.repeated["subject"]
    numbers = {subject: code for code, subject in enumerate(dict.fromkeys(events.subject))}
    codes = np.fromiter(map(numbers.__getitem__, events.subject), "int32", len(events.subject))
    return codes, list(numbers)


def _list_column(codes: Any, known: Sequence[str | None], kind: Kind) -> Column:
    return Column([known[code] for code in codes.tolist()], plain=kind == "text")


def _array_column(codes: Any, known: Sequence[str | None], kind: Kind) -> Column:
    """Return a column of Arrow; a code of -1 is that of the last text."""
    import pyarrow  # lazy: it is an extra

    codes = codes % len(known)
    if kind == "text":
        return Column(repeated_texts(codes, list(known)), plain=True)
    return Column(pyarrow.array(known, pyarrow.string()).take(pyarrow.array(codes)))
