"""Replica: a copy of the log of a session that is served elsewhere, in a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from uproot_nb.analysis.past_states import read_codec
from uproot_nb.errors import AttachFailed
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.state import State
from uproot_nb.monitor.rest.event_streams import EventLine

__all__ = ["Replica"]

EVENTS_AT_ONCE = 2000
"""Events that are written in one transaction."""
_DECODER = msgspec.json.Decoder(EventLine)


class Replica:
    """The events that have come of a session so far, and the state that they add up to.

    Args:
        began: when the session's first event was logged; another session of this name, as after a
            restart without a database, began at another time.
    """

    def __init__(self, session: str, began: float | None) -> None:
        self.session, self.began = session, began
        self.state = State(read_codec())
        self.is_stale = False
        """Whether it has what was erased from the log since."""
        folder = Path(tempfile.mkdtemp(prefix="uproot-nb-attached-"))
        self.log = SqliteLog(folder / "replica.sqlite3")
        self._forget = weakref.finalize(self, _remove, self.log, folder)
        self.log.claim(session)

    def take(self, lines: Iterable[bytes]) -> None:
        """Add events, given as lines of JSON; those that came before a failure are added.

        Raises:
            AttachFailed: they are no events, or do not follow the last one.
        """
        events, is_first = self._events(lines), self.state.seq == 0
        while some := _until_failure(islice(events, EVENTS_AT_ONCE)):
            found, failure = some
            self.log.append(found)
            self.state.apply_all(found)
            self.is_stale |= not is_first and any(event.kind == "erase" for event in found)
            if failure is not None:
                raise failure

    def _events(self, lines: Iterable[bytes]) -> Iterator[Event]:
        seq = self.state.seq
        for line in lines:
            try:
                event = _DECODER.decode(line).event(self.session)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise AttachFailed(f"The server has sent an unreadable event ({error}).") from None
            seq += 1
            if event.seq != seq:
                raise AttachFailed(
                    f"The server has sent event {event.seq} instead of {seq}.\nAttach again."
                )
            yield event

    def close(self) -> None:
        """Delete the copy. Idempotent."""
        self._forget()


def _until_failure(events: Iterator[Event]) -> tuple[list[Event], Exception | None] | None:
    """Return the events and what ended them early; None if there are none and nothing did."""
    found: list[Event] = []
    try:
        for event in events:
            found.append(event)
    except Exception as error:  # whatever has cut them off is raised once they are stored
        return found, error
    return (found, None) if found else None


def _remove(log: Any, folder: Path) -> None:
    log.close()
    shutil.rmtree(folder, ignore_errors=True)
