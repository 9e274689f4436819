"""Past: a session's states at any moment, from its log; read_codec: values without a session."""

from __future__ import annotations

import bisect
import datetime as dt
import math
from itertools import islice
from numbers import Integral, Real
from typing import Any, Protocol

from uproot_nb.errors import UprootError
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog
from uproot_nb.log.state import Changes, State, changes_until

__all__ = ["Moment", "Past", "read_codec", "seconds_of"]

_EVERY = 50_000
"""Events between two stored states from which later ones are computed."""
_MOST_STORED = 32


class _Dated(Protocol):
    def timestamp(self) -> float: ...


Moment = float | str | dt.datetime | _Dated
"""A time: Unix seconds, a datetime or Timestamp with a zone, or ISO text (UTC without a zone)."""


def read_codec() -> Codec:
    """Return a codec that reads players, groups and sessions as their identifiers."""
    codec = Codec()
    for tag in ("player", "group", "session", "model"):
        codec.with_type(f"{tag}-entity", type(tag, (), {}), _refuse, _as_it_is)
    return codec


def _refuse(value: Any) -> Any:
    raise UprootError("This log was opened for reading only.")


def _as_it_is(value: Any) -> Any:
    return value


def seconds_of(moment: Moment) -> float:
    """Return a time as Unix seconds.

    Raises:
        UprootError: it is no time, or a datetime without a zone: `datetime.now()` has the clock's.
    """
    if isinstance(moment, dt.datetime) and moment.tzinfo is None:
        raise UprootError(
            f"{moment!r} has no time zone.\n"
            "Give it one: datetime.now().astimezone() for this machine's, "
            "moment.replace(tzinfo=datetime.UTC) for UTC."
        )
    try:
        if isinstance(moment, str):
            moment = dt.datetime.fromisoformat(moment)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        seconds = float(moment if isinstance(moment, (int, float, Real)) else moment.timestamp())
        if math.isnan(seconds) or isinstance(moment, bool):
            raise ValueError(moment)
        return seconds
    except (ValueError, TypeError, AttributeError):
        raise UprootError(
            f"{moment!r} is not a time.\n"
            "Give Unix seconds, a datetime, or a text such as '2026-11-24T10:30:00Z'."
        ) from None


class Past:
    """The states of one session that were, from its log.

        past = Past(log, "market", read_codec())
        past.state(seq=100).players

    Between two snapshots of the log, some states are stored, so that later calls start from them.
    """

    def __init__(self, log: EventLog, session: str, codec: Codec) -> None:
        self._log, self._session, self._codec = log, session, codec
        self._stored: dict[int, bytes] = {}
        self._every = _EVERY

    @property
    def last(self) -> int:
        """The last committed event."""
        return self._log.last_seq(self._session)

    def state(self, seq: int | None = None, time: Moment | None = None) -> State:
        """Return the state after event *seq*, or after the last event up to *time*, or now.

        Raises:
            UprootError: both are given, or there was no such event yet.
        """
        if seq is not None and time is not None:
            raise UprootError("Give either seq= or time=, not both.")
        if isinstance(seq, dt.date | str):
            raise UprootError(f"{seq!r} is a time, not an event's number. Write run.at(time=…).")
        last = self.last
        if time is not None:
            seq = self._seq_at(seconds_of(time), last)
        if seq is None:
            seq = last
        if not isinstance(seq, Integral) or isinstance(seq, bool) or not 0 <= seq <= last:
            raise UprootError(
                f"There is no event {seq!r} in session '{self._session}'.\n"
                f"Its events are numbered from 1 to {last}; 0 is before the first."
            )
        return self._folded(int(seq))

    def _folded(self, seq: int) -> State:
        state = self._start(seq)
        events = self._log.read(self._session, after=state.seq, until=seq)
        while state.seq < seq:
            state.apply_all(islice(events, self._every - state.seq % self._every))
            if state.seq < seq:
                self._store(state)
        return state

    def _start(self, seq: int) -> State:
        """Return the newest state that is known and not too new."""
        state = State(self._codec)
        snapshot = self._log.load_snapshot(self._session, until=seq)
        stored = [number for number in self._stored if number <= seq]
        if stored and (snapshot is None or snapshot.seq < max(stored)):
            return state.load(self._stored[max(stored)], self._changes_until(max(stored)))
        if snapshot is None:
            return state
        return state.load(snapshot.state, self._changes_until(snapshot.seq))

    def _changes_until(self, seq: int) -> Changes:
        return changes_until(self._log, self._session, seq)

    def _store(self, state: State) -> None:
        while len(self._stored) >= _MOST_STORED:
            del self._stored[next(iter(self._stored))]
        self._stored[state.seq] = state.dump()

    def _seq_at(self, seconds: float, last: int) -> int:
        """Find the last event up to a time; a clock that was set back may blur it."""
        return bisect.bisect_right(range(1, last + 1), seconds, key=self._time_of)

    def _time_of(self, seq: int) -> float:
        event: Event = next(iter(self._log.read(self._session, after=seq - 1, until=seq)))
        return event.time
