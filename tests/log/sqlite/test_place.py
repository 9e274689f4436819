"""What SqliteLog says of a place where no log can be: one sentence, and what to do."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.log.sqlite.test_sqlite_log import PATIENCE, Start, events, hear, seqs, start
from uproot_nb.errors import LockedPlace, LogBusy, NoSuchPlace, UnfitPlace, UprootError
from uproot_nb.log.log import Snapshot
from uproot_nb.log.sqlite import connections, opening
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

__all__ = ["start"]

as_root = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


def said(refusal: pytest.ExceptionInfo[UprootError]) -> str:
    text = str(refusal.value)
    assert "db=" in text
    assert text.count("\n") == 1
    assert "Errno" not in text
    return text


@pytest.mark.parametrize("readonly", [False, True])
def test_a_folder_or_file_that_is_missing_is_named(path: Path, readonly: bool) -> None:
    missing = path.parent / "missing" / "log.sqlite3"
    with pytest.raises(NoSuchPlace) as refusal:
        SqliteLog(missing, readonly=readonly)
    assert str(missing if readonly else missing.parent) in said(refusal)
    assert isinstance(refusal.value, FileNotFoundError)


def test_a_folder_in_the_place_of_a_file_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(UprootError, match="not a regular file"):
        SqliteLog(path)


@pytest.mark.parametrize("error", [PermissionError(13, "denied"), OSError(30, "Read-only")])
def test_a_folder_that_takes_no_file_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises((LockedPlace, UnfitPlace)) as refusal:
        SqliteLog(path)
    assert str(path.parent) in said(refusal)


@pytest.mark.skipif(as_root, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(LockedPlace) as refusal:
            SqliteLog(path)
        assert str(path.parent) in said(refusal)
    finally:
        path.parent.chmod(0o700)


def without_shared_memory(connect: Callable[..., sqlite3.Connection]) -> Callable[..., object]:
    """Connect by the part of SQLite that has none, as a network file system."""

    def connect_without(file: str, options: str, *more: float) -> sqlite3.Connection:
        return connect(file, f"{options}&vfs=unix-dotfile", *more)

    return connect_without


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite has no such part there")
@pytest.mark.parametrize("made", [False, True])
def test_a_file_system_without_shared_memory_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """SQLite says there that the journal mode is another one, and nothing else."""
    if made:
        SqliteLog(path).close()
    for module in (connections, opening):
        monkeypatch.setattr(module, "connect", without_shared_memory(module.connect))
    with pytest.raises(UnfitPlace) as refusal:
        SqliteLog(path)
    assert str(path) in said(refusal)


@pytest.mark.parametrize("fault", ["locking protocol", "disk I/O error"])
def test_what_sqlite_says_of_a_place_is_in_the_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def fail(writer: sqlite3.Connection, file: str) -> None:
        error = sqlite3.OperationalError(fault)
        error.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
        raise error

    SqliteLog(path).close()
    monkeypatch.setattr(connections, "use_wal", fail)
    with pytest.raises(UnfitPlace, match=fault) as refusal:
        SqliteLog(path)
    said(refusal)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_file_that_another_program_holds_is_named_soon(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    SqliteLog(path).close()
    monkeypatch.setattr("uproot_nb.log.sqlite.connections._OPENING_SECONDS", 0.01)
    monkeypatch.setattr("uproot_nb.log.sqlite.file_writer._CLAIM_SECONDS", 0.01)
    monkeypatch.setattr(connections.connect, "__defaults__", (0.01,))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LogBusy) as refusal, closing(SqliteLog(path)) as log:
            log.claim("market")
        assert str(path) in said(refusal)
    with closing(SqliteLog(path)) as log:
        log.claim("market")


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
def test_a_full_disk_costs_a_snapshot_and_nothing_else(path: Path, start: Start) -> None:
    writer = start("""
import resource, sqlite3
from uproot_nb.log.log import Snapshot
log = SqliteLog(path)
log.claim("market")
log.append([event(1)])
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
for _ in range(2):
    try:
        log.save_snapshot(Snapshot("market", 1, b"x" * 2_000_000))
    except sqlite3.OperationalError as error:
        say("full")
log.append([event(2)])
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
log.save_snapshot(Snapshot("market", 2, b"x" * 2_000_000))
log.append([event(3)])
log.close()
say("closed")
""")
    assert [hear(writer) for _ in range(3)] == ["full", "full", "closed"]
    writer.wait(PATIENCE)
    with closing(SqliteLog(path)) as log:
        assert seqs(log) == [1, 2, 3]
        assert log.load_snapshot("market") == Snapshot("market", 2, b"x" * 2_000_000)
        log.append(events(4, 4))
