"""Erasures at the limits: two processes at once, and a disk that is full at any byte."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.components.log_places import LogPlace
from tests.log.erasing.test_offline import left, read, story, written
from uproot_nb.cli import main
from uproot_nb.log.checking import check_log

pytest.importorskip("resource", reason="this system has no limits of sizes of files")

LIMITED = """
import resource, sys
from uproot_nb.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(["erase", *sys.argv[2:], "--yes"]))
"""
SENTENCES = ("is erased from", "Erase again", "cannot be used in this folder")


def _erasing(db: LogPlace, session: str, player: str, limit: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LIMITED, str(limit), str(db), session, player],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _said(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=120)
    assert "Traceback" not in said, said
    return said


@pytest.mark.long
@pytest.mark.parametrize("limit", [0, 32_768, 40_000, 60_000, 90_112, 98_304])
@pytest.mark.sample(2)
def test_on_a_full_disk_a_sentence_says_so_and_the_next_try_finishes(
    tmp_path: Path, limit: int
) -> None:
    """A database's disk is its server's: see `tests/log/postgres/test_crashes.py`."""
    db = written(LogPlace(os.fspath(tmp_path / "log.sqlite3")))
    joined = next(event for event in read(db) if event.subject == "player/bob34")
    process = _erasing(db, "market", "ann12", limit)
    said = _said(process)
    assert any(sentence in said for sentence in SENTENCES), said
    assert (process.returncode == 0) == ("is erased from" in said)
    if process.returncode == 0 or "erased from every table" in said:
        faults = check_log(db.address).faults
        assert not [fault for fault in faults if "has data of ann12" in fault]
    assert main(["erase", str(db), "market", "ann12", "--yes"]) == 0
    assert left(db) == []
    assert check_log(db.address).faults == []
    assert joined in read(db)


@pytest.mark.long
@pytest.mark.parametrize(
    "whom",
    [
        pytest.param(("market", "ann12", "market", "ann12"), id="the same person"),
        pytest.param(("market", "ann12", "market", "bob34"), id="two persons"),
        pytest.param(
            ("market", "ann12", "second", "ann12"), id="two sessions", marks=pytest.mark.slow
        ),
    ],
)
@pytest.mark.sample(1)
def test_of_two_processes_at_once_each_erases_or_says_what_to_do(
    place: LogPlace, whom: tuple[str, str, str, str]
) -> None:
    db = written(place)
    with closing(db.open()) as log:
        log.claim("second")
        log.append([event._replace(session="second") for event in story()])
    first, second = whom[:2], whom[2:]
    both = [_erasing(db, *one, limit=2**40) for one in (first, second)]
    said = [_said(process) for process in both]
    for process, text in zip(both, said, strict=True):
        assert (process.returncode == 0) == ("is erased from" in text), text
        assert process.returncode == 0 or text.count("\n") in (2, 3), text
    for session, player in (first, second):
        assert main(["erase", str(db), session, player, "--yes"]) == 0
    assert check_log(db.address).faults == []
    gone = {(session, f"player/{player}") for session, player in (first, second)}
    with closing(db.open(readonly=True)) as log:
        for session in ("market", "second"):
            numbers = {e.subject for e in log.read(session, kinds={"set"}, field="number")}
            wanted = {"player/ann12", "player/bob34"} - {p for s, p in gone if s == session}
            assert numbers == wanted
