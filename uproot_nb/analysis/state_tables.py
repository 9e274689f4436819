"""State tables: a row per player, per group, or for the session, from one state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.field_tables import FieldTable, field_table
from uproot_nb.analysis.typed_columns import numeric, table
from uproot_nb.log.codec import Codec
from uproot_nb.log.player_status import ended_as
from uproot_nb.log.state import PlayerState, State

if TYPE_CHECKING:
    import pandas

__all__ = [
    "differences", "group_field_table", "groups_table", "player_field_table", "players_table",
    "session_field_table", "session_table", "texts_of", "values_of",
]  # fmt: skip

_PLAYER = {
    "player": "object", "session": "category", "id": "int64", "label": "string", "bot": "bool",
    "page": "category", "position": "int64", "online": "bool", "group": "category",
    "member_id": "Int64", "ended_as": "category", "query": "object",
}  # fmt: skip
_SESSION = {"session": "object"}
_GROUP = {"group": "object", "session": "category", "id": "int64", "members": "object"}


def values_of(state: State, subject: str, codec: Codec) -> dict[str, Any]:
    """Return every field of a subject, as new objects."""
    return {name: codec.decode(state.text(subject, name)) for name in state.names(subject)}


def player_field_table(states: Iterable[tuple[str, State]], codec: Codec) -> FieldTable:
    """Return a row per player: session, id, label, bot, page … ended_as, query, then each field.

    A field with the name of a built-in column gets a `_` appended.

    Args:
        states: sessions by name; the players of all are in one table.
    """
    rows = [
        (_player_row(session, name, player), values_of(state, f"player/{name}", codec))
        for session, state in states
        for name, player in state.players.items()
    ]
    return field_table(rows, _PLAYER)


def _player_row(session: str, name: str, player: PlayerState) -> dict[str, Any]:
    return {
        "player": name, "session": session, "id": player.id, "label": player.label,
        "bot": player.bot, "page": player.page, "position": player.position,
        "online": player.online, "group": player.group, "member_id": player.member_id,
        "ended_as": ended_as(player), "query": dict(player.query),
    }  # fmt: skip


def group_field_table(state: State, session: str, codec: Codec) -> FieldTable:
    """Return a row per group: session, id, members (their names, in order), then each field."""
    rows = []
    for name, group in state.groups.items():
        members = list(group.members)
        row = {"group": name, "session": session, "id": group.id, "members": members}
        rows.append((row, values_of(state, f"group/{name}", codec)))
    return field_table(rows, _GROUP)


def session_field_table(state: State, name: str, codec: Codec) -> FieldTable:
    """Return one row: each field of the session."""
    return field_table([({"session": name}, values_of(state, "session", codec))], _SESSION)


def players_table(state: State, session: str, codec: Codec) -> pandas.DataFrame:
    """Return the players as `player_field_table` does, by their names."""
    return numeric(player_field_table([(session, state)], codec).frame).set_index("player")


def groups_table(state: State, session: str, codec: Codec) -> pandas.DataFrame:
    """Return the groups as `group_field_table` does, by their names."""
    return numeric(group_field_table(state, session, codec).frame).set_index("group")


def session_table(state: State, name: str, codec: Codec) -> pandas.DataFrame:
    """Return the session as `session_field_table` does, by its name."""
    return numeric(session_field_table(state, name, codec).frame).set_index("session")


def differences(before: State, after: State, codec: Codec) -> pandas.DataFrame:
    """Return a row per field that differs between two states: subject, field, before, after.

    A missing value is None; `change` is "added", "changed" or "removed".
    Players' page, position, online and group are among the fields.
    """
    old, new = dict(texts_of(before, codec)), dict(texts_of(after, codec))
    rows = []
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            change = "added" if key not in old else "removed" if key not in new else "changed"
            values = (codec.decode(side[key]) if key in side else None for side in (old, new))
            rows.append(dict(zip(("subject", "field", "change", "before", "after"),
                                 (*key, change, *values), strict=True)))  # fmt: skip
    kinds = {"subject": "string", "field": "string", "change": "category"}
    return table(rows, {**kinds, "before": "typed", "after": "typed"})


def texts_of(state: State, codec: Codec) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield (subject, field) and the value as JSON, of every field of a state."""
    for subject in state.fields:
        for name in state.names(subject):
            yield (subject, name), state.text(subject, name)
    for name, player in state.players.items():
        for field in ("label", "page", "position", "online", "group", "query"):
            yield (f"player/{name}", field), codec.encode(getattr(player, field))
    for name, group in state.groups.items():
        yield (f"group/{name}", "members"), codec.encode(list(group.members))
