"""A log that commits on a thread of its own: the loop goes on, and publishes what was committed."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Browser, Distant, serving, together, until, until_true
from uproot_nb import Page, live
from uproot_nb.errors import ClaimLost, LogAway
from uproot_nb.session import journal


class Market(Page):
    """Counts."""

    @live
    def count(page, player, n: int):
        player.n = n
        player.session.seen.append(n)
        return n


def new_session(session):
    session.seen = []


NAMES = {"new_session": new_session}


@pytest.fixture
def distant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Distant]:
    """The log of the next run."""
    log = Distant()
    monkeypatch.setattr("uproot_nb.log.places.MemoryLog", lambda: log)
    yield log
    log.may_commit.set()


async def test_what_comes_during_a_commit_goes_into_the_next(distant: Distant) -> None:
    """No reply leaves before its commit; ten calls that came meanwhile are one batch."""
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run, 0)
        await ann.settle()
        state = run._runtime.world.state
        await until(lambda: not run._runtime.world.journal.uncommitted)
        distant.may_commit.clear()
        before = len(distant.batches)
        calls = [await ann.ask("count", n) for n in range(11)]
        await until(lambda: state.values("session").get("seen", [])[-1:] == [10])
        assert await ann.pong() == []
        assert distant.last_seq(run.name) == run._runtime.world.journal.committed
        distant.may_commit.set()
        assert [await ann.answer(call) for call in calls] == list(range(11))
        assert len(distant.batches) <= before + 3


async def test_a_player_reads_back_what_is_on_its_way(distant: Distant) -> None:
    with serving(Market, names=NAMES) as run:
        ann = await Browser.open(run, 0)
        await ann.settle()
        distant.may_commit.clear()
        call = await ann.ask("count", 3)
        await until(lambda: run.players[0].get("n") == 3)
        written = run._runtime.world.journal
        subject = f"player/{run.players[0].name}"
        assert [event.value for event in written.read({"set"}, subject, "n")] == ["3"]
        newest = written.uncommitted[-1]
        assert written.event_at(newest.seq) == newest
        distant.may_commit.set()
        assert await ann.answer(call) == 3
        assert [event.value for event in written.read({"set"}, subject, "n")] == ["3"]
        assert written.event_at(newest.seq) == newest


async def test_beyond_a_bound_calls_wait_in_order_and_none_has_begun(
    distant: Distant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a database is away, what is not committed does not grow with what comes."""
    with serving(Market, names=NAMES) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await together(ann.settle(), bob.settle())
        journal_ = run._runtime.world.journal
        await until(lambda: not journal_.uncommitted)
        monkeypatch.setattr(journal, "BACKLOG_EVENTS", 10)
        distant.may_commit.clear()
        calls = [(who, await who.ask("count", n)) for n in range(20) for who in (ann, bob)]
        await until(lambda: journal_.is_full)
        assert await together(ann.pong(), bob.pong()) == [[], []]
        assert len(journal_.uncommitted) < 20
        distant.may_commit.set()
        answers = [await who.answer(call) for who, call in calls]
        assert answers == [n for n in range(20) for _ in (ann, bob)]
        seen = list(run.session.seen)
        assert sorted(seen) == sorted([*range(20), *range(20)])


def test_a_cell_goes_on_when_its_changes_are_committed(distant: Distant) -> None:
    with serving(Market, names=NAMES) as run:
        with run.lock:
            run.players[0].n = 5
        assert not run._runtime.world.journal.uncommitted
        assert distant.last_seq(run.name) == run._runtime.world.journal.seq


def test_a_cell_does_not_wait_for_ever(distant: Distant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LANDING_SECONDS", 0.01)
    with serving(Market, names=NAMES) as run:
        distant.may_commit.clear()
        with run.lock:
            run.players[0].n = 5
        assert run._runtime.world.journal.uncommitted
        with pytest.raises(LogAway):
            run._runtime.world.journal.commit_now()
        distant.may_commit.set()


def test_who_has_lost_the_session_goes_silent_and_says_who_has_it(
    distant: Distant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is committed or published any more, and the run is closed without an error."""
    with serving(Market, names=NAMES) as run:
        sent: list[Any] = []
        channel = run._runtime.line._channel
        assert channel is not None
        lost = ClaimLost("market", "postgresql://db/study", "process 7 on lab-2")
        monkeypatch.setattr(distant, "_commit", lambda events, done: done(lost))
        send = channel.send
        monkeypatch.setattr(channel, "send", lambda message: (sent.append(message), send(message)))
        last = distant.last_seq(run.name)
        run.players[0].n = 5
        until_true(lambda: run.closed)
        assert distant.last_seq(run.name) == last
        assert "CloseSession" not in {type(message).__name__ for message in sent}
        until_true(lambda: not run._runtime._thread.is_alive())  # it ends in a thread of its own
    assert "was taken over by process 7 on lab-2" in capsys.readouterr().err
