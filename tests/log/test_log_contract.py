"""What every EventLog does, run on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.errors import SessionTaken
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.log import (
    RECENT_SNAPSHOTS,
    SNAPSHOT_BLOCK,
    EventLog,
    MemoryLog,
    SessionRecord,
    Snapshot,
    retained_snapshots,
)
from uproot_nb.log.postgres.postgres_log import PostgresLog
from uproot_nb.log.sqlite.sqlite_log import SqliteLog


def event(seq: int, session: str = "market", **changes: Any) -> Event:
    made = Event(
        seq,
        1000.0 + seq,
        session,
        "set",
        "player/abc",
        "bid",
        str(seq),
        "abc",
        "0:M",
        "M.post",
        "f0",
    )
    return made._replace(**changes)


def events(first: int, last: int, session: str = "market") -> list[Event]:
    return [event(seq, session) for seq in range(first, last + 1)]


LOGS = [MemoryLog, SqliteLog, pytest.param(PostgresLog, marks=pytest.mark.processes)]


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    moments = iter(range(1, 1_000_000))
    clock = lambda: float(next(moments))  # noqa: E731
    made: EventLog
    if request.param is SqliteLog:
        made = SqliteLog(tmp_path / "log.sqlite3", clock=clock)
    elif request.param is PostgresLog:
        made = PostgresLog(request.getfixturevalue("postgres"), clock=clock)
    else:
        made = MemoryLog(clock=clock)
    yield made
    made.close()


def test_what_is_appended_is_read_back_unchanged(log: EventLog) -> None:
    written = [event(1), event(2, field="ä\0\"'", value='{"$float":"nan"}'), event(3, page="")]
    log.append(written)
    assert list(log.read("market")) == written
    assert all(type(found) is Event for found in log.read("market"))


@pytest.mark.parametrize("rows", [1, 2, 199, 200, 201, 1000, 3000])
def test_appends_of_any_size_are_whole_and_in_order(log: EventLog, rows: int) -> None:
    log.append(events(1, rows))
    assert [found.seq for found in log.read("market")] == list(range(1, rows + 1))
    assert log.last_seq("market") == rows


def test_an_empty_append_does_nothing(log: EventLog) -> None:
    log.append([])
    assert log.sessions() == []


def test_read_after_skips_what_the_reader_has_seen(log: EventLog) -> None:
    log.append(events(1, 5))
    assert [found.seq for found in log.read("market", after=3)] == [4, 5]
    assert list(log.read("market", after=5)) == []
    assert list(log.read("market", after=99)) == []


def test_read_until_stops_there(log: EventLog) -> None:
    log.append(events(1, 5))
    assert [found.seq for found in log.read("market", after=1, until=3)] == [2, 3]
    assert [found.seq for found in log.read("market", after=-7, until=99)] == [1, 2, 3, 4, 5]
    assert list(log.read("market", until=0)) == []


@pytest.mark.long
def test_newest_first_turns_the_order_round(log: EventLog) -> None:
    log.append(events(1, 2500))
    found = [event.seq for event in log.read("market", after=2, until=2400, newest_first=True)]
    assert found == list(range(2400, 2, -1))


def test_filters_choose_by_kind_subject_and_field(log: EventLog) -> None:
    log.append([event(1), event(2, kind="call"), event(3, subject="session"), event(4, field="x")])
    assert [found.seq for found in log.read("market", kinds={"call", "join"})] == [2]
    assert [found.seq for found in log.read("market", subject="session")] == [3]
    assert [found.seq for found in log.read("market", field="bid", kinds=["set"])] == [1, 3]
    assert [found.seq for found in log.read("market", field="x", after=4)] == []
    assert list(log.read("market", kinds=())) == []


@pytest.mark.long
def test_filters_pass_over_thousands_of_other_events(log: EventLog) -> None:
    log.append([event(seq, field="rare" if seq % 1000 == 0 else "bid") for seq in range(1, 5001)])
    found = [event.seq for event in log.read("market", field="rare", newest_first=True)]
    assert found == [5000, 4000, 3000, 2000, 1000]


def test_spans_are_where_kinds_begin_and_end(log: EventLog) -> None:
    kinds = ["code", "set", "call", "call", "code", "call"]
    log.append([event(seq, kind=kind) for seq, kind in enumerate(kinds, 1)])
    log.append([event(1, "other", kind="enter")])
    wanted = {"code", "call", "enter"}
    assert log.spans("market", 6, wanted) == {"code": (1, 5), "call": (3, 6)}
    assert log.spans("market", 3, wanted) == {"code": (1, 1), "call": (3, 3)}
    assert log.spans("market", 0, wanted) == log.spans("market", 6, {"leave"}) == {}


@pytest.mark.long
def test_columns_are_the_same_events_some_at_a_time(log: EventLog) -> None:
    log.append([event(seq, kind="call" if seq % 3 == 0 else "set") for seq in range(1, 2501)])
    some: list[dict[str, Any]] = [{}, {"after": 7, "until": 2400}, {"kinds": {"call"}, "until": 9}]
    for options in some:
        pages = list(log.read_columns("market", **options))
        assert all(type(page) is EventColumns and len(page.seq) for page in pages)
        found = [Event(*row) for page in pages for row in zip(*page, strict=True)]
        assert found == list(log.read("market", **options))
    assert list(log.read_columns("market", kinds=["join"])) == []
    assert list(log.read_columns("elsewhere")) == []


def test_columns_are_chosen_row_by_row(log: EventLog) -> None:
    log.append(events(1, 3))
    [page] = log.read_columns("market")
    assert list(page.chosen([True, False, True]).value) == ["1", "3"]
    assert page.chosen([True] * 3) == page


def test_a_reading_covers_what_was_committed_when_it_was_asked_for(log: EventLog) -> None:
    log.append(events(1, 3))
    reading = log.read("market")
    log.append(events(4, 4))
    assert [found.seq for found in reading] == [1, 2, 3]


def test_sessions_do_not_mix(log: EventLog) -> None:
    log.append(events(1, 2, "one"))
    log.append(events(1, 1, "two"))
    assert [found.session for found in log.read("one")] == ["one", "one"]
    assert (log.last_seq("one"), log.last_seq("two"), log.last_seq("three")) == (2, 1, 0)
    assert list(log.read("three")) == []


def test_sessions_are_listed_oldest_first(log: EventLog) -> None:
    log.claim("b")
    log.claim("a")
    log.append(events(1, 2, "a"))
    assert log.sessions() == [
        SessionRecord("b", 1.0, 0.0, 0),
        SessionRecord("a", 2.0, 1002.0, 2),
    ]


def test_a_session_keeps_its_secret(log: EventLog) -> None:
    secret = log.claim("market")
    log.append(events(1, 1))
    log.release("market")
    assert log.claim("market") == secret
    assert len(secret) == 32
    assert log.claim("other") != secret


def test_a_second_claim_is_refused_until_the_first_is_released(log: EventLog) -> None:
    log.claim("market")
    with pytest.raises(SessionTaken) as refusal:
        log.claim("market")
    assert (refusal.value.session, refusal.value.path) == ("market", log.path)
    log.release("market")
    log.release("market")
    log.claim("market")


def test_numbers_that_are_taken_are_refused_and_nothing_is_written(log: EventLog) -> None:
    log.append(events(1, 3))
    with pytest.raises(SessionTaken):
        log.append(events(3, 6))
    assert log.last_seq("market") == 3
    log.append(events(4, 4))


@pytest.mark.parametrize(
    "batch",
    [
        [event(3)],
        [event(2), event(4)],
        [event(2), event(2)],
        [event(2), event(3, "other")],
        [event(0)],
    ],
)
def test_a_batch_that_does_not_follow_is_refused_whole(log: EventLog, batch: list[Event]) -> None:
    log.append(events(1, 1))
    with pytest.raises((ValueError, SessionTaken)):
        log.append(batch)
    assert list(log.read("market")) == events(1, 1)
    assert list(log.read("other")) == []


def test_the_newest_snapshot_up_to_a_seq_is_loaded(log: EventLog) -> None:
    log.append(events(1, 9))
    assert log.load_snapshot("market") is None
    for seq in (2, 5, 8):
        log.save_snapshot(Snapshot("market", seq, b"state\0%d" % seq))
    assert log.load_snapshot("market") == Snapshot("market", 8, b"state\0008")
    assert log.load_snapshot("market", until=7) == Snapshot("market", 5, b"state\0005")
    assert log.load_snapshot("market", until=1) is None
    assert log.load_snapshot("other") is None


def test_the_newest_few_snapshots_and_the_first_of_a_block_are_kept(log: EventLog) -> None:
    log.save_snapshot(Snapshot("other", 1, b"kept"))
    for seq in range(1, 10):
        log.save_snapshot(Snapshot("market", seq, b""))
        log.save_snapshot(Snapshot("market", seq, b"again"))
    kept = [seq for seq in range(1, 10) if log.load_snapshot("market", seq).seq == seq]  # type: ignore[union-attr]
    assert kept == [1, 7, 8, 9]
    assert log.load_snapshot("market", 6) == Snapshot("market", 1, b"again")
    assert log.load_snapshot("other") == Snapshot("other", 1, b"kept")


def test_a_snapshot_of_every_block_of_events_is_kept(log: EventLog) -> None:
    taken = range(SNAPSHOT_BLOCK // 2, 10 * SNAPSHOT_BLOCK, SNAPSHOT_BLOCK // 5)
    for seq in taken:
        log.save_snapshot(Snapshot("market", seq, b""))
    for seq in taken:
        nearest = log.load_snapshot("market", seq)
        assert nearest is not None
        assert nearest.seq // SNAPSHOT_BLOCK == seq // SNAPSHOT_BLOCK
    kept = {found.seq for seq in taken if (found := log.load_snapshot("market", seq))}
    assert len(kept) == 10 + RECENT_SNAPSHOTS


@given(st.lists(st.integers(1, 5 * SNAPSHOT_BLOCK), min_size=1, unique=True))
def test_what_is_kept_does_not_depend_on_when_the_rest_was_dropped(seqs: list[int]) -> None:
    kept: set[int] = set()
    for seq in sorted(seqs):
        kept = retained_snapshots({*kept, seq})
    assert kept == retained_snapshots(seqs)
    assert {seq // SNAPSHOT_BLOCK for seq in kept} == {seq // SNAPSHOT_BLOCK for seq in seqs}


def test_a_closed_log_refuses_to_answer(log: EventLog) -> None:
    log.claim("market")
    log.append(events(1, 1))
    log.close()
    log.close()
    log.release("market")
    for use in (log.sessions, lambda: log.claim("market"), lambda: log.append(events(2, 2))):
        with pytest.raises(ValueError, match="closed"):
            use()
    with pytest.raises(ValueError, match="closed"):
        list(log.read("market"))
    with pytest.raises(ValueError, match="closed"):
        list(log.read_columns("market"))
