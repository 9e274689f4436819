"""A session of the framework uproot as a log of ours: each row it stored becomes an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from uproot_nb.analysis.framework.rows import Row
from uproot_nb.analysis.framework.stored_values import UnknownType, decode_entry, decode_value
from uproot_nb.errors import CorruptLog, NotALog
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import MemoryLog

__all__ = ["framework_log", "sessions_in"]

_OWN_IDENTIFIER = {"player": "pid", "group": "gid", "session": "sid", "model": "mid"}
_BOOKKEEPING = "_uproot_"
_DELETED = object()


def sessions_in(rows: list[Row]) -> list[str]:
    """Return the names of the sessions, oldest first."""
    spaces = (row.namespace.split("/") for row in rows)
    return list(dict.fromkeys(space[1] for space in spaces if space[0] == "session"))


def framework_log(path: str, rows: list[Row], session: str) -> MemoryLog:
    """Return a log of one session, with the times and values that the framework stored.

    Raises:
        NotALog: it has a value of a type that uproot 0.10 does not write.
        CorruptLog: a value in it is damaged.
    """
    chosen = [row for row in rows if row.namespace.split("/")[1:2] == [session]]
    log = MemoryLog(clock=lambda: chosen[0].time)
    log.append(_SessionEvents(path, session, chosen).events())
    log.path = path
    return log


def _value_of(row: Row) -> Any:
    return _DELETED if row.value is None else decode_value(row.value)


class _SessionEvents:
    """The events of one session, made from its rows in their order."""

    def __init__(self, path: str, session: str, rows: list[Row]) -> None:
        self._path, self._session, self._rows = path, session, rows
        self._codec, self._numbers = Codec(), count(1)
        self._ids: dict[str, Any] = {}
        self._begun: set[str] = set()
        self._orders: dict[str, list[str]] = {}
        self._pages: dict[str, str | None] = {}

    def events(self) -> list[Event]:
        """Return all events, numbered from 1."""
        for row in self._rows:
            if row.field == "id":
                self._ids[row.namespace] = self._read(row, _value_of)
        return [event for row in self._rows for event in self._read(row, self._events_of)]

    def _read(self, row: Row, read: Callable[[Row], Any]) -> Any:
        """Call *read* with a row; an error names the row."""
        try:
            return read(row)
        except UnknownType as error:
            reason = f"another version of uproot wrote it ({error})"
            raise NotALog(self._path, reason, "uproot_nb reads those of uproot 0.10.") from error
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            place = f"'{row.field}' of {row.namespace}"
            raise CorruptLog(self._path, f"the value of {place} cannot be read") from error

    def _events_of(self, row: Row) -> list[Event]:
        return list(self._translated(row))

    def _translated(self, row: Row) -> Iterator[Event]:
        kind, *names = row.namespace.split("/")
        subject = kind if kind == "session" else f"{kind}/{names[-1]}"
        if subject not in self._begun:
            self._begun.add(subject)
            yield from self._begin(row, kind, subject)
        value = _value_of(row)
        translate = _SPECIAL.get((kind, row.field))
        if translate is not None:
            yield from translate(self, row, subject, value)
        elif row.field != _OWN_IDENTIFIER[kind] and not row.field.startswith(_BOOKKEEPING):
            yield self._field(row, subject, row.field, value)

    def _event(self, row: Row, kind: str, subject: str, value: Any, field: str = "") -> Event:
        text = self._codec.encode(value)
        return Event(
            next(self._numbers), row.time, self._session, kind, subject, field, text,
            "", self._pages.get(subject) or "", row.context, "",
        )  # fmt: skip

    def _field(self, row: Row, subject: str, field: str, value: Any) -> Event:
        if value is _DELETED:
            return self._event(row, "del", subject, None, field)
        return self._event(row, "set", subject, value, field)

    def _begin(self, row: Row, kind: str, subject: str) -> Iterator[Event]:
        """Yield what comes before the first value of a player or model."""
        if kind == "player":
            number = self._ids.get(row.namespace, len(self._begun))
            yield self._event(row, "join", subject, {"id": number, "claimed": False})
        elif kind == "model":
            yield self._event(row, "set", subject, [], "entries")

    # ---- rows that are more than a field of ours ----

    def _nothing(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        yield from ()

    def _label(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        number = self._ids.get(row.namespace, 0)
        label = None if value is _DELETED else value or None
        yield self._event(row, "join", subject, {"id": number, "label": label})

    def _order(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        self._orders[subject] = [] if value is _DELETED else value
        yield self._field(row, subject, row.field, value)

    def _move(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        """Put the player on a page; -1 is before the first one."""
        if value is _DELETED or (value < 0 and subject not in self._pages):
            return
        page = self._pages.get(subject)
        if page is not None:
            yield self._event(row, "leave", subject, {"page": page})
        order = self._orders.get(subject, [])
        self._pages[subject] = page = order[value] if 0 <= value < len(order) else None
        yield self._event(row, "enter", subject, {"page": page, "position": value})

    def _dropout(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        if value is not _DELETED:
            yield self._event(row, "dropout", subject, {"dropped": bool(value)})

    def _members(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        members = [] if value is _DELETED else [one.name for one in value]
        number = self._ids.get(row.namespace, 0)
        yield self._event(row, "group", subject, {"id": number, "members": members})

    def _settings(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        yield self._field(row, subject, "settings", value)

    def _entry(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        if value is _DELETED:
            return
        identifier, fields = decode_entry(value)
        text = self._codec.encode(fields)
        record = {"id": identifier, "time": row.time, "type": "dict", "fields": text}
        yield self._event(row, "append", subject, {"path": [], "values": [record]}, "entries")

    def _entries(self, row: Row, subject: str, value: Any) -> Iterator[Event]:
        """Set an author's field that is called like our list of entries."""
        yield self._field(row, subject, "entries_", value)


_SPECIAL: dict[tuple[str, str], Callable[[_SessionEvents, Row, str, Any], Iterator[Event]]] = {
    ("player", "id"): _SessionEvents._nothing,
    ("player", "member_id"): _SessionEvents._nothing,
    ("player", "label"): _SessionEvents._label,
    ("player", "page_order"): _SessionEvents._order,
    ("player", "show_page"): _SessionEvents._move,
    ("player", "_uproot_dropout"): _SessionEvents._dropout,
    ("group", "id"): _SessionEvents._nothing,
    ("group", "_uproot_players"): _SessionEvents._members,
    ("session", "_uproot_settings"): _SessionEvents._settings,
    ("model", "entry"): _SessionEvents._entry,
    ("model", "entries"): _SessionEvents._entries,
}
"""What becomes an event of another kind, or stands in our tables already."""
