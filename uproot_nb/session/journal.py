"""Journal: a session's writer; it commits the events of a turn of the loop, then publishes."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from sqlite3 import Error as SqliteError
from typing import Any, NamedTuple, Protocol

from uproot_nb.bridge.durations import Durations
from uproot_nb.errors import ClaimLost, ClosedRun, LogAway, LogBusy, UprootError
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.log import EventLog, GroupCommitLog, Snapshot
from uproot_nb.log.state import State
from uproot_nb.session.old_values import OldValues
from uproot_nb.session.steps import Cause, CountedSteps, StepLock

__all__ = ["Attempt", "Journal", "OldPosition", "Unfinished", "attempt"]

logger = logging.getLogger(__name__)

SNAPSHOT_AFTER = 50_000
"""Events after which a snapshot is taken even if the session is never idle."""
SNAPSHOT_WHEN_IDLE = 2_000
"""Events after which a snapshot is taken in a quiet moment."""
IDLE_SECONDS = 2.0
MOST_PENDING = 20_000
"""Events of a cell that are committed together; a longer block is committed in parts."""
SNAPSHOT_RETRY_SECONDS = 30.0
"""Wait before a failed snapshot is tried again."""
RETRY_SECONDS = 1.0
APPEND_SECONDS = 0.005
"""How long one attempt to write may block the loop."""
BUSY_SECONDS = (0.005, 0.25)
"""The first and the longest wait while another program writes to the file."""
BUSY_REPORTED_AFTER = 1.0
"""Seconds for which another program may hold the file before this is reported."""
LANDING_SECONDS = 5.0
"""How long a cell waits until a database has committed its changes."""
BACKLOG_EVENTS = 20_000
"""Uncommitted events from which on no call is begun: a database is away, or too slow."""
BACKLOG_CHARACTERS = 100_000_000
"""The same, by the length of their values."""
_new = tuple.__new__
"""Makes a named tuple in half the time that its class takes."""
UNDONE = CHANGES | {"group"}
"""Kinds of events that are undone when their hook fails."""


class Beginning(NamedTuple):
    """When an input came whose row is written at its end."""

    seq: int
    """The last event before it."""
    turn: int
    """Its number among the inputs after that event."""
    started: float
    """The time, by `time.perf_counter`."""

    def entry(self) -> dict[str, Any]:
        """Return what the row says about it: `begun`, and how many milliseconds it took."""
        ms = round((time.perf_counter() - self.started) * 1000, 3)
        return {"begun": [self.seq, self.turn], "ms": ms}


class Unfinished(CountedSteps):
    """The cause of a call without an outcome yet.

    Its changes are never committed without a row of the call: `note_started` adds one first.
    """

    noted = False
    """Whether the log has a row of the call."""

    def note_started(self) -> None:
        """Log, once, that the call has begun."""
        raise NotImplementedError


class Course:
    """How long an attempt lasts, and what waits until it has ended: effects that it may withdraw.

    It lasts while an `async` hook runs, and from a form's first hook to the last.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._waiting: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Note that a part begins; each has its `end`."""
        self._begun += 1

    def end(self) -> None:
        """Note that a part has ended; after the last one, call what waits. Under the lock."""
        self._begun -= 1
        if not self._begun:
            waiting, self._waiting = self._waiting, []
            for act in waiting:
                act()

    def is_over(self, act: Callable[[], None]) -> bool:
        """Return whether the attempt has ended; if not, call *act* when it has."""
        if self._begun:
            self._waiting.append(act)
        return not self._begun


class OldPosition(Protocol):
    """Where a player was before a move."""

    @property
    def is_left(self) -> bool:
        """Whether the player has gone on since, or somebody else has moved them."""

    def put_back(self, cause: Cause) -> None:
        """Put the player back there; called under the lock."""


class Attempt(Cause):
    """The cause of a hook, which can be undone: it saves the replaced values.

    `first` has the seq of the first change by subject and field. Hooks that are undone together
    share it.
    """

    first: dict[tuple[str, str], int]
    old: OldValues
    """The values that its changes have replaced."""
    places: dict[str, OldPosition]
    """Where players were before it moved them, by subject."""
    within: list[Attempt]
    """What ran because of its moves, and is undone with it."""
    course: Course
    posted: dict[str, Any] | None = None
    """The submitted form as logged, which is None if that may be incomplete; None without one."""
    begun: Beginning | None = None
    """When the form came, or the time was up."""

    def called(self, what: str) -> Attempt:
        """Return the cause of another hook of the same attempt."""
        return self.part(self._replace(cause=what))

    def part(self, cause: Cause) -> Attempt:
        """Return a cause whose changes are undone with this attempt."""
        made = attempt(cause)
        made.first, made.old = self.first, self.old
        made.places, made.within, made.course = self.places, self.within, self.course
        return made


def attempt(cause: Cause) -> Attempt:
    """Return a cause whose changes can be undone."""
    made = Attempt(*cause)
    made.first, made.old, made.places, made.within = {}, OldValues(), {}, []
    made.course = Course()
    return made


def _log_failure(error: BaseException) -> None:
    logger.error("Something that waited for a commit failed.", exc_info=error)


def _ignore_loss(error: ClaimLost) -> None:
    logger.error("%s", error)


def _log_outage(error: BaseException | None) -> None:
    if error is None:
        logger.warning("The log can be written again.")
    else:
        logger.error("The log cannot be written: %s. Trying again.", error)


class Journal:
    """Buffers events, commits them in one transaction per turn, and publishes them afterwards.

    `write` adds an event, `after_commit` a function to call after the commit. Both are called under
    the lock, from any thread; the functions are called on the loop, in order.

    Args:
        outside: the cause of changes that no step of authors' code made (a cell).
    """

    def __init__(
        self,
        log: EventLog,
        session: str,
        state: State,
        lock: StepLock,
        loop: asyncio.AbstractEventLoop,
        outside: Callable[[], Cause],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.log, self.session, self.state = log, session, state
        self.lock, self.loop, self.clock = lock, loop, clock
        self.outside = outside
        log.be_patient(APPEND_SECONDS)
        self.report: Callable[[BaseException], None] = _log_failure
        """Receives errors of functions called after a commit."""
        self.seq = state.seq
        self.committed = state.seq
        self.pending: list[Event] = []
        self.commits = Durations()
        """How long the commits took."""
        self._group = log if isinstance(log, GroupCommitLog) else None
        self._flight: list[Event] = []
        """What the log's thread commits, or is to commit again: it is not pending any more."""
        self._flight_acts: list[Callable[[], None]] = []
        self._flying = self._stumbled = False
        self._took_off = 0.0
        self._landed = threading.Event()
        self._characters = self._flight_characters = 0
        self._saving = threading.Lock()
        self._snapshots = 0
        """Counts erasures: a snapshot that was made before one is not saved after it."""
        self.on_lost: Callable[[ClaimLost], None] = _ignore_loss
        """Called on the loop when another kernel has taken the session over."""
        self.on_failing: Callable[[BaseException | None], None] = _log_outage
        """Called on the loop when writing fails, and with None when it succeeds again."""
        self._closed = self._retrying = self._halted = False
        self._failing_since: float | None = None
        self._reported = self._busy = False
        self._busy_wait = BUSY_SECONDS[0]
        self._unfinished: dict[int, Unfinished] = {}
        self.listeners: list[Callable[[Event], None]] = []
        """Called under the lock with each event."""
        self._watching: dict[str, list[Callable[[Event], None]]] = {}
        self.turns = itertools.count(1)
        """Numbers the turns of calls and forms."""
        self._inputs: deque[Callable[[], None]] = deque()
        """What logs the inputs that are to be logged before the next event."""
        self._acts: list[Callable[[], None]] = []
        self._due: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self._too_many = state.seq + MOST_PENDING
        self._loop_thread = 0
        self._last_snapshot = state.seq
        self._next_snapshot = 0.0
        self._last_write = 0.0

    def report_to(
        self,
        report: Callable[[BaseException], None],
        on_failing: Callable[[BaseException | None], None],
    ) -> None:
        """Set the receivers of errors after a commit, and of failing writes."""
        self.report, self.on_failing = report, on_failing

    @property
    def uncommitted(self) -> list[Event]:
        """The events that are written and not known to be committed."""
        return [*self._flight, *self.pending]

    @property
    def uncommitted_count(self) -> int:
        """How many events are written and not known to be committed."""
        return len(self._flight) + len(self.pending)

    @property
    def is_full(self) -> bool:
        """Whether so much is uncommitted that nothing more should be begun."""
        return (
            self.uncommitted_count >= BACKLOG_EVENTS
            or self._characters + self._flight_characters >= BACKLOG_CHARACTERS
        )

    @property
    def is_behind(self) -> bool:
        """Whether what is written now may have to wait long until it is committed."""
        return self._flying or self._failing_since is not None

    def start(self) -> None:
        """Remember the loop's thread; called on it."""
        self._loop_thread = threading.get_ident()

    def write(self, kind: str, subject: str, field: str, value: str) -> int:
        """Add one event and return its seq; *value* is JSON text."""
        return self._add(self.lock.cause or self.outside(), kind, subject, field, value).seq

    def write_for(self, cause: Cause, kind: str, subject: str, field: str, value: str) -> int:
        """Add one event with a cause of its own."""
        return self._add(cause, kind, subject, field, value).seq

    def _add(self, cause: Cause, kind: str, subject: str, field: str, value: str) -> Event:
        if self._closed:
            raise ClosedRun(self.session)
        if self._inputs:
            self._log_inputs()
        self.seq = seq = self.seq + 1
        now = self.clock()
        event = _new(Event, (seq, now, self.session, kind, subject, field, value, *cause))
        self.pending.append(event)
        self._characters += len(value)
        for listener in self.listeners:
            listener(event)
        if isinstance(cause, Attempt):
            if kind in UNDONE:
                cause.first.setdefault((subject, field), seq)
                cause.old.note(self.state, kind, subject, field, value)
        elif isinstance(cause, Unfinished) and not cause.noted:
            self._unfinished[id(cause)] = cause
        self.state.seq, self.state.time = seq, now
        if not self._scheduled:
            self._schedule()
        elif seq >= self._too_many:
            self._commit_a_part(cause)
        return event

    def _commit_a_part(self, cause: Cause) -> None:
        """Limit the uncommitted events of a cell that holds the lock for long.

        A step of authors' code is committed as a whole.
        """
        self._too_many = self.seq + MOST_PENDING
        if type(cause) is Cause and threading.get_ident() != self._loop_thread:
            self.commit()

    def begin(self) -> Beginning:
        """Return the beginning of an input that comes now."""
        return Beginning(self.seq, next(self.turns), time.perf_counter())

    @contextmanager
    def input(self, log: Callable[[], None]) -> Iterator[None]:
        """Log an input before the first event that follows it; without one, it is not logged.

        Args:
            log: writes the event; called under the lock.
        """
        self._inputs.append(log)
        try:
            yield
        finally:
            with suppress(ValueError):  # it was logged
                self._inputs.remove(log)

    def _log_inputs(self) -> None:
        inputs = [self._inputs.popleft() for _ in range(len(self._inputs))]
        for log in inputs:
            log()

    def finish(self, cause: Cause) -> None:
        """Record that a call has its outcome, under the same lock as that row."""
        if isinstance(cause, Unfinished) and not cause.noted:
            cause.noted = True
            self._unfinished.pop(id(cause), None)

    def fold(self, kind: str, subject: str, field: str, value: str) -> int:
        """Add one event and apply it to the state."""
        return self.fold_for(self.lock.cause or self.outside(), kind, subject, field, value)

    def fold_for(self, cause: Cause, kind: str, subject: str, field: str, value: str) -> int:
        """Add one event with a cause of its own, and apply it to the state."""
        event = self._add(cause, kind, subject, field, value)
        self.state.apply(event)
        for handler in self._watching.get(kind, ()):
            handler(event)
        return event.seq

    def watch(self, kind: str, handler: Callable[[Event], None]) -> None:
        """Call *handler* under the lock with each folded event of a kind."""
        self._watching.setdefault(kind, []).append(handler)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Call *act* on the loop once everything written so far is committed."""
        self._acts.append(act)
        if not self._scheduled:
            self._schedule()

    def read(
        self,
        kinds: Collection[str],
        subject: str,
        field: str | None = None,
        after: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Yield events of this session as `EventLog.read`, including uncommitted ones."""
        with self.lock:
            uncommitted = self.uncommitted  # first: what lands meanwhile is in both
            committed = self.committed
            pending = [
                event
                for event in uncommitted
                if event.kind in kinds
                and event.subject == subject
                and field in (None, event.field)
                and event.seq > max(after, committed)
            ]
        committed_events = self.log.read(
            self.session, after, committed, kinds, subject, field, newest_first=newest_first
        )
        if newest_first:
            yield from reversed(pending)
            yield from committed_events
        else:
            yield from committed_events
            yield from pending

    def event_at(self, seq: int) -> Event | None:
        """Return the event with this seq, even if uncommitted; None if there is none."""
        with self.lock:
            for events in (self.pending, self._flight):
                place = seq - events[0].seq if events else -1
                if 0 <= place < len(events):
                    return events[place]
        return next(iter(self.log.read(self.session, after=seq - 1, until=seq)), None)

    def commit(self) -> None:
        """Commit the pending events, then call what waits for it; any thread may call.

        A database commits them on a thread of its log: the loop goes on, other threads wait.
        """
        with self.lock:
            self._scheduled = False
            if self._halted:
                return
            for call in list(self._unfinished.values()):
                call.note_started()
            self._unfinished.clear()
            elsewhere = threading.get_ident() != self._loop_thread
            is_committed = not self._has_to_append() or self._append()
            if is_committed:
                self._due.extend(self._acts)
                self._acts.clear()
            if self._due and elsewhere:
                self.loop.call_soon_threadsafe(self._run_due)
            seq = self.seq
        if not elsewhere:
            self._run_due()
        elif not is_committed:
            self._wait_for_landing(seq)

    def commit_now(self) -> None:
        """Commit the pending events, and wait for it on whatever thread.

        Raises:
            LogBusy, LogAway: they could not be committed now; it is tried again.
        """
        self.commit()
        self._wait_for_landing(self.seq)
        if self.uncommitted and self._group is not None:
            raise LogAway(self.log.path, "the newest events are not committed yet")
        if self.uncommitted:
            raise LogBusy(self.log.path)

    def close(self) -> None:
        """Commit and save a last snapshot; writing raises ClosedRun from now on."""
        with self.lock:
            if self._closed:
                return
            self.commit()
            self._wait_for_landing(self.seq)
            self._closed = True
            if threading.get_ident() == self._loop_thread:
                self._run_due()
            if self.uncommitted:
                raise UprootError(
                    f"The last {len(self.uncommitted)} events of '{self.session}' could not be "
                    f"written to {self.log.path}.\n"
                    "See the error above; participants have not seen them."
                )
            if self.seq > self._last_snapshot:
                self._try_snapshot()

    def halt(self) -> None:
        """Commit nothing more, as if the process were killed now; needs no lock."""
        self._halted = True

    def abandon(self) -> None:
        """Refuse changes from now on: the loop has ended, and what is not committed is lost."""
        self._halted = self._closed = True

    def take_snapshot(self) -> None:
        """Save the state in the log, so that opening it again need not replay everything."""
        with self.lock:
            if self.pending or self.committed != self.state.seq:
                return
            snapshot = Snapshot(self.session, self.committed, self.state.dump())
            made = self._snapshots
        self._save_snapshot(snapshot, made)

    def _save_snapshot(self, snapshot: Snapshot, made: int) -> None:
        """Save a snapshot, unless somebody was erased since it was made."""
        with self._saving:
            if made == self._snapshots:
                self.log.save_snapshot(snapshot)
                self._last_snapshot = snapshot.seq

    def discard_snapshots(self) -> None:
        """Save none that was made before now; called before somebody's data are erased."""
        with self._saving:
            self._snapshots += 1

    def tick(self) -> None:
        """Save a snapshot if one is due; the runtime calls this about every second."""
        with self.lock:
            since = self.committed - self._last_snapshot
            idle = self.loop.time() - self._last_write > IDLE_SECONDS
            due = since >= SNAPSHOT_AFTER or (idle and since >= SNAPSHOT_WHEN_IDLE)
        if not due or self.closed or self.loop.time() < self._next_snapshot:
            return
        if self._group is None:
            self._try_snapshot()
        elif not self._saving.locked():
            self._begin_snapshot()

    def _begin_snapshot(self) -> None:
        """Save the state as it is now once it is committed, on a thread: a database is far."""
        with self.lock:
            snapshot = Snapshot(self.session, self.state.seq, self.state.dump())
            made = self._snapshots
            self._next_snapshot = self.loop.time() + SNAPSHOT_RETRY_SECONDS
            self.after_commit(lambda: self._save_beside(snapshot, made))

    def _save_beside(self, snapshot: Snapshot, made: int) -> None:
        def save() -> None:
            self._try_snapshot(lambda: self._save_snapshot(snapshot, made))

        threading.Thread(target=save, name="uproot_nb-snapshot", daemon=True).start()

    def _try_snapshot(self, take: Callable[[], None] | None = None) -> None:
        """Save a snapshot; if that fails, the next opening only takes longer."""
        try:
            (take or self.take_snapshot)()
        except (OSError, SqliteError, UprootError) as error:
            self._next_snapshot = self.loop.time() + SNAPSHOT_RETRY_SECONDS
            logger.warning("Session %r cannot save a snapshot: %s.", self.session, error)

    def _has_to_append(self) -> bool:
        return bool(self.pending or self._flight) or self._failing_since is not None

    def _append(self) -> bool:
        """Commit what is pending; return whether everything is committed now."""
        if self._group is not None and (self.pending or self._flight):
            self._take_off(self._group)
            return False
        events, begun = self.pending, time.perf_counter()
        try:
            if events:
                self.log.append(events)
            else:
                self.log.check_place()
        except Exception as error:  # whatever it is: it is reported, and tried again
            self._retry(error)
            return False
        if self._failing_since is not None:
            self._recover()
        if events:
            self.commits.note(time.perf_counter() - begun)
            self.pending = []
            self._characters = 0
            self.committed = events[-1].seq
            self._too_many = self.committed + MOST_PENDING
            self._last_write = self.loop.time()
        return True

    # ---- a log that commits on a thread of its own ----

    def _take_off(self, log: GroupCommitLog) -> None:
        """Give the log's thread the next batch, or the one that it could not commit."""
        if self._flying:
            return  # when that has landed, the loop commits what has come meanwhile
        if not self._flight:
            self._flight, self.pending = self.pending, []
            self._flight_acts, self._acts = self._acts, []
            self._flight_characters, self._characters = self._characters, 0
            self._too_many = self.seq + MOST_PENDING
        self._flying = True
        self._took_off = time.monotonic()
        self._landed.clear()
        try:
            log.submit(self._flight, self._land)
        except Exception as error:  # whatever it is: it is reported, and tried again
            self._land(error)

    def _land(self, error: BaseException | None) -> None:
        """Note what became of the batch; called on the log's thread, without the lock."""
        self._stumbled = error is not None
        if error is None:
            self.commits.note(time.monotonic() - self._took_off)
            self.committed = self._flight[-1].seq
            self._due.extend(self._flight_acts)
            self._flight, self._flight_acts, self._flight_characters = [], [], 0
        self._flying = False
        self._landed.set()
        with suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(self._follow_landing, error)

    def _follow_landing(self, error: BaseException | None) -> None:
        """Publish what was committed, and commit what has come meanwhile."""
        if error is not None:
            self._retry(error)
            return
        with self.lock:
            if self._failing_since is not None:
                self._recover()
            self._last_write = self.loop.time()
        self._run_due()
        if self.pending or self._acts:
            self.commit()

    def _wait_for_landing(self, seq: int) -> None:
        """Wait until everything up to *seq* is committed, or that fails, or takes too long."""
        if self._group is None:
            return
        end = time.monotonic() + LANDING_SECONDS
        while self.committed < seq and not self._stumbled and not self._halted:
            if not self._landed.wait(max(0.0, end - time.monotonic())):
                return
            with self.lock:
                if self._has_to_append():
                    self._append()

    def check_place(self) -> None:
        """Check that the log has not been moved; the runtime calls this twice a second."""
        with self.lock:
            if self._closed or self._failing_since is not None:
                return
            try:
                self.log.check_place()
            except (OSError, SqliteError, UprootError) as error:
                self._retry(error)

    @property
    def closed(self) -> bool:
        """Whether writing is over."""
        return self._closed or self._halted

    @property
    def halted(self) -> bool:
        """Whether nothing is committed any more, as if the process had been killed."""
        return self._halted

    @property
    def failing(self) -> bool:
        """Whether the log cannot be written, so that participants wait."""
        return self._reported

    async def settle(self, seconds: float) -> None:
        """Wait until all is committed while another program is writing, at most so long."""
        end = self.loop.time() + seconds
        self.commit()
        while self._is_waiting() and self.loop.time() < end:
            await asyncio.sleep(self._busy_wait)

    def _is_waiting(self) -> bool:
        """Return whether what is not committed yet may be, if it is waited for."""
        return bool(self.uncommitted) and (self._busy or self._flying) and not self._halted

    def _retry(self, error: BaseException) -> None:
        """Try again later, and report once why; nothing is published until it is on disk.

        The loop does not block meanwhile.
        """
        if isinstance(error, ClaimLost):
            self._lose(error)
            return
        self._scheduled = True
        self._busy = isinstance(error, (LogBusy, LogAway))
        now = self.loop.time()
        if self._failing_since is None:
            self._failing_since = now
        lasting = now - self._failing_since >= BUSY_REPORTED_AFTER
        if not self._reported and (lasting or not self._busy):
            self._reported = True
            self.loop.call_soon_threadsafe(self.on_failing, error)
        if not self._retrying:
            self._retrying = True
            wait = self._busy_wait if self._busy else RETRY_SECONDS
            self._busy_wait = min(2 * wait, BUSY_SECONDS[1])
            self.loop.call_soon_threadsafe(self.loop.call_later, wait, self._try_again)

    def _lose(self, error: ClaimLost) -> None:
        """Go silent: another kernel writes the session now."""
        if not self._halted:
            self.halt()
            self.loop.call_soon_threadsafe(self.on_lost, error)

    def _recover(self) -> None:
        if self._reported:
            self.loop.call_soon_threadsafe(self.on_failing, None)
        self._failing_since, self._reported, self._busy = None, False, False
        self._busy_wait = BUSY_SECONDS[0]

    def _try_again(self) -> None:
        self._retrying = False
        self.commit()

    def _schedule(self) -> None:
        self._scheduled = True
        if threading.get_ident() == self._loop_thread:
            self.loop.call_soon(self.commit)
        else:
            self.loop.call_soon_threadsafe(self.commit)

    def _run_due(self) -> None:
        while self._due:
            try:
                self._due.popleft()()
            except Exception as error:  # the border around one: the others are still called
                self.report(error)
