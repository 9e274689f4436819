"""Three kernels that want one session, each stopped before every statement, cut off, and late."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.components.postgres import PostgresCluster
from uproot_nb.errors import ClaimLost, LogAway, SessionClosed, SessionTaken
from uproot_nb.log.events import Event
from uproot_nb.log.postgres import succession, writer
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.connections import TimedConnection
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.succession import Succession
from uproot_nb.log.postgres.writer import FencedWriter

pytestmark = pytest.mark.long

KERNELS = 3
# So long that the time which a test takes is none beside it.
GRACE, LEASE, NAP = 1_000.0, 3_000.0, 600.0
NAMES = map("session{}".format, itertools.count(1))
HISTORY = """
CREATE TABLE {0}.history(session text, epoch bigint, writer text, handover boolean);
CREATE FUNCTION {0}.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {0}.history VALUES (new.name, new.epoch, old.writer, old.handover); RETURN new;
END $$;
CREATE TRIGGER noting AFTER UPDATE OF epoch ON {0}.sessions FOR EACH ROW
    WHEN (new.epoch > old.epoch) EXECUTE FUNCTION {0}.note()
"""
"""What stood in the session's row before each claim."""


class Gate:
    """Stops one thread before each statement until it is let through."""

    def __init__(self) -> None:
        self._arrived, self._open = threading.Semaphore(0), threading.Semaphore(0)
        self.is_busy = False

    def begin(self, job: Callable[[], None]) -> None:
        """Run *job* in a thread up to its first statement."""
        self.is_busy = True
        self._thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self._thread.start()
        assert self._arrived.acquire(timeout=60)

    def step(self) -> None:
        """Let the thread execute one statement, and go on to the next one."""
        self._open.release()
        assert self._arrived.acquire(timeout=60)

    def stop_here(self) -> None:
        """Wait, in the thread, until it is let through."""
        self._arrived.release()
        assert self._open.acquire(timeout=60)

    def _run(self, job: Callable[[], None]) -> None:
        HERE.gate = self
        try:
            job()
        finally:
            self.is_busy = False
            self._arrived.release()


HERE = threading.local()


class World:
    """A session, the kernels that want it, and a clock that all of them read."""

    def __init__(self, cluster: PostgresCluster, address: str) -> None:
        self.cluster, self.address = cluster, DatabaseAddress.of(address)
        self.name = next(NAMES)
        self.tables = SchemaTables(self.address.schema)
        self.now = 0.0
        self.kernels = [Kernel(self) for _ in range(KERNELS)]

    def close(self) -> None:
        for kernel in self.kernels:
            kernel.finish()
            kernel.writer.cut()
            kernel.writer.close()

    def fetch(self, query: str) -> list[Any]:
        return self.cluster.execute(query.format(self.address.schema, self.name))

    def pass_time(self, seconds: float) -> None:
        """Let time pass: for the kernels, and for the database, in whose rows it is earlier."""
        self.now += seconds
        self.fetch(f"UPDATE {{}}.sessions SET heartbeat = heartbeat - interval '{seconds} s'")

    def check(self) -> None:
        """Check what has been written, and who was allowed to."""
        rows = self.fetch("SELECT seq, value FROM {}.events WHERE session = '{}' ORDER BY seq")
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
        epochs = [int(value) for _, value in rows]
        assert epochs == sorted(epochs)  # nobody writes after a later claim
        for kernel in self.kernels:
            assert kernel.acknowledged.items() <= dict(rows).items()
        claims = [epoch for kernel in self.kernels for epoch in kernel.epochs]
        assert len(claims) == len(set(claims))
        history = self.fetch("SELECT * FROM {}.history WHERE session = '{}'")
        closed = {epoch for _, epoch, before, handover in history if not before and not handover}
        taken_over = {epoch for kernel in self.kernels for epoch in kernel.taken_over}
        assert not closed & taken_over


class Kernel:
    """One of those who want the session."""

    def __init__(self, world: World) -> None:
        self.world, self.gate = world, Gate()
        tables = SchemaTables(world.address.schema)
        self.writer = FencedWriter(world.address, tables, False, lambda: 0.0, lambda: world.now)
        self.has_seen_writer = False
        self.pending: list[Event] = []
        self.acknowledged: dict[int, str] = {}
        self.epochs: list[int] = []
        self.taken_over: list[int] = []

    def finish(self) -> None:
        """Let through what is going on."""
        while self.gate.is_busy:
            self.gate.step()

    def do(self, action: str) -> None:
        """Begin something, or go on with what is going on."""
        if action == "cut":
            self.cut()
        elif action == "finish":
            self.finish()
        elif action == "late":
            self.world.pass_time(LEASE + 1)
        elif self.gate.is_busy:
            self.gate.step()
        else:
            self.gate.begin(getattr(self, action))

    def cut(self) -> None:
        connection = self.writer._connection
        if connection is None or connection.closed:
            return
        there = f"FROM pg_stat_activity WHERE pid = {connection.info.backend_pid}"
        self.world.fetch(f"SELECT pg_terminate_backend(pid) {there}")
        while self.world.fetch(f"SELECT 1 {there}"):
            pass

    def claim(self) -> None:
        if self.world.name not in self.writer.claimed:
            with suppress(LogAway):
                self._claim(self.world.name, to_go_on=False)

    def wait(self) -> None:
        """Wait for the session a while, as a standby does."""
        if self.world.name in self.writer.claimed:
            return
        before = len(self.epochs), self.has_seen_writer
        watch = Succession(
            self.world.address, self.world.tables, self.world.name, lambda: self.world.now,
            self.has_seen_writer,
        )  # fmt: skip
        with suppress(SessionTaken, SessionClosed, LogAway):
            watch.wait(threading.Event(), self._claim)
        if len(self.epochs) > before[0] and before[1]:
            self.taken_over.append(self.epochs[-1])

    def _claim(self, session: str, to_go_on: bool) -> bytes:
        try:
            secret, claimed = self.writer.claim(session, to_go_on)
        except SessionTaken:
            self.has_seen_writer = True
            if to_go_on:
                raise
            return b""
        self.epochs.append(claimed.epoch)
        self.pending = []
        return secret

    def append(self) -> None:
        """Append one event more than the last time, if that was in vain."""
        claimed = self.writer.claimed.get(self.world.name)
        if claimed is None:
            return
        last = self.pending[-1].seq if self.pending else claimed.last
        value = str(claimed.epoch)
        self.pending.append(
            Event(last + 1, 0.0, self.world.name, "set", "session", "x", value, "", "", "", "")
        )
        with suppress(LogAway, ClaimLost):
            self.writer.append(self.pending)
            self.acknowledged |= {event.seq: event.value for event in self.pending}
            self.pending = []
        if claimed.lost is not None:
            self.writer.release(self.world.name)  # it lets go, as a run does

    def renew(self) -> None:
        with suppress(LogAway):
            self.writer.renew()

    def release(self) -> None:
        self.writer.release(self.world.name)

    def hand_over(self) -> None:
        self.writer.release(self.world.name, for_another=True)


def take_a_nap(_: float) -> None:
    """What a kernel does in the place of `time.sleep`: the others may go on."""
    gate = getattr(HERE, "gate", None)
    if gate is not None:
        gate.world.pass_time(NAP)


@pytest.fixture
def world_of(
    postgres_cluster: PostgresCluster, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], World]:
    """Make worlds whose kernels stop before every statement about sessions and locks."""
    execute = TimedConnection.execute

    def execute_when_let(self: Any, query: Any, *values: Any, **options: Any) -> Any:
        gate, text = getattr(HERE, "gate", None), repr(query)
        if gate is not None and ('"sessions"' in text or "advisory" in text or "pg_te" in text):
            gate.stop_here()
        return execute(self, query, *values, **options)

    def look_five_times(self: Any, stop: threading.Event) -> None:
        self.looks = getattr(self, "looks", 0) + 1
        if self.looks >= 5:
            stop.set()
        HERE.gate.world.pass_time(NAP)

    for module in (writer, succession):
        monkeypatch.setattr(module, "LEASE_SECONDS", LEASE)
        monkeypatch.setattr(module, "GRACE_SECONDS", GRACE)
    monkeypatch.setattr(writer, "_ENDING_SECONDS", LEASE)
    monkeypatch.setattr(writer, "time", SimpleNamespace(sleep=take_a_nap))
    monkeypatch.setattr(TimedConnection, "execute", execute_when_let)
    monkeypatch.setattr(Succession, "_sleep", look_five_times)
    # The server has been running for less than that.
    recent = writer._MAY_COME_BACK.replace("pg_postmaster_start_time()", "timestamptz '2000-01-01'")
    monkeypatch.setattr(writer, "_MAY_COME_BACK", recent)
    address = DatabaseAddress.of(postgres)
    FencedWriter(address, SchemaTables(address.schema), False, lambda: 0.0, lambda: 0.0).open()
    postgres_cluster.execute(HISTORY.format(address.schema))

    def make() -> World:
        made = World(postgres_cluster, postgres)
        for kernel in made.kernels:
            kernel.gate.world = made  # type: ignore[attr-defined]
        return made

    return make


VERBS = ["claim", "wait", "append", "append", "renew", "release", "hand_over"]
ACTIONS = [*VERBS, "cut", "cut", "late", "finish", "finish"]  # fmt: skip
SCHEDULES = st.lists(
    st.tuples(st.integers(0, KERNELS - 1), st.sampled_from(ACTIONS), st.integers(1, 4)),
    min_size=5, max_size=60,
)  # fmt: skip
quickly = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
long = settings(quickly, max_examples=400)


def run(world: World, schedule: list[tuple[int, str, int]]) -> None:
    """Follow a schedule; then let everybody finish, and check who can still write."""
    try:
        for number, action, times in schedule:
            for _ in range(times if action in VERBS else 1):
                world.kernels[number].do(action)
        for kernel in world.kernels:
            kernel.finish()
        world.check()
        check_that_one_can_write(world)
        world.check()
    finally:
        world.close()


def check_that_one_can_write(world: World) -> None:
    """Whoever has the newest claim writes; the others, whose connections stay open, do not."""
    rows = world.fetch("SELECT epoch FROM {}.sessions WHERE name = '{}'")
    for kernel in world.kernels:
        claimed = kernel.writer.claimed.get(world.name)
        if claimed is None:
            continue
        is_newest = claimed.epoch == rows[0][0] and claimed.lost is None
        before = len(kernel.acknowledged)
        for _ in range(3):
            kernel.append()
        assert (len(kernel.acknowledged) > before) == is_newest


@quickly
@given(SCHEDULES)
# A claim that is lost while its writer connects again leaves the lock to who has it now.
@example([
    (0, "claim", 1), (0, "finish", 1), (0, "cut", 1), (0, "renew", 1), (0, "finish", 1),
    (0, "renew", 2), (1, "claim", 1), (1, "finish", 1), (1, "cut", 1), (0, "finish", 1),
])  # fmt: skip
# Between a look at a silent writer and the claim, the writer closes the session.
@example([
    (0, "claim", 1), (0, "finish", 1), (1, "claim", 1), (1, "finish", 1), (0, "late", 1),
    (1, "wait", 3), (0, "release", 1), (0, "finish", 1),
])  # fmt: skip
# A claim comes between the moment when a writer has found its claim in order, and its append.
@example([
    (0, "claim", 1), (0, "finish", 1), (0, "append", 1), (0, "late", 1), (1, "claim", 1),
    (1, "finish", 1), (0, "finish", 1),
])  # fmt: skip
def test_one_kernel_writes_however_claims_and_breaks_interleave(
    world_of: Callable[[], World], schedule: list[tuple[int, str, int]]
) -> None:
    run(world_of(), schedule)


@pytest.mark.slow
@long
@given(SCHEDULES)
def test_one_kernel_writes_in_many_interleavings(
    world_of: Callable[[], World], schedule: list[tuple[int, str, int]]
) -> None:
    run(world_of(), schedule)
