"""oTree's own sample games, translated and played."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.otree.playing import load_notebook, play_notebook
from uproot_nb import from_otree, serve

FOLDER = os.environ.get("UPROOT_NB_OTREE_SAMPLES", "")
MISSING = (
    "Set UPROOT_NB_OTREE_SAMPLES to a folder with oTree's sample games "
    "(`otree startproject` asks whether to include them)."
)
BY_BUTTON = {"prisoner"}
"""Games whose answers are buttons, which bots that answer at random do not press."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FOLDER, reason=MISSING)]


def games() -> list[str]:
    return sorted(path.parent.name for path in Path(FOLDER).glob("*/__init__.py")) if FOLDER else []


@pytest.mark.parametrize("game", sorted(set(games()) - BY_BUTTON))
def test_a_sample_game_is_played_to_its_end_without_an_edit(
    tmp_path: Path, monkeypatch: Any, game: str
) -> None:
    path = from_otree(Path(FOLDER) / game, tmp_path / f"{game}.ipynb")
    assert play_notebook(path, monkeypatch)


def test_the_prisoners_dilemma_is_played_in_a_browser(
    tmp_path: Path, monkeypatch: Any, browser: Browser
) -> None:
    path = from_otree(Path(FOLDER) / "prisoner", tmp_path / "prisoner.ipynb")
    names, options = load_notebook(path, monkeypatch)
    run = serve(
        names["page_order"], namespace=names, db=":memory:", embedded=True, port=0, **options
    )
    try:
        pages = [browser.new_page() for _ in run.players]
        for page, player in zip(pages, run.players, strict=True):
            page.goto(run.link(player))
            page.click("button:has-text('Next')")
        pages[0].click("text=I will cooperate")
        pages[1].click("text=I will defect")
        pages[0].wait_for_selector("text=you earned 0")
        pages[1].wait_for_selector("text=you earned 300")
        assert run.errors.empty
    finally:
        run.close()
