"""App folders written for `uproot`, as they stand, walked by browsers that fill themselves in."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import walking
from uproot_nb.session.model_functions import get_entries


def test_the_dictator_game_from_start_to_end(browser: Browser) -> None:
    with walking(browser, "dictator", players=4) as walk:
        walk.until_all_ended()
        payoffs = sorted(walk.run.players.each("payoff"))
        assert payoffs == [Decimal(8), Decimal(8), Decimal(12), Decimal(12)]
        assert [player.round for player in walk.run.players] == [2] * 4
        assert {group.app for group in walk.run.session.groups} == {"dictator"}
        assert (walk.complaints, list(walk.run.errors["value"]), walk.unseen) == ([], [], set())


def test_opinions_in_two_languages_from_start_to_end(browser: Browser) -> None:
    with walking(browser, "opinions", players=2) as walk:
        walk.until_all_ended()
        notes = get_entries(walk.run.session.notes)
        assert [entry.text for _, _, entry in notes] == ["Fine <b>"] * 2
        assert set(walk.run.players.each("liked")) == {6}
        assert all(len(shown) == 1 for shown in walk.run.players.each("between_showed"))
        assert (walk.complaints, list(walk.run.errors["value"])) == ([], [])


@pytest.mark.slow
def test_apps_run_one_after_the_other(browser: Browser) -> None:
    with walking(browser, ["opinions", "dictator"], players=2) as walk:
        walk.until_all_ended()
        assert set(walk.run.players.each("app")) == {"dictator"}
        assert sorted(walk.run.players.each("payoff")) == [Decimal(8), Decimal(12)]
        assert (walk.complaints, list(walk.run.errors["value"])) == ([], [])
        assert {"opinions/Opinion", "dictator/Give", "dictator/End"} <= walk.seen


def test_what_some_people_could_not_use_is_complained_about(
    browser: Browser, tmp_path: Path
) -> None:
    app = tmp_path / "careless"
    app.mkdir()
    (app / "__init__.py").write_text(CARELESS)
    (app / "simulate.js").write_text("uproot.simulate.on('Ask', (sim) => sim.submit());")
    with walking(browser, app, players=2) as walk:
        walk.until_all_ended()
        assert walk.seen == {"careless/Ask", "careless/End"}
        assert ["label (critical)" in one for one in walk.complaints] == [True, False]
        assert "browser 1: careless/Ask is" in walk.complaints[1]
        assert "pixels wider than its window" in walk.complaints[1]


CARELESS = """
from uproot.smithereens import *

class Ask(Page):
    template = '''{% extends "Base.html" %}{% block title %}What?{% endblock %}{% block main %}
        <input name="what"><p style="width: 700px">This is wider than some phones.</p>
    {% endblock %}'''

page_order = [Ask]
"""
