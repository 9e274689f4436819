"""A kernel that has its session before its cells run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.running import until_true
from uproot_nb import Page, Run, serve
from uproot_nb.log.postgres.postgres_log import PostgresLog
from uproot_nb.notebook.open_runs import describe_runs, hand_over_runs
from uproot_nb.notebook.overrides import Overrides
from uproot_nb.notebook.standby import (
    HELD_CLAIMS,
    claim_now,
    claim_when_free,
    take_held,
    warm_up,
)


class Bid(Page):
    """Say a price."""


@pytest.fixture
def asked(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database in the environment that `uproot-nb run --standby` gives its kernel."""
    for name, value in Overrides(name="market", db=postgres).environment().items():
        monkeypatch.setenv(name, value)
    yield postgres
    for held in vars(sys.modules["__main__"]).pop(HELD_CLAIMS, {}).values():
        held.log.close()


def serve_market() -> Run:
    return serve([Bid], players=1, embedded=True, port=0, namespace=vars(sys.modules["__main__"]))


def test_serve_takes_the_claim_that_the_kernel_has(asked: str) -> None:
    assert claim_now() == ("held", "")
    with closing(PostgresLog(asked)) as other, serve_market() as run:
        writer = other.writer_of("market")
        assert writer is not None
        assert writer.epoch == 1
        assert run.name == "market"
        assert take_held(run.path, "market") is None


def test_a_session_that_is_served_is_not_claimed(asked: str) -> None:
    with closing(PostgresLog(asked)) as other:
        other.claim("market")
        state, writer = claim_now()
        assert state == "taken"
        assert writer.startswith("process ")


def test_who_waits_gets_the_session_that_is_handed_over(asked: str) -> None:
    with closing(PostgresLog(asked)) as first, ThreadPoolExecutor(1) as thread:
        first.claim("market")
        waiting = thread.submit(claim_when_free)
        until_true(lambda: first.writer_of("market").standbys)  # type: ignore[union-attr]
        first.hand_over("market")
        assert waiting.result(60) == ("held", "")


def test_who_waits_does_not_open_a_session_again_that_was_closed(asked: str) -> None:
    with closing(PostgresLog(asked)) as first, ThreadPoolExecutor(1) as thread:
        first.claim("market")
        waiting = thread.submit(claim_when_free)
        until_true(lambda: first.writer_of("market").standbys)  # type: ignore[union-attr]
        first.release("market")
        state, words = waiting.result(60)
        assert state == "closed"
        assert "There is nothing to take over" in words


def test_a_database_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = Overrides(name="market", db="postgresql://lab@127.0.0.1:1/nowhere")
    for name, value in overrides.environment().items():
        monkeypatch.setenv(name, value)
    state, words = claim_now()
    assert state == "away"
    assert "127.0.0.1:1" in words


def test_a_run_that_is_asked_to_hands_its_session_over(asked: str) -> None:
    assert claim_now()[0] == "held"
    run = serve_market()
    run.players[0].price = 12
    with closing(PostgresLog(asked)) as other:
        other.ask_for_hand_over("market")
        until_true(lambda: not other.writer_of("market").name)  # type: ignore[union-attr]
        [described] = [one for one in describe_runs() if one["name"] == "market"]
        assert described["state"] == "handed over"
        until_true(lambda: run.closed)
        assert run.state["price"].tolist() == [12]
        other.claim("market")
        assert other.load_snapshot("market") is not None
    run.close()
    assert not [one for one in describe_runs() if one["name"] == "market"]


def test_a_cell_that_holds_the_lock_is_waited_for(asked: str) -> None:
    claim_now()
    run = serve_market()
    with closing(PostgresLog(asked)) as other:
        with run.lock:
            other.ask_for_hand_over("market")
            log: Any = run._runtime.world.log
            until_true(lambda: log.is_asked_to_hand_over("market"))
            run.players[0].price = 12
            assert not run.closed
        until_true(lambda: not other.writer_of("market").name)  # type: ignore[union-attr]
        assert run.state["price"].tolist() == [12]
    run.close()


def test_a_run_whose_session_was_taken_over_can_be_looked_at(asked: str) -> None:
    claim_now()
    run = serve_market()
    run.players[0].price = 12
    run._runtime.world.journal.commit()
    with closing(PostgresLog(asked)) as other:
        other._fetch("UPDATE {sessions} SET epoch = epoch + 1, writer = 'another'")
        until_true(lambda: run.closed)
        [described] = [one for one in describe_runs() if one["name"] == "market"]
        assert described["state"] == "lost"
        assert run.players[0].price == 12
        assert "closed" in repr(run)
    run.close()


def test_all_open_runs_are_handed_over(asked: str) -> None:
    claim_now()
    run = serve_market()
    hand_over_runs()
    assert run.closed
    with closing(PostgresLog(asked)) as other:
        assert other.wait_for_claim("market", threading.Event())
    run.close()


def test_only_installed_modules_are_imported_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_notebook.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    warm_up(["beside_the_notebook", "no_such_module", "wave"])
    assert "wave" in sys.modules
    assert "beside_the_notebook" not in sys.modules
