"""Run: what a researcher holds in the hand."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving, until
from uproot_nb import Page, create_group, live, notify, open_log


class Market(Page):
    """A market."""

    @live
    def offer(page, player, price: float):
        player.price = Decimal(str(price))
        notify(player, player, price, event="Offer")
        return price

    @live
    def fail(page, player):
        raise KeyError("oh")


class Thanks(Page):
    """Thank you."""


async def test_links_have_a_row_for_each_player() -> None:
    """Player, url, page, online; the url is the player's page."""
    with serving(Market, players=3) as run:
        ann = await Browser.open(run, 1)
        await until(lambda: run.players[1].online)
        links = run.links
        assert list(links.columns) == ["player", "url", "page", "online"]
        assert links["player"].tolist() == [player.name for player in run.players]
        assert links["online"].tolist() == [False, True, False]
        assert links["page"].isna().tolist() == [True, False, True]
        assert links["page"][1] == "Market"
        assert links["url"][1] == ann.url == run.link(run.players[1])
        assert links["url"].is_unique
        tokens = links["url"].str.rstrip("/").str.rpartition("/")[2]
        assert (tokens.str.len() >= 32).all()
        assert not any(
            player.name in url for player, url in zip(run.players, links["url"], strict=True)
        )


def test_links_of_a_run_without_places_are_an_empty_table() -> None:
    """With the same columns."""
    with serving(Market, players=0) as run:
        assert list(run.links.columns) == ["player", "url", "page", "online"]
        assert len(run.links) == 0
        assert len(run.state) == 0
        assert "0 players" in repr(run)


async def test_the_join_link_cannot_be_guessed() -> None:
    """Name and secret; another secret or name leads nowhere."""
    with serving(Market) as run, serving(Market, name="other") as other:
        assert run.join_link.startswith(run.url + "join/market/")
        assert len(run._runtime.world.join_secret) >= 32
        assert run._runtime.world.join_secret != other._runtime.world.join_secret
        for wrong in (run.join_link[:-5] + "0000/", run.join_link.replace("market", "other")):
            assert (await Browser(wrong).fetch(body={})).code == 404


async def test_state_shows_the_latest_values_and_where_everybody_is() -> None:
    """A row per player; values as they were stored, in copies."""
    with serving(Market, Thanks, players=3) as run:
        ann = await Browser.open(run)
        await ann.call("offer", 1.5)
        await ann.call("offer", 2.5)
        create_group(run.session, run.players[:2])
        run.players[1].items = [1, {"a": 2}]
        state = run.state
        name = run.players[0].name
        assert state.loc[name, "price"] == Decimal("2.5")
        assert state.loc[name, "page"] == "Market"
        assert bool(state.loc[name, "online"]) is True
        assert state["group"].tolist()[:2] == ["g0", "g0"]
        assert state["member_id"].tolist()[:2] == [0, 1]
        state.loc[run.players[1].name, "items"].append(3)
        assert run.players[1].items == [1, {"a": 2}]


async def test_events_are_every_event_in_order_and_typed() -> None:
    """seq without gaps, times that do not run back, values as objects."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        await ann.call("offer", 1.5)
        events = run.events
        assert events["seq"].tolist() == list(range(1, len(events) + 1))
        assert events["time"].is_monotonic_increasing
        assert str(events["seq"].dtype) == "int64"
        assert str(events["time"].dtype) == "float64"
        assert str(events["timestamp"].dtype).endswith("UTC]")
        change, push, call = (
            events[events["kind"] == kind].iloc[-1] for kind in ("set", "notify", "call")
        )
        assert (change["field"], change["value"]) == ("price", Decimal("1.5"))
        assert push["value"]["data"] == 1.5
        assert call["value"]["result"] == 1.5
        assert call["value"]["args"] == [1.5]
        assert call["value"]["ms"] >= 0
        before = len(events)
        run.session.x = 1
        assert len(run.events) == before + 1
        assert len(events) == before


async def test_reading_events_again_reads_only_what_is_new() -> None:
    """The second access costs by what has happened since."""
    with serving(Market) as run:
        run.session.x = 1
        asked: list[int] = []
        log = run._runtime.world.log
        read = log.read

        def noting(session: str, after: int = 0, *limits: Any, **filters: Any) -> Any:
            asked.append(after)
            return read(session, after, *limits, **filters)

        log.read = noting  # type: ignore[method-assign]
        first = len(run.events)
        run.session.x = 2
        second = len(run.events)
        assert asked == [0, first]
        assert second == first + 1


async def test_a_table_that_was_changed_does_not_change_the_next() -> None:
    """Each access gives a copy."""
    with serving(Market) as run:
        run.session.x = 1
        events = run.events
        events["kind"] = "spoiled"
        events.loc[:, "seq"] = 0
        assert "spoiled" not in set(run.events["kind"])
        assert run.events["seq"].is_monotonic_increasing


async def test_errors_are_the_events_of_that_kind() -> None:
    """What authors' code raised, with its traceback."""
    with serving(Market) as run:
        assert run.errors.query("field != 'Warning'").empty
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("fail")
        errors = run.errors
        assert errors["field"].tolist() == ["KeyError"]
        assert errors["cause"].tolist() == ["Market.fail"]


async def test_cells_read_and_change_what_live_methods_see() -> None:
    """run.session, run.players and players' fields are the same objects' data."""
    with serving(Market) as run:
        ann = await Browser.open(run)
        await ann.call("offer", 3)
        assert run.players[0].price == Decimal("3.0")
        run.players[0].price = 5
        assert run.players.get(run.players[0].name).price == 5
        run.session.total = 1
        with run.lock:
            run.session.total += 1
        assert run.session.total == 2


def test_a_run_is_a_context_that_closes_itself() -> None:
    """with serve(...) as run."""
    with serving(Market) as run:
        with run as same:
            assert same is run
        assert run.closed


@pytest.mark.long
async def test_a_closed_run_leaves_everything_in_the_one_file(tmp_path: Path) -> None:
    """A copy of the database alone holds it all, though the notebook has it open still."""
    with serving(Market, db=tmp_path / "log.sqlite3") as run:
        ann = await Browser.open(run, 0)
        assert await ann.call("offer", 3) == 3
    copied = shutil.copy(tmp_path / "log.sqlite3", tmp_path / "copy.sqlite3")
    with open_log(copied, "market") as log:
        assert len(log.events) == len(run.events)
        assert log.state["price"].tolist()[0] == Decimal(3)


def test_the_html_of_a_run_is_escaped(tmp_path: Path) -> None:
    """Links and players, escaped."""
    with serving(Market, public_url="https://x.example/<b>") as run:
        html = run._repr_html_()
        assert "<b>" not in html
        for player in run.players:
            assert player.name in html
        assert "2 players" in repr(run)
        run.close()
        assert "closed" in run._repr_html_()


def test_the_path_names_the_database(tmp_path: Path) -> None:
    """So that one finds it again."""
    path = tmp_path / "a folder" / "log.sqlite3"
    path.parent.mkdir()
    with serving(Market, db=path) as run:
        assert run.path == str(path)
    with serving(Market) as run:
        assert run.path == ":memory:"


@pytest.mark.long
def test_the_whole_surface_is_usable_after_a_resume(tmp_path: Path) -> None:
    """Tables, links and entities of a session that goes on."""
    path = tmp_path / "log.sqlite3"
    for number in range(3):
        with serving(Market, db=path) as run:
            run.session.runs = number
            assert run.events.query("field == 'runs'")["value"].tolist() == list(range(number + 1))
            assert run.events["seq"].tolist() == list(range(1, len(run.events) + 1))
            assert len(run.links) == len(run.state) == 2
