"""A damaged log is never read as another one: whatever byte is changed, it is whole or named."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.components.log_places import LogPlace
from tests.silence import without_warning
from uproot_nb.cli import main
from uproot_nb.errors import CorruptLog, UprootError
from uproot_nb.log.checking import check_log
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog, Snapshot
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.sqlite.tables import VERSION

ROWS = 400
TEXTS = ["kind", "subject", "field", "value", "actor", "page", "cause", "code"]


def event(seq: int) -> Event:
    value = f'"{"x" * (seq % 200)}"'
    return Event(
        seq, seq + 0.5, "market", "set", f"player/p{seq % 7}", "bid", value, "p", "", "", ""
    )


def written(log: EventLog) -> None:
    with closing(log):
        log.claim("market")
        for first in range(1, ROWS, 20):
            log.append([event(seq) for seq in range(first, first + 20)])
            log.save_snapshot(Snapshot("market", first + 19, b"{}" * 500))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "log.sqlite3"
    written(SqliteLog(path))
    return path


@pytest.fixture
def db(place: LogPlace) -> LogPlace:
    """The same in a file or in a database, which the test may damage."""
    written(place.open())
    return place


def read(path: Path) -> Any:
    with closing(SqliteLog(path)) as log:
        snapshot = log.load_snapshot("market")
        assert snapshot is None or snapshot.state == b"{}" * 500
        columns = [list(some.value) for some in log.read_columns("market", kinds={"set"})]
        return list(log.read("market")), columns, log.sessions(), log.claim("market")


def damaged(content: bytes, draws: random.Random) -> bytes:
    changed = bytearray(content)
    at = draws.randrange(len(changed))
    how = draws.choice(["bit", "byte", "run", "zeros", "cut", "header"])
    if how == "bit":
        changed[at] ^= 1 << draws.randrange(8)
    elif how == "byte":
        changed[at] = draws.randrange(256)
    elif how == "run":
        changed[at : at + 20] = draws.randbytes(len(changed[at : at + 20]))
    elif how == "zeros":
        changed[at : at + 512] = bytes(len(changed[at : at + 512]))
    elif how == "cut":
        del changed[at:]
    else:
        changed[at % 4096] = draws.randrange(256)
    return bytes(changed)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_file_reads_the_same_or_is_named(whole: Path, tmp_path: Path) -> None:
    content, right, draws = whole.read_bytes(), read(whole), random.Random(12)
    named = 0
    for number in range(150):
        path = tmp_path / f"{number}.sqlite3"
        path.write_bytes(damaged(content, draws))
        try:
            assert read(path) == right, number
        except UprootError:
            named += 1
        path.unlink()
    assert named > 50


def test_a_damaged_snapshot_is_passed_over(db: LogPlace) -> None:
    db.execute(f"UPDATE snapshots SET state = {zero_byte(db)} WHERE seq = 400")
    with closing(db.open()) as log:
        found = log.load_snapshot("market")
        assert found is not None
        assert found.seq == 380


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("UPDATE events SET value = '7' WHERE seq = 17", "event 17"),
        ("UPDATE events SET time = time + 1e-7 WHERE seq = 17", "event 17"),
        ("DELETE FROM events WHERE seq = 17", "event 17"),
        ("DELETE FROM events WHERE seq > 390", "400"),
        ("UPDATE secrets SET secret = x'00'", "secret"),
        ("UPDATE snapshots SET state = x'00'", "snapshot"),
        ("UPDATE sessions SET created = 0", "market"),
        ("DELETE FROM sessions", "unknown session"),
    ],
)
@pytest.mark.sample(6)
def test_checking_names_what_is_not_what_was_written(
    db: LogPlace, harm: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    db.execute(harm.replace("x'00'", zero_byte(db)))
    assert main(["check", str(db)]) == 1
    assert fault in capsys.readouterr().out


def zero_byte(db: LogPlace) -> str:
    """Return a zero byte as the place's SQL writes it."""
    return "x'00'" if db.is_file else r"'\x00'"


@pytest.mark.parametrize("column", ["time", *TEXTS, "checksum"])
@pytest.mark.sample(6)
def test_whichever_column_of_an_event_is_changed_no_reading_takes_it(
    db: LogPlace, column: str
) -> None:
    other = f"{column} || 'x'" if column in TEXTS else f"{column} + 1"
    db.execute(f"UPDATE events SET {column} = {other} WHERE seq = 200")
    with closing(db.open(readonly=True)) as log:
        readings: list[Callable[[], object]] = [
            lambda: list(log.read("market")), lambda: list(log.read("market", newest_first=True)),
            lambda: list(log.read_columns("market")), lambda: list(log.read_arrays("market")),
        ]  # fmt: skip
        for reading in readings:
            with pytest.raises(CorruptLog, match="event 200 is not what was written"):
                reading()


def test_checking_a_whole_log_says_so(db: LogPlace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(db)]) == 0
    assert "is whole: 1 sessions, 400 events" in capsys.readouterr().out
    assert check_log(db.address).faults == []


def older(path: Path) -> None:
    """Make a log what version 1 has written."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("DROP TABLE claims")
        for table in ("events", "sessions", "secrets", "snapshots"):
            old.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        old.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize("readonly", [False, True])
def test_a_log_of_version_1_is_read_and_goes_on(
    whole: Path, tmp_path: Path, readonly: bool
) -> None:
    path = Path(shutil.copy(whole, tmp_path))
    older(path)
    with without_warning():
        with closing(SqliteLog(path, readonly=readonly)) as log:
            assert list(log.read("market")) == [event(seq) for seq in range(1, ROWS + 1)]
            assert log.load_snapshot("market") is not None
            assert [record.name for record in log.sessions()] == ["market"]
            if readonly:
                return
            log.claim("market")
            log.append([event(ROWS + 1)])
        assert check_log(path)._replace(sessions=0) == (0, ROWS + 1, ROWS, [])
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)
