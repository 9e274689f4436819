"""EventWindow: the rows of a long log that are in view."""

from __future__ import annotations

import bisect
import threading
from array import array
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from uproot_nb.log.events import KINDS, Event
from uproot_nb.log.log import EventLog

__all__ = ["EventWindow", "RowsAsked", "Wanted"]

LONGEST_VALUE = 240
"""Characters of a value that a row shows."""
LONGEST_WINDOW = 500
"""Rows that are given at once."""


class Wanted(NamedTuple):
    """Which events to show; "" is any. Players are given by name, others as `group/abc12`."""

    subject: str = ""
    kind: str = ""
    field: str = ""

    @property
    def is_all(self) -> bool:
        """Whether there is no filter."""
        return not any(self)

    def query(self) -> dict[str, Any]:
        """Return the arguments of `EventLog.read`."""
        plain = "/" in self.subject or self.subject == "session"
        return {
            "kinds": {self.kind} if self.kind else None,
            "subject": (self.subject if plain else f"player/{self.subject}") or None
            if self.subject
            else None,
            "field": self.field or None,
        }


class RowsAsked(NamedTuple):
    """The rows that a browser asks for: *many* from *a* on, or from *time* (Unix seconds) on."""

    id: Any
    a: int
    many: int
    time: float | None
    wanted: Wanted

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> RowsAsked:
        """Return what *message* asks for.

        Raises:
            TypeError, ValueError, OverflowError: it is not valid.
        """
        wanted = Wanted(*(str(text) for text in message.get("wanted", ())[:3]))
        time = float(message["time"]) if message["op"] == "find" else None
        a, many = int(message.get("a", 0)), int(message.get("count", 50))
        return cls(message.get("id"), a, many, time, wanted)


class EventWindow:
    """Gives rows [a, b) of the filtered events, without holding the log in memory.

        window = EventWindow(log, "market")
        rows, total = window.rows(0, 50, Wanted(kind="call"))

    Any thread may call. Of a filter, only the numbers of its events are stored, 8 bytes each.

    Args:
        clean: makes of an event what is shown; by default all of it.
    """

    def __init__(
        self, log: EventLog, session: str, clean: Callable[[Event], Event] = lambda event: event
    ) -> None:
        self._log, self._session, self._clean = log, session, clean
        self._lock = threading.Lock()
        self._wanted = Wanted()
        self._seqs = array("Q")
        self._seen = 0

    def rows(self, a: int, b: int, wanted: Wanted) -> tuple[list[list[Any]], int]:
        """Return the rows from *a* to before *b* (at most 500), and how many there are in all.

        A row is [seq, time, kind, subject, field, value (JSON, shortened), actor, page, cause].
        """
        with self._lock:
            total = self._total(wanted)
            a = max(0, min(a, total))
            b = max(a, min(b, total, a + LONGEST_WINDOW))
            if a == b:
                return [], total
            first, last = (a + 1, b) if wanted.is_all else (self._seqs[a], self._seqs[b - 1])
            read = self._log.read(self._session, after=first - 1, until=last, **wanted.query())
            return [_row(self._clean(event)) for event in read], total

    def place_of(self, seconds: float, wanted: Wanted) -> int:
        """Return the row of the first event at or after a time (Unix seconds)."""
        with self._lock:
            total = self._total(wanted)
            return bisect.bisect_left(
                range(total), seconds, key=lambda place: self._time_at(place, wanted)
            )

    def _time_at(self, place: int, wanted: Wanted) -> float:
        seq = place + 1 if wanted.is_all else self._seqs[place]
        event: Event = next(iter(self._log.read(self._session, after=seq - 1, until=seq)))
        return event.time

    def _total(self, wanted: Wanted) -> int:
        last = self._log.last_seq(self._session)
        if wanted.is_all:
            return last
        if wanted.kind and wanted.kind not in KINDS:
            return 0
        if wanted != self._wanted:
            self._wanted, self._seqs, self._seen = wanted, array("Q"), 0
        if last > self._seen:
            new = self._log.read(self._session, after=self._seen, until=last, **wanted.query())
            self._seqs.extend(event.seq for event in new)
            self._seen = last
        return len(self._seqs)


def _row(event: Event) -> list[Any]:
    value = event.value
    if len(value) > LONGEST_VALUE:
        value = value[:LONGEST_VALUE] + "…"
    return [
        event.seq, event.time, event.kind, event.subject, event.field, value, event.actor,
        event.page, event.cause,
    ]  # fmt: skip
