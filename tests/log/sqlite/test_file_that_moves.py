"""What SqliteLog does when its file, or the journal beside it, is not the one it was."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.log.sqlite.test_sqlite_log import PATIENCE, PRELUDE, ROOT, contents, events, hear, seqs
from uproot_nb.errors import ForeignJournal, LostEvents, MovedLog, NotALog
from uproot_nb.log.sqlite.claims import accept_loss
from uproot_nb.log.sqlite.file_writer import CHECK_SECONDS, RESCUE_SECONDS
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

Kill = Callable[[str], None]


class Clock:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def write_and_be_killed(path: Path, last: int, first: int = 1, session: str = "market") -> None:
    """Let a process claim *session* and commit events; then it is killed."""
    program = f"""
log = SqliteLog(path)
log.claim({session!r})
for seq in range({first}, {last + 1}):
    log.append([event(seq, {session!r})])
say("done")
signal.pause()
"""
    command = [sys.executable, "-c", PRELUDE + program, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, text=True, cwd=ROOT) as process:
        assert hear(process) == "done"
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)


# ---- at opening -----------------------------------------------------------------------------


def test_a_killed_writers_journal_is_taken_over_without_a_word(path: Path) -> None:
    write_and_be_killed(path, 50)
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        assert seqs(log) == list(range(1, 51))
        log.append(events(51, 51))
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_no_new_log_is_made_beside_a_journal_whose_file_is_gone(path: Path) -> None:
    write_and_be_killed(path, 5)
    path.rename(path.with_name("renamed.sqlite3"))
    before = contents(path.parent)
    with pytest.raises(ForeignJournal, match="-wal"):
        SqliteLog(path)
    assert contents(path.parent) == before
    path.with_name("renamed.sqlite3").rename(path)
    with closing(SqliteLog(path)) as log:
        assert seqs(log) == [1, 2, 3, 4, 5]


def test_a_journal_beside_an_empty_file_is_not_applied(path: Path) -> None:
    write_and_be_killed(path, 5)
    path.write_bytes(b"")
    with pytest.raises(ForeignJournal, match="-wal"):
        SqliteLog(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("readonly", [False, True])
def test_a_journal_of_another_file_is_named_and_not_applied(
    path: Path, tmp_path: Path, readonly: bool
) -> None:
    other = tmp_path / "other.sqlite3"
    with closing(SqliteLog(other)) as log:
        log.claim("market")
        log.append(events(1, 3))
    write_and_be_killed(path, 50)
    os.replace(other, path)
    before = contents(path.parent)
    with pytest.raises(ForeignJournal, match="-wal"):
        SqliteLog(path, readonly=readonly)
    assert contents(path.parent) == before


def test_an_older_copy_of_the_file_does_not_take_its_journal(path: Path, tmp_path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 3))
    backup = tmp_path / "backup"
    shutil.copy(path, backup)
    write_and_be_killed(path, 50, first=4)
    shutil.copy(backup, path)
    with pytest.raises(ForeignJournal):
        SqliteLog(path)


def test_a_journal_that_was_deleted_after_a_kill_is_missed(path: Path) -> None:
    write_and_be_killed(path, 111)
    saved = wal(path).read_bytes()
    wal(path).unlink()
    before = contents(path.parent)
    with pytest.raises(LostEvents, match="111"):
        SqliteLog(path)
    assert contents(path.parent) == before
    with (
        pytest.warns(UserWarning, match="111"),
        closing(SqliteLog(path, readonly=True)) as log,
    ):
        assert seqs(log) == []
    wal(path).write_bytes(saved)
    with closing(SqliteLog(path)) as log:
        assert len(seqs(log)) == 111


def test_links_outlive_a_journal_that_was_deleted(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        secret = log.claim("market")
    write_and_be_killed(path, 5)
    wal(path).unlink()
    accept_loss(path)
    with closing(SqliteLog(path)) as log:
        assert log.claim("market") == secret
        log.append(events(1, 1))


def test_a_journal_that_was_cut_short_is_missed_by_the_session_that_needs_it(path: Path) -> None:
    write_and_be_killed(path, 20)
    os.truncate(wal(path), wal(path).stat().st_size - 100)
    with pytest.warns(UserWarning, match="20"):
        log = SqliteLog(path)
    with closing(log):
        log.claim("another")
        with pytest.raises(LostEvents, match="20"):
            log.claim("market")
    assert accept_loss(path) == ["market"]
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(len(seqs(log)) + 1, 25))


def test_another_program_may_take_the_journal_over(path: Path) -> None:
    """As sqlite3's own shell does, when it is the last to close the file."""
    write_and_be_killed(path, 20)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM events").fetchone() == (20,)
    assert not wal(path).exists()
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        assert len(seqs(log)) == 20


def test_another_kernels_closing_takes_over_what_a_killed_one_has_left(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("another")
        write_and_be_killed(path, 20)
    assert not wal(path).exists()
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        assert len(seqs(log)) == 20


def test_a_file_that_lacks_its_last_events_is_named(path: Path, tmp_path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 30))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DELETE FROM events WHERE seq > 20")
    with pytest.raises(LostEvents, match="30"):
        SqliteLog(path)


def test_a_copy_without_its_journal_says_so(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    with closing(SqliteLog(path)) as log:
        log.claim("market")
        log.append(events(1, 5))
        shutil.copy(path, copy)
    with pytest.warns(UserWarning, match="copied"), closing(SqliteLog(copy, readonly=True)):
        pass


# ---- while it is written ----------------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(path: Path, clock: Clock) -> Iterator[SqliteLog]:
    with closing(SqliteLog(path, monotonic=clock)) as opened:
        opened.claim("market")
        opened.append(events(1, 3))
        yield opened


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


def lose_journal(path: Path) -> None:
    wal(path).unlink()


HARM = [Path.unlink, move_away, replace, lose_journal]
harmed = pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)


@harmed
def test_nothing_is_committed_to_a_file_without_its_name(
    log: SqliteLog, path: Path, clock: Clock, harm: Any
) -> None:
    harm(path)
    clock.now += CHECK_SECONDS
    for write in (lambda: log.append(events(4, 4)), log.check_place, lambda: log.claim("new")):
        with pytest.raises(MovedLog, match=path.name):
            write()


def test_it_goes_on_when_the_file_is_back(log: SqliteLog, path: Path, clock: Clock) -> None:
    path.rename(path.with_name("elsewhere"))
    clock.now += CHECK_SECONDS
    with pytest.raises(MovedLog):
        log.append(events(4, 4))
    path.with_name("elsewhere").rename(path)
    clock.now += RESCUE_SECONDS
    log.append(events(4, 4))
    assert seqs(log) == [1, 2, 3, 4]
    assert log.path == str(path)


@harmed
def test_all_of_it_is_saved_beside_a_file_that_stays_away(
    log: SqliteLog, path: Path, clock: Clock, harm: Any
) -> None:
    with closing(sqlite3.connect(path)) as other:
        [(secret,)] = other.execute("SELECT secret FROM secrets")
    harm(path)
    clock.now += CHECK_SECONDS
    with pytest.raises(MovedLog) as moved:
        log.append(events(4, 4))
    clock.now += RESCUE_SECONDS
    log.append(events(4, 4))
    assert log.path == moved.value.rescue
    assert seqs(log) == [1, 2, 3, 4]
    log.append(events(5, 6))
    log.close()
    with closing(SqliteLog(moved.value.rescue)) as again:
        assert again.claim("market") == secret
        assert seqs(again) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(NotALog, match="rescued"):
        SqliteLog(path)


def test_closing_saves_a_file_that_went_away(log: SqliteLog, path: Path) -> None:
    path.unlink()
    log.close()
    with closing(SqliteLog(path.with_name("log.rescued.sqlite3"))) as again:
        assert seqs(again) == [1, 2, 3]
