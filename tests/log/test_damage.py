"""A damaged log is never read as another one: whatever byte is changed, it is whole or named."""

from __future__ import annotations

import random
import shutil
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from uproot_nb.cli import main
from uproot_nb.errors import UprootError
from uproot_nb.log.checking import check_log
from uproot_nb.log.events import Event
from uproot_nb.log.log import Snapshot
from uproot_nb.log.sqlite import VERSION, SqliteLog

ROWS = 400


def event(seq: int) -> Event:
    value = f'"{"x" * (seq % 200)}"'
    return Event(
        seq, seq + 0.5, "market", "set", f"player/p{seq % 7}", "bid", value, "p", "", "", ""
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "log.sqlite3"
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        for first in range(1, ROWS, 20):
            log.append([event(seq) for seq in range(first, first + 20)])
            log.save_snapshot(Snapshot("market", first + 19, b"{}" * 500))
    return path


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


def test_a_damaged_snapshot_is_passed_over(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole, tmp_path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE snapshots SET state = x'00' WHERE seq = 400")
    with closing(SqliteLog(path)) as log:
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
def test_checking_names_what_is_not_what_was_written(
    whole: Path, tmp_path: Path, harm: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shutil.copy(whole, tmp_path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(harm)
    assert main(["check", str(path)]) == 1
    assert fault in capsys.readouterr().out


def test_checking_a_whole_log_says_so(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(whole)]) == 0
    assert "is whole: 1 sessions, 400 events" in capsys.readouterr().out
    assert check_log(whole).faults == []


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
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # what the log itself says
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
