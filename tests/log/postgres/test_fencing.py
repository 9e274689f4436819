"""One writer a session: claims, epochs and leases in PostgreSQL, also between processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.components.postgres import PostgresCluster
from uproot_nb.errors import ClaimLost, SessionTaken
from uproot_nb.log.events import Event
from uproot_nb.log.postgres import writer as writing
from uproot_nb.log.postgres.postgres_log import PostgresLog

ROOT = Path(__file__).parents[3]

PRELUDE = """
import os, sys, threading
from uproot_nb.errors import *
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.postgres_log import PostgresLog

def events(first, last):
    return [Event(seq, 1.0, "market", "set", "player/abc", "bid", "1", "", "", "", "")
            for seq in range(first, last + 1)]

def say(word):
    print(word, flush=True)

log = PostgresLog(sys.argv[1])
log.claim("market")
"""


def events(first: int, last: int, value: str = "1") -> list[Event]:
    return [
        Event(seq, 1.0, "market", "set", "player/abc", "bid", value, "", "", "", "")
        for seq in range(first, last + 1)
    ]


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(postgres: str) -> Iterator[Start]:
    """Run a program that has claimed the session, in another process."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRELUDE + program, postgres]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=60)


@pytest.fixture
def log(postgres: str) -> Iterator[PostgresLog]:
    with closing(PostgresLog(postgres)) as made:
        yield made


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def claim_in_the_end(log: PostgresLog) -> bytes:
    """Claim the session as soon as its writer's lease is over."""
    while True:
        try:
            return log.claim("market")
        except SessionTaken:
            threading.Event().wait(0.05)


WRITING = """
log.append(events(1, 3))
say("ready")
sys.stdin.readline()
while True:
    try:
        log.append(events(4, 5))
    except LogAway:  # its connection was ended
        continue
    except ClaimLost as lost:
        say(f"lost to {lost.writer}")
    break
try:
    log.append(events(4, 5))
except ClaimLost:
    say("still lost")
"""


def test_a_living_writer_is_named_to_whoever_wants_its_session(
    start: Start, log: PostgresLog
) -> None:
    writer = start(WRITING)
    assert hear(writer) == "ready"
    with pytest.raises(SessionTaken, match=f"process {writer.pid} on "):
        log.claim("market")


def test_a_writer_that_was_killed_here_is_waited_for_until_the_database_has_noticed(
    log: PostgresLog,
    postgres_cluster: PostgresCluster,
    postgres: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its connection ends a moment later; until then its lock stands and its lease is fresh."""
    log.claim("market")
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    killed = f"process {ended.pid} on {socket.gethostname()}"
    postgres_cluster.execute(f"UPDATE {log.address.schema}.sessions SET writer = '{killed}'")
    pauses: list[float] = []

    def notice(seconds: float) -> None:
        pauses.append(seconds)
        log.release("market")

    monkeypatch.setattr(writing.time, "sleep", notice)
    with closing(PostgresLog(postgres)) as other:
        other.claim("market")
    assert pauses


def test_a_killed_writer_is_followed_at_once(start: Start, log: PostgresLog) -> None:
    writer = start(WRITING)
    assert hear(writer) == "ready"
    writer.kill()
    writer.wait()
    claim_in_the_end(log)
    log.append(events(4, 4))
    assert log.last_seq("market") == 4


def test_a_writer_that_stood_still_beyond_its_lease_appends_nothing(
    start: Start, log: PostgresLog
) -> None:
    writer = start(WRITING)
    assert hear(writer) == "ready"
    os.kill(writer.pid, signal.SIGSTOP)
    claim_in_the_end(log)
    log.append(events(4, 4, "of the new one"))
    os.kill(writer.pid, signal.SIGCONT)
    assert writer.stdin is not None
    print(file=writer.stdin, flush=True)
    assert hear(writer).startswith(f"lost to process {os.getpid()} on ")
    assert hear(writer) == "still lost"
    log.append(events(5, 5, "of the new one"))
    assert [event.value for event in log.read("market", after=3)] == ["of the new one"] * 2


def test_a_writer_whose_epoch_was_raised_appends_nothing_though_its_connection_lives(
    log: PostgresLog, postgres_cluster: PostgresCluster
) -> None:
    """Whoever raises the epoch is the writer, whatever locks the older one still has."""
    log.claim("market")
    log.append(events(1, 2))
    schema = log.address.schema
    postgres_cluster.execute(f"UPDATE {schema}.sessions SET epoch = epoch + 1, writer = 'a robot'")
    with pytest.raises(ClaimLost, match="was taken over by a robot"):
        log.append(events(3, 3))
    with pytest.raises(ClaimLost):
        log.check_place()
    assert log.last_seq("market") == 2


def test_an_append_that_waits_for_a_claim_is_refused(
    log: PostgresLog, postgres_cluster: PostgresCluster
) -> None:
    """The claim's transaction is open when the append begins, and ends before it."""
    log.claim("market")
    log.append(events(1, 1))
    outcomes: list[BaseException | None] = []
    done = threading.Event()

    def note(error: BaseException | None) -> None:
        outcomes.append(error)
        done.set()

    with psycopg.connect(postgres_cluster.address()) as other:
        other.execute(f"UPDATE {log.address.schema}.sessions SET epoch = epoch + 1")
        log.submit(events(2, 2), note)
        wait_for_a_lock(postgres_cluster)
    assert done.wait(60)
    assert isinstance(outcomes[0], ClaimLost)
    assert log.last_seq("market") == 1


def wait_for_a_lock(cluster: PostgresCluster) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while cluster.execute(waiting) == [(0,)]:
        pass


def test_a_connection_that_was_ended_is_opened_again_and_the_claim_stays(
    log: PostgresLog, postgres_cluster: PostgresCluster, postgres: str
) -> None:
    secret = log.claim("market")
    log.append(events(1, 2))
    end_connections(postgres_cluster)
    append_in_the_end(log, events(3, 4))
    with closing(PostgresLog(postgres)) as other:
        with pytest.raises(SessionTaken):
            other.claim("market")
        log.release("market")
        assert other.claim("market") == secret
        assert [event.seq for event in other.read("market")] == [1, 2, 3, 4]


def end_connections(cluster: PostgresCluster) -> None:
    cluster.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'uproot_nb' AND pid != pg_backend_pid()"
    )


def append_in_the_end(log: PostgresLog, batch: list[Event]) -> None:
    """Append the same events until the database takes them, as the journal does."""
    outcomes: list[BaseException | None] = [RuntimeError()]
    while outcomes[-1] is not None:
        done = threading.Event()

        def note(error: BaseException | None, done: threading.Event = done) -> None:
            outcomes.append(error)
            done.set()

        log.submit(batch, note)
        assert done.wait(60)


def test_many_processes_claiming_at_once_get_one_writer(postgres: str, start: Start) -> None:
    program = """
say("claimed")
sys.stdin.readline()
"""
    with closing(PostgresLog(postgres)) as log:
        log.append(events(1, 1))
    processes = [start(program) for _ in range(4)]
    words = [hear(process) for process in processes]
    assert sorted(words) == ["", "", "", "claimed"]


def test_a_forked_child_cannot_write_its_parents_log_and_leaves_its_connection(
    log: PostgresLog,
) -> None:
    log.claim("market")
    log.append(events(1, 1))
    child = os.fork()
    if child == 0:
        try:
            log.append(events(2, 2))
        except SessionTaken:
            log.close()
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    log.append(events(2, 2))
    assert log.last_seq("market") == 2


def test_who_is_about_to_claim_is_not_ended_by_another_who_comes(
    postgres: str, log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the lock and the claim, nobody is the session's writer yet."""
    with closing(PostgresLog(postgres)) as other:
        log.claim("market")
        log.release("market")
        has_lock, looked, go_on = threading.Event(), threading.Event(), threading.Event()
        run, end_holder = type(log._writer)._run, other._writer._end_holder

        def stop_before_the_claim(connection: Any, query: str, values: Any) -> list[Any]:
            if "epoch = epoch + 1" in query:
                has_lock.set()
                assert go_on.wait(60)
            return run(log._writer, connection, query, values)

        def look(*values: Any) -> None:
            end_holder(*values)
            looked.set()

        monkeypatch.setattr(log._writer, "_run", stop_before_the_claim)
        monkeypatch.setattr(other._writer, "_end_holder", look)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(log.claim, "market")
            assert has_lock.wait(60)
            second = pool.submit(other.claim, "market")
            assert looked.wait(60)
            go_on.set()
            first.result(60)
            with pytest.raises(SessionTaken):
                second.result(60)
        assert (log.epoch("market"), other.epoch("market")) == (2, 0)
        log.append(events(1, 1))
