"""Sessions in PostgreSQL, from `serve` to the command line: as with a file."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import uproot_nb
from uproot_nb import IntegerField, Page, open_log, runs, serve
from uproot_nb.cli import main
from uproot_nb.errors import SessionTaken


class Bid(Page):
    """Say a price."""

    price = IntegerField(label="Price")


@pytest.fixture
def address(postgres: str) -> str:
    """An address with a password, which the server does not ask for."""
    return postgres.replace("lab@", "lab:hunter2@")


@pytest.fixture
def run(address: str) -> Any:
    run = serve([Bid], players=2, name="market", db=address, embedded=True, port=0, namespace={})
    yield run
    run.close()


def test_a_session_is_served_read_exported_and_continued(
    run: Any, address: str, tmp_path: Path
) -> None:
    links, secret = run.links["url"].tolist(), run.join_link
    run.players[0].price = 12
    run._runtime.world.journal.commit()
    assert run.state["price"].iloc[0] == 12
    with pytest.raises(SessionTaken):
        serve([Bid], name="market", db=address, embedded=True, port=0, namespace={})
    run.close()
    with open_log(address, "market") as log:
        assert log.state["price"].iloc[0] == 12
        log.export(tmp_path / "market.zip")
    again = serve([Bid], name="market", db=address, embedded=True, port=0, namespace={})
    try:
        assert [link.rpartition("/p/")[2] for link in again.links["url"]] == [
            link.rpartition("/p/")[2] for link in links
        ]
        assert again.join_link.rpartition("/join/")[2] == secret.rpartition("/join/")[2]
        assert again.players[0].price == 12
    finally:
        again.close()


def test_no_password_is_shown_or_stored(run: Any, address: str, tmp_path: Path) -> None:
    listed = runs(address)
    assert listed["name"].tolist() == ["market"]
    run.export(tmp_path / "folder")
    with open_log(address, "market") as log:
        shown = [run.path, repr(run), log.path, repr(log), repr(log._log), repr(log._log.place)]
    events = "".join(map(str, run.events.to_dict("records")))
    written = [path.read_bytes() for path in (tmp_path / "folder").rglob("*") if path.is_file()]
    stored = [pickle.dumps(listed), *written, events.encode(), *map(str.encode, shown)]
    assert all(b"hunter2" not in text for text in stored)
    assert "hunter2" not in str(run.fingerprint())
    assert listed.state()["session"].tolist() == ["market", "market"]


def test_the_command_line_takes_an_address(
    run: Any, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player = run.players[0].name
    run.players[0].note = "I am from Kiel"
    run.close()
    out = tmp_path / "market.zip"
    assert main(["sessions", address]) == 0
    assert main(["export", address, "market", str(out)]) == 0
    assert out.exists()
    assert main(["check", address]) == 0
    assert main(["erase", address, "market", player, "--yes"]) == 0
    assert main(["check", address]) == 0
    assert main(["check", address, "--accept-loss"]) == 1
    assert main(["export", address, "nothing", str(out)]) == 1
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert "is whole: 1 sessions" in said.out
    with open_log(address, "market") as log:
        assert "Kiel" not in str(log.events.to_dict("records"))


def test_the_environment_may_name_the_database(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPROOT_NB_DATABASE", address)
    run = serve([Bid], players=1, name="market", embedded=True, port=0, namespace={})
    try:
        assert run.path.startswith("postgresql://lab@127.0.0.1:")
    finally:
        run.close()
    assert runs()["name"].tolist() == ["market"]


def test_a_session_is_rerun_from_the_database(run: Any, address: str) -> None:
    run.players[0].price = 12
    run.close()
    with open_log(address, "market") as log:
        assert uproot_nb.rerun(log, [Bid]).differences.empty
