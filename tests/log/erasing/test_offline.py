"""Erasing offline: no byte remains, everything else does, and a kill leaves no half of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.components.log_places import LogPlace
from tests.components.postgres import PostgresCluster
from uproot_nb.cli import main
from uproot_nb.errors import LogAway, SessionTaken, UnfinishedErasure, UnknownPlayer, UprootError
from uproot_nb.log.checking import check_log
from uproot_nb.log.checksums import checksum_of_event
from uproot_nb.log.codec import Codec
from uproot_nb.log.erasing.offline import erase_from_file
from uproot_nb.log.erasing.redaction import changed_by_erasure
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog, MemoryLog, Snapshot
from uproot_nb.log.postgres import postgres_log
from uproot_nb.log.state import State

ANN, BOB = "player/ann12", "player/bob34"
SECRETS = ("zebra-in-pyjamas", "918273645", "PROLIFIC-5f1e00aa", "PC-0417")


def event(seq: int, kind: str, subject: str, field: str, value: object, actor: str = "") -> Event:
    text = orjson.dumps(value).decode()
    return Event(seq, 100.0 + seq, "market", kind, subject, field, text, actor, "0:Ask", "", "")


def story() -> Iterator[Event]:
    """Yield a session in which Ann writes what Bob quotes."""
    said = "zebra-in-pyjamas"
    rows = [
        ("join", ANN, "", {"id": 0, "label": None, "claimed": False}, ""),
        ("join", BOB, "", {"id": 1, "label": None, "claimed": False}, ""),
        ("arrive", ANN, "", {"by": "link", "query": {"PID": SECRETS[2]}, "label": SECRETS[3]},
         "ann12"),
        ("enter", ANN, "0:Ask", {"position": 0, "page": "0:Ask"}, "ann12"),
        ("set", ANN, "number", 918273645, "ann12"),
        ("set", ANN, "notes", [], "ann12"),
        ("append", ANN, "notes", {"path": [], "values": [said]}, "ann12"),
        ("call", ANN, "bid", {"id": "a-1", "page": 0, "args": [said], "kwargs": {},
                              "back": [0, 0], "outcome": "ok", "result": said, "ms": 1.0}, "ann12"),
        ("submit", ANN, "0:Ask", {"form": [["x", said]], "begun": [7, 1], "ms": 2.0}, "ann12"),
        ("notify", ANN, "", {"event": "", "recipients": ["bob34"], "data": said}, "ann12"),
        ("set", "session", "quotes", {said: f"says {said}"}, "ann12"),
        ("set", BOB, "heard", f"Ann says {said}, PC-0417", "bob34"),
        ("set", BOB, "number", 7, "bob34"),
    ]  # fmt: skip
    for seq, (kind, subject, field, value, actor) in enumerate(rows, 1):
        yield event(seq, kind, subject, field, value, actor)


@pytest.fixture
def db(place: LogPlace) -> LogPlace:
    """A log of the story, in a file or in a database."""
    return written(place)


def written(place: LogPlace) -> LogPlace:
    events = list(story())
    with closing(place.open()) as log:
        log.claim("market")
        log.append(events)
        log.save_snapshot(Snapshot("market", 5, dump(events[:5])))
        for seq in range(6, 12):  # some are deleted again, and leave free pages
            log.save_snapshot(Snapshot("market", seq, dump(events[:seq]) + b" " * 9000))
    return place


def dump(events: list[Event]) -> bytes:
    return State(Codec()).apply_all(events).dump()


def left(place: LogPlace) -> list[tuple[str, str]]:
    """Return which files or tables have which secrets."""
    content = place.content()
    assert any(content.values())
    return [(name, s) for name, found in content.items() for s in SECRETS if s.encode() in found]


def read(place: LogPlace) -> list[Event]:
    with closing(place.open(readonly=True)) as log:
        return list(log.read("market"))


def erase(log: EventLog) -> None:
    log.erase("market", "ann12", list(changed_by_erasure(partial(log.read, "market"), "ann12")))


def test_no_byte_of_what_somebody_left_remains_in_any_file(db: LogPlace) -> None:
    assert {secret for _, secret in left(db)} == set(SECRETS)
    assert erase_from_file(db.address, "market", SECRETS[3]) == "ann12"
    assert left(db) == []
    assert check_log(db.address).faults == []


def test_numbering_moves_and_everything_of_the_others_stay(db: LogPlace) -> None:
    before = read(db)
    erase_from_file(db.address, "market", "ann12")
    now = read(db)
    assert [one.seq for one in now] == list(range(1, len(before) + 2))
    assert [one.time for one in now[:-1]] == [one.time for one in before]
    assert (now[-1].kind, now[-1].subject, now[-1].value) == ("erase", ANN, "null")
    assert now[12] == before[12]
    assert now[3] == before[3]
    state = State(Codec()).apply_all(now)
    assert state.values(BOB) == {"heard": "Ann says …, …", "number": 7}
    assert state.players["ann12"].erased
    assert ANN not in state.fields
    assert list(state.value("session", "quotes").values()) == ["says …"]


def test_erasing_again_changes_nothing(db: LogPlace) -> None:
    erase_from_file(db.address, "market", "ann12")
    before = read(db)
    erase_from_file(db.address, "market", "ann12")
    assert read(db) == before


def test_data_that_somebody_writes_back_are_found_though_their_checksum_is_right(
    db: LogPlace,
) -> None:
    old = read(db)[4]
    erase_from_file(db.address, "market", "ann12")
    db.execute(
        f"UPDATE events SET kind = '{old.kind}', field = '{old.field}', value = '{old.value}', "
        f"actor = '{old.actor}', page = '{old.page}', checksum = {checksum_of_event(old)} "
        "WHERE seq = 5"
    )
    assert check_log(db.address).faults == [
        "Session 'market': event 5 has data of ann12, who was erased"
    ]
    db.execute("UPDATE events SET value = '1' WHERE seq = 13")
    assert "event 13 is not what was written" in check_log(db.address).faults[0]


DIES = """
import os, signal, sys
from uproot_nb.log.sqlite import sqlite_log
from uproot_nb.log.erasing import offline
from uproot_nb.log.postgres import postgres_log

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

step, path = sys.argv[1:]
if step == "append":
    sqlite_log.SqliteLog.append = postgres_log.PostgresLog.append = die
else:
    setattr(sqlite_log, step, die)
    setattr(postgres_log, step.replace("wipe", "vacuum"), die)
offline.erase_from_file(path, "market", "ann12")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("step", ["append", "replace_events", "wipe", "forget_erasure"])
@pytest.mark.sample(3)
def test_killed_at_any_step_it_is_finished_or_not_begun_when_the_session_is_opened(
    db: LogPlace, step: str
) -> None:
    before = read(db)
    died = subprocess.run([sys.executable, "-c", DIES, step, str(db)], check=False)
    assert died.returncode == -signal.SIGKILL
    with closing(db.open()) as log:
        log.claim("market")
    if step == "append":
        assert read(db) == before
    else:
        assert left(db) == []
    assert check_log(db.address).faults == []


@pytest.mark.long
def test_an_unfinished_erasure_is_named_by_the_check(tmp_path: Path) -> None:
    """Whoever reads a file keeps its old pages; readers of a database keep nothing from it."""
    db = written(LogPlace(os.fspath(tmp_path / "log.sqlite3")))
    with closing(sqlite3.connect(str(db), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchone()  # reads while it is erased
        with pytest.raises(UnfinishedErasure, match="Erase again"):
            erase_from_file(db.address, "market", "ann12")
        reader.execute("COMMIT")
    check_that_it_is_unfinished(db)


def check_that_it_is_unfinished(db: LogPlace) -> None:
    assert check_log(db.address).faults == [
        "the erasure of ann12 in 'market' is not finished: run `uproot-nb erase` again"
    ]
    erase_from_file(db.address, "market", "ann12")
    assert check_log(db.address).faults == []
    assert left(db) == []


@pytest.mark.processes
def test_an_erasure_whose_room_the_server_could_not_clear_is_named_by_the_check(
    postgres: str, postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = written(LogPlace(postgres, postgres_cluster))

    def fail(*_: object) -> None:
        raise LogAway(postgres, "it is away")

    with monkeypatch.context() as away:
        away.setattr(postgres_log, "vacuum", fail)
        with pytest.raises(UnfinishedErasure, match="Erase again"):
            erase_from_file(db.address, "market", "ann12")
    assert left(db) == []  # no table has them, but the server's files may
    check_that_it_is_unfinished(db)


def test_nobody_is_erased_who_is_not_there_or_not_meant_alone(db: LogPlace) -> None:
    before = read(db)
    with pytest.raises(UnknownPlayer, match="no player 'nobody' in market"):
        erase_from_file(db.address, "market", "nobody")
    with pytest.raises(UprootError, match="no session 'else'"):
        erase_from_file(db.address, "else", "ann12")
    if db.is_file:  # a database makes its tables when it is opened, and nobody's session
        missing = Path(db.address).with_name("missing")
        with pytest.raises(FileNotFoundError):
            erase_from_file(missing, "market", "ann12")
        assert not missing.exists()
    with closing(db.open()) as served:
        served.claim("market")
        with pytest.raises(SessionTaken):
            erase_from_file(db.address, "market", "ann12")
    assert read(db) == before


def test_the_terminal_erases_after_the_name_was_repeated(
    db: LogPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.readline", lambda: "bob34\n", raising=False)
    assert main(["erase", str(db), "market", "ann12"]) == 1
    assert "Nothing was erased." in capsys.readouterr().out
    assert main(["erase", str(db), "market", "ann12", "--yes"]) == 0
    assert left(db) == []


def test_a_log_in_memory_erases_the_same_events(db: LogPlace) -> None:
    log = MemoryLog()
    log.claim("market")
    log.append(list(story()))
    erase(log)
    erase_from_file(db.address, "market", "ann12")
    assert list(log.read("market")) == read(db)[:-1]


NAMES = st.sampled_from([ANN, BOB, "session", "group/g1", "model/offers"])
ACTORS = st.sampled_from(["ann12", "bob34", ""])
NUMBERS = st.integers(-(2**53), 2**53)


@given(
    st.lists(st.tuples(NAMES, ACTORS, st.text("abcxyz", min_size=1, max_size=4), NUMBERS)),
    st.text("qwrtp", min_size=14, max_size=30),
)
def test_others_fields_replay_as_before_whatever_was_set(
    rows: list[tuple[str, str, str, int]], text: str
) -> None:
    events = [event(1, "join", ANN, "", {"id": 0}), event(2, "join", BOB, "", {"id": 1})]
    for subject, actor, field, number in rows:
        events.append(event(len(events) + 1, "set", subject, field, number, actor))
    events.append(event(len(events) + 1, "set", ANN, "said", text, "ann12"))
    events.append(event(len(events) + 1, "set", "group/g1", "said", text, "ann12"))
    log = MemoryLog()
    log.claim("market")
    log.append(events)
    erase(log)
    now = list(log.read("market"))
    assert len(now) == len(events)
    assert not [one for one in now if text in "".join(map(str, one))]
    was, is_now = (State(Codec()).apply_all(some) for some in (events, now))
    assert ANN not in is_now.fields
    assert {s: was.values(s) for s in was.fields if s not in (ANN, "group/g1")} == {
        s: is_now.values(s) for s in is_now.fields if s != "group/g1"
    }
    erase(log)
    assert list(log.read("market")) == now
