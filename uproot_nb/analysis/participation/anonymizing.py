"""Anonymizing: a copy of a session's log in which no name, date or text identifies anybody."""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from random import SystemRandom

import orjson

from uproot_nb.analysis.participation.scrubbing import Scrub
from uproot_nb.errors import UprootError
from uproot_nb.log.call_rows import read_call
from uproot_nb.log.chat_names import RESEARCHER_CHAT
from uproot_nb.log.erasing.names_in_texts import NamesInTexts
from uproot_nb.log.erasing.own_texts import Read, find_participants_texts
from uproot_nb.log.erasing.redaction import ERASED
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.state import State

__all__ = ["Anonymizing", "Anonymous", "check_key", "write_key"]

_KEPT = CHANGES | {
    "back", "call", "chat", "code", "connect", "consent", "disconnect", "dropout", "end", "enter",
    "focus", "free", "group", "late", "leave", "once", "open", "order", "pay", "submit", "timeout",
    "join", "arrive",
}  # fmt: skip
"""Kinds of events that the tables of an export are made from."""
_DROPPED = {
    "join": ("label", "scope", "visit", "cookie", "room"), "submit": ("form",),
    "late": ("form", "typed_at"), "timeout": ("form",),
    "arrive": ("label", "recruiter", "room"),
}  # fmt: skip
"""Keys of values that no table needs."""
_LETTERS, _DIGITS = "abcdefghijkmnpqrstuvwxyz", "23456789"
_WORD = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\W_]+")
"""A word in JSON, also between underscores; or an escaped character right before a word."""
_UNIX = re.compile(r"(?<![\w.+-])(\d{10}|\d{13})(\.\d+)?(?![\w.])")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")
_EPOCH = dt.datetime(1970, 1, 1)
_DAY = 86_400.0


class Anonymous(Scrub):
    """What an anonymous export says about itself; nothing is left to be scrubbed."""

    def __str__(self) -> str:
        left = ", ".join(sorted(f"{kind}.{field}" for kind, field in self.fields))
        return (
            "Anonymous: players have names that were drawn at random for this export. "
            "Labels, addresses,\nthe notebook and what participants wrote in their own words are "
            "left out; … stands for it. Fields that\nheld a label or an id are left out: "
            f"{left or 'there is none'}. Times count from the session's first event,\nwritten as "
            "1970-01-01T00:00:00Z.\n"
        )


class Anonymizing:
    """Makes anonymous events of a session's events, with new names for players each time.

        anonymizing = Anonymizing(read, state, scrub, free_text=["opinion"])
        log.append(list(anonymizing.events()))
        anonymizing.names["abc12"]      # "kqd73"

    Args:
        read: reads all events.
        scrub: which labels and ids there are, and the fields that held one of them.
        free_text: fields of forms, live methods and their arguments whose texts stay.
    """

    def __init__(
        self, read: Read, state: State, scrub: Scrub, free_text: Collection[str] = ()
    ) -> None:
        self._read, self._scrub = read, scrub
        self._own = find_participants_texts(read, free_text)
        self._random = SystemRandom()
        self.names = self._drawn(state.players)
        ids = [player.id for player in state.players.values()]
        self._ids = dict(zip(ids, self._random.sample(ids, len(ids)), strict=True))
        first = next(iter(read()), None)
        self._start = 0.0 if first is None else first.time
        self._end = state.time

    def events(self) -> Iterator[Event]:
        """Yield an event for each, with the same number."""
        return map(self._anonymous, self._read())

    def note(self) -> Anonymous:
        """Return what the export says about it."""
        hide = self._scrub.names.hide
        fields = ((kind, self._renamed(hide(field))) for kind, field in self._scrub.fields)
        return Anonymous(NamesInTexts(()), frozenset(fields))

    def _drawn(self, old: Mapping[str, object]) -> dict[str, str]:
        """Return a new name for each old one, as random as the old ones and none of them."""
        drawn: dict[str, None] = {}
        while len(drawn) < len(old):
            letters = "".join(self._random.choices(_LETTERS, k=5))
            name = letters + "".join(self._random.choices(_DIGITS, k=3))
            if name not in old:
                drawn[name] = None
        return dict(zip(old, drawn, strict=True))

    def _anonymous(self, event: Event) -> Event:
        moved = event._replace(time=max(0.0, event.time - self._start))
        if not self._is_kept(event):
            return moved._replace(
                kind=ERASED, subject="session", field="", value="null", actor="", page="",
                cause="", code="",
            )  # fmt: skip
        value = self._value(event)
        return moved._replace(
            subject=self._renamed(event.subject), actor=self._renamed(event.actor),
            field=self._renamed(event.field), value=value,
        )  # fmt: skip

    def _is_kept(self, event: Event) -> bool:
        kind, _, name = event.subject.partition("/")
        if event.kind not in _KEPT or name.startswith(f"{RESEARCHER_CHAT}."):
            return False
        if event.kind == "code":
            return '"notebook":' not in event.value
        is_change = event.kind in CHANGES
        return not (is_change and kind != "model" and not self._scrub.includes(kind, event.field))

    def _value(self, event: Event) -> str:
        if event.kind == "code":
            return self._scrub.clean(event.value) or "null"
        value = self._own.clean(self._scrub.clean(self._bare(event)) or "null")
        return self._renamed(self._shifted(value))

    def _bare(self, event: Event) -> str:
        """Return an event's value without what no table needs."""
        if event.kind == "call":
            return orjson.dumps(read_call(event.value)).decode()
        dropped = _DROPPED.get(event.kind)
        if dropped is None:
            return event.value
        value = {n: one for n, one in orjson.loads(event.value).items() if n not in dropped}
        if event.kind == "join":
            value |= {"label": None, "id": self._ids[value["id"]]}
        if event.kind == "arrive":
            value["query"] = {}
        return orjson.dumps(value).decode()

    def _renamed(self, text: str) -> str:
        return _WORD.sub(lambda found: self.names.get(found[0], found[0]), text)

    def _shifted(self, text: str) -> str:
        """Return a text whose times of the session's days count from its first event."""
        return _DATE.sub(self._moved_date, _UNIX.sub(self._moved, text))

    def _moved(self, found: re.Match[str]) -> str:
        seconds = float(found[0]) / (1000 if len(found[1]) > 10 else 1)
        if not self._is_near(seconds):
            return found[0]
        return f"{seconds - self._start:.6f}"

    def _moved_date(self, found: re.Match[str]) -> str:
        try:
            moment = dt.datetime.fromisoformat(found[0])
        except ValueError:
            return found[0]
        seconds = (moment - _EPOCH).total_seconds()
        if not self._is_near(seconds):
            return found[0]
        moved = (_EPOCH + dt.timedelta(seconds=seconds - self._start)).isoformat()
        return moved if len(found[0]) > len("1970-01-01") else moved[:10]

    def _is_near(self, seconds: float) -> bool:
        return self._start - 2 * _DAY <= seconds <= self._end + 2 * _DAY


def check_key(path: Path, key: Path) -> None:
    """Refuse to write a key into the export that it leads back from.

    Raises:
        UprootError: it would be in the export's folder, or replace it.
    """
    if key.resolve().is_relative_to(path.resolve()):
        raise UprootError(
            f"The key {key} would be part of the export {path}, which would not be anonymous.\n"
            "Save the key outside the export."
        )


def write_key(path: Path, names: Mapping[str, str], state: State) -> None:
    """Write a table that leads back: anonymous name, name, label; only you can read the file.

    Raises:
        UprootError: there is a file of that name.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UprootError(
            f"{path} exists already, and may be the key of another export.\n"
            "Give the key another name, or move that file."
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("anonymous", "player", "label"))
        for player, drawn in sorted(names.items(), key=lambda pair: pair[1]):
            writer.writerow((drawn, player, state.players[player].label or ""))
