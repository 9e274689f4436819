"""Redaction: what remains of an event after a person's data are erased."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from uproot_nb.log.call_rows import read_call
from uproot_nb.log.chat_names import name_of_chat
from uproot_nb.log.erasing.own_texts import OwnTexts, Read, find_own_texts
from uproot_nb.log.events import Event

__all__ = ["ERASED", "Redaction", "changed_by_erasure"]

ERASED = "erased"
"""The kind of an event of which nothing remains but its number and time."""

_WHOLE = frozenset({
    "back", "connect", "disconnect", "dropout", "end", "enter", "erase", ERASED, "free", "leave",
    "once", "order", "pay", "wait",
})  # fmt: skip
"""Kinds that say where somebody was, and nothing that the person has said."""

_REMAINS: dict[str, frozenset[str]] = {
    "join": frozenset({"id", "claimed"}),
    "arrive": frozenset({"by"}),
    "load": frozenset({"time"}),
    "submit": frozenset({"begun", "ms"}),
    "input": frozenset({"begun", "ms"}),
    "late": frozenset({"visit", "accepted"}),
    "timeout": frozenset({
        "begun", "by", "deadline", "extended", "held", "ms", "passed", "reached",
    }),
    "call": frozenset({"id", "page", "outcome", "back", "begun", "resumed", "ms"}),
    "intervention": frozenset({
        "action", "exit", "from", "online", "players", "plays", "seconds", "size", "to", "with",
    }),
    "effect": frozenset({"csv", "performed"}),
}  # fmt: skip
"""The keys that remain of other kinds' values, without which no replay is possible."""

_FORM = {"form": None}
_ADDED: dict[str, dict[str, Any]] = {
    "join": {"label": None, "erased": True}, "arrive": {"query": {}}, "late": _FORM,
    "call": {"args": None, "kwargs": None, "result": None},
}  # fmt: skip
"""What a reader of the log expects in the place of what is gone."""


class Redaction:
    """Says what remains of a session's events when a player's data are erased.

        Redaction("abc12", own).of(event)

    Of the player's own events remain the moves from page to page, groups, and payments; whatever
    the player answered, was given, or was sent is gone. In other events the player's texts and
    names are replaced. What was redacted before stays as it is.
    """

    def __init__(self, player: str, own: OwnTexts) -> None:
        self.player, self._own = player, own
        self._subject = f"player/{player}"
        self._chat = f"model/{name_of_chat(player)}"

    def of(self, event: Event) -> Event:
        """Return what remains of an event."""
        if event.subject == self._subject:
            return self._of_person(event)
        if event.subject == self._chat and event.kind in ("append", "chat"):
            return self._gone(event)
        if event.subject.startswith("room/") and event.field == self.player:
            return event._replace(value='"…"')
        return self._of_others(event)

    def _of_person(self, event: Event) -> Event:
        if event.kind in _WHOLE or event.value == "null":
            return event if event.kind in _WHOLE | _REMAINS.keys() else self._gone(event)
        if event.kind == "notify":
            return event._replace(value=_without_data(event.value))
        if event.kind not in _REMAINS:
            return self._gone(event)
        value = read_call(event.value) if event.kind == "call" else orjson.loads(event.value)
        remains = {name: one for name, one in value.items() if name in _REMAINS[event.kind]}
        added = _FORM if event.kind in ("submit", "input", "timeout") and "form" in value else {}
        content = {**remains, **_ADDED.get(event.kind, added)}
        return event._replace(value=orjson.dumps(content).decode())

    def _of_others(self, event: Event) -> Event:
        is_theirs = event.actor == self.player
        if is_theirs and event.kind in ("error", "output"):
            return self._gone(event)
        if event.kind == "notify" and (is_theirs or _is_only_to(event.value, self.player)):
            return event._replace(value=_without_data(event.value))
        is_authored = event.kind in ("code", "open", "room")
        clean = self._own.clean_names if is_authored else self._own.clean
        value = clean(event.value)
        return event if value == event.value else event._replace(value=value)

    def _gone(self, event: Event) -> Event:
        return Event(event.seq, event.time, event.session, ERASED, self._subject, "", "null",
                     "", "", "", "")  # fmt: skip


def changed_by_erasure(read: Read, player: str, own: OwnTexts | None = None) -> Iterator[Event]:
    """Yield what is to replace a session's events of these numbers so that a player is erased.

    Args:
        own: what `find_own_texts` has found, if it was called before.
    """
    redaction = Redaction(player, own or find_own_texts(read, player))
    return (new for event in read() if (new := redaction.of(event)) != event)


def _without_data(value: str) -> str:
    return orjson.dumps({**orjson.loads(value), "data": None}).decode()


def _is_only_to(value: str, player: str) -> bool:
    return bool(orjson.loads(value).get("recipients") == [player])
