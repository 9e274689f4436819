"""Notes: the pushes of a page, each once and in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Note", "Notes"]

MOST_UNREAD = 100_000
OURS = "_uproot_"
"""Prefix of events for our own scripts, such as progress on wait pages."""


class Note(NamedTuple):
    """A push that came to the page: `notify(..., data, event="Trade")`."""

    event: str | None
    data: Any
    seq: int
    """Its number in the log."""


class Notes:
    """Stores a page's pushes until they are read; if there are very many, the newest."""

    def __init__(self) -> None:
        self.since = self.acknowledged = 0
        """The numbers of the last push that came, and of the last one acknowledged."""
        self._unread: deque[Note] = deque(maxlen=MOST_UNREAD)

    def begin(self, since: int) -> None:
        """Start with a new page, which shows all that was pushed so far."""
        self.since = self.acknowledged = since
        self._unread.clear()

    def take(self, frame: Mapping[str, Any]) -> Note | None:
        """Store a push and return it; None if it is not new, or for our own scripts."""
        note = Note(frame.get("event"), frame.get("data"), int(frame["seq"]))
        if note.seq <= self.since:
            return None
        self.since = note.seq
        if (note.event or "").startswith(OURS):
            return None
        self._unread.append(note)
        return note

    @property
    def unread(self) -> list[Note]:
        """Those that were not read yet, oldest first."""
        return list(self._unread)

    def find(self, event: str | None = None) -> Note | None:
        """Return the oldest that is unread, or the oldest of that name."""
        return next((note for note in self._unread if event in (None, note.event)), None)

    def read(self, note: Note) -> Note:
        """Count a note as read, and return it."""
        self._unread.remove(note)
        return note
