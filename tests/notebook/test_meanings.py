"""Meanings: what an experiment says of its own data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.running import serving
from uproot_nb import Entry, IntegerField, Page, PlayerIdentifier, RadioField, add_entry
from uproot_nb import create_model as new_model


class Offer(metaclass=Entry):
    """An offer to sell."""

    player: PlayerIdentifier
    price: float


class Survey(Page):
    """Some questions."""

    fields = {  # noqa: RUF012
        "age": IntegerField(label="How old are you?", min=18, max=99, addon_end="years"),
        "side": RadioField(label="Which side?", choices=[(1, "left"), (2, "right")]),
    }


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    """Return the codebook of a session with answers, a model, and a field that a cell set."""
    names = {"codebook": {"player.cash": "points left", "session.price": "euros"}}
    with serving(Survey, names=names) as run:
        ann = run.players[0]
        ann.age, ann.side, ann.cash, run.session.price = 30, 2, 7, 2.5
        run.session.offers = new_model(run.session, tag="offers")
        add_entry(run.session.offers, ann, Offer, price=2)
        folder = run.export(tmp_path / "out")
        found: dict[str, Any] = json.loads((folder / "codebook.json").read_text("utf-8"))
        assert any(path.name.startswith("Survey-") for path in (folder / "source").iterdir())
    return found


def test_a_question_is_the_meaning_of_its_answers(told: dict[str, Any]) -> None:
    for table in ("latest/players", "sparse/players"):
        age = told[table]["age"]
        assert age["meaning"] == "How old are you?"
        assert (age["type"], age["unit"], age["min"], age["max"]) == (
            "integer",
            "years",
            "18",
            "99",
        )
        assert told[table]["side"]["choices"] == {"1": "left", "2": "right"}


def test_what_no_form_asks_for_is_told_by_the_author(told: dict[str, Any]) -> None:
    assert told["latest/players"]["cash"]["meaning"] == "points left"
    assert told["latest/session"]["price"]["meaning"] == "euros"


def test_entries_have_their_annotations(told: dict[str, Any]) -> None:
    price = told["models/offers"]["price"]
    assert price["annotation"] == "float"
    assert "An offer to sell." in price["meaning"]


def test_our_own_columns_have_meanings_too(told: dict[str, Any]) -> None:
    without = {
        (table, name)
        for table, columns in told.items()
        for name, about in columns.items()
        if not about["meaning"]
    }
    assert without <= {("latest/session", "offers"), ("sparse/session", "offers"),
                       ("latest/session", "session")}  # fmt: skip
