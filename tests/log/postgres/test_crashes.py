"""PostgresLog when writers are killed, servers crash, lines break and disks are full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.components.postgres import PostgresCluster
from tests.components.tcp_proxy import TcpProxy
from uproot_nb.errors import ClaimLost, CorruptLog, LogAway, SessionTaken
from uproot_nb.log.events import Event
from uproot_nb.log.postgres import connections
from uproot_nb.log.postgres.postgres_log import PostgresLog

ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys, threading
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.postgres_log import PostgresLog
log = PostgresLog(sys.argv[1])
log.claim("market")
seq = log.last_seq("market")
while True:
    batch = [Event(seq + n, 1.0, "market", "set", "player/abc", "bid", "1", "", "", "", "")
             for n in range(1, 1 + seq % 7 + 1)]
    done = threading.Event()
    outcome = []
    log.submit(batch, lambda error: (outcome.append(error), done.set()))
    done.wait()
    if outcome[0] is None:
        seq = batch[-1].seq
        print(seq, flush=True)
"""


def events(first: int, last: int) -> list[Event]:
    return [
        Event(seq, 1.0, "market", "set", "player/abc", "bid", "1", "", "", "", "")
        for seq in range(first, last + 1)
    ]


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    """A server that these tests may kill."""
    with PostgresCluster() as made:
        yield made


@pytest.fixture
def address(cluster: PostgresCluster) -> str:
    return cluster.address(schema=f"crash_{os.urandom(4).hex()}")


@contextmanager
def writing(address: str) -> Iterator[subprocess.Popen[str]]:
    """A process that appends without an end, and prints what is acknowledged."""
    command = [sys.executable, "-c", PROGRAM, address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def acknowledged(process: subprocess.Popen[str], count: int) -> int:
    """Wait for so many acknowledgements; return the last."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    return int(lines[-1])


def rest_of(process: subprocess.Popen[str], last: int) -> int:
    """Return the last acknowledgement of a process that has ended."""
    assert process.stdout is not None
    return max([last, *map(int, process.stdout.read().split())])


def check_whole(address: str, last: int) -> None:
    """Check that all up to *last* is there, each event once."""
    with closing(PostgresLog(address, readonly=True)) as log:
        seqs = [event.seq for event in log.read("market")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= last
        assert log.damage() == []


@pytest.mark.parametrize("count", [1, 2, 5, 9])
@pytest.mark.sample(2)
def test_a_killed_writer_loses_nothing_it_acknowledged(address: str, count: int) -> None:
    with writing(address) as process:
        last = acknowledged(process, count)
        process.kill()
        process.wait()
        last = rest_of(process, last)
    check_whole(address, last)
    with closing(PostgresLog(address)) as log:
        log.claim("market")
        there = log.last_seq("market")
        log.append(events(there + 1, there + 3))
    check_whole(address, there + 3)


@pytest.mark.parametrize(
    "end", ["kill", *(pytest.param(how, marks=pytest.mark.slow) for how in ("immediate", "fast"))]
)
@pytest.mark.slow
def test_a_server_that_ends_during_commits_loses_and_doubles_nothing(
    cluster: PostgresCluster, address: str, end: str
) -> None:
    """The writer goes on by itself, and what it submits again is not written twice."""
    with writing(address) as process:
        acknowledged(process, 5)
        if end == "kill":
            cluster.kill()
        else:
            cluster.stop(end)
        cluster.start()
        last = acknowledged(process, 20)
        check_whole(address, last)


def test_lines_that_break_and_stall_lose_and_double_nothing(
    cluster: PostgresCluster, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request, and each answer, may be the last that passes."""
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
    with TcpProxy(cluster.port) as proxy:
        through = address.replace(f":{cluster.port}/", f":{proxy.port}/")
        with closing(PostgresLog(through)) as log:
            log.claim("market")
            for round_ in range(16):
                proxy.fail_after(round_ % 4, stall=round_ % 8 >= 4, answers=round_ % 16 >= 8)
                batch = events(3 * round_ + 1, 3 * round_ + 3)
                is_confirmed = append_once(log, batch)
                proxy.work()
                if not is_confirmed:
                    append_in_the_end(log, batch)
    check_whole(address, 48)


def append_in_the_end(log: PostgresLog, batch: list[Event]) -> None:
    """Append the same events until they are committed, as the journal does."""
    while not append_once(log, batch):
        pass


def append_once(log: PostgresLog, batch: list[Event]) -> bool:
    """Append events on the log's thread; return whether that was confirmed."""
    outcome: list[BaseException | None] = []
    done = threading.Event()
    log.submit(batch, lambda error: (outcome.append(error), done.set()))
    assert done.wait(60)
    assert outcome[0] is None or isinstance(outcome[0], LogAway), outcome[0]
    return outcome[0] is None


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=6))
@pytest.mark.slow
def test_batches_grow_while_a_connection_is_ended_again_and_again(
    cluster: PostgresCluster, steps: list[tuple[int, int]]
) -> None:
    """What was committed without an answer may come again, alone or with more behind it."""
    address = cluster.address(schema=f"crash_{os.urandom(4).hex()}")
    with closing(PostgresLog(address)) as log:
        log.claim("market")
        last, pending = 0, list[Event]()
        for size, ends in steps:
            pending += events(last + len(pending) + 1, last + len(pending) + size)
            if ends == 0:
                # The commit happens, and its answer is lost.
                committed = pending[: max(1, len(pending) - 1)]
                append_in_the_end(log, committed)
                claimed = log._writer.claimed["market"]
                claimed.last, claimed.unsure = last, committed[-1].seq
                log._writer.cut()
                continue
            if ends == 1:
                log._writer.cut()
            append_in_the_end(log, pending)
            last, pending = pending[-1].seq, []
        if pending:
            append_in_the_end(log, pending)
            last = pending[-1].seq
        assert [event.seq for event in log.read("market")] == list(range(1, last + 1))


def test_a_database_that_is_away_is_noticed_and_found_again(
    cluster: PostgresCluster, address: str
) -> None:
    with closing(PostgresLog(address)) as log:
        log.claim("market")
        log.append(events(1, 2))
        cluster.stop("immediate")
        wait_until(lambda: is_away(log))
        with pytest.raises(LogAway, match="cannot be used at the moment"):
            list(log.read("market"))
        cluster.start()
        wait_until(lambda: not is_away(log))
        assert [event.seq for event in log.read("market")] == [1, 2]
        log.append(events(3, 3))


def is_away(log: PostgresLog, but: type[Exception] = ValueError) -> bool:
    try:
        log.check_place()
    except but:
        return False
    except LogAway:
        return True
    return False


def wait_until(condition: object) -> None:
    while not condition():  # type: ignore[operator]
        threading.Event().wait(0.02)


def test_a_database_restored_from_an_older_backup_is_not_written(
    cluster: PostgresCluster, address: str
) -> None:
    with closing(PostgresLog(address)) as log:
        log.claim("market")
        log.append(events(1, 4))
        schema = log.address.schema
        cluster.execute(f"DELETE FROM {schema}.events WHERE seq > 2")
        cluster.execute(f"UPDATE {schema}.sessions SET last_seq = 2")
        with pytest.raises(CorruptLog, match="up to 2, but had confirmed them up to 4"):
            log.append(events(5, 5))
        assert log.last_seq("market") == 2


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a file system of 24 MB."""
    folder = Path(tempfile.mkdtemp(prefix="uproot_nb-small-"))
    mounting = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True).returncode != 0:
        pytest.skip("No file system can be mounted here.")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_takes_nothing_by_halves_and_goes_on_when_there_is_room(
    small_disk: Path, cluster: PostgresCluster, address: str
) -> None:
    """The events' table is on a disk that fills up."""
    cluster.own(small_disk)
    name = f"small_{os.urandom(4).hex()}"
    cluster.execute(f"CREATE TABLESPACE {name} LOCATION '{small_disk}'")
    with closing(PostgresLog(address)) as log:
        log.claim("market")
        table = f"{log.address.schema}.events"
        cluster.execute(f"ALTER TABLE {table} SET TABLESPACE {name}")
        cluster.execute(f"ALTER TABLE {table} ALTER COLUMN value SET STORAGE EXTERNAL")
        last = 0
        refusal: LogAway | None = None
        while refusal is None:
            batch = [one._replace(value="x" * 100_000) for one in events(last + 1, last + 5)]
            try:
                log.append(batch)
                last += 5
            except LogAway as full:
                refusal = full
        assert "No space left on device" in str(refusal)
        assert log.last_seq("market") == last > 0
        cluster.execute(f"ALTER TABLE {table} SET TABLESPACE pg_default")
        append_in_the_end(log, events(last + 1, last + 5))
        assert [event.seq for event in log.read("market")] == list(range(1, last + 6))
        cluster.execute(f"DROP SCHEMA {log.address.schema} CASCADE")
    cluster.execute(f"DROP TABLESPACE {name}")


def test_a_writer_that_is_cut_off_from_the_database_is_followed_after_its_lease(
    cluster: PostgresCluster, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sees an open connection; the writer is silent, and learns who followed it."""
    with TcpProxy(cluster.port) as proxy:
        through = address.replace(f":{cluster.port}/", f":{proxy.port}/")
        old, new = PostgresLog(through), PostgresLog(address)
        with closing(old), closing(new):
            old.claim("market")
            old.append(events(1, 2))
            with pytest.raises(SessionTaken):
                new.claim("market")
            proxy.fail_after(0, stall=True)
            wait_until(lambda: is_away(old))
            wait_until(lambda: is_claimed(new))
            new.append(events(3, 3))
            proxy.work()
            wait_until(lambda: not is_away(old, ClaimLost))
            with pytest.raises(ClaimLost, match="was taken over by process"):
                old.append(events(3, 3))
            assert new.last_seq("market") == 3


def is_claimed(log: PostgresLog) -> bool:
    try:
        log.claim("market")
    except SessionTaken:
        return False
    return True


@pytest.mark.slow
def test_a_writer_that_stops_in_the_middle_of_a_batch_leaves_all_or_nothing(
    address: str,
) -> None:
    """SIGSTOP, then SIGKILL, at many moments of commits of several events."""
    last = 0
    for moment in range(6):
        with writing(address) as process:
            last = acknowledged(process, 1 + moment % 3)
            os.kill(process.pid, signal.SIGSTOP)
            process.kill()
            process.wait()
            last = rest_of(process, last)
        check_whole(address, last)
