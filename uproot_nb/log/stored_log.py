"""StoredLog: what the logs in databases do in the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import chain
from typing import Any, Protocol

from uproot_nb.log.checksums import is_whole
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.log import Snapshot
from uproot_nb.log.paging import EventFilter, Row

__all__ = ["EventReader", "StoredLog", "newest_whole"]

_WIDTH = len(Event._fields)
_as_event: Callable[[Row], Event] = partial(tuple.__new__, Event)


class EventReader(Protocol):
    """Reads the events of a database."""

    def between(
        self,
        session: str,
        numbers: tuple[int, int],
        wanted: EventFilter,
        newest_first: bool = False,
    ) -> Iterator[list[Row]]:
        """Yield pages of rows with numbers[0] < seq <= numbers[1] that begin as Event does."""


class StoredLog(ABC):
    """A log whose events are read from a database, a page at a time.

    So a slow consumer holds neither memory nor the database.
    """

    def __init__(self, events: EventReader) -> None:
        self._events = events

    @abstractmethod
    def last_seq(self, session: str) -> int:
        """Return the seq of the last committed event, 0 for none."""

    def read(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
        subject: str | None = None,
        field: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Yield the events with after < seq <= until that are committed now."""
        numbers, wanted = self._numbers(session, after, until), EventFilter(kinds, subject, field)
        pages = self._events.between(session, numbers, wanted, newest_first)
        return chain.from_iterable([_as_event(row[:_WIDTH]) for row in page] for page in pages)

    def read_columns(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventColumns]:
        """Yield the same events as columns, a page at a time."""
        numbers = self._numbers(session, after, until)
        pages = self._events.between(session, numbers, EventFilter(kinds))
        return (EventColumns(*list(zip(*page, strict=True))[:_WIDTH]) for page in pages)

    def _numbers(self, session: str, after: int, until: int | None) -> tuple[int, int]:
        """Return after which event, and until which, is read: none that comes from now on."""
        last = self.last_seq(session)
        return max(after, 0), last if until is None else min(until, last)


def newest_whole(
    find: Callable[[int | None], tuple[str, int, bytes, Any] | None], until: int | None
) -> Snapshot | None:
    """Return the newest snapshot with seq <= until that is undamaged.

    Args:
        find: returns the session, the seq, the state and the checksum of the newest one.
    """
    while (found := find(until)) is not None:
        if is_whole(*found):
            return Snapshot(*found[:3])
        until = int(found[1]) - 1  # an older one will do, or none
    return None
