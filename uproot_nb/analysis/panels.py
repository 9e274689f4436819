"""Panels: a row per player and value of a field, such as the round."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.field_tables import field_table
from uproot_nb.analysis.typed_columns import MISSING, numeric
from uproot_nb.errors import UprootError
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

__all__ = ["panel_table"]

_HEAD = {"player": "category", "id": "int64", "label": "string"}


class _History:
    """One player's rows: what was set while the field had each of its values."""

    def __init__(self, by: str, subject: str, codec: Codec) -> None:
        self._by, self._subject, self._codec = by, subject, codec
        self._past = State(codec)
        self._changed: dict[str, None] = {}
        self._within: dict[str, dict[str, Any]] = {}
        self._outside: dict[str, Any] = {}
        self.keys: dict[str, Any] = {}

    def take(self, event: Event) -> None:
        if event.field == self._by:
            self.close()
        self._past.apply(event)
        self._changed[event.field] = None

    def close(self) -> None:
        """Note the values of what was changed while the field had the value that it has now.

        Call it after the last event, too. Values are read here and not at each change: a list that
        grows would be read as often as it is long.
        """
        key = self._value(self._by)
        row = self._outside
        if key is not MISSING:
            text = self._codec.encode(key)
            self.keys.setdefault(text, key)
            row = self._within.setdefault(text, {})
        for field in self._changed:
            if field != self._by:
                row[field] = self._value(field)
        self._changed.clear()

    def _value(self, field: str) -> Any:
        if field not in self._past.names(self._subject):
            return MISSING
        # Changes in place must not reach what a row holds already.
        return self._codec.decode(self._past.text(self._subject, field))

    def rows(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the field's value and the other fields, for each value."""
        varying = {field for row in self._within.values() for field in row}
        fixed = {
            field: value for field, value in self._outside.items()
            if field not in varying and field != self._by and value is not MISSING
        }  # fmt: skip
        return [
            ({self._by: self.keys[text]}, {**fixed, **row}) for text, row in self._within.items()
        ]


def panel_table(events: Iterable[Event], state: State, by: str, codec: Codec) -> pandas.DataFrame:
    """Return a row per player and value of *by*, in the order in which players took them.

    A field's value is the last that was set while *by* had this value; it is missing where it was
    not set then, and is never carried over from an earlier row. A field that was only ever set
    before *by* was there (such as a treatment) is in every row.

    Raises:
        UprootError: no player has such a field.
    """
    histories = {
        name: _History(by, f"player/{name}", codec) for name in state.players
    }  # fmt: skip
    for event in events:
        kind, _, name = event.subject.partition("/")
        if kind == "player" and name in histories:
            histories[name].take(event)
    for history in histories.values():
        history.close()
    if not any(history.keys for history in histories.values()):
        raise UprootError(f"No player has a field '{by}'.\nName one, for example panel('round').")
    rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for name, history in histories.items():
        player = state.players[name]
        head = {"player": name, "id": player.id, "label": player.label}
        rows += [(head | key, fields) for key, fields in history.rows()]
    return numeric(field_table(rows, {**_HEAD, by: "typed"}).frame)
