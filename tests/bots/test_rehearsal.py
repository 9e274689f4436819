"""rehearse: an experiment played by bots in a session of its own, and the report on it."""
# ruff: noqa: ANN001, ANN201, ANN202, C408, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from uproot_nb import (
    GroupCreatingWait,
    IntegerField,
    Page,
    Rehearsal,
    UprootError,
    live,
    notify,
    players,
    random_forms,
    rehearse,
    runs,
)
from uproot_nb.bots.crowd import Part
from uproot_nb.bots.distant import Share
from uproot_nb.errors import BadPage
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import world_here


class Offer(Page):
    """# Your offer"""

    fields = dict(amount=IntegerField(min=0, max=10))


class Pair(GroupCreatingWait):
    group_size = 2


class Market(Page):
    """Bid."""

    @live
    def bid(page, player, price: int):
        notify(player, players(player.session), price, event="Bid")


class Thanks(Page):
    """Thank you."""


def rehearsed(*pages: Any, **options: Any) -> Rehearsal:
    names = options.pop("names", {})
    return rehearse(list(pages), namespace=names, embedded=True, **{"players": 4, **options})


async def bid_and_go_on(client):
    while client.page != "Market":
        await client.submit()
    for price in range(5):
        await client.call("bid", price)
        await client.next_note("Bid", timeout=30)
    await random_forms(client)


@pytest.mark.long
def test_a_small_session_tells_how_long_everything_took() -> None:
    """Pages, submissions, calls and pushes, in milliseconds; and what one processor would bear."""
    report = rehearsed(Thanks, Market, bot=bid_and_go_on)
    assert report.ok, str(report)
    assert report.players["state"].tolist() == ["done"] * 4
    counts = report.latencies["count"].to_dict()
    assert counts["call"] == 20
    assert counts["submission"] == 8
    assert counts["page"] >= 12
    assert 20 <= counts["push"] <= 80
    assert report.interactions == counts["call"] + counts["submission"] + counts["page"]
    spans = report.latencies
    assert (spans["p50"] <= spans["p95"]).all()
    assert (spans["p99"] <= spans["max"]).all()
    assert (report.waits["ms"] >= 0).all()
    assert set(report.waits.query("kind == 'call'")["what"]) == {"bid"}
    assert report.engine_ms > 0
    assert report.per_second == pytest.approx(1000 / report.engine_ms)
    assert "4 done" in str(report)
    assert "estimate" in report._repr_html_()


@pytest.mark.long
def test_nothing_of_it_gets_among_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its session is called so, its database is gone, and the notebook's names are as before."""
    monkeypatch.setenv("UPROOT_NB_DATABASE", str(tmp_path / "log.sqlite3"))
    names: dict[str, Any] = {}
    report = rehearsed(Thanks, names=names)
    assert report.name.startswith("rehearsal-")
    assert names == {}
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        runs()
    with pytest.raises(UprootError, match="name"):
        rehearsed(Thanks, name="mine")


@pytest.mark.long
def test_who_is_stuck_is_told_with_the_page_and_the_reason() -> None:
    """A page whose form can never be satisfied."""

    class Never(Page):
        """Never."""

        fields = dict(amount=IntegerField(min=0, max=10))

        def validate(page, player, data):
            if player.id == 2:
                return "Never <b>you</b>."

    report = rehearsed(Never, Thanks)
    assert not report.ok
    assert report.stuck["page"].tolist() == ["Never"]
    assert "Never <b>you</b>." in report.stuck["why"][0]
    assert "Stuck: " in str(report)
    assert "<b>you" not in report._repr_html_()
    assert report.players["state"].value_counts().to_dict() == {"done": 3, "stuck": 1}


@pytest.mark.long
def test_who_waits_in_vain_is_stuck_on_the_wait_page() -> None:
    """Three cannot make pairs; nothing comes to the one who is left."""
    report = rehearsed(Pair, Thanks, players=3, patience=2.0)
    assert report.stuck["page"].tolist() == ["Pair"]
    assert report.stuck["why"].tolist() == ["nothing came for 2 s"]
    assert report.errors.empty


@pytest.mark.long
def test_who_is_too_slow_is_stuck_when_the_time_is_up() -> None:
    """A page's own timeout keeps the rehearsal going, but not for ever."""

    class Slow(Page):
        """Slow."""

        timeout = 600.0
        template = "{% extends 'Base.html' %}{% set buttons = false %}"

    report = rehearsed(Slow, players=1, patience=1.0, seconds=1.5)
    assert report.stuck["why"].tolist() == ["not at the end after 1.5 s"]


@pytest.mark.long
def test_failures_of_the_experiment_and_of_bots_are_told_with_their_tracebacks() -> None:
    """Both, and where."""

    class Broken(Page):
        """Broken."""

        def before_once(page, player):
            if player.id == 1:
                raise KeyError("author's mistake")

    async def bot(client):
        await random_forms(client)
        if client.rng is not None:
            raise ValueError("bot's mistake")

    report = rehearsed(Offer, Broken, players=2, bot=bot)
    told = report.errors
    assert set(told["where"]) == {"experiment", "bot"}
    theirs = told[told["where"] == "experiment"]
    assert set(theirs["page"]) == {"Broken"}
    assert "author's mistake" in theirs["error"].iloc[0]
    assert "in before_once" in theirs["traceback"].iloc[0]
    own = told[told["where"] == "bot"]
    assert sorted(error.partition(":")[0] for error in own["error"]) == ["NoPage", "ValueError"]
    assert "author&#x27;s mistake" in report._repr_html_()


@pytest.mark.long
def test_the_experiment_is_taken_from_the_namespace_as_serve_does() -> None:
    """new_session and page_order are picked up."""
    seen: list[str] = []
    names: dict[str, Any] = {
        "page_order": [Thanks], "new_session": lambda session: seen.append(session.name),
    }  # fmt: skip
    report = rehearse(players=1, namespace=names, embedded=True)
    assert seen == [report.name]
    with pytest.raises(BadPage):
        rehearse(namespace={}, embedded=True)


HELD_UP = "Slow has held up every participant."


@pytest.mark.long
def test_what_was_slow_is_a_warning_and_no_failure() -> None:
    class Slow(Page):
        """Slow."""

        def before_once(page, player):
            if player.id == 0:
                world_here().runtime.reports.warn(HELD_UP, Cause("", "", "", ""))

    report = rehearsed(Slow, Thanks)
    assert report.ok
    assert report.errors.empty
    assert report.warnings["warning"].tolist() == [HELD_UP]
    assert f"Warning: {HELD_UP}" in str(report)
    assert "held up" in report._repr_html_()


@pytest.mark.long
def test_bots_play_in_an_executors_workers_and_make_one_table() -> None:
    with ThreadPoolExecutor(2) as pool:
        report = rehearsed(Thanks, Market, bot=bid_and_go_on, executor=pool, players=5)
    assert report.ok, str(report)
    assert report.players["state"].tolist() == ["done"] * 5
    assert report.players["calls"].tolist() == [5] * 5
    assert report.players["submissions"].tolist() == [2] * 5
    assert report.latencies["count"]["call"] == 25
    assert report.interactions == report.latencies["count"].drop("push").sum()


@pytest.mark.processes
def test_bots_play_in_other_processes_to_which_their_code_goes_along() -> None:
    async def waits_for_all(client):
        await client.submit(amount=3)
        await random_forms(client)

    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        report = rehearsed(Offer, Pair, Thanks, bot=waits_for_all, executor=pool, seed=1)
    assert report.ok, str(report)
    assert report.players["bot"].tolist() == ["waits_for_all"] * 4
    assert report.players["page"].isna().all()


@pytest.mark.long
def test_a_bots_failure_in_a_worker_comes_with_its_traceback() -> None:
    async def fails(client):
        raise LookupError("no such offer")

    with ThreadPoolExecutor(1) as pool:
        report = rehearsed(Thanks, bot=fails, executor=pool, players=2)
    assert report.players["state"].tolist() == ["failed"] * 2
    assert report.errors["error"].tolist() == ["LookupError: no such offer"] * 2
    assert report.errors["traceback"].str.contains("in fails").all()


@pytest.mark.long
def test_bots_of_a_worker_that_is_lost_have_failed() -> None:
    class Lost(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = Future()
            future.set_exception(OSError("the worker is away"))
            return future

    with Lost(2) as pool:
        report = rehearsed(Thanks, executor=pool, players=3)
    assert report.players["state"].tolist() == ["failed"] * 3
    assert set(report.errors["error"]) == {"OSError: the worker is away"}


@pytest.mark.long
def test_workers_give_up_by_themselves_and_say_why() -> None:
    class Never(GroupCreatingWait):
        group_size = 9

    with ThreadPoolExecutor(2) as pool:
        report = rehearsed(Offer, Never, executor=pool, players=3, patience=0.5)
    assert report.stuck["page"].tolist() == ["Never"] * 3
    assert set(report.stuck["why"]) == {"nothing came for 0.5 s"}


def test_a_share_shows_no_link() -> None:
    """Dask writes what it runs into its log if a task fails."""
    part = Part("ann", "http://127.0.0.1:1/p/s3cr3t/", random_forms)
    assert "s3cr3t" not in repr(Share([part], None, 1.0))


@pytest.mark.long
def test_a_bot_that_cannot_leave_the_process_is_refused() -> None:
    lock = Lock()

    async def holds(client):
        lock.acquire()

    with ThreadPoolExecutor(1) as pool, pytest.raises(UprootError, match="cannot be sent"):
        rehearsed(Thanks, bot=holds, executor=pool)
    with pytest.raises(UprootError, match="not an executor"):
        rehearsed(Thanks, executor=3)
