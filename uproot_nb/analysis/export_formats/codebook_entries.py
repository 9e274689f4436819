"""Codebook entries: the description of a table's columns in a codebook, and its rows for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["CODEBOOK_COLUMNS", "Entries", "codebook_row", "note"]

Entries = dict[str, dict[str, Any]]
"""The codebook of one table: column → its description. Writers add `name` and `note`."""

CODEBOOK_COLUMNS = ("column", "name", "type", "unit", "meaning", "choices", "note")
"""`name` is what the column is called in the file where its own name is not legal there."""


def codebook_row(column: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts for CODEBOOK_COLUMNS, empty where there is nothing to say."""
    choices = entry.get("choices")
    return (
        column, str(entry.get("name", "")), str(entry["type"]), str(entry["unit"]),
        str(entry["meaning"]),
        json.dumps(choices, ensure_ascii=False) if choices else "", str(entry.get("note", "")),
    )  # fmt: skip


def note(entry: dict[str, Any], text: str) -> None:
    """Write into the codebook how a column in a file differs from the data; once."""
    there = str(entry.get("note", ""))
    if text not in there:
        entry["note"] = f"{there}; {text}" if there else text
