"""Waiting for a session's writer to end: a release, a death, and silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.components.postgres import PostgresCluster
from tests.components.tcp_proxy import TcpProxy
from uproot_nb.errors import SessionClosed, SessionTaken
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.postgres_log import PostgresLog


@pytest.fixture
def waiting(postgres: str) -> Iterator[PostgresLog]:
    with closing(PostgresLog(postgres)) as made:
        yield made


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def test_a_session_without_a_writer_is_claimed_at_once(waiting: PostgresLog) -> None:
    secret = waiting.wait_for_claim("market", threading.Event())
    assert len(secret) == 32
    assert waiting.epoch("market") == 1


def test_a_session_that_is_handed_over_is_claimed(
    waiting: PostgresLog, postgres: str, pool: ThreadPoolExecutor
) -> None:
    with closing(PostgresLog(postgres)) as first:
        secret = first.claim("market")
        claimed = pool.submit(waiting.wait_for_claim, "market", threading.Event())
        waiting.ask_for_hand_over("market")
        while not first.is_asked_to_hand_over("market"):
            threading.Event().wait(0.02)
        assert not claimed.done()
        first.hand_over("market")
        assert claimed.result(60) == secret
        assert waiting.epoch("market") == 2
        assert not waiting.is_asked_to_hand_over("market")


def test_who_waits_can_be_stopped(waiting: PostgresLog, postgres: str) -> None:
    stop = threading.Event()
    stop.set()
    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        with pytest.raises(SessionTaken):
            waiting.wait_for_claim("market", stop)


def test_a_writer_whose_line_is_dead_is_followed(
    postgres_cluster: PostgresCluster, postgres: str, waiting: PostgresLog, pool: ThreadPoolExecutor
) -> None:
    with TcpProxy(postgres_cluster.port) as proxy:
        through = postgres.replace(f":{postgres_cluster.port}/", f":{proxy.port}/")
        with closing(PostgresLog(through)) as first:
            secret = first.claim("market")
            claimed = pool.submit(waiting.wait_for_claim, "market", threading.Event())
            proxy.fail_after(0, stall=True)
            assert claimed.result(60) == secret
            proxy.work()


def test_who_waits_does_not_take_a_session_that_was_closed(
    waiting: PostgresLog, postgres: str, pool: ThreadPoolExecutor
) -> None:
    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        claimed = pool.submit(waiting.wait_for_claim, "market", threading.Event())
        wait_for_standbys(first, 1)
        first.release("market")
        with pytest.raises(SessionClosed, match="was closed by the kernel"):
            claimed.result(60)
        assert waiting.wait_for_claim("market", threading.Event())  # who comes later opens it again


def test_one_of_those_who_wait_gets_the_session(postgres: str, waiting: PostgresLog) -> None:
    with (
        closing(PostgresLog(postgres)) as first,
        closing(PostgresLog(postgres)) as second,
        ThreadPoolExecutor(2) as pool,
    ):
        first.claim("market")
        stop = threading.Event()
        both = [pool.submit(log.wait_for_claim, "market", stop) for log in (waiting, second)]
        try:
            wait_for_standbys(first, 2)
            first.hand_over("market")
            wait_for_standbys(first, 1)
            epochs = sorted([waiting.epoch("market"), second.epoch("market")])
            # On a machine that stands still, one may lose the claim to the other before it has it.
            assert epochs[0] == 0
            assert epochs[1] >= 2
        finally:
            stop.set()
        assert sum(one.exception(60) is None for one in both) == 1


def test_a_request_to_hand_over_is_withdrawn(waiting: PostgresLog, postgres: str) -> None:
    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        for wanted in (True, False):
            waiting.ask_for_hand_over("market", wanted)
            while first.is_asked_to_hand_over("market") != wanted:
                threading.Event().wait(0.02)


def test_a_writer_that_commits_all_the_time_hears_that_it_is_asked(
    waiting: PostgresLog, postgres: str
) -> None:
    asked, seqs = threading.Event(), iter(range(1, 1_000_000))

    def commit(error: BaseException | None = None) -> None:
        assert error is None
        if not asked.is_set():
            first.submit([event(next(seqs))], commit)

    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        commit()
        commit()  # so that there is always one more
        waiting.ask_for_hand_over("market")
        while not first.is_asked_to_hand_over("market"):
            threading.Event().wait(0.02)
        asked.set()


def test_nobody_writes_a_session_that_is_not_there(waiting: PostgresLog) -> None:
    assert waiting.writer_of("market") is None


def event(seq: int) -> Event:
    return Event(seq, 0.0, "market", "set", "session", "price", "1", "", "", "", "")


def wait_for_standbys(log: PostgresLog, count: int) -> None:
    while True:
        found = log.writer_of("market")
        assert found is not None
        if found.standbys == count:
            return
        threading.Event().wait(0.02)
