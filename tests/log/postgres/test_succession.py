"""Waiting for a session's writer to end: a release, a death, and silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.components.postgres import PostgresCluster
from tests.components.tcp_proxy import TcpProxy
from uproot_nb.errors import SessionClosed, SessionTaken
from uproot_nb.log.events import Event
from uproot_nb.log.postgres import writer
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.postgres_log import PostgresLog
from uproot_nb.log.postgres.schema_tables import SchemaTables
from uproot_nb.log.postgres.succession import Succession
from uproot_nb.log.postgres.writer import FencedWriter


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


def test_who_was_refused_and_waits_does_not_open_a_session_that_was_closed_in_between(
    waiting: PostgresLog, postgres: str
) -> None:
    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        with pytest.raises(SessionTaken):
            waiting.claim("market")
        first.release("market")
        with pytest.raises(SessionClosed):
            waiting.wait_for_claim("market", threading.Event(), after_writer=True)


def test_a_session_that_is_closed_just_before_it_is_taken_over_stays_closed(
    waiting: PostgresLog, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer, silent until then, comes back between the look at it and the claim."""
    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        monkeypatch.setattr(Succession, "_is_free", lambda _: first.release("market") or True)
        with pytest.raises(SessionClosed):
            waiting.wait_for_claim("market", threading.Event(), after_writer=True)
    assert waiting.epoch("market") == 0


def test_a_writer_whose_connection_was_ended_keeps_its_session_if_it_comes_back_in_time(
    waiting: PostgresLog, postgres: str, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that claims at once meets the gap between its two connections."""
    for name in ("GRACE_SECONDS", "LEASE_SECONDS"):
        monkeypatch.setattr(writer, name, 3_600.0)
    address = DatabaseAddress.of(postgres)
    first = FencedWriter(address, SchemaTables(address.schema), False, time.time, time.monotonic)
    with closing(first):
        first.claim("market")
        assert first._connection is not None
        first._connection.close()
        looks = iter(range(1_000_000))
        looked = threading.Event()
        may_come_back = waiting._writer._may_come_back

        def look(*values: Any) -> bool:
            found = may_come_back(*values)
            if found and next(looks) == 1:
                looked.set()
            return found

        monkeypatch.setattr(waiting._writer, "_may_come_back", look)
        claimed = pool.submit(waiting.claim, "market")
        assert looked.wait(60)
        first.renew()
        with pytest.raises(SessionTaken):
            claimed.result(60)


def test_a_run_that_is_closed_after_its_connection_broke_has_closed_its_session(
    waiting: PostgresLog, postgres: str, postgres_cluster: PostgresCluster
) -> None:
    address = DatabaseAddress.of(postgres)
    first = FencedWriter(address, SchemaTables(address.schema), False, time.time, time.monotonic)
    first.claim("market")
    postgres_cluster.execute(f"SELECT pg_terminate_backend({first._backend})")
    first.close()
    found = waiting.writer_of("market")
    assert found is not None
    assert found.name == ""


def test_only_the_writer_that_is_meant_is_asked_to_hand_over(
    waiting: PostgresLog, postgres: str
) -> None:
    with closing(PostgresLog(postgres)) as first:
        first.claim("market")
        first.hand_over("market")
    waiting.claim("market")
    waiting.ask_for_hand_over("market", epoch=1)
    waiting._writer.renew()
    assert not waiting.is_asked_to_hand_over("market")
    waiting.ask_for_hand_over("market", epoch=2)
    waiting._writer.renew()
    assert waiting.is_asked_to_hand_over("market")
