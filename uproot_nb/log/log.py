"""EventLog: the store of a session's events; MemoryLog: one in memory."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

from uproot_nb.errors import SessionTaken
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.postgres.address import Place

__all__ = [
    "RECENT_SNAPSHOTS",
    "SECRET_BYTES",
    "SNAPSHOT_BLOCK",
    "EventLog",
    "GroupCommitLog",
    "MemoryLog",
    "SessionRecord",
    "Snapshot",
    "TransferableLog",
    "check_succession",
    "retained_snapshots",
]

SECRET_BYTES = 32
RECENT_SNAPSHOTS = 3
"""How many of the newest snapshots are retained, to resume from."""
SNAPSHOT_BLOCK = 50_000
"""The first snapshot in each block of that many events is retained too, for earlier states."""
_EVENTS_A_PAGE = 1024


class SessionRecord(NamedTuple):
    """A session as the log lists it; times are Unix seconds (0.0 where there is no event)."""

    name: str
    created: float
    last_time: float
    last_seq: int


class Snapshot(NamedTuple):
    """The folded state of a session after event `seq`; `state` is what `State.dump` wrote."""

    session: str
    seq: int
    state: bytes


class EventLog(Protocol):
    """An append-only table of events. One writer per session; any number of readers.

    Every method may be called from any thread.
    """

    @property
    def path(self) -> str:
        """The file, ":memory:", or a database's address without its password."""

    @property
    def place(self) -> Place:
        """Where the log is, by which it can be opened again."""

    def claim(self, session: str) -> bytes:
        """Become the one writer of *session* (made if new) and return its 32-byte secret.

        The secret is made once per session, stored outside the events, and never changes.

        Raises:
            SessionTaken: another living process (or another EventLog object) writes it.
        """

    def release(self, session: str) -> None:
        """Stop being the writer of *session*. Idempotent."""

    def note_running(self, session: str, text: str) -> None:
        """Record what is running, for the next writer if this process dies; "" for nothing.

        Never waits for another program; the caller is the writer of *session*.
        """

    def running(self, session: str) -> str:
        """Return what was running when the last writer of *session* died; "" if nothing was."""

    def append(self, events: Sequence[Event]) -> None:
        """Commit *events* (one session, seq following the last) in one transaction."""

    def be_patient(self, seconds: float) -> None:
        """Let `append` wait that long for other programs before it raises LogBusy."""

    def check_place(self) -> None:
        """Check that the file is still where it was.

        Raises:
            MovedLog: the file was moved, deleted or replaced; nothing can be committed.
        """

    def intend_erasure(self, session: str, player: str) -> None:
        """Note that a player's event `erase` follows; a claim after a kill finishes what it says.

        Without that event, the intention is forgotten.
        """

    def erase(self, session: str, player: str, changed: Sequence[Event]) -> None:
        """Put what `changed_by_erasure` gives in the place of a player's events. Idempotent.

        Raises:
            UnfinishedErasure: no reader gets the data any more, but old bytes may be in a file.
        """

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
        """Yield the committed events with after < seq <= until, oldest first."""

    def read_columns(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventColumns]:
        """Yield the same events as columns, some at a time and never none.

        for some in log.read_columns("market", kinds={"set"}):
            latest |= zip(some.field, some.value)
        """

    def read_arrays(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventArrays | EventColumns]:
        """Yield the same events as arrays where that is faster, and as columns where not."""

    def spans(self, session: str, until: int, kinds: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return the first and the last seq <= until of each of these *kinds* that occurs."""

    def last_seq(self, session: str) -> int:
        """Return the seq of the last committed event, 0 for none."""

    def damage(self) -> list[str]:
        """Return what is damaged beside events: records, secrets, snapshots."""

    def counts(self) -> tuple[int, int, int]:
        """Return how many sessions and events there are, and how many lack a checksum."""

    def sessions(self) -> list[SessionRecord]:
        """Return every session, oldest first."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store *snapshot*, and delete older ones that `retained_snapshots` does not name."""

    def load_snapshot(self, session: str, until: int | None = None) -> Snapshot | None:
        """Return the newest snapshot with seq <= until."""

    def rest(self) -> None:
        """Close all files while no session is claimed; reading still works. Idempotent."""

    def close(self) -> None:
        """Release every session and close the file. Idempotent."""


@runtime_checkable
class GroupCommitLog(EventLog, Protocol):
    """A log that commits on a thread of its own, as it waits for a network."""

    def submit(self, events: Sequence[Event], done: Callable[[BaseException | None], None]) -> None:
        """Commit *events* on a thread of the log's own, in order; then call *done* there.

        Where it failed, *done* gets the error, and the same events may be submitted again: what
        had been committed in spite of it is not written twice.
        """


@runtime_checkable
class TransferableLog(EventLog, Protocol):
    """A log whose sessions pass from one kernel to another while participants wait."""

    def epoch(self, session: str) -> int:
        """Return the number of this writer's claim, which rises with each; 0 without one."""

    def wait_for_claim(
        self, session: str, stop: threading.Event, after_writer: bool = False
    ) -> bytes:
        """Claim *session* as soon as it has no living writer; blocks its thread until then.

        Args:
            after_writer: whether a `claim` was refused before, because it had a writer.

        Raises:
            SessionTaken: *stop* was set before.
            SessionClosed: the writer that was waited for has closed the session.
        """

    def is_asked_to_hand_over(self, session: str) -> bool:
        """Return whether somebody has asked the writer of *session* to let go of it."""

    def hand_over(self, session: str) -> None:
        """Stop being the writer of *session*, and let one of those who wait go on with it."""


def check_succession(events: Sequence[Event], last: int, path: str) -> None:
    """Check that *events* are of one session and follow seq *last*.

    Raises:
        SessionTaken: there are events of these numbers already, so there is another writer.
        ValueError: the events leave a gap, or are of several sessions.
    """
    session, first = events[0].session, events[0].seq
    if any(event.session != session for event in events):
        raise ValueError("Events of several sessions cannot be appended in one go.")
    if [event.seq for event in events] != list(range(first, first + len(events))):
        raise ValueError(f"The events appended to '{session}' are not numbered one by one.")
    if first <= last:
        raise SessionTaken(session, path)
    if first > last + 1:
        raise ValueError(f"Event {first} was appended to '{session}' right after event {last}.")


def retained_snapshots(seqs: Iterable[int]) -> set[int]:
    """Return the snapshots to retain: the newest few, and the first of each block of events.

    So a state of long ago is never more than about two blocks of events away from a snapshot.
    """
    rising = sorted(seqs)
    first = {seq // SNAPSHOT_BLOCK: seq for seq in reversed(rising)}
    return {*first.values(), *rising[-RECENT_SNAPSHOTS:]}


class MemoryLog:
    """Store events in memory, for tests and throw-away runs.

    log = MemoryLog()
    secret = log.claim("market")
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.path = self.place = ":memory:"
        self._clock = clock
        self._lock = threading.RLock()
        self._events: dict[str, list[Event]] = {}
        self._secrets: dict[str, bytes] = {}
        self._created: dict[str, float] = {}
        self._snapshots: dict[str, dict[int, Snapshot]] = {}
        self._claimed: set[str] = set()
        self._running: dict[str, str] = {}
        self._closed = False

    def claim(self, session: str) -> bytes:
        """Become the one writer of *session* and return its secret."""
        with self._open():
            if session in self._claimed:
                raise SessionTaken(session, self.path)
            self._begin(session)
            self._claimed.add(session)
            return self._secrets[session]

    def release(self, session: str) -> None:
        """Stop being the writer of *session*."""
        with self._lock:
            self._claimed.discard(session)

    def note_running(self, session: str, text: str) -> None:
        """Note what runs just now."""
        self._running[session] = text

    def running(self, session: str) -> str:
        """Return what ran when the last writer of *session* died."""
        return self._running.get(session, "")

    def append(self, events: Sequence[Event]) -> None:
        """Store *events*, all or none."""
        with self._open():
            if not events:
                return
            session = events[0].session
            check_succession(events, self.last_seq(session), self.path)
            self._begin(session)
            self._events[session].extend(events)

    def intend_erasure(self, session: str, player: str) -> None:
        """Do nothing: it ends with its process."""

    def erase(self, session: str, player: str, changed: Sequence[Event]) -> None:
        """Put *changed* in the place of the events of the same numbers."""
        with self._open():
            for event in changed:
                self._events[session][event.seq - 1] = event
            self._snapshots.pop(session, None)

    def be_patient(self, seconds: float) -> None:
        """Do nothing: no other program writes here."""

    def check_place(self) -> None:
        """Do nothing: it is in memory."""

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
        """Yield the events with after < seq <= until that there are now."""
        with self._open():
            events = self._events.get(session, [])
            last = len(events) if until is None else min(until, len(events))
        places = range(max(after, 0), last)
        chosen = (events[place] for place in (reversed(places) if newest_first else places))
        return (
            event
            for event in chosen
            if (kinds is None or event.kind in kinds)
            and (subject is None or event.subject == subject)
            and (field is None or event.field == field)
        )

    def read_columns(
        self,
        session: str,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[EventColumns]:
        """Yield the same events as columns, some at a time."""
        events = self.read(session, after, until, kinds)
        pages = iter(lambda: list(islice(events, _EVENTS_A_PAGE)), [])
        return (EventColumns(*zip(*page, strict=True)) for page in pages)

    read_arrays = read_columns

    def spans(self, session: str, until: int, kinds: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return the first and the last seq <= until of each of these *kinds* that occurs."""
        found: dict[str, tuple[int, int]] = {}
        for event in self.read(session, until=until, kinds=kinds):
            first, _ = found.get(event.kind, (event.seq, 0))
            found[event.kind] = first, event.seq
        return found

    def last_seq(self, session: str) -> int:
        """Return the seq of the last event, 0 for none."""
        with self._open():
            return len(self._events.get(session, ()))

    def damage(self) -> list[str]:
        """Return nothing: memory is not checked."""
        return []

    def counts(self) -> tuple[int, int, int]:
        """Return how many sessions and events there are."""
        with self._open():
            return len(self._events), sum(map(len, self._events.values())), 0

    def sessions(self) -> list[SessionRecord]:
        """Return every session, oldest first."""
        with self._open():
            return sorted(map(self._record, self._created), key=lambda record: record.created)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store *snapshot*, and delete older ones that `retained_snapshots` does not name."""
        with self._open():
            stored = self._snapshots.setdefault(snapshot.session, {})
            stored[snapshot.seq] = snapshot
            for seq in stored.keys() - retained_snapshots(stored):
                del stored[seq]

    def load_snapshot(self, session: str, until: int | None = None) -> Snapshot | None:
        """Return the newest snapshot with seq <= until."""
        with self._open():
            stored = self._snapshots.get(session, {})
            seqs = [seq for seq in stored if until is None or seq <= until]
            return stored[max(seqs)] if seqs else None

    def rest(self) -> None:
        """Do nothing: no file is open."""

    def close(self) -> None:
        """Release every session and close the log."""
        with self._lock:
            self._claimed.clear()
            self._closed = True

    def _open(self) -> threading.RLock:
        """Return the lock of a log that is open."""
        # A @contextmanager would hold the lock for good if an interrupt came at its yield.
        if self._closed:
            raise ValueError("The log is closed.")
        return self._lock

    def _begin(self, session: str) -> None:
        if session not in self._created:
            self._created[session] = self._clock()
            self._secrets[session] = secrets.token_bytes(SECRET_BYTES)
            self._events[session] = []

    def _record(self, session: str) -> SessionRecord:
        events = self._events[session]
        last_time = events[-1].time if events else 0.0
        return SessionRecord(session, self._created[session], last_time, len(events))
