"""Model tables: the entries of a model, or of all models with a tag, one column per field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.columns import beside, table
from uproot_nb.errors import UprootError
from uproot_nb.experiment.identifiers import GroupIdentifier, ModelIdentifier, PlayerIdentifier
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

__all__ = ["entries_table", "models_named"]

_HEAD = {
    "model": "category", "type": "category", "id": "string", "time": "float64",
    "timestamp": "timestamp",
}  # fmt: skip


def models_named(state: State, codec: Codec) -> dict[str, str | None]:
    """Return the names of all models with their tags."""
    found = {}
    for subject, fields in state.fields.items():
        if subject.startswith("model/") and "entries" in fields:
            tag = codec.decode(state.text(subject, "tag")) if "tag" in fields else None
            found[subject.partition("/")[2]] = tag
    return found


def entries_table(state: State, codec: Codec, model: Any) -> pandas.DataFrame:
    """Return a row per entry, oldest first: model, type, id, time, timestamp, then its fields.

    Args:
        model: a model, its identifier or name, or a tag, which stands for all models that have it.

    Raises:
        UprootError: there is no such model or tag.
    """
    name = model if isinstance(model, str) else getattr(model, "name", None)
    known = models_named(state, codec)
    names = [name] if name in known else [m for m, tag in known.items() if tag == name and tag]
    if not names:
        there = ", ".join(sorted({*known, *filter(None, known.values())})) or "none"
        raise UprootError(f"There is no model or tag {name!r}.\nThere are: {there}.")
    rows = [row for found in names for row in _rows(state, codec, found)]
    rows.sort(key=lambda row: row["time"])
    return table(rows, _HEAD)


def _rows(state: State, codec: Codec, model: str) -> Iterator[dict[str, Any]]:
    for record in json.loads(state.text(f"model/{model}", "entries")):
        value = codec.decode(record["fields"])
        fields = value if isinstance(value, dict) else {"value": value}
        told = {str(name): _plain(value) for name, value in fields.items()}
        columns = beside(_HEAD, told)
        yield {
            "model": model, "type": record["type"], "id": record["id"], "time": record["time"],
            "timestamp": record["time"], **{columns[name]: told[name] for name in told},
        }  # fmt: skip


def _plain(value: Any) -> Any:
    """Name players, groups and models, where an entry holds their identifiers."""
    if isinstance(value, (PlayerIdentifier, GroupIdentifier, ModelIdentifier)):
        return value.name
    return value
