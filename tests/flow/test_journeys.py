"""Journeys: what the log keeps of a player's page order, and what it goes on with."""
# ruff: noqa: ANN001, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser
from uproot_nb import Between, Page, Random, Repeat, Rounds, Run, UprootError, serve


class A(Page):
    """A."""


class A2(Page):
    """Another."""


class B(Page):
    """B."""


class Z(Page):
    """The last."""


PAGES = {page.__name__: page for page in (A, A2, B, Z)}


def at(path: Path | str, order: Any, **options: Any) -> Run:
    usual = {"players": 1, "name": "m", "embedded": True, "port": 0, "seed": 3, "namespace": PAGES}
    return serve(order, db=path, **{**usual, **options})


def pages(run: Run, number: int = 0) -> list[str]:
    """Return the pages of a player's journey as the log has it."""
    journey = run.players[number]._state.journey or []
    return [key for step in journey if (key := step if isinstance(step, str) else step.get("page"))]


@pytest.mark.long
async def test_an_order_that_changes_later_retains_the_past_steps(tmp_path: Path) -> None:
    """It is asked again after a restart; the player goes on where they were, once each."""

    def order(player):
        return [A, A2, Repeat(B), Z] if player.get("x") else [A, Repeat(B), Z]

    with at(tmp_path / "m.sqlite3", order) as run:
        ann = await Browser.open(run)
        await ann.submit()
        assert run.players[0].page == "B"
        run.players[0].x = True
    with at(tmp_path / "m.sqlite3", order) as run:
        player = run.players[0]
        assert player.page == "B"
        player.add_round = True
        ann = await Browser.open(run)
        await ann.submit()
        await ann.load()
        assert (player.page, player.round) == ("B", 2)
        player.add_round = False
        await ann.submit()
        await ann.load()
        assert player.page == "Z"
        assert pages(run) == ["A", "B", "B", "Z"]


@pytest.mark.long
async def test_a_journey_is_the_same_after_a_restart_whatever_is_drawn(tmp_path: Path) -> None:
    """The log has it; nothing is drawn twice."""
    order = [Random(A, A2, B), Between(A, B), Rounds(Random(A, A2), n=3), Repeat(B), Z]
    with at(tmp_path / "m.sqlite3", order, players=4) as run:
        for number in range(4):
            await Browser.open(run, number)
        before = [pages(run, number) for number in range(4)]
    with at(tmp_path / "m.sqlite3", order, players=4) as run:
        assert [pages(run, number) for number in range(4)] == before
    assert len({tuple(journey) for journey in before}) > 1
    with at(":memory:", order, players=4) as run:
        for number in reversed(range(4)):
            await Browser.open(run, number)
        assert [pages(run, number) for number in range(4)] == before, "it hangs on more than seed"


@pytest.mark.long
async def test_an_order_that_fails_leaves_the_player_as_they_were(tmp_path: Path) -> None:
    """What it changed before it failed is undone, and it is asked again."""
    mended = False

    def order(player):
        player.asked = player.get("asked", 0) + 1
        if not mended:
            raise RuntimeError("not today")
        return [A]

    with at(tmp_path / "m.sqlite3", order) as run:
        with pytest.raises(Exception, match="500"):
            await Browser.open(run)
        assert run.players[0].get("asked") is None
        assert "RuntimeError" in set(run.errors["type"])
        mended = True
        await Browser.open(run)
        assert (run.players[0].asked, run.players[0].page) == (1, "A")


async def test_an_order_that_is_none_is_refused_with_the_place_named(tmp_path: Path) -> None:
    """At once, if it is a list."""
    with pytest.raises(UprootError, match="page_order"):
        at(tmp_path / "m.sqlite3", [A, "B"])
