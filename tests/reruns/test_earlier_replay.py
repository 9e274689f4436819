"""EarlierReplay: logs of versions that did not log each input as such still rerun."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.reruns.every_input import NAMES, ORDER, RULE
from tests.running import Browser, until
from uproot_nb import rerun, serve
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog, MemoryLog
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.study.recording import Recording

ROWS = Path(__file__).with_name("earlier_session.jsonl")
"""The log of the session in `every_input`, as the version before wrote it."""


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier version could not rerun forms whose hooks wait."""
    monkeypatch.setitem(RULE, "seconds", 0)


def filled(log: EventLog) -> EventLog:
    """Return the log with the earlier session in it."""
    log.append([Event(*json.loads(line)) for line in ROWS.read_text("utf-8").splitlines()])
    return log


@pytest.mark.long
def test_an_earlier_log_reruns_without_a_difference() -> None:
    again = rerun(Recording(filled(MemoryLog()), "lab"), ORDER, namespace=NAMES)
    assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
    assert (again.repeated["call"], again.repeated["submit"]) == (5, 17)
    assert again.repeated["not kept"] == 3  # one of them was sent by a bot
    assert "left out" not in again.repeated


@pytest.mark.long
def test_another_rule_is_named_in_an_earlier_log_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULE, "factor", 3)
    again = rerun(Recording(filled(MemoryLog()), "lab"), ORDER, namespace=NAMES)
    assert again.first is not None
    assert (again.first.what, again.first.args) == ("Desk.buy", [3])


@pytest.mark.long
async def test_a_session_that_an_earlier_version_began_reruns_as_a_whole(tmp_path: Path) -> None:
    """From where it was served again, its inputs are in the log."""
    path = str(tmp_path / "lab.sqlite3")
    filled(SqliteLog(path)).close()
    run = await asyncio.to_thread(
        lambda: serve(ORDER, players=1, db=path, name="lab", embedded=True, port=0, namespace=NAMES)
    )
    try:
        run.move_to_end(run.players[:4])
        run.revert(run.players[3])
        one = Browser(run.link(run.players[4]))
        await one.load()
        await one.submit()
        await one.load()
        await until(lambda: run.players[4].page == "Ask")
        again = rerun(run, ORDER, namespace=NAMES)  # with the days in which nobody was there
        assert again.same, f"{again!r}\n{again.differences}\n{again.messages}"
        assert again.repeated["look"] > 0
        assert again.repeated["load"] == 2
    finally:
        run.close()
