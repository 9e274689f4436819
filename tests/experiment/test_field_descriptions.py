"""Meanings: what labels, annotations and dicts say of data, as JSON."""

from __future__ import annotations

import json
from typing import Any

from wtforms.fields import StringField as TheirField

from uproot_nb import (
    Entry,
    FloatField,
    IntegerField,
    LikertField,
    PlayerIdentifier,
    SelectField,
)
from uproot_nb.experiment.field_descriptions import (
    describe_entries,
    describe_experiment,
    describe_fields,
)


class Rating(metaclass=Entry):
    stars: int | None
    words: list[str]
    who: PlayerIdentifier | None = None


class Longer(Rating):
    """A rating with reasons."""

    reasons: dict[str, tuple[int, ...]] | None = None


def test_annotations_are_described_as_they_are_written() -> None:
    described = describe_entries(Rating)
    assert {name: about["annotation"] for name, about in described.items()} == {
        "stars": "int | None", "words": "list[str]", "who": "PlayerIdentifier | None",
    }  # fmt: skip
    assert described["stars"]["meaning"] == "stars of Rating"


def test_annotations_that_are_not_text_are_described_the_same() -> None:
    kinds: dict[str, Any] = {
        "plain": float, "gap": int | None, "many": list[int], "who": PlayerIdentifier | None,
    }  # fmt: skip
    made = Entry("Made", (), {"__annotations__": kinds, "__module__": __name__})
    written = [about["annotation"] for about in describe_entries(made).values()]
    assert written == ["float", "int | None", "list[int]", "PlayerIdentifier | None"]


def test_an_entry_has_the_fields_of_what_it_is_made_from() -> None:
    described = describe_entries(Longer)
    assert list(described) == ["stars", "words", "who", "reasons"]
    assert described["reasons"]["annotation"] == "dict[str, tuple[int, ...]] | None"
    assert "A rating with reasons." in described["stars"]["meaning"]


def test_a_form_tells_labels_help_units_choices_and_bounds() -> None:
    fields = {
        "age": IntegerField(label="Age", min=18, addon_end="years", description="At last birthday"),
        "pay": FloatField(label="Pay", addon_start="€"),
        "mood": LikertField(label="Mood", label_min="bad", label_max="good", max=3),
        "side": SelectField(label="Side", choices=[("l", "left"), ("r", "right")]),
        "theirs": TheirField("Made with WTForms"),
        "named": TheirField(label="By name"),
    }
    described = describe_fields(fields, "Survey")
    assert described["age"] == {
        "meaning": "Age", "asked on": "Survey", "unit": "years", "min": "18",
        "description": "At last birthday",
    }  # fmt: skip
    assert described["pay"]["unit"] == "€"
    assert (described["mood"]["label_min"], described["mood"]["label_max"]) == ("bad", "good")
    assert described["side"]["choices"] == {"l": "left", "r": "right"}
    assert [described[name]["meaning"] for name in ("theirs", "named")] == [
        "Made with WTForms", "By name",
    ]  # fmt: skip
    assert json.loads(json.dumps(described)) == described


class Stranger:
    """Something in a notebook that lets nobody ask what it is."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("not now")


def test_an_experiment_tells_its_entries_and_its_codebook_whatever_else_it_holds() -> None:
    names = {"Rating": Rating, "odd": Stranger(), "codebook": {"player.cash": 3}, "Entry": Entry}
    described = describe_experiment([names, {"codebook": "no dict"}], [Longer])
    assert list(described["entries"]) == ["Longer", "Rating"]
    assert described["codebook"] == {"player.cash": "3"}
