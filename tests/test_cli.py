"""The command `uproot-nb`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from uproot_nb import Page, serve
from uproot_nb.cli import main
from uproot_nb.log.sqlite.sqlite_log import SqliteLog


class Ask(Page):
    """A question."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "lab.sqlite3"
    with serve([Ask], players=2, db=path, name="market", embedded=True, port=0) as run:
        run.players[0].bid = 3
    return path


def test_sessions_are_listed(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", str(database)]) == 0
    shown = capsys.readouterr().out
    assert "market" in shown
    assert "name" in shown.splitlines()[0]


def test_a_database_without_a_session_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    SqliteLog(tmp_path / "new.sqlite3").close()
    assert main(["sessions", str(tmp_path / "new.sqlite3")]) == 0
    assert "no session yet" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_session_is_exported(
    database: Path, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.zip"
    assert main(["export", str(database), "market", str(out), "--format", format]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    with zipfile.ZipFile(out) as archive:
        assert f"out/latest/players.{format}" in archive.namelist()


@pytest.mark.long
def test_what_is_wrong_is_said_in_one_message(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    for arguments, said in (
        (["sessions", str(tmp_path / "none.sqlite3")], "none.sqlite3"),
        (["sessions", str(tmp_path / "letter.txt")], "letter.txt"),
        (["export", str(database), "bazaar", str(tmp_path / "x.zip")], "'market'"),
        (["export", str(database), "market", str(tmp_path / "no" / "x.zip")], "Make it first"),
    ):
        assert main(arguments) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert said in told.err
        assert "Traceback" not in told.err
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix == ".zip") == []
