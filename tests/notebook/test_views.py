"""Views of the log: calls, pushes, page times, presence, errors; while it runs and after."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.running import Browser, Rejected, serving, until
from uproot_nb import IntegerField, Page, live, notify, open_log, players


class Market(Page):
    """Live methods of every kind."""

    @live
    def post(page, player, price: float):
        player.price = price
        notify(player, players(player.session), {"price": price}, event="Offer")
        return price

    @live
    def fail(page, player):
        raise RuntimeError("out of stock")


class Ask(Page):
    """A question."""

    fields = {"age": IntegerField(label="Age", min=18, max=99)}  # noqa: RUF012


async def test_calls_tell_who_what_and_how_it_ended() -> None:
    with serving(Market) as run:
        assert run.calls.empty
        assert str(run.calls["ms"].dtype) == "Float64"
        ann = await Browser.open(run)
        await ann.call("post", 2.5)
        for method, arguments in (("fail", ()), ("post", ("cheap",)), ("nothing", ())):
            with pytest.raises(Rejected):
                await ann.call(method, *arguments)
        calls = run.calls
        assert calls["method"].tolist() == ["post", "fail", "post", "nothing"]
        assert calls["outcome"].tolist()[0] == "ok"
        assert set(calls["outcome"].tolist()[1:]) <= {"failed", "refused", "error"}
        assert calls["args"].tolist()[0] == [2.5]
        assert (calls["player"] == run.players[0].name).all()
        assert (calls["ms"] >= 0).all()
        assert calls["timestamp"].is_monotonic_increasing


@pytest.mark.long
async def test_notifications_tell_who_heard_what() -> None:
    with serving(Market) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.call("post", 3)
        await bob.settle()
        assert len(bob.events) == 1
        pushes = run.notifications
        assert pushes["event"].tolist() == ["Offer"]
        assert pushes["sender"].tolist() == [run.players[0].name]
        assert set(pushes["recipients"].iloc[0]) == {p.name for p in run.players}
        assert pushes["data"].tolist() == [{"price": 3.0}]
        assert pushes["cause"].tolist() == ["Market.post"]


@pytest.mark.long
async def test_page_times_begin_and_end_with_the_visit() -> None:
    with serving(Ask, Market) as run:
        ann = await Browser.open(run)
        await ann.submit(age="7")
        await ann.submit(age="30")
        await ann.load()
        visits = run.page_times
        assert visits["page"].tolist() == ["Ask", "Market"]
        assert visits["how"].tolist()[0] == "submit"
        assert visits["left"].isna().tolist() == [False, True]
        first = visits.iloc[0]
        assert first["seconds"] == pytest.approx(first["left_time"] - first["entered_time"])
        assert (first["left"] - first["entered"]).total_seconds() == pytest.approx(
            first["seconds"], abs=1e-4
        )
        assert visits["position"].tolist() == [0, 1]


@pytest.mark.long
async def test_presence_is_a_row_per_stretch_of_time_online() -> None:
    with serving(Market) as run:
        ann = await Browser.open(run)
        await until(lambda: len(run.presence) == 1)
        assert run.presence["offline"].isna().all()
        await ann.disconnect()
        await until(lambda: run.presence["offline"].notna().all())
        await ann.connect()
        await until(lambda: len(run.presence) == 2)
        stretches = run.presence
        assert stretches["offline"].isna().tolist() == [False, True]
        assert stretches["seconds"].iloc[0] >= 0


@pytest.mark.long
async def test_errors_have_their_message_and_traceback_as_columns() -> None:
    with serving(Market) as run:
        assert list(run.errors.columns[-3:]) == ["type", "message", "traceback"]
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("fail")
        await until(lambda: not run.errors.empty)
        error = run.errors.iloc[0]
        assert error["type"] == "RuntimeError"
        assert "out of stock" in error["message"]
        assert "raise RuntimeError" in error["traceback"]


@pytest.mark.long
async def test_all_of_it_reads_the_same_without_the_run(tmp_path: Path) -> None:
    views = ("state", "groups", "session_state", "calls", "notifications", "page_times", "presence",
             "errors")  # fmt: skip
    path = tmp_path / "lab.sqlite3"
    with serving(Market, db=path) as run:
        ann = await Browser.open(run)
        await ann.call("post", 3)
        with pytest.raises(Rejected):
            await ann.call("fail")
    with open_log(path) as log:
        for view in views:
            left, right = getattr(run, view), getattr(log, view)
            if view == "errors":
                left, right = left.drop(columns="value"), right.drop(columns="value")
            pd.testing.assert_frame_equal(left, right)
