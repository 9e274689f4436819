"""App folders written for `uproot`, as they stand, walked by browsers that fill themselves in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.axe import violations
from uproot_nb import Run, load_app, serve
from uproot_nb.engine.models import get_entries

HERE = Path(__file__).parent
PATIENCE = 60.0


@contextmanager
def app(name: str, players: int, **more: Any) -> Iterator[Run]:
    """Serve an app of this folder; its pages fill themselves in."""
    run = serve(
        app=load_app(HERE / name), players=players, name=name, db=":memory:", simulate=True,
        embedded=True, port=0, namespace={}, **more,
    )  # fmt: skip
    try:
        yield run
    finally:
        run.close()


@pytest.fixture
def walk(browser: Browser) -> Iterator[Callable[[Run], list[str]]]:
    """Let a browser walk for every player until all are at the end; return what went wrong."""
    contexts: list[BrowserContext] = []

    def walk_all(run: Run) -> list[str]:
        wrong: list[str] = []
        pages = []
        for number, player in enumerate(run.players):
            size = {"width": 360, "height": 740} if number % 2 else {"width": 1200, "height": 800}
            contexts.append(browser.new_context(viewport=size))
            page = contexts[-1].new_page()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(run.link(player))
            pages.append(page)
        for page in pages:
            page.wait_for_function(
                "JSON.parse(document.getElementById('uproot-page').text).end",
                timeout=PATIENCE * 1000,
            )
        assert all(player.page is None for player in run.players)
        found = [one for page in pages for one in violations(page)]
        return wrong + found + [str(error) for error in run.errors["value"]]

    yield walk_all
    for context in contexts:
        context.close()


def test_the_dictator_game_from_start_to_end(walk: Callable[[Run], list[str]]) -> None:
    with app("dictator", 4) as run:
        assert walk(run) == []
        assert sorted(run.players.each("payoff")) == [
            Decimal(8),
            Decimal(8),
            Decimal(12),
            Decimal(12),
        ]
        assert [player.round for player in run.players] == [2] * 4
        assert {group.app for group in run.session.groups} == {"dictator"}


def test_opinions_in_two_languages_from_start_to_end(walk: Callable[[Run], list[str]]) -> None:
    with app("opinions", 2) as run:
        assert walk(run) == []
        notes = get_entries(run.session.notes)
        assert [entry.text for _, _, entry in notes] == ["Fine <b>"] * 2
        assert set(run.players.each("liked")) == {6}
        assert all(len(shown) == 1 for shown in run.players.each("between_showed"))


def test_apps_run_one_after_the_other(walk: Callable[[Run], list[str]]) -> None:
    both = [load_app(HERE / "opinions"), load_app(HERE / "dictator")]
    run = serve(
        app=both, players=2, name="both", db=":memory:", simulate=True, embedded=True, port=0,
        namespace={},
    )  # fmt: skip
    with run:
        assert walk(run) == []
        assert set(run.players.each("app")) == {"dictator"}
        assert sorted(run.players.each("payoff")) == [Decimal(8), Decimal(12)]
