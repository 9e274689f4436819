"""Model tables: the entries of a model, or of all models with a tag, one column per field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from uproot_nb.analysis.field_tables import FieldTable, field_table
from uproot_nb.analysis.rounds.people import WHO, People
from uproot_nb.errors import UprootError
from uproot_nb.experiment.identifiers import GroupIdentifier, ModelIdentifier, PlayerIdentifier
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State

__all__ = ["entries_table", "find_models", "models_named", "tables_of_models"]

_HEAD = {
    "session": "category", "model": "category", "type": "category", "id": "string",
    "time": "float64", "timestamp": "timestamp",
}  # fmt: skip


def models_named(state: State, codec: Codec) -> dict[str, str | None]:
    """Return the names of all models with their tags."""
    found = {}
    for subject, fields in state.fields.items():
        if subject.startswith("model/") and "entries" in fields:
            tag = codec.decode(state.text(subject, "tag")) if "tag" in fields else None
            found[subject.partition("/")[2]] = tag
    return found


def tables_of_models(state: State, codec: Codec) -> dict[tuple[str, bool], list[str]]:
    """Return the models of each table: by their tag or, if they have none, by their name.

    The keys are (tag, True) and (name, False): a tag may be called like another model.
    """
    found: dict[tuple[str, bool], list[str]] = {}
    for name, tag in models_named(state, codec).items():
        found.setdefault((tag, True) if tag else (name, False), []).append(name)
    return found


def find_models(state: State, codec: Codec, model: Any) -> list[str]:
    """Return the names of the models that *model* stands for.

    Args:
        model: a model or its identifier, or a text: a tag, which stands for all models that have
            it, or else a name.

    Raises:
        UprootError: there is no such model or tag.
    """
    name = model if isinstance(model, str) else getattr(model, "name", None)
    known = models_named(state, codec)
    tagged = [other for other, tag in known.items() if tag and tag == name]
    if isinstance(model, str) and tagged:
        return tagged
    if name not in known:
        there = ", ".join(sorted({*known, *filter(None, known.values())})) or "none"
        raise UprootError(f"There is no model or tag {name!r}.\nThere are: {there}.")
    return [str(name)]


def entries_table(state: State, codec: Codec, models: Iterable[str], people: People) -> FieldTable:
    """Return a row per entry, oldest first: session, model, type, id, time, then its fields.

    Where entries name players, label, bot, group, block and round are those of the first that the
    entry names, as they were then.
    """
    rows = [row for model in models for row in _rows(state, codec, model)]
    rows.sort(key=lambda row: row[0]["time"])
    players = [_first_player(fields) for _, fields in rows]
    heads = [head for head, _ in rows]
    if any(players):
        people.add_by_entry(heads, players)
    for head in heads:
        head["session"] = people.session
    named = [(h, {n: _plain(v) for n, v in fields.items()}) for h, fields in rows]
    return field_table(named, {**_HEAD, **WHO} if any(players) else _HEAD)


def _first_player(fields: Mapping[str, Any]) -> str:
    named = (value.name for value in fields.values() if isinstance(value, PlayerIdentifier))
    return next(named, "")


def _rows(
    state: State, codec: Codec, model: str
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for record in json.loads(state.text(f"model/{model}", "entries")):
        value = codec.decode(record["fields"])
        fields = value if isinstance(value, dict) else {"value": value}
        head = {
            "model": model, "type": record["type"], "id": record["id"], "time": record["time"],
            "timestamp": record["time"],
        }  # fmt: skip
        yield head, {str(name): value for name, value in fields.items()}


def _plain(value: Any) -> Any:
    """Name players, groups and models, where an entry holds their identifiers."""
    if isinstance(value, (PlayerIdentifier, GroupIdentifier, ModelIdentifier)):
        return value.name
    return value
