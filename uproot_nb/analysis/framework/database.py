"""Database: all sessions of a file, as scripts written for the framework read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

from uproot_nb.analysis.framework.rows import read_rows
from uproot_nb.analysis.framework.session_log import framework_log, sessions_in
from uproot_nb.analysis.past_states import read_codec
from uproot_nb.analysis.state_tables import values_of
from uproot_nb.errors import UnknownField, UprootError
from uproot_nb.log.log import EventLog
from uproot_nb.log.places import is_file, open_place, shown_place
from uproot_nb.log.postgres.address import Place
from uproot_nb.log.state import State
from uproot_nb.session.entity_list import Bunch

__all__ = ["Database", "Snapshot", "StoredEntity", "StoredRows", "field_values", "read"]

Row = dict[str, Any]
Found = TypeVar("Found")


@dataclass(frozen=True)
class StoredRows:
    """The rows of all sessions, groups, players and memberships, as plain dictionaries."""

    sessions: list[Row]
    groups: list[Row]
    players: list[Row]
    memberships: list[Row]

    def as_dict(self) -> dict[str, list[Row]]:
        """Return the four lists by their names."""
        return {
            "sessions": self.sessions, "groups": self.groups, "players": self.players,
            "memberships": self.memberships,
        }  # fmt: skip


Snapshot = StoredRows
"""Its name in the framework."""


class StoredEntity:
    """A player, group or session with the values that it had last; nothing can be changed.

    `with player:` is allowed, as in the framework, and needed nowhere.
    """

    def __init__(self, subject: str, parts: Row, values: Row) -> None:
        self.__dict__.update(_subject=subject, _parts=parts, _values=values)

    def __getattr__(self, name: str) -> Any:
        for known in (self.__dict__["_parts"], self.__dict__["_values"]):
            if name in known:
                return known[name]
        if name[:1] == "_":
            raise AttributeError(name)
        raise UnknownField(self.__dict__["_subject"], name, "")

    def __setattr__(self, name: str, value: Any) -> None:
        raise UprootError(
            f"{self!r}.{name} cannot be set: the database is read-only.\n"
            "Change a copy of the values, such as a table from player_rows()."
        )

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value, or *default*."""
        return getattr(self, name, default)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __repr__(self) -> str:
        return f"<Stored {self.__dict__['_subject']}>"


class StoredSettings(dict[str, Any]):
    """A session's settings; each is an attribute, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class StoredSession:
    """The players and groups of one session of a file."""

    def __init__(self, log: EventLog, name: str) -> None:
        self._log, self.name, self._codec = log, name, read_codec()

    @cached_property
    def _state(self) -> State:
        state = State(self._codec)
        for event in self._log.read(self.name):
            state.apply(event)
        return state

    @cached_property
    def players(self) -> dict[str, StoredEntity]:
        """The players by name, in the order of their ids."""
        known = sorted(self._state.players.items(), key=lambda pair: pair[1].id)
        return {
            name: self._entity(f"player/{name}", {
                "name": name, "id": player.id, "label": player.label or "",
                "member_id": player.member_id, "show_page": player.position,
                "position": player.position, "page": player.page,
            })
            for name, player in known
        }  # fmt: skip

    @cached_property
    def groups(self) -> dict[str, StoredEntity]:
        """The groups by name, oldest first."""
        return {
            name: self._entity(f"group/{name}", {
                "name": name, "id": group.id,
                "players": Bunch([self.players[member] for member in group.members], name),
            })
            for name, group in self._state.groups.items()
        }  # fmt: skip

    @cached_property
    def entity(self) -> StoredEntity:
        """The session itself; its players and groups have it, and it has them."""
        everybody = Bunch([*self.players.values()], self.name)
        made = self._entity("session", {
            "name": self.name, "players": everybody, "groups": Bunch([*self.groups.values()], ""),
        })  # fmt: skip
        # The framework stores the settings in a field.
        stored = made.get("settings") or self._state.settings
        made._parts["settings"] = StoredSettings(stored)
        for one in (*self.players.values(), *self.groups.values()):
            one._parts["session"] = made
        for name, player in self.players.items():
            group = self.groups.get(self._state.players[name].group or "")
            player._parts["group"] = group
            player._parts.update(_others("session", player, everybody))
            mates = Bunch[StoredEntity]([]) if group is None else group.players
            player._parts.update(_others("group", player, mates))
        return made

    def _entity(self, subject: str, parts: Row) -> StoredEntity:
        return StoredEntity(subject, parts, values_of(self._state, subject, self._codec))


class Database:
    """A file of the framework (`uproot.sqlite3`, or a dump) or of ours, for reading only.

        with read("uproot.sqlite3") as database:
            for session in database.sessions:
                for player in session.players:
                    print(player.name, player.get("payoff"))
            players = database.player_rows(["label", "payoff"])

    Raises:
        NotALog: the file is no database of ours or the framework's.
        CorruptLog: it is damaged.
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: Place) -> None:
        self.path = shown_place(path)
        self._logs = _logs_in(path)
        self._sessions = {name: StoredSession(log, name) for name, log in self._logs.items()}

    # ---- what is in it ----

    @property
    def sessions(self) -> list[StoredEntity]:
        """The sessions, oldest first."""
        return [session.entity for session in self._sessions.values()]

    def session(self, sname: str) -> StoredEntity:
        """Return a session by its name."""
        return self._of(sname).entity

    def group(self, sname: str, gname: str) -> StoredEntity:
        """Return a group by the names of its session and its own."""
        return _found(self._of(sname).groups, f"group '{gname}' in session '{sname}'", gname)

    def player(self, sname: str, uname: str) -> StoredEntity:
        """Return a player by the names of the session and its own."""
        return _found(self._of(sname).players, f"player '{uname}' in session '{sname}'", uname)

    def _of(self, sname: str) -> StoredSession:
        session = _found(self._sessions, f"session '{sname}'", sname)
        _ = session.entity  # which gives players and groups their session
        return session

    # ---- as rows ----

    def session_rows(self, fields: Iterable[str] = ()) -> list[Row]:
        """Return a row for each session; a field that it has not is None."""
        return [_row({"session": one.name}, one, fields) for one in self.sessions]

    def group_rows(self, fields: Iterable[str] = ()) -> list[Row]:
        """Return a row for each group."""
        return [
            _row({"session": session.name, "group": group.name}, group, fields)
            for session in self.sessions for group in session.groups
        ]  # fmt: skip

    def player_rows(self, fields: Iterable[str] = ()) -> list[Row]:
        """Return a row for each player."""
        return [
            _row({"session": session.name, "uname": player.name}, player, fields)
            for session in self.sessions for player in session.players
        ]  # fmt: skip

    def membership_rows(self) -> list[Row]:
        """Return a row for each player of each group, with the place in it, from 0."""
        return list(self._memberships())

    def _memberships(self) -> Iterator[Row]:
        for session in self.sessions:
            for group in session.groups:
                for place, player in enumerate(group.players):
                    yield {
                        "session": session.name, "group": group.name, "uname": player.name,
                        "position": place,
                    }  # fmt: skip

    def snapshot(
        self,
        *,
        session_fields: Iterable[str] = (),
        group_fields: Iterable[str] = (),
        player_fields: Iterable[str] = (),
    ) -> StoredRows:
        """Return all these rows."""
        return StoredRows(
            self.session_rows(session_fields), self.group_rows(group_fields),
            self.player_rows(player_fields), self.membership_rows(),
        )  # fmt: skip

    # ---- the end ----

    def close(self) -> None:
        """Close the file. Idempotent."""
        for log in self._logs.values():
            log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Database {self.path}: {', '.join(self._sessions) or 'no sessions'}>"


def _others(where: str, player: StoredEntity, members: Bunch[StoredEntity]) -> Row:
    """Return a player's others in the group or session, by the names of these fields."""
    others = [member for member in members if member is not player]
    alone = {f"other_in_{where}": others[0]} if len(others) == 1 else {}
    return {f"others_in_{where}": Bunch(others, where), **alone}


def read(path: Place) -> Database:
    """Open a database for reading: `read("uproot.sqlite3").player_rows(["payoff"])`."""
    return Database(path)


def field_values(storage: Any, fields: Iterable[str], reserved_fields: Iterable[str] = ()) -> Row:
    """Return these fields of a player, group or session; None for one that it has not.

    Raises:
        ValueError: a field has the name of a column that the row has already.
    """
    names = [fields] if isinstance(fields, str) else list(fields)
    taken = set(names) & set(reserved_fields)
    if taken:
        raise ValueError(f"The rows have a column '{min(taken)}' already.\nLeave that field out.")
    return {name: getattr(storage, name, None) for name in names}


def _row(columns: Row, entity: StoredEntity, fields: Iterable[str]) -> Row:
    return {**columns, **field_values(entity, fields, columns)}


def _logs_in(place: Place) -> dict[str, EventLog]:
    """Return a log for each session; those of a file of ours are one."""
    path = shown_place(place)
    rows = read_rows(path) if is_file(place) else None
    if rows is not None:
        return {name: framework_log(path, rows, name) for name in sessions_in(rows)}
    log = open_place(place, readonly=True)
    found: dict[str, EventLog] = {}
    try:
        found = {record.name: log for record in log.sessions()}
    finally:
        if not found:
            log.close()
    return found


def _found(known: dict[str, Found], what: str, name: str) -> Found:
    if name not in known:
        there = ", ".join(f"'{one}'" for one in known) or "none"
        raise UprootError(f"There is no {what}.\nThere is: {there}.")
    return known[name]
