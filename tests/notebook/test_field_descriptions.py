"""Field descriptions: how an experiment describes its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, serving
from uproot_nb import (
    Entry,
    FloatField,
    IntegerField,
    LikertField,
    Page,
    PlayerIdentifier,
    RadioField,
    add_entry,
    open_log,
)
from uproot_nb import create_model as new_model
from uproot_nb.session.entities import Player


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
def descriptions(tmp_path: Path) -> dict[str, Any]:
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


@pytest.mark.long
def test_a_question_is_the_meaning_of_its_answers(descriptions: dict[str, Any]) -> None:
    for table in ("latest/players", "sparse/players"):
        age = descriptions[table]["age"]
        assert age["meaning"] == "How old are you?"
        assert (age["type"], age["unit"], age["min"], age["max"]) == (
            "integer",
            "years",
            "18",
            "99",
        )
        assert descriptions[table]["side"]["choices"] == {"1": "left", "2": "right"}


def test_the_author_describes_what_no_form_asks_for(descriptions: dict[str, Any]) -> None:
    assert descriptions["latest/players"]["cash"]["meaning"] == "points left"
    assert descriptions["latest/session"]["price"]["meaning"] == "euros"


@pytest.mark.long
def test_entries_have_their_annotations(descriptions: dict[str, Any]) -> None:
    price = descriptions["models/offers"]["price"]
    assert price["annotation"] == "float"
    assert "An offer to sell." in price["meaning"]


class Rating(metaclass=Entry):
    stars: int | None
    words: list[str]
    who: PlayerIdentifier | None = None


class Asking(Page):
    """Its form is made for each player."""

    @classmethod
    def fields(page, player: Player) -> dict[str, Any]:
        return {
            "given": FloatField(
                label=f"How much of {player.cash} do you give?", description="At most all.",
                addon_start="€", min=0,
            ),
            "mood": LikertField(label="Your mood", label_min="bad", label_max="good"),
        }  # fmt: skip


def codebook(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "codebook.json").read_text("utf-8"))
    return found


@pytest.mark.long
async def test_a_log_alone_has_the_codebook_and_the_sources_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the run exports, the log does years later, where nothing of the experiment is left."""
    notebook = tmp_path / "giving.ipynb"
    cell = {"cell_type": "code", "source": "serve()", "outputs": [{"data": "big"}], "metadata": {}}
    notebook.write_text(json.dumps({"cells": [cell], "nbformat": 4}), "utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    names = {"codebook": {"player.cash": "points left", "models/offers.price": "the ask"}}
    path = tmp_path / "lab.sqlite3"
    with serving(Asking, Survey, names={**names, "Rating": Rating}, db=path) as run:
        ann = run.players[0]
        ann.cash, ann.age, ann.given, ann.mood = 10, 30, 2.5, 7
        run.session.offers = new_model(run.session, tag="offers")
        add_entry(run.session.offers, ann, Offer, price=2)
        run.session.ratings = new_model(run.session, tag="ratings")
        add_entry(run.session.ratings, ann, Rating, stars=3, words=["good"])
        await Browser(run.link(ann)).load()
        ours = run.export(tmp_path / "ours")
    with open_log(path, "market") as log:
        theirs = log.export(tmp_path / "theirs")
    descriptions = codebook(theirs)
    assert descriptions == codebook(ours)
    given = descriptions["latest/players"]["given"]
    assert given["meaning"] == "How much of 10 do you give?"
    assert (given["description"], given["unit"], given["min"]) == ("At most all.", "€", "0")
    assert descriptions["sparse/players"]["mood"]["label_max"] == "good"
    assert descriptions["latest/players"]["age"]["unit"] == "years"
    assert descriptions["latest/players"]["cash"]["meaning"] == "points left"
    assert descriptions["models/offers"]["price"] == {
        "meaning": "the ask", "type": "integer", "unit": "", "annotation": "float",
    }  # fmt: skip
    assert descriptions["models/ratings"]["stars"]["annotation"] == "int | None"
    for folder in (ours, theirs):
        kept = json.loads((folder / "source/giving.ipynb").read_text("utf-8"))
        assert kept["cells"] == [{**cell, "outputs": [], "execution_count": None}]
        assert {path.name.partition("-")[0] for path in (folder / "source").iterdir()} == {
            "Survey", "Asking", "giving.ipynb",
        }  # fmt: skip


@pytest.mark.long
def test_a_log_of_somebody_else_writes_nothing_outside_of_the_export(tmp_path: Path) -> None:
    with serving(Survey, db=tmp_path / "lab.sqlite3") as run:
        run._runtime.code_log.note_notebook("../../outside.ipynb", "{}")
    with open_log(tmp_path / "lab.sqlite3") as log:
        folder = log.export(tmp_path / "out")
    assert [path.parent for path in tmp_path.rglob("*outside.ipynb")] == [folder / "source"]


@pytest.mark.long
def test_a_redefined_page_describes_its_fields_anew(tmp_path: Path) -> None:
    with serving(Survey, db=tmp_path / "lab.sqlite3") as run:
        run.players[0].age = 30
        newer = {"fields": {"age": IntegerField(label="Your age?")}, "__module__": __name__}
        run._runtime.code.redefine(type("Survey", (Page,), newer))
    with open_log(tmp_path / "lab.sqlite3") as log:
        descriptions = codebook(log.export(tmp_path / "out"))
    assert descriptions["latest/players"]["age"]["meaning"] == "Your age?"


@pytest.mark.long
def test_our_own_columns_have_meanings_too(descriptions: dict[str, Any]) -> None:
    without = {
        (table, name)
        for table, columns in descriptions.items()
        for name, about in columns.items()
        if not about["meaning"]
    }
    assert without <= {("latest/session", "offers"), ("sparse/session", "offers")}  # fmt: skip
